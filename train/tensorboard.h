/* Event files for TensorBoard: the curves of a run, one number a tag and step.
 *
 * Nothing of the machine or the clock goes in: equal runs write equal bytes, and so does a run that was interrupted. */
#ifndef YOLO_TRAIN_TENSORBOARD_H
#define YOLO_TRAIN_TENSORBOARD_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct yolo_tensorboard yolo_tensorboard;

#define YOLO_TENSORBOARD_FILE "events.out.tfevents.0.yolo"

/* Opens FOLDER/YOLO_TENSORBOARD_FILE to add to it. Events of steps up to `step` stay; later ones are cut off, and what a killed
 * run left half-written too. -1: the file begins anew. */
yolo_status yolo_tensorboard_open(const char *folder, int64_t step, yolo_tensorboard **out);
/* One number. Steps do not go down; tags ("loss/box") have at most 255 bytes. Where the disk is full the file keeps the events
 * before. */
yolo_status yolo_tensorboard_scalar(yolo_tensorboard *events, const char *tag, int64_t step, double value);
void yolo_tensorboard_close(yolo_tensorboard *events); /* NULL is fine */

/* CRC-32C (Castagnoli), as TFRecord wants it; 0 begins. */
uint32_t yolo_crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
