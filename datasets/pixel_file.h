/* One file of decoded images, for image_cache.c: a table of entries, then pixels as they came.
 *
 * An entry counts only with the size and time of the image file it came from, and with the checksum of its pixels: a crash in
 * the middle costs one image. The file is locked, so that two programs never write into one. */
#ifndef YOLO_DATASETS_PIXEL_FILE_H
#define YOLO_DATASETS_PIXEL_FILE_H

#include <stdint.h>

#include "datasets/image.h"

/* Which file an image came from, as it was then. */
typedef struct yolo_file_stamp {
  int64_t modified_ns;
  uint64_t size;
} yolo_file_stamp;
/* False when the file cannot be looked at. */
bool yolo_file_stamp_get(const char *path, yolo_file_stamp *out);

typedef struct yolo_pixel_file yolo_pixel_file;
/* Opens or begins the file for `count` images. Another program's lock is YOLO_EIO. */
yolo_status yolo_pixel_file_open(const char *path, size_t count, yolo_pixel_file **out);
void yolo_pixel_file_close(yolo_pixel_file *file); /* NULL is fine */
uint64_t yolo_pixel_file_bytes(const yolo_pixel_file *file);
/* False: not there, or not as it was (then *out is zeroed). *out is the caller's. */
bool yolo_pixel_file_get(yolo_pixel_file *file, size_t index, const yolo_file_stamp *stamp, yolo_image *out);
/* A full disk is YOLO_EIO; the file stays good for what it holds. */
yolo_status yolo_pixel_file_put(yolo_pixel_file *file, size_t index, const yolo_file_stamp *stamp, const yolo_image *image);

#endif
