/* Gradients of parameters against differences. See gradcheck.h. */
#include "train/explain/gradcheck.h"

#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "train/explain/gradcheck_parts.h"

enum { STEPS = 6, DROPOUT_SEED = 5, MOST_SET = 16 };
static const double first_step = 1.0 / 64, step_ratio = 1.0 / 4; /* of the length of the tensor */
static const double much_doubt =
    0.1; /* steps that differ by more among themselves condemn nobody: too many kinks lie between */
static const double small_share = 1e-4; /* of the typical gradient: below is rounding */

/* ---- errors ---- */

double yolo_gradcheck_error(double a, double b, double least) {
  const double size = fmax(fmax(fabs(a), fabs(b)), least), off = fabs(a - b);
  if (!isfinite(a) || !isfinite(b)) return INFINITY;
  return size > 0 ? off / size : 0;
}

yolo_gradcheck_verdict yolo_gradcheck_judge(const yolo_gradcheck *check, double error, double doubt) {
  const double tolerance = check->options.tolerance;
  if (error <= tolerance) return YOLO_GRADCHECK_OK;
  if (doubt > much_doubt) return YOLO_GRADCHECK_UNCLEAR;
  return error <= tolerance + 2 * doubt ? YOLO_GRADCHECK_UNCLEAR : YOLO_GRADCHECK_FAIL;
}

void yolo_gradcheck_worse(yolo_gradcheck_row *row, double error, double doubt, yolo_gradcheck_verdict verdict) {
  if (verdict < row->verdict || (verdict == row->verdict && error < row->error)) return;
  row->error = error;
  row->doubt = doubt;
  row->verdict = verdict;
}

/* ---- a step of the network ---- */

static void fill_input(const yolo_gradcheck *c, const yolo_tensor *input) {
  yolo_rng rng = {.key = c->options.seed, .stream = 1};
  float *to = input->data;
  for (size_t i = 0; i < yolo_shape_count(input->shape); i++) to[i] = yolo_rng_uniform(&rng);
}

static yolo_status forward(const yolo_gradcheck *c) { return yolo_trainer_forward(c->session->trainer, true, DROPOUT_SEED); }

yolo_status yolo_gradcheck_loss(const yolo_gradcheck *c, int g, const yolo_loss_head *heads, yolo_loss_report *out) {
  yolo_session_group *group = &c->session->groups[g];
  yolo_loss_head copies[8];
  memcpy(copies, heads, (size_t)group->n_heads * sizeof *heads);
  const yolo_loss_batch batch = {.count = c->options.batch,
                                 .input_w = c->options.width,
                                 .input_h = c->options.height,
                                 .images = c->truths,
                                 .heads = copies,
                                 .n_heads = group->n_heads,
                                 .seen = c->session->seen,
                                 .nominal = c->options.batch,
                                 .scale = 1,
                                 .threads = 1,
                                 .scratch = &group->scratch};
  return group->loss->run(group->attrs, &batch, out);
}

static yolo_status run_losses(yolo_gradcheck *c) {
  yolo_session *s = c->session;
  yolo_loss_report report;
  yolo_status st = YOLO_OK;
  for (int g = 0; g < s->n_groups; g++) {
    yolo_session_group *group = &s->groups[g];
    for (int h = 0; h < group->n_heads; h++) {
      group->heads[h].value = yolo_trainer_output(s->trainer, group->nodes[h]);
      group->heads[h].grad = yolo_trainer_output_grad(s->trainer, group->nodes[h]);
    }
    YOLO_TRY(yolo_gradcheck_loss(c, g, group->heads, &report));
    if (!isfinite(report.total)) st = yolo_fail(YOLO_EINVAL, "the loss '%s' is not finite", group->loss->name);
  }
done:
  return st;
}

/* ---- the point where everything is judged ---- */

static void copy_dense(const yolo_tensor *from, float *to) {
  const size_t channels = (size_t)from->shape.c;
  for (size_t p = 0; p < yolo_shape_pixels(from->shape); p++)
    memcpy(to + p * channels, yolo_nth_pixel(from, p), channels * sizeof *to);
}

static yolo_status keep_head(const yolo_loss_head *head, gradcheck_head *out) {
  out->count = yolo_shape_count(head->value.shape);
  out->value = yolo_alloc_array(out->count, sizeof *out->value);
  out->slope = yolo_calloc(out->count, sizeof *out->slope);
  if (!out->value || !out->slope) return YOLO_ENOMEM;
  copy_dense(&head->value, out->value);
  if (head->grad.data) copy_dense(&head->grad, out->slope);
  return YOLO_OK;
}

static double length_of(const float *values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)values[i] * (double)values[i];
  return sqrt(sum);
}

static void find_typical(yolo_gradcheck *c) {
  const yolo_graph *graph = yolo_trainer_graph(c->session->trainer);
  double sum = 0;
  int tensors = 0;
  for (int i = 0; i < graph->n_params; i++) {
    const yolo_trainer_param p = yolo_trainer_param_at(c->session->trainer, i);
    if (!p.grad) continue;
    sum += length_of(c->grads + p.offset, p.count);
    tensors++;
  }
  c->typical = tensors ? sum / tensors : 0;
}

static yolo_status differentiate(yolo_gradcheck *c) {
  yolo_session *s = c->session;
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_trainer_prepare(s->trainer, c->options.batch, c->options.height, c->options.width, &input));
  fill_input(c, &input);
  yolo_trainer_clear_gradients(s->trainer);
  YOLO_TRY(forward(c));
  YOLO_TRY(run_losses(c));
  for (int g = 0; g < s->n_groups; g++)
    for (int h = 0; h < s->groups[g].n_heads; h++) YOLO_TRY(keep_head(&s->groups[g].heads[h], &c->heads[g * 8 + h]));
  YOLO_TRY(yolo_trainer_backward(s->trainer));
  yolo_trainer_values(s->trainer, &c->n_values);
  YOLO_ENOMEM_IF_NULL(c->grads = yolo_alloc_array(c->n_values, sizeof *c->grads));
  memcpy(c->grads, yolo_trainer_gradients(s->trainer), c->n_values * sizeof *c->grads);
  find_typical(c);
done:
  return st;
}

/* ---- setting up ---- */

static yolo_status draw_truths(yolo_gradcheck *c) {
  const int classes = c->session->spec->classes, batch = c->options.batch;
  yolo_rng rng = {.key = c->options.seed, .stream = 2};
  c->items = yolo_alloc_array((size_t)batch * YOLO_GRADCHECK_TRUTHS, sizeof *c->items);
  c->truths = yolo_alloc_array((size_t)batch, sizeof *c->truths);
  if (!c->items || !c->truths) return YOLO_ENOMEM;
  for (int i = 0; i < batch * YOLO_GRADCHECK_TRUTHS; i++)
    c->items[i] = (yolo_truth){.x = 0.1f + 0.8f * yolo_rng_uniform(&rng),
                               .y = 0.1f + 0.8f * yolo_rng_uniform(&rng),
                               .w = 0.1f + 0.5f * yolo_rng_uniform(&rng),
                               .h = 0.1f + 0.5f * yolo_rng_uniform(&rng),
                               .class_index = (int)(yolo_rng_u32(&rng) % (unsigned)(classes > 0 ? classes : 1)),
                               .weight = 1};
  for (int n = 0; n < batch; n++)
    c->truths[n] = (yolo_truths){.items = c->items + n * YOLO_GRADCHECK_TRUTHS,
                                 .count = YOLO_GRADCHECK_TRUTHS,
                                 .label = n % (classes > 0 ? classes : 1),
                                 .label2 = -1,
                                 .label_share = 1};
  return YOLO_OK;
}

yolo_status yolo_gradcheck_new(yolo_session *session, const yolo_gradcheck_options *options, yolo_gradcheck **out) {
  yolo_gradcheck *c = *out = yolo_calloc(1, sizeof *c);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(c);
  c->session = session;
  c->options = *options;
  if (c->options.directions <= 0) c->options.directions = 1;
  if (c->options.values <= 0) c->options.values = 96;
  if (!(c->options.tolerance > 0)) c->options.tolerance = 0.03;
  yolo_gradcheck_choose_size(c);
  YOLO_TRY(draw_truths(c));
  YOLO_TRY(differentiate(c));
done:
  if (st != YOLO_OK) {
    yolo_gradcheck_free(c);
    *out = NULL;
  }
  return st;
}

void yolo_gradcheck_free(yolo_gradcheck *c) {
  if (!c) return;
  for (int i = 0; i < YOLO_GRADCHECK_HEADS; i++) {
    yolo_free(c->heads[i].value);
    yolo_free(c->heads[i].slope);
  }
  yolo_free(c->items);
  yolo_free(c->truths);
  yolo_free(c->grads);
  yolo_free(c);
}

void yolo_gradcheck_size(const yolo_gradcheck *c, int *batch, int *width, int *height) {
  *batch = c->options.batch;
  *width = c->options.width;
  *height = c->options.height;
}

float *yolo_gradcheck_gradients(yolo_gradcheck *c) { return c->grads; }

/* ---- parameters ---- */

/* f = sum u v at the parameters as they are. */
static yolo_status probe(const yolo_gradcheck *c, double *out) {
  const yolo_session *s = c->session;
  yolo_status st = forward(c);
  *out = 0;
  for (int g = 0; g < s->n_groups && st == YOLO_OK; g++)
    for (int h = 0; h < s->groups[g].n_heads; h++) {
      const yolo_tensor v = yolo_trainer_output(s->trainer, s->groups[g].nodes[h]);
      const float *u = c->heads[g * 8 + h].slope;
      for (size_t p = 0; p < yolo_shape_pixels(v.shape); p++) {
        const float *values = yolo_nth_pixel(&v, p);
        for (int k = 0; k < v.shape.c; k++) *out += (double)*u++ * (double)values[k];
      }
    }
  return st;
}

/* One tensor while it is checked. */
typedef struct gradcheck_tensor {
  yolo_trainer_param param;
  const float *grad;   /* the analytic one */
  float *kept, *along; /* its values; a direction of length 1 */
  double scale;        /* length of the values, or what stands for it */
} gradcheck_tensor;

/* What is moved at a time. */
typedef struct gradcheck_set {
  gradcheck_tensor items[MOST_SET];
  int count;
} gradcheck_set;

static void release_set(gradcheck_set *set) {
  for (int i = 0; i < set->count; i++) {
    yolo_free(set->items[i].kept);
    yolo_free(set->items[i].along);
  }
  set->count = 0;
}

static yolo_status add_tensor(const yolo_gradcheck *c, int param, gradcheck_set *set) {
  const yolo_trainer_param p = yolo_trainer_param_at(c->session->trainer, param);
  yolo_status st = YOLO_OK;
  if (!p.grad || set->count == MOST_SET) return YOLO_OK;
  gradcheck_tensor *t = &set->items[set->count++];
  *t = (gradcheck_tensor){.param = p, .grad = c->grads + p.offset};
  YOLO_ENOMEM_IF_NULL(t->kept = yolo_alloc_array(p.count, sizeof *t->kept));
  YOLO_ENOMEM_IF_NULL(t->along = yolo_alloc_array(p.count, sizeof *t->along));
  memcpy(t->kept, p.value, p.count * sizeof *t->kept);
  t->scale = fmax(length_of(t->kept, p.count), 0.1 * sqrt((double)p.count));
done:
  return st;
}

/* Half along a random half of the gradient, half anywhere: strong enough to be measured, and not blind to what is missing. */
static void draw_direction(const yolo_gradcheck *c, gradcheck_tensor *t, uint64_t stream) {
  yolo_rng rng = {.key = c->options.seed, .stream = stream};
  double near = 0, any = 0;
  for (size_t i = 0; i < t->param.count; i++) {
    const double g = (yolo_rng_u32(&rng) & 1) ? (double)t->grad[i] : 0, r = (double)yolo_rng_normal(&rng);
    near += g * g;
    any += r * r;
  }
  const double a = near > 0 && isfinite(near) ? sqrt(0.5 / near) : 0, b = sqrt((a > 0 ? 0.5 : 1) / (any > 0 ? any : 1));
  rng = (yolo_rng){.key = c->options.seed, .stream = stream};
  for (size_t i = 0; i < t->param.count; i++) {
    const double g = (yolo_rng_u32(&rng) & 1) ? (double)t->grad[i] : 0, r = (double)yolo_rng_normal(&rng);
    t->along[i] = (float)((a > 0 ? a * g : 0) + b * r);
  }
}

/* Moves to kept + step along; gives <g, the way from where it was>. */
static double move(const gradcheck_set *set, double step) {
  double dot = 0;
  for (int n = 0; n < set->count; n++) {
    const gradcheck_tensor *t = &set->items[n];
    float *value = t->param.value;
    for (size_t i = 0; i < t->param.count; i++) {
      const float to = (float)((double)t->kept[i] + step * t->scale * (double)t->along[i]);
      dot += (double)t->grad[i] * ((double)to - (double)value[i]);
      value[i] = to;
    }
  }
  return dot;
}

/* f(p + step d) - f(p - step d) and <g, the way between the two>, both by 2 step. */
static yolo_status differ(const yolo_gradcheck *c, const gradcheck_set *set, double step, double *numeric, double *analytic) {
  double above, below;
  yolo_status st = YOLO_OK;
  move(set, step);
  YOLO_TRY(probe(c, &above));
  *analytic = -move(set, -step) / (2 * step);
  YOLO_TRY(probe(c, &below));
  *numeric = (above - below) / (2 * step);
done:
  for (int n = 0; n < set->count; n++)
    memcpy(set->items[n].param.value, set->items[n].kept, set->items[n].param.count * sizeof(float));
  return st;
}

typedef struct finding {
  double error, doubt;
} finding;

/* Down the ladder until the values agree, or drift apart for want of digits. Where what they agree on is not the analytic
 * value, all of it is gone down: behind batch norm a tiny weight's gradient lies between two plateaus, which differences of
 * large steps find before they find the slope. */
static yolo_status check_direction(const yolo_gradcheck *c, gradcheck_set *set, uint64_t stream, finding *out) {
  const double tolerance = c->options.tolerance, enough = tolerance / 20;
  double step = first_step, last = 0, least = 0;
  yolo_status st = YOLO_OK;
  *out = (finding){INFINITY, INFINITY};
  for (int n = 0; n < set->count; n++) {
    draw_direction(c, &set->items[n], stream + (uint64_t)n * 64);
    least = fmax(least, small_share * c->typical * set->items[n].scale);
  }
  for (int k = 0; k < STEPS && (out->error > tolerance || out->doubt >= enough); k++, step *= step_ratio) {
    double numeric = 0, analytic = 0;
    YOLO_TRY(differ(c, set, step, &numeric, &analytic));
    const double drift = k > 0 ? yolo_gradcheck_error(numeric, last, least) : INFINITY;
    last = numeric;
    if (out->error <= tolerance && drift > 4 * out->doubt) break;
    if (drift < out->doubt) *out = (finding){yolo_gradcheck_error(numeric, analytic, least), drift};
  }
done:
  return st;
}

/* A kink that happens to lie beside the parameters spoils a direction or two, a mistake all of them: a direction that disagrees
 * is tried again along two others, and the middle one of the three counts. */
static yolo_status check_set(const yolo_gradcheck *c, gradcheck_set *set, uint64_t stream, yolo_gradcheck_row *row) {
  finding tries[3];
  yolo_status st = YOLO_OK;
  YOLO_TRY(check_direction(c, set, stream, &tries[0]));
  if (tries[0].error > c->options.tolerance) {
    YOLO_TRY(check_direction(c, set, stream + 1, &tries[1]));
    YOLO_TRY(check_direction(c, set, stream + 2, &tries[2]));
    for (int i = 0; i < 3; i++) /* sorted by error */
      for (int k = i + 1; k < 3; k++)
        if (tries[k].error < tries[i].error) {
          const finding swap = tries[i];
          tries[i] = tries[k];
          tries[k] = swap;
        }
    tries[0] = tries[1];
  }
  yolo_gradcheck_worse(row, tries[0].error, tries[0].doubt, yolo_gradcheck_judge(c, tries[0].error, tries[0].doubt));
done:
  return st;
}

static yolo_status flush_set(const yolo_gradcheck *c, gradcheck_set *set, uint64_t stream, yolo_gradcheck_row *row) {
  yolo_status st = YOLO_OK;
  for (int d = 0; d < c->options.directions && set->count > 0 && st == YOLO_OK; d++)
    st = check_set(c, set, stream + (uint64_t)d * 4, row);
  for (int i = 0; i < set->count; i++) row->checked += set->items[i].param.count;
  release_set(set);
  return st;
}

/* ---- layers ---- */

static yolo_status check_layer(const yolo_gradcheck *c, int layer, yolo_gradcheck_row *row) {
  const yolo_graph *graph = c->session->spec->graph;
  gradcheck_set set = {.count = 0};
  yolo_status st = YOLO_OK;
  *row = (yolo_gradcheck_row){.layer = layer, .kind = graph->layers[layer].section};
  for (int i = 1; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->layer != layer || node->kind != YOLO_NODE_OP) continue;
    for (int k = 0; k < node->n_param; k++) {
      YOLO_TRY(add_tensor(c, node->param[k], &set));
      if (!c->together) YOLO_TRY(flush_set(c, &set, 1000 + (uint64_t)node->param[k] * 1024, row));
    }
  }
  st = flush_set(c, &set, 500 + (uint64_t)layer * 1024, row);
done:
  release_set(&set);
  return st;
}

yolo_status yolo_gradcheck_run(yolo_gradcheck *c, bool (*say)(void *payload, const yolo_gradcheck_row *row), void *payload) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_gradcheck_heads(c, say, payload));
  for (int layer = c->session->spec->graph->n_layers - 1; layer >= 0; layer--) {
    yolo_gradcheck_row row;
    YOLO_TRY(check_layer(c, layer, &row));
    if (row.checked > 0 && !say(payload, &row)) return yolo_fail(YOLO_ECANCELLED, "the check was stopped");
  }
done:
  return st;
}
