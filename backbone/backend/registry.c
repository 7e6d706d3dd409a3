/* Which backends this build has: the only file that knows. The first that answers is the one taken when nobody asks. */
#include <string.h>

#include "backbone/backend/backend.h"
#include "backbone/base/text.h"

static const yolo_backend *const backends[] = {
#ifdef YOLO_CUDA
    &yolo_backend_cuda,
#endif
    &yolo_backend_cpu,
};

/* ---- precisions ---- */

static const char *const precisions[] = {[YOLO_PRECISION_FP32] = "fp32",
                                         [YOLO_PRECISION_TF32] = "tf32",
                                         [YOLO_PRECISION_FP16] = "fp16",
                                         [YOLO_PRECISION_BF16] = "bf16"};

const char *yolo_precision_name(yolo_precision precision) {
  return (unsigned)precision < sizeof precisions / sizeof *precisions ? precisions[precision] : "unknown";
}

yolo_status yolo_precision_find(const char *name, yolo_precision *out) {
  *out = YOLO_PRECISION_FP32;
  if (!name) return YOLO_OK;
  for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
    if (strcmp(name, precisions[i]) != 0) continue;
    *out = (yolo_precision)i;
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EINVAL, "precision '%.40s' is unknown; fp32, tf32, fp16 and bf16 exist", name);
}

/* ---- backends ---- */

int yolo_backend_count(void) { return (int)(sizeof backends / sizeof *backends); }
const yolo_backend *yolo_backend_at(int index) { return index >= 0 && index < yolo_backend_count() ? backends[index] : NULL; }

yolo_status yolo_backend_find(const char *device, const yolo_backend **out, int *index) {
  const char *colon = device ? strchr(device, ':') : NULL;
  const size_t length = device ? (colon ? (size_t)(colon - device) : strlen(device)) : 0;
  *out = NULL;
  *index = 0;
  if (!device || !*device) {
    int first = 0;
    while (backends[first]->answers && backends[first]->answers() != YOLO_OK) first++; /* the CPU always does */
    yolo_error_clear();
    *out = backends[first];
    return YOLO_OK;
  }
  if (colon && (!yolo_parse_int(colon + 1, index) || *index < 0))
    return yolo_fail(YOLO_EINVAL, "device '%s': what follows the colon must be a number, as in 'cuda:0'", device);
  for (int i = 0; i < yolo_backend_count(); i++) {
    if (strncmp(backends[i]->name, device, length) == 0 && backends[i]->name[length] == 0) {
      *out = backends[i];
      return YOLO_OK;
    }
  }
  if (length == 4 && strncmp(device, "cuda", 4) == 0)
    return yolo_fail(YOLO_EUNSUPPORTED, "device '%s': this build has no CUDA backend; use --device cpu", device);
  return yolo_fail(YOLO_EINVAL, "device '%s' is unknown; this build has '%s'%s", device, backends[0]->name,
                   yolo_backend_count() > 1 ? " and 'cpu'" : "");
}
