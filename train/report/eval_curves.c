/* Curves of a run: precision over recall, and precision, recall and F1 over confidence. Classes are thin lines, all together
 * a bold one. */
#include <math.h>
#include <stdio.h>

#include "backbone/base/memory.h"
#include "train/report/eval_parts.h"
#include "train/report/svg.h"

/* -1 is "undefined": a gap. */
static double or_gap(double value) { return value < 0 ? NAN : value; }

/* ---- precision over recall ---- */

/* Sets y (n_classes rows of n_recalls) to the precision at threshold t, and mean (n_recalls) to that of classes with truths. */
static void read_precision(const yolo_eval_result *result, int t, double *y, double *mean) {
  const yolo_eval_params *p = &result->params;
  const size_t n_areas = (size_t)p->n_areas, n_limits = (size_t)p->n_limits, n_classes = (size_t)result->n_classes;
  for (int r = 0; r < p->n_recalls; ++r) {
    int counting = 0;
    mean[r] = 0;
    for (int k = 0; k < result->n_classes; ++k) {
      const size_t row = ((size_t)t * (size_t)p->n_recalls + (size_t)r) * n_classes + (size_t)k;
      const double value = result->precision[row * n_areas * n_limits + (size_t)page_limit(p)];
      y[(size_t)k * (size_t)p->n_recalls + (size_t)r] = or_gap(value);
      if (value < 0) continue;
      mean[r] += value;
      ++counting;
    }
    mean[r] = counting ? mean[r] / counting : NAN;
  }
}

static yolo_status put_precision(const yolo_eval_report *r, yolo_text *to) {
  const yolo_eval_result *result = &r->kinds[r->main_kind].result;
  const yolo_eval_params *p = &result->params;
  const size_t n = (size_t)r->n_classes, points = (size_t)p->n_recalls;
  char title[96];
  double *y = NULL;
  yolo_svg_series *series = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(y = yolo_alloc_array((n + 1) * points, sizeof *y));
  YOLO_ENOMEM_IF_NULL(series = yolo_calloc(n + 1, sizeof *series));
  read_precision(result, yolo_eval_main_iou(p), y, y + n * points);
  for (size_t k = 0; k <= n; ++k)
    series[k] = (yolo_svg_series){
        .x = p->recalls, .y = y + k * points, .count = (int)points, .thin = k < n, .colour = (int)(k % YOLO_SVG_COLOURS)};
  for (size_t k = 0; k < n; ++k) series[k].name = page_class_name(r, (int)k);
  series[n].name = "mean of classes";
  series[n].colour = 0;
  snprintf(title, sizeof title, "Precision over recall, %s, IoU %.4g", page_kind_names[r->main_kind], r->curves.iou);
  const yolo_svg_lines chart = {.title = title,
                                .x_label = "recall",
                                .y_label = "precision",
                                .x_range = {0, 1},
                                .y_range = {0, 1},
                                .series = series,
                                .n_series = (int)n + 1};
  st = yolo_svg_put_lines(to, &chart);
done:
  yolo_free(y);
  yolo_free(series);
  return st;
}

/* ---- over confidence ---- */

enum { POINTS = YOLO_EVAL_CURVE_POINTS };

static void copy_curve(const double *from, double *to) {
  for (int i = 0; i < POINTS; ++i) to[i] = or_gap(from[i]);
}

/* 0 to 1, unless scores go beyond. */
static yolo_svg_lines confidence_chart(const yolo_eval_report *r, const char *title, const char *y_label) {
  return (yolo_svg_lines){.title = title,
                          .x_label = "confidence from which detections are kept",
                          .y_label = y_label,
                          .x_range = {r->curves.low, r->curves.high},
                          .y_range = {0, 1}};
}

static yolo_status put_all(const yolo_eval_report *r, const double *x, yolo_text *to) {
  const yolo_eval_curve *all = &r->curves.all;
  static const char *const names[] = {"precision", "recall", "F1"};
  const double *const values[] = {all->precision, all->recall, all->f1};
  char title[96], label[64];
  yolo_svg_series series[3];
  yolo_status st = YOLO_OK;
  double *y = yolo_alloc_array(3 * POINTS, sizeof *y);
  if (!y) return YOLO_ENOMEM;
  for (int i = 0; i < 3; ++i) {
    copy_curve(values[i], y + i * POINTS);
    series[i] = (yolo_svg_series){
        .name = names[i], .x = x, .y = y + i * POINTS, .count = POINTS, .colour = i == 2 ? 0 : i + 1, .dashed = i < 2};
  }
  snprintf(title, sizeof title, "All classes together, %s, IoU %.4g", page_kind_names[r->main_kind], r->curves.iou);
  snprintf(label, sizeof label, "best F1 %.4f at %.4g", all->best.f1, all->best.confidence);
  const yolo_svg_mark mark = {all->best.confidence, all->best.f1, label};
  yolo_svg_lines chart = confidence_chart(r, title, NULL);
  chart.series = series;
  chart.n_series = 3;
  chart.marks = &mark;
  chart.n_marks = all->best.f1 >= 0;
  st = yolo_svg_put_lines(to, &chart);
  yolo_free(y);
  return st;
}

static yolo_status put_classes(const yolo_eval_report *r, const double *x, yolo_text *to) {
  const size_t n = (size_t)r->n_classes;
  double *y = NULL;
  yolo_svg_series *series = NULL;
  yolo_status st = YOLO_OK;
  char title[96];
  if (n < 2) return YOLO_OK;
  YOLO_ENOMEM_IF_NULL(y = yolo_alloc_array((n + 1) * POINTS, sizeof *y));
  YOLO_ENOMEM_IF_NULL(series = yolo_calloc(n + 1, sizeof *series));
  for (size_t k = 0; k <= n; ++k) {
    copy_curve(k < n ? r->curves.classes[k].f1 : r->curves.all.f1, y + k * POINTS);
    series[k] = (yolo_svg_series){.name = k < n ? page_class_name(r, (int)k) : "all classes together",
                                  .x = x,
                                  .y = y + k * POINTS,
                                  .count = POINTS,
                                  .thin = k < n,
                                  .colour = k < n ? (int)(k % YOLO_SVG_COLOURS) : 0};
  }
  snprintf(title, sizeof title, "F1 by class, %s, IoU %.4g", page_kind_names[r->main_kind], r->curves.iou);
  yolo_svg_lines chart = confidence_chart(r, title, "F1");
  chart.series = series;
  chart.n_series = (int)n + 1;
  st = yolo_svg_put_lines(to, &chart);
done:
  yolo_free(y);
  yolo_free(series);
  return st;
}

yolo_status yolo_eval_section_curves(const yolo_eval_page *page, yolo_text *to) {
  const yolo_eval_report *r = page->report;
  const yolo_eval_params *p = &r->options.params;
  double x[POINTS];
  yolo_status st = YOLO_OK;
  for (int i = 0; i < POINTS; ++i) x[i] = yolo_eval_curve_confidence(&r->curves, i);
  YOLO_TRY(yolo_html_heading(to, "Curves"));
  YOLO_TRY(
      yolo_html_note(to,
                     "Thin: one class each (its name appears under the pointer). Bold: the mean, or all together. IoU %.4g, "
                     "all areas, at most %d detections an image%s.",
                     r->curves.iou, p->limits[page_limit(p)], p->class_agnostic ? "" : " and class"));
  YOLO_TRY(yolo_html_row(to, true));
  YOLO_TRY(put_precision(r, to));
  YOLO_TRY(put_all(r, x, to));
  YOLO_TRY(put_classes(r, x, to));
  st = yolo_html_row(to, false);
done:
  return st;
}
