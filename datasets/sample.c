/* Samples: one image of a dataset with its objects in pixels, outlines and all. */
#include "datasets/sample.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/index_mask.h"

/* ---- memory ---- */

static void release_image(yolo_sample *sample) {
  if (sample->borrowed) sample->image.pixels = NULL;
  yolo_image_release(&sample->image);
  sample->borrowed = false;
  sample->image_room = 0;
}

static void release_map(yolo_sample *sample) {
  yolo_free(sample->label_map);
  sample->label_map = NULL;
  sample->label_map_room = 0;
}

static void forget_content(yolo_sample *sample) {
  sample->n_objects = 0;
  sample->label = sample->label2 = YOLO_DATA_NO_LABEL;
  sample->label_share = 1;
  sample->index = 0;
}

void yolo_sample_clear(yolo_sample *sample) {
  release_image(sample);
  release_map(sample);
  forget_content(sample);
}

void yolo_sample_restart(yolo_sample *sample) {
  if (sample->borrowed || sample->image_room == 0) release_image(sample);
  forget_content(sample);
}

void yolo_sample_free(yolo_sample *sample) {
  if (!sample) return;
  yolo_sample_clear(sample);
  for (int i = 0; i < sample->objects_room; i++) yolo_outline_free(&sample->objects[i].outline);
  yolo_free(sample->objects);
  memset(sample, 0, sizeof *sample);
}

yolo_status yolo_sample_reserve_image(yolo_sample *sample, int width, int height) {
  size_t bytes = (size_t)width * (size_t)height * 3;
  if (sample->borrowed || sample->image_room < bytes) {
    release_image(sample);
    yolo_status st = yolo_image_new(width, height, &sample->image);
    if (st != YOLO_OK) return st;
    sample->image_room = bytes;
  }
  sample->image.width = width;
  sample->image.height = height;
  sample->image.orientation = 1;
  return YOLO_OK;
}

yolo_status yolo_sample_reserve_map(yolo_sample *sample, int width, int height) {
  size_t bytes = (size_t)width * (size_t)height;
  if (sample->label_map && sample->label_map_room >= bytes) return YOLO_OK;
  release_map(sample);
  sample->label_map = yolo_alloc(bytes);
  if (!sample->label_map) return YOLO_ENOMEM;
  sample->label_map_room = bytes;
  return YOLO_OK;
}

static yolo_status grow_objects(yolo_sample *sample) {
  int room = sample->objects_room ? sample->objects_room * 2 : 8;
  yolo_object *grown = yolo_realloc(sample->objects, (size_t)room * sizeof *grown);
  if (!grown) return YOLO_ENOMEM;
  memset(grown + sample->objects_room, 0, (size_t)(room - sample->objects_room) * sizeof *grown);
  sample->objects = grown;
  sample->objects_room = room;
  return YOLO_OK;
}

yolo_status yolo_sample_push(yolo_sample *sample, yolo_object **out) {
  if (sample->n_objects == sample->objects_room) {
    yolo_status st = grow_objects(sample);
    if (st != YOLO_OK) return st;
  }
  yolo_object *object = &sample->objects[sample->n_objects++];
  yolo_outline_clear(&object->outline);
  *object = (yolo_object){.weight = 1, .visible = 1, .outline = object->outline};
  *out = object;
  return YOLO_OK;
}

void yolo_sample_drop(yolo_sample *sample, int i) {
  yolo_object gone = sample->objects[i];
  int last = --sample->n_objects;
  memmove(&sample->objects[i], &sample->objects[i + 1], (size_t)(last - i) * sizeof gone);
  sample->objects[last] = gone; /* its outline's memory waits for the next object */
}

/* ---- from a dataset ---- */

static yolo_status add_polygons(const yolo_dataset *dataset, const yolo_annotation *a, yolo_outline *outline) {
  yolo_polygons polygons = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_annotation_polygons(dataset, a, &polygons));
  for (size_t i = 0; i < polygons.n; i++) {
    size_t first = i ? polygons.ends[i - 1] : 0;
    YOLO_TRY(yolo_outline_from_polygon(outline, polygons.xy + first, polygons.ends[i] - first));
  }
done:
  yolo_polygons_free(&polygons);
  return st;
}

static yolo_status add_rle(const yolo_dataset *dataset, const yolo_annotation *a, yolo_outline *outline) {
  yolo_rle rle = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_annotation_rle(dataset, a, &rle));
  YOLO_TRY(yolo_outline_from_rle(outline, &rle));
done:
  yolo_rle_free(&rle);
  return st;
}

static yolo_status add_object(const yolo_dataset *dataset, const yolo_annotation *a, yolo_sample *out) {
  yolo_object *object = NULL;
  yolo_status st = yolo_sample_push(out, &object);
  if (st != YOLO_OK) return st;
  object->x1 = (float)a->x;
  object->y1 = (float)a->y;
  object->x2 = (float)(a->x + a->width);
  object->y2 = (float)(a->y + a->height);
  object->class_index = a->class_index;
  object->flags = a->flags;
  if (a->kind == YOLO_SEGMENT_NONE) return YOLO_OK;
  if (a->kind == YOLO_SEGMENT_POLYGONS) return add_polygons(dataset, a, &object->outline);
  return add_rle(dataset, a, &object->outline);
}

static yolo_status load_map(const char *path, yolo_sample *out) {
  yolo_index_mask mask = {0};
  yolo_status st = YOLO_OK;
  release_map(out);
  YOLO_TRY(yolo_index_mask_load(path, &mask));
  if (mask.width != out->image.width || mask.height != out->image.height) {
    st = yolo_fail(YOLO_EFORMAT, "%s: the mask has %d x %d pixels, its image %d x %d", path, mask.width, mask.height,
                   out->image.width, out->image.height);
    goto done;
  }
  out->label_map = mask.values;
  out->label_map_room = (size_t)mask.width * (size_t)mask.height;
  mask.values = NULL;
done:
  yolo_index_mask_release(&mask);
  return st;
}

yolo_status yolo_sample_load_labels(const yolo_dataset *dataset, size_t index, yolo_sample *out) {
  const yolo_data_image *image = &dataset->images[index];
  forget_content(out);
  out->index = index;
  out->label = image->label;
  for (uint32_t i = 0; i < image->count; i++) {
    yolo_status st = add_object(dataset, &dataset->annotations[image->first + i], out);
    if (st != YOLO_OK) return yolo_error_prefix(st, "%s: annotation %u: ", yolo_dataset_text(dataset, image->name), i + 1);
  }
  return image->mask_file ? load_map(yolo_dataset_text(dataset, image->mask_file), out) : YOLO_OK;
}

yolo_status yolo_sample_load(void *dataset, size_t index, yolo_sample *out) {
  yolo_sample_clear(out);
  yolo_status st = yolo_dataset_load_image(dataset, index, &out->image);
  return st == YOLO_OK ? yolo_sample_load_labels(dataset, index, out) : st;
}
