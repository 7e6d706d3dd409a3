/* The page of scored label maps: see semantic_page.h. */
#include "train/report/semantic_page.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "detect/yolo.h"
#include "train/report/page_pieces.h"
#include "train/report/svg.h"

enum { VALUES = YOLO_SEMANTIC_VALUES, MOST_CLASSES = 120, VALUE_MAX = 32 };

static yolo_status put_scores(const yolo_semantic_page *p, yolo_text *to) {
  const yolo_semantic_scores *s = p->scores;
  const double values[] = {s->mean_iou, s->mean_dice, s->pixel_accuracy, s->mean_accuracy};
  static const char *const names[] = {"mIoU", "Dice", "pixel accuracy", "mean accuracy"};
  static const char *const notes[] = {"mean of classes", "mean of classes", "share of all pixels", "mean of classes"};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "Scores"));
  YOLO_TRY(yolo_html_tiles(to, true));
  for (int i = 0; i < 4; ++i) {
    char text[VALUE_MAX] = "-";
    if (values[i] >= 0) snprintf(text, sizeof text, "%.4f", values[i]);
    YOLO_TRY(yolo_html_tile(to, names[i], text, notes[i]));
  }
  YOLO_TRY(yolo_html_tiles(to, false));
  st = yolo_html_note(to, "From one confusion matrix over all maps; means are over the %d %s that truth or prediction has.",
                      s->n_classes, s->n_classes == 1 ? "class" : "classes");
done:
  return st;
}

static yolo_status put_classes(const yolo_semantic_page *p, yolo_text *to) {
  static const char *const head[] = {"class", "truth (pixels)", "predicted", "IoU", "Dice", "accuracy"};
  const yolo_semantic_scores *s = p->scores;
  page_table table = {.columns = 6};
  double bars[VALUES + 1];
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_cells(&table, head, 6));
  for (int k = 0, row = 0; k < VALUES; ++k) {
    if (s->iou[k] < 0) continue;
    bars[++row] = s->iou[k];
    YOLO_TRY(page_cell(&table, "%d", k));
    YOLO_TRY(page_cell(&table, "%llu", (unsigned long long)s->truth[k]));
    YOLO_TRY(page_cell(&table, "%llu", (unsigned long long)s->prediction[k]));
    YOLO_TRY(page_number(&table, 4, s->iou[k]));
    YOLO_TRY(page_number(&table, 4, s->dice[k]));
    YOLO_TRY(page_number(&table, 4, s->accuracy[k]));
  }
  YOLO_TRY(yolo_html_heading(to, "Classes"));
  st = page_table_put(&table, 3, bars, to);
done:
  page_table_free(&table);
  return st;
}

/* The classes that truth or prediction has. */
static yolo_status put_confusion(const yolo_semantic_page *p, yolo_text *to) {
  char words[VALUES][8];
  const char *names[VALUES];
  int classes[VALUES], n = 0;
  for (int k = 0; k < VALUES; ++k) {
    if (p->scores->iou[k] < 0) continue;
    snprintf(words[n], sizeof words[n], "%d", k);
    names[n] = words[n];
    classes[n++] = k;
  }
  if (n == 0 || n > MOST_CLASSES) return YOLO_OK;
  double *values = yolo_alloc_array((size_t)n * (size_t)n, sizeof *values);
  if (!values) return YOLO_ENOMEM;
  for (int t = 0; t < n; ++t) {
    for (int d = 0; d < n; ++d) values[t * n + d] = (double)p->semantic->counts[classes[t] * VALUES + classes[d]];
  }
  const yolo_svg_matrix matrix = {.title = "Pixels: truth (rows) and prediction (columns)",
                                  .row_label = "truth",
                                  .column_label = "prediction",
                                  .names = names,
                                  .values = values,
                                  .count = n};
  yolo_status st = yolo_html_heading(to, "Confusion");
  if (st == YOLO_OK) st = yolo_svg_put_matrix(to, &matrix);
  yolo_free(values);
  return st;
}

yolo_status yolo_semantic_page_write(const yolo_semantic_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_begin(to, p->title));
  YOLO_TRY(yolo_html_facts(to, p->facts, p->n_facts));
  YOLO_TRY(put_scores(p, to));
  YOLO_TRY(put_classes(p, to));
  YOLO_TRY(put_confusion(p, to));
  YOLO_TRY(yolo_html_note(to, "Written by yolo %s.", yolo_version()));
  st = yolo_html_end(to);
done:
  return st;
}
