/* The kernels for AVX512: sixteen lanes, masks, 32 registers. This file alone is compiled with the flags of that set, so
 * nothing here may run before supported() said yes. */
#if defined(__x86_64__)
#include <stdbool.h>

static bool cpu_has_it(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#define YOLO_SIMD_AVX512 1
#define ISA_NAME         "avx512"
#define ISA_TABLE        yolo_isa_avx512
#define ISA_SUPPORTED    cpu_has_it
#include "backbone/backend/cpu/isa.inc"
#else
typedef int yolo_no_avx512_here; /* a translation unit must not be empty */
#endif
