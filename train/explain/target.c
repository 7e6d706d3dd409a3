/* From a detection to the values that made it: see target.h.
 *
 * Heads tell candidates, not where they come from. For heads that read rows, the rows are decoded once more, one after another,
 * until the wanted candidate appears. A default box of SSD is recognised by the box it becomes. The first YOLO's flat vector is
 * decoded with the confidence of one box at a time, all others 0. */
#include "train/explain/target.h"

#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/anchors.h"
#include "detect/ssd.h"

/* ---- what is there ---- */

bool yolo_explain_map_box(const yolo_explain_pass *pass, const yolo_box *box, int width, int height, yolo_detection *out) {
  const yolo_placement *at = &pass->place;
  *out = (yolo_detection){.class_id = box->class_id, .confidence = box->confidence};
  out->x1 = fminf(fmaxf((box->x1 - at->offset_x) / at->scale_x, 0), (float)width);
  out->y1 = fminf(fmaxf((box->y1 - at->offset_y) / at->scale_y, 0), (float)height);
  out->x2 = fminf(fmaxf((box->x2 - at->offset_x) / at->scale_x, 0), (float)width);
  out->y2 = fminf(fmaxf((box->y2 - at->offset_y) / at->scale_y, 0), (float)height);
  return out->x2 > out->x1 && out->y2 > out->y1;
}

yolo_status yolo_explain_detect(const yolo_explain_pass *pass, float confidence, int width, int height,
                                yolo_explain_found *out) {
  const yolo_model_spec *spec = pass->spec;
  yolo_nms_options nms = {.kind = spec->heads[0].nms ? spec->heads[0].nms : YOLO_NMS_BY_IOU, .threshold = 0.45f};
  yolo_status st = YOLO_OK;
  yolo_detection ignored;
  int kept = 0;
  *out = (yolo_explain_found){.how = {spec->width, spec->height, confidence, false}};
  for (int h = 0; h < spec->n_heads; h++) {
    const yolo_head *head = &spec->heads[h];
    const yolo_tensor tensor = yolo_explain_value(pass, head->node);
    out->first[h] = out->boxes.count;
    YOLO_TRY(head->def->decode(head, &tensor, 0, &out->how, &out->boxes));
  }
  for (int i = 0; i < out->boxes.count; i++)
    if (yolo_explain_map_box(pass, &out->boxes.items[i], width, height, &ignored))
      out->boxes.items[kept++] = out->boxes.items[i];
  out->boxes.count = kept;
  YOLO_TRY(yolo_boxes_suppress(&out->boxes, &nms));
done:
  if (st != YOLO_OK) yolo_explain_found_release(out);
  return st;
}

void yolo_explain_found_release(yolo_explain_found *found) { yolo_boxes_free(&found->boxes); }

/* ---- where it comes from ---- */

typedef struct search {
  const yolo_explain_pass *pass;
  const yolo_head *head;
  const yolo_decode *how;
  yolo_tensor tensor;
  int wanted; /* the how-manieth candidate of the head */
} search;

static yolo_cell cell_of(const search *s) {
  return (yolo_cell){.width = (double)s->how->input_w / s->tensor.shape.w,
                     .height = (double)s->how->input_h / s->tensor.shape.h};
}

static void place(const yolo_cell *cell, yolo_explain_target *out) {
  out->cell_x = cell->x;
  out->cell_y = cell->y;
  out->row = cell->row;
}

static void add_seed(yolo_explain_target *t, int channel, double sign, bool probability) {
  t->seeds[t->n_seeds++] = (yolo_explain_seed){t->cell_y, t->cell_x, channel, sign, probability};
}

static yolo_status lost(void) { return yolo_fail(YOLO_EINVAL, "the values that made the detection were not found again"); }

static yolo_status find_row(const search *s, yolo_explain_target *out) {
  const yolo_anchor_attrs *attrs = s->head->attrs;
  yolo_row_filter filter;
  yolo_cell cell = cell_of(s);
  yolo_boxes boxes = {0};
  yolo_status st = YOLO_OK;
  s->head->def->rows(s->head, s->how, &filter);
  for (cell.y = 0; cell.y < s->tensor.shape.h; cell.y++)
    for (cell.x = 0; cell.x < s->tensor.shape.w; cell.x++)
      for (cell.row = 0; cell.row < filter.rows; cell.row++) {
        const int first = cell.row * filter.row;
        const float *t = yolo_pixel(&s->tensor, 0, cell.y, cell.x) + first;
        if (!(t[filter.score] > filter.floor)) continue;
        YOLO_TRY(s->head->def->decode_row(s->head, &cell, t, s->how, &boxes));
        if (boxes.count <= s->wanted) continue;
        place(&cell, out);
        add_seed(out, first + filter.score, 1, attrs->new_coords);
        add_seed(out, first + filter.score + 1 + out->class_id, 1, attrs->new_coords);
        goto done;
      }
  st = lost();
done:
  yolo_boxes_free(&boxes);
  return st;
}

static bool same_box(const yolo_box *a, const yolo_box *b) {
  return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

static yolo_status find_default_box(const search *s, yolo_explain_target *out) {
  const yolo_ssd_attrs *attrs = s->head->attrs;
  const int row = yolo_ssd_row(s->head);
  yolo_cell cell = cell_of(s);
  for (cell.y = 0; cell.y < s->tensor.shape.h; cell.y++)
    for (cell.x = 0; cell.x < s->tensor.shape.w; cell.x++)
      for (cell.row = 0; cell.row < attrs->n; cell.row++) {
        const yolo_ssd_box from = yolo_ssd_default(attrs, &cell, s->how->input_w, s->how->input_h);
        const float *t = yolo_pixel(&s->tensor, 0, cell.y, cell.x) + cell.row * row;
        const yolo_ssd_box is = yolo_ssd_decode(attrs, &from, t);
        const yolo_box box = yolo_box_centred(is.x, is.y, is.w, is.h);
        if (!same_box(&box, &out->box)) continue;
        place(&cell, out);
        add_seed(out, cell.row * row + YOLO_SSD_OFFSETS + 1 + out->class_id, 1, false);
        add_seed(out, cell.row * row + YOLO_SSD_OFFSETS, -1, false);
        return YOLO_OK;
      }
  return lost();
}

/* ---- the first YOLO ---- */

typedef struct flat {
  int side, num;
} flat;

/* Value k of the flat vector; a map is read in Darknet's order (channel, row, column). */
static yolo_explain_seed flat_seed(const yolo_tensor *tensor, int k) {
  const int map = tensor->shape.h * tensor->shape.w;
  return (yolo_explain_seed){k % map / tensor->shape.w, k % map % tensor->shape.w, k / map, 1, false};
}

static float *flat_value(const yolo_tensor *tensor, int k) {
  const yolo_explain_seed at = flat_seed(tensor, k);
  return &yolo_pixel(tensor, 0, at.y, at.x)[at.channel];
}

/* Box b of a cell: is it the one? `copy` has no confidence but that of this box. */
static yolo_status is_flat_box(const search *s, const yolo_tensor *copy, int at, const yolo_box *box, bool *found) {
  yolo_boxes boxes = {0};
  *flat_value(copy, at) = *flat_value(&s->tensor, at);
  yolo_status st = s->head->def->decode(s->head, copy, 0, s->how, &boxes);
  *flat_value(copy, at) = 0;
  *found = false;
  for (int i = 0; i < boxes.count; i++) *found |= same_box(&boxes.items[i], box) && boxes.items[i].class_id == box->class_id;
  yolo_boxes_free(&boxes);
  return st;
}

static yolo_status read_flat(const search *s, flat *out) {
  const yolo_model_spec *spec = s->pass->spec;
  const yolo_cfg_section *section = &spec->cfg->sections[spec->graph->nodes[s->head->node].layer + 1];
  yolo_status st = yolo_cfg_int(section, "side", 7, 1, 1024, &out->side);
  return st == YOLO_OK ? yolo_cfg_int(section, "num", 1, 1, 1024, &out->num) : st;
}

static yolo_status find_flat(const search *s, yolo_explain_target *out) {
  const yolo_shape shape = s->tensor.shape;
  const size_t pixels = yolo_shape_pixels(shape), c = (size_t)shape.c;
  flat f = {0};
  float *values = NULL;
  bool found = false;
  int i = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(read_flat(s, &f));
  const int cells = f.side * f.side, boxes = cells * f.num, confidences = cells * s->head->classes;
  YOLO_ENOMEM_IF_NULL(values = yolo_alloc_array(pixels * c, sizeof *values));
  const yolo_tensor copy = yolo_tensor_dense(values, shape);
  for (size_t p = 0; p < pixels; p++) memcpy(values + p * c, yolo_nth_pixel(&s->tensor, p), c * sizeof *values);
  for (i = 0; i < boxes; i++) *flat_value(&copy, confidences + i) = 0;
  for (i = 0; i < boxes && !found; i++) YOLO_TRY(is_flat_box(s, &copy, confidences + i, &out->box, &found));
  if (!found) {
    st = lost();
    goto done;
  }
  const int cell = (i - 1) / f.num;
  out->cell_x = cell % f.side;
  out->cell_y = cell / f.side;
  out->row = (i - 1) % f.num;
  out->n_seeds = 2;
  out->seeds[0] = flat_seed(&s->tensor, confidences + i - 1);
  out->seeds[1] = flat_seed(&s->tensor, cell * s->head->classes + out->class_id);
done:
  yolo_free(values);
  return st;
}

yolo_status yolo_explain_locate(const yolo_explain_pass *pass, const yolo_explain_found *found, int index,
                                yolo_explain_target *out) {
  if (index < 0 || index >= found->boxes.count)
    return yolo_fail(YOLO_EINVAL, "there is no detection %d; %d were found, counted from 0", index, found->boxes.count);
  const yolo_box *box = &found->boxes.items[index];
  int h = pass->spec->n_heads - 1;
  while (h > 0 && found->first[h] > box->index) h--;
  const yolo_head *head = &pass->spec->heads[h];
  *out = (yolo_explain_target){
      .head = h, .class_id = box->class_id, .confidence = box->confidence, .box = *box, .node = head->node};
  const search s = {pass, head, &found->how, yolo_explain_value(pass, head->node), box->index - found->first[h]};
  yolo_status st = head->def->rows               ? find_row(&s, out)
                   : head->def == &yolo_head_ssd ? find_default_box(&s, out)
                                                 : find_flat(&s, out);
  if (st == YOLO_OK) out->score = yolo_explain_score(pass, out);
  return st;
}

/* ---- classifiers ---- */

static int likeliest(const float *scores, int classes) {
  int best = 0;
  for (int k = 1; k < classes; k++) best = scores[k] > scores[best] ? k : best;
  return best;
}

yolo_status yolo_explain_class(const yolo_explain_pass *pass, int class_id, yolo_explain_target *out) {
  const yolo_head *head = &pass->spec->heads[0];
  const yolo_tensor tensor = yolo_explain_value(pass, head->node);
  if (class_id >= head->classes)
    return yolo_fail(YOLO_EINVAL, "class %d does not exist; this model has classes 0 to %d", class_id, head->classes - 1);
  float *scores = yolo_alloc_array((size_t)head->classes, sizeof *scores);
  if (!scores) return YOLO_ENOMEM;
  yolo_status st = head->def->scores(head, &tensor, 0, scores);
  if (class_id < 0) class_id = likeliest(scores, head->classes);
  *out = (yolo_explain_target){.class_id = class_id, .node = yolo_explain_logits(pass->spec, 0), .n_seeds = 1};
  out->seeds[0] = (yolo_explain_seed){.channel = class_id, .sign = 1};
  out->cell_x = out->cell_y = -1;
  out->confidence = scores[class_id];
  out->score = yolo_explain_score(pass, out);
  yolo_free(scores);
  return st;
}

/* ---- the score and its gradient ---- */

/* A probability of exactly 0 or 1 has no logit; this is as far as they go. */
static double inside(double p) { return fmin(fmax(p, 1e-6), 1 - 1e-6); }

double yolo_explain_score(const yolo_explain_pass *pass, const yolo_explain_target *target) {
  const yolo_tensor value = yolo_explain_value(pass, target->node);
  double y = 0;
  for (int i = 0; i < target->n_seeds; i++) {
    const yolo_explain_seed *s = &target->seeds[i];
    const double v = yolo_pixel(&value, 0, s->y, s->x)[s->channel], p = inside(v);
    y += s->sign * (s->probability ? log(p / (1 - p)) : v);
  }
  return y;
}

yolo_status yolo_explain_backward(yolo_explain_pass *pass, const yolo_explain_target *target) {
  const yolo_tensor value = yolo_explain_value(pass, target->node), grad = yolo_explain_gradient(pass, target->node);
  if (!grad.data) return yolo_fail(YOLO_EINVAL, "nothing that the score depends on is looked at");
  for (int i = 0; i < target->n_seeds; i++) {
    const yolo_explain_seed *s = &target->seeds[i];
    const double p = inside(yolo_pixel(&value, 0, s->y, s->x)[s->channel]);
    yolo_pixel(&grad, 0, s->y, s->x)[s->channel] += (float)(s->probability ? s->sign / (p * (1 - p)) : s->sign);
  }
  return yolo_trainer_backward(pass->trainer);
}

const char *yolo_explain_score_text(const yolo_explain_pass *pass, const yolo_explain_target *target) {
  const yolo_head_def *def = pass->spec->heads[target->head].def;
  if (def->scores) return "y = c, the logit of the class before the softmax";
  if (def == &yolo_head_ssd) return "y = c_class - c_background, the logits of the default box";
  if (def == &yolo_head_detection) return "y = C + p_class, confidence and class value of the cell";
  if (target->seeds[0].probability) return "y = logit(p_object) + logit(p_class) of the anchor";
  return "y = t_object + t_class, the logits of the anchor";
}
