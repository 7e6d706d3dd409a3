/* Looking for the default model: see default_model.h. */
#include "cli/default_model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

/* From the folder of the program. */
static const char *const places[] = {"../share/yolo/weights/yolo-nano.safetensors", "../../weights/yolo-nano.safetensors",
                                     "weights/yolo-nano.safetensors"};

static yolo_status look_near(const char *folder, char **out) {
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    yolo_text path = {0};
    yolo_status st = yolo_text_format(&path, "%s/%s", folder, places[i]);
    if (st == YOLO_OK && access(path.data, R_OK) == 0) {
      char whole[PATH_MAX]; /* "build/release/../../weights" is nothing to show */
      *out = yolo_strdup(realpath(path.data, whole) ? whole : path.data);
      st = *out ? YOLO_OK : YOLO_ENOMEM;
    }
    yolo_text_free(&path);
    if (st != YOLO_OK || *out) return st;
  }
  return YOLO_OK;
}

yolo_status default_model_find(char **out) {
  const char *named = getenv("YOLO_MODEL");
  char program[PATH_MAX];
  *out = NULL;
  if (named) return !*named || (*out = yolo_strdup(named)) ? YOLO_OK : YOLO_ENOMEM;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0) return YOLO_OK;
  program[length] = '\0';
  *strrchr(program, '/') = '\0';
  return look_near(program, out);
}
