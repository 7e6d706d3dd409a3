/* Times forward, data gradient and weight gradient of every convolution of a network, one by one:
 *
 *   conv_backward_lab FILE.cfg BATCH SIZE THREADS [SECONDS]
 *
 * One line a shape: how often it occurs, milliseconds (the least of several calls within SECONDS, 0.3 unless said) and
 * GFLOP/s, counting the multiplications of the definition; above the peak means Winograd. The last line is the whole
 * network's (without the first layer's data gradient, which training does not want), and the peak of multiply-adds in
 * registers to hold it against. With one thread it is the thread's own
 * processor time that counts, which other programs disturb less than the clock on the wall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backbone/backend/cpu/cpu_peak.h"
#include "backbone/base/clock.h"
#include "backbone/graph/fit.h"
#include "detect/model.h"

enum { MOST_SHAPES = 256, FEWEST_CALLS = 3, PARTS = 4 };
static const char *const part_names[PARTS] = {"pack", "forward", "data", "weight"};

typedef struct lab {
  const yolo_backend *backend;
  yolo_device *device;
  int threads;
  double seconds;
  float *memory[6]; /* in, out, dL/d out, dL/d in, weights, dL/d weights */
  char *pack, *work;
  double ms[PARTS], flop[PARTS];
} lab;

typedef struct shape {
  yolo_conv2d_attrs attrs;
  yolo_shape in, out;
  int times;
  bool image; /* reads the network's input, whose gradient training does not want */
} shape;

static double now_ms(const lab *l) {
  struct timespec t;
  if (l->threads > 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0) return yolo_now_ms();
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static yolo_tensor strided(float *data, yolo_shape s) {
  return (yolo_tensor){data, YOLO_F32, s, yolo_fit_stride(s.c, sizeof(float), 16, 2048)};
}

typedef struct one_call {
  yolo_tensor in, out, up, grad_in, param[2], grad_param[2];
  yolo_op_call call;
} one_call;

static void make_call(const lab *l, const shape *s, int part, one_call *c) {
  static const float beta[1] = {0};
  const yolo_conv2d_attrs *a = &s->attrs;
  const yolo_shape weights = {a->filters, a->kernel_h, a->kernel_w, s->in.c / a->groups};
  memset(c, 0, sizeof *c);
  c->in = strided(l->memory[0], s->in);
  c->out = strided(l->memory[1], s->out);
  c->up = strided(l->memory[2], s->out);
  c->grad_in = strided(part == 3 ? NULL : l->memory[3], s->in);
  c->param[0] = yolo_tensor_dense(l->memory[4], weights);
  c->grad_param[0] = yolo_tensor_dense(part == 2 ? NULL : l->memory[5], weights);
  c->call = (yolo_op_call){.id = YOLO_OP_conv2d, .attrs = a, .n_in = 1, .n_param = 1, .in = &c->in, .out = &c->out};
  c->call.param = c->param;
  c->call.work = l->work;
  c->call.grad_out = &c->up;
  c->call.grad_in = &c->grad_in;
  c->call.beta = beta;
  c->call.grad_param = c->grad_param;
}

static yolo_status run_part(const lab *l, one_call *c, int part) {
  yolo_status st = YOLO_OK;
  if (part == 0) return l->backend->pack(l->device, &c->call, 0, l->pack);
  c->call.packed = part == 1 ? l->pack : NULL;
  st = l->backend->run(l->device, part == 1 ? YOLO_FORWARD : YOLO_BACKWARD, &c->call);
  c->call.packed = NULL;
  return st;
}

typedef struct timing {
  lab *lab;
  const shape *shape;
} timing;

static yolo_status time_shape(void *payload) {
  const timing *t = payload;
  lab *l = t->lab;
  const shape *s = t->shape;
  const yolo_conv2d_attrs *a = &s->attrs;
  const double flop = 2.0 * (double)yolo_shape_count(s->out) * a->kernel_h * a->kernel_w * (s->in.c / a->groups);
  yolo_status st = YOLO_OK;
  printf("%2dx %4dx%-4d %4d -> %4d %dx%d/%d g%-4d", s->times, s->in.h, s->in.w, s->in.c, a->filters, a->kernel_h, a->kernel_w,
         a->stride_h, a->groups);
  for (int part = 0; part < PARTS; part++) {
    one_call c;
    double best = 1e30;
    if (part == 2 && s->image) {
      printf("  data     -         ");
      continue;
    }
    const double end = now_ms(l) + l->seconds * 1e3;
    make_call(l, s, part, &c);
    for (int k = 0; k < FEWEST_CALLS || now_ms(l) < end; k++) {
      const double start = now_ms(l);
      YOLO_TRY(run_part(l, &c, part));
      if (now_ms(l) - start < best) best = now_ms(l) - start;
    }
    l->ms[part] += best * s->times;
    l->flop[part] += flop * s->times;
    printf("  %s %7.2f ms", part_names[part], best);
    if (part > 0) printf(" %4.0f", flop / best * 1e-6);
  }
  printf("\n");
  fflush(stdout);
done:
  return st;
}

static int list_shapes(const yolo_graph *graph, int batch, const yolo_shape *shapes, shape *list) {
  int count = 0;
  for (int i = 0; i < graph->n_nodes && count < MOST_SHAPES; i++) {
    const yolo_node *node = &graph->nodes[i];
    shape s;
    int at = 0;
    if (node->kind != YOLO_NODE_OP || node->op != YOLO_OP_conv2d) continue;
    memset(&s, 0, sizeof s);
    memcpy(&s.attrs, node->attrs, sizeof s.attrs);
    s.attrs.bias = false;
    s.in = shapes[node->in[0]];
    s.out = shapes[i];
    s.in.n = s.out.n = batch;
    s.image = node->in[0] == 0;
    while (at < count && (memcmp(&list[at].attrs, &s.attrs, sizeof s.attrs) != 0 || !yolo_shape_equal(list[at].in, s.in))) at++;
    if (at == count) list[count++] = s;
    list[at].times++;
  }
  return count;
}

static size_t tensor_bytes(yolo_shape s) { return yolo_shape_pixels(s) * strided(NULL, s).stride * sizeof(float) + 4096; }

static yolo_status make_memory(lab *l, const shape *list, int count) {
  size_t bytes = 0, pack = 0, work = 0;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < count; i++) {
    one_call c;
    make_call(l, &list[i], 0, &c);
    c.param[0].data = c.grad_in.data = c.grad_param[0].data = NULL;
    const yolo_op_sizes sizes = l->backend->sizes(l->device, &c.call, 0);
    const size_t backward = l->backend->backward_work(l->device, &c.call);
    const size_t all[] = {tensor_bytes(list[i].in), tensor_bytes(list[i].out), tensor_bytes(c.param[0].shape)};
    for (int k = 0; k < 3; k++) bytes = all[k] > bytes ? all[k] : bytes;
    if (sizes.pack > pack) pack = sizes.pack;
    if (sizes.work > work) work = sizes.work;
    if (backward > work) work = backward;
  }
  for (int i = 0; i < 6; i++) {
    YOLO_TRY(l->backend->alloc(l->device, bytes, (void **)&l->memory[i]));
    for (size_t k = 0; k < bytes / sizeof(float); k++) l->memory[i][k] = (float)((k * 2654435761u >> 8) % 2001) * 1e-3f - 1;
  }
  YOLO_TRY(l->backend->alloc(l->device, pack + 64, (void **)&l->pack));
  YOLO_TRY(l->backend->alloc(l->device, work + 64, (void **)&l->work));
done:
  return st;
}

int main(int argc, char **argv) {
  static shape list[MOST_SHAPES];
  static yolo_shape shapes[4096];
  yolo_model_spec spec = {0};
  lab l = {.backend = &yolo_backend_cpu, .seconds = argc > 5 ? atof(argv[5]) : 0.3};
  const int batch = argc > 2 ? atoi(argv[2]) : 1, size = argc > 3 ? atoi(argv[3]) : 416;
  yolo_status st;
  YOLO_TRY(argc < 5 ? yolo_fail(YOLO_EINVAL, "usage: conv_backward_lab FILE.cfg BATCH SIZE THREADS [SECONDS]") : YOLO_OK);
  l.threads = atoi(argv[4]);
  YOLO_TRY(yolo_model_spec_load(argv[1], NULL, &spec));
  YOLO_TRY(spec.graph->n_nodes > 4096 ? yolo_fail(YOLO_EINVAL, "more nodes than this program has room for") : YOLO_OK);
  YOLO_TRY(yolo_graph_infer(spec.graph, size, size, shapes));
  YOLO_TRY(l.backend->open(&(yolo_device_options){.threads = l.threads}, &l.device));
  const int count = list_shapes(spec.graph, batch, shapes, list);
  YOLO_TRY(make_memory(&l, list, count));
  printf("%s, batch %d, %d x %d: %s\n", argv[1], batch, size, size, l.backend->describe(l.device));
  for (int i = 0; i < count; i++) YOLO_TRY(l.backend->pass(l.device, 0, time_shape, &(timing){.lab = &l, .shape = &list[i]}));
  for (int part = 0; part < PARTS; part++) printf("%s %.1f ms  ", part_names[part], l.ms[part]);
  for (int part = 1; part < PARTS; part++) printf("%s %.0f GFLOP/s  ", part_names[part], l.flop[part] / l.ms[part] * 1e-6);
  printf("peak %.0f GFLOP/s\n", yolo_cpu_measure_peak(l.threads));
done:
  if (st != YOLO_OK) fprintf(stderr, "conv_backward_lab: %s\n", yolo_error_message());
  for (int i = 0; i < 6 && l.device; i++) l.backend->release(l.device, l.memory[i]);
  if (l.device) {
    l.backend->release(l.device, l.pack);
    l.backend->release(l.device, l.work);
    l.backend->close(l.device);
  }
  yolo_model_spec_release(&spec);
  return st != YOLO_OK;
}
