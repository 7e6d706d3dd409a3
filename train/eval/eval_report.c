/* A whole scoring run: see eval_report.h. */
#include "train/eval/eval_report.h"

#include <math.h>
#include <stdlib.h>

#include "backbone/base/memory.h"

const double yolo_eval_size_edges[YOLO_EVAL_SIZE_BINS] = {0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384};

static void free_kind(yolo_eval_kind *kind) {
  yolo_eval_matches_free(&kind->matches);
  yolo_eval_result_free(&kind->result);
  yolo_free(kind->class_numbers);
  yolo_voc_result_free(&kind->voc);
}

void yolo_eval_report_free(yolo_eval_report *r) {
  for (int i = 0; i < 2; ++i) free_kind(&r->kinds[i]);
  yolo_eval_curves_free(&r->curves);
  yolo_eval_confusion_free(&r->confusion);
  yolo_free(r->images);
  *r = (yolo_eval_report){0};
}

static yolo_status score_kind(yolo_eval_report *r, yolo_eval_overlap overlap) {
  yolo_eval_kind *kind = &r->kinds[overlap];
  yolo_eval_params params = r->options.params;
  yolo_status st = YOLO_OK;
  params.overlap = overlap;
  kind->scored = true;
  r->main_kind = (int)overlap;
  YOLO_TRY(yolo_eval_match_all(&r->set, &params, &kind->matches));
  YOLO_TRY(yolo_eval_accumulate(&kind->matches, &kind->result));
  yolo_eval_summary(&kind->result, kind->numbers);
  r->n_classes = kind->result.n_classes;
  YOLO_ENOMEM_IF_NULL(kind->class_numbers = yolo_alloc_array((size_t)r->n_classes, sizeof *kind->class_numbers));
  for (int k = 0; k < r->n_classes; ++k) yolo_eval_class_summary(&kind->result, k, kind->class_numbers[k]);
  if (r->options.draws > 0) st = yolo_eval_bootstrap_run(&kind->matches, r->options.draws, r->options.seed, &kind->bootstrap);
done:
  return st;
}

/* ---- images and sizes ---- */

yolo_eval_verdict yolo_eval_report_verdict(const yolo_eval_report *r, size_t i) {
  const yolo_eval_matches *m = &r->kinds[r->main_kind].matches;
  const int t = yolo_eval_main_iou(&m->params);
  size_t at = i * (size_t)m->params.n_areas;
  if (m->items[i].score < r->confidence) return YOLO_EVAL_BELOW;
  if (m->ignored[at] >> t & 1) return YOLO_EVAL_IGNORED;
  return m->hits[at] >> t & 1 ? YOLO_EVAL_RIGHT : YOLO_EVAL_WRONG;
}

static int worst_first(const void *a, const void *b) {
  const yolo_eval_image_score *x = a, *y = b;
  if (x->f1 != y->f1) return x->f1 < y->f1 ? -1 : 1;
  uint32_t x_bad = x->wrong + x->missed, y_bad = y->wrong + y->missed;
  if (x_bad != y_bad) return x_bad > y_bad ? -1 : 1;
  return (x->image > y->image) - (x->image < y->image);
}

static yolo_status score_images(yolo_eval_report *r) {
  const yolo_eval_matches *m = &r->kinds[r->main_kind].matches;
  r->images = yolo_calloc(m->n_images, sizeof *r->images);
  if (!r->images) return YOLO_ENOMEM;
  for (uint32_t i = 0; i < m->n_images; ++i) r->images[i].image = i;
  for (size_t i = 0; i < m->first_tally[m->n_classes]; ++i) r->images[m->tallies[i].image].missed += m->tallies[i].count;
  for (size_t i = 0; i < m->n; ++i) {
    yolo_eval_image_score *image = &r->images[m->items[i].image];
    yolo_eval_verdict verdict = yolo_eval_report_verdict(r, i);
    image->right += verdict == YOLO_EVAL_RIGHT;
    image->wrong += verdict == YOLO_EVAL_WRONG;
    image->missed -= verdict == YOLO_EVAL_RIGHT;
  }
  for (uint32_t i = 0; i < m->n_images; ++i) {
    yolo_eval_image_score *s = &r->images[i];
    double both = 2.0 * s->right + s->wrong + s->missed;
    s->f1 = both > 0 ? 2.0 * s->right / both : 1;
  }
  if (m->n_images > 1) qsort(r->images, m->n_images, sizeof *r->images, worst_first);
  return YOLO_OK;
}

static int size_bin(const yolo_eval_truth *truth) {
  double size = sqrt(truth->area > 0 ? truth->area : 0);
  int bin = YOLO_EVAL_SIZE_BINS - 1;
  while (bin > 0 && size < yolo_eval_size_edges[bin]) --bin;
  return bin;
}

static void count_sizes(yolo_eval_report *r) {
  const yolo_eval_matches *m = &r->kinds[r->main_kind].matches;
  for (size_t i = 0; i < r->set.n_truths; ++i) {
    const yolo_eval_truth *t = &r->set.truths[i];
    if (!t->crowd && t->class_index >= 0) ++r->sizes[size_bin(t)].truths;
  }
  for (size_t i = 0; i < m->n; ++i) {
    const yolo_eval_match *item = &m->items[i];
    if (item->truth == YOLO_EVAL_NO_TRUTH || item->score < r->confidence) continue;
    const yolo_eval_truth *t = &r->set.truths[item->truth];
    if (!t->crowd) ++r->sizes[size_bin(t)].found;
  }
}

static yolo_status look_closer(yolo_eval_report *r) {
  const yolo_eval_kind *kind = &r->kinds[r->main_kind];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_eval_curves_make(&kind->matches, yolo_eval_main_iou(&kind->matches.params), &r->curves));
  r->confidence = r->options.confidence;
  if (r->confidence < 0) r->confidence = r->curves.all.best.f1 > 0 ? r->curves.all.best.confidence : 0;
  YOLO_TRY(yolo_eval_confusion_make(&r->set, r->curves.iou, r->confidence, &r->confusion));
  YOLO_TRY(score_images(r));
  count_sizes(r);
done:
  return st;
}

yolo_status yolo_eval_report_make(yolo_eval_truths *truths, yolo_eval_results *results, const yolo_eval_report_options *options,
                                  yolo_eval_report *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_report){.truths = truths, .results = results, .options = *options};
  if (options->masks) {
    YOLO_TRY(yolo_eval_truths_make_masks(truths, options->params.threads));
    YOLO_TRY(yolo_eval_results_make_masks(results, truths));
  }
  out->set = (yolo_eval_set){truths->items, results->items, truths->n, results->n, truths->n_images, truths->n_classes};
  if (options->boxes) YOLO_TRY(score_kind(out, YOLO_EVAL_BOX));
  if (options->masks) YOLO_TRY(score_kind(out, YOLO_EVAL_MASK));
  YOLO_TRY(look_closer(out));
done:
  if (st != YOLO_OK) yolo_eval_report_free(out);
  return st;
}
