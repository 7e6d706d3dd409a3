/* Between the two files of batch norm. */
#ifndef YOLO_CPU_BATCHNORM_H
#define YOLO_CPU_BATCHNORM_H

#include "backbone/backend/cpu/cpu.h"

/* Scratch of a training pass in either direction. */
size_t yolo_cpu_batchnorm_work(const yolo_device *device, const yolo_op_call *call);
void yolo_cpu_batchnorm_train(const yolo_device *device, const yolo_op_call *call);
void yolo_cpu_batchnorm_back(const yolo_device *device, const yolo_op_call *call);

#endif
