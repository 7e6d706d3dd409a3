/* The steps of a training: from a batch of samples to gradients, from gradients to parameters. See session.h. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/session.h"

/* ---- truths ---- */

static yolo_status make_room(yolo_session *s, const yolo_batch *batch) {
  int items = 1;
  for (int i = 0; i < batch->count; ++i) items += batch->samples[i].n_objects;
  if (batch->count > s->truths_room) {
    yolo_truths *truths = yolo_realloc(s->truths, (size_t)batch->count * sizeof *truths);
    if (!truths) return YOLO_ENOMEM;
    s->truths = truths;
    s->truths_room = batch->count;
  }
  if (items > s->truth_items_room) { /* half as much again: batches differ */
    size_t room = (size_t)items + (size_t)items / 2;
    yolo_truth *truth_items = yolo_realloc(s->truth_items, room * sizeof *truth_items);
    if (!truth_items) return YOLO_ENOMEM;
    s->truth_items = truth_items;
    s->truth_items_room = (int)room;
  }
  return YOLO_OK;
}

static yolo_truth truth_of(const yolo_object *o, int width, int height) {
  const float w = (float)width, h = (float)height;
  return (yolo_truth){.x = (o->x1 + o->x2) / (2 * w),
                      .y = (o->y1 + o->y2) / (2 * h),
                      .w = (o->x2 - o->x1) / w,
                      .h = (o->y2 - o->y1) / h,
                      .class_index = o->class_index,
                      .weight = o->weight,
                      .ignore = (o->flags & (YOLO_ANNOTATION_CROWD | YOLO_ANNOTATION_DIFFICULT)) != 0};
}

static yolo_status make_truths(yolo_session *s, const yolo_batch *batch) {
  yolo_status st = make_room(s, batch);
  if (st != YOLO_OK) return st;
  yolo_truth *next = s->truth_items;
  for (int i = 0; i < batch->count; ++i) {
    const yolo_sample *sample = &batch->samples[i];
    s->truths[i] = (yolo_truths){.items = next,
                                 .count = sample->n_objects,
                                 .label = sample->label,
                                 .label2 = sample->label2,
                                 .label_share = sample->label_share};
    for (int k = 0; k < sample->n_objects; ++k) *next++ = truth_of(&sample->objects[k], batch->width, batch->height);
  }
  return YOLO_OK;
}

/* ---- pixels ---- */

typedef struct fill_job {
  const yolo_batch *batch;
  yolo_tensor input;
  yolo_preprocess how;
  yolo_status *status; /* one an image */
} fill_job;

/* The picture has the input's size already: only normalisation is left. */
static void fill_image(void *payload, int task, int thread) {
  fill_job *job = payload;
  yolo_pixels pixels = yolo_image_pixels(&job->batch->samples[task].image);
  yolo_placement ignored;
  (void)thread;
  if (yolo_preprocess_run(&job->how, &pixels, &job->input, task, &ignored) != YOLO_OK) *job->status = YOLO_ENOMEM;
}

static yolo_status fill_input(const yolo_session *s, const yolo_batch *batch, const yolo_tensor *input) {
  yolo_status st = YOLO_OK;
  fill_job job = {batch, *input, s->spec->preprocess, &st};
  job.how.fit = YOLO_FIT_STRETCH;
  yolo_parallel(s->threads, batch->count, fill_image, &job);
  return st == YOLO_OK ? st : yolo_fail(st, "not enough memory to prepare a batch");
}

/* ---- a part ---- */

static yolo_status run_group(yolo_session *s, yolo_session_group *group, const yolo_batch *batch, int nominal,
                             yolo_loss_trace *traces, yolo_loss_report *out) {
  yolo_loss_batch call = {.count = batch->count,
                          .input_w = batch->width,
                          .input_h = batch->height,
                          .images = s->truths,
                          .heads = group->heads,
                          .n_heads = group->n_heads,
                          .seen = s->seen,
                          .nominal = nominal,
                          .scale = (float)batch->count / (float)nominal,
                          .threads = s->threads,
                          .label_smoothing = s->settings->label_smoothing,
                          .scratch = &group->scratch,
                          .traces = traces};
  for (int h = 0; h < group->n_heads; ++h) {
    group->heads[h].value = yolo_trainer_output(s->trainer, group->nodes[h]);
    group->heads[h].grad = yolo_trainer_output_grad(s->trainer, group->nodes[h]);
  }
  return group->loss->run(group->attrs, &call, out);
}

/* DropBlock grows along a line over the training (Ghiasi, Lin & Le, "DropBlock", 2018, section 3: scheduled DropBlock). */
static double dropblock_share(const yolo_session *s) {
  const double done = (double)s->optimizer.steps, all = (double)s->schedule.total;
  return done < all ? done / all : 1;
}

/* A part with its team of threads, which stands by for pixels, network and losses alike (threads.h): each of their many short
 * loops would else wait for threads that other programs, or the loader, keep from running. */
typedef struct part_call {
  yolo_session *session;
  const yolo_batch *batch;
  int nominal;
  yolo_loss_report *out;
  yolo_status status;
} part_call;

static yolo_status run_part(yolo_session *s, const yolo_batch *batch, int nominal, yolo_loss_report *out) {
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  memset(out, 0, sizeof *out);
  YOLO_TRY(make_truths(s, batch));
  YOLO_TRY(yolo_trainer_prepare(s->trainer, batch->count, batch->height, batch->width, &input));
  YOLO_TRY(fill_input(s, batch, &input));
  yolo_trainer_set_dropblock(s->trainer, dropblock_share(s));
  YOLO_TRY(yolo_trainer_forward(s->trainer, true, (uint64_t)s->settings->seed * 0x9E3779B97F4A7C15u + s->seen));
  for (int g = 0; g < s->n_groups; ++g) {
    yolo_loss_report one = {0};
    YOLO_TRY(run_group(s, &s->groups[g], batch, nominal, NULL, &one));
    if (g == 0)
      *out = one;
    else
      out->total += one.total; /* parts are the first group's */
  }
  s->seen += (uint64_t)batch->count;
  if (!isfinite(out->total)) return yolo_fail(YOLO_EINVAL, "the loss is not finite");
  YOLO_TRY(yolo_trainer_backward(s->trainer));
done:
  return st;
}

static void part_of_team(void *payload) {
  part_call *c = payload;
  c->status = run_part(c->session, c->batch, c->nominal, c->out);
}

yolo_status yolo_session_part(yolo_session *s, const yolo_batch *batch, int nominal, yolo_loss_report *out) {
  part_call c = {s, batch, nominal, out, YOLO_OK};
  yolo_with_team(s->threads, part_of_team, &c);
  return c.status;
}

yolo_status yolo_session_look(yolo_session *s, const yolo_batch *batch, yolo_loss_trace *traces,
                              yolo_loss_report reports[YOLO_SESSION_MOST_GROUPS]) {
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  YOLO_TRY(make_truths(s, batch));
  YOLO_TRY(yolo_trainer_prepare(s->trainer, batch->count, batch->height, batch->width, &input));
  YOLO_TRY(fill_input(s, batch, &input));
  YOLO_TRY(yolo_trainer_forward(s->trainer, false, 0));
  for (int g = 0; g < s->n_groups; ++g) {
    yolo_loss_trace *own = traces ? traces + (size_t)g * (size_t)batch->count : NULL;
    YOLO_TRY(run_group(s, &s->groups[g], batch, batch->count, own, &reports[g]));
  }
done:
  return st;
}

/* ---- the update ---- */

static double between(double from, double to, double part) { return from + (to - from) * part; }

static void set_rates(yolo_session *s, double lr) {
  const yolo_train_settings *t = s->settings;
  double warmth = yolo_schedule_warmth(&s->schedule, s->optimizer.steps);
  double momentum = t->momentum < t->warmup_momentum ? t->momentum : between(t->warmup_momentum, t->momentum, warmth);
  bool hot_bias = t->warmup_bias_lr > 0 && warmth < 1;
  for (int i = 0; i < s->ranges.count; ++i) {
    yolo_optimizer_range *r = &s->ranges.items[i];
    bool bias = s->ranges.kinds[i] == YOLO_RANGE_BIAS;
    r->lr = bias && hot_bias ? between(t->warmup_bias_lr, t->lr, warmth) : lr;
    r->momentum = momentum;
    r->decay = s->ranges.kinds[i] == YOLO_RANGE_WEIGHT ? t->decay : 0;
  }
}

typedef struct update_call {
  yolo_session *session;
  yolo_step_report *out;
} update_call;

/* Norm, step and average are a loop a range of parameters each: a team stands by for all of them. */
static void update_of_team(void *payload) {
  const update_call *c = payload;
  yolo_session *s = c->session;
  const yolo_train_settings *t = s->settings;
  const float *grads = yolo_trainer_gradients(s->trainer);
  float *values = yolo_trainer_values(s->trainer, NULL);
  c->out->lr = t->lr * yolo_schedule_factor(&s->schedule, s->optimizer.steps);
  c->out->gradient_norm = yolo_gradient_norm(grads, s->ranges.items, s->ranges.count, s->threads);
  if (!isfinite(c->out->gradient_norm)) return;
  double clip = t->clip > 0 && c->out->gradient_norm > t->clip ? t->clip / c->out->gradient_norm : 1;
  set_rates(s, c->out->lr);
  yolo_optimizer_step(&s->optimizer, values, grads, s->ranges.items, s->ranges.count, clip, s->threads);
  yolo_trainer_clear_gradients(s->trainer);
  if (s->ema) yolo_ema_update(s->ema, values, s->n_values, s->optimizer.steps, t->ema, t->ema_tau, s->threads);
}

yolo_status yolo_session_update(yolo_session *s, yolo_step_report *out) {
  update_call c = {s, out};
  yolo_with_team(s->threads, update_of_team, &c);
  return isfinite(out->gradient_norm) ? YOLO_OK : yolo_fail(YOLO_EINVAL, "the gradient is not finite");
}
