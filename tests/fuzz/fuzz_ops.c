/* Bytes choose an op, its attributes, shapes and strides, an instruction set and a number of threads; the fast kernel is
 * held against the plain loops. All memory that a kernel may not count on (scratch, the room for packed parameters,
 * what lies between the channels of two pixels) is NaN beforehand, and every block ends where its last value ends, so
 * that the address sanitizer sees a vector that reads one lane too far. */
#include <math.h>

#include "backbone/backend/backend.h"
#include "backbone/base/rng.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_IN = 3, MOST_CHANNELS = 70, MOST_SIDE = 45 };

/* libomp keeps what it knows of its threads to the end of the program. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libomp"; }

typedef struct dice {
  const uint8_t *p, *end;
} dice;

/* A number in [low, high], from the next byte; low when the bytes are used up. */
static int draw(dice *d, int low, int high) { return d->p == d->end ? low : low + *d->p++ % (high - low + 1); }

typedef union any_attrs {
  yolo_conv2d_attrs conv2d;
  yolo_batchnorm_attrs batchnorm;
  yolo_activation_attrs activation;
  yolo_pool_attrs pool;
  yolo_upsample_attrs upsample;
  yolo_concat_attrs concat;
  yolo_shortcut_attrs shortcut;
  yolo_scale_channels_attrs scale_channels;
  yolo_linear_attrs linear;
} any_attrs;

typedef struct scene {
  yolo_op_id id;
  any_attrs attrs;
  int n_in;
  yolo_shape in[MOST_IN], out;
} scene;

static yolo_activation draw_activation(dice *d) { return (yolo_activation)draw(d, 0, YOLO_ACT_COUNT - 1); }

static void draw_conv2d(dice *d, scene *s) {
  const int groups = draw(d, 0, 3) ? 1 : draw(d, 1, 40), per_group = draw(d, 1, groups > 1 ? 4 : MOST_CHANNELS);
  const int depthwise = groups > 1 && draw(d, 0, 1), plain3x3 = draw(d, 0, 1);
  yolo_conv2d_attrs *a = &s->attrs.conv2d;
  s->in[0].c = depthwise ? groups : groups * per_group;
  *a = (yolo_conv2d_attrs){.groups = groups,
                           .filters = depthwise ? groups : groups * draw(d, 1, groups > 1 ? 4 : MOST_CHANNELS)};
  a->kernel_h = plain3x3 ? 3 : draw(d, 1, 7);
  a->kernel_w = plain3x3 ? 3 : draw(d, 1, 7);
  a->stride_h = plain3x3 ? 1 : draw(d, 1, 5);
  a->stride_w = plain3x3 ? 1 : draw(d, 1, 5);
  a->dilation = plain3x3 ? 1 : draw(d, 1, 3);
  a->pad = (yolo_pads){draw(d, 0, 8), draw(d, 0, 8), draw(d, 0, 8), draw(d, 0, 8)};
  a->bias = draw(d, 0, 1);
  a->residual = draw(d, 0, 1);
  a->act1 = draw_activation(d);
  a->act2 = draw_activation(d);
  s->n_in = a->residual ? 2 : 1;
}

static void draw_pool(dice *d, scene *s) {
  yolo_pool_attrs *a = &s->attrs.pool;
  *a = (yolo_pool_attrs){draw(d, 1, 13), draw(d, 1, 13), draw(d, 1, 5), draw(d, 1, 5), {0, 0, 0, 0}, false};
  a->pad = (yolo_pads){draw(d, 0, a->kernel_h - 1), draw(d, 0, a->kernel_w - 1), draw(d, 0, a->kernel_h - 1),
                       draw(d, 0, a->kernel_w - 1)};
  a->global = s->id == YOLO_OP_avgpool && draw(d, 0, 3) == 0;
}

static void draw_attrs(dice *d, scene *s) {
  s->n_in = 1;
  for (int i = 0; i < MOST_IN; i++) s->in[i] = s->in[0];
  switch (s->id) {
    case YOLO_OP_conv2d: draw_conv2d(d, s); break;
    case YOLO_OP_maxpool:
    case YOLO_OP_avgpool: draw_pool(d, s); break;
    case YOLO_OP_batchnorm: s->attrs.batchnorm = (yolo_batchnorm_attrs){.eps = 1e-5f, .momentum = 0.1f}; break;
    case YOLO_OP_activation: s->attrs.activation.act = draw_activation(d); break;
    case YOLO_OP_upsample: s->attrs.upsample = (yolo_upsample_attrs){draw(d, 1, 4), draw(d, 0, 1) ? 1 : 0.5f}; break;
    case YOLO_OP_linear: s->attrs.linear = (yolo_linear_attrs){draw(d, 1, 90), draw(d, 0, 1), draw_activation(d)}; break;
    case YOLO_OP_scale_channels:
      s->attrs.scale_channels = (yolo_scale_channels_attrs){draw_activation(d), draw(d, 0, 1)};
      s->in[1] = s->attrs.scale_channels.scale_wh ? (yolo_shape){s->in[0].n, s->in[0].h, s->in[0].w, 1}
                                                  : (yolo_shape){s->in[0].n, 1, 1, s->in[0].c};
      s->n_in = 2;
      break;
    case YOLO_OP_shortcut: s->attrs.shortcut = (yolo_shortcut_attrs){.act = draw_activation(d)}; /* fallthrough */
    default:                                                                                     /* concat */
      s->n_in = draw(d, 2, MOST_IN);
      for (int i = 1; i < s->n_in; i++) s->in[i].c = draw(d, 1, MOST_CHANNELS);
  }
}

/* False when the bytes describe nothing that can run, or too much. */
static bool make_scene(dice *d, scene *s) {
  static const yolo_op_id ids[] = {YOLO_OP_conv2d,        YOLO_OP_conv2d,     YOLO_OP_conv2d,   YOLO_OP_conv2d,
                                   YOLO_OP_maxpool,       YOLO_OP_avgpool,    YOLO_OP_linear,   YOLO_OP_batchnorm,
                                   YOLO_OP_concat,        YOLO_OP_activation, YOLO_OP_shortcut, YOLO_OP_upsample,
                                   YOLO_OP_scale_channels};
  memset(s, 0, sizeof *s);
  s->id = ids[draw(d, 0, (int)(sizeof ids / sizeof *ids) - 1)];
  s->in[0] = (yolo_shape){draw(d, 1, 3), draw(d, 1, MOST_SIDE), draw(d, 1, MOST_SIDE), draw(d, 1, MOST_CHANNELS)};
  draw_attrs(d, s);
  const yolo_op *op = yolo_op_get(s->id);
  if (s->id == YOLO_OP_conv2d && s->attrs.conv2d.residual) { /* the residual has the shape that comes out */
    s->attrs.conv2d.residual = false;
    if (op->shape(&s->attrs, 1, s->in, &s->in[1]) != YOLO_OK) return false;
    s->attrs.conv2d.residual = true;
  }
  if (op->shape(&s->attrs, s->n_in, s->in, &s->out) != YOLO_OK) return false;
  const double flops = op->flops ? op->flops(&s->attrs, s->in, s->out) : 0;
  return flops < 4e6 && yolo_shape_count(s->out) < 1 << 18;
}

/* A tensor whose block ends with its last channel; everything is NaN but, with `rng`, the values. */
static yolo_tensor make_tensor(yolo_shape shape, int slack, yolo_rng *rng, double low, double high) {
  yolo_tensor t = yolo_tensor_dense(NULL, shape);
  t.stride += (size_t)slack;
  const size_t pixels = yolo_shape_pixels(shape), count = (pixels - 1) * t.stride + (size_t)shape.c;
  float *values = t.data = malloc(count * sizeof *values);
  fuzz_expect(values != NULL, "no memory");
  for (size_t i = 0; i < count; i++) values[i] = NAN;
  for (size_t p = 0; rng && p < pixels; p++)
    for (int c = 0; c < shape.c; c++) values[p * t.stride + (size_t)c] = (float)(low + (high - low) * yolo_rng_uniform(rng));
  return t;
}

static void *nan_block(size_t bytes) {
  void *block = bytes ? malloc(bytes) : NULL;
  fuzz_expect(!bytes || block, "no memory");
  return block ? memset(block, 0xFF, bytes) : NULL;
}

/* The two agree, and nothing was written between the pixels of `fast`. */
static void compare(const yolo_tensor *fast, const yolo_tensor *plain) {
  double worst = 0, largest = 0;
  const size_t pixels = yolo_shape_pixels(fast->shape), channels = (size_t)fast->shape.c;
  for (size_t p = 0; p < pixels; p++) {
    const float *a = (float *)fast->data + p * fast->stride, *b = (float *)plain->data + p * plain->stride;
    for (size_t c = 0; c < channels; c++) {
      if (!(fabs((double)a[c] - b[c]) <= worst)) worst = fabs((double)a[c] - b[c]);
      if (fabs((double)b[c]) > largest) largest = fabs((double)b[c]);
      fuzz_expect(!isnan(a[c]), "a value that was never written, or was made of one");
    }
    for (size_t c = channels; c < fast->stride && p + 1 < pixels; c++) fuzz_expect(isnan(a[c]), "a write between two pixels");
  }
  if (worst > 2e-4 * largest + 1e-6) fprintf(stderr, "off by %g of %g\n", worst, largest);
  fuzz_expect(worst <= 2e-4 * largest + 1e-6, "the kernel and the plain loops disagree");
}

/* Parameters are packed for a call with other maps than the one that runs, as it happens when the input size changes. */
static void *pack_for(yolo_device *device, const yolo_op_call *call, const scene *s, int grow, int thrift) {
  yolo_tensor in[MOST_IN], out = *call->out;
  yolo_op_call other = *call;
  memcpy(in, call->in, (size_t)call->n_in * sizeof *in);
  other.in = in;
  other.out = &out;
  if (s->id == YOLO_OP_conv2d && grow) {
    yolo_conv2d_attrs alone = s->attrs.conv2d;
    alone.residual = false;
    in[0].shape.h += grow * 10;
    in[0].shape.w += grow * 10;
    fuzz_expect(yolo_op_get(s->id)->shape(&alone, 1, &in[0].shape, &out.shape) == YOLO_OK, "a larger map does not fit");
    in[1].shape = out.shape;
  }
  const size_t bytes = yolo_backend_cpu.sizes(device, &other, thrift).pack;
  void *packed = nan_block(bytes);
  if (bytes) fuzz_expect(yolo_backend_cpu.pack(device, &other, thrift, packed) == YOLO_OK, "packing fails");
  return packed;
}

typedef struct fast_run {
  const yolo_op_call *call;
  yolo_device *device;
} fast_run;

static yolo_status run_once(void *payload) {
  const fast_run *run = payload;
  yolo_status st = yolo_backend_cpu.run(run->device, YOLO_FORWARD, run->call);
  fuzz_expect(st == YOLO_OK, "the kernel fails");
  return st;
}

static void run_fast(dice *d, const scene *s, const yolo_op_call *plain) {
  static const char *const isas[] = {"portable", NULL, "avx2"};
  const yolo_device_options options = {.threads = draw(d, 0, 3) ? 1 : draw(d, 1, 9), .isa = isas[draw(d, 0, 2)]};
  const int thrift = draw(d, 0, YOLO_THRIFT_MAX), grow = draw(d, 0, 3), slack = draw(d, 0, 9);
  yolo_device *device = NULL;
  if (yolo_backend_cpu.open(&options, &device) != YOLO_OK) return; /* an instruction set that is not here */
  yolo_tensor out = make_tensor(s->out, slack, NULL, 0, 0), params[YOLO_OP_MAX_PARAM];
  yolo_op_call call = *plain;
  call.out = &out;
  void *packed = pack_for(device, &call, s, grow, thrift);
  memcpy(params, plain->param, (size_t)plain->n_param * sizeof *params);
  for (int i = 0; packed && i < plain->n_param; i++) params[i].data = NULL; /* once packed they are gone */
  call.param = params;
  call.packed = packed;
  call.work_size = yolo_backend_cpu.sizes(device, &call, thrift).work;
  void *work = call.work = nan_block(call.work_size);
  fast_run run = {&call, device};
  if (draw(d, 0, 1))
    yolo_backend_cpu.pass(device, 0, run_once, &run);
  else
    run_once(&run);
  compare(&out, plain->out);
  free(out.data);
  free(packed);
  free(work);
  yolo_backend_cpu.close(device);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  dice d = {bytes, bytes + length};
  scene s;
  yolo_tensor in[MOST_IN], param[YOLO_OP_MAX_PARAM], out;
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  if (!make_scene(&d, &s)) return 0;
  const yolo_op *op = yolo_op_get(s.id);
  yolo_rng rng = {.key = length, .stream = (uint64_t)s.id};
  for (int i = 0; i < s.n_in; i++) in[i] = make_tensor(s.in[i], draw(&d, 0, 9), &rng, -2, 2);
  const int n_param = op->params ? op->params(&s.attrs, s.n_in, s.in, spec) : 0;
  for (int i = 0; i < n_param; i++) {
    const double reach = spec[i].ndim > 1 ? sqrt(3.0 / ((double)spec[i].b * spec[i].s)) : 2;
    const bool variance = strcmp(spec[i].name, "running_var") == 0;
    param[i] = make_tensor(spec[i].shape, 0, &rng, variance ? 0.1 : -reach, reach);
  }
  out = make_tensor(s.out, 0, NULL, 0, 0);
  yolo_op_call call = {
      .id = s.id, .attrs = &s.attrs, .n_in = s.n_in, .n_param = n_param, .in = in, .out = &out, .param = param};
  fuzz_expect(op->forward(&call) == YOLO_OK, "the plain loops fail");
  run_fast(&d, &s, &call);
  for (int i = 0; i < s.n_in; i++) free(in[i].data);
  for (int i = 0; i < n_param; i++) free(param[i].data);
  free(out.data);
  return 0;
}
