/* The gradients of a convolution on the CPU: which of them are wanted, one after the other in the same scratch. */
#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/cpu_sums.h"

static size_t weight_work(const yolo_device *device, const yolo_op_call *call) {
  return yolo_conv_winograd_grad_fits(call) ? yolo_conv_winograd_grad_work(device, call)
                                            : yolo_conv_weight_grad_work(device, call);
}

static void weight_grad(const yolo_device *device, const yolo_op_call *call, bool depthwise) {
  if (depthwise)
    yolo_conv_depthwise_weight_grad(device, call);
  else if (yolo_conv_winograd_grad_fits(call))
    yolo_conv_winograd_weight_grad(device, call);
  else
    yolo_conv_weight_grad(device, call);
}

static bool wants_data(const yolo_op_call *call) { return call->grad_in && call->grad_in[0].shape.c > 0; }

size_t yolo_conv_backward_work(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  size_t most = yolo_cpu_channel_sums_work(call->grad_out->shape), work;
  if (yolo_conv_is_depthwise(a, call->in[0].shape.c)) {
    work = yolo_conv_depthwise_grad_work(device, call);
    return work > most ? work : most;
  }
  if (wants_data(call) && (work = yolo_conv_data_grad_work(device, call)) > most) most = work;
  if ((work = weight_work(device, call)) > most) most = work;
  return most;
}

yolo_status yolo_conv_backward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const bool depthwise = yolo_conv_is_depthwise(a, call->in[0].shape.c);
  if (a->act1 != YOLO_ACT_linear || a->act2 != YOLO_ACT_linear || a->residual)
    return yolo_op_conv2d.backward(call); /* says that there is none */
  if (call->grad_in && call->grad_in[0].data) (depthwise ? yolo_conv_depthwise_data_grad : yolo_conv_data_grad)(device, call);
  if (call->grad_param && call->grad_param[0].data) weight_grad(device, call, depthwise);
  if (a->bias && call->grad_param && call->grad_param[1].data)
    yolo_cpu_channel_sums(device, call->grad_out, call->work, call->grad_param[1].data);
  return YOLO_OK;
}
