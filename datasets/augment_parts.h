/* Internal to the augmentation: what its stages share. augment.h has the order of the pipeline. */
#ifndef YOLO_DATASETS_AUGMENT_PARTS_H
#define YOLO_DATASETS_AUGMENT_PARTS_H

#include "backbone/base/rng.h"
#include "datasets/sample.h"

/* ---- chance: keyed by seed, epoch, image and purpose ---- */

/* A purpose's draws never move those of another, so that one setting more changes nothing else. */
typedef enum yolo_purpose {
  YOLO_DRAW_GATHER,
  YOLO_DRAW_VIEW, /* and the next three: one a tile */
  YOLO_DRAW_GEOMETRY = YOLO_DRAW_VIEW + 4,
  YOLO_DRAW_PASTE,
  YOLO_DRAW_MIX,
  YOLO_DRAW_COLOUR,
  YOLO_DRAW_BLUR,
  YOLO_DRAW_NOISE,
  YOLO_DRAW_ERASE
} yolo_purpose;
/* What is made: the picture itself, the second one mixed into it, and what is pasted onto either. */
typedef enum yolo_picture { YOLO_PICTURE_FIRST, YOLO_PICTURE_SECOND, YOLO_PICTURE_PASTED /* + picture */ } yolo_picture;

typedef struct yolo_draws {
  uint64_t seed;
  uint64_t index; /* of the image that was asked for: part of the key */
  size_t image;   /* that is the first of the picture: the same, but for the second one of a mixture */
  int epoch, picture;
  bool chance; /* false: only the fit */
} yolo_draws;

static inline yolo_rng yolo_draws_rng(const yolo_draws *d, int purpose) {
  uint64_t stream = d->index << 32 | ((uint64_t)d->epoch & 0xfffff) << 12 | (uint64_t)d->picture << 8 | (uint64_t)purpose;
  return (yolo_rng){.key = d->seed, .stream = stream};
}
static inline double yolo_draw_between(yolo_rng *rng, double a, double b) {
  return a + (b - a) * (double)yolo_rng_uniform(rng);
}
static inline bool yolo_draw_chance(yolo_rng *rng, double p) { return (double)yolo_rng_uniform(rng) < p; }
static inline size_t yolo_draw_index(yolo_rng *rng, size_t n) { return (size_t)((uint64_t)yolo_rng_u32(rng) * n >> 32); }

/* ---- geometry ---- */

/* x1, y1, x2, y2 in continuous coordinates: pixel (i, j) covers [i, i+1) x [j, j+1). */
typedef struct yolo_rect {
  double x1, y1, x2, y2;
} yolo_rect;
static inline double yolo_rect_area(yolo_rect r) { return r.x2 > r.x1 && r.y2 > r.y1 ? (r.x2 - r.x1) * (r.y2 - r.y1) : 0; }
yolo_rect yolo_rect_meet(yolo_rect a, yolo_rect b);

/* Row by row; (x', y', w') = m (x, y, 1), and what has w' <= 0 is behind the viewer. */
typedef struct yolo_matrix {
  double m[9];
} yolo_matrix;
yolo_matrix yolo_matrix_product(const yolo_matrix *a, const yolo_matrix *b);
/* a^-1, so that points in front stay in front; false: there is none. */
bool yolo_matrix_invert(const yolo_matrix *a, yolo_matrix *out);

/* A rectangle of a source image and the way from its coordinates to the output's. */
typedef struct yolo_layer {
  const yolo_sample *sample;
  yolo_matrix to_output;
  yolo_rect rect; /* what is shown, in source coordinates, inside the image */
} yolo_layer;

/* augment_view.c: the part of the image's plane that is fitted into the input (it may reach outside). rng NULL: no chance. */
yolo_rect yolo_augment_view(const yolo_augment *augment, yolo_rng *rng, const yolo_sample *sample, int width, int height);
/* augment_geometry.c */
yolo_rect yolo_augment_place(int fit, yolo_rect view, int width, int height); /* where the fit puts it in the input */
/* From view to dest, mirrored where asked. */
yolo_matrix yolo_augment_fit_matrix(yolo_rect view, yolo_rect dest, bool mirror_x, bool mirror_y);
/* Scale, rotation, shear, perspective, shift, flips: from a canvas to the output. */
yolo_matrix yolo_augment_geometry(const yolo_augment *augment, yolo_rng *rng, double canvas_w, double canvas_h, int width,
                                  int height, bool flips);

/* ---- pixels ---- */

/* One axis of a resampling: value = ((256 - weight) * from[low] + weight * from[high]) / 256. */
typedef struct yolo_warp_tap {
  int low, high, weight;
} yolo_warp_tap;
typedef struct yolo_warp {
  uint16_t *row;
  yolo_warp_tap *taps;
  size_t row_room, taps_room;
} yolo_warp;
void yolo_warp_free(yolo_warp *warp);
/* Paints the layer over `out`: bilinear for the image, nearest for the label map (where both have one). */
yolo_status yolo_warp_layer(yolo_warp *warp, const yolo_layer *layer, yolo_sample *out);

/* ---- the augmenter ---- */

enum { YOLO_MOSAIC_TILES = 4 };
struct yolo_augmenter {
  yolo_augment augment;
  yolo_sample_source source;
  uint64_t seed;
  bool moves;                           /* something but the fit may happen to geometry */
  yolo_sample tiles[YOLO_MOSAIC_TILES]; /* source images */
  yolo_sample pasted, moved;            /* where objects are pasted from; the same, in the output */
  yolo_sample second;                   /* the second picture */
  yolo_warp warp;
  float *clip[2]; /* rings while they are clipped */
  size_t clip_room;
  uint8_t *mask, *stencil;
  size_t mask_room, stencil_room;
  yolo_outline cutter; /* a rectangle as an outline */
};
/* An empty picture of this size, with a label map where a layer has one. */
yolo_status yolo_augment_begin(const yolo_augmenter *augmenter, const yolo_layer *layers, int n, int width, int height,
                               yolo_sample *out);
/* Memory of at least `bytes`; contents are lost. */
yolo_status yolo_augment_reserve(uint8_t **block, size_t *room, size_t bytes);

/* augment_gather.c. One image fitted into the input, with all geometry. */
yolo_status yolo_augment_layer(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height, yolo_sample *sample,
                               yolo_layer *out);
/* One layer or four; the first is draws->image. */
yolo_status yolo_augment_gather(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height,
                                yolo_layer layers[YOLO_MOSAIC_TILES], int *n);
/* augment_objects.c: the layer's objects, moved and clipped, are added to `out` (whose image has the output's size). */
yolo_status yolo_augment_move(yolo_augmenter *augmenter, const yolo_layer *layer, yolo_sample *out);
yolo_status yolo_augment_move_one(yolo_augmenter *augmenter, const yolo_layer *layer, const yolo_object *from,
                                  yolo_sample *out);
/* Takes `cutter` away from what of the object is to be seen. */
yolo_status yolo_augment_cover(yolo_augmenter *augmenter, yolo_object *object, const yolo_outline *cutter, bool trim);
void yolo_augment_keep(const yolo_augment *augment, yolo_sample *out);
/* augment_mix.c */
yolo_status yolo_augment_paste(yolo_augmenter *augmenter, const yolo_draws *draws, yolo_sample *out);
yolo_status yolo_augment_blend(yolo_augmenter *augmenter, double share, yolo_sample *out);
yolo_status yolo_augment_cut_in(yolo_augmenter *augmenter, yolo_rng *rng, yolo_sample *out);
double yolo_draw_beta(yolo_rng *rng, double a); /* Beta(a, a) */
/* augment_colour.c, augment_effects.c: in place */
void yolo_augment_colour(const yolo_augment *augment, const yolo_draws *draws, yolo_image *image);
yolo_status yolo_augment_effects(yolo_augmenter *augmenter, const yolo_draws *draws, yolo_image *image);

#endif
