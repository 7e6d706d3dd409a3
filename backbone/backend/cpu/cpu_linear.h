/* Fully connected layers on the CPU: forward in cpu_linear.c, the gradients in cpu_linear_grad.c. */
#ifndef YOLO_CPU_LINEAR_H
#define YOLO_CPU_LINEAR_H

#include "backbone/backend/cpu/cpu.h"

yolo_status yolo_linear_backward(const yolo_device *device, const yolo_op_call *call);
size_t yolo_linear_backward_work(const yolo_device *device, const yolo_op_call *call);

#endif
