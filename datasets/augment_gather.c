/* Which images make a picture, and where each of them goes.
 *
 * A mosaic is a canvas cut into four by one point; each quarter shows an image with a corner at that point. Nothing is painted
 * here: each image becomes a layer, and quarter, fit and geometry become its rectangle and its matrix.
 *   YOLOv5   canvas of two inputs, images letterboxed to the input's size, then the geometry takes the canvas' middle
 *   Darknet  canvas of one input, images jittered, flipped and stretched one by one */
#include <math.h>

#include "datasets/augment_parts.h"

static yolo_rect image_rect(const yolo_sample *sample) { return (yolo_rect){0, 0, sample->image.width, sample->image.height}; }

static yolo_status load(yolo_augmenter *augmenter, size_t index, yolo_sample *out) {
  if (index >= augmenter->source.count) {
    return yolo_fail(YOLO_EINVAL, "there is no image %zu; the data set has %zu", index, augmenter->source.count);
  }
  yolo_status st = augmenter->source.load(augmenter->source.payload, index, out);
  if (st == YOLO_OK && (!out->image.pixels || out->image.width < 1 || out->image.height < 1)) {
    return yolo_fail(YOLO_EINVAL, "image %zu has no pixels", index);
  }
  return st;
}

/* A rectangle of the canvas in source coordinates. */
static yolo_rect back_through(const yolo_matrix *fit, yolo_rect r) {
  double x1 = (r.x1 - fit->m[2]) / fit->m[0], x2 = (r.x2 - fit->m[2]) / fit->m[0];
  double y1 = (r.y1 - fit->m[5]) / fit->m[4], y2 = (r.y2 - fit->m[5]) / fit->m[4];
  return (yolo_rect){fmin(x1, x2), fmin(y1, y2), fmax(x1, x2), fmax(y1, y2)};
}

static void finish_layer(yolo_layer *layer, const yolo_sample *sample, yolo_matrix fit, yolo_rect view, const yolo_rect *clip,
                         const yolo_matrix *geometry) {
  layer->sample = sample;
  layer->rect = yolo_rect_meet(image_rect(sample), view);
  if (clip) layer->rect = yolo_rect_meet(layer->rect, back_through(&fit, *clip));
  layer->to_output = geometry ? yolo_matrix_product(geometry, &fit) : fit;
}

yolo_status yolo_augment_layer(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height, yolo_sample *sample,
                               yolo_layer *out) {
  const yolo_augment *a = &augmenter->augment;
  yolo_rng view_rng = yolo_draws_rng(draws, YOLO_DRAW_VIEW), rng = yolo_draws_rng(draws, YOLO_DRAW_GEOMETRY);
  yolo_status st = load(augmenter, draws->image, sample);
  if (st != YOLO_OK) return st;
  yolo_rect view = yolo_augment_view(a, draws->chance ? &view_rng : NULL, sample, width, height);
  bool stretch = draws->chance && a->area_crop[0] < 1;
  yolo_rect dest = yolo_augment_place(stretch ? YOLO_AUGMENT_STRETCH : a->fit, view, width, height);
  yolo_matrix fit = yolo_augment_fit_matrix(view, dest, false, false), geometry;
  if (draws->chance) geometry = yolo_augment_geometry(a, &rng, width, height, width, height, true);
  finish_layer(out, sample, fit, view, NULL, draws->chance ? &geometry : NULL);
  return YOLO_OK;
}

/* ---- mosaic ---- */

typedef struct mosaic {
  double canvas_w, canvas_h, cut_x, cut_y;
  int width, height;
  bool flips; /* each tile on its own */
  yolo_matrix geometry;
} mosaic;

/* Moves [0, length] so that its inner end lies on the cut. `pad`: what at that end no image covers goes beyond it, so that the
 * grey which a jitter brings stays at the outside (as far as that leaves no gap there). */
static double anchor(bool before, double cut, double canvas, double length, double pad) {
  double quarter = before ? cut : canvas - cut, spare = fmin(pad, fmax(0, length - quarter));
  return before ? cut - length + spare : cut - spare;
}

static void place_tile(const yolo_augment *a, const mosaic *m, int tile, yolo_rng *rng, const yolo_sample *sample,
                       yolo_layer *layer) {
  bool left = tile % 2 == 0, top = tile < 2;
  yolo_rect view = yolo_augment_view(a, rng, sample, m->width, m->height);
  yolo_rect dest = yolo_augment_place(a->fit, view, m->width, m->height), image = image_rect(sample);
  bool mirror_x = yolo_draw_chance(rng, a->flip) && m->flips, mirror_y = yolo_draw_chance(rng, a->flip_vertical) && m->flips;
  double w = dest.x2 - dest.x1, h = dest.y2 - dest.y1;
  double pad_x = left != mirror_x ? view.x2 - image.x2 : image.x1 - view.x1;
  double pad_y = top != mirror_y ? view.y2 - image.y2 : image.y1 - view.y1;
  double x = anchor(left, m->cut_x, m->canvas_w, w, fmax(0, pad_x) * w / (view.x2 - view.x1));
  double y = anchor(top, m->cut_y, m->canvas_h, h, fmax(0, pad_y) * h / (view.y2 - view.y1));
  yolo_rect clip = {left ? 0 : m->cut_x, top ? 0 : m->cut_y, left ? m->cut_x : m->canvas_w, top ? m->cut_y : m->canvas_h};
  yolo_matrix fit = yolo_augment_fit_matrix(view, (yolo_rect){x, y, x + w, y + h}, mirror_x, mirror_y);
  finish_layer(layer, sample, fit, view, &clip, &m->geometry);
}

static yolo_status gather_four(yolo_augmenter *augmenter, const yolo_draws *draws, yolo_rng *rng, int width, int height,
                               yolo_layer *layers) {
  const yolo_augment *a = &augmenter->augment;
  mosaic m = {a->mosaic_canvas * width, a->mosaic_canvas * height, 0, 0, width, height, a->mosaic_canvas <= 1, {{0}}};
  m.cut_x = floor(yolo_draw_between(rng, a->mosaic_cut[0], a->mosaic_cut[1]) * m.canvas_w);
  m.cut_y = floor(yolo_draw_between(rng, a->mosaic_cut[0], a->mosaic_cut[1]) * m.canvas_h);
  int own = (int)yolo_draw_index(rng, YOLO_MOSAIC_TILES);
  yolo_rng geometry_rng = yolo_draws_rng(draws, YOLO_DRAW_GEOMETRY);
  m.geometry = yolo_augment_geometry(a, &geometry_rng, m.canvas_w, m.canvas_h, width, height, !m.flips);
  for (int i = 0; i < YOLO_MOSAIC_TILES; i++) {
    size_t other = yolo_draw_index(rng, augmenter->source.count);
    yolo_rng view_rng = yolo_draws_rng(draws, YOLO_DRAW_VIEW + i);
    yolo_status st = load(augmenter, i == 0 ? draws->image : other, &augmenter->tiles[i]);
    if (st != YOLO_OK) return st;
    place_tile(a, &m, (own + i) % YOLO_MOSAIC_TILES, &view_rng, &augmenter->tiles[i], &layers[i]);
  }
  return YOLO_OK;
}

yolo_status yolo_augment_gather(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height,
                                yolo_layer layers[YOLO_MOSAIC_TILES], int *n) {
  yolo_rng rng = yolo_draws_rng(draws, YOLO_DRAW_GATHER);
  bool four = draws->chance && yolo_draw_chance(&rng, augmenter->augment.mosaic);
  *n = four ? YOLO_MOSAIC_TILES : 1;
  return four ? gather_four(augmenter, draws, &rng, width, height, layers)
              : yolo_augment_layer(augmenter, draws, width, height, &augmenter->tiles[0], layers);
}
