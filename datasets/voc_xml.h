/* Internal to datasets/: one Pascal VOC annotation file as a struct. */
#ifndef YOLO_DATASETS_VOC_XML_H
#define YOLO_DATASETS_VOC_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

enum { YOLO_VOC_TEXT_MAX = 256 };

typedef struct yolo_voc_object {
  char name[YOLO_VOC_TEXT_MAX];
  double corners[4]; /* xmin ymin xmax ymax, as written: 1-based and inclusive */
  unsigned present;  /* bit k: corners[k] was there; bit 4: a bndbox was there */
  bool difficult, truncated;
  bool bad;      /* a value that is no number, or a text that is too long */
  uint64_t line; /* of <object> */
} yolo_voc_object;

/* Zero-initialise; yolo_voc_file_release. */
typedef struct yolo_voc_file {
  char filename[YOLO_VOC_TEXT_MAX * 4];
  double width, height; /* of <size>; 0: not there */
  yolo_voc_object *objects;
  size_t count, room;
} yolo_voc_file;

/* *line is where a failure was met, 0: nowhere in particular. The sentence names no file. */
yolo_status yolo_voc_parse(const char *bytes, size_t length, yolo_voc_file *out, uint64_t *line);
void yolo_voc_file_release(yolo_voc_file *file);

#endif
