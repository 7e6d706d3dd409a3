/* Which build of the kernels runs: the widest the processor supports, or what YOLO_ISA asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/backend/cpu/isa.h"

static const yolo_isa *const builds[] = {
#if defined(__x86_64__)
    &yolo_isa_avx512,
    &yolo_isa_avx2,
#endif
    &yolo_isa_portable,
};
enum { BUILDS = sizeof builds / sizeof *builds };

const char *yolo_isa_list(void) {
  static _Thread_local char list[64];
  list[0] = 0;
  for (int i = 0; i < BUILDS; i++) {
    if (!builds[i]->supported()) continue;
    if (list[0]) strncat(list, " ", sizeof list - strlen(list) - 1);
    strncat(list, builds[i]->name, sizeof list - strlen(list) - 1);
  }
  return list;
}

yolo_status yolo_isa_choose(const char *name, const yolo_isa **out) {
  const char *asked = name ? name : getenv("YOLO_ISA");
  *out = NULL;
  if (asked && strcmp(asked, "reference") == 0) return YOLO_OK;
  for (int i = 0; i < BUILDS; i++) {
    const bool wanted = !asked || !*asked || strcmp(asked, builds[i]->name) == 0;
    if (wanted && builds[i]->supported()) {
      *out = builds[i];
      return YOLO_OK;
    }
    if (wanted && asked && *asked)
      return yolo_fail(YOLO_EUNSUPPORTED, "instruction set '%s': this processor has only: %s", asked, yolo_isa_list());
  }
  return yolo_fail(YOLO_EINVAL, "instruction set '%s' is unknown; this build has: reference %s", asked, yolo_isa_list());
}
