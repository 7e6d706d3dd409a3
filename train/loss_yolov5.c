/* The loss of YOLOv5 (ultralytics/yolov5, utils/loss.py) for [yolo] heads, with new_coords or without:
 *
 *   L = images of a step x sum over heads of [ box_gain k  mean over answering predictions of (1 - CIoU)
 *                                            + obj_gain balance g  mean over all predictions of BCE(to, max(CIoU, 0))
 *                                            + cls_gain K/80 k  mean over answering predictions and classes of BCE(ck) ]
 * with k = 3 / heads, g = k (input area / 640^2), K classes (no class part for one), balance 4, 1, 0.4 for three heads from the
 * finest to the coarsest, else 4, 1, 0.25, 0.06, 0.02; the gains are 0.05, 1 and 0.5 unless the section says otherwise. Means
 * are over the whole batch. The wanted objectness is a constant for the gradient, which otherwise is the exact derivative of L.
 *
 * Who answers: every anchor whose sides are between 1/4 and 4 times the truth's, in the cell of the truth's centre and in the
 * up to two neighbours that are nearer than half a cell, where scale_x_y lets their centres reach the truth (2: always). Where
 * several truths share a prediction, the largest overlap is its objectness. label_smooth_eps softens classes. */
#include <stdint.h>

#include "backbone/base/memory.h"
#include "train/grid_loss.h"

enum { BOX, OBJECTNESS, CLASS };
enum { CELLS = 3, MOST_HEADS = 8 };

static const double RATIO = 4, CLASSES = 80, INPUT = 640, HEADS = 3, IGNORED = 0.5;
static const double EPS = 1e-7;

typedef struct v5_keys {
  double smooth, balance;          /* label_smooth_eps; of the objectness */
  double box, objectness, classes; /* box_gain, obj_gain, cls_gain */
} v5_keys;

typedef struct v5 {
  yolo_grid grid;
  yolo_loss_plan plan;
} v5;

/* What one term of the sums counts in a batch, for each head. */
typedef struct v5_weights {
  double box, objectness, class_;
} v5_weights;

typedef struct v5_run {
  const v5 *loss;
  v5_weights weights[MOST_HEADS];
} v5_run;

/* ---- who answers ---- */

static bool shapes_agree(yolo_centred prior, const yolo_truth *truth) {
  const double w = (double)truth->w / prior.w, h = (double)truth->h / prior.h;
  return fmax(fmax(w, 1 / w), fmax(h, 1 / h)) < RATIO;
}

static bool reaches(const yolo_grid_head *head, double at) {
  const double beyond = (head->scale - 1) / 2;
  return at >= -beyond && at <= 1 + beyond;
}

/* The cells that see a truth at (x, y) in cells: its own and the nearer neighbour of each axis. */
static int cells_of(const yolo_grid_head *head, double x, double y, int w, int h, int cells[CELLS][2]) {
  const int cx = yolo_grid_cell(x / w, w), cy = yolo_grid_cell(y / h, h);
  const double in_x = x - cx, in_y = y - cy;
  const int step_x = in_x < 0.5 && x > 1 ? -1 : in_x > 0.5 && w - x > 1 ? 1 : 0;
  const int step_y = in_y < 0.5 && y > 1 ? -1 : in_y > 0.5 && h - y > 1 ? 1 : 0;
  int count = 0;
  cells[count][0] = cx, cells[count++][1] = cy;
  if (step_x && reaches(head, in_x - step_x)) cells[count][0] = cx + step_x, cells[count++][1] = cy;
  if (step_y && reaches(head, in_y - step_y)) cells[count][0] = cx, cells[count++][1] = cy + step_y;
  return count;
}

/* items NULL: only the number is wanted. */
static int assign(const yolo_grid_head *head, const yolo_loss_batch *batch, const yolo_truths *truths, const yolo_tensor *value,
                  yolo_grid_item *items) {
  const int w = value->shape.w, h = value->shape.h;
  int count = 0, cells[CELLS][2];
  for (int t = 0; t < truths->count; t++) {
    const yolo_truth *truth = &truths->items[t];
    if (truth->ignore || !yolo_truth_usable(truth)) continue;
    const int n_cells = cells_of(head, (double)truth->x * w, (double)truth->y * h, w, h, cells);
    for (int a = 0; a < head->n; a++) {
      if (!shapes_agree(yolo_grid_prior(head, head->mask[a], batch, value), truth)) continue;
      for (int c = 0; c < n_cells; c++, count++)
        if (items) items[count] = (yolo_grid_item){yolo_grid_row_index(head, w, cells[c][0], cells[c][1], a), t};
    }
  }
  return count;
}

/* ---- terms ---- */

/* Binary cross entropy and its slope. A probability is kept away from 0 and 1, where the logistic before it has no slope. */
static double cross_entropy(const yolo_grid_head *head, double value, double target, double *slope) {
  if (!head->new_coords) {
    *slope = yolo_sigmoid(value) - target;
    return yolo_bce_logit(value, target);
  }
  const double p = value < EPS ? EPS : value > 1 - EPS ? 1 - EPS : value;
  *slope = (p - target) / (p * (1 - p));
  return -target * log(p) - (1 - target) * log1p(-p);
}

/* Box and CIoU in cells of the grid, as the original counts them; slopes add up. Gives the overlap. */
static double box_term(double weight, yolo_loss_image *image, const yolo_grid_row *row, const yolo_truth *truth,
                       double slopes[4]) {
  static const yolo_overlap_rule rule = {YOLO_OVERLAP_CIOU, 1e-7, 1e-7, false};
  const yolo_grid_head *head = row->head;
  double slope_x, slope_y;
  yolo_centred box = yolo_grid_box(row);
  const yolo_centred wanted = {(double)truth->x * row->w - row->cx, (double)truth->y * row->h - row->cy,
                               (double)truth->w * row->w, (double)truth->h * row->h};
  box.w *= row->w;
  box.h *= row->h;
  box.x = yolo_grid_centre(head, (double)row->value[0], &slope_x);
  box.y = yolo_grid_centre(head, (double)row->value[1], &slope_y);
  const yolo_overlap overlap = yolo_overlap_of(&rule, &box, &wanted);
  image->value[BOX] += weight * (1 - overlap.value);
  slopes[0] -= weight * overlap.dx * slope_x;
  slopes[1] -= weight * overlap.dy * slope_y;
  slopes[2] -= weight * overlap.dw * (head->new_coords ? 8 * (double)row->value[2] * row->prior_w * row->w : box.w);
  slopes[3] -= weight * overlap.dh * (head->new_coords ? 8 * (double)row->value[3] * row->prior_h * row->h : box.h);
  return overlap.value;
}

static void class_terms(double weight, yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items,
                        int n_items) {
  const yolo_grid_head *head = row->head;
  const v5_keys *keys = head->keys;
  if (head->classes < 2) return;
  for (int k = 0; k < head->classes; k++) {
    double sum = 0, slope;
    for (int i = 0; i < n_items; i++) {
      const yolo_truth *truth = &image->truths->items[items[i].truth];
      const double target = k == truth->class_index ? 1 - keys->smooth / 2 : keys->smooth / 2;
      const double part = weight * (double)truth->weight;
      image->value[CLASS] += part * cross_entropy(head, (double)row->value[head->first_class + k], target, &slope);
      sum += part * slope;
    }
    yolo_grid_push(image, row, head->first_class + k, sum);
  }
}

/* Box and classes of a row that answers; gives the objectness that is wanted of it. */
static double answering(const v5_weights *weights, yolo_loss_image *image, const yolo_grid_row *row,
                        const yolo_grid_item *items, int n_items) {
  const yolo_centred box = yolo_grid_box(row);
  double objectness = 0, slopes[4] = {0, 0, 0, 0};
  for (int i = 0; i < n_items; i++) {
    const yolo_truth *truth = &image->truths->items[items[i].truth];
    const yolo_centred wanted = yolo_truth_box(truth);
    yolo_loss_answered(image, items[i].truth, yolo_overlap_iou(&box, &wanted));
    objectness = fmax(objectness, box_term(weights->box * (double)truth->weight, image, row, truth, slopes));
  }
  for (int k = 0; k < 4; k++) yolo_grid_push(image, row, k, slopes[k]);
  class_terms(weights->class_, image, row, items, n_items);
  return objectness;
}

static void visit(const void *attrs, yolo_loss_image *image, const yolo_grid_row *row, const yolo_grid_item *items,
                  int n_items) {
  const v5_run *run = attrs;
  const v5_weights *weights = &run->weights[row->head - run->loss->grid.heads];
  double objectness = 0, slope;
  if (n_items > 0) {
    objectness = answering(weights, image, row, items, n_items);
  } else if (image->truths->count > 0) {
    const yolo_centred box = yolo_grid_box(row);
    if (yolo_loss_box_ignored(image, &box, IGNORED)) return;
  }
  const int at = row->head->objectness;
  image->value[OBJECTNESS] += weights->objectness * cross_entropy(row->head, (double)row->value[at], objectness, &slope);
  yolo_grid_push(image, row, at, weights->objectness * slope);
}

static void one_image(const void *attrs, yolo_loss_image *image) {
  const v5 *loss = ((const v5_run *)attrs)->loss;
  for (int h = 0; h < loss->grid.n_heads; h++) {
    const int count = assign(&loss->grid.heads[h], image->batch, image->truths, &image->batch->heads[h].value, image->room);
    yolo_grid_walk(&loss->grid, h, image, image->room, count, visit, attrs);
  }
}

/* ---- the loss ---- */

/* The means are over the batch: how many predictions answer is known before the walk. The walk divides by the images. */
static void weigh(const v5 *loss, const yolo_loss_batch *batch, v5_run *out) {
  const double heads = HEADS / loss->grid.n_heads, images = (double)batch->count * batch->nominal;
  const double area = (double)batch->input_w * batch->input_h / (INPUT * INPUT);
  out->loss = loss;
  for (int h = 0; h < loss->grid.n_heads; h++) {
    const yolo_grid_head *head = &loss->grid.heads[h];
    const yolo_tensor *value = &batch->heads[h].value;
    const v5_keys *keys = head->keys;
    double positives = 0;
    for (int n = 0; n < batch->count; n++) positives += assign(head, batch, &batch->images[n], value, NULL);
    if (positives < 1) positives = 1; /* there will be no term to weigh */
    out->weights[h].box = images * keys->box * heads / positives;
    out->weights[h].class_ = images * keys->classes * head->classes / CLASSES * heads / positives / head->classes;
    out->weights[h].objectness =
        images * keys->objectness * heads * area * keys->balance / ((double)yolo_shape_pixels(value->shape) * head->n);
  }
}

/* Heads stand in the cfg in any order: the finest map has the first balance. */
static void set_balance(const yolo_loss_head *heads, v5 *loss) {
  static const double three[] = {4, 1, 0.4}, others[] = {4, 1, 0.25, 0.06, 0.02};
  for (int h = 0; h < loss->grid.n_heads; h++) {
    int finer = 0;
    for (int i = 0; i < loss->grid.n_heads; i++) {
      const int pixels = heads[i].value.shape.w * heads[i].value.shape.h,
                mine = heads[h].value.shape.w * heads[h].value.shape.h;
      finer += pixels > mine || (pixels == mine && i < h);
    }
    ((v5_keys *)loss->grid.heads[h].keys)->balance = loss->grid.n_heads == 3 ? three[finer] : others[finer < 4 ? finer : 4];
  }
}

static yolo_status read_keys(const yolo_cfg_section *section, v5_keys *out) {
  static const double most = 1e6;
  yolo_status st = yolo_loss_key(section, "label_smooth_eps", 0, 0, 0.999, &out->smooth);
  if (st == YOLO_OK) st = yolo_loss_key(section, "box_gain", 0.05, 0, most, &out->box);
  if (st == YOLO_OK) st = yolo_loss_key(section, "obj_gain", 1, 0, most, &out->objectness);
  if (st == YOLO_OK) st = yolo_loss_key(section, "cls_gain", 0.5, 0, most, &out->classes);
  return st;
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_status st = YOLO_OK;
  void *block = NULL;
  *out = NULL;
  if (n_heads > MOST_HEADS) return yolo_fail(YOLO_EUNSUPPORTED, "yolov5 trains at most %d heads, not %d", MOST_HEADS, n_heads);
  YOLO_TRY(yolo_grid_make(heads, n_heads, 1, sizeof(v5), sizeof(v5_keys), &block));
  v5 *loss = block;
  for (int i = 0; i < n_heads; i++) YOLO_TRY(read_keys(heads[i].section, loss->grid.heads[i].keys));
  set_balance(heads, loss);
  loss->plan = (yolo_loss_plan){.parts = {"box", "objectness", "class"},
                                .classes = loss->grid.classes,
                                .room = (size_t)loss->grid.rows_a_cell * CELLS * sizeof(yolo_grid_item),
                                .image = one_image};
  *out = block;
  block = NULL;
done:
  yolo_free(block);
  return st;
}

static yolo_status run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  const v5 *loss = attrs;
  v5_run now;
  *out = (yolo_loss_report){0};
  yolo_status st = yolo_grid_check(&loss->grid, batch);
  if (st != YOLO_OK) return st;
  weigh(loss, batch, &now);
  return yolo_loss_run_images(&loss->plan, &now, batch, out);
}

const yolo_loss_def yolo_loss_yolov5 = {.name = "yolov5",
                                        .summary = "anchors by ratio, neighbour cells, CIoU, objectness = overlap (YOLOv5)",
                                        .heads = {"yolo", NULL},
                                        .recipe = YOLO_PRESET_YOLOV5,
                                        .make = make,
                                        .run = run};
