/* One annotation of a COCO file: { "id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd" }. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/read_coco.h"

/* What is said about an annotation begins with its id, or with its place when it has none. */
static yolo_status left_out(yolo_coco_reader *r, yolo_data_rule rule, const yolo_annotation *a, const char *what) {
  if (a->id == YOLO_DATA_RUNNING_ID)
    yolo_data_report_byte(r->sink, rule, r->file, a->place, "an annotation without id: %s", what);
  else
    yolo_data_report_byte(r->sink, rule, r->file, a->place, "annotation %" PRId64 ": %s", a->id, what);
  return YOLO_OK;
}

static bool is_absent(const cJSON *item) { return !item || cJSON_IsNull(item); }

/* Finite numbers only; JSON has no others, but 1e999 overflows. */
static bool read_number(const cJSON *item, double *out) {
  if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) return false;
  *out = item->valuedouble;
  return true;
}

static bool is_set(const cJSON *element, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(element, key);
  return cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble != 0);
}

/* ---- polygons ---- */

static yolo_status outline_room(struct yolo_coco_outline *o, size_t values, size_t n) {
  if (values > o->xy_room) {
    size_t room = values + values / 2 + 64;
    double *xy = yolo_alloc_array(room, sizeof *xy);
    if (!xy) return YOLO_ENOMEM;
    yolo_free(o->polygons.xy);
    o->polygons.xy = xy;
    o->xy_room = room;
  }
  if (n > o->n_room || !o->starts) {
    size_t room = n + n / 2 + 16;
    yolo_free(o->starts);
    yolo_free(o->lengths);
    yolo_free(o->polygons.ends);
    o->starts = yolo_alloc_array(room, sizeof *o->starts);
    o->lengths = yolo_alloc_array(room, sizeof *o->lengths);
    o->polygons.ends = yolo_alloc_array(room, sizeof *o->polygons.ends);
    o->n_room = room;
    if (!o->starts || !o->lengths || !o->polygons.ends) return YOLO_ENOMEM;
  }
  return YOLO_OK;
}

/* Copies one polygon behind the others; false when it is none. */
static bool add_polygon(struct yolo_coco_outline *o, const cJSON *list) {
  yolo_polygons *p = &o->polygons;
  size_t start = p->n_values, at = start;
  for (const cJSON *item = cJSON_IsArray(list) ? list->child : NULL; item; item = item->next)
    if (!read_number(item, &p->xy[at++])) return false;
  if (at - start < 6 || (at - start) % 2) return false;
  o->starts[p->n] = p->xy + start;
  o->lengths[p->n] = at - start;
  p->ends[p->n++] = p->n_values = at;
  return true;
}

/* All polygons into reader->outline; those that are none are reported. */
static yolo_status read_polygons(yolo_coco_reader *r, const cJSON *list, const yolo_annotation *a) {
  struct yolo_coco_outline *o = &r->outline;
  size_t values = 0, n = 0, bad = 0;
  for (const cJSON *polygon = list->child; polygon; polygon = polygon->next, n++)
    for (const cJSON *item = polygon->child; item; item = item->next) values++;
  yolo_status st = outline_room(o, values, n);
  o->polygons.n = o->polygons.n_values = 0;
  if (st != YOLO_OK) return st;
  for (const cJSON *polygon = list->child; polygon; polygon = polygon->next) bad += !add_polygon(o, polygon);
  if (bad) left_out(r, YOLO_RULE_MASK_INVALID, a, "what is no list of at least three points is left out of its polygons");
  return st;
}

static double enclosed(const double *xy, size_t n) {
  double twice = 0;
  for (size_t i = 0, j = n - 2; i < n; j = i, i += 2) twice += xy[j] * xy[i + 1] - xy[i] * xy[j + 1];
  return fabs(twice) / 2;
}

/* The box around the polygons and what they enclose, for files that do not say. */
static void measure_polygons(const yolo_polygons *p, double box[4], double *area) {
  double low[2] = {p->xy[0], p->xy[1]}, high[2] = {p->xy[0], p->xy[1]};
  *area = 0;
  for (size_t i = 0; i < p->n_values; i++) {
    low[i & 1] = fmin(low[i & 1], p->xy[i]);
    high[i & 1] = fmax(high[i & 1], p->xy[i]);
  }
  for (size_t i = 0; i < p->n; i++) {
    size_t start = i ? p->ends[i - 1] : 0;
    *area += enclosed(p->xy + start, p->ends[i] - start);
  }
  box[0] = low[0];
  box[1] = low[1];
  box[2] = high[0] - low[0];
  box[3] = high[1] - low[1];
}

/* ---- RLE ---- */

static yolo_status read_counts(const cJSON *counts, int height, int width, yolo_rle *out) {
  size_t n = 0;
  yolo_status st = YOLO_OK;
  double *values = NULL;
  for (const cJSON *item = counts->child; item; item = item->next) n++;
  values = yolo_alloc_array(n, sizeof *values);
  YOLO_ENOMEM_IF_NULL(values);
  n = 0;
  for (const cJSON *item = counts->child; item; item = item->next, n++)
    if (!read_number(item, &values[n])) {
      st = yolo_fail(YOLO_EFORMAT, "a count that is no number");
      goto done;
    }
  YOLO_TRY(yolo_rle_from_counts(values, n, height, width, out));
done:
  yolo_free(values);
  return st;
}

/* {"size": [height, width], "counts": [...] or "..."} */
static yolo_status read_rle(const cJSON *object, yolo_rle *out, uint8_t *kind) {
  const cJSON *size = cJSON_GetObjectItemCaseSensitive(object, "size");
  const cJSON *counts = cJSON_GetObjectItemCaseSensitive(object, "counts");
  double height, width;
  if (!cJSON_IsArray(size) || !size->child || !read_number(size->child, &height) || !size->child->next ||
      !read_number(size->child->next, &width) || !(height >= 0 && height <= INT_MAX && width >= 0 && width <= INT_MAX))
    return yolo_fail(YOLO_EFORMAT, "a mask without \"size\": [height, width]");
  if (cJSON_IsString(counts)) {
    *kind = YOLO_SEGMENT_RLE;
    return yolo_rle_from_text(counts->valuestring, strlen(counts->valuestring), (int)height, (int)width, out);
  }
  *kind = YOLO_SEGMENT_COUNTS;
  if (!cJSON_IsArray(counts)) return yolo_fail(YOLO_EFORMAT, "a mask without \"counts\"");
  return read_counts(counts, (int)height, (int)width, out);
}

/* ---- the annotation ---- */

/* What the mask says of box and area, in case nobody else does. */
typedef struct measured {
  double box[4], area;
} measured;

static yolo_status take_polygons(yolo_coco_reader *r, const cJSON *item, yolo_annotation *a, measured *m) {
  struct yolo_coco_outline *o = &r->outline;
  yolo_status st = read_polygons(r, item, a);
  if (st != YOLO_OK || o->polygons.n == 0) return st;
  a->kind = YOLO_SEGMENT_POLYGONS;
  measure_polygons(&o->polygons, m->box, &m->area);
  return yolo_dataset_builder_polygons(r->builder, o->starts, o->lengths, o->polygons.n, &a->segment);
}

static yolo_status take_rle(yolo_coco_reader *r, const cJSON *item, yolo_annotation *a, measured *m) {
  yolo_rle rle = {0};
  uint8_t kind = YOLO_SEGMENT_NONE;
  yolo_status st = read_rle(item, &rle, &kind);
  if (st == YOLO_OK) {
    a->kind = kind;
    yolo_rle_box(&rle, m->box);
    m->area = yolo_rle_area(&rle);
    st = yolo_dataset_builder_rle(r->builder, &rle, &a->segment);
  } else if (st != YOLO_ENOMEM) {
    st = left_out(r, YOLO_RULE_MASK_INVALID, a, yolo_error_message());
  }
  yolo_rle_free(&rle);
  return st;
}

/* a->kind stays NONE where there is no mask, or none that can be read: then it is reported, and the box is kept. */
static yolo_status take_segment(yolo_coco_reader *r, const cJSON *element, yolo_annotation *a, measured *m) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(element, "segmentation");
  if (is_absent(item) || (cJSON_IsArray(item) && !item->child)) return YOLO_OK;
  if (cJSON_IsArray(item)) return take_polygons(r, item, a, m);
  if (cJSON_IsObject(item)) return take_rle(r, item, a, m);
  return left_out(r, YOLO_RULE_MASK_INVALID, a, "\"segmentation\" is neither a list nor an object");
}

/* False, and reported, when there is a box that is none. */
static bool take_box(yolo_coco_reader *r, const cJSON *element, yolo_annotation *a) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(element, "bbox");
  double *values[4] = {&a->x, &a->y, &a->width, &a->height};
  int n = 0; /* of the numbers; 5 and more count as 5 */
  if (is_absent(item) || (cJSON_IsArray(item) && !item->child)) return true;
  for (const cJSON *value = cJSON_IsArray(item) ? item->child : NULL; value && n < 5; value = value->next, n++)
    if (n < 4 && !read_number(value, values[n])) break;
  if (n == 4) a->flags |= YOLO_ANNOTATION_HAS_BOX;
  if (n != 4) left_out(r, YOLO_RULE_LABEL_SYNTAX, a, "\"bbox\" is not four numbers");
  return n == 4;
}

/* The ids: false, and reported, when the annotation belongs nowhere. */
static bool take_ids(yolo_coco_reader *r, const cJSON *element, yolo_annotation *a) {
  const cJSON *id = cJSON_GetObjectItemCaseSensitive(element, "id");
  int64_t image_id, category_id, image, category;
  char what[96];
  if (!is_absent(id) && !yolo_json_int64(element, "id", &a->id))
    return left_out(r, YOLO_RULE_LABEL_SYNTAX, a, "\"id\" is no whole number"), false;
  if (!yolo_json_int64(element, "image_id", &image_id) || !yolo_json_int64(element, "category_id", &category_id))
    return left_out(r, YOLO_RULE_LABEL_SYNTAX, a, "\"image_id\" and \"category_id\" must be whole numbers"), false;
  image = yolo_id_map_get(&r->images, image_id);
  category = yolo_id_map_get(&r->categories, category_id);
  if (image < 0) {
    snprintf(what, sizeof what, "image_id %" PRId64 " is not among the images", image_id);
    return left_out(r, YOLO_RULE_LABEL_ORPHAN, a, what), false;
  }
  if (category < 0) {
    snprintf(what, sizeof what, "category_id %" PRId64 " is not among the categories", category_id);
    return left_out(r, YOLO_RULE_CLASS_UNKNOWN, a, what), false;
  }
  a->image = (uint32_t)image;
  a->class_index = (int32_t)category - 1;
  return category > 0;
}

static void take_area(const cJSON *element, const measured *m, yolo_annotation *a) {
  double area;
  a->area = a->kind == YOLO_SEGMENT_NONE ? a->width * a->height : m->area;
  if (!read_number(cJSON_GetObjectItemCaseSensitive(element, "area"), &area)) return;
  a->area = area;
  a->flags |= YOLO_ANNOTATION_HAS_AREA;
}

static void take_flags(const cJSON *element, yolo_annotation *a) {
  if (is_set(element, "iscrowd")) a->flags |= YOLO_ANNOTATION_CROWD;
  if (is_set(element, "ignore")) a->flags |= YOLO_ANNOTATION_IGNORE;
}

/* Both keep their place: COCOeval, too, takes twins for two. */
static yolo_status note_id(yolo_coco_reader *r, const yolo_annotation *a) {
  bool twin = false;
  if (a->id == YOLO_DATA_RUNNING_ID) return YOLO_OK;
  yolo_status st = yolo_id_map_add(&r->annotations, a->id, 0, &twin);
  if (twin) left_out(r, YOLO_RULE_ID_DUPLICATE, a, "the id occurs twice");
  return st;
}

yolo_status yolo_coco_annotation(void *payload, const cJSON *element, uint64_t place) {
  yolo_coco_reader *r = payload;
  yolo_annotation a = {.id = YOLO_DATA_RUNNING_ID, .place = place};
  measured m = {{0}, 0};
  yolo_status st = YOLO_OK;
  if (!take_ids(r, element, &a) || !take_box(r, element, &a)) return YOLO_OK;
  YOLO_TRY(take_segment(r, element, &a, &m));
  if (!(a.flags & YOLO_ANNOTATION_HAS_BOX)) {
    if (a.kind == YOLO_SEGMENT_NONE) return left_out(r, YOLO_RULE_LABEL_SYNTAX, &a, "neither a \"bbox\" nor a mask");
    a.x = m.box[0], a.y = m.box[1], a.width = m.box[2], a.height = m.box[3];
  }
  take_area(element, &m, &a);
  take_flags(element, &a);
  YOLO_TRY(note_id(r, &a));
  YOLO_TRY(yolo_dataset_builder_annotation(r->builder, &a));
done:
  return st;
}
