/* The loss of YOLOv2 for [region] (Redmon & Farhadi, "YOLO9000", 2017, section 2), with the deltas of Darknet:
 *
 *   L = coord_scale  sum over answering predictions of (2 - w h) [D(tx) + D(ty) + (tw - tw*)^2 / 2 + (th - th*)^2 / 2]    box
 *     + object_scale sum over those of D(to), wanted 1, or the overlap with rescore=1 objectness
 *     + noobject_scale sum over the others of D(to), wanted 0, unless they overlap a truth by more than thresh
 *     + class_scale  sum over answering predictions of -log softmax(c)_k   (softmax=0: D for each class)                  class
 *     + 0.01 sum over the others of the box term towards the anchor in the middle of its cell, for the first 12800 images prior
 *
 * with D the divergence of the value's logistic from what is wanted (cross entropy less the target's entropy). The gradient is
 * the exact derivative of L and Darknet's delta; Darknet prints its squared length instead. A truth belongs to the cell of its
 * centre and the anchor whose predicted size (with bias_match=1: whose own size) overlaps it best. Where truths share a
 * prediction, the last one has it; with softmax=0 the classes of all are wanted. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/grid_loss.h"

enum { BOX, OBJECTNESS, CLASS, PRIOR, YOUNG = 12800 };

static const double PRIOR_SCALE = 0.01;

typedef struct region_keys {
  double object, noobject, class_, coord, thresh;
  bool bias_match, rescore;
} region_keys;

typedef struct region {
  yolo_grid grid;
  yolo_loss_plan plan;
} region;

/* ---- who answers ---- */

static int assign(const yolo_grid_head *head, const yolo_loss_image *image, const yolo_tensor *value, yolo_grid_item *items) {
  const region_keys *keys = head->keys;
  int count = 0;
  for (int i = 0; i < image->truths_wanted; i++) {
    const yolo_truth *truth = &image->truths->items[image->wanted[i].truth];
    const int cx = yolo_grid_cell((double)truth->x, value->shape.w), cy = yolo_grid_cell((double)truth->y, value->shape.h);
    const float *values = yolo_pixel(value, image->index, cy, cx);
    const yolo_centred shape = {0, 0, (double)truth->w, (double)truth->h};
    double best_iou = 0;
    int best = 0;
    for (int a = 0; a < head->n; a++) {
      yolo_centred box = yolo_grid_prior(head, a, image->batch, value);
      if (!keys->bias_match) {
        box.w *= exp((double)values[a * head->size + 2]);
        box.h *= exp((double)values[a * head->size + 3]);
      }
      const double iou = yolo_overlap_iou(&box, &shape);
      if (iou > best_iou) best = a, best_iou = iou;
    }
    items[count++] = (yolo_grid_item){yolo_grid_row_index(head, value->shape.w, cx, cy, best), image->wanted[i].truth};
  }
  return count;
}

/* ---- terms ---- */

/* What the box of a row costs when it should be `wanted` (in shares of the picture). */
static void box_term(yolo_loss_image *image, const yolo_grid_row *row, const yolo_centred *wanted, double weight, int part) {
  const double target[4] = {wanted->x * row->w - row->cx, wanted->y * row->h - row->cy, log(wanted->w / row->prior_w),
                            log(wanted->h / row->prior_h)};
  for (int k = 0; k < 4; k++) {
    double slope = (double)row->value[k] - target[k], miss = slope * slope / 2;
    if (k < 2) miss = yolo_grid_miss(row->head, (double)row->value[k], target[k], &slope);
    image->value[part] += weight * miss;
    yolo_grid_push(image, row, k, weight * slope);
  }
}

static void objectness_term(yolo_loss_image *image, const yolo_grid_row *row, double target, double weight) {
  double slope;
  image->value[OBJECTNESS] += weight * yolo_grid_miss(row->head, (double)row->value[row->head->objectness], target, &slope);
  yolo_grid_push(image, row, row->head->objectness, weight * slope);
}

static void softmax_term(yolo_loss_image *image, const yolo_grid_row *row, int wanted, double weight) {
  const yolo_grid_head *head = row->head;
  const float *value = row->value + head->first_class;
  double largest = (double)value[0], sum = 0;
  for (int k = 1; k < head->classes; k++) largest = fmax(largest, (double)value[k]);
  for (int k = 0; k < head->classes; k++) sum += exp((double)value[k] - largest);
  image->value[CLASS] += weight * (log(sum) + largest - (double)value[wanted]);
  for (int k = 0; k < head->classes; k++)
    yolo_grid_push(image, row, head->first_class + k, weight * (exp((double)value[k] - largest) / sum - (k == wanted)));
}

static void logistic_terms(yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items, int n_items,
                           double weight) {
  const yolo_grid_head *head = row->head;
  for (int k = 0; k < head->classes; k++) {
    double target = 0, slope;
    for (int i = 0; i < n_items; i++) target = image->truths->items[items[i].truth].class_index == k ? 1 : target;
    image->value[CLASS] += weight * yolo_grid_miss(head, (double)row->value[head->first_class + k], target, &slope);
    yolo_grid_push(image, row, head->first_class + k, weight * slope);
  }
}

static void answering(yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items, int n_items) {
  const region_keys *keys = row->head->keys;
  const yolo_truth *last = &image->truths->items[items[n_items - 1].truth];
  const yolo_centred box = yolo_grid_box(row), wanted = yolo_truth_box(last);
  const double weight = (double)last->weight;
  for (int i = 0; i < n_items; i++) {
    const yolo_centred truth = yolo_truth_box(&image->truths->items[items[i].truth]);
    yolo_loss_answered(image, items[i].truth, yolo_overlap_iou(&box, &truth));
  }
  box_term(image, row, &wanted, weight * keys->coord * (2 - wanted.w * wanted.h), BOX);
  objectness_term(image, row, keys->rescore ? yolo_overlap_iou(&box, &wanted) : 1, weight * keys->object);
  if (row->head->softmax)
    softmax_term(image, row, last->class_index, weight * keys->class_);
  else
    logistic_terms(image, row, items, n_items, weight * keys->class_);
}

static void visit(const void *attrs, yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items,
                  int n_items) {
  const region_keys *keys = row->head->keys;
  bool ignored = false;
  (void)attrs;
  if (n_items > 0) {
    answering(image, row, items, n_items);
    return;
  }
  if (image->batch->seen < YOUNG) {
    const yolo_centred prior = {(row->cx + 0.5) / row->w, (row->cy + 0.5) / row->h, row->prior_w, row->prior_h};
    box_term(image, row, &prior, PRIOR_SCALE, PRIOR);
  }
  if (image->truths->count > 0) {
    const yolo_centred box = yolo_grid_box(row);
    ignored = yolo_loss_nearest_truth(image, &box).iou > keys->thresh || yolo_loss_box_ignored(image, &box, keys->thresh);
  }
  if (!ignored) objectness_term(image, row, 0, keys->noobject);
}

static void one_image(const void *attrs, yolo_loss_image *image) {
  const region *loss = attrs;
  for (int h = 0; h < loss->grid.n_heads; h++) {
    const int count = assign(&loss->grid.heads[h], image, &image->batch->heads[h].value, image->room);
    yolo_grid_walk(&loss->grid, h, image, image->room, count, visit, attrs);
  }
}

/* ---- the loss ---- */

static yolo_status read_keys(const yolo_cfg_section *section, region_keys *keys) {
  static const double most = 1e6;
  yolo_status st = YOLO_OK;
  int flag = 0;
  YOLO_TRY(yolo_loss_key(section, "object_scale", 1, 0, most, &keys->object));
  YOLO_TRY(yolo_loss_key(section, "noobject_scale", 1, 0, most, &keys->noobject));
  YOLO_TRY(yolo_loss_key(section, "class_scale", 1, 0, most, &keys->class_));
  YOLO_TRY(yolo_loss_key(section, "coord_scale", 1, 0, most, &keys->coord));
  YOLO_TRY(yolo_loss_key(section, "thresh", 0.5, 0, 1, &keys->thresh));
  YOLO_TRY(yolo_cfg_int(section, "bias_match", 0, 0, 1, &flag));
  keys->bias_match = flag != 0;
  YOLO_TRY(yolo_cfg_int(section, "rescore", 0, 0, 1, &flag));
  keys->rescore = flag != 0;
done:
  return st;
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_status st = YOLO_OK;
  void *block = NULL;
  *out = NULL;
  YOLO_TRY(yolo_grid_make(heads, n_heads, 1, sizeof(region), sizeof(region_keys), &block));
  region *loss = block;
  for (int i = 0; i < n_heads; i++) YOLO_TRY(read_keys(heads[i].section, loss->grid.heads[i].keys));
  loss->plan = (yolo_loss_plan){.parts = {"box", "objectness", "class", "prior"},
                                .classes = loss->grid.classes,
                                .room = sizeof(yolo_grid_item),
                                .image = one_image};
  *out = block;
  block = NULL;
done:
  yolo_free(block);
  return st;
}

static yolo_status run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  const region *loss = attrs;
  *out = (yolo_loss_report){0};
  yolo_status st = yolo_grid_check(&loss->grid, batch);
  return st == YOLO_OK ? yolo_loss_run_images(&loss->plan, attrs, batch, out) : st;
}

const yolo_loss_def yolo_loss_region = {.name = "region",
                                        .summary = "the anchor whose box fits best at the cell (YOLOv2, Redmon & Farhadi 2017)",
                                        .heads = {"region", NULL},
                                        .recipe = YOLO_PRESET_DARKNET,
                                        .make = make,
                                        .run = run};
