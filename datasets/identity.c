/* A short number for what a data set says, so that a model can name the labels it was trained on: see dataset.h. */
#include "backbone/base/fnv.h"
#include "backbone/base/paths.h"
#include "datasets/dataset.h"

/* Byte by byte in one order, so that every machine gives the same number. */
static uint64_t add_number(uint64_t hash, uint64_t value) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = (unsigned char)(value >> 8 * i);
  return yolo_fnv_bytes(hash, bytes, sizeof bytes);
}

/* To a thousandth of a pixel: what formats round when they write the same box again does not count. */
static uint64_t add_length(uint64_t hash, double pixels) {
  double scaled = pixels * 1000 + (pixels < 0 ? -0.5 : 0.5);
  return add_number(hash, scaled > -9e18 && scaled < 9e18 ? (uint64_t)(int64_t)scaled : 0);
}

uint64_t yolo_dataset_identity(const yolo_dataset *d) {
  uint64_t hash = YOLO_FNV_START;
  for (size_t i = 0; i < d->n_classes; ++i) {
    hash = yolo_fnv_text(hash, yolo_dataset_class_name(d, (int)i));
    hash = yolo_fnv_bytes(hash, "", 1);
  }
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    hash = yolo_fnv_text(hash, yolo_basename(yolo_dataset_text(d, image->name)));
    hash = add_number(hash, (uint64_t)(int64_t)image->label);
    hash = add_number(hash, image->count);
    for (uint32_t k = image->first; k < image->first + image->count; ++k) {
      const yolo_annotation *a = &d->annotations[k];
      hash = add_number(hash, (uint64_t)(int64_t)a->class_index);
      hash = add_length(hash, a->x);
      hash = add_length(hash, a->y);
      hash = add_length(hash, a->width);
      hash = add_length(hash, a->height);
    }
  }
  return hash;
}
