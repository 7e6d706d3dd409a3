/* The twelve numbers of COCOeval.summarize: means of precision and recall over thresholds, recalls and classes.
 *
 * pycocotools takes numpy.mean of the values above -1, in the order [t][r][k]. numpy adds in pairs of blocks ("pairwise
 * summation"); to get its last bit the same tree is walked here: blocks of up to 128 values are added in eight running sums,
 * larger ones are halved at a multiple of eight. */
#include <string.h>

#include "train/eval/coco_eval.h"

const char *const yolo_eval_number_names[YOLO_EVAL_NUMBERS] = {"AP",  "AP50", "AP75",  "APs", "APm", "APl",
                                                               "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"};

/* The values of one slice of precision (or of recall, which has no r), one after another; those that are undefined are left
 * out. */
typedef struct slice {
  const double *values;
  int n_r, n_k;             /* extents of the array */
  size_t r_step, k_step;    /* and their strides */
  int t_end, k_from, k_end; /* what is walked */
  int t, r, k;
} slice;

static bool next_value(slice *s, double *out) {
  while (s->t < s->t_end) {
    double value = s->values[((size_t)s->t * (size_t)s->n_r + (size_t)s->r) * s->r_step + (size_t)s->k * s->k_step];
    if (++s->k == s->k_end) {
      s->k = s->k_from;
      if (++s->r == s->n_r) {
        s->r = 0;
        ++s->t;
      }
    }
    if (value > -1) {
      *out = value;
      return true;
    }
  }
  return false;
}

enum { PAIRWISE_BLOCK = 128, PAIRWISE_LANES = 8 };

static double block_sum(slice *s, size_t n) {
  double v[PAIRWISE_BLOCK], lane[PAIRWISE_LANES], sum;
  size_t i;
  for (i = 0; i < n; ++i) next_value(s, &v[i]);
  if (n < PAIRWISE_LANES) {
    for (sum = 0, i = 0; i < n; ++i) sum += v[i];
    return sum;
  }
  memcpy(lane, v, sizeof lane);
  for (i = PAIRWISE_LANES; i < n - n % PAIRWISE_LANES; ++i) lane[i % PAIRWISE_LANES] += v[i];
  sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  for (; i < n; ++i) sum += v[i];
  return sum;
}

static double pairwise_sum(slice *s, size_t n) {
  if (n <= PAIRWISE_BLOCK) return block_sum(s, n);
  size_t half = n / 2;
  half -= half % PAIRWISE_LANES;
  double first = pairwise_sum(s, half);
  return first + pairwise_sum(s, n - half);
}

static double mean(const slice *whole) {
  slice s = *whole;
  size_t n = 0;
  double value;
  if (s.k == s.k_end) return -1;
  while (next_value(&s, &value)) ++n;
  s = *whole;
  return n > 0 ? pairwise_sum(&s, n) / (double)n : -1;
}

/* Classes [k_from, k_end), which may be all. */
typedef struct range {
  int from, end;
} range;

/* t < 0: over all thresholds. */
static double mean_of(const yolo_eval_result *result, bool precision, int t, int a, int m, range classes) {
  const yolo_eval_params *p = &result->params;
  size_t k_step = (size_t)p->n_areas * (size_t)p->n_limits;
  slice s = {.n_r = precision ? p->n_recalls : 1, .n_k = result->n_classes, .k_step = k_step};
  s.r_step = (size_t)result->n_classes * k_step;
  s.values = (precision ? result->precision : result->recall) + (size_t)a * (size_t)p->n_limits + (size_t)m;
  s.t = t < 0 ? 0 : t;
  s.t_end = t < 0 ? p->n_ious : t + 1;
  s.k = s.k_from = classes.from;
  s.k_end = classes.end;
  return mean(&s);
}

static int find_area(const yolo_eval_params *p, const char *name) {
  for (int a = 0; a < p->n_areas; ++a) {
    if (strcmp(p->area_names[a], name) == 0) return a;
  }
  return -1;
}

static void summarize(const yolo_eval_result *result, range classes, double out[YOLO_EVAL_NUMBERS]) {
  enum { LAST = 2 };
  static const struct {
    bool precision;
    double iou; /* 0: all */
    const char *area;
    int limit;
  } numbers[YOLO_EVAL_NUMBERS] = {
      {true, 0, "all", LAST},    {true, 0.5, "all", LAST},  {true, 0.75, "all", LAST},  {true, 0, "small", LAST},
      {true, 0, "medium", LAST}, {true, 0, "large", LAST},  {false, 0, "all", 0},       {false, 0, "all", 1},
      {false, 0, "all", LAST},   {false, 0, "small", LAST}, {false, 0, "medium", LAST}, {false, 0, "large", LAST},
  };
  const yolo_eval_params *p = &result->params;
  int hundred = yolo_eval_limit_index(p, 100);
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) {
    int t = numbers[i].iou > 0 ? yolo_eval_iou_index(p, numbers[i].iou) : -1, a = find_area(p, numbers[i].area);
    int m = numbers[i].limit < p->n_limits ? numbers[i].limit : p->n_limits - 1;
    if (i == 0 && hundred >= 0) m = hundred; /* AP alone is taken at 100, wherever that stands */
    bool there = a >= 0 && (t >= 0 || numbers[i].iou == 0);
    out[i] = there ? mean_of(result, numbers[i].precision, t, a, m, classes) : -1;
  }
}

void yolo_eval_summary(const yolo_eval_result *result, double out[YOLO_EVAL_NUMBERS]) {
  summarize(result, (range){0, result->n_classes}, out);
}

void yolo_eval_class_summary(const yolo_eval_result *result, int class_index, double out[YOLO_EVAL_NUMBERS]) {
  summarize(result, (range){class_index, class_index + 1}, out);
}
