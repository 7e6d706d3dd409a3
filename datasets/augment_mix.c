/* Pictures made of two: copy-paste, mixup, cutmix. */
#include <math.h>
#include <string.h>

#include "datasets/augment_parts.h"

/* ---- copy-paste (Ghiasi et al. 2021): objects of another image, cut out along their masks ---- */

/* Half of the objects with masks, at random. */
static yolo_status move_chosen(yolo_augmenter *augmenter, const yolo_layer *layer, yolo_rng *rng, yolo_sample *out) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < layer->sample->n_objects && st == YOLO_OK; i++) {
    const yolo_object *o = &layer->sample->objects[i];
    bool chosen = yolo_draw_chance(rng, 0.5);
    if (!chosen || o->outline.n_rings == 0 || (o->flags & YOLO_ANNOTATION_CROWD)) continue;
    st = yolo_augment_move_one(augmenter, layer, o, out);
  }
  return st;
}

/* Pixels under the outline come from `from`. */
static yolo_status copy_under(yolo_augmenter *augmenter, const yolo_object *object, const yolo_sample *from, yolo_sample *out) {
  size_t stride = (size_t)out->image.width;
  int x = (int)floorf(object->x1), y = (int)floorf(object->y1);
  int width = (int)ceilf(object->x2) - x, height = (int)ceilf(object->y2) - y;
  yolo_status st = yolo_augment_reserve(&augmenter->stencil, &augmenter->stencil_room, (size_t)width * (size_t)height);
  if (st != YOLO_OK) return st;
  YOLO_TRY(yolo_outline_fill(&object->outline, x, y, 1, width, height, augmenter->stencil));
  for (int j = 0; j < height; j++) {
    const uint8_t *inside = augmenter->stencil + (size_t)j * (size_t)width;
    size_t at = (size_t)(y + j) * stride + (size_t)x;
    for (int i = 0; i < width; i++, at++) {
      if (!inside[i]) continue;
      memcpy(out->image.pixels + at * 3, from->image.pixels + at * 3, 3);
      if (out->label_map && from->label_map) out->label_map[at] = from->label_map[at];
    }
  }
done:
  return st;
}

/* The object goes to `out`, over everything that was there before the first pasted one. */
static yolo_status put_down(yolo_augmenter *augmenter, const yolo_object *object, int below, yolo_sample *out) {
  yolo_object *to = NULL;
  yolo_status st = copy_under(augmenter, object, &augmenter->moved, out);
  for (int i = 0; i < below && st == YOLO_OK; i++) {
    st = yolo_augment_cover(augmenter, &out->objects[i], &object->outline, false);
  }
  if (st != YOLO_OK) return st;
  YOLO_TRY(yolo_sample_push(out, &to));
  yolo_outline kept = to->outline;
  *to = *object;
  to->outline = kept;
  YOLO_TRY(yolo_outline_copy(&object->outline, &to->outline));
done:
  return st;
}

yolo_status yolo_augment_paste(yolo_augmenter *augmenter, const yolo_draws *draws, yolo_sample *out) {
  yolo_rng rng = yolo_draws_rng(draws, YOLO_DRAW_PASTE);
  yolo_sample *moved = &augmenter->moved;
  yolo_layer layer;
  yolo_status st = YOLO_OK;
  if (!yolo_draw_chance(&rng, augmenter->augment.copy_paste)) return YOLO_OK;
  int width = out->image.width, height = out->image.height;
  yolo_draws other = *draws;
  other.image = yolo_draw_index(&rng, augmenter->source.count);
  other.picture += YOLO_PICTURE_PASTED;
  YOLO_TRY(yolo_augment_layer(augmenter, &other, width, height, &augmenter->pasted, &layer));
  YOLO_TRY(yolo_augment_begin(augmenter, &layer, 1, width, height, moved));
  YOLO_TRY(move_chosen(augmenter, &layer, &rng, moved));
  yolo_augment_keep(&augmenter->augment, moved);
  if (moved->n_objects == 0) return YOLO_OK;
  YOLO_TRY(yolo_warp_layer(&augmenter->warp, &layer, moved));
  for (int i = 0, below = out->n_objects; i < moved->n_objects; i++) {
    YOLO_TRY(put_down(augmenter, &moved->objects[i], below, out));
  }
done:
  return st;
}

/* ---- mixup (Zhang et al. 2018): x = s x1 + (1-s) x2, and both pictures' objects ---- */

/* Marsaglia and Tsang (2000): gamma variates by squeezing, for a >= 1; a < 1 by Gamma(a) = Gamma(a+1) U^(1/a). */
static double draw_gamma(yolo_rng *rng, double a) {
  double boost = a < 1 ? pow(1 - (double)yolo_rng_uniform(rng), 1 / a) : 1, d = (a < 1 ? a + 1 : a) - 1.0 / 3;
  for (;;) {
    double x = (double)yolo_rng_normal(rng), v = 1 + x / sqrt(9 * d), u = 1 - (double)yolo_rng_uniform(rng);
    v = v * v * v;
    if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v * boost;
  }
}

double yolo_draw_beta(yolo_rng *rng, double a) {
  double x = draw_gamma(rng, a), y = draw_gamma(rng, a);
  return x + y > 0 ? x / (x + y) : 0.5;
}

/* The second picture's objects and label, behind the first's. */
static yolo_status join_objects(const yolo_sample *second, float weight, yolo_sample *out) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < second->n_objects; i++) {
    yolo_object *to = NULL;
    YOLO_TRY(yolo_sample_push(out, &to));
    yolo_outline kept = to->outline;
    *to = second->objects[i];
    to->outline = kept;
    to->weight *= weight;
    YOLO_TRY(yolo_outline_copy(&second->objects[i].outline, &to->outline));
  }
done:
  return st;
}

yolo_status yolo_augment_blend(yolo_augmenter *augmenter, double share, yolo_sample *out) {
  const yolo_sample *second = &augmenter->second;
  size_t n = (size_t)out->image.width * (size_t)out->image.height;
  uint32_t wa = (uint32_t)(share * 65536 + 0.5), wb = 65536 - wa;
  uint8_t *a = out->image.pixels;
  const uint8_t *b = second->image.pixels;
  for (size_t i = 0; i < n * 3; i++) a[i] = (uint8_t)((a[i] * wa + b[i] * wb + 32768) >> 16);
  if (out->label_map && second->label_map && share < 0.5) memcpy(out->label_map, second->label_map, n);
  for (int i = 0; i < out->n_objects; i++) out->objects[i].weight *= (float)share;
  out->label2 = second->label;
  out->label_share = (float)share;
  return join_objects(second, (float)(1 - share), out);
}

/* ---- cutmix (Yun et al. 2019): a rectangle of 1 - s of the area, s uniform, around a uniform centre ---- */

static yolo_rect draw_rect(yolo_rng *rng, int width, int height) {
  double side = sqrt(1 - (double)yolo_rng_uniform(rng)), w = side * width, h = side * height;
  double x = yolo_draw_between(rng, 0, width), y = yolo_draw_between(rng, 0, height);
  yolo_rect r = {floor(x - w / 2), floor(y - h / 2), floor(x + w / 2), floor(y + h / 2)};
  return yolo_rect_meet(r, (yolo_rect){0, 0, width, height});
}

static void copy_rect(const yolo_sample *from, yolo_rect r, yolo_sample *out) {
  size_t stride = (size_t)out->image.width, length = (size_t)(r.x2 - r.x1);
  for (int y = (int)r.y1; y < (int)r.y2; y++) {
    size_t at = (size_t)y * stride + (size_t)r.x1;
    memcpy(out->image.pixels + at * 3, from->image.pixels + at * 3, length * 3);
    if (out->label_map && from->label_map) memcpy(out->label_map + at, from->label_map + at, length);
  }
}

yolo_status yolo_augment_cut_in(yolo_augmenter *augmenter, yolo_rng *rng, yolo_sample *out) {
  const yolo_sample *second = &augmenter->second;
  int width = out->image.width, height = out->image.height;
  yolo_rect r = draw_rect(rng, width, height);
  yolo_layer layer = {second, {{1, 0, 0, 0, 1, 0, 0, 0, 1}}, r};
  float corners[8] = {(float)r.x1, (float)r.y1, (float)r.x2, (float)r.y1, (float)r.x2, (float)r.y2, (float)r.x1, (float)r.y2};
  yolo_status st = YOLO_OK;
  double share = 1 - yolo_rect_area(r) / ((double)width * height);
  out->label2 = second->label;
  out->label_share = (float)share;
  if (yolo_rect_area(r) <= 0) return YOLO_OK;
  copy_rect(second, r, out);
  yolo_outline_clear(&augmenter->cutter);
  YOLO_TRY(yolo_outline_add(&augmenter->cutter, corners, 4, false));
  for (int i = 0; i < out->n_objects; i++) YOLO_TRY(yolo_augment_cover(augmenter, &out->objects[i], &augmenter->cutter, true));
  YOLO_TRY(yolo_augment_move(augmenter, &layer, out));
done:
  return st;
}
