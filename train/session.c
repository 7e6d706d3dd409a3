/* A training in memory: see session.h. */
#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "train/init.h"

/* ---- losses ---- */

/* The section a head stands in; of a classifier that of its last layer, which may be a [softmax]. */
static const yolo_cfg_section *section_of(const yolo_model_spec *spec, const yolo_head *head) {
  int layer = spec->graph->nodes[head->node].layer;
  return layer >= 0 && layer + 1 < spec->cfg->n_sections ? &spec->cfg->sections[layer + 1] : NULL;
}

static const char *head_name(const yolo_head *head) { return head->def->section.name ? head->def->section.name : "classify"; }

yolo_status yolo_session_choose_loss(const yolo_model_spec *spec, const yolo_train_settings *settings, const yolo_head *head,
                                     const yolo_loss_def **out) {
  const yolo_cfg_section *section = section_of(spec, head);
  const char *name = settings->loss && *settings->loss ? settings->loss : NULL;
  if (!name && section) name = yolo_cfg_text(section, "loss", NULL);
  *out = name ? yolo_loss_find(name) : yolo_loss_default(head->def, section);
  if (!*out && name) return yolo_fail(YOLO_EINVAL, "there is no loss '%s'; 'yolo train --losses' lists them", name);
  if (!*out) return yolo_fail(YOLO_EUNSUPPORTED, "the head [%s] cannot be trained: no loss fits it", head_name(head));
  if (!yolo_loss_fits(*out, head->def)) {
    return yolo_fail(YOLO_EINVAL, "the loss '%s' does not fit the head [%s]; 'yolo train --losses' says which do", name,
                     head_name(head));
  }
  return YOLO_OK;
}

static yolo_session_group *group_of(yolo_session *s, const yolo_loss_def *loss) {
  for (int i = 0; i < s->n_groups; ++i) {
    if (s->groups[i].loss == loss) return &s->groups[i];
  }
  if (s->n_groups == YOLO_SESSION_MOST_GROUPS) return NULL;
  s->groups[s->n_groups].loss = loss;
  return &s->groups[s->n_groups++];
}

static yolo_status make_losses(yolo_session *s) {
  const yolo_graph *graph = s->spec->graph;
  yolo_status st = YOLO_OK;
  for (int h = 0; h < s->spec->n_heads; ++h) {
    const yolo_head *head = &s->spec->heads[h];
    const yolo_loss_def *loss = NULL;
    YOLO_TRY(yolo_session_choose_loss(s->spec, s->settings, head, &loss));
    yolo_session_group *group = group_of(s, loss);
    if (!group || group->n_heads == 8)
      return yolo_fail(YOLO_EUNSUPPORTED, "more than 8 heads of one kind, or 4 kinds of losses");
    yolo_loss_head *to = &group->heads[group->n_heads];
    group->nodes[group->n_heads++] = yolo_trainer_node(s->trainer, head->node);
    to->head = head;
    to->section = section_of(s->spec, head);
    to->value = to->grad = yolo_tensor_dense(NULL, graph->nodes[head->node].shape);
  }
  for (int i = 0; i < s->n_groups; ++i) {
    YOLO_TRY(s->groups[i].loss->make(s->groups[i].heads, s->groups[i].n_heads, &s->groups[i].attrs));
  }
done:
  return st;
}

/* ---- parameters ---- */

static int kind_of(const yolo_param_spec *spec) {
  if (strcmp(spec->name, "bias") == 0) return YOLO_RANGE_BIAS;
  return spec->decay ? YOLO_RANGE_WEIGHT : YOLO_RANGE_PLAIN;
}

static yolo_status make_ranges(yolo_session *s) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  yolo_session_ranges *r = &s->ranges;
  r->items = yolo_calloc((size_t)graph->n_params + 1, sizeof *r->items);
  r->kinds = yolo_calloc((size_t)graph->n_params + 1, sizeof *r->kinds);
  if (!r->items || !r->kinds) return YOLO_ENOMEM;
  for (int i = 0; i < graph->n_params; ++i) {
    yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
    if (!p.grad) continue;
    r->kinds[r->count] = kind_of(&graph->params[i].spec);
    r->items[r->count++] = (yolo_optimizer_range){.offset = p.offset, .count = p.count};
  }
  return r->count > 0 ? YOLO_OK : yolo_fail(YOLO_EINVAL, "[train] freeze: nothing is left that could learn");
}

/* The parameter that is the bias of the convolution a head reads; -1: it has none. */
static int head_bias(const yolo_model_spec *spec, const yolo_head *head) {
  const yolo_graph *graph = spec->graph;
  for (int at = head->node; at > 0; at = graph->nodes[at].in[0]) {
    const yolo_node *node = &graph->nodes[at];
    if (node->kind == YOLO_NODE_OP && node->op == YOLO_OP_conv2d) return node->n_param > 1 ? node->param[1] : -1;
    if (node->kind == YOLO_NODE_INPUT || node->n_in != 1) return -1;
  }
  return -1;
}

static yolo_status draw_params(yolo_session *s) {
  uint64_t seed = (uint64_t)s->settings->seed;
  yolo_status st = yolo_trainer_load(s->trainer, yolo_init_fetch, &seed);
  for (int h = 0; h < s->spec->n_heads && st == YOLO_OK; ++h) {
    int bias = head_bias(s->spec, &s->spec->heads[h]);
    if (bias >= 0) yolo_init_head_bias(s->spec, &s->spec->heads[h], bias, yolo_trainer_param_at(s->trainer, bias).value);
  }
  return st;
}

/* ---- settings in epochs to settings in steps ---- */

/* A number of steps that was divided by those of an epoch comes back as it was. */
static double in_steps(double epochs, double per_epoch) {
  const double steps = epochs * per_epoch, whole = round(steps);
  return fabs(steps - whole) < 1e-9 * whole ? whole : steps;
}

static yolo_status make_steps(const yolo_train_settings *t, double per_epoch, yolo_schedule *out) {
  int n = t->steps.count;
  if (n > YOLO_SCHEDULE_MOST_STEPS) return yolo_fail(YOLO_EINVAL, "[train] steps: more than %d", YOLO_SCHEDULE_MOST_STEPS);
  if (n > 0 && t->scales.count != n && t->scales.count != 1)
    return yolo_fail(YOLO_EINVAL, "[train] scales: %d for %d steps; one each, or one for all", t->scales.count, n);
  out->n_steps = n;
  for (int i = 0; i < n; ++i) {
    const char *scale = t->scales.items[t->scales.count == 1 ? 0 : i];
    if (!yolo_parse_double(t->steps.items[i], &out->steps[i]) || !yolo_parse_double(scale, &out->scales[i]))
      return yolo_fail(YOLO_EINVAL, "[train] steps, scales: '%s' and '%s' are not both numbers", t->steps.items[i], scale);
    out->steps[i] = in_steps(out->steps[i], per_epoch);
  }
  return YOLO_OK;
}

static yolo_status make_schedule(const yolo_train_settings *t, double per_epoch, yolo_schedule *out) {
  double middle = t->middle > 0 ? t->middle : t->epochs / 2.0;
  bool by_step = t->schedule == YOLO_SCHEDULE_EXP;
  *out = (yolo_schedule){.kind = (yolo_schedule_kind)t->schedule,
                         .total = (uint64_t)llround(t->epochs * per_epoch),
                         .gamma = by_step ? pow(t->gamma, 1 / per_epoch) : t->gamma / per_epoch,
                         .middle = in_steps(middle, per_epoch),
                         .power = t->power,
                         .final = t->lr_final,
                         .rise = t->rise,
                         .div = t->div,
                         .warmup = in_steps(t->warmup, per_epoch),
                         .warmup_power = t->warmup_power,
                         .darknet = t->darknet_rates};
  /* A warm-up longer than a third of the training would leave too little of it. */
  if (!out->darknet && out->warmup > (double)out->total / 3) out->warmup = (double)out->total / 3;
  return make_steps(t, per_epoch, out);
}

static yolo_optimizer_options optimizer_options(const yolo_train_settings *t) {
  yolo_optimizer_options o = yolo_optimizer_defaults((yolo_optimizer_kind)t->optimizer);
  o.nesterov = t->nesterov;
  o.beta1 = t->beta1;
  if (t->beta2 > 0) o.beta2 = t->beta2;
  if (t->eps > 0) o.eps = t->eps;
  return o;
}

/* ---- new ---- */

static yolo_status make_trainer(yolo_session *s) {
  const yolo_graph *graph = s->spec->graph;
  yolo_status st = YOLO_OK;
  bool *learns = yolo_calloc((size_t)graph->n_params + 1, 1), *frozen = yolo_calloc((size_t)graph->n_nodes, 1);
  if (!learns || !frozen) st = YOLO_ENOMEM;
  if (st == YOLO_OK) st = yolo_init_freeze(s->spec, &s->settings->freeze, learns, frozen);
  int heads[YOLO_SESSION_MOST_GROUPS * 8], n_heads = 0;
  for (int h = 0; h < s->spec->n_heads && h < YOLO_SESSION_MOST_GROUPS * 8; ++h) heads[n_heads++] = s->spec->heads[h].node;
  yolo_trainer_options options = {.device = {.threads = s->settings->threads},
                                  .learns = learns,
                                  .frozen_norm = frozen,
                                  .outputs = heads,
                                  .n_outputs = n_heads};
  if (st == YOLO_OK) st = yolo_trainer_new(graph, &options, &s->trainer);
  yolo_free(learns);
  yolo_free(frozen);
  return st;
}

yolo_status yolo_session_new(const yolo_model_spec *spec, const yolo_train_settings *settings, double steps_per_epoch,
                             yolo_session *out) {
  yolo_status st = YOLO_OK;
  yolo_session *s = out;
  *s = (yolo_session){.settings = settings, .spec = spec, .width = spec->width, .height = spec->height};
  s->threads = settings->threads > 0 ? settings->threads : yolo_threads_available();
  YOLO_TRY(make_trainer(s));
  YOLO_TRY(make_losses(s));
  YOLO_TRY(make_ranges(s));
  YOLO_TRY(make_schedule(settings, steps_per_epoch, &s->schedule));
  yolo_trainer_values(s->trainer, &s->n_values);
  yolo_optimizer_options options = optimizer_options(settings);
  YOLO_TRY(yolo_optimizer_new(&options, s->n_values, &s->optimizer));
  YOLO_TRY(draw_params(s));
  if (settings->ema > 0) YOLO_ENOMEM_IF_NULL(s->ema = yolo_alloc_arena(s->n_values * sizeof *s->ema));
  yolo_session_restart_average(s);
done:
  if (st != YOLO_OK) yolo_session_release(s);
  return st;
}

void yolo_session_release(yolo_session *s) {
  for (int i = 0; i < s->n_groups; ++i) {
    yolo_free(s->groups[i].attrs);
    yolo_free(s->groups[i].scratch.data);
  }
  yolo_optimizer_release(&s->optimizer);
  yolo_trainer_free(s->trainer);
  yolo_free(s->ranges.items);
  yolo_free(s->ranges.kinds);
  yolo_free(s->ema);
  yolo_free(s->truths);
  yolo_free(s->truth_items);
  *s = (yolo_session){0};
}

void yolo_session_restart_average(yolo_session *s) {
  if (s->ema) memcpy(s->ema, yolo_trainer_values(s->trainer, NULL), s->n_values * sizeof *s->ema);
}

const float *yolo_session_best_values(const yolo_session *s) { return s->ema ? s->ema : yolo_trainer_values(s->trainer, NULL); }
