/* "segmentation" to RLE: see segment_json.h. */
#include "train/eval/segment_json.h"

#include <string.h>

#include "backbone/base/memory.h"

static const char what_it_is[] = "a \"segmentation\" is {\"size\":[height,width],\"counts\":..} or a list of polygons";

/* The numbers of a list; *out is the caller's (yolo_free). */
static yolo_status read_numbers(const cJSON *list, double **out, size_t *n) {
  size_t count = 0;
  for (const cJSON *c = list->child; c; c = c->next) {
    if (!cJSON_IsNumber(c)) return yolo_fail(YOLO_EFORMAT, "a list in \"segmentation\" holds something that is no number");
    ++count;
  }
  double *values = yolo_alloc_array(count, sizeof *values);
  if (!values) return YOLO_ENOMEM;
  *n = 0;
  for (const cJSON *c = list->child; c; c = c->next) values[(*n)++] = c->valuedouble;
  *out = values;
  return YOLO_OK;
}

static bool read_size(const cJSON *segment, int *height, int *width) {
  const cJSON *size = cJSON_GetObjectItemCaseSensitive(segment, "size");
  const cJSON *h = cJSON_IsArray(size) ? size->child : NULL, *w = h ? h->next : NULL;
  if (!w || w->next || !cJSON_IsNumber(h) || !cJSON_IsNumber(w)) return false;
  if (!(h->valuedouble >= 0 && h->valuedouble <= INT32_MAX && w->valuedouble >= 0 && w->valuedouble <= INT32_MAX)) return false;
  *height = (int)h->valuedouble;
  *width = (int)w->valuedouble;
  return *height == h->valuedouble && *width == w->valuedouble;
}

static yolo_status read_rle(const cJSON *segment, yolo_rle *out) {
  const cJSON *counts = cJSON_GetObjectItemCaseSensitive(segment, "counts");
  double *values = NULL;
  size_t n = 0;
  int height, width;
  if (!read_size(segment, &height, &width)) return yolo_fail(YOLO_EFORMAT, "%s", what_it_is);
  if (cJSON_IsString(counts)) return yolo_rle_from_text(counts->valuestring, strlen(counts->valuestring), height, width, out);
  if (!cJSON_IsArray(counts)) return yolo_fail(YOLO_EFORMAT, "%s", what_it_is);
  yolo_status st = read_numbers(counts, &values, &n);
  if (st == YOLO_OK) st = yolo_rle_from_counts(values, n, height, width, out);
  yolo_free(values);
  return st;
}

static yolo_status read_polygon(const cJSON *list, int width, int height, yolo_rle *out) {
  double *values = NULL;
  size_t n = 0;
  if (!cJSON_IsArray(list)) return yolo_fail(YOLO_EFORMAT, "%s", what_it_is);
  yolo_status st = read_numbers(list, &values, &n);
  if (st == YOLO_OK && (n % 2 != 0 || n < 6))
    st = yolo_fail(YOLO_EFORMAT, "a polygon of %zu numbers has no three points x, y", n);
  if (st == YOLO_OK) st = yolo_rle_from_polygon(values, n / 2, height, width, out);
  yolo_free(values);
  return st;
}

static yolo_status read_polygons(const cJSON *segment, int width, int height, yolo_rle *out) {
  size_t count = 0, n = 0;
  yolo_rle *parts = NULL;
  yolo_status st = YOLO_OK;
  for (const cJSON *c = segment->child; c; c = c->next) ++count;
  if (count == 0) return yolo_fail(YOLO_EFORMAT, "a \"segmentation\" without a polygon");
  if (width < 1 || height < 1)
    return yolo_fail(YOLO_EFORMAT, "the size of the image is not known, so polygons cannot be drawn");
  YOLO_ENOMEM_IF_NULL(parts = yolo_calloc(count, sizeof *parts));
  for (const cJSON *c = segment->child; c; c = c->next) YOLO_TRY(read_polygon(c, width, height, &parts[n++]));
  st = yolo_rle_merge(parts, n, false, out);
done:
  for (size_t i = 0; i < n; ++i) yolo_rle_free(&parts[i]);
  yolo_free(parts);
  return st;
}

yolo_status yolo_eval_segment_read(const cJSON *segment, int width, int height, yolo_rle *out) {
  if (cJSON_IsObject(segment)) return read_rle(segment, out);
  if (cJSON_IsArray(segment)) return read_polygons(segment, width, height, out);
  return yolo_fail(YOLO_EFORMAT, "%s", what_it_is);
}
