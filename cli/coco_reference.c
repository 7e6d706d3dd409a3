/* Reading ids out of a COCO file. Of the file, which may have hundreds of megabytes of annotations, only
 * "images" and "categories" are looked at, one element at a time: a tree of the whole would take several times
 * the file's size. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/coco_ids.h"

#define REFERENCE_LIMIT ((size_t)4 << 30)

typedef struct cursor {
  const char *start, *at, *end;
} cursor;

/* The next character that is no blank; 0 at the end. */
static char peek(cursor *c) {
  while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at) ++c->at;
  return c->at < c->end ? *c->at : '\0';
}

static bool take(cursor *c, char wanted) {
  if (peek(c) != wanted) return false;
  ++c->at;
  return true;
}

static yolo_status fail_at(const cursor *c, const char *what) {
  return yolo_fail(YOLO_EFORMAT, "this is no COCO file: %s at byte %zu", what, (size_t)(c->at - c->start));
}

static bool skip_string(cursor *c) {
  for (++c->at; c->at < c->end && *c->at != '"'; ++c->at) {
    if (*c->at == '\\') ++c->at;
  }
  if (c->at >= c->end) return false;
  ++c->at;
  return true;
}

/* Over one value of any kind: brackets are counted, strings are jumped over. */
static bool skip_value(cursor *c) {
  int depth = 0;
  do {
    char next = peek(c);
    if (next == '\0') return false;
    if (next == '"') {
      if (!skip_string(c)) return false;
    } else {
      depth += (next == '{' || next == '[') - (next == '}' || next == ']');
      ++c->at;
    }
    if (depth < 0) return false;
    char after = peek(c);
    if (depth == 0 && (after == ',' || after == '}' || after == ']' || after == '\0')) return true;
  } while (true);
}

/* Files count by their base name; a category may well be called "cart/trolley". */
static const char *name_of(const char *value, const char *key) {
  return strcmp(key, "file_name") == 0 ? yolo_basename(value) : value;
}

/* {"id": 5, key: "name"}: name -> id. */
static yolo_status add_entry(cursor *c, const cJSON *element, const char *key, yolo_strmap *to) {
  const cJSON *id = cJSON_GetObjectItemCaseSensitive(element, "id");
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(element, key);
  if (!cJSON_IsNumber(id) || !cJSON_IsString(name) || !(id->valuedouble > -9e15 && id->valuedouble < 9e15)) {
    return yolo_fail(YOLO_EFORMAT, "the element before byte %zu has no number \"id\" or no text \"%s\"",
                     (size_t)(c->at - c->start), key);
  }
  return yolo_strmap_add(to, name_of(name->valuestring, key), (int64_t)id->valuedouble, NULL);
}

static yolo_status read_list(cursor *c, const char *key, yolo_strmap *to) {
  if (!take(c, '[')) return fail_at(c, "a list was expected");
  if (take(c, ']')) return YOLO_OK;
  do {
    const char *after = NULL;
    peek(c);
    cJSON *element = cJSON_ParseWithLengthOpts(c->at, (size_t)(c->end - c->at), &after, 0);
    if (!element) return fail_at(c, "broken JSON");
    c->at = after;
    yolo_status st = add_entry(c, element, key, to);
    cJSON_Delete(element);
    if (st != YOLO_OK) return st;
  } while (take(c, ','));
  return take(c, ']') ? YOLO_OK : fail_at(c, "']' was expected");
}

static bool key_is(const cursor *c, const char *quoted) {
  size_t length = strlen(quoted);
  return (size_t)(c->end - c->at) > length && memcmp(c->at, quoted, length) == 0;
}

static yolo_status read_member(cursor *c, coco_reference *out) {
  bool images = key_is(c, "\"images\""), categories = key_is(c, "\"categories\"");
  if (peek(c) != '"' || !skip_string(c)) return fail_at(c, "a key was expected");
  if (!take(c, ':')) return fail_at(c, "':' was expected");
  if (images) return read_list(c, "file_name", &out->images);
  if (categories) return read_list(c, "name", &out->categories);
  return skip_value(c) ? YOLO_OK : fail_at(c, "the file is cut short");
}

static yolo_status read_all(cursor *c, coco_reference *out) {
  if (!take(c, '{')) return fail_at(c, "'{' was expected");
  do {
    peek(c);
    yolo_status st = read_member(c, out);
    if (st != YOLO_OK) return st;
  } while (take(c, ','));
  if (!take(c, '}')) return fail_at(c, "'}' was expected");
  if (out->images.count && out->categories.count) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "this is no COCO file: it has no %s", out->images.count ? "categories" : "images");
}

yolo_status coco_reference_load(const char *path, coco_reference *out) {
  char *text = NULL;
  size_t length = 0;
  yolo_status st = yolo_read_file(path, REFERENCE_LIMIT, &text, &length);
  if (st != YOLO_OK) return st;
  cursor c = {text, text, text + length};
  st = read_all(&c, out);
  yolo_free(text);
  return st == YOLO_OK ? st : yolo_error_prefix(st, "%s: ", path);
}

void coco_reference_free(coco_reference *reference) {
  yolo_strmap_free(&reference->images);
  yolo_strmap_free(&reference->categories);
}
