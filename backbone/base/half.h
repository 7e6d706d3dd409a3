/* The two 16-bit number formats, in plain C.
 *
 *   half    (IEEE 754 binary16)  1 sign, 5 exponent, 10 fraction bits: 2^-24 .. 65504
 *   bfloat  (upper half of binary32)  1 sign, 8 exponent, 7 fraction bits
 *
 * Conversions to them round to nearest, ties to even, as the hardware does; NaN stays NaN. */
#ifndef YOLO_BASE_HALF_H
#define YOLO_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t yolo_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline float yolo_float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float yolo_float_of_bfloat(uint16_t b) { return yolo_float_of_bits((uint32_t)b << 16); }
static inline uint16_t yolo_bfloat_of_float(float x) {
  uint32_t bits = yolo_float_bits(x);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40); /* quiet, and never rounded into infinity */
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float yolo_float_of_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
  if (exponent == 31) return yolo_float_of_bits(sign | 0x7f800000 | fraction << 13);
  if (exponent) return yolo_float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float tiny = (float)fraction * 0x1p-24f; /* subnormal */
  return sign ? -tiny : tiny;
}
static inline uint16_t yolo_half_of_float(float x) {
  uint32_t bits = yolo_float_bits(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
  if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more round to infinity */
  if (rest < 0x38800000) {                                  /* below 2^-14: a multiple of 2^-24 */
    float scaled = yolo_float_of_bits(rest) + 0.5f;         /* the last bit of 0.5 .. 1 weighs 2^-24 */
    return (uint16_t)(sign | (yolo_float_bits(scaled) - 0x3f000000));
  }
  return (uint16_t)(sign | ((rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13));
}

#endif
