/* The augmenter: stages in their order. augment.h has the pipeline, each stage its own file. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/augment_parts.h"

yolo_status yolo_augment_reserve(uint8_t **block, size_t *room, size_t bytes) {
  if (*block && *room >= bytes) return YOLO_OK;
  yolo_free(*block);
  *room = 0;
  *block = yolo_alloc(bytes);
  if (!*block) return YOLO_ENOMEM;
  *room = bytes;
  return YOLO_OK;
}

static bool moves(const yolo_augment *a) {
  bool sized = a->scale[0] != 1 || a->scale[1] != 1 || a->area_crop[0] < 1 || a->jitter > 0;
  bool moved = a->flip > 0 || a->flip_vertical > 0 || a->translate > 0 || a->crop > 0 || a->expand > 0;
  bool bent = a->rotate > 0 || a->shear > 0 || a->perspective > 0;
  bool mixed = a->mosaic > 0 || a->mixup > 0 || a->cutmix > 0 || a->copy_paste > 0;
  return sized || moved || bent || mixed;
}

yolo_status yolo_augmenter_new(const yolo_augment *augment, const yolo_sample_source *source, uint64_t seed,
                               yolo_augmenter **out) {
  *out = yolo_calloc(1, sizeof **out);
  if (!*out) return YOLO_ENOMEM;
  (*out)->augment = *augment;
  (*out)->source = *source;
  (*out)->seed = seed;
  return YOLO_OK;
}

void yolo_augmenter_free(yolo_augmenter *augmenter) {
  if (!augmenter) return;
  for (int i = 0; i < YOLO_MOSAIC_TILES; i++) yolo_sample_free(&augmenter->tiles[i]);
  yolo_sample_free(&augmenter->pasted);
  yolo_sample_free(&augmenter->moved);
  yolo_sample_free(&augmenter->second);
  yolo_warp_free(&augmenter->warp);
  for (int i = 0; i < 2; i++) yolo_free(augmenter->clip[i]);
  yolo_free(augmenter->mask);
  yolo_free(augmenter->stencil);
  yolo_outline_free(&augmenter->cutter);
  yolo_free(augmenter);
}

/* ---- one picture ---- */

yolo_status yolo_augment_begin(const yolo_augmenter *augmenter, const yolo_layer *layers, int n, int width, int height,
                               yolo_sample *out) {
  size_t pixels = (size_t)width * (size_t)height;
  bool mapped = false;
  yolo_status st = YOLO_OK;
  yolo_sample_restart(out);
  for (int i = 0; i < n; i++) mapped |= layers[i].sample->label_map != NULL;
  YOLO_TRY(yolo_sample_reserve_image(out, width, height));
  memset(out->image.pixels, augmenter->augment.fill, pixels * 3);
  if (!mapped) {
    yolo_free(out->label_map);
    out->label_map = NULL;
    out->label_map_room = 0;
    return YOLO_OK;
  }
  YOLO_TRY(yolo_sample_reserve_map(out, width, height));
  memset(out->label_map, YOLO_LABEL_IGNORE, pixels);
done:
  return st;
}

/* Gather, warp, move, paste. */
static yolo_status make_picture(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height, yolo_sample *out) {
  yolo_layer layers[YOLO_MOSAIC_TILES];
  int n = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_augment_gather(augmenter, draws, width, height, layers, &n));
  YOLO_TRY(yolo_augment_begin(augmenter, layers, n, width, height, out));
  for (int i = 0; i < n; i++) {
    YOLO_TRY(yolo_warp_layer(&augmenter->warp, &layers[i], out));
    YOLO_TRY(yolo_augment_move(augmenter, &layers[i], out));
  }
  out->label = layers[0].sample->label;
  out->index = draws->image;
  if (draws->chance) YOLO_TRY(yolo_augment_paste(augmenter, draws, out));
done:
  return st;
}

/* A second picture may be blended or cut in. */
static yolo_status mix(yolo_augmenter *augmenter, const yolo_draws *draws, int width, int height, yolo_sample *out) {
  const yolo_augment *a = &augmenter->augment;
  yolo_rng rng = yolo_draws_rng(draws, YOLO_DRAW_MIX);
  bool blend = yolo_draw_chance(&rng, a->mixup), cut = yolo_draw_chance(&rng, a->cutmix) && !blend;
  yolo_draws second = *draws;
  if (!blend && !cut) return YOLO_OK;
  second.image = yolo_draw_index(&rng, augmenter->source.count);
  second.picture = YOLO_PICTURE_SECOND;
  yolo_status st = make_picture(augmenter, &second, width, height, &augmenter->second);
  if (st != YOLO_OK) return st;
  return blend ? yolo_augment_blend(augmenter, yolo_draw_beta(&rng, a->mixup_beta), out)
               : yolo_augment_cut_in(augmenter, &rng, out);
}

static yolo_status check_size(int width, int height) {
  if (width > 0 && height > 0 && width <= YOLO_IMAGE_MAX_SIDE && height <= YOLO_IMAGE_MAX_SIDE) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "an image of %d x %d pixels cannot be made", width, height);
}

yolo_status yolo_augmenter_fit(yolo_augmenter *augmenter, size_t index, int width, int height, yolo_sample *out) {
  yolo_draws draws = {.seed = augmenter->seed, .index = index, .image = index};
  yolo_status st = check_size(width, height);
  augmenter->moves = false;
  return st == YOLO_OK ? make_picture(augmenter, &draws, width, height, out) : st;
}

yolo_status yolo_augmenter_run(yolo_augmenter *augmenter, int epoch, size_t index, int width, int height, yolo_sample *out) {
  yolo_draws draws = {.seed = augmenter->seed, .index = index, .image = index, .epoch = epoch, .chance = true};
  yolo_status st = YOLO_OK;
  augmenter->moves = moves(&augmenter->augment);
  YOLO_TRY(check_size(width, height));
  YOLO_TRY(make_picture(augmenter, &draws, width, height, out));
  YOLO_TRY(mix(augmenter, &draws, width, height, out));
  if (augmenter->moves) yolo_augment_keep(&augmenter->augment, out);
  yolo_augment_colour(&augmenter->augment, &draws, &out->image);
  YOLO_TRY(yolo_augment_effects(augmenter, &draws, &out->image));
done:
  return st;
}
