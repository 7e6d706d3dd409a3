/* Which backends this build has: the only file that knows. The first is the one taken when nobody asks. */
#include <string.h>

#include "backbone/backend/backend.h"
#include "backbone/base/text.h"

static const yolo_backend *const backends[] = {
    &yolo_backend_cpu,
};

int yolo_backend_count(void) { return (int)(sizeof backends / sizeof *backends); }
const yolo_backend *yolo_backend_at(int index) { return index >= 0 && index < yolo_backend_count() ? backends[index] : NULL; }

yolo_status yolo_backend_find(const char *device, const yolo_backend **out, int *index) {
  const char *colon = device ? strchr(device, ':') : NULL;
  const size_t length = device ? (colon ? (size_t)(colon - device) : strlen(device)) : 0;
  *out = NULL;
  *index = 0;
  if (!device || !*device) {
    *out = backends[0];
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
  return yolo_fail(YOLO_EINVAL, "device '%s' is unknown; this build has 'cpu'", device);
}
