/* Darknet's rule: assignment, objectness and classes. See darknet_loss.h; the keys and box terms stand in darknet_terms.c. */
#include "train/darknet_loss.h"

#include <string.h>

enum { BOX, OBJECTNESS, CLASS, UNCERTAINTY };

static const double SURE = 0.25; /* AlexeyAB's yolo_layer.c: some class of the prediction is above it */

/* ---- who answers ---- */

static double shape_overlap(yolo_overlap_kind kind, yolo_centred a, yolo_centred b) {
  const yolo_overlap_rule rule = {kind, 0, 1e-6, true};
  a.x = a.y = b.x = b.y = 0;
  return kind == YOLO_OVERLAP_IOU ? yolo_overlap_iou(&a, &b) : yolo_overlap_of(&rule, &a, &b).value;
}

static int best_shape(const yolo_grid_head *head, const yolo_loss_image *image, const yolo_tensor *value, yolo_centred truth) {
  int best = 0;
  double best_iou = 0;
  for (int k = 0; k < head->total; k++) {
    const double iou = shape_overlap(YOLO_OVERLAP_IOU, yolo_grid_prior(head, k, image->batch, value), truth);
    if (iou > best_iou) best = k, best_iou = iou;
  }
  return best;
}

static int assign(const yolo_grid_head *head, const yolo_loss_image *image, const yolo_tensor *value, yolo_grid_item *items) {
  const yolo_darknet_keys *keys = head->keys;
  int count = 0;
  for (int i = 0; i < image->truths_wanted; i++) {
    const yolo_truth *truth = &image->truths->items[image->wanted[i].truth];
    const yolo_centred box = image->wanted[i].box;
    const int cx = yolo_grid_cell(truth->x, value->shape.w), cy = yolo_grid_cell(truth->y, value->shape.h);
    const int best = best_shape(head, image, value, box);
    for (int a = 0; a < head->n; a++) {
      const yolo_centred prior = yolo_grid_prior(head, head->mask[a], image->batch, value);
      if (head->mask[a] == best || (keys->several < 1 && shape_overlap(keys->several_kind, prior, box) > keys->several))
        items[count++] = (yolo_grid_item){yolo_grid_row_index(head, value->shape.w, cx, cy, a), image->wanted[i].truth};
    }
  }
  return count;
}

/* ---- rows that answer for a truth ---- */

/* Darknet's focal weight, half the slope of (1 - p)^2 log p by p's logit: alpha 0.5, gamma 2 (Lin et al., "Focal loss", ICCV
 * 2017, section 3.2). It is a constant for the gradient. */
static double focal_weight(double p) {
  p = p > 1e-15 ? p : 1e-15;
  return 0.5 * -(1 - p) * (2 * p * log(p) + p - 1);
}

static bool wants_class(const yolo_loss_image *image, const yolo_grid_item *items, int n_items, int k) {
  for (int i = 0; i < n_items; i++)
    if (image->truths->items[items[i].truth].class_index == k) return true;
  return false;
}

static void class_terms(yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items, int n_items,
                        double weight) {
  const yolo_grid_head *head = row->head;
  const yolo_darknet_keys *keys = head->keys;
  const float *value = row->value + head->first_class;
  weight *= keys->class_ * keys->all;
  if (keys->focal) weight *= focal_weight(yolo_grid_probability(head, value[image->truths->items[items[0].truth].class_index]));
  for (int k = 0; k < head->classes; k++) {
    const bool wanted = wants_class(image, items, n_items, k);
    const double factor = wanted ? weight * (double)keys->class_weight[k] : weight;
    double target = wanted, slope;
    if (!keys->focal) target = target * (1 - keys->smooth) + keys->smooth / 2;
    image->value[CLASS] += factor * yolo_grid_miss(head, (double)value[k], target, &slope);
    yolo_grid_push(image, row, head->first_class + k, factor * slope);
  }
}

static void box_terms(const yolo_darknet *darknet, yolo_loss_image *image, const yolo_grid_row *row,
                      const yolo_grid_item *items, int n_items) {
  const yolo_darknet_keys *keys = row->head->keys;
  const int first = keys->mean ? 0 : n_items - 1, used = n_items - first;
  double slopes[YOLO_DARKNET_COORDS] = {0};
  for (int i = first; i < n_items; i++) {
    const yolo_truth *truth = &image->truths->items[items[i].truth];
    yolo_darknet_box term = {0};
    darknet->box(keys, row, truth, (double)truth->weight * (double)keys->class_weight[truth->class_index], &term);
    image->value[BOX] += keys->all * term.value[0] / used;
    if (row->head->spread > 1) image->value[UNCERTAINTY] += keys->all * term.value[1] / used;
    for (int k = 0; k < 4 * row->head->spread; k++) slopes[k] += keys->all * term.slope[k] / used;
  }
  for (int k = 0; k < 4 * row->head->spread; k++) yolo_grid_push(image, row, k, slopes[k]);
}

static void objectness_term(yolo_loss_image *image, const yolo_grid_row *row, double target, double weight) {
  const yolo_darknet_keys *keys = row->head->keys;
  double slope;
  weight *= keys->objectness * keys->all;
  image->value[OBJECTNESS] += weight * yolo_grid_miss(row->head, (double)row->value[row->head->objectness], target, &slope);
  yolo_grid_push(image, row, row->head->objectness, weight * slope);
}

static void answering(const yolo_darknet *darknet, yolo_loss_image *image, const yolo_grid_row *row,
                      const yolo_grid_item *items, int n_items) {
  const yolo_darknet_keys *keys = row->head->keys;
  const yolo_centred box = yolo_grid_box(row);
  double weight = 0, weighted = 0;
  for (int i = 0; i < n_items; i++) {
    const yolo_truth *truth = &image->truths->items[items[i].truth];
    const yolo_centred wanted = yolo_truth_box(truth);
    yolo_loss_answered(image, items[i].truth, yolo_overlap_iou(&box, &wanted));
    weight += (double)truth->weight / n_items;
    weighted += (double)truth->weight * (double)keys->class_weight[truth->class_index] / n_items;
  }
  box_terms(darknet, image, row, items, n_items);
  objectness_term(image, row, 1, weighted);
  class_terms(image, row, items, n_items, weight);
}

/* ---- the others ---- */

static bool is_sure(const yolo_grid_row *row) {
  for (int k = 0; k < row->head->classes; k++)
    if (yolo_grid_probability(row->head, (double)row->value[row->head->first_class + k]) > SURE) return true;
  return false;
}

static void visit(const void *attrs, yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items,
                  int n_items) {
  const yolo_darknet_keys *keys = row->head->keys;
  double target = 0;
  if (n_items > 0) {
    answering(attrs, image, row, items, n_items);
    return;
  }
  if (image->truths->count > 0) {
    const yolo_centred box = yolo_grid_box(row);
    const yolo_loss_nearest near = yolo_loss_nearest_truth(image, &box);
    if (near.truth >= 0 && near.iou > keys->truth) {
      const yolo_grid_item item = {0, near.truth};
      answering(attrs, image, row, &item, 1);
      return;
    }
    if (near.iou > keys->ignore && (!keys->sure || is_sure(row))) {
      if (!keys->soft) return;
      target = near.iou;
    } else if (yolo_loss_box_ignored(image, &box, keys->ignore)) {
      return;
    }
  }
  objectness_term(image, row, target, 1);
}

static void one_image(const void *attrs, yolo_loss_image *image) {
  const yolo_darknet *darknet = attrs;
  for (int h = 0; h < darknet->grid.n_heads; h++) {
    const int count = assign(&darknet->grid.heads[h], image, &image->batch->heads[h].value, image->room);
    yolo_grid_walk(&darknet->grid, h, image, image->room, count, visit, attrs);
  }
}

/* ---- the loss ---- */

yolo_status yolo_darknet_make(const yolo_loss_head *heads, int n_heads, int spread, yolo_darknet **out) {
  const size_t classes = n_heads > 0 ? (size_t)heads[0].head->classes : 0;
  void *block = NULL;
  *out = NULL;
  yolo_status st =
      yolo_grid_make(heads, n_heads, spread, sizeof(yolo_darknet), sizeof(yolo_darknet_keys) + classes * sizeof(float), &block);
  if (st != YOLO_OK) return st;
  yolo_darknet *darknet = block;
  *out = darknet;
  darknet->plan = (yolo_loss_plan){.parts = {"box", "objectness", "class", spread > 1 ? "uncertainty" : NULL},
                                   .classes = darknet->grid.classes,
                                   .room = (size_t)darknet->grid.rows_a_cell * sizeof(yolo_grid_item),
                                   .image = one_image};
  for (int i = 0; i < n_heads; i++) {
    yolo_darknet_keys *keys = darknet->grid.heads[i].keys;
    *keys =
        (yolo_darknet_keys){.several = 1, .box = 1, .objectness = 1, .class_ = 1, .uncertainty = 1, .all = 1, .most = INFINITY};
    for (size_t k = 0; k < classes; k++) keys->class_weight[k] = 1;
    if ((st = yolo_loss_key(heads[i].section, "ignore_thresh", 0.5, 0, 1, &keys->ignore)) != YOLO_OK) return st;
    if ((st = yolo_loss_key(heads[i].section, "truth_thresh", 1, 0, 1, &keys->truth)) != YOLO_OK) return st;
    if ((st = yolo_loss_key(heads[i].section, "label_smooth_eps", 0, 0, 0.999, &keys->smooth)) != YOLO_OK) return st;
  }
  return YOLO_OK;
}

yolo_status yolo_darknet_run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  const yolo_darknet *darknet = attrs;
  *out = (yolo_loss_report){0};
  yolo_status st = yolo_grid_check(&darknet->grid, batch);
  return st == YOLO_OK ? yolo_loss_run_images(&darknet->plan, attrs, batch, out) : st;
}
