/* cuDNN's convolutions, found with dlopen. Tensors are NHWC, filters KRSC, which is how ours lie anyway.
 *
 * fp32 means fp32: the multiply-add math type, never TF32, which cuDNN's default would allow. The fused call knows no
 * activation but ReLU and none at all; for all others the plain convolution runs and one kernel of ours follows. */
#include "backbone/backend/cuda/cuda_cudnn.h"

#include <stdio.h>

#ifdef YOLO_HAVE_CUDNN

#include <cudnn.h>
#include <dlfcn.h>

#include "backbone/base/memory.h"

/* Every function of cuDNN that is called here, once. */
#define CUDNN_FUNCTIONS(X)                                                                                                  \
  X(Create)                                                                                                                 \
  X(Destroy)                                                                                                                \
  X(SetStream)                                                                                                              \
  X(GetVersion)                                                                                                             \
  X(CreateTensorDescriptor) X(DestroyTensorDescriptor) X(SetTensor4dDescriptorEx) X(CreateFilterDescriptor)                 \
      X(DestroyFilterDescriptor) X(SetFilter4dDescriptor) X(CreateConvolutionDescriptor) X(DestroyConvolutionDescriptor)    \
          X(SetConvolution2dDescriptor) X(SetConvolutionGroupCount) X(SetConvolutionMathType) X(CreateActivationDescriptor) \
              X(DestroyActivationDescriptor) X(SetActivationDescriptor) X(GetConvolutionForwardAlgorithm_v7)                \
                  X(GetConvolutionForwardWorkspaceSize) X(ConvolutionForward) X(ConvolutionBiasActivationForward)

struct yolo_cudnn {
  void *library;
  cudnnHandle_t handle;
  cudnnTensorDescriptor_t x, y, z, bias;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t conv;
  cudnnActivationDescriptor_t act;
#define X(name) __typeof__(&cudnn##name) name;
  CUDNN_FUNCTIONS(X)
#undef X
};

const char *yolo_cudnn_headers(void) {
#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
  return TEXT(CUDNN_MAJOR) "." TEXT(CUDNN_MINOR);
}

/* ---- opening ---- */

static bool find_functions(yolo_cudnn *d, char *why, size_t room) {
#define X(name)                                                                       \
  if (!(*(void **)&d->name = dlsym(d->library, "cudnn" #name))) {                     \
    snprintf(why, room, "the cuDNN library lacks cudnn" #name ", so it is not used"); \
    return false;                                                                     \
  }
  CUDNN_FUNCTIONS(X)
#undef X
  return true;
}

static bool make_descriptors(yolo_cudnn *d) {
  return d->CreateTensorDescriptor(&d->x) == CUDNN_STATUS_SUCCESS && d->CreateTensorDescriptor(&d->y) == CUDNN_STATUS_SUCCESS &&
         d->CreateTensorDescriptor(&d->z) == CUDNN_STATUS_SUCCESS &&
         d->CreateTensorDescriptor(&d->bias) == CUDNN_STATUS_SUCCESS &&
         d->CreateFilterDescriptor(&d->w) == CUDNN_STATUS_SUCCESS &&
         d->CreateConvolutionDescriptor(&d->conv) == CUDNN_STATUS_SUCCESS &&
         d->CreateActivationDescriptor(&d->act) == CUDNN_STATUS_SUCCESS;
}

yolo_cudnn *yolo_cudnn_open(const yolo_cuda_launch *launch, char *why, size_t room) {
  char name[32];
  yolo_cudnn *d = yolo_calloc(1, sizeof *d);
  if (!d) {
    snprintf(why, room, "%s", "memory is short");
    return NULL;
  }
  snprintf(name, sizeof name, "libcudnn.so.%d", CUDNN_MAJOR);
  d->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!d->library) {
    snprintf(why, room, "%s was not found (LD_LIBRARY_PATH says where to look)", name);
  } else if (find_functions(d, why, room)) {
    cudnnStatus_t st = d->Create(&d->handle);
    if (st == CUDNN_STATUS_SUCCESS && d->SetStream(d->handle, launch->stream) == CUDNN_STATUS_SUCCESS && make_descriptors(d))
      return d;
    snprintf(why, room, "cuDNN %zu does not start here (its status is %d)", d->GetVersion(), (int)st);
  }
  yolo_cudnn_close(d);
  return NULL;
}

void yolo_cudnn_close(yolo_cudnn *d) {
  if (!d) return;
  if (d->x) d->DestroyTensorDescriptor(d->x);
  if (d->y) d->DestroyTensorDescriptor(d->y);
  if (d->z) d->DestroyTensorDescriptor(d->z);
  if (d->bias) d->DestroyTensorDescriptor(d->bias);
  if (d->w) d->DestroyFilterDescriptor(d->w);
  if (d->conv) d->DestroyConvolutionDescriptor(d->conv);
  if (d->act) d->DestroyActivationDescriptor(d->act);
  if (d->handle) d->Destroy(d->handle);
  /* The library stays loaded: unloading one that has started threads and kernels is not safe. */
  yolo_free(d);
}

int yolo_cudnn_version(const yolo_cudnn *d) { return (int)d->GetVersion(); }

/* ---- describing ---- */

static cudnnDataType_t type_of(const yolo_cuda_launch *launch) {
  return launch->dtype == YOLO_F16 ? CUDNN_DATA_HALF : launch->dtype == YOLO_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* fp32 is fp32: cuDNN's default would allow TF32. */
static cudnnMathType_t math_of(const yolo_cuda_launch *launch) {
  return launch->dtype != YOLO_F32 || launch->tf32 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH;
}

static bool set_tensor(yolo_cudnn *d, cudnnTensorDescriptor_t t, cudnnDataType_t type, int n, int c, int h, int w,
                       long long stride) {
  long long image = stride * h * w;
  if (image > 0x7fffffff) return false;
  return d->SetTensor4dDescriptorEx(t, type, n, c, h, w, (int)image, 1, (int)(stride * w), (int)stride) == CUDNN_STATUS_SUCCESS;
}

/* cuDNN pads alike on both sides, and knows nothing of rows filled up with zeros. */
static bool serves(const yolo_cuda_conv *c) {
  int high = (c->h + 2 * c->ph - c->dilation * (c->kh - 1) - 1) / c->sh + 1;
  int wide = (c->w + 2 * c->pw - c->dilation * (c->kw - 1) - 1) / c->sw + 1;
  return high == c->oh && wide == c->ow && !c->depthwise && c->row == c->k && !c->gather && !c->askew;
}

static bool describe(yolo_cudnn *d, const yolo_cuda_launch *launch, const yolo_cuda_conv *c) {
  const cudnnDataType_t type = type_of(launch);
  const int filters = c->o * c->groups;
  const cudnnMathType_t math = math_of(launch);
  return serves(c) && set_tensor(d, d->x, type, c->n, c->c * c->groups, c->h, c->w, c->in_stride) &&
         set_tensor(d, d->y, type, c->n, filters, c->oh, c->ow, c->out_stride) &&
         set_tensor(d, d->z, type, c->n, filters, c->oh, c->ow, c->residual ? c->residual_stride : c->out_stride) &&
         set_tensor(d, d->bias, type, 1, filters, 1, 1, filters) &&
         d->SetFilter4dDescriptor(d->w, type, CUDNN_TENSOR_NHWC, filters, c->c, c->kh, c->kw) == CUDNN_STATUS_SUCCESS &&
         d->SetConvolution2dDescriptor(d->conv, c->ph, c->pw, c->sh, c->sw, c->dilation, c->dilation, CUDNN_CROSS_CORRELATION,
                                       CUDNN_DATA_FLOAT) == CUDNN_STATUS_SUCCESS &&
         d->SetConvolutionGroupCount(d->conv, c->groups) == CUDNN_STATUS_SUCCESS &&
         d->SetConvolutionMathType(d->conv, math) == CUDNN_STATUS_SUCCESS;
}

/* Which activation the fused call would have to apply at its end; false: it cannot. */
static bool fuses(const yolo_cuda_conv *c, int *act) {
  *act = c->residual ? c->act2 : c->act1;
  if (c->residual ? c->act1 != YOLO_ACT_linear : c->act2 != YOLO_ACT_linear) return false;
  return *act == YOLO_ACT_linear || *act == YOLO_ACT_relu;
}

/* ---- the ways ---- */

static int add_plan(yolo_cudnn_plan *out, int count, int algorithm, bool fused, size_t work) {
  if (count < YOLO_CUDNN_PLANS) out[count++] = (yolo_cudnn_plan){algorithm, fused, work};
  return count;
}

int yolo_cudnn_plans(yolo_cudnn *d, const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, bool deterministic, size_t work,
                     yolo_cudnn_plan *out) {
  cudnnConvolutionFwdAlgoPerf_t perf[2 * CUDNN_CONVOLUTION_FWD_ALGO_COUNT];
  int found = 0, count = 0, act;
  const int room = (int)(sizeof perf / sizeof *perf);
  if (!describe(d, launch, conv)) return 0;
  if (d->GetConvolutionForwardAlgorithm_v7(d->handle, d->x, d->w, d->conv, d->y, room, &found, perf) != CUDNN_STATUS_SUCCESS)
    return 0;
  const cudnnMathType_t math = math_of(launch);
  for (int i = 0; i < found; i++) {
    size_t need = 0;
    if (perf[i].status != CUDNN_STATUS_SUCCESS || perf[i].mathType != math) continue;
    if (deterministic && perf[i].determinism != CUDNN_DETERMINISTIC) continue;
    if (d->GetConvolutionForwardWorkspaceSize(d->handle, d->x, d->w, d->conv, d->y, perf[i].algo, &need) !=
            CUDNN_STATUS_SUCCESS ||
        need > work)
      continue;
    /* Without an activation the fused call wants this one algorithm. */
    bool fused = conv->bias && fuses(conv, &act) &&
                 (act == YOLO_ACT_relu || perf[i].algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM);
    if (fused) count = add_plan(out, count, (int)perf[i].algo, true, need);
    if (!fused || !deterministic) count = add_plan(out, count, (int)perf[i].algo, false, need);
  }
  return count;
}

bool yolo_cudnn_run(yolo_cudnn *d, const yolo_cuda_launch *launch, const yolo_cuda_conv *c, const void *bias,
                    const yolo_cudnn_plan *plan) {
  const float one = 1, zero = 0, residual = c->residual ? 1 : 0;
  const cudnnConvolutionFwdAlgo_t algorithm = (cudnnConvolutionFwdAlgo_t)plan->algorithm;
  int act;
  if (!describe(d, launch, c)) return false;
  if (!plan->fused)
    return d->ConvolutionForward(d->handle, &one, d->x, c->in, d->w, c->weight, d->conv, algorithm, c->work, plan->work, &zero,
                                 d->y, c->out) == CUDNN_STATUS_SUCCESS;
  if (!fuses(c, &act) ||
      d->SetActivationDescriptor(d->act, act == YOLO_ACT_relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
                                 CUDNN_NOT_PROPAGATE_NAN, 0) != CUDNN_STATUS_SUCCESS)
    return false;
  return d->ConvolutionBiasActivationForward(d->handle, &one, d->x, c->in, d->w, c->weight, d->conv, algorithm, c->work,
                                             plan->work, &residual, d->z, c->residual ? c->residual : c->out, d->bias, bias,
                                             d->act, d->y, c->out) == CUDNN_STATUS_SUCCESS;
}

#else /* built without cuDNN's headers */

struct yolo_cudnn {
  int unused;
};

const char *yolo_cudnn_headers(void) { return NULL; }
yolo_cudnn *yolo_cudnn_open(const yolo_cuda_launch *launch, char *why, size_t room) {
  (void)launch;
  snprintf(why, room, "%s", "this build was made without cuDNN's headers");
  return NULL;
}
void yolo_cudnn_close(yolo_cudnn *cudnn) { (void)cudnn; }
int yolo_cudnn_version(const yolo_cudnn *cudnn) { return cudnn ? 0 : -1; }
int yolo_cudnn_plans(yolo_cudnn *cudnn, const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, bool deterministic,
                     size_t work, yolo_cudnn_plan *out) {
  (void)cudnn, (void)launch, (void)conv, (void)deterministic, (void)work, (void)out;
  return 0;
}
bool yolo_cudnn_run(yolo_cudnn *cudnn, const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, const void *bias,
                    const yolo_cudnn_plan *plan) {
  (void)cudnn, (void)launch, (void)conv, (void)bias, (void)plan;
  return false;
}

#endif
