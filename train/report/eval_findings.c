/* One image: which truths were found and which detections are wrong, and why. See eval_parts.h.
 *
 * Right and wrong are those of the scores. Why a wrong one is wrong is judged by overlaps with all truths of the image, in the
 * order of Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2.2. */
#include <stdio.h>
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "datasets/mask.h"
#include "train/report/eval_parts.h"

/* From this overlap on a detection means the truth, though it may be too far off to count (TIDE's t_b). */
static const double touching = 0.1;

void page_findings_free(page_findings *f) {
  yolo_free(f->truths);
  yolo_free(f->detections);
  *f = (page_findings){0};
}

/* ---- gathering ---- */

static bool is_scored(const yolo_eval_report *r, const yolo_eval_truth *t, uint32_t image) {
  return t->image == image && t->class_index >= 0 && t->class_index < r->set.n_classes;
}

static yolo_status gather_truths(const yolo_eval_report *r, uint32_t image, page_findings *out) {
  size_t n = 0;
  for (size_t i = 0; i < r->set.n_truths; ++i) n += is_scored(r, &r->set.truths[i], image);
  if (!(out->truths = yolo_alloc_array(n, sizeof *out->truths))) return YOLO_ENOMEM;
  for (size_t i = 0; i < r->set.n_truths; ++i) {
    const yolo_eval_truth *t = &r->set.truths[i];
    if (is_scored(r, t, image)) out->truths[out->n_truths++] = (page_truth){t, t->crowd ? PAGE_NOT_SCORED : PAGE_MISSED};
  }
  return YOLO_OK;
}

static void mark_found(page_findings *f, const yolo_eval_truth *truth) {
  for (size_t i = 0; i < f->n_truths; ++i) {
    if (f->truths[i].truth == truth) f->truths[i].fate = PAGE_FOUND;
  }
}

static yolo_status gather_detections(const yolo_eval_report *r, uint32_t image, page_findings *out) {
  const yolo_eval_matches *m = &r->kinds[r->main_kind].matches;
  size_t n = 0;
  for (size_t i = 0; i < m->n; ++i) n += m->items[i].image == image;
  if (!(out->detections = yolo_calloc(n, sizeof *out->detections))) return YOLO_ENOMEM;
  for (size_t i = 0; i < m->n; ++i) {
    const yolo_eval_match *item = &m->items[i];
    const yolo_eval_verdict verdict = item->image == image ? yolo_eval_report_verdict(r, i) : YOLO_EVAL_BELOW;
    if (verdict == YOLO_EVAL_BELOW) continue;
    out->detections[out->n_detections++] =
        (page_detection){.detection = &r->set.detections[item->detection], .verdict = verdict, .reason = PAGE_NO_REASON};
    if (verdict == YOLO_EVAL_RIGHT && item->truth != YOLO_EVAL_NO_TRUTH) mark_found(out, &r->set.truths[item->truth]);
  }
  return YOLO_OK;
}

static int best_first(const void *left, const void *right) {
  const yolo_eval_detection *a = ((const page_detection *)left)->detection, *b = ((const page_detection *)right)->detection;
  if (a->score != b->score) return a->score > b->score ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* ---- why ---- */

static yolo_status overlap_of(const yolo_eval_report *r, const yolo_eval_detection *d, const yolo_eval_truth *t, double *iou) {
  if (r->main_kind == YOLO_EVAL_MASK && d->mask && t->mask) return yolo_rle_iou(d->mask, 1, t->mask, 1, NULL, iou);
  yolo_xywh_iou((const double(*)[4])d->box, 1, (const double(*)[4])t->box, 1, NULL, iou);
  return YOLO_OK;
}

static yolo_status find_reason(const yolo_eval_report *r, const page_findings *f, page_detection *d) {
  const yolo_eval_truth *same = NULL, *other = NULL;
  double same_iou = 0, other_iou = 0;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < f->n_truths; ++i) {
    const yolo_eval_truth *t = f->truths[i].truth;
    const bool alike = r->options.params.class_agnostic || t->class_index == d->detection->class_index;
    double iou = 0;
    if (t->crowd) continue;
    YOLO_TRY(overlap_of(r, d->detection, t, &iou));
    if (alike && iou > same_iou) same = t, same_iou = iou;
    if (!alike && iou > other_iou) other = t, other_iou = iou;
  }
  if (same_iou >= r->curves.iou) {
    d->reason = PAGE_TWICE;
  } else if (other_iou >= r->curves.iou) {
    d->reason = PAGE_OTHER;
  } else {
    d->reason = same_iou >= touching ? PAGE_INEXACT : PAGE_NOTHING;
  }
  d->close = d->reason == PAGE_OTHER ? other : d->reason == PAGE_NOTHING ? NULL : same;
  d->overlap = d->reason == PAGE_OTHER ? other_iou : same_iou;
done:
  return st;
}

yolo_status page_find(const yolo_eval_report *r, uint32_t image, page_findings *out) {
  yolo_status st = YOLO_OK;
  *out = (page_findings){0};
  YOLO_TRY(gather_truths(r, image, out));
  YOLO_TRY(gather_detections(r, image, out));
  if (out->n_detections > 1) qsort(out->detections, out->n_detections, sizeof *out->detections, best_first);
  for (size_t i = 0; i < out->n_detections; ++i) {
    if (out->detections[i].verdict == YOLO_EVAL_WRONG) YOLO_TRY(find_reason(r, out, &out->detections[i]));
  }
done:
  if (st != YOLO_OK) page_findings_free(out);
  return st;
}

/* ---- in words ---- */

enum { MOST_NAMED = 5 };

static const char *class_of(const yolo_eval_report *r, int class_index) {
  return yolo_eval_truths_class_name(r->truths, class_index);
}

/* "dog (2), cat": what was missed, by class. */
static yolo_status tell_missed(const yolo_eval_report *r, const page_findings *f, yolo_text *to) {
  int named = 0;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < f->n_truths; ++i) {
    const int k = f->truths[i].truth->class_index;
    size_t count = 0, before = 0;
    if (f->truths[i].fate != PAGE_MISSED) continue;
    for (size_t j = 0; j < f->n_truths; ++j) {
      const bool alike = f->truths[j].fate == PAGE_MISSED && f->truths[j].truth->class_index == k;
      count += alike;
      before += alike && j < i;
    }
    if (before > 0) continue;
    if (named == MOST_NAMED) return yolo_text_format(to, " and others)");
    YOLO_TRY(yolo_text_format(to, "%s%s", named++ ? ", " : " (", class_of(r, k)));
    if (count > 1) YOLO_TRY(yolo_text_format(to, " x %zu", count));
  }
  if (named) st = yolo_text_format(to, ")");
done:
  return st;
}

static yolo_status tell_wrong(const yolo_eval_report *r, const page_detection *d, yolo_text *to) {
  const char *name = class_of(r, d->detection->class_index), *thing = r->main_kind == YOLO_EVAL_MASK ? "mask" : "box";
  const double score = d->detection->score;
  switch (d->reason) {
    case PAGE_TWICE: return yolo_text_format(to, "%s %.2f found once more", name, score);
    case PAGE_OTHER: return yolo_text_format(to, "%s %.2f, which is %s", name, score, class_of(r, d->close->class_index));
    case PAGE_INEXACT: return yolo_text_format(to, "%s %.2f, whose %s is off (IoU %.3f)", name, score, thing, d->overlap);
    default: return yolo_text_format(to, "%s %.2f where nothing is", name, score);
  }
}

yolo_status page_tell(const yolo_eval_report *r, const page_findings *f, yolo_text *to) {
  size_t right = 0, wrong = 0, missed = 0, named = 0;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < f->n_detections; ++i) {
    right += f->detections[i].verdict == YOLO_EVAL_RIGHT;
    wrong += f->detections[i].verdict == YOLO_EVAL_WRONG;
  }
  for (size_t i = 0; i < f->n_truths; ++i) missed += f->truths[i].fate == PAGE_MISSED;
  YOLO_TRY(yolo_text_format(to, "%zu right, %zu missed", right, missed));
  YOLO_TRY(tell_missed(r, f, to));
  YOLO_TRY(yolo_text_format(to, ", %zu false", wrong));
  for (size_t i = 0; i < f->n_detections && named < MOST_NAMED; ++i) {
    if (f->detections[i].verdict != YOLO_EVAL_WRONG) continue;
    YOLO_TRY(yolo_text_format(to, named++ ? "; " : ": "));
    YOLO_TRY(tell_wrong(r, &f->detections[i], to));
  }
  st = wrong > named ? yolo_text_format(to, "; and %zu more", wrong - named) : YOLO_OK;
done:
  return st;
}
