/* Gradients of losses by what heads say, against differences. See gradcheck.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/anchors.h"
#include "train/explain/gradcheck_parts.h"

enum { STEPS = 4 };
static const double first_step = 1.0 / 64, step_ratio = 1.0 / 4;

/* ---- what a value is ---- */

typedef enum value_kind { VALUE_BOX, VALUE_CLASS, VALUE_OBJECTNESS, VALUE_OTHER } value_kind;

/* Value k of a pixel of a head with anchors: 4 coordinates (8 with deviations), the objectness, the classes. */
static value_kind in_row(const yolo_loss_head *head, int k, int coordinates) {
  const yolo_anchor_attrs *attrs = head->head->attrs;
  const int at = k % (head->value.shape.c / attrs->n);
  if (at < coordinates) return VALUE_BOX;
  return at == coordinates ? VALUE_OBJECTNESS : VALUE_CLASS;
}

/* [detection] is one flat vector, read channel by channel: classes, then objectness, then boxes. */
static value_kind in_vector(const yolo_loss_head *head, size_t pixel, int k) {
  const yolo_shape s = head->value.shape;
  const size_t map = (size_t)s.h * (size_t)s.w, all = map * (size_t)s.c, at = (size_t)k * map + pixel % map;
  int side = 7, num = 1;
  (void)yolo_cfg_int(head->section, "side", 7, 1, 1024, &side);
  (void)yolo_cfg_int(head->section, "num", 1, 1, 1024, &num);
  return at >= all - (size_t)side * (size_t)side * (size_t)num * 4 ? VALUE_BOX : VALUE_OTHER;
}

static value_kind kind_of(const yolo_session_group *group, int h, size_t pixel, int k) {
  const yolo_loss_head *head = &group->heads[h];
  const char *name = head->head->def->section.name;
  if (!name) return VALUE_OTHER;
  if (strcmp(name, "yolo") == 0 || strcmp(name, "region") == 0) return in_row(head, k, 4);
  if (strcmp(name, "Gaussian_yolo") == 0) return in_row(head, k, 8);
  return strcmp(name, "detection") == 0 ? in_vector(head, pixel, k) : VALUE_OTHER;
}

/* Gradients that a loss defines itself (loss_yolov4.c, loss_gaussian.c say how): of boxes by overlap (CIoU takes its weight a
 * for a constant, in yolov5 too), of classes by focal weights that count as constants. */
static bool defined_by_loss(const yolo_session_group *group, int h, value_kind kind) {
  const yolo_cfg_section *section = group->heads[h].section;
  const bool gaussian = strcmp(group->loss->name, "gaussian") == 0;
  int focal = 0;
  if (strcmp(group->loss->name, "yolov5") == 0) return kind == VALUE_BOX;
  if (!gaussian && strcmp(group->loss->name, "yolov4") != 0) return false;
  if (kind == VALUE_CLASS) return yolo_cfg_int(section, "focal_loss", 0, 0, 1, &focal) != YOLO_OK || focal;
  return kind == VALUE_BOX && (gaussian || strcmp(yolo_cfg_text(section, "iou_loss", "mse"), "mse") != 0);
}

/* ---- differences ---- */

/* The heads of a group with values that may be moved. */
typedef struct bench {
  const yolo_gradcheck *check;
  int group;
  yolo_loss_head heads[8];
} bench;

/* By a box: without the objectness, whose wanted value may be the box's overlap and counts as a constant. */
static yolo_status loss_at(const bench *b, value_kind kind, double *out) {
  yolo_loss_report report;
  yolo_status st = yolo_gradcheck_loss(b->check, b->group, b->heads, &report);
  *out = 0;
  for (int i = 0; st == YOLO_OK && i < report.n_parts; i++)
    if (kind != VALUE_BOX || strcmp(report.parts[i].name, "objectness") != 0) *out += report.parts[i].value;
  return st;
}

static yolo_status differ(const bench *b, value_kind kind, float *value, double step, double *out) {
  const float kept = *value, high = (float)((double)kept + step), low = (float)((double)kept - step);
  double above = 0, below = 0;
  *value = high;
  yolo_status st = loss_at(b, kind, &above);
  *value = low;
  if (st == YOLO_OK) st = loss_at(b, kind, &below);
  *value = kept;
  *out = (above - below) / ((double)high - (double)low);
  return st;
}

/* A value where the loss jumps (an overlap crosses a threshold) has no derivative: it is passed over. */
static yolo_status check_value(const bench *b, value_kind kind, float *value, double analytic, double least,
                               yolo_gradcheck_row *row) {
  double step = first_step, last = 0, doubt = INFINITY, error = INFINITY, numeric = 0;
  const double tolerance = b->check->options.tolerance;
  yolo_status st = YOLO_OK;
  for (int k = 0; k < STEPS && doubt > tolerance / 20; k++, step *= step_ratio) {
    YOLO_TRY(differ(b, kind, value, step, &numeric));
    const double drift = k > 0 ? yolo_gradcheck_error(numeric, last, least) : INFINITY;
    last = numeric;
    if (drift >= doubt) continue;
    doubt = drift;
    error = yolo_gradcheck_error(numeric, analytic, least);
  }
  if (doubt > tolerance) {
    row->skipped++;
    goto done;
  }
  row->checked++;
  yolo_gradcheck_worse(row, error, doubt, yolo_gradcheck_judge(b->check, error, doubt));
done:
  return st;
}

/* ---- which values ---- */

typedef struct pick {
  float size;
  size_t index;
} pick;

static int largest_first(const void *left, const void *right) {
  const pick *a = left, *b = right;
  if (a->size != b->size) return a->size > b->size ? -1 : 1;
  return (a->index > b->index) - (a->index < b->index);
}

/* Half of them where the gradient is largest, which is where predictions answer; half anywhere. */
static yolo_status choose(const yolo_gradcheck *c, const gradcheck_head *head, size_t wanted, size_t *out) {
  pick *picks = yolo_alloc_array(head->count, sizeof *picks);
  yolo_rng rng = {.key = c->options.seed, .stream = 3};
  if (!picks) return YOLO_ENOMEM;
  for (size_t i = 0; i < head->count; i++) picks[i] = (pick){fabsf(head->slope[i]), i};
  qsort(picks, head->count, sizeof *picks, largest_first);
  for (size_t i = 0; i < wanted; i++) {
    const size_t any = (size_t)yolo_rng_u32(&rng) % head->count;
    out[i] = i < wanted / 2 || wanted == head->count ? picks[i].index : any;
  }
  yolo_free(picks);
  return YOLO_OK;
}

/* ---- a head ---- */

static yolo_status check_head(const bench *b, int h, yolo_gradcheck_row *row) {
  const yolo_gradcheck *c = b->check;
  const yolo_session_group *group = &c->session->groups[b->group];
  const gradcheck_head *kept = &c->heads[b->group * 8 + h];
  const size_t wanted = kept->count < (size_t)c->options.values ? kept->count : (size_t)c->options.values;
  const size_t channels = (size_t)group->heads[h].value.shape.c;
  size_t *chosen = yolo_alloc_array(wanted + 1, sizeof *chosen);
  double largest = 0;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(chosen);
  YOLO_TRY(choose(c, kept, wanted, chosen));
  for (size_t i = 0; i < kept->count; i++) largest = fmax(largest, fabs((double)kept->slope[i]));
  for (size_t i = 0; i < wanted; i++) {
    const size_t at = chosen[i];
    const value_kind kind = kind_of(group, h, at / channels, (int)(at % channels));
    if (defined_by_loss(group, h, kind)) {
      row->skipped++;
      continue;
    }
    YOLO_TRY(check_value(b, kind, (float *)b->heads[h].value.data + at, (double)kept->slope[at], 1e-6 * largest, row));
  }
  if (row->checked == 0) row->verdict = YOLO_GRADCHECK_UNCLEAR;
done:
  yolo_free(chosen);
  return st;
}

static void open_bench(const yolo_gradcheck *c, int group, bench *out) {
  const yolo_session_group *g = &c->session->groups[group];
  *out = (bench){.check = c, .group = group};
  for (int h = 0; h < g->n_heads; h++) {
    out->heads[h] = g->heads[h];
    out->heads[h].value = yolo_tensor_dense(c->heads[group * 8 + h].value, g->heads[h].value.shape);
    out->heads[h].grad.data = NULL;
  }
}

yolo_status yolo_gradcheck_heads(yolo_gradcheck *c, bool (*say)(void *payload, const yolo_gradcheck_row *row), void *payload) {
  const yolo_model_spec *spec = c->session->spec;
  yolo_status st = YOLO_OK;
  for (int g = 0; g < c->session->n_groups; g++) {
    bench b;
    open_bench(c, g, &b);
    for (int h = 0; h < c->session->groups[g].n_heads; h++) {
      const int layer = spec->graph->nodes[b.heads[h].head->node].layer;
      yolo_gradcheck_row row = {.layer = layer, .head = true, .kind = spec->graph->layers[layer].section};
      YOLO_TRY(check_head(&b, h, &row));
      if (!say(payload, &row)) return yolo_fail(YOLO_ECANCELLED, "the check was stopped");
    }
  }
done:
  return st;
}
