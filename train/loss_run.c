/* The walk over a batch, and what is counted on the way. See loss_run.h. */
#include "train/loss_run.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/loss_trace.h"

bool yolo_truth_usable(const yolo_truth *t) {
  return t->w > 0 && t->h > 0 && isfinite(t->w) && isfinite(t->h) && t->x >= 0 && t->x <= 1 && t->y >= 0 && t->y <= 1;
}

void yolo_loss_answered(yolo_loss_image *image, int t, double iou) {
  image->positives++;
  image->iou += iou;
  if (iou > image->best[t]) image->best[t] = iou;
  if (image->trace) yolo_loss_trace_answer(image, t, iou);
}

/* Most pairs of boxes lie apart; this says so with a few comparisons. */
static bool lie_apart(const yolo_centred *a, const yolo_centred *b) {
  return 2 * fabs(a->x - b->x) >= a->w + b->w || 2 * fabs(a->y - b->y) >= a->h + b->h;
}

bool yolo_loss_box_ignored(const yolo_loss_image *image, const yolo_centred *box, double share) {
  for (int t = 0; t < image->truths->count; t++) {
    const yolo_truth *truth = &image->truths->items[t];
    if (!truth->ignore || !yolo_truth_usable(truth)) continue;
    const yolo_centred region = yolo_truth_box(truth);
    if (!lie_apart(box, &region) && yolo_overlap_covered(box, &region) > share) return true;
  }
  return false;
}

yolo_loss_nearest yolo_loss_nearest_truth(const yolo_loss_image *image, const yolo_centred *box) {
  yolo_loss_nearest best = {0, -1};
  for (int i = 0; i < image->truths_wanted; i++) {
    if (lie_apart(box, &image->wanted[i].box)) continue;
    const double iou = yolo_overlap_iou(box, &image->wanted[i].box);
    if (iou > best.iou) best = (yolo_loss_nearest){iou, image->wanted[i].truth};
  }
  return best;
}

yolo_status yolo_loss_key(const yolo_cfg_section *section, const char *key, double fallback, double low, double high,
                          double *out) {
  *out = fallback;
  if (!section) return YOLO_OK;
  yolo_status st = yolo_cfg_float(section, key, fallback, out);
  if (st == YOLO_OK && !(*out >= low && *out <= high))
    st = yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%g is out of range (%g to %g)", key, *out, low, high);
  return st;
}

/* ---- what a batch must be ---- */

static yolo_status check_heads(const yolo_loss_batch *batch) {
  if (batch->count < 1 || batch->n_heads < 1 || batch->input_w < 1 || batch->input_h < 1)
    return yolo_fail(YOLO_EINVAL, "a loss needs images and heads, not %d and %d at %d x %d", batch->count, batch->n_heads,
                     batch->input_w, batch->input_h);
  for (int i = 0; i < batch->n_heads; i++) {
    const yolo_tensor *value = &batch->heads[i].value, *grad = &batch->heads[i].grad;
    if (value->shape.n != batch->count || (grad->data && !yolo_shape_equal(value->shape, grad->shape)))
      return yolo_fail(YOLO_ESHAPE, "head %d gives %d images of %d x %d x %d to a loss over %d", i, value->shape.n,
                       value->shape.w, value->shape.h, value->shape.c, batch->count);
  }
  return YOLO_OK;
}

static yolo_status check_truths(const yolo_loss_batch *batch, int classes) {
  for (int n = 0; n < batch->count; n++)
    for (int t = 0; t < batch->images[n].count; t++) {
      const int class_index = batch->images[n].items[t].class_index;
      if (!batch->images[n].items[t].ignore && (class_index < 0 || class_index >= classes))
        return yolo_fail(YOLO_EINVAL, "image %d, object %d: class %d, but the network tells %d classes apart (0 to %d)", n, t,
                         class_index, classes, classes - 1);
    }
  return YOLO_OK;
}

/* ---- room: the images, then for each the best overlaps, the places, what the loss asked for; all on multiples of 16 ---- */

static size_t padded(size_t size) { return (size + 15) / 16 * 16; }

static size_t image_room(const yolo_loss_plan *plan, const yolo_truths *truths) {
  const size_t count = (size_t)truths->count;
  return padded(count * sizeof(double)) + padded(count * sizeof(yolo_loss_place)) + padded(count * plan->room);
}

static yolo_status take_room(const yolo_loss_plan *plan, const yolo_loss_batch *batch, yolo_loss_scratch *scratch) {
  size_t size = padded((size_t)batch->count * sizeof(yolo_loss_image));
  for (int n = 0; plan->classes && n < batch->count; n++) {
    const size_t each = sizeof(double) + sizeof(yolo_loss_place) + plan->room + 48; /* with what padding adds */
    if ((size_t)batch->images[n].count > (SIZE_MAX / 2 - size) / each)
      return yolo_fail(YOLO_ENOMEM, "image %d has too many objects (%d)", n, batch->images[n].count);
    size += image_room(plan, &batch->images[n]);
  }
  if (scratch->data && scratch->size >= size) return YOLO_OK;
  yolo_free(scratch->data);
  *scratch = (yolo_loss_scratch){yolo_alloc(size), size};
  if (scratch->data) return YOLO_OK;
  scratch->size = 0;
  return YOLO_ENOMEM;
}

static void place_truths(const yolo_loss_plan *plan, yolo_loss_image *image, char *at) {
  const yolo_truths *truths = image->truths;
  const size_t count = (size_t)truths->count;
  image->best = (double *)(void *)at;
  image->wanted = (yolo_loss_place *)(void *)(at + padded(count * sizeof(double)));
  image->room = at + image_room(plan, truths) - padded(count * plan->room);
  for (int t = 0; t < truths->count; t++) {
    const yolo_truth *truth = &truths->items[t];
    image->best[t] = -1;
    if (!truth->ignore && yolo_truth_usable(truth))
      image->wanted[image->truths_wanted++] = (yolo_loss_place){yolo_truth_box(truth), t};
  }
}

static void place_images(const yolo_loss_plan *plan, const yolo_loss_batch *batch, void *data) {
  yolo_loss_image *images = data;
  char *at = (char *)data + padded((size_t)batch->count * sizeof *images);
  for (int n = 0; n < batch->count; n++) {
    images[n] =
        (yolo_loss_image){.batch = batch, .index = n, .truths = &batch->images[n], .step = (double)batch->scale / batch->count};
    if (batch->traces) yolo_loss_trace_restart(images[n].trace = &batch->traces[n]);
    if (!plan->classes) continue;
    place_truths(plan, &images[n], at);
    at += image_room(plan, &batch->images[n]);
  }
}

/* ---- the walk ---- */

typedef struct walk {
  const yolo_loss_plan *plan;
  const void *attrs;
  yolo_loss_image *images;
} walk;

static void one_image(void *payload, int task, int thread) {
  const walk *w = payload;
  (void)thread;
  w->plan->image(w->attrs, &w->images[task]);
}

static void add_up(const yolo_loss_plan *plan, const yolo_loss_batch *batch, const yolo_loss_image *images,
                   yolo_loss_report *out) {
  *out = (yolo_loss_report){.images = batch->count};
  while (out->n_parts < YOLO_LOSS_MOST_PARTS && plan->parts[out->n_parts]) {
    snprintf(out->parts[out->n_parts].name, YOLO_LOSS_PART_NAME, "%s", plan->parts[out->n_parts]);
    out->n_parts++;
  }
  for (int n = 0; n < batch->count; n++) {
    const yolo_loss_image *image = &images[n];
    for (int i = 0; i < out->n_parts; i++) out->parts[i].value += image->value[i] / batch->count;
    out->truths += image->truths_wanted;
    out->positives += image->positives;
    out->correct += image->correct;
    out->iou += image->iou;
    for (int t = 0; plan->classes && t < image->truths->count; t++) {
      out->recalled50 += image->best[t] >= 0.5;
      out->recalled75 += image->best[t] >= 0.75;
    }
  }
  for (int i = 0; i < out->n_parts; i++) out->total += out->parts[i].value;
}

yolo_status yolo_loss_run_images(const yolo_loss_plan *plan, const void *attrs, const yolo_loss_batch *batch,
                                 yolo_loss_report *out) {
  yolo_loss_scratch own = {0}, *scratch = batch->scratch ? batch->scratch : &own;
  yolo_status st = YOLO_OK;
  *out = (yolo_loss_report){0};
  YOLO_TRY(check_heads(batch));
  if (plan->classes) YOLO_TRY(check_truths(batch, plan->classes));
  YOLO_TRY(take_room(plan, batch, scratch));
  walk w = {plan, attrs, scratch->data};
  place_images(plan, batch, scratch->data);
  yolo_parallel(batch->threads, batch->count, one_image, &w);
  add_up(plan, batch, w.images, out);
  st = yolo_loss_trace_finish(batch, 1.0 / batch->count);
done:
  yolo_free(own.data);
  return st;
}
