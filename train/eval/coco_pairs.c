/* COCOeval.evaluateImg: the detections of one image and class against its truths, at every threshold and area.
 *
 * Quirks of pycocotools that are kept, because the numbers people publish have them:
 *   - truths that do not count (crowds, or out of the area's range) come last, and once a detection has a truth that counts
 *     it does not look at those;
 *   - of equal overlaps the later truth wins;
 *   - a detection whose best truth is taken may take the next best that is free and overlaps enough;
 *   - a truth of id 0 is taken, but the detection stays unmatched: matches are stored as ids, and 0 means none;
 *   - an unmatched detection whose own area is out of the range is neither right nor wrong; ranges include both ends. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/eval/coco_match.h"

void yolo_eval_scratch_free(yolo_eval_scratch *s) {
  yolo_free(s->iou);
  yolo_free(s->best);
  yolo_free(s->dt_boxes);
  yolo_free(s->gt_boxes);
  yolo_free(s->dt_masks);
  yolo_free(s->gt_masks);
  yolo_free(s->crowd);
  yolo_free(s->order);
  yolo_free(s->taken);
  yolo_free(s->ignore);
  *s = (yolo_eval_scratch){0};
}

yolo_status yolo_eval_scratch_make(size_t n_detections, size_t n_truths, size_t n_pairs, yolo_eval_scratch *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_scratch){0};
  YOLO_ENOMEM_IF_NULL(out->iou = yolo_alloc_array(n_pairs, sizeof *out->iou));
  YOLO_ENOMEM_IF_NULL(out->best = yolo_alloc_array(n_detections, sizeof *out->best));
  YOLO_ENOMEM_IF_NULL(out->dt_boxes = yolo_alloc_array(n_detections, sizeof *out->dt_boxes));
  YOLO_ENOMEM_IF_NULL(out->gt_boxes = yolo_alloc_array(n_truths, sizeof *out->gt_boxes));
  YOLO_ENOMEM_IF_NULL(out->dt_masks = yolo_alloc_array(n_detections, sizeof *out->dt_masks));
  YOLO_ENOMEM_IF_NULL(out->gt_masks = yolo_alloc_array(n_truths, sizeof *out->gt_masks));
  YOLO_ENOMEM_IF_NULL(out->crowd = yolo_alloc_array(n_truths, sizeof *out->crowd));
  YOLO_ENOMEM_IF_NULL(out->order = yolo_alloc_array(n_truths, sizeof *out->order));
  YOLO_ENOMEM_IF_NULL(out->taken = yolo_alloc_array(n_truths, sizeof *out->taken));
  YOLO_ENOMEM_IF_NULL(out->ignore = yolo_alloc_array(n_truths, sizeof *out->ignore));
done:
  if (st != YOLO_OK) yolo_eval_scratch_free(out);
  return st;
}

static yolo_status box_overlaps(const yolo_eval_group *g, yolo_eval_scratch *s) {
  for (size_t d = 0; d < g->n_detections; ++d)
    memcpy(s->dt_boxes[d], g->set->detections[g->detections[d]].box, sizeof s->dt_boxes[d]);
  for (size_t t = 0; t < g->n_truths; ++t) memcpy(s->gt_boxes[t], g->set->truths[g->truths[t]].box, sizeof s->gt_boxes[t]);
  yolo_xywh_iou((const double(*)[4])s->dt_boxes, g->n_detections, (const double(*)[4])s->gt_boxes, g->n_truths, s->crowd,
                s->iou);
  return YOLO_OK;
}

static yolo_status mask_overlaps(const yolo_eval_group *g, yolo_eval_scratch *s) {
  for (size_t d = 0; d < g->n_detections; ++d) {
    const yolo_rle *mask = g->set->detections[g->detections[d]].mask;
    if (!mask) return yolo_fail(YOLO_EINVAL, "a detection without a mask cannot be scored as one");
    s->dt_masks[d] = *mask;
  }
  for (size_t t = 0; t < g->n_truths; ++t) {
    const yolo_rle *mask = g->set->truths[g->truths[t]].mask;
    if (!mask) return yolo_fail(YOLO_EINVAL, "a truth without a mask cannot be scored as one");
    s->gt_masks[t] = *mask;
  }
  return yolo_rle_iou(s->dt_masks, g->n_detections, s->gt_masks, g->n_truths, s->crowd, s->iou);
}

/* The most that each detection overlaps with anything: most overlap with nothing, and need no search. */
static void find_best(const yolo_eval_group *g, yolo_eval_scratch *s) {
  for (size_t d = 0; d < g->n_detections; ++d) s->best[d] = -1;
  for (size_t t = 0; t < g->n_truths; ++t) {
    for (size_t d = 0; d < g->n_detections; ++d) {
      double iou = s->iou[t * g->n_detections + d];
      if (iou > s->best[d]) s->best[d] = iou;
    }
  }
}

static bool outside(double area, const double range[2]) { return area < range[0] || area > range[1]; }

/* Who counts in area a; those that do come first. */
static size_t order_truths(const yolo_eval_group *g, yolo_eval_scratch *s, int a) {
  size_t counting = 0, at = 0;
  for (size_t t = 0; t < g->n_truths; ++t) {
    s->ignore[t] = s->crowd[t] || outside(g->set->truths[g->truths[t]].area, g->params->areas[a]);
    counting += !s->ignore[t];
  }
  for (int turn = 0; turn < 2; ++turn) {
    for (size_t t = 0; t < g->n_truths; ++t) {
      if (s->ignore[t] == (turn == 1)) s->order[at++] = (uint32_t)t;
    }
  }
  return counting;
}

/* The truth that detection d takes at threshold bit `bit`; n_truths: none. */
static size_t best_truth(const yolo_eval_group *g, const yolo_eval_scratch *s, size_t d, double least, uint32_t bit) {
  size_t best = g->n_truths;
  for (size_t i = 0; i < g->n_truths; ++i) {
    size_t t = s->order[i];
    double iou = s->iou[t * g->n_detections + d];
    if (s->taken[t] & bit && !s->crowd[t]) continue;
    if (best < g->n_truths && !s->ignore[best] && s->ignore[t]) break;
    if (iou < least) continue;
    least = iou;
    best = t;
  }
  return best;
}

typedef struct outcome {
  uint32_t hits, ignored, partner; /* partner: at ious[0] */
} outcome;

/* Thresholds ascend, so the first that is more than any overlap ends the search. */
static outcome match_detection(const yolo_eval_group *g, yolo_eval_scratch *s, size_t d) {
  const yolo_eval_params *p = g->params;
  outcome out = {0, 0, YOLO_EVAL_NO_TRUTH};
  for (int i = 0; i < p->n_ious; ++i) {
    const uint32_t bit = (uint32_t)1 << i;
    const double least = p->ious[i] < 1 - 1e-10 ? p->ious[i] : 1 - 1e-10;
    if (s->best[d] < least) break;
    size_t t = best_truth(g, s, d, least, bit);
    if (t == g->n_truths) continue;
    s->taken[t] |= bit;
    if (s->ignore[t]) out.ignored |= bit;
    if (g->set->truths[g->truths[t]].id == 0) continue;
    out.hits |= bit;
    if (i == 0) out.partner = g->truths[t];
  }
  return out;
}

static void match_area(const yolo_eval_group *g, yolo_eval_scratch *s, int a, const yolo_eval_group_out *out) {
  const yolo_eval_params *p = g->params;
  const uint32_t every = yolo_eval_every_iou(p);
  memset(s->taken, 0, g->n_truths * sizeof *s->taken);
  for (size_t d = 0; d < g->n_detections; ++d) {
    const size_t at = d * (size_t)p->n_areas + (size_t)a;
    outcome o = match_detection(g, s, d);
    if (outside(g->set->detections[g->detections[d]].area, p->areas[a])) o.ignored |= every & ~o.hits;
    out->hits[at] = o.hits;
    out->ignored[at] = o.ignored;
    if (a == 0) out->partners[d] = o.partner;
  }
}

yolo_status yolo_eval_match_group(const yolo_eval_group *g, yolo_eval_scratch *s, const yolo_eval_group_out *out) {
  yolo_status st = YOLO_OK;
  for (size_t t = 0; t < g->n_truths; ++t) s->crowd[t] = g->set->truths[g->truths[t]].crowd;
  if (g->n_detections > 0 && g->n_truths > 0)
    st = g->params->overlap == YOLO_EVAL_MASK ? mask_overlaps(g, s) : box_overlaps(g, s);
  if (st != YOLO_OK) return st;
  find_best(g, s);
  for (int a = 0; a < g->params->n_areas; ++a) {
    out->positives[a] = order_truths(g, s, a);
    match_area(g, s, a, out);
  }
  return YOLO_OK;
}
