/* The kernels in portable C: any machine, four lanes. */
#include <stdbool.h>

static bool always(void) { return true; }
#define ISA_NAME      "portable"
#define ISA_TABLE     yolo_isa_portable
#define ISA_SUPPORTED always
#include "backbone/backend/cpu/isa.inc"
