/* A drawn data set: see synth_set.h. Pictures are drawn in portions, a few a thread; after each portion their annotations join
 * the data set in the order of the pictures, so the threads leave no trace in the files. */
#include "datasets/synth_set.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/threads.h"
#include "datasets/dataset.h"
#include "datasets/synth_folder.h"

enum { PORTION_A_THREAD = 4, NAME_SIZE = 32 };

/* Pictures of the second split are numbered from far away, so they stay the same when the first has more. */
static const uint64_t first_number[YOLO_SYNTH_SPLITS] = {0, 1ull << 40};

/* One run: a plan being drawn. */
typedef struct drawing {
  const yolo_synth_plan *plan;
  yolo_synth_progress progress; /* may be NULL */
  void *payload;
  yolo_synth_tally *tally;
} drawing;

/* One picture in the making. */
typedef struct slot {
  yolo_synth_picture picture;
  char *path; /* owned */
  char name[NAME_SIZE];
  yolo_status st;
  char *problem; /* owned: errors live on the thread that had them */
} slot;

/* Some pictures of one split. */
typedef struct portion {
  const yolo_synth_plan *plan;
  const char *folder; /* DIR/images/train */
  uint64_t first;     /* number of the split's first picture */
  slot *slots;
  int begin; /* picture of the first slot, in its split */
} portion;

static yolo_status draw_one(const portion *p, int index, slot *to) {
  yolo_status st = YOLO_OK;
  snprintf(to->name, sizeof to->name, "%06d.jpg", index + 1);
  YOLO_TRY(yolo_path_join(p->folder, to->name, &to->path));
  YOLO_TRY(yolo_synth_draw((uint64_t)p->plan->seed, p->first + (uint64_t)index, p->plan->width, p->plan->height, &to->picture));
  YOLO_TRY(yolo_image_save(&to->picture.image, to->path));
  yolo_image_release(&to->picture.image); /* the masks are all that is still wanted */
done:
  return st;
}

static void draw_task(void *payload, int task, int thread) {
  const portion *p = payload;
  slot *to = &p->slots[task];
  (void)thread;
  to->st = draw_one(p, p->begin + task, to);
  if (to->st != YOLO_OK) to->problem = yolo_strdup(yolo_error_message());
}

static void clear_slot(slot *s) {
  yolo_synth_release(&s->picture);
  yolo_free(s->path);
  yolo_free(s->problem);
  s->path = s->problem = NULL;
}

static void count_object(const yolo_synth_object *o, yolo_synth_tally *tally) {
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

static yolo_status add_picture(const drawing *d, yolo_dataset_builder *builder, int index, const slot *from, int64_t *next_id) {
  yolo_data_image image = {
      .id = index + 1, .pixels = UINT64_MAX, .width = d->plan->width, .height = d->plan->height, .label = YOLO_DATA_NO_LABEL};
  yolo_status st = YOLO_OK;
  size_t number = 0;
  if (from->st != YOLO_OK) return yolo_fail(from->st, "%s", from->problem ? from->problem : "memory is short");
  YOLO_TRY(yolo_dataset_builder_text(builder, from->path, &image.file));
  YOLO_TRY(yolo_dataset_builder_text(builder, from->name, &image.name));
  YOLO_TRY(yolo_dataset_builder_image(builder, &image, &number));
  for (int i = 0; i < from->picture.count; ++i) {
    YOLO_TRY(add_object(builder, &from->picture.objects[i], number, (*next_id)++));
    count_object(&from->picture.objects[i], d->tally);
  }
  d->tally->images++;
done:
  return st;
}

static yolo_status begin_set(const yolo_synth_plan *plan, int split, const char *folder, yolo_dataset_builder **out) {
  char info[256];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_dataset_builder_new(NULL, out));
  YOLO_TRY(yolo_dataset_builder_source(*out, "coco", folder));
  for (int i = 0; i < YOLO_SYNTH_CLASSES; ++i) {
    int index;
    YOLO_TRY(yolo_dataset_builder_class(*out, yolo_synth_names[i], "shape", i + 1, &index));
  }
  snprintf(info, sizeof info, "{\"info\":{\"description\":\"Drawn by yolo data synth: %s, %d images of %dx%d, seed %d\"}}",
           yolo_synth_split_names[split], plan->counts[split], plan->width, plan->height, plan->seed);
  st = yolo_dataset_builder_info(*out, info);
done:
  return st;
}

/* Draws a portion and takes it into the data set. */
static yolo_status draw_portion(const drawing *d, portion *work, int n, yolo_dataset_builder *builder, int64_t *next_id) {
  yolo_status st = YOLO_OK;
  yolo_parallel(d->plan->threads, n, draw_task, work);
  for (int i = 0; i < n; ++i) {
    YOLO_TRY(add_picture(d, builder, work->begin + i, &work->slots[i], next_id));
    clear_slot(&work->slots[i]);
  }
  if (d->progress && !d->progress(d->payload, d->tally->images)) st = yolo_fail(YOLO_ECANCELLED, "stopped");
done:
  return st;
}

static yolo_status draw_split(const drawing *d, int split, yolo_dataset **out) {
  const int most = d->plan->threads * PORTION_A_THREAD, count = d->plan->counts[split];
  yolo_status st = YOLO_OK;
  yolo_dataset_builder *builder = NULL;
  char *folder = NULL;
  portion work = {.plan = d->plan, .first = first_number[split]};
  int64_t next_id = 1;
  YOLO_TRY(yolo_synth_folder_images(d->plan, split, &folder));
  work.folder = folder;
  YOLO_ENOMEM_IF_NULL(work.slots = yolo_calloc((size_t)most, sizeof *work.slots));
  YOLO_TRY(begin_set(d->plan, split, folder, &builder));
  for (; work.begin < count; work.begin += most)
    YOLO_TRY(draw_portion(d, &work, count - work.begin < most ? count - work.begin : most, builder, &next_id));
  st = yolo_dataset_builder_finish(builder, out);
done:
  for (int i = 0; work.slots && i < most; ++i) clear_slot(&work.slots[i]);
  yolo_free(work.slots);
  yolo_free(folder);
  yolo_dataset_builder_free(builder);
  return st;
}

static yolo_status write_labels(const yolo_synth_plan *plan, int split, const yolo_dataset *dataset) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_synth_folder_labels(plan, split, &path));
  st = yolo_data_writer_find("coco")->write(dataset, path, NULL);
done:
  yolo_free(path);
  return st;
}

/* Pictures first, labels then, data.cfg last: what describes something describes what is there. */
yolo_status yolo_synth_write(const yolo_synth_plan *plan, yolo_synth_progress progress, void *payload,
                             yolo_synth_tally *tally) {
  const drawing d = {.plan = plan, .progress = progress, .payload = payload, .tally = tally};
  yolo_dataset *sets[YOLO_SYNTH_SPLITS] = {NULL};
  yolo_status st = YOLO_OK;
  *tally = (yolo_synth_tally){0};
  YOLO_TRY(yolo_synth_folder_prepare(plan));
  for (int i = 0; i < YOLO_SYNTH_SPLITS; ++i)
    if (plan->counts[i] > 0) YOLO_TRY(draw_split(&d, i, &sets[i]));
  for (int i = 0; i < YOLO_SYNTH_SPLITS; ++i)
    if (sets[i]) YOLO_TRY(write_labels(plan, i, sets[i]));
  st = yolo_synth_folder_describe(plan);
done:
  for (int i = 0; i < YOLO_SYNTH_SPLITS; ++i) yolo_dataset_free(sets[i]);
  return st;
}
