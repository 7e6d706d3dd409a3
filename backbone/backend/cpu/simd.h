/* The vectors of one instruction set, as few operations as the kernels need. Included by cpu_isa_*.c, which
 * say which set they are. Arithmetic uses the compilers' vector extensions; only what those lack is an
 * intrinsic. Fused multiply-add is spelled out: nothing else fuses (-ffp-contract=off). */
#ifndef YOLO_CPU_SIMD_H
#define YOLO_CPU_SIMD_H

#include <string.h>

/* v_stream: a store past the caches, which does not read what it replaces; p is aligned, whole cache lines are written one
 * after the other, and v_stream_end() comes before another thread may look. Without such a thing: a store. */

/* Whole unrolling keeps arrays of vectors in registers; the compilers spell the wish differently. */
#if defined(__clang__)
#define UNROLL(n) _Pragma("clang loop unroll(full)")
#else
#define UNROLL_TEXT(text) _Pragma(#text)
#define UNROLL(n)         UNROLL_TEXT(GCC unroll n)
#endif

#if defined(YOLO_SIMD_AVX512)
#include <immintrin.h>
enum { LANES = 16 };
typedef __m512 vf;
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline void v_stream(float *p, vf v) { _mm512_stream_ps(p, v); }
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_set1(float x) { return _mm512_set1_ps(x); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline __mmask16 v_mask(int n) { return (__mmask16)((1u << n) - 1u); } /* n in 0..16 */
static inline vf v_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(v_mask(n), p); }
static inline void v_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, v_mask(n), v); }
#elif defined(YOLO_SIMD_AVX2)
#include <immintrin.h>
enum { LANES = 8 };
typedef __m256 vf;
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
static inline void v_stream(float *p, vf v) { _mm256_stream_ps(p, v); }
static inline void v_stream_end(void) { _mm_sfence(); }
static inline vf v_set1(float x) { return _mm256_set1_ps(x); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline __m256i v_mask(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf v_load_n(const float *p, int n) { return _mm256_maskload_ps(p, v_mask(n)); }
static inline void v_store_n(float *p, vf v, int n) { _mm256_maskstore_ps(p, v_mask(n), v); }
#else
enum { LANES = 4 };
typedef float vf __attribute__((vector_size(16)));
static inline vf v_load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
static inline void v_stream(float *p, vf v) { v_store(p, v); }
static inline void v_stream_end(void) {}
static inline vf v_set1(float x) { return (vf){x, x, x, x}; }
static inline vf v_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf v_pick(vf a, vf b, int max) {
  vf r;
  for (int i = 0; i < 4; i++) r[i] = (max ? a[i] > b[i] : a[i] < b[i]) ? a[i] : b[i];
  return r;
}
static inline vf v_max(vf a, vf b) { return v_pick(a, b, 1); }
static inline vf v_min(vf a, vf b) { return v_pick(a, b, 0); }
static inline vf v_load_n(const float *p, int n) {
  vf v = {0, 0, 0, 0};
  memcpy(&v, p, sizeof(float) * (size_t)n);
  return v;
}
static inline void v_store_n(float *p, vf v, int n) { memcpy(p, &v, sizeof(float) * (size_t)n); }
#endif

typedef int vi __attribute__((vector_size(sizeof(vf))));
typedef union v_bits {
  vf f;
  vi i;
} v_bits;
static inline vi v_as_int(vf v) {
  v_bits b;
  b.f = v;
  return b.i;
}
static inline vf v_as_float(vi v) {
  v_bits b;
  b.i = v;
  return b.f;
}
/* Lane by lane: where `mask` (all ones or zeros) a, else b. */
static inline vf v_select(vi mask, vf a, vf b) { return v_as_float((mask & v_as_int(a)) | (~mask & v_as_int(b))); }

#endif
