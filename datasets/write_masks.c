/* Writing class-index masks (read_masks.c says what they are):
 *
 *   OUT/images/a.jpg     a link to the image
 *   OUT/masks/a.png      grey, 8 bits: the class of each pixel, 0 where there is none
 *   OUT/classes.txt      line v + 1 is the class of value v; the first is "background"
 *
 * Objects are drawn from the largest to the smallest, so that a small one before a large one stays visible. Which object of a
 * class a pixel belonged to is lost, and objects with only a box cannot be drawn: a box is no mask. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/index_mask.h"
#include "datasets/readers.h"
#include "datasets/write_folder.h"
#include "datasets/write_names.h"

enum { LOST_OBJECTS, LOST_BOXES, LOST_MISFITS, LOST_SIZES };

typedef struct canvas {
  uint8_t *values; /* height rows of width */
  uint8_t *scratch;
  int width, height;
  int shift; /* what is added to a class for its value: 0 where class 0 is the background */
} canvas;

/* ---- drawing ---- */

static int by_area(const void *a, const void *b) {
  const yolo_annotation *const *p = a, *const *q = b;
  if ((*p)->area != (*q)->area) return (*p)->area > (*q)->area ? -1 : 1;
  return *p < *q ? -1 : *p > *q;
}

static yolo_status draw(const yolo_dataset *d, const yolo_annotation *a, canvas *c, size_t *lost) {
  yolo_rle rle = {0};
  size_t count = (size_t)c->width * (size_t)c->height;
  if (a->kind == YOLO_SEGMENT_NONE) {
    lost[LOST_BOXES]++;
    return YOLO_OK;
  }
  yolo_status st = yolo_annotation_rle(d, a, &rle);
  if (st == YOLO_OK && rle.width == c->width && rle.height == c->height) {
    yolo_rle_decode(&rle, c->scratch, (size_t)c->width, 1);
    for (size_t i = 0; i < count; ++i)
      if (c->scratch[i]) c->values[i] = (uint8_t)(a->class_index + c->shift);
    lost[LOST_OBJECTS]++;
  } else if (st != YOLO_ENOMEM) {
    lost[LOST_MISFITS]++;
    st = YOLO_OK;
  }
  yolo_rle_free(&rle);
  return st;
}

static yolo_status draw_objects(const yolo_dataset *d, const yolo_data_image *image, canvas *c, size_t *lost) {
  const yolo_annotation **sorted = yolo_alloc_array(image->count, sizeof *sorted);
  yolo_status st = YOLO_OK;
  if (!sorted) return YOLO_ENOMEM;
  for (uint32_t k = 0; k < image->count; ++k) sorted[k] = &d->annotations[image->first + k];
  if (image->count > 1) qsort(sorted, image->count, sizeof *sorted, by_area);
  for (uint32_t k = 0; st == YOLO_OK && k < image->count; ++k) st = draw(d, sorted[k], c, lost);
  yolo_free(sorted);
  return st;
}

/* An image that came with such a mask keeps it, ignored pixels included. */
static yolo_status copy_mask(const char *file, canvas *c, bool *copied) {
  yolo_index_mask mask = {0};
  yolo_status st = yolo_index_mask_load(file, &mask);
  *copied = st == YOLO_OK && mask.width == c->width && mask.height == c->height;
  for (size_t i = 0; *copied && i < (size_t)c->width * (size_t)c->height; ++i)
    c->values[i] = (uint8_t)(mask.values[i] == YOLO_MASK_IGNORE ? YOLO_MASK_IGNORE : mask.values[i] + c->shift);
  yolo_index_mask_release(&mask);
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

static yolo_status fill(const yolo_dataset *d, const yolo_data_image *image, canvas *c, size_t *lost) {
  size_t count = (size_t)c->width * (size_t)c->height;
  bool copied = false;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(c->values = yolo_calloc(count, 1));
  YOLO_ENOMEM_IF_NULL(c->scratch = yolo_alloc(count));
  if (image->mask_file) YOLO_TRY(copy_mask(yolo_dataset_text(d, image->mask_file), c, &copied));
  if (!copied) st = draw_objects(d, image, c, lost);
done:
  return st;
}

/* ---- files ---- */

static bool has_background(const yolo_dataset *d) {
  return d->n_classes > 0 && yolo_is_background(yolo_dataset_class_name(d, 0));
}

static yolo_status write_labels(const yolo_dataset *d, const yolo_data_image *image, const char *name, const char *path,
                                size_t *lost, bool *left_out) {
  canvas c = {.shift = !has_background(d)};
  int size[2];
  yolo_status st = YOLO_OK;
  (void)name;
  *left_out = !yolo_write_size(d, image, size) || (int64_t)size[0] * size[1] > YOLO_IMAGE_MAX_PIXELS;
  lost[LOST_SIZES] += *left_out;
  if (*left_out) return YOLO_OK;
  c.width = size[0];
  c.height = size[1];
  YOLO_TRY(fill(d, image, &c, lost));
  st = yolo_grey_save(c.values, c.width, c.height, path);
done:
  yolo_free(c.values);
  yolo_free(c.scratch);
  return st;
}

static const yolo_folder_format format = {
    .title = "masks",
    .images = "images",
    .labels = "masks",
    .suffix = ".png",
    .losses = {[LOST_OBJECTS] = "objects were drawn; where two of a class touch, they are one area now",
               [LOST_BOXES] = "objects have only a box and were left out: a box is no mask",
               [LOST_MISFITS] = "objects were left out: their mask cannot be read or has another size than the image",
               [LOST_SIZES] = "images were left out: their size is not known"},
    .write = write_labels,
};

static yolo_status write_masks(const yolo_dataset *dataset, const char *path, const yolo_log *log) {
  const bool background = has_background(dataset);
  if (dataset->n_classes + !background > YOLO_MASK_IGNORE)
    return yolo_fail(YOLO_EUNSUPPORTED, "%s: %zu classes; a class-index mask has room for 254 beside the background", path,
                     dataset->n_classes);
  const yolo_status st = yolo_write_folder(&format, dataset, path, log);
  return st == YOLO_OK ? yolo_write_classes(dataset, path, !background) : st;
}

const yolo_data_writer yolo_data_writer_masks = {
    .name = "masks",
    .summary = "class-index mask PNGs: masks/, links in images/, classes.txt",
    .makes = {"masks", "classes.txt"},
    .write = write_masks,
};
