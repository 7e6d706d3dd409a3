/* One split of `yolo data synth`: see synth_split.h. Pictures are drawn in portions, a few a thread; after each portion their
 * annotations join the data set in the order of the pictures, so the threads leave no trace in the files. */
#include "cli/synth_split.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/threads.h"
#include "cli/cli.h"

enum { PORTION_A_THREAD = 4, NAME_SIZE = 32 };

/* One picture in the making. */
typedef struct slot {
  yolo_synth_picture picture;
  char *path; /* owned */
  char name[NAME_SIZE];
  yolo_status st;
  char *problem; /* owned: errors live on the thread that had them */
} slot;

typedef struct portion {
  const synth_split *split;
  slot *slots;
  int begin; /* picture of the first slot */
} portion;

static yolo_status draw_one(const synth_split *split, int index, slot *to) {
  yolo_status st = YOLO_OK;
  snprintf(to->name, sizeof to->name, "%06d.jpg", index + 1);
  YOLO_TRY(yolo_path_join(split->folder, to->name, &to->path));
  YOLO_TRY(yolo_synth_draw(split->seed, split->first + (uint64_t)index, split->width, split->height, &to->picture));
  YOLO_TRY(yolo_image_save(&to->picture.image, to->path));
  yolo_image_release(&to->picture.image); /* the masks are all that is still wanted */
done:
  return st;
}

static void draw_task(void *payload, int task, int thread) {
  const portion *p = payload;
  slot *to = &p->slots[task];
  (void)thread;
  to->st = draw_one(p->split, p->begin + task, to);
  if (to->st != YOLO_OK) to->problem = yolo_strdup(yolo_error_message());
}

static void clear_slot(slot *s) {
  yolo_synth_release(&s->picture);
  yolo_free(s->path);
  yolo_free(s->problem);
  s->path = s->problem = NULL;
}

static void count_object(const yolo_synth_object *o, synth_tally *tally) {
  tally->objects++;
  tally->sizes[o->area < 32 * 32 ? 0 : o->area < 96 * 96 ? 1 : 2]++;
}

static yolo_status add_object(yolo_dataset_builder *builder, const yolo_synth_object *o, size_t image, int64_t id) {
  uint64_t segment = 0;
  yolo_status st = yolo_dataset_builder_rle(builder, &o->mask, &segment);
  if (st != YOLO_OK) return st;
  const yolo_annotation annotation = {.id = id,
                                      .x = o->box[0],
                                      .y = o->box[1],
                                      .width = o->box[2],
                                      .height = o->box[3],
                                      .area = o->area,
                                      .segment = segment,
                                      .image = (uint32_t)image,
                                      .class_index = o->class_index,
                                      .flags = YOLO_ANNOTATION_HAS_AREA | YOLO_ANNOTATION_HAS_BOX,
                                      .kind = YOLO_SEGMENT_RLE};
  return yolo_dataset_builder_annotation(builder, &annotation);
}

static yolo_status add_picture(const synth_split *split, yolo_dataset_builder *builder, int index, const slot *from,
                               int64_t *next_id, synth_tally *tally) {
  yolo_data_image image = {
      .id = index + 1, .pixels = UINT64_MAX, .width = split->width, .height = split->height, .label = YOLO_DATA_NO_LABEL};
  yolo_status st = YOLO_OK;
  size_t number = 0;
  if (from->st != YOLO_OK) return yolo_fail(from->st, "%s", from->problem ? from->problem : "memory is short");
  YOLO_TRY(yolo_dataset_builder_text(builder, from->path, &image.file));
  YOLO_TRY(yolo_dataset_builder_text(builder, from->name, &image.name));
  YOLO_TRY(yolo_dataset_builder_image(builder, &image, &number));
  for (int i = 0; i < from->picture.count; ++i) {
    YOLO_TRY(add_object(builder, &from->picture.objects[i], number, (*next_id)++));
    count_object(&from->picture.objects[i], tally);
  }
  tally->images++;
done:
  return st;
}

static yolo_status begin(const synth_split *split, yolo_dataset_builder **out) {
  char info[256];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_dataset_builder_new(NULL, out));
  YOLO_TRY(yolo_dataset_builder_source(*out, "coco", split->folder));
  for (int i = 0; i < YOLO_SYNTH_CLASSES; ++i) {
    int index;
    YOLO_TRY(yolo_dataset_builder_class(*out, yolo_synth_names[i], "shape", i + 1, &index));
  }
  snprintf(info, sizeof info, "{\"info\":{\"description\":\"Drawn by yolo data synth: %s, %d images of %dx%d, seed %llu\"}}",
           split->name, split->count, split->width, split->height, (unsigned long long)split->seed);
  st = yolo_dataset_builder_info(*out, info);
done:
  return st;
}

yolo_status synth_split_draw(const synth_split *split, synth_tally *tally, progress *bar, yolo_dataset **out) {
  const int most = split->threads * PORTION_A_THREAD;
  yolo_status st = YOLO_OK;
  yolo_dataset_builder *builder = NULL;
  portion work = {.split = split};
  int64_t next_id = 1;
  *out = NULL;
  YOLO_ENOMEM_IF_NULL(work.slots = yolo_calloc((size_t)most, sizeof *work.slots));
  YOLO_TRY(begin(split, &builder));
  for (; work.begin < split->count; work.begin += most) {
    const int n = split->count - work.begin < most ? split->count - work.begin : most;
    if (cli_stop_signal()) {
      st = yolo_fail(YOLO_ECANCELLED, "stopped");
      goto done;
    }
    yolo_parallel(split->threads, n, draw_task, &work);
    for (int i = 0; i < n; ++i) {
      YOLO_TRY(add_picture(split, builder, work.begin + i, &work.slots[i], &next_id, tally));
      clear_slot(&work.slots[i]);
    }
    progress_show(bar, (int)tally->images);
  }
  st = yolo_dataset_builder_finish(builder, out);
done:
  for (int i = 0; work.slots && i < most; ++i) clear_slot(&work.slots[i]);
  yolo_free(work.slots);
  yolo_dataset_builder_free(builder);
  return st;
}
