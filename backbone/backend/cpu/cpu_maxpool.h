/* Between the two files of max pooling. */
#ifndef YOLO_CPU_MAXPOOL_H
#define YOLO_CPU_MAXPOOL_H

#include "backbone/backend/cpu/cpu.h"

void yolo_cpu_maxpool_train(const yolo_device *device, const yolo_op_call *call);
void yolo_cpu_maxpool_back(const yolo_device *device, const yolo_op_call *call);

#endif
