/* Guarded memory for the conformance run; see conformance.h. A block is
 *
 *   [64 guard words][ tensor with its gaps between pixels ][64 guard words]
 *
 * and every word that is not a value of the tensor holds one particular NaN: read by mistake it spoils the
 * result, written by mistake it is missed. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

enum { GUARD = 64 };                         /* words; keeps the tensor 64-byte aligned */
static const uint32_t sentinel = 0x7fc0dead; /* a quiet NaN */

static size_t stride_of(yolo_layout layout, int c, int which, size_t *offset) {
  static const size_t offsets[3] = {1, 3, 5}, gaps[3] = {2, 7, 4};
  *offset = 0;
  if (layout == YOLO_LAYOUT_DENSE) return (size_t)c;
  if (layout == YOLO_LAYOUT_PLANNED) return ((size_t)c + 15) / 16 * 16;
  *offset = offsets[which % 3];
  return (size_t)c + offsets[which % 3] + gaps[which % 3];
}

static yolo_status make(const yolo_engine *engine, size_t words, yolo_field *out) {
  memset(out, 0, sizeof *out);
  out->engine = engine;
  out->words = words;
  out->host = malloc(words * sizeof *out->host);
  if (!out->host) return yolo_fail(YOLO_ENOMEM, "conformance: no memory for %zu words", words);
  for (size_t i = 0; i < words; i++) out->host[i] = sentinel;
  return engine->backend->alloc(engine->device, words * sizeof *out->host, &out->device);
}

static yolo_status upload(yolo_field *f) {
  return f->engine->backend->upload(f->engine->device, f->device, f->host, f->words * sizeof *f->host);
}

yolo_status yolo_field_make(const yolo_engine *engine, yolo_shape shape, yolo_layout layout, int which, const float *values,
                            yolo_field *out) {
  size_t offset, stride = stride_of(layout, shape.c, which, &offset), pixels = yolo_shape_pixels(shape);
  yolo_status st = make(engine, 2 * GUARD + pixels * stride, out);
  if (st != YOLO_OK) return st;
  out->first = GUARD + offset;
  out->tensor = (yolo_tensor){(float *)out->device + out->first, YOLO_F32, shape, stride};
  for (size_t p = 0; p < pixels && values; p++)
    memcpy(out->host + out->first + p * stride, values + p * (size_t)shape.c, (size_t)shape.c * sizeof(float));
  return upload(out);
}

yolo_status yolo_field_make_block(const yolo_engine *engine, size_t bytes, yolo_field *out) {
  yolo_status st = make(engine, 2 * GUARD + (bytes + 3) / 4, out);
  if (st != YOLO_OK) return st;
  out->first = GUARD;
  out->tensor = (yolo_tensor){(float *)out->device + GUARD, YOLO_F32, {1, 1, 1, (int)((bytes + 3) / 4)}, (bytes + 3) / 4};
  return upload(out);
}

void yolo_field_free(yolo_field *field) {
  if (field->device) field->engine->backend->release(field->engine->device, field->device);
  free(field->host);
  memset(field, 0, sizeof *field);
}

/* Takes the tensor out of the fetched block and puts back what was there before, so that comparing whole
 * blocks compares the rest. */
static void take_tensor(const yolo_field *f, uint32_t *now, float *values) {
  size_t channels = (size_t)f->tensor.shape.c, bytes = channels * sizeof(float);
  for (size_t p = 0; p < yolo_shape_pixels(f->tensor.shape); p++) {
    size_t at = f->first + p * f->tensor.stride;
    if (values) memcpy(values + p * channels, now + at, bytes);
    memcpy(now + at, f->host + at, bytes);
  }
}

bool yolo_field_check(yolo_field *field, bool whole, float *values, yolo_status *st) {
  bool intact = true;
  size_t bytes = field->words * sizeof *field->host;
  uint32_t *now = malloc(bytes);
  *st = now ? field->engine->backend->download(field->engine->device, now, field->device, bytes)
            : yolo_fail(YOLO_ENOMEM, "conformance: no memory to look at the result");
  if (*st == YOLO_OK) {
    if (whole) intact = memcmp(now, field->host, bytes) == 0;
    take_tensor(field, now, values);
    if (!whole) intact = memcmp(now, field->host, bytes) == 0;
  }
  free(now);
  return intact;
}

bool yolo_field_accept(yolo_field *field, yolo_status *st) {
  bool intact = yolo_field_check(field, false, NULL, st);
  if (*st != YOLO_OK) return intact;
  *st = field->engine->backend->download(field->engine->device, field->host, field->device, field->words * sizeof *field->host);
  return intact;
}
