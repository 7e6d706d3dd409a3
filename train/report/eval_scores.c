/* The scores of a run: tiles with intervals, COCO's twelve numbers, Pascal VOC's; and how long an image took. */
#include <stdio.h>

#include "train/report/eval_parts.h"
#include "train/report/page_pieces.h"

enum { VALUE_MAX = 32, NOTE_MAX = 160 };

static void number(int decimals, double value, char to[VALUE_MAX]) {
  if (value < 0) {
    snprintf(to, VALUE_MAX, "-");
  } else {
    snprintf(to, VALUE_MAX, "%.*f", decimals, value);
  }
}

/* ---- tiles ---- */

static yolo_status put_tile(yolo_text *to, const char *name, double value, const yolo_eval_interval *interval,
                            const char *note) {
  char text[VALUE_MAX], words[NOTE_MAX];
  number(3, value, text);
  if (interval && interval->low >= 0) {
    snprintf(words, sizeof words, "%.4f (%.4f to %.4f)", value, interval->low, interval->high);
    note = words;
  }
  return yolo_html_tile(to, name, text, note);
}

static yolo_status put_best(const yolo_eval_report *r, yolo_text *to) {
  const yolo_eval_best *b = &r->curves.all.best;
  char text[VALUE_MAX], note[NOTE_MAX];
  if (b->f1 < 0) return YOLO_OK;
  number(4, b->f1, text);
  snprintf(note, sizeof note, "at confidence %.4g: precision %.4f, recall %.4f", b->confidence, b->precision, b->recall);
  return yolo_html_tile(to, "best F1", text, note);
}

static yolo_status put_voc(const yolo_voc_result *v, yolo_text *to) {
  char text[VALUE_MAX];
  if (!v->classes) return YOLO_OK;
  number(4, v->mean_ap, text);
  return yolo_html_tile(to, v->rule == YOLO_VOC_2007 ? "Pascal VOC 2007 mAP" : "Pascal VOC 2012 mAP", text,
                        v->rule == YOLO_VOC_2007 ? "precision at 11 recalls" : "area under the curve");
}

static yolo_status put_tiles(const yolo_eval_report *r, int which, yolo_text *to) {
  const yolo_eval_kind *kind = &r->kinds[which];
  const yolo_eval_params *p = &kind->result.params;
  char most[VALUE_MAX];
  yolo_status st = YOLO_OK;
  snprintf(most, sizeof most, "AR, at most %d", p->limits[p->n_limits < 3 ? p->n_limits - 1 : 2]);
  YOLO_TRY(yolo_html_part(to, page_kind_headings[which]));
  YOLO_TRY(yolo_html_tiles(to, true));
  YOLO_TRY(put_tile(to, "AP", kind->numbers[0], &kind->bootstrap.ap, "mean over IoU"));
  YOLO_TRY(put_tile(to, "AP50", kind->numbers[1], &kind->bootstrap.ap50, "IoU 0.50"));
  YOLO_TRY(put_tile(to, "AP75", kind->numbers[2], NULL, "IoU 0.75"));
  YOLO_TRY(put_tile(to, "recall", kind->numbers[8], NULL, most));
  if (which == r->main_kind) YOLO_TRY(put_best(r, to));
  YOLO_TRY(put_voc(&kind->voc, to));
  st = yolo_html_tiles(to, false);
done:
  return st;
}

/* ---- the twelve numbers ---- */

static yolo_status put_number_row(const yolo_eval_report *r, int i, page_table *table) {
  static const char *const areas[] = {"all", "all", "all", "small", "medium", "large",
                                      "all", "all", "all", "small", "medium", "large"};
  const yolo_eval_params *p = &r->kinds[r->main_kind].result.params;
  int m = i < 6 ? 2 : i < 9 ? i - 6 : 2;
  yolo_status st = YOLO_OK;
  if (m >= p->n_limits) m = p->n_limits - 1;
  if (i == 0) m = page_limit(p);
  YOLO_TRY(page_cell(table, "%s", yolo_eval_number_names[i]));
  if (i == 1 || i == 2) {
    YOLO_TRY(page_cell(table, "%.2f", i == 1 ? 0.5 : 0.75));
  } else {
    YOLO_TRY(page_cell(table, "%.2f:%.2f", p->ious[0], p->ious[p->n_ious - 1]));
  }
  YOLO_TRY(page_cell(table, "%s", areas[i]));
  YOLO_TRY(page_cell(table, "%d", p->limits[m]));
  for (int which = 0; which < 2; ++which) {
    if (r->kinds[which].scored) YOLO_TRY(page_number(table, 3, r->kinds[which].numbers[i]));
  }
done:
  return st;
}

static yolo_status put_numbers(const yolo_eval_report *r, yolo_text *to) {
  static const char *const head[] = {"COCO", "IoU", "area", "most detections"};
  page_table table = {.columns = 4 + r->kinds[0].scored + r->kinds[1].scored};
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_cells(&table, head, 4));
  for (int which = 0; which < 2; ++which) {
    if (r->kinds[which].scored) YOLO_TRY(page_cell(&table, "%s", page_kind_names[which]));
  }
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) YOLO_TRY(put_number_row(r, i, &table));
  st = page_table_put(&table, -1, NULL, to);
done:
  page_table_free(&table);
  return st;
}

yolo_status yolo_eval_section_scores(const yolo_eval_page *page, yolo_text *to) {
  const yolo_eval_report *r = page->report;
  const yolo_eval_bootstrap *b = &r->kinds[r->main_kind].bootstrap;
  const yolo_voc_result *voc = &r->kinds[r->main_kind].voc;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "Scores"));
  for (int which = 0; which < 2; ++which) {
    if (r->kinds[which].scored) YOLO_TRY(put_tiles(r, which, to));
  }
  if (b->draws > 0 && b->ap.low >= 0)
    YOLO_TRY(yolo_html_note(to, "In brackets: 95%% of %d samples of the images (seed %llu).", b->draws,
                            (unsigned long long)b->seed));
  YOLO_TRY(yolo_html_note(to,
                          "The best F1 is that of %s at IoU %.4g, all classes together. AP: average precision, AR: average "
                          "recall; \"-\": undefined.",
                          page_kind_names[r->main_kind], r->curves.iou));
  if (voc->classes)
    YOLO_TRY(yolo_html_note(to,
                            "Pascal VOC: a %s is right from IoU %.2g on with its one best truth; objects marked difficult are "
                            "left out.",
                            r->main_kind == YOLO_EVAL_MASK ? "mask" : "box", voc->iou));
  st = put_numbers(r, to);
done:
  return st;
}

yolo_status yolo_eval_section_pace(const yolo_eval_page *page, yolo_text *to) {
  return page_pace(page->load_ms, page->network_ms, page->post_ms, page->images_run, to);
}
