/* The page of a scored classifier: see classify_page.h. */
#include "train/report/classify_page.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "detect/yolo.h"
#include "train/report/page_pieces.h"
#include "train/report/svg.h"

enum { MOST_CLASSES = 120, LISTED = 12, VALUE_MAX = 32 };

/* What could not be read was not recognised. */
static double share(const yolo_classify_page *p, size_t right) {
  const size_t all = p->topk->all.images + p->failed;
  return all ? (double)right / (double)all : 0;
}

static yolo_status put_scores(const yolo_classify_page *p, yolo_text *to) {
  char top1[VALUE_MAX], top5[VALUE_MAX];
  yolo_status st = YOLO_OK;
  snprintf(top1, sizeof top1, "%.4f", share(p, p->topk->all.top1));
  snprintf(top5, sizeof top5, "%.4f", share(p, p->topk->all.top5));
  YOLO_TRY(yolo_html_heading(to, "Scores"));
  YOLO_TRY(yolo_html_tiles(to, true));
  YOLO_TRY(yolo_html_tile(to, "top-1", top1, "the first guess is right"));
  YOLO_TRY(yolo_html_tile(to, "top-5", top5, "one of the first five is"));
  YOLO_TRY(yolo_html_tiles(to, false));
  YOLO_TRY(yolo_html_note(to, "Shares of %zu images.", p->topk->all.images + p->failed));
  if (p->failed)
    YOLO_TRY(yolo_html_paragraph(to, "%zu of them could not be read and count as wrong; the tables below leave them out.",
                                 p->failed));
done:
  return st;
}

/* ---- confusion ---- */

static yolo_status put_matrix(const yolo_classify_page *p, yolo_text *to) {
  const size_t n = (size_t)p->topk->n_classes;
  double *values = yolo_alloc_array(n * n, sizeof *values);
  if (!values) return YOLO_ENOMEM;
  for (size_t i = 0; i < n * n; ++i) values[i] = (double)p->topk->confusion[i];
  const yolo_svg_matrix matrix = {.title = "Class (rows) and first guess (columns)",
                                  .row_label = "class",
                                  .column_label = "first guess",
                                  .names = p->names,
                                  .values = values,
                                  .count = (int)n};
  yolo_status st = yolo_svg_put_matrix(to, &matrix);
  yolo_free(values);
  return st;
}

typedef struct mix_up {
  size_t truth, guess, count;
} mix_up;

/* The most frequent first. */
static size_t find_mix_ups(const yolo_topk *topk, mix_up out[LISTED]) {
  const size_t classes = (size_t)topk->n_classes;
  size_t n = 0;
  for (size_t i = 0; i < classes * classes; ++i) {
    const mix_up found = {i / classes, i % classes, topk->confusion[i]};
    size_t at = n;
    if (found.truth == found.guess || found.count == 0) continue;
    while (at > 0 && out[at - 1].count < found.count) --at;
    if (at >= LISTED) continue;
    if (n < LISTED) ++n;
    for (size_t k = n - 1; k > at; --k) out[k] = out[k - 1];
    out[at] = found;
  }
  return n;
}

static yolo_status put_list(const yolo_classify_page *p, yolo_text *to) {
  static const char *const head[] = {"class, taken for", "images"};
  mix_up list[LISTED];
  page_table table = {.columns = 2};
  yolo_status st = YOLO_OK;
  const size_t n = find_mix_ups(p->topk, list);
  if (n == 0) return yolo_html_paragraph(to, "No two classes were mixed up.");
  YOLO_TRY(page_cells(&table, head, 2));
  for (size_t i = 0; i < n; ++i) {
    YOLO_TRY(page_cell(&table, "%s, taken for %s", p->names[list[i].truth], p->names[list[i].guess]));
    YOLO_TRY(page_cell(&table, "%zu", list[i].count));
  }
  YOLO_TRY(yolo_html_part(to, "Mixed up most"));
  st = page_table_put(&table, -1, NULL, to);
done:
  page_table_free(&table);
  return st;
}

static yolo_status put_confusion(const yolo_classify_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  if (!p->topk->confusion) return YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "Confusion"));
  if (p->topk->n_classes <= MOST_CLASSES) YOLO_TRY(put_matrix(p, to));
  st = put_list(p, to);
done:
  return st;
}

/* ---- classes ---- */

static yolo_status put_classes(const yolo_classify_page *p, yolo_text *to) {
  static const char *const head[] = {"class", "images", "top-1", "top-5"};
  page_table table = {.columns = 4};
  double *bars = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(bars = yolo_calloc((size_t)p->topk->n_classes + 1, sizeof *bars));
  YOLO_TRY(page_cells(&table, head, 4));
  for (int k = 0, row = 0; k < p->topk->n_classes; ++k) {
    const yolo_topk_class *c = &p->topk->classes[k];
    if (c->images == 0) continue;
    bars[++row] = (double)c->top1 / (double)c->images;
    YOLO_TRY(page_cell(&table, "%s", p->names[k]));
    YOLO_TRY(page_cell(&table, "%zu", c->images));
    YOLO_TRY(page_number(&table, 4, bars[row]));
    YOLO_TRY(page_number(&table, 4, (double)c->top5 / (double)c->images));
  }
  YOLO_TRY(yolo_html_heading(to, "Classes"));
  st = page_table_put(&table, 2, bars, to);
done:
  yolo_free(bars);
  page_table_free(&table);
  return st;
}

yolo_status yolo_classify_page_sections(const yolo_classify_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put_scores(p, to));
  YOLO_TRY(page_pace(p->load_ms, p->network_ms, p->post_ms, p->images_run, to));
  YOLO_TRY(put_confusion(p, to));
  st = put_classes(p, to);
done:
  return st;
}

yolo_status yolo_classify_page_write(const yolo_classify_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_begin(to, p->title));
  YOLO_TRY(yolo_html_facts(to, p->facts, p->n_facts));
  YOLO_TRY(yolo_classify_page_sections(p, to));
  YOLO_TRY(yolo_html_note(to, "Written by yolo %s.", yolo_version()));
  st = yolo_html_end(to);
done:
  return st;
}
