/* THE list of ops. One row an op: name, then what exists for CPU forward, CPU backward, CUDA forward,
 * CUDA backward: REF (the plain loops of op_<name>.c), FAST (a kernel of its own in
 * backend/cpu/cpu_<name>.c or backend/cuda/cuda_<name>.cu) or NONE.
 *
 * Enum, tables, declarations and the conformance run are made from these rows by the preprocessor: a row
 * without its op file, its kernel or its cases does not link. No include guard: included many times. */
YOLO_OP(conv2d, FAST, FAST, FAST, NONE)
YOLO_OP(batchnorm, FAST, FAST, FAST, NONE)
YOLO_OP(activation, FAST, FAST, FAST, NONE)
YOLO_OP(maxpool, FAST, FAST, FAST, NONE)
YOLO_OP(avgpool, FAST, FAST, FAST, NONE)
YOLO_OP(upsample, FAST, FAST, FAST, NONE)
YOLO_OP(concat, FAST, FAST, FAST, NONE)
YOLO_OP(slice, FAST, FAST, FAST, NONE)
YOLO_OP(shortcut, FAST, FAST, FAST, NONE)
YOLO_OP(scale_channels, FAST, FAST, FAST, NONE)
YOLO_OP(multiply, REF, REF, FAST, NONE)
YOLO_OP(linear, FAST, FAST, FAST, NONE)
YOLO_OP(local, REF, REF, FAST, NONE)
YOLO_OP(reorg, REF, REF, FAST, NONE)
YOLO_OP(dropout, FAST, FAST, FAST, NONE)
YOLO_OP(softmax, REF, REF, FAST, NONE)
YOLO_OP(implicit, REF, REF, FAST, NONE)
YOLO_OP(l2norm, REF, REF, FAST, NONE)
