/* Class names: one a line, in the order of the class indices. */
#include "detect/names.h"

#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

enum { FILE_LIMIT = 16 << 20, MOST_NAMES = 1 << 20 };

yolo_status yolo_names_add(yolo_names *names, const char *text, size_t length) {
  yolo_status st = YOLO_OK;
  char *name = NULL;
  if (names->count >= MOST_NAMES) return yolo_fail(YOLO_EFORMAT, "more than %d class names", MOST_NAMES);
  if ((names->count & (names->count - 1)) == 0) { /* full at every power of two */
    size_t room = names->count ? (size_t)names->count * 2 : 1;
    char **items = yolo_realloc(names->items, room * sizeof *items);
    YOLO_ENOMEM_IF_NULL(items);
    names->items = items;
  }
  name = yolo_strndup(text, length);
  YOLO_ENOMEM_IF_NULL(name);
  names->items[names->count++] = name;
done:
  return st;
}

void yolo_names_free(yolo_names *names) {
  for (int i = 0; i < names->count; i++) yolo_free(names->items[i]);
  yolo_free(names->items);
  *names = (yolo_names){0};
}

/* ---- a file ---- */

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The line at `at` without blanks around it; returns where the next line begins. */
static const char *next_line(const char *at, const char *end, const char **line, size_t *length) {
  const char *stop = memchr(at, '\n', (size_t)(end - at));
  const char *next = stop ? stop + 1 : end;
  if (!stop) stop = end;
  while (at < stop && blank(*at)) at++;
  while (stop > at && blank(stop[-1])) stop--;
  *line = at;
  *length = (size_t)(stop - at);
  return next;
}

static yolo_status split(const char *path, const char *text, size_t length, yolo_names *names) {
  const char *at = text, *end = text + length, *line = NULL;
  int number = 0, empty = 0; /* line numbers; empty: the first blank line seen since the last name */
  if (length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) at += 3;
  while (at < end) {
    size_t n = 0;
    at = next_line(at, end, &line, &n);
    number++;
    if (n == 0) {
      if (!empty) empty = number;
      continue;
    }
    if (empty) return yolo_fail(YOLO_EFORMAT, "%s:%d: an empty line among class names; every line is one class", path, empty);
    if (memchr(line, '\0', n)) return yolo_fail(YOLO_EFORMAT, "%s:%d: not a text file", path, number);
    yolo_status st = yolo_names_add(names, line, n);
    if (st != YOLO_OK) return st;
  }
  return names->count ? YOLO_OK : yolo_fail(YOLO_EFORMAT, "%s: holds no class names", path);
}

yolo_status yolo_names_load(const char *path, yolo_names *out) {
  char *text = NULL;
  size_t length = 0;
  yolo_names names = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_read_file(path, FILE_LIMIT, &text, &length));
  YOLO_TRY(split(path, text, length, &names));
  *out = names;
  names = (yolo_names){0};
done:
  yolo_free(text);
  yolo_names_free(&names);
  return st;
}

yolo_status yolo_names_number(int count, yolo_names *out) {
  yolo_names names = {0};
  for (int i = 0; i < count; i++) {
    char name[24];
    int length = snprintf(name, sizeof name, "class %d", i);
    yolo_status st = yolo_names_add(&names, name, (size_t)length);
    if (st != YOLO_OK) {
      yolo_names_free(&names);
      return st;
    }
  }
  *out = names;
  return YOLO_OK;
}
