/* Darknet's .data file: see darknet_data.h. */
#include "datasets/darknet_data.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/lines.h"
#include "datasets/readers.h"

void yolo_darknet_data_release(yolo_darknet_data *data) {
  yolo_free(data->train);
  yolo_free(data->valid);
  yolo_free(data->names);
  yolo_free(data->backup);
  *data = (yolo_darknet_data){0};
}

static char *trim(char *text) {
  char *end = text + strlen(text);
  while (end > text && strchr(" \t", end[-1])) --end;
  *end = '\0';
  return text + strspn(text, " \t");
}

static yolo_status set_path(char **to, const char *value, const char *folder) {
  yolo_free(*to);
  *to = NULL;
  return yolo_resolve(value, folder, to);
}

static yolo_status take_key(yolo_darknet_data *out, const char *key, const char *value, const char *where, uint64_t line,
                            const char *folder, yolo_text *unused) {
  if (strcmp(key, "train") == 0) return set_path(&out->train, value, folder);
  if (strcmp(key, "valid") == 0 || strcmp(key, "test") == 0) return set_path(&out->valid, value, folder);
  if (strcmp(key, "names") == 0 || strcmp(key, "labels") == 0) return set_path(&out->names, value, folder);
  if (strcmp(key, "backup") == 0) {
    yolo_free(out->backup);
    return (out->backup = yolo_strdup(value)) ? YOLO_OK : YOLO_ENOMEM;
  }
  if (strcmp(key, "classes") != 0) return yolo_text_format(unused, "%s%s", unused->length ? ", " : "", key);
  if (yolo_parse_int(value, &out->classes) && out->classes > 0) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s:%llu: classes is '%s', not a number from 1", where, (unsigned long long)line, value);
}

yolo_status yolo_darknet_data_load(const char *path, const yolo_log *log, yolo_darknet_data *out) {
  yolo_lines lines = {0};
  yolo_text unused = {0};
  char *folder = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_parent(path, &folder));
  YOLO_TRY(yolo_lines_open(path, YOLO_NAMES_FILE_MAX, &lines));
  for (char *line; (line = yolo_lines_next(&lines)) != NULL;) {
    char *equals = strchr(line, '=');
    if (*line == '#' || *line == ';') continue;
    if (!equals) {
      st = yolo_fail(YOLO_EFORMAT, "%s:%llu: '%.60s' is no line of a .data file (key = value)", path,
                     (unsigned long long)lines.number, line);
      goto done;
    }
    *equals = '\0';
    YOLO_TRY(take_key(out, trim(line), trim(equals + 1), path, lines.number, folder, &unused));
  }
  if (unused.length) yolo_log_note(log, "%s: not needed to read the data: %s", path, unused.data);
done:
  yolo_lines_close(&lines);
  yolo_text_free(&unused);
  yolo_free(folder);
  if (st != YOLO_OK) yolo_darknet_data_release(out);
  return st;
}
