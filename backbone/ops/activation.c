/* The names of the activations, as the model language spells them. */
#include <stddef.h>
#include <string.h>

#include "backbone/ops/activation.h"

static const char *const names[YOLO_ACT_COUNT] = {
#define X(name) [YOLO_ACT_##name] = #name,
    YOLO_ACTIVATION_LIST(X)
#undef X
};

const char *yolo_activation_name(yolo_activation act) { return (unsigned)act < YOLO_ACT_COUNT ? names[act] : "unknown"; }

int yolo_activation_find(const char *name) {
  for (int i = 0; i < YOLO_ACT_COUNT; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}
