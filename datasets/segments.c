/* Packing and unpacking the masks of annotations: see segments.h. Offsets may come from a damaged index file: every count is
 * compared with what is left before it is used. */
#include "datasets/segments.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"

enum { FORM_HUNDREDTHS = 1, FORM_DOUBLES = 2, FORM_RLE = 3, VARINT_MAX = 10 };

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

/* ---- packing ---- */

size_t yolo_segment_polygons_bound(const size_t *lengths, size_t n) {
  size_t values = 0;
  for (size_t i = 0; i < n; i++) values += lengths[i];
  return 1 + VARINT_MAX * (n + 1) + values * sizeof(double);
}

size_t yolo_segment_rle_bound(size_t text_length) { return 1 + 3 * VARINT_MAX + text_length; }

/* Is the value k/100 for an int32 k, to the last bit (and not -0)? */
static bool as_hundredths(double value, int32_t *k) {
  double scaled = value * 100.0;
  if (!(scaled > -2147483000.0 && scaled < 2147483000.0)) return false;
  *k = (int32_t)lrint(scaled);
  return (double)*k / 100.0 == value && !(value == 0.0 && signbit(value));
}

static uint8_t *put_values(const double *values, size_t n, bool hundredths, uint8_t *at) {
  if (!hundredths) {
    if (n) memcpy(at, values, n * sizeof *values);
    return at + n * sizeof *values;
  }
  for (size_t i = 0; i < n; i++, at += sizeof(int32_t)) {
    int32_t k = 0;
    as_hundredths(values[i], &k);
    memcpy(at, &k, sizeof k);
  }
  return at;
}

size_t yolo_segment_pack_polygons(const double *const *xy, const size_t *lengths, size_t n, uint8_t *out) {
  bool hundredths = true;
  int32_t k;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; hundredths && j < lengths[i]; j++) hundredths = as_hundredths(xy[i][j], &k);
  uint8_t *at = out;
  *at++ = hundredths ? FORM_HUNDREDTHS : FORM_DOUBLES;
  at = put_varint(at, n);
  for (size_t i = 0; i < n; i++) at = put_varint(at, lengths[i]);
  for (size_t i = 0; i < n; i++) at = put_values(xy[i], lengths[i], hundredths, at);
  return (size_t)(at - out);
}

size_t yolo_segment_pack_rle(int height, int width, const char *text, size_t length, uint8_t *out) {
  uint8_t *at = out;
  *at++ = FORM_RLE;
  at = put_varint(at, (uint64_t)height);
  at = put_varint(at, (uint64_t)width);
  at = put_varint(at, length);
  if (length) memcpy(at, text, length);
  return (size_t)(at - out) + length;
}

/* ---- unpacking ---- */

typedef struct reader {
  const uint8_t *at, *end;
} reader;

static yolo_status fail_damaged(const yolo_annotation *a) {
  return yolo_fail(YOLO_EFORMAT, "the mask of annotation %lld is damaged in memory or in the index file", (long long)a->id);
}

static bool get_varint(reader *r, uint64_t *value) {
  *value = 0;
  for (int shift = 0; shift < 63 && r->at < r->end; shift += 7) {
    uint8_t byte = *r->at++;
    *value |= (uint64_t)(byte & 0x7F) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

/* The form byte, or 0. */
static int begin(const yolo_dataset *d, const yolo_annotation *a, reader *r) {
  if (a->segment >= d->n_segments) return 0;
  *r = (reader){d->segments + a->segment, d->segments + d->n_segments};
  return *r->at++;
}

/* Counts and lengths: fills out->n, ends and n_values. */
static yolo_status read_lengths(const yolo_annotation *a, reader *r, size_t value_size, yolo_polygons *out) {
  uint64_t n, length, values = 0;
  if (!get_varint(r, &n) || n > (uint64_t)(r->end - r->at)) return fail_damaged(a);
  out->ends = yolo_alloc_array(n, sizeof *out->ends);
  if (!out->ends) return YOLO_ENOMEM;
  for (out->n = 0; out->n < n; out->n++) {
    if (!get_varint(r, &length) || length > SIZE_MAX / 16 || length % 2) return fail_damaged(a);
    values += length;
    if (values > (uint64_t)(r->end - r->at) / value_size) return fail_damaged(a);
    out->ends[out->n] = values;
  }
  out->n_values = values;
  return values > (uint64_t)(r->end - r->at) / value_size ? fail_damaged(a) : YOLO_OK;
}

static yolo_status read_values(const reader *r, bool hundredths, yolo_polygons *out) {
  out->xy = yolo_alloc_array(out->n_values, sizeof *out->xy);
  if (!out->xy) return YOLO_ENOMEM;
  if (!hundredths && out->n_values) memcpy(out->xy, r->at, out->n_values * sizeof *out->xy);
  for (size_t i = 0; hundredths && i < out->n_values; i++) {
    int32_t k;
    memcpy(&k, r->at + i * sizeof k, sizeof k);
    out->xy[i] = (double)k / 100.0;
  }
  return YOLO_OK;
}

yolo_status yolo_annotation_polygons(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_polygons *out) {
  yolo_status st = YOLO_OK;
  reader r;
  *out = (yolo_polygons){0};
  if (annotation->kind != YOLO_SEGMENT_POLYGONS)
    return yolo_fail(YOLO_EINVAL, "annotation %lld has no polygons", (long long)annotation->id);
  int form = begin(dataset, annotation, &r);
  if (form != FORM_HUNDREDTHS && form != FORM_DOUBLES) return fail_damaged(annotation);
  YOLO_TRY(read_lengths(annotation, &r, form == FORM_HUNDREDTHS ? sizeof(int32_t) : sizeof(double), out));
  YOLO_TRY(read_values(&r, form == FORM_HUNDREDTHS, out));
done:
  if (st != YOLO_OK) yolo_polygons_free(out);
  return st;
}

void yolo_polygons_free(yolo_polygons *polygons) {
  yolo_free(polygons->xy);
  yolo_free(polygons->ends);
  *polygons = (yolo_polygons){0};
}

yolo_status yolo_segment_read_rle(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_packed_rle *out) {
  reader r;
  uint64_t height, width, length;
  if (begin(dataset, annotation, &r) != FORM_RLE) return fail_damaged(annotation);
  if (!get_varint(&r, &height) || !get_varint(&r, &width) || !get_varint(&r, &length)) return fail_damaged(annotation);
  if (height > INT_MAX || width > INT_MAX || length > (uint64_t)(r.end - r.at)) return fail_damaged(annotation);
  *out = (yolo_packed_rle){(int)height, (int)width, (const char *)r.at, length};
  return YOLO_OK;
}

/* ---- masks ---- */

/* Each polygon drawn, then united, as annToRLE of the COCO API does. */
static yolo_status draw_polygons(const yolo_polygons *p, int height, int width, yolo_rle *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_rle){0};
  yolo_rle *parts = yolo_calloc(p->n, sizeof *parts);
  YOLO_ENOMEM_IF_NULL(parts);
  for (size_t i = 0; i < p->n; i++) {
    size_t start = i ? p->ends[i - 1] : 0;
    YOLO_TRY(yolo_rle_from_polygon(p->xy + start, (p->ends[i] - start) / 2, height, width, &parts[i]));
  }
  YOLO_TRY(yolo_rle_merge(parts, p->n, false, out));
done:
  for (size_t i = 0; parts && i < p->n; i++) yolo_rle_free(&parts[i]);
  yolo_free(parts);
  return st;
}

static yolo_status polygons_to_rle(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_rle *out) {
  yolo_status st = YOLO_OK;
  yolo_polygons polygons = {0};
  const yolo_data_image *image = &dataset->images[annotation->image];
  if (image->width < 1 || image->height < 1) {
    st = yolo_fail(YOLO_EINVAL, "the size of image %s is not known, so the mask of annotation %lld cannot be drawn",
                   yolo_dataset_text(dataset, image->name), (long long)annotation->id);
    goto done;
  }
  YOLO_TRY(yolo_annotation_polygons(dataset, annotation, &polygons));
  YOLO_TRY(draw_polygons(&polygons, image->height, image->width, out));
done:
  yolo_polygons_free(&polygons);
  return st;
}

yolo_status yolo_annotation_rle(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_rle *out) {
  yolo_packed_rle packed;
  yolo_status st = YOLO_OK;
  *out = (yolo_rle){0};
  if (annotation->kind == YOLO_SEGMENT_POLYGONS) return polygons_to_rle(dataset, annotation, out);
  if (annotation->kind == YOLO_SEGMENT_NONE)
    return yolo_fail(YOLO_EINVAL, "annotation %lld has no mask", (long long)annotation->id);
  YOLO_TRY(yolo_segment_read_rle(dataset, annotation, &packed));
  st = yolo_rle_from_text(packed.text, packed.length, packed.height, packed.width, out);
done:
  return st;
}
