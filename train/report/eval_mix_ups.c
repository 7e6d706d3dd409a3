/* Which classes are taken for which: the confusion matrix with background, and its largest entries in words. */
#include "backbone/base/memory.h"
#include "train/report/eval_parts.h"
#include "train/report/page_pieces.h"
#include "train/report/svg.h"

/* More classes than this make a picture that nobody can read: the list of mix-ups is all then. */
enum { MOST_CLASSES = 120, LISTED = 12 };
static const char background[] = "background";

static const char *name_of(const yolo_eval_report *r, int index) {
  return index == r->confusion.n - 1 ? background : yolo_eval_truths_class_name(r->truths, index);
}

static yolo_status put_matrix(const yolo_eval_report *r, yolo_text *to) {
  const yolo_eval_confusion *c = &r->confusion;
  const size_t n = (size_t)c->n;
  const char **names = NULL;
  double *values = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(names = yolo_alloc_array(n, sizeof *names));
  YOLO_ENOMEM_IF_NULL(values = yolo_alloc_array(n * n, sizeof *values));
  for (int k = 0; k < c->n; ++k) names[k] = name_of(r, k);
  for (size_t i = 0; i < n * n; ++i) values[i] = (double)c->counts[i];
  const yolo_svg_matrix matrix = {.title = "Truth (rows) and what it was taken for (columns)",
                                  .row_label = "truth",
                                  .column_label = "detection",
                                  .names = names,
                                  .values = values,
                                  .count = c->n};
  st = yolo_svg_put_matrix(to, &matrix);
done:
  yolo_free(names);
  yolo_free(values);
  return st;
}

static yolo_status put_list(const yolo_eval_report *r, yolo_text *to) {
  static const char *const head[] = {"truth, taken for", "times"};
  yolo_eval_mix_up list[LISTED];
  page_table table = {.columns = 2};
  yolo_status st = YOLO_OK;
  const int n = yolo_eval_confusion_worst(&r->confusion, list, LISTED);
  if (n == 0) return yolo_html_paragraph(to, "No two classes were mixed up.");
  YOLO_TRY(page_cells(&table, head, 2));
  for (int i = 0; i < n; ++i) {
    YOLO_TRY(page_cell(&table, "%s, taken for %s", name_of(r, list[i].truth), name_of(r, list[i].detection)));
    YOLO_TRY(page_cell(&table, "%zu", list[i].count));
  }
  YOLO_TRY(yolo_html_part(to, "Mixed up most"));
  st = page_table_put(&table, -1, NULL, to);
done:
  page_table_free(&table);
  return st;
}

yolo_status yolo_eval_section_mix_ups(const yolo_eval_page *page, yolo_text *to) {
  const yolo_eval_report *r = page->report;
  const yolo_eval_confusion *c = &r->confusion;
  size_t right = 0, missed = 0, invented = 0;
  const size_t n = (size_t)c->n;
  yolo_status st = YOLO_OK;
  for (size_t k = 0; k + 1 < n; ++k) {
    right += c->counts[k * n + k];
    missed += c->counts[k * n + n - 1];
    invented += c->counts[(n - 1) * n + k];
  }
  YOLO_TRY(yolo_html_heading(to, "Confusion"));
  YOLO_TRY(yolo_html_paragraph(to, "At confidence %.4g and IoU %.4g: %zu right, %zu missed, %zu found where nothing is.",
                               r->confidence, c->iou, right, missed, invented));
  YOLO_TRY(yolo_html_note(to,
                          "Boxes of any class are paired with the truth they overlap most. A row is shaded by its shares "
                          "(numbers appear under the pointer); the "
                          "last column holds what was missed, the last row what was found where nothing is."));
  if (c->n - 1 <= MOST_CLASSES) YOLO_TRY(put_matrix(r, to));
  if (c->n - 1 > 1) YOLO_TRY(put_list(r, to));
done:
  return st;
}
