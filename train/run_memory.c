/* Does a training fit into memory, and how many images of a step at a time? See run.h.
 *
 * Weights, gradients, the optimiser's moments, their average and the copy that is validated are there whatever the batch is;
 * activations and workspace grow with the images in memory. An eighth of what is free is left for images and what else there
 * is. */
#include <math.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/run_parts.h"

static double megabytes(uint64_t bytes) { return (double)bytes * 1e-6; }

static bool fits(const yolo_run_plan *p) { return p->available == UINT64_MAX || p->needed <= p->available - p->available / 8; }

/* What there is whatever the batch is. */
static size_t fixed_bytes(const yolo_run *run, size_t params, size_t grads) {
  const yolo_train_settings *t = &run->config->train;
  const int copies = yolo_optimizer_moments((yolo_optimizer_kind)t->optimizer) + (t->ema > 0);
  return params + grads + (size_t)copies * params + (run->val ? params : 0);
}

/* Where addresses are limited, the threads that will begin take a stack and a heap of the C library each, and for a moment
 * twice such a heap. */
static uint64_t free_bytes(const yolo_run *run) {
  enum { STACK_AND_HEAP = 72 << 20 };
  const int cores = yolo_threads_available(), threads = run->config->train.threads, workers = run->config->data.workers;
  const uint64_t room = yolo_memory_available(), addresses = yolo_memory_addresses();
  if (addresses == UINT64_MAX) return room;
  const uint64_t later = (uint64_t)((threads > 0 ? threads : cores) + (workers > 0 ? workers : cores) + 1) * STACK_AND_HEAP;
  const uint64_t left = addresses > later ? addresses - later : 0;
  return left < room ? left : room;
}

yolo_status yolo_run_check_memory(yolo_run *run) {
  yolo_run_plan *p = &run->plan;
  const size_t params = (size_t)yolo_graph_param_count(run->spec.graph, false) * sizeof(float);
  p->available = free_bytes(run);
  p->needed = fixed_bytes(run, params, params);
  if (fits(p)) return YOLO_OK;
  return yolo_fail(YOLO_ENOMEM,
                   "the weights of %s, their gradients and the optimizer alone take %.0f MB, and %.0f MB of memory are free; a "
                   "smaller network is needed (yolo-nano has 1.1 million parameters)",
                   run->model_name, megabytes(p->needed), megabytes(p->available));
}

/* Sets the plan's memory for so many images of this size at a time. Another size need not fit the network: *out false. */
static bool measure(yolo_run *run, int part, int width, int height) {
  yolo_run_plan *p = &run->plan;
  yolo_session *s = &run->session;
  if (yolo_trainer_measure(s->trainer, part, height, width, &p->memory) != YOLO_OK) return false;
  const size_t params = p->memory.params;
  p->judge = run->val ? params : 0;
  p->optimizer = (size_t)(s->optimizer.n_moments + (s->ema != NULL)) * params;
  p->needed = fixed_bytes(run, params, p->memory.grads) + p->memory.activations + p->memory.work;
  return true;
}

/* At the largest size of multi-scale, where the network can have it. */
static yolo_status measure_part(yolo_run *run, int part) {
  const yolo_session *s = &run->session;
  const double most = run->config->augment.multi_scale[1] > 1 ? run->config->augment.multi_scale[1] : 1;
  if (most > 1 && measure(run, part, (int)(s->width * most), (int)(s->height * most))) return YOLO_OK;
  return measure(run, part, s->width, s->height) ? YOLO_OK : YOLO_ENOMEM;
}

/* The largest divisor of the batch, from `part` down, that fits; 0: none does. */
static yolo_status find_part(yolo_run *run, int part, int *out) {
  const int batch = run->config->train.batch;
  yolo_status st = YOLO_OK;
  for (*out = part; *out > 0; --*out) {
    if (batch % *out != 0) continue;
    st = measure_part(run, *out);
    if (st != YOLO_OK || fits(&run->plan)) return st;
  }
  return st;
}

/* Not even one image fits: what would? Without multi-scale, then smaller and smaller, in steps of 32 pixels. */
static yolo_status fail_one(yolo_run *run) {
  enum { STEP = 32 };
  const yolo_session *s = &run->session;
  const yolo_run_plan *p = &run->plan;
  const double needed = megabytes(p->needed), free_now = megabytes(p->available);
  if (run->config->augment.multi_scale[1] > 1 && measure(run, 1, s->width, s->height) && fits(p)) {
    return yolo_fail(YOLO_ENOMEM,
                     "one image of %dx%d and the network take %.0f MB with multi-scale, and %.0f MB of memory are free; "
                     "augment.multi_scale = 1 fits",
                     s->width, s->height, needed, free_now);
  }
  for (int width = (s->width - 1) / STEP * STEP; width > 0; width -= STEP) {
    const int height = (int)lround((double)s->height * width / s->width / STEP) * STEP;
    if (height < STEP || !measure(run, 1, width, height) || !fits(p)) continue;
    return yolo_fail(
        YOLO_ENOMEM,
        "one image of %dx%d and the network take %.0f MB, and %.0f MB of memory are free; model.imgsz = %dx%d fits", s->width,
        s->height, needed, free_now, width, height);
  }
  return yolo_fail(
      YOLO_ENOMEM,
      "one image of %dx%d and the network take %.0f MB, and %.0f MB of memory are free; a smaller network is needed "
      "(yolo-nano has 1.1 million parameters)",
      s->width, s->height, needed, free_now);
}

yolo_status yolo_run_choose_part(yolo_run *run) {
  const yolo_train_settings *t = &run->config->train;
  const yolo_run_plan *p = &run->plan;
  const bool asked = t->part > 0;
  const int wanted = asked && t->part < t->batch ? t->part : t->batch;
  int part = 0;
  if (t->batch % wanted != 0)
    return yolo_fail(YOLO_EINVAL, "train.part = %d does not divide the %d images of a step", t->part, t->batch);
  yolo_status st = measure_part(run, wanted);
  const uint64_t needed = p->needed;
  if (st == YOLO_OK) st = find_part(run, wanted, &part);
  if (st != YOLO_OK) return st;
  if (part == 0) return fail_one(run);
  if (asked && part < wanted) {
    return yolo_fail(
        YOLO_ENOMEM,
        "train.part = %d: so many images of %dx%d at a time take %.0f MB with the network, and %.0f MB of memory are "
        "free; train.part = %d fits (gradients add up to a step of %d images all the same)",
        wanted, run->session.width, run->session.height, megabytes(needed), megabytes(p->available), part, t->batch);
  }
  if (part < wanted)
    yolo_run_note(run,
                  "%d images at a time would take %.0f MB, and %.0f MB of memory are free: it is %d, with summed gradients",
                  wanted, megabytes(needed), megabytes(p->available), part);
  run->plan.part = part;
  run->parts = t->batch / part;
  return YOLO_OK;
}
