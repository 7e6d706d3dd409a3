/* Text files line by line: see lines.h. */
#include "datasets/lines.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

yolo_status yolo_lines_open(const char *path, size_t limit, yolo_lines *out) {
  size_t length = 0;
  *out = (yolo_lines){0};
  yolo_status st = yolo_read_file(path, limit, &out->bytes, &length);
  if (st != YOLO_OK) return st;
  if (strlen(out->bytes) != length) {
    yolo_lines_close(out);
    return yolo_fail(YOLO_EFORMAT, "%s: this is no text: it holds binary data", path);
  }
  out->next = out->bytes + (strncmp(out->bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
  return YOLO_OK;
}

char *yolo_lines_next(yolo_lines *lines) {
  while (*lines->next) {
    char *start = lines->next, *end = start + strcspn(start, "\n");
    lines->next = *end ? end + 1 : end;
    lines->number++;
    while (end > start && is_blank(end[-1])) --end;
    while (start < end && is_blank(*start)) ++start;
    *end = '\0';
    if (*start) return start;
  }
  return NULL;
}

void yolo_lines_close(yolo_lines *lines) {
  yolo_free(lines->bytes);
  *lines = (yolo_lines){0};
}

char *yolo_next_word(char **rest) {
  char *start = *rest;
  while (is_blank(*start)) ++start;
  char *end = start;
  while (*end && !is_blank(*end)) ++end;
  *rest = *end ? end + 1 : end;
  *end = '\0';
  return *start ? start : NULL;
}

yolo_status yolo_read_lines(const char *path, size_t limit, yolo_file_list *out) {
  yolo_lines lines = {0};
  yolo_status st = yolo_lines_open(path, limit, &lines);
  for (char *line; st == YOLO_OK && (line = yolo_lines_next(&lines)) != NULL;) st = yolo_file_list_add(out, line);
  yolo_lines_close(&lines);
  return st;
}
