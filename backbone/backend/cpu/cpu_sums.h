/* Sums over many pixels that come out the same for any number of threads: the pixels are cut into parts by their number
 * alone, each part is summed by one task, and the parts are added in their order. */
#ifndef YOLO_CPU_SUMS_H
#define YOLO_CPU_SUMS_H

#include "backbone/backend/cpu/cpu.h"

/* to[i] += part[0][i] + part[1][i] + ..., `count` floats each, one after the other in `partial`, which is overwritten. */
void yolo_cpu_add_parts(const yolo_device *device, float *partial, int parts, size_t count, float *to);

/* to[c] += the sum of channel c over all pixels: the gradient of a bias. `work`: scratch of so many bytes. */
size_t yolo_cpu_channel_sums_work(yolo_shape shape);
void yolo_cpu_channel_sums(const yolo_device *device, const yolo_tensor *t, void *work, float *to);

#endif
