/* Guarded memory for the conformance run; see conformance.h. A block is
 *
 *   [256 guard bytes][ tensor with its gaps between pixels ][256 guard bytes]
 *
 * and everything that is not a value of the tensor holds one pattern that is a NaN in every type: read by mistake it spoils
 * the result, written by mistake it is missed. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/half.h"
#include "tests/conformance/conformance.h"

enum { GUARD = 256 }; /* bytes; keeps the tensor 64-byte aligned */
/* A quiet NaN as one fp32, and in both halves as fp16 and as bf16. */
static const uint32_t sentinel = 0x7fedffed;

/* ---- values of three types ---- */

static void put_values(yolo_dtype dtype, void *to, const float *from, size_t count) {
  if (dtype == YOLO_F32) {
    memcpy(to, from, count * sizeof *from);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    uint16_t bits = dtype == YOLO_F16 ? yolo_half_of_float(from[i]) : yolo_bfloat_of_float(from[i]);
    memcpy((char *)to + i * sizeof bits, &bits, sizeof bits);
  }
}

static void get_values(yolo_dtype dtype, const void *from, float *to, size_t count) {
  if (dtype == YOLO_F32) {
    memcpy(to, from, count * sizeof *to);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    uint16_t bits;
    memcpy(&bits, (const char *)from + i * sizeof bits, sizeof bits);
    to[i] = dtype == YOLO_F16 ? yolo_float_of_half(bits) : yolo_float_of_bfloat(bits);
  }
}

void yolo_values_round(yolo_dtype dtype, float *values, size_t count) {
  for (size_t i = 0; i < count && dtype != YOLO_F32; i++) {
    float bits; /* room for one value of any type */
    put_values(dtype, &bits, &values[i], 1);
    get_values(dtype, &bits, &values[i], 1);
  }
}

/* ---- blocks ---- */

static size_t stride_of(const yolo_engine *engine, yolo_dtype dtype, yolo_layout layout, int c, int which, size_t *offset) {
  static const size_t offsets[3] = {1, 3, 5}, gaps[3] = {2, 7, 4};
  const size_t channels = (size_t)c, row = engine->backend->row_bytes / yolo_dtype_size(dtype);
  *offset = 0;
  if (layout == YOLO_LAYOUT_DENSE) return channels;
  if (layout == YOLO_LAYOUT_PLANNED) return (channels + row - 1) / row * row;
  *offset = offsets[which % 3];
  return channels + offsets[which % 3] + gaps[which % 3];
}

static yolo_status make(const yolo_engine *engine, size_t bytes, yolo_field *out) {
  memset(out, 0, sizeof *out);
  out->engine = engine;
  out->bytes = (2 * GUARD + bytes + sizeof sentinel - 1) / sizeof sentinel * sizeof sentinel;
  out->host = malloc(out->bytes);
  if (!out->host) return yolo_fail(YOLO_ENOMEM, "conformance: no memory for %zu bytes", out->bytes);
  for (size_t i = 0; i < out->bytes; i += sizeof sentinel) memcpy(out->host + i, &sentinel, sizeof sentinel);
  return engine->backend->alloc(engine->device, out->bytes, &out->device);
}

static yolo_status upload(yolo_field *f) { return f->engine->backend->upload(f->engine->device, f->device, f->host, f->bytes); }

yolo_status yolo_field_make(const yolo_engine *engine, yolo_dtype dtype, yolo_shape shape, yolo_layout layout, int which,
                            const float *values, yolo_field *out) {
  size_t offset, stride = stride_of(engine, dtype, layout, shape.c, which, &offset), pixels = yolo_shape_pixels(shape);
  const size_t size = yolo_dtype_size(dtype), channels = (size_t)shape.c;
  yolo_status st = make(engine, pixels * stride * size, out);
  if (st != YOLO_OK) return st;
  out->first = GUARD + offset * size;
  out->tensor = (yolo_tensor){(char *)out->device + out->first, dtype, shape, stride};
  for (size_t p = 0; p < pixels && values; p++)
    put_values(dtype, out->host + out->first + p * stride * size, values + p * channels, channels);
  return upload(out);
}

yolo_status yolo_field_make_block(const yolo_engine *engine, size_t bytes, yolo_field *out) {
  yolo_status st = make(engine, bytes, out);
  if (st != YOLO_OK) return st;
  out->first = GUARD;
  out->tensor = (yolo_tensor){(char *)out->device + GUARD, YOLO_U8, {1, 1, 1, (int)bytes}, bytes};
  return upload(out);
}

void yolo_field_free(yolo_field *field) {
  if (field->device) field->engine->backend->release(field->engine->device, field->device);
  free(field->host);
  memset(field, 0, sizeof *field);
}

/* Takes the tensor out of the fetched block and puts back what was there before, so that comparing whole
 * blocks compares the rest. */
static void take_tensor(const yolo_field *f, unsigned char *now, float *values) {
  const size_t channels = (size_t)f->tensor.shape.c, size = yolo_dtype_size(f->tensor.dtype);
  for (size_t p = 0; p < yolo_shape_pixels(f->tensor.shape); p++) {
    size_t at = f->first + p * f->tensor.stride * size;
    if (values) get_values(f->tensor.dtype, now + at, values + p * channels, channels);
    memcpy(now + at, f->host + at, channels * size);
  }
}

bool yolo_field_check(yolo_field *field, bool whole, float *values, yolo_status *st) {
  bool intact = true;
  unsigned char *now = malloc(field->bytes);
  *st = now ? field->engine->backend->download(field->engine->device, now, field->device, field->bytes)
            : yolo_fail(YOLO_ENOMEM, "conformance: no memory to look at the result");
  if (*st == YOLO_OK) {
    if (whole) intact = memcmp(now, field->host, field->bytes) == 0;
    take_tensor(field, now, values);
    if (!whole) intact = memcmp(now, field->host, field->bytes) == 0;
  }
  free(now);
  return intact;
}

bool yolo_field_accept(yolo_field *field, yolo_status *st) {
  bool intact = yolo_field_check(field, false, NULL, st);
  if (*st != YOLO_OK) return intact;
  *st = field->engine->backend->download(field->engine->device, field->host, field->device, field->bytes);
  return intact;
}
