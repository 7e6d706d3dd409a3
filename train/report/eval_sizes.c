/* How large the truths are, and how many of each size were found. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/report/eval_parts.h"
#include "train/report/page_pieces.h"
#include "train/report/svg.h"

enum { BINS = YOLO_EVAL_SIZE_BINS, NAME_MAX_BYTES = 32 };

static void name_bin(int i, char to[NAME_MAX_BYTES]) {
  if (i + 1 < BINS) {
    snprintf(to, NAME_MAX_BYTES, "%.0f-%.0f", yolo_eval_size_edges[i], yolo_eval_size_edges[i + 1]);
  } else {
    snprintf(to, NAME_MAX_BYTES, "%.0f+", yolo_eval_size_edges[i]);
  }
}

static yolo_status put_charts(const yolo_eval_report *r, yolo_text *to) {
  char words[BINS][NAME_MAX_BYTES];
  const char *names[BINS];
  double truths[BINS], found[BINS];
  char title[96];
  yolo_status st = YOLO_OK;
  for (int i = 0; i < BINS; ++i) {
    name_bin(i, words[i]);
    names[i] = words[i];
    truths[i] = (double)r->sizes[i].truths;
    found[i] = r->sizes[i].truths ? (double)r->sizes[i].found / truths[i] : NAN;
  }
  snprintf(title, sizeof title, "Share that was found, IoU %.4g, confidence from %.4g", r->curves.iou, r->confidence);
  const yolo_svg_bars counts = {.title = "Truths by size",
                                .x_label = "square root of the area, pixels",
                                .y_label = "truths",
                                .names = names,
                                .values = truths,
                                .count = BINS};
  yolo_svg_bars shares = counts;
  shares.title = title;
  shares.y_label = "recall";
  shares.values = found;
  YOLO_TRY(yolo_html_row(to, true));
  YOLO_TRY(yolo_svg_put_bars(to, &counts));
  YOLO_TRY(yolo_svg_put_bars(to, &shares));
  st = yolo_html_row(to, false);
done:
  return st;
}

/* COCO's numbers speak of these areas: AP, AR at the largest limit. */
static int number_of(const char *area, int first) {
  static const char *const names[] = {"small", "medium", "large"};
  for (int i = 0; i < 3; ++i) {
    if (strcmp(area, names[i]) == 0) return first + i;
  }
  return -1;
}

static yolo_status put_area(const yolo_eval_report *r, int a, page_table *table) {
  const yolo_eval_kind *kind = &r->kinds[r->main_kind];
  const yolo_eval_params *p = &kind->matches.params;
  const int precision = a == 0 ? 0 : number_of(p->area_names[a], 3), recall = a == 0 ? 8 : number_of(p->area_names[a], 9);
  size_t truths = 0;
  yolo_status st = YOLO_OK;
  for (int k = 0; k < kind->matches.n_classes; ++k)
    truths += kind->matches.positives[(size_t)k * (size_t)p->n_areas + (size_t)a];
  YOLO_TRY(page_cell(table, "%s", p->area_names[a]));
  YOLO_TRY(page_cell(table, "%.6g", p->areas[a][0]));
  YOLO_TRY(page_cell(table, "%.6g", p->areas[a][1]));
  YOLO_TRY(page_cell(table, "%zu", truths));
  YOLO_TRY(page_number(table, 3, precision < 0 ? -1 : kind->numbers[precision]));
  YOLO_TRY(page_number(table, 3, recall < 0 ? -1 : kind->numbers[recall]));
done:
  return st;
}

yolo_status yolo_eval_section_sizes(const yolo_eval_page *page, yolo_text *to) {
  static const char *const head[] = {"area", "from (pixels)", "to", "truths", "AP", "recall (AR)"};
  const yolo_eval_report *r = page->report;
  page_table table = {.columns = 6};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "Sizes"));
  YOLO_TRY(yolo_html_note(to, "Of %s; crowds are left out. AP and AR are means over IoU, as in the scores above.",
                          page_kind_names[r->main_kind]));
  YOLO_TRY(put_charts(r, to));
  YOLO_TRY(page_cells(&table, head, 6));
  for (int a = 0; a < r->options.params.n_areas; ++a) YOLO_TRY(put_area(r, a, &table));
  st = page_table_put(&table, -1, NULL, to);
done:
  page_table_free(&table);
  return st;
}
