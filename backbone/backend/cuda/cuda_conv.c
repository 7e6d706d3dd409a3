/* Convolutions and linear layers on the device: how their parameters lie, which kernel computes a shape, and running it.
 *
 * A shape is settled when it is met first: the likely kernels of ours (tiles and splits of k, ranked by a rule) and those
 * that cuDNN proposes are timed on the spot, and the fastest is kept for as long as the device is open. Where nothing may
 * be timed (a deterministic device, a recording), the rule alone decides.
 *
 * Packed parameters: [bias, fp32][bias, as the activations][weights]. Weights lie (O, KH, KW, C), rows filled up with zeros to
 * whole 16 bytes; depthwise ones (KH, KW, C). */
#include <string.h>

#include "backbone/backend/cuda/cuda_device.h"
#include "backbone/base/memory.h"

enum { CANDIDATES = 8, MOST_WORK = 64 << 20 /* bytes of scratch that one convolution may ask for */ };

static int divide_up(int a, int b) { return (a + b - 1) / b; }
static size_t round64(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t value_size(const yolo_cuda_launch *launch) { return yolo_dtype_size(launch->dtype); }

/* ---- describing ---- */

static bool askew(const yolo_tensor *t, int lanes) { return (uintptr_t)t->data % 16 != 0 || t->stride % (size_t)lanes != 0; }

static void describe_window(const yolo_op_call *call, yolo_cuda_conv *c) {
  if (call->id == YOLO_OP_linear) { /* one window that sees the whole map */
    const yolo_linear_attrs *a = call->attrs;
    c->kh = c->h, c->kw = c->w;
    c->sh = c->sw = c->dilation = c->groups = 1;
    c->o = a->outputs;
    c->act1 = (int)a->act;
    return;
  }
  const yolo_conv2d_attrs *a = call->attrs;
  c->kh = a->kernel_h, c->kw = a->kernel_w, c->sh = a->stride_h, c->sw = a->stride_w;
  c->ph = a->pad.top, c->pw = a->pad.left, c->dilation = a->dilation, c->groups = a->groups;
  c->o = a->filters / a->groups;
  c->act1 = (int)a->act1, c->act2 = (int)a->act2;
}

static bool has_bias(const yolo_op_call *call) { return call->n_param > 1; }

/* Where the parts of the packed parameters begin. */
typedef struct parts {
  size_t bias, weights, bytes; /* of the bias as the activations; of the weights; of all */
} parts;

static parts parts_of(const yolo_cuda_launch *launch, const yolo_cuda_conv *c, bool bias) {
  const size_t filters = (size_t)c->o * (size_t)c->groups, size = value_size(launch);
  parts p = {bias ? round64(filters * sizeof(float)) : 0, 0, 0};
  p.weights = bias ? p.bias + round64(filters * size) : 0;
  p.bytes = p.weights + filters * (size_t)(c->depthwise ? c->k : c->row) * size;
  return p;
}

void yolo_cuda_conv_describe(const yolo_cuda_launch *launch, const yolo_op_call *call, yolo_cuda_conv *out) {
  const yolo_tensor *in = &call->in[0], *to = call->out;
  const yolo_tensor *residual = call->id == YOLO_OP_conv2d && call->n_in > 1 ? &call->in[1] : NULL;
  const int lanes = 16 / (int)value_size(launch);
  memset(out, 0, sizeof *out); /* padding too: descriptions are compared as bytes */
  out->n = in->shape.n, out->h = in->shape.h, out->w = in->shape.w;
  out->oh = to->shape.h, out->ow = to->shape.w;
  describe_window(call, out);
  out->c = in->shape.c / out->groups;
  out->k = out->kh * out->kw * out->c;
  out->row = divide_up(out->k, lanes) * lanes;
  out->depthwise = out->groups > 1 && out->groups == in->shape.c && out->o == 1;
  out->gather = askew(in, lanes) || (out->depthwise ? out->groups : out->c) % lanes != 0;
  out->askew =
      askew(to, lanes) || (residual && askew(residual, lanes)) || (out->groups > 1 && !out->depthwise && out->o % lanes);
  out->in = in->data, out->out = to->data, out->residual = residual ? residual->data : NULL;
  out->in_stride = (long long)in->stride, out->out_stride = (long long)to->stride;
  out->residual_stride = residual ? (long long)residual->stride : 0;
  if (!call->packed) return;
  const char *packed = call->packed;
  out->bias = has_bias(call) ? (const float *)packed : NULL;
  out->weight = packed + parts_of(launch, out, has_bias(call)).weights;
  out->work = call->work;
}

/* ---- choosing by rule ---- */

static long long tiles_of(const yolo_cuda_conv *c, yolo_cuda_tile t) {
  long long pixels = (long long)c->n * c->oh * c->ow;
  return (pixels + t.pixels - 1) / t.pixels * divide_up(c->o, t.filters) * c->groups;
}

static int steps_of(const yolo_cuda_launch *launch, const yolo_cuda_conv *c) {
  return divide_up(c->row * (int)value_size(launch), YOLO_CONV_STEP_BYTES);
}

size_t yolo_cuda_conv_work(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits) {
  int count;
  const yolo_cuda_tile *t = &yolo_cuda_conv_tiles(launch, &count)[tile];
  if (splits <= 1) return 0;
  return (size_t)tiles_of(conv, *t) * (size_t)splits * (size_t)t->pixels * (size_t)t->filters * sizeof(float);
}

/* About how long it takes, in units of one product of one block: rounds of blocks over the multiprocessors, times what a
 * block does: its products, its loads, and (splits) the sums it leaves and gathers. One lonely block a multiprocessor
 * cannot hide its waiting behind another's work. */
static double estimate(const yolo_cuda_launch *launch, const yolo_cuda_conv *c, yolo_cuda_tile t, int splits) {
  double blocks = (double)tiles_of(c, t) * splits, rounds = (double)(long long)((blocks + launch->sms - 1) / launch->sms);
  double area = (double)t.pixels * t.filters, edge = (double)t.pixels + t.filters;
  double steps = (double)divide_up(steps_of(launch, c), splits);
  double block = (steps + 3) * (area + 64 * edge) + 2 * area + (splits > 1 ? 3 * area + 1.5 * splits * area : 0);
  return (rounds > 1 ? rounds : 1.4) * block;
}

typedef struct candidate {
  int tile, splits;
  double cost;
} candidate;

static void keep_best(candidate *list, int *count, candidate next) {
  int at = *count < CANDIDATES ? (*count)++ : CANDIDATES;
  while (at > 0 && list[at - 1].cost > next.cost) {
    if (at < CANDIDATES) list[at] = list[at - 1];
    at--;
  }
  if (at < CANDIDATES) list[at] = next;
}

static bool fits(const yolo_cuda_launch *launch, const yolo_cuda_conv *c, yolo_cuda_tile_kind kind) {
  if (kind == YOLO_TILE_STEM) return c->gather && c->groups == 1 && steps_of(launch, c) <= YOLO_CONV_STEM_STEPS;
  return (kind == YOLO_TILE_GATHER) == c->gather;
}

/* The likeliest tiles and splits, best first. At least one: the last tile that fits is never too large. */
static int rank(const yolo_cuda_launch *launch, const yolo_cuda_conv *c, candidate *list) {
  static const int splits[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, YOLO_CONV_MOST_SPLITS};
  int count = 0, n_tiles, steps = steps_of(launch, c);
  const yolo_cuda_tile *tiles = yolo_cuda_conv_tiles(launch, &n_tiles);
  for (int i = 0; i < n_tiles; i++) {
    if (!fits(launch, c, tiles[i].kind)) continue;
    for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
      if (splits[s] > 1 &&
          (tiles[i].kind == YOLO_TILE_STEM || steps < 2 * splits[s] || tiles_of(c, tiles[i]) > YOLO_CONV_TICKETS ||
           tiles_of(c, tiles[i]) * splits[s] > 4LL * launch->sms || c->groups * splits[s] > 65535 ||
           yolo_cuda_conv_work(launch, c, i, splits[s]) > MOST_WORK))
        break;
      keep_best(list, &count, (candidate){i, splits[s], estimate(launch, c, tiles[i], splits[s])});
    }
  }
  return count;
}

void yolo_cuda_conv_rule(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int *tile, int *splits) {
  candidate list[CANDIDATES];
  rank(launch, conv, list);
  *tile = list[0].tile;
  *splits = list[0].splits;
}

int yolo_cuda_conv_ways(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, size_t work, yolo_cuda_choice *out) {
  candidate list[CANDIDATES];
  int n = rank(launch, conv, list), count = 0;
  for (int i = 0; i < n; i++)
    if (yolo_cuda_conv_work(launch, conv, list[i].tile, list[i].splits) <= work)
      out[count++] = (yolo_cuda_choice){.tile = list[i].tile, .splits = list[i].splits};
  if (count == 0) out[count++] = (yolo_cuda_choice){.tile = list[0].tile, .splits = 1}; /* needs no scratch */
  return count;
}

/* ---- memory ---- */

const void *yolo_cuda_conv_small_bias(const yolo_cuda_launch *launch, const yolo_op_call *call, const yolo_cuda_conv *conv) {
  return (const char *)call->packed + parts_of(launch, conv, has_bias(call)).bias;
}

yolo_op_sizes yolo_cuda_conv_sizes(yolo_device *device, const yolo_op_call *call) {
  const yolo_cuda_launch *launch = &device->launch;
  candidate list[CANDIDATES];
  yolo_cudnn_plan plans[YOLO_CUDNN_PLANS];
  yolo_cuda_conv c;
  yolo_cuda_conv_describe(launch, call, &c);
  yolo_op_sizes sizes = {parts_of(launch, &c, has_bias(call)).bytes, 0};
  for (int i = c.depthwise ? 0 : rank(launch, &c, list); i > 0; i--) {
    size_t work = yolo_cuda_conv_work(launch, &c, list[i - 1].tile, list[i - 1].splits);
    if (work > sizes.work) sizes.work = work;
  }
  int n = device->cudnn ? yolo_cudnn_plans(device->cudnn, launch, &c, device->deterministic, MOST_WORK, plans) : 0;
  for (int i = 0; i < n; i++)
    if (plans[i].work > sizes.work) sizes.work = plans[i].work;
  return sizes;
}

/* fp32 host values to the device, as the activations are. */
static yolo_status place(yolo_device *device, const float *from, void *to, size_t count) {
  size_t bytes = count * sizeof(float);
  yolo_status st;
  if (device->launch.dtype == YOLO_F32)
    return yolo_cuda_check(device, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, device->launch.stream),
                           "sending weights");
  if (bytes > device->scratch_bytes) {
    YOLO_TRY(yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), "sending weights"));
    cudaFree(device->scratch);
    device->scratch = NULL;
    device->scratch_bytes = 0;
    YOLO_TRY(yolo_cuda_check(device, cudaMalloc(&device->scratch, bytes), "making room for weights"));
    device->scratch_bytes = bytes;
  }
  YOLO_TRY(yolo_cuda_check(device, cudaMemcpyAsync(device->scratch, from, bytes, cudaMemcpyHostToDevice, device->launch.stream),
                           "sending weights"));
  YOLO_TRY(yolo_cuda_check(device, yolo_cuda_convert(&device->launch, device->scratch, to, device->launch.dtype, count),
                           "rounding weights"));
done:
  return st;
}

/* Weight rows with zeros at their ends, or (depthwise) turned from (C, KH*KW) to (KH*KW, C). */
static void arrange(const yolo_cuda_conv *c, const float *from, float *to) {
  const size_t filters = (size_t)c->o * (size_t)c->groups, k = (size_t)c->k, row = (size_t)c->row;
  for (size_t o = 0; o < filters; o++)
    for (size_t i = 0; i < (c->depthwise ? k : row); i++) {
      if (c->depthwise)
        to[i * filters + o] = from[o * k + i];
      else
        to[o * row + i] = i < k ? from[o * k + i] : 0;
    }
}

yolo_status yolo_cuda_conv_pack(yolo_device *device, const yolo_op_call *call, void *to) {
  yolo_cuda_conv c;
  float *arranged = NULL;
  yolo_status st;
  yolo_cuda_conv_describe(&device->launch, call, &c);
  const bool bias = has_bias(call);
  const parts p = parts_of(&device->launch, &c, bias);
  const size_t filters = (size_t)c.o * (size_t)c.groups, count = filters * (size_t)(c.depthwise ? c.k : c.row);
  const float *weights = call->param[0].data;
  char *packed = to;
  if (bias) {
    YOLO_TRY(yolo_cuda_check(
        device,
        cudaMemcpyAsync(packed, call->param[1].data, filters * sizeof(float), cudaMemcpyHostToDevice, device->launch.stream),
        "sending a bias"));
    YOLO_TRY(place(device, call->param[1].data, packed + p.bias, filters));
  }
  if (c.depthwise || c.row != c.k) {
    arranged = yolo_alloc_array(count, sizeof *arranged);
    YOLO_ENOMEM_IF_NULL(arranged);
    arrange(&c, weights, arranged);
    weights = arranged;
  }
  YOLO_TRY(place(device, weights, packed + p.weights, count));
  /* The caller's memory, and `arranged`, are used again at once. */
  YOLO_TRY(yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), "sending weights"));
done:
  yolo_free(arranged);
  return st;
}
