/* COCO results: see results.h. */
#include "train/eval/results.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "train/eval/flat_json.h"
#include "train/eval/segment_json.h"

void yolo_eval_results_free(yolo_eval_results *r) {
  for (size_t i = 0; r->masks && i < r->n; ++i) yolo_rle_free(&r->masks[i]);
  yolo_free(r->masks);
  yolo_free(r->items);
  *r = (yolo_eval_results){0};
}

static yolo_status grow(yolo_eval_results *r) {
  size_t room = r->room ? r->room * 2 : 1024;
  if (room > SIZE_MAX / sizeof *r->items) return yolo_fail(YOLO_ENOMEM, "out of memory: %zu detections", room);
  void *items = yolo_realloc(r->items, room * sizeof *r->items);
  if (!items) return YOLO_ENOMEM;
  r->items = items;
  if (r->masks) {
    void *masks = yolo_realloc(r->masks, room * sizeof *r->masks);
    if (!masks) return YOLO_ENOMEM;
    r->masks = masks;
    memset(r->masks + r->room, 0, (room - r->room) * sizeof *r->masks);
  }
  r->room = room;
  return YOLO_OK;
}

yolo_status yolo_eval_results_add(yolo_eval_results *r, const yolo_eval_detection *detection) {
  yolo_status st = r->n == r->room ? grow(r) : YOLO_OK;
  if (st == YOLO_OK) r->items[r->n++] = *detection;
  return st;
}

/* Takes over the runs of *mask. */
static yolo_status add_masked(yolo_eval_results *r, const yolo_eval_detection *detection, yolo_rle *mask) {
  yolo_status st = r->n == r->room ? grow(r) : YOLO_OK;
  if (st != YOLO_OK) return st;
  if (!r->masks && !(r->masks = yolo_calloc(r->room, sizeof *r->masks))) return YOLO_ENOMEM;
  r->masks[r->n] = *mask;
  *mask = (yolo_rle){0};
  r->items[r->n++] = *detection;
  return YOLO_OK;
}

/* ---- reading ---- */

typedef struct reading {
  const yolo_json_file *file;
  const yolo_eval_truths *truths;
  yolo_eval_results *out;
  size_t number; /* of the element, from 1 */
} reading;

/* Finds image and class. *known: false when the category is none of the truths', or the image is left out of the scores. */
static yolo_status place_detection(reading *r, int64_t image_id, int64_t category_id, yolo_eval_detection *d, bool *known) {
  int64_t image = yolo_id_map_get(&r->truths->image_of_id, image_id);
  int64_t class_index = yolo_id_map_get(&r->truths->class_of_id, category_id);
  if (image < 0) {
    return yolo_fail(YOLO_EINVAL, "%s: detection %zu is of image_id %lld, which the ground truth does not have",
                     yolo_json_name(r->file), r->number, (long long)image_id);
  }
  *known = false;
  if (image == YOLO_EVAL_NO_IMAGE) return YOLO_OK;
  d->image = (uint32_t)image;
  d->class_index = (int32_t)class_index;
  *known = class_index >= 0;
  if (!*known && r->out->foreign++ == 0) r->out->foreign_id = category_id;
  return YOLO_OK;
}

static bool whole(double value, int64_t *out) {
  if (!(value >= -9007199254740992.0 && value <= 9007199254740992.0) || (double)(int64_t)value != value) return false;
  *out = (int64_t)value;
  return true;
}

static yolo_status add_flat(reading *r, const yolo_flat_result *flat, int64_t image_id, int64_t category_id) {
  yolo_eval_detection d = {.score = flat->score};
  bool known = false;
  yolo_status st = place_detection(r, image_id, category_id, &d, &known);
  if (st != YOLO_OK || !known) return st;
  memcpy(d.box, flat->box, sizeof d.box);
  d.area = d.box[2] * d.box[3];
  return yolo_eval_results_add(r->out, &d);
}

static yolo_status fail_element(const reading *r, uint64_t place, const char *what) {
  return yolo_fail(YOLO_EFORMAT, "%s: byte %llu: detection %zu %s", yolo_json_name(r->file), (unsigned long long)place,
                   r->number, what);
}

/* A list of four numbers. Absent or empty: *there is false. */
static bool read_box(const cJSON *element, double box[4], bool *there) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(element, "bbox");
  int n = 0;
  *there = list && !(cJSON_IsArray(list) && !list->child);
  if (!*there) return true;
  for (const cJSON *c = cJSON_IsArray(list) ? list->child : NULL; c; c = c->next) {
    if (n == 4 || !cJSON_IsNumber(c) || !(c->valuedouble - c->valuedouble == 0)) return false;
    box[n++] = c->valuedouble;
  }
  return n == 4;
}

/* What loadRes does after it has seen the first element. */
static yolo_status finish_element(reading *r, uint64_t place, const cJSON *segment, bool has_box, yolo_eval_detection *d) {
  const yolo_data_image *image = yolo_eval_truths_image(r->truths, d->image);
  yolo_rle mask = {0};
  yolo_status st = YOLO_OK;
  if (r->out->has_boxes && !has_box) return fail_element(r, place, "has no \"bbox\", but the first one has");
  if (!r->out->has_boxes && !segment) return fail_element(r, place, "has no \"segmentation\", but the first one has");
  d->area = d->box[2] * d->box[3];
  if (!segment) return yolo_eval_results_add(r->out, d);
  st = yolo_eval_segment_read(segment, image->width, image->height, &mask);
  if (st != YOLO_OK) {
    return yolo_error_prefix(st, "%s: byte %llu: detection %zu: ", yolo_json_name(r->file), (unsigned long long)place,
                             r->number);
  }
  if (!r->out->has_boxes) d->area = yolo_rle_area(&mask);
  if (!has_box) yolo_rle_box(&mask, d->box);
  st = add_masked(r->out, d, &mask);
  yolo_rle_free(&mask);
  return st;
}

static yolo_status add_element(reading *r, uint64_t place, const cJSON *element) {
  const cJSON *segment = cJSON_GetObjectItemCaseSensitive(element, "segmentation");
  yolo_eval_detection d = {0};
  int64_t image_id, category_id;
  bool known = false, has_box;
  if (!cJSON_IsObject(element)) return fail_element(r, place, "is no object in braces");
  if (!yolo_json_int64(element, "image_id", &image_id)) return fail_element(r, place, "has no whole number \"image_id\"");
  if (!yolo_json_int64(element, "category_id", &category_id))
    return fail_element(r, place, "has no whole number \"category_id\"");
  if (!yolo_json_double(element, "score", &d.score)) return fail_element(r, place, "has no number \"score\"");
  if (!read_box(element, d.box, &has_box)) return fail_element(r, place, "has a \"bbox\" that is not four numbers");
  if (r->number == 1) {
    r->out->has_boxes = has_box;
    r->out->has_masks = segment != NULL;
    if (!has_box && !segment) return fail_element(r, place, "has neither \"bbox\" nor \"segmentation\"");
  }
  yolo_status st = place_detection(r, image_id, category_id, &d, &known);
  if (st != YOLO_OK || !known) return st;
  return finish_element(r, place, segment, has_box, &d);
}

static yolo_status visit(void *payload, const char *text, size_t length, uint64_t place) {
  reading *r = payload;
  yolo_flat_result flat;
  int64_t image_id, category_id;
  cJSON *element = NULL;
  ++r->number;
  if ((r->number == 1 || r->out->has_boxes) && yolo_flat_result_read(text, length, &flat) && whole(flat.image_id, &image_id) &&
      whole(flat.category_id, &category_id)) {
    r->out->has_boxes = true;
    return add_flat(r, &flat, image_id, category_id);
  }
  yolo_status st = yolo_json_parse(r->file, text, length, &element);
  if (st == YOLO_OK) st = add_element(r, place, element);
  cJSON_Delete(element);
  return st;
}

static yolo_status read_file(yolo_json_file *file, const yolo_eval_truths *truths, yolo_eval_results *out) {
  reading r = {file, truths, out, 0};
  if (yolo_json_top(file) != '[')
    return yolo_fail(YOLO_EFORMAT, "%s: this is no list of detections: COCO results are [{\"image_id\":..}, ..]",
                     yolo_json_name(file));
  return yolo_json_each_text(file, NULL, visit, &r, NULL);
}

yolo_status yolo_eval_results_read(const char *path, const yolo_eval_truths *truths, yolo_eval_results *out) {
  yolo_json_file *file = NULL;
  *out = (yolo_eval_results){0};
  yolo_status st = yolo_json_open(path, &file);
  if (st == YOLO_OK) st = read_file(file, truths, out);
  yolo_json_close(file);
  if (st != YOLO_OK) yolo_eval_results_free(out);
  return st;
}

yolo_status yolo_eval_results_read_bytes(const char *bytes, size_t length, const char *name, const yolo_eval_truths *truths,
                                         yolo_eval_results *out) {
  yolo_json_file *file = NULL;
  *out = (yolo_eval_results){0};
  yolo_status st = yolo_json_open_bytes(bytes, length, name, &file);
  if (st == YOLO_OK) st = read_file(file, truths, out);
  yolo_json_close(file);
  if (st != YOLO_OK) yolo_eval_results_free(out);
  return st;
}

yolo_status yolo_eval_results_make_masks(yolo_eval_results *r, const yolo_eval_truths *truths) {
  yolo_status st = YOLO_OK;
  if (!r->masks) YOLO_ENOMEM_IF_NULL(r->masks = yolo_calloc(r->room, sizeof *r->masks));
  for (size_t i = 0; i < r->n; ++i) {
    const yolo_data_image *image = yolo_eval_truths_image(truths, r->items[i].image);
    if (!r->masks[i].runs) YOLO_TRY(yolo_rle_from_box(r->items[i].box, image->height, image->width, &r->masks[i]));
    r->items[i].mask = &r->masks[i];
  }
done:
  return st;
}
