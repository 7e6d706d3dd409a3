/* The networks of backbone/models, inside the program: see zoo.h. */
#include "backbone/cfg/zoo.h"

#include <stddef.h>
#include <string.h>

const char *yolo_zoo_text(const char *name) {
  for (const yolo_zoo_model *m = yolo_zoo; m->name; m++)
    if (strcmp(m->name, name) == 0) return m->text;
  return NULL;
}
