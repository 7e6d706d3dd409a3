/* The loss of the first YOLO for [detection] (Redmon et al., CVPR 2016, section 2.2, equation 3), with the scales of Darknet:
 *
 *   L = coord_scale    / 2  sum over responsible boxes of (x - x*)^2 + (y - y*)^2 + (w - w*)^2 + (h - h*)^2        box
 *     + object_scale   / 2  sum over those of (C - 1)^2   (rescore=1: C - overlap)                                 objectness
 *     + noobject_scale / 2  sum over all other boxes of C^2
 *     + class_scale    / 2  sum over cells with an object of sum_k (p_k - p_k*)^2                                  class
 *
 * x, y within the cell; with sqrt=1 the network gives roots of w and h. softmax=1: -log softmax(p)_k in place of the square.
 * The first object whose centre lies in a cell has the cell. Responsible is the box that overlaps it best, or is nearest to it
 * where none overlaps (forced=1: the second box for objects below a tenth of the picture, else the first). Boxes of cells
 * without an object that lie by more than half in an ignored region are not punished. The gradient is the exact derivative of
 * L. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/loss_trace.h"

enum { BOX, OBJECTNESS, CLASS };

static const double FORCED_AREA = 0.1, IGNORED = 0.5;

typedef struct detection {
  yolo_loss_plan plan;
  int side, num, classes;
  bool softmax, square, rescore, forced;
  double object, noobject, class_, coord;
} detection;

/* ---- the flat vector; a map is read in Darknet's order (channel, row, column) ---- */

static size_t offset_of(const yolo_tensor *tensor, size_t k) {
  const size_t map = (size_t)tensor->shape.h * (size_t)tensor->shape.w;
  return k % map * tensor->stride + k / map;
}

static double value_at(const yolo_loss_image *image, size_t k) {
  const yolo_tensor *value = &image->batch->heads[0].value;
  return (double)yolo_pixel(value, image->index, 0, 0)[offset_of(value, k)];
}

static void push(const yolo_loss_image *image, size_t k, double derivative) {
  const yolo_tensor *grad = &image->batch->heads[0].grad;
  if (grad->data) yolo_pixel(grad, image->index, 0, 0)[offset_of(grad, k)] += (float)(image->step * derivative);
}

static size_t class_at(const detection *loss, size_t cell) { return cell * (size_t)loss->classes; }

static size_t objectness_at(const detection *loss, size_t cell, int b) {
  return (size_t)loss->side * (size_t)loss->side * (size_t)loss->classes + cell * (size_t)loss->num + (size_t)b;
}

static size_t box_at(const detection *loss, size_t cell, int b) {
  return (size_t)loss->side * (size_t)loss->side * (size_t)(loss->classes + loss->num) +
         (cell * (size_t)loss->num + (size_t)b) * 4;
}

static yolo_centred read_box(const detection *loss, const yolo_loss_image *image, size_t cell, int b) {
  const size_t at = box_at(loss, cell, b), side = (size_t)loss->side;
  const double w = value_at(image, at + 2), h = value_at(image, at + 3);
  return (yolo_centred){(value_at(image, at) + (double)(cell % side)) / loss->side,
                        (value_at(image, at + 1) + (double)(cell / side)) / loss->side, loss->square ? w * w : w,
                        loss->square ? h * h : h};
}

/* ---- who answers ---- */

static const yolo_truth *truth_of(const detection *loss, const yolo_loss_image *image, size_t cell, int *index) {
  for (int i = 0; i < image->truths_wanted; i++) {
    const yolo_truth *truth = &image->truths->items[image->wanted[i].truth];
    int cx = (int)((double)truth->x * loss->side), cy = (int)((double)truth->y * loss->side);
    cx -= cx == loss->side;
    cy -= cy == loss->side;
    if ((size_t)cy * (size_t)loss->side + (size_t)cx != cell) continue;
    *index = image->wanted[i].truth;
    return truth;
  }
  return NULL;
}

static int responsible(const detection *loss, const yolo_loss_image *image, size_t cell, const yolo_centred *truth) {
  double best_iou = 0, least = INFINITY;
  int best = 0;
  if (loss->forced) return truth->w * truth->h < FORCED_AREA && loss->num > 1 ? 1 : 0;
  for (int b = 0; b < loss->num; b++) {
    const yolo_centred box = read_box(loss, image, cell, b);
    const double iou = yolo_overlap_iou(&box, truth), x = box.x - truth->x, y = box.y - truth->y;
    const double w = box.w - truth->w, h = box.h - truth->h, away = x * x + y * y + w * w + h * h;
    if (iou > best_iou) {
      best_iou = iou;
      best = b;
    } else if (!(best_iou > 0) && away < least) {
      best = b;
    }
    if (away < least) least = away;
  }
  return best;
}

/* ---- terms ---- */

static void square_term(yolo_loss_image *image, size_t at, double target, double weight, int part) {
  const double miss = value_at(image, at) - target;
  image->value[part] += weight * miss * miss / 2;
  push(image, at, weight * miss);
}

static void class_terms(const detection *loss, yolo_loss_image *image, size_t cell, int wanted, double weight) {
  const size_t at = class_at(loss, cell);
  double largest = value_at(image, at), sum = 0;
  if (!loss->softmax) {
    for (int k = 0; k < loss->classes; k++) square_term(image, at + (size_t)k, k == wanted, weight, CLASS);
    return;
  }
  for (int k = 1; k < loss->classes; k++) largest = fmax(largest, value_at(image, at + (size_t)k));
  for (int k = 0; k < loss->classes; k++) sum += exp(value_at(image, at + (size_t)k) - largest);
  image->value[CLASS] += weight * (log(sum) + largest - value_at(image, at + (size_t)wanted));
  for (int k = 0; k < loss->classes; k++)
    push(image, at + (size_t)k, weight * (exp(value_at(image, at + (size_t)k) - largest) / sum - (k == wanted)));
}

static void box_terms(const detection *loss, yolo_loss_image *image, size_t cell, int b, const yolo_truth *truth) {
  const size_t at = box_at(loss, cell, b), side = (size_t)loss->side;
  const double w = (double)truth->w, h = (double)truth->h;
  const double target[4] = {(double)truth->x * loss->side - (double)(cell % side),
                            (double)truth->y * loss->side - (double)(cell / side), loss->square ? sqrt(w) : w,
                            loss->square ? sqrt(h) : h};
  for (size_t k = 0; k < 4; k++) square_term(image, at + k, target[k], loss->coord * (double)truth->weight, BOX);
}

/* Box b of a cell begins to cost. There are no anchors: its place is the cell. */
static void open_row(const detection *loss, yolo_loss_image *image, size_t cell, int b) {
  const int cx = (int)cell % loss->side, cy = (int)cell / loss->side;
  const double size = 1.0 / loss->side;
  if (!image->trace) return;
  const yolo_loss_row row = {.cx = cx,
                             .cy = cy,
                             .anchor = b,
                             .place = {(cx + 0.5) * size, (cy + 0.5) * size, size, size},
                             .box = read_box(loss, image, cell, b)};
  yolo_loss_trace_open(image, &row);
}

static void close_row(yolo_loss_image *image) {
  if (image->trace) yolo_loss_trace_close(image);
}

static void one_cell(const detection *loss, yolo_loss_image *image, size_t cell) {
  int index = 0, chosen = -1;
  const yolo_truth *truth = truth_of(loss, image, cell, &index);
  if (truth) {
    const double weight = (double)truth->weight;
    const yolo_centred wanted = yolo_truth_box(truth);
    chosen = responsible(loss, image, cell, &wanted);
    const yolo_centred box = read_box(loss, image, cell, chosen);
    const double iou = yolo_overlap_iou(&box, &wanted);
    open_row(loss, image, cell, chosen);
    yolo_loss_answered(image, index, iou);
    box_terms(loss, image, cell, chosen, truth);
    square_term(image, objectness_at(loss, cell, chosen), loss->rescore ? iou : 1, loss->object * weight, OBJECTNESS);
    class_terms(loss, image, cell, truth->class_index, loss->class_ * weight);
    close_row(image);
  }
  for (int b = 0; b < loss->num; b++) {
    const yolo_centred box = read_box(loss, image, cell, b);
    if (b == chosen) continue;
    open_row(loss, image, cell, b);
    if (truth || !yolo_loss_box_ignored(image, &box, IGNORED))
      square_term(image, objectness_at(loss, cell, b), 0, loss->noobject, OBJECTNESS);
    close_row(image);
  }
}

static void one_image(const void *attrs, yolo_loss_image *image) {
  const detection *loss = attrs;
  for (size_t cell = 0; cell < (size_t)loss->side * (size_t)loss->side; cell++) one_cell(loss, image, cell);
}

/* ---- the loss ---- */

static yolo_status read_keys(const yolo_cfg_section *section, detection *loss) {
  static const double most = 1e6;
  const char *const names[] = {"softmax", "sqrt", "rescore", "forced"};
  bool *const flags[] = {&loss->softmax, &loss->square, &loss->rescore, &loss->forced};
  yolo_status st = YOLO_OK;
  double chance;
  YOLO_TRY(yolo_cfg_int(section, "side", 7, 1, 1024, &loss->side));
  YOLO_TRY(yolo_cfg_int(section, "num", 1, 1, 1024, &loss->num));
  for (int i = 0; i < 4; i++) {
    int flag = 0;
    YOLO_TRY(yolo_cfg_int(section, names[i], 0, 0, 1, &flag));
    *flags[i] = flag != 0;
  }
  YOLO_TRY(yolo_loss_key(section, "object_scale", 1, 0, most, &loss->object));
  YOLO_TRY(yolo_loss_key(section, "noobject_scale", 1, 0, most, &loss->noobject));
  YOLO_TRY(yolo_loss_key(section, "class_scale", 1, 0, most, &loss->class_));
  YOLO_TRY(yolo_loss_key(section, "coord_scale", 1, 0, most, &loss->coord));
  YOLO_TRY(yolo_cfg_float(section, "random", 0, &chance));
  if (chance != 0)
    st = yolo_cfg_fail(section, "random", YOLO_EUNSUPPORTED,
                       "random=%g draws responsible boxes by chance, which this program does not do; set random=0", chance);
done:
  return st;
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  detection *loss = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  if (n_heads != 1 || !heads[0].section)
    return yolo_fail(YOLO_EUNSUPPORTED, "the detection loss trains one [detection] head, not %d", n_heads);
  loss = yolo_calloc(1, sizeof *loss);
  YOLO_ENOMEM_IF_NULL(loss);
  loss->classes = heads[0].head->classes;
  YOLO_TRY(read_keys(heads[0].section, loss));
  loss->plan = (yolo_loss_plan){.parts = {"box", "objectness", "class"}, .classes = loss->classes, .image = one_image};
  *out = loss;
  loss = NULL;
done:
  yolo_free(loss);
  return st;
}

static yolo_status run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  const detection *loss = attrs;
  const yolo_shape shape = batch->heads[0].value.shape;
  const long long wanted = (long long)loss->side * loss->side * (loss->classes + 5 * loss->num);
  *out = (yolo_loss_report){0};
  if (batch->n_heads != 1 || wanted != (long long)shape.h * shape.w * shape.c)
    return yolo_fail(YOLO_ESHAPE, "the detection loss was made for %lld values an image, not %d x %d x %d", wanted, shape.w,
                     shape.h, shape.c);
  return yolo_loss_run_images(&loss->plan, attrs, batch, out);
}

const yolo_loss_def yolo_loss_detection = {.name = "detection",
                                           .summary = "squared differences over a grid (YOLO, Redmon et al. 2016)",
                                           .heads = {"detection", NULL},
                                           .recipe = YOLO_PRESET_DARKNET,
                                           .make = make,
                                           .run = run};
