/* The kernels for AVX2: eight lanes, fused multiply-add. This file alone is compiled with the flags of that set, so nothing
 * here may run before supported() said yes. */
#if defined(__x86_64__)
#include <stdbool.h>

static bool cpu_has_it(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#define YOLO_SIMD_AVX2 1
#define ISA_NAME       "avx2"
#define ISA_TABLE      yolo_isa_avx2
#define ISA_SUPPORTED  cpu_has_it
#include "backbone/backend/cpu/isa.inc"
#else
typedef int yolo_no_avx2_here; /* a translation unit must not be empty */
#endif
