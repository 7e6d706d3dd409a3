/* The table of heads, made from head_list.h. */
#include <string.h>

#include "detect/head.h"

const yolo_head_def *const yolo_heads[] = {
#define YOLO_HEAD(name) &yolo_head_##name,
#include "detect/head_list.h"
#undef YOLO_HEAD
};

int yolo_head_count(void) { return (int)(sizeof yolo_heads / sizeof yolo_heads[0]); }

const yolo_head_def *yolo_head_find(const char *section) {
  for (int i = 0; i < yolo_head_count(); i++) {
    const char *name = yolo_heads[i]->section.name;
    if (name && strcmp(name, section) == 0) return yolo_heads[i];
  }
  return NULL;
}

int yolo_head_sections(yolo_cfg_section_def *out, int room) {
  int count = 0;
  for (int i = 0; i < yolo_head_count(); i++) {
    if (!yolo_heads[i]->section.name) continue;
    if (count < room) out[count] = yolo_heads[i]->section;
    count++;
  }
  return count;
}

/* The room that callers reserve is enough. */
enum {
#define YOLO_HEAD(name) counted_##name,
#include "detect/head_list.h"
#undef YOLO_HEAD
  HEADS
};
_Static_assert((int)HEADS <= (int)YOLO_HEAD_SECTIONS, "raise YOLO_HEAD_SECTIONS");
