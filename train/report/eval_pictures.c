/* An image twice: with its truths, and with what was found. Colour AND word say what became of each: see eval_parts.h. */
#include <stdio.h>

#include "backbone/base/memory.h"
#include "detect/draw.h"
#include "detect/font.h"
#include "detect/sheet.h"
#include "train/report/eval_parts.h"

/* Two pictures of this width stand side by side on a page of 1280 pixels. */
enum { MOST_WIDTH = 608, MOST_HEIGHT = 456, MOST_ENLARGED = 4, LABEL_MAX = 96, FRAME = 2 };
static const float label_height = 13, mask_opacity = 0.4f;
/* More labels than this hide the picture: those of mistakes get their place first, and others are left out. */
enum { MANY_LABELS = 6 };

/* Colours that are told apart with red-green blindness too (Okabe & Ito). */
static const uint8_t right_colour[3] = {0, 158, 115}, missed_colour[3] = {240, 160, 0}, false_colour[3] = {214, 39, 110},
                     ignored_colour[3] = {150, 150, 150};

yolo_status page_fit(const yolo_image *picture, yolo_image *out) {
  double scale = (double)MOST_WIDTH / picture->width;
  if (scale * picture->height > MOST_HEIGHT) scale = (double)MOST_HEIGHT / picture->height;
  if (scale > MOST_ENLARGED) scale = MOST_ENLARGED;
  const int width = (int)(picture->width * scale + 0.5), height = (int)(picture->height * scale + 0.5);
  return yolo_picture_resize(picture, width > 0 ? width : 1, height > 0 ? height : 1, out);
}

/* What is drawn of one object. */
typedef struct mark {
  const double *box; /* x y w h */
  const yolo_rle *mask;
  const uint8_t *rgb;
  bool dashed;
  float rank;
  char label[LABEL_MAX];
} mark;

static const char *legible_name(const yolo_eval_report *r, int class_index, char number[24]) {
  const char *name = yolo_eval_truths_class_name(r->truths, class_index);
  snprintf(number, 24, "class %d", class_index);
  return yolo_text_is_legible(name) ? name : number;
}

static yolo_status draw_masks(const mark *marks, size_t n, yolo_image *out) {
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < n && st == YOLO_OK; ++i) {
    if (marks[i].mask) st = yolo_draw_rle(out, marks[i].mask, marks[i].rgb, mask_opacity);
  }
  return st;
}

static yolo_status draw_marks(const mark *marks, size_t n, page_scale scale, yolo_image *on) {
  yolo_drawn_box *boxes = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(boxes = yolo_alloc_array(n, sizeof *boxes));
  YOLO_TRY(draw_masks(marks, n, on));
  for (size_t i = 0; i < n; ++i) {
    const mark *m = &marks[i];
    boxes[i] = (yolo_drawn_box){.x1 = (float)(m->box[0] * scale.x),
                                .y1 = (float)(m->box[1] * scale.y),
                                .x2 = (float)((m->box[0] + m->box[2]) * scale.x),
                                .y2 = (float)((m->box[1] + m->box[3]) * scale.y),
                                .rank = m->rank,
                                .text = *m->label ? m->label : NULL,
                                .dashed = m->dashed,
                                .rgb = m->rgb,
                                .thickness = FRAME};
  }
  st = yolo_draw_boxes(on, boxes, (int)n, label_height, n > MANY_LABELS);
done:
  yolo_free(boxes);
  return st;
}

/* ---- truths ---- */

static void mark_truth(const yolo_eval_report *r, const page_truth *t, mark *out) {
  const bool one_class = r->set.n_classes == 1;
  char number[24];
  const char *name = legible_name(r, t->truth->class_index, number);
  *out = (mark){.box = t->truth->box, .mask = r->main_kind == YOLO_EVAL_MASK ? t->truth->mask : NULL, .rgb = right_colour};
  switch (t->fate) {
    case PAGE_FOUND: snprintf(out->label, LABEL_MAX, "%.40s", one_class ? "" : name); break;
    case PAGE_MISSED:
      snprintf(out->label, LABEL_MAX, "missed%s%.40s", one_class ? "" : ": ", one_class ? "" : name);
      out->rgb = missed_colour;
      out->rank = 2;
      break;
    case PAGE_NOT_SCORED:
      snprintf(out->label, LABEL_MAX, "crowd: %.40s", name);
      out->rgb = ignored_colour;
      out->dashed = true;
      out->rank = 1;
      break;
  }
}

yolo_status page_draw_truths(const yolo_eval_report *r, const page_findings *f, page_scale scale, yolo_image *on) {
  mark *marks = yolo_alloc_array(f->n_truths, sizeof *marks);
  if (!marks) return YOLO_ENOMEM;
  for (size_t i = 0; i < f->n_truths; ++i) mark_truth(r, &f->truths[i], &marks[i]);
  yolo_status st = draw_marks(marks, f->n_truths, scale, on);
  yolo_free(marks);
  return st;
}

/* ---- detections ---- */

static void mark_detection(const yolo_eval_report *r, const page_detection *d, mark *out) {
  static const char *const words[] = {"", "false: ", "not scored: "};
  const yolo_eval_detection *from = d->detection;
  const bool one_class = r->set.n_classes == 1;
  char number[24];
  *out = (mark){.box = from->box, .mask = r->main_kind == YOLO_EVAL_MASK ? from->mask : NULL, .rank = (float)from->score};
  snprintf(out->label, LABEL_MAX, "%s%.40s%s%.2f", words[d->verdict],
           one_class ? "" : legible_name(r, from->class_index, number), one_class ? "" : " ", from->score);
  out->rgb = d->verdict == YOLO_EVAL_RIGHT ? right_colour : d->verdict == YOLO_EVAL_WRONG ? false_colour : ignored_colour;
  out->dashed = d->verdict == YOLO_EVAL_IGNORED;
  if (d->verdict == YOLO_EVAL_WRONG) out->rank += 2;
}

yolo_status page_draw_detections(const yolo_eval_report *r, const page_findings *f, page_scale scale, yolo_image *on) {
  mark *marks = yolo_alloc_array(f->n_detections, sizeof *marks);
  if (!marks) return YOLO_ENOMEM;
  for (size_t i = 0; i < f->n_detections; ++i) mark_detection(r, &f->detections[i], &marks[i]);
  yolo_status st = draw_marks(marks, f->n_detections, scale, on);
  yolo_free(marks);
  return st;
}
