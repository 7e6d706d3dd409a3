/* Scores by class: a table with the columns of `yolo eval --per-class`, and an interval for each AP. */
#include "backbone/base/memory.h"
#include "train/report/eval_parts.h"
#include "train/report/page_pieces.h"

/* AP of one class alone is AP of a run that has only this class: its part of the matches is looked at as one. */
static yolo_status find_interval(const yolo_eval_kind *kind, int k, yolo_eval_interval *out) {
  const yolo_eval_matches *m = &kind->matches;
  size_t first[2] = {m->first[k], m->first[k + 1]}, first_tally[2] = {m->first_tally[k], m->first_tally[k + 1]};
  yolo_eval_matches part = *m;
  yolo_eval_bootstrap one = {0};
  *out = (yolo_eval_interval){-1, -1};
  if (kind->bootstrap.draws == 0 || first_tally[1] - first_tally[0] < 2) return YOLO_OK; /* one image does not vary */
  part.n_classes = 1;
  part.first = first;
  part.first_tally = first_tally;
  part.positives = m->positives + (size_t)k * (size_t)m->params.n_areas;
  yolo_status st = yolo_eval_bootstrap_run(&part, kind->bootstrap.draws, kind->bootstrap.seed, &one);
  *out = one.ap;
  return st;
}

static const int shown[] = {1, 2, 3, 4, 5, 8}; /* of COCO's numbers, after AP and its interval */
enum { N_SHOWN = sizeof shown / sizeof *shown };

static yolo_status put_head(const yolo_eval_report *r, page_table *table) {
  static const char *const first[] = {"class", "truths", "AP", "95%"}, *const last[] = {"P", "R", "F1", "conf"};
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_cells(table, first, 4));
  for (int i = 0; i < N_SHOWN; ++i) YOLO_TRY(page_cell(table, "%s", yolo_eval_number_names[shown[i]]));
  YOLO_TRY(page_cells(table, last, 4));
  if (r->kinds[0].scored && r->kinds[1].scored)
    YOLO_TRY(page_cell(table, "%s", r->main_kind == YOLO_EVAL_MASK ? "box AP" : "mask AP"));
  if (r->kinds[r->main_kind].voc.classes) YOLO_TRY(page_cell(table, "VOC AP"));
done:
  return st;
}

static yolo_status put_class(const yolo_eval_report *r, int k, page_table *table) {
  const yolo_eval_kind *kind = &r->kinds[r->main_kind];
  const yolo_eval_curve *c = &r->curves.classes[k];
  const double *numbers = kind->class_numbers[k];
  yolo_eval_interval interval;
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_interval(kind, k, &interval));
  YOLO_TRY(page_cell(table, "%s", page_class_name(r, k)));
  YOLO_TRY(page_cell(table, "%zu", c->truths));
  YOLO_TRY(page_number(table, 3, numbers[0]));
  if (interval.low < 0) {
    YOLO_TRY(page_cell(table, "-"));
  } else {
    YOLO_TRY(page_cell(table, "%.3f to %.3f", interval.low, interval.high));
  }
  for (int i = 0; i < N_SHOWN; ++i) YOLO_TRY(page_number(table, 3, numbers[shown[i]]));
  YOLO_TRY(page_number(table, 3, c->best.precision));
  YOLO_TRY(page_number(table, 3, c->best.recall));
  YOLO_TRY(page_number(table, 3, c->best.f1));
  YOLO_TRY(page_number(table, 3, c->best.confidence));
  if (r->kinds[0].scored && r->kinds[1].scored) YOLO_TRY(page_number(table, 3, r->kinds[!r->main_kind].class_numbers[k][0]));
  if (kind->voc.classes) YOLO_TRY(page_number(table, 3, k < kind->voc.n_classes ? kind->voc.classes[k].ap : -1));
done:
  return st;
}

yolo_status yolo_eval_section_classes(const yolo_eval_page *page, yolo_text *to) {
  const yolo_eval_report *r = page->report;
  const yolo_eval_kind *kind = &r->kinds[r->main_kind];
  page_table table = {.columns = 4 + N_SHOWN + 4 + (r->kinds[0].scored && r->kinds[1].scored) + (kind->voc.classes != NULL)};
  double *bars = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(bars = yolo_calloc((size_t)r->n_classes + 1, sizeof *bars));
  YOLO_TRY(put_head(r, &table));
  for (int k = 0; k < r->n_classes; ++k) {
    bars[k + 1] = kind->class_numbers[k][0];
    YOLO_TRY(put_class(r, k, &table));
  }
  YOLO_TRY(yolo_html_heading(to, "Classes"));
  YOLO_TRY(yolo_html_note(
      to,
      "Of %s. P, R, F1: precision, recall and their harmonic mean at the confidence (conf) at which F1 is best, IoU "
      "%.4g. AR100: recall, mean over IoU.%s",
      page_kind_names[r->main_kind], r->curves.iou, kind->bootstrap.draws ? " 95%: of AP, from samples of the images." : ""));
  st = page_table_put(&table, 2, bars, to);
done:
  yolo_free(bars);
  page_table_free(&table);
  return st;
}
