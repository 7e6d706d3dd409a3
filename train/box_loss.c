/* Overlaps of boxes with analytic gradients. See box_loss.h. */
#include "train/box_loss.h"

static const double PI = 3.14159265358979323846;

/* One axis: two intervals, what they share and what they span, with derivatives by centre and size of the first. */
typedef struct axis {
  double shared, shared_at, shared_size; /* value, d/d centre, d/d size */
  double span, span_at, span_size;
} axis;

static axis axis_of(double at, double size, double truth_at, double truth_size) {
  const double low = at - size / 2, high = at + size / 2;
  const double truth_low = truth_at - truth_size / 2, truth_high = truth_at + truth_size / 2;
  axis a = {0, 0, 0, fmax(high, truth_high) - fmin(low, truth_low), 0, 0};
  const double shared = fmin(high, truth_high) - fmax(low, truth_low);
  if (shared > 0) {
    const double by_low = low > truth_low ? -1 : 0, by_high = high < truth_high ? 1 : 0;
    a.shared = shared;
    a.shared_at = by_low + by_high;
    a.shared_size = (by_high - by_low) / 2;
  }
  const double by_low = low < truth_low ? -1 : 0, by_high = high > truth_high ? 1 : 0;
  a.span_at = by_low + by_high;
  a.span_size = (by_high - by_low) / 2;
  return a;
}

static double intersection(const yolo_centred *a, const yolo_centred *b) {
  return axis_of(a->x, a->w, b->x, b->w).shared * axis_of(a->y, a->h, b->y, b->h).shared;
}

double yolo_overlap_iou(const yolo_centred *a, const yolo_centred *b) {
  const double shared = intersection(a, b);
  if (!(shared > 0)) return 0;
  return shared / (a->w * a->h + b->w * b->h - shared);
}

double yolo_overlap_covered(const yolo_centred *a, const yolo_centred *b) {
  const double shared = intersection(a, b);
  return shared > 0 ? shared / (a->w * a->h) : 0;
}

/* out += sign * q / p, quotient rule included; q and p come with their derivatives by x, y, w, h. */
static void add_quotient(yolo_overlap *out, double sign, double q, const double dq[4], double p, const double dp[4]) {
  double *d[4] = {&out->dx, &out->dy, &out->dw, &out->dh};
  if (!(p > 0)) return;
  out->value += sign * q / p;
  for (int k = 0; k < 4; k++) *d[k] += sign * (dq[k] * p - q * dp[k]) / (p * p);
}

static void add_giou(yolo_overlap *out, const yolo_overlap_rule *rule, const axis *x, const axis *y, double u,
                     const double du[4]) {
  const double around = x->span * y->span + rule->eps;
  const double d[4] = {x->span_at * y->span, y->span_at * x->span, x->span_size * y->span, y->span_size * x->span};
  double gap[4];
  for (int k = 0; k < 4; k++) gap[k] = d[k] - du[k];
  add_quotient(out, -1, around - u, gap, around, d);
}

static void add_distance(yolo_overlap *out, const yolo_overlap_rule *rule, const axis *x, const axis *y,
                         const yolo_centred *box, const yolo_centred *truth) {
  const double away_x = box->x - truth->x, away_y = box->y - truth->y;
  const double distance[4] = {2 * away_x, 2 * away_y, 0, 0};
  const double diagonal[4] = {2 * x->span * x->span_at, 2 * y->span * y->span_at, 2 * x->span * x->span_size,
                              2 * y->span * y->span_size};
  add_quotient(out, -1, away_x * away_x + away_y * away_y, distance, x->span * x->span + y->span * y->span + rule->eps,
               diagonal);
}

static void add_aspect(yolo_overlap *out, const yolo_overlap_rule *rule, const yolo_centred *box, const yolo_centred *truth,
                       double iou) {
  const double apart = atan2(truth->w, truth->h) - atan2(box->w, box->h);
  const double v = 4 / (PI * PI) * apart * apart;
  const double below = v - iou + 1 + rule->eps_aspect;
  const double square = rule->plain_aspect ? 1 : box->w * box->w + box->h * box->h;
  if (!(below > 0) || !(square > 0)) return;
  const double slope = v / below * 8 / (PI * PI) * apart / square; /* a is a constant here */
  out->value -= v / below * v;
  out->dw += slope * box->h;
  out->dh -= slope * box->w;
}

yolo_overlap yolo_overlap_of(const yolo_overlap_rule *rule, const yolo_centred *box, const yolo_centred *truth) {
  const axis x = axis_of(box->x, box->w, truth->x, truth->w), y = axis_of(box->y, box->h, truth->y, truth->h);
  const double shared = x.shared * y.shared;
  const double d[4] = {x.shared_at * y.shared, y.shared_at * x.shared, x.shared_size * y.shared, y.shared_size * x.shared};
  const double u = box->w * box->h + truth->w * truth->h - shared + rule->eps;
  const double du[4] = {-d[0], -d[1], box->h - d[2], box->w - d[3]};
  yolo_overlap out = {0, 0, 0, 0, 0, 0};
  add_quotient(&out, 1, shared, d, u, du);
  const double iou = out.value;
  out.iou = yolo_overlap_iou(box, truth);
  if (rule->kind == YOLO_OVERLAP_GIOU) add_giou(&out, rule, &x, &y, u, du);
  if (rule->kind >= YOLO_OVERLAP_DIOU) add_distance(&out, rule, &x, &y, box, truth);
  if (rule->kind == YOLO_OVERLAP_CIOU) add_aspect(&out, rule, box, truth, iou);
  return out;
}
