/* A JSON file of any size, one element at a time: see json_scan.h. Grammar: RFC 8259.
 *
 * Two walks. The scanner knows brackets and strings only; it finds where values end, at about a gigabyte a second, and checks
 * once, over the whole file, what concerns the file: cut short, NUL bytes, brackets that do not match, depth, what follows the
 * end. Elements that somebody asks for go to cJSON, which checks the grammar inside. */
#include "datasets/json_scan.h"

#include <stdbool.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/file_map.h"

enum { DEPTH_MAX = 64 };
static const size_t release_step = (size_t)8 << 20; /* bytes between two times of giving pages back */

typedef struct member {
  size_t key, key_length; /* without quotes */
  size_t start, end;      /* of the value */
} member;

struct yolo_json_file {
  char *name;
  yolo_file_map map;
  const char *bytes;
  size_t length;
  char top;
  size_t top_start;
  member *members;
  size_t n_members, room;
};

typedef struct cursor {
  const yolo_json_file *file;
  size_t at, released;
} cursor;

/* What a byte means outside of strings (PLAIN: nothing) and in them. */
enum { PLAIN, OPEN, CLOSE, QUOTE, COMMA, NUL };
static const unsigned char outside[256] = {
    ['{'] = OPEN, ['['] = OPEN, ['}'] = CLOSE, [']'] = CLOSE, ['"'] = QUOTE, [','] = COMMA, ['\0'] = NUL};
static const unsigned char inside[256] = {['"'] = 1, ['\\'] = 1, ['\0'] = 1};

static yolo_status fail_at(const yolo_json_file *file, size_t at, const char *what) {
  return yolo_fail(YOLO_EFORMAT, "%s: byte %zu: %s", file->name, at + 1, what);
}
static yolo_status fail_cut(const yolo_json_file *file) { /* files without a byte are refused before */
  return fail_at(file, file->length - 1, "the JSON ends here, too early: the file is cut short");
}

static void skip_blanks(cursor *c) {
  const char *bytes = c->file->bytes;
  while (c->at < c->file->length &&
         (bytes[c->at] == ' ' || bytes[c->at] == '\n' || bytes[c->at] == '\t' || bytes[c->at] == '\r'))
    c->at++;
}

/* The next byte that is no blank; 0 at the end (and for a NUL, which no caller wants either). */
static char peek(cursor *c) {
  skip_blanks(c);
  return c->at < c->file->length ? c->file->bytes[c->at] : '\0';
}

static yolo_status fail_expected(cursor *c, const char *what) {
  skip_blanks(c);
  if (c->at >= c->file->length) return fail_cut(c->file);
  return fail_at(c->file, c->at, c->file->bytes[c->at] == '\0' ? "a NUL byte, which JSON does not have" : what);
}

static yolo_status expect(cursor *c, char wanted, const char *what) {
  if (peek(c) != wanted) return fail_expected(c, what);
  c->at++;
  return YOLO_OK;
}

/* From one quote to behind the other. */
static yolo_status skip_string(cursor *c) {
  const unsigned char *bytes = (const unsigned char *)c->file->bytes;
  const size_t length = c->file->length;
  size_t at = c->at + 1;
  for (;; at += 2) {
    while (at < length && !inside[bytes[at]]) at++;
    if (at >= length) return fail_cut(c->file);
    if (bytes[at] != '\\') break;
  }
  if (bytes[at] == '\0') return fail_at(c->file, at, "a NUL byte in a text");
  c->at = at + 1;
  return YOLO_OK;
}

/* The brackets that are open, a bit each: 1 for '{'. */
typedef struct nest {
  uint64_t kinds;
  int depth;
} nest;

static yolo_status enter(const cursor *c, nest *n, char bracket) {
  if (n->depth == DEPTH_MAX) return fail_at(c->file, c->at, "the JSON is nested too deeply (64 levels are read)");
  n->kinds = n->kinds << 1 | (bracket == '{');
  n->depth++;
  return YOLO_OK;
}

static yolo_status leave(const cursor *c, nest *n, char bracket) {
  if ((n->kinds & 1) != (bracket == '}')) return fail_at(c->file, c->at, "this bracket does not match the one that is open");
  n->kinds >>= 1;
  n->depth--;
  return YOLO_OK;
}

static void release_behind(cursor *c) {
  if (c->at - c->released < release_step) return;
  yolo_file_map_release(&c->file->map, c->released, c->at);
  c->released = c->at;
}

/* Over the brackets of an object or array, from its first to behind its last. */
static yolo_status skip_nested(cursor *c) {
  const unsigned char *bytes = (const unsigned char *)c->file->bytes;
  const size_t length = c->file->length;
  yolo_status st = YOLO_OK;
  nest n = {0};
  do {
    unsigned char kind;
    while (c->at < length && ((kind = outside[bytes[c->at]]) == PLAIN || kind == COMMA)) c->at++;
    if (c->at >= length) return fail_cut(c->file);
    if (kind == NUL) return fail_at(c->file, c->at, "a NUL byte, which JSON does not have");
    if (kind == QUOTE) {
      st = skip_string(c);
      continue;
    }
    st = kind == OPEN ? enter(c, &n, (char)bytes[c->at]) : leave(c, &n, (char)bytes[c->at]);
    c->at++;
    if (n.depth <= 1) release_behind(c);
  } while (st == YOLO_OK && n.depth > 0);
  return st;
}

/* Over one value of any kind. */
static yolo_status skip_value(cursor *c) {
  char first = peek(c);
  if (first == '"') return skip_string(c);
  if (first == '{' || first == '[') return skip_nested(c);
  const unsigned char *bytes = (const unsigned char *)c->file->bytes;
  size_t start = c->at;
  while (c->at < c->file->length && outside[bytes[c->at]] == PLAIN) c->at++;
  return c->at > start ? YOLO_OK : fail_expected(c, "a value was expected");
}

/* ---- opening ---- */

static yolo_status add_member(yolo_json_file *file, const member *m) {
  if (file->n_members == file->room) {
    size_t room = file->room ? file->room * 2 : 16;
    if (room > SIZE_MAX / sizeof *m) return yolo_fail(YOLO_ENOMEM, "out of memory: %zu members", room);
    member *members = yolo_realloc(file->members, room * sizeof *m);
    if (!members) return YOLO_ENOMEM;
    file->members = members;
    file->room = room;
  }
  file->members[file->n_members++] = *m;
  return YOLO_OK;
}

static yolo_status scan_member(yolo_json_file *file, cursor *c) {
  yolo_status st = YOLO_OK;
  member m = {0};
  if (peek(c) != '"') return fail_expected(c, "a key in quotes was expected");
  m.key = c->at + 1;
  YOLO_TRY(skip_string(c));
  m.key_length = c->at - 1 - m.key;
  YOLO_TRY(expect(c, ':', "':' was expected after the key"));
  skip_blanks(c);
  m.start = c->at;
  YOLO_TRY(skip_value(c));
  m.end = c->at;
  st = add_member(file, &m);
done:
  return st;
}

static yolo_status scan_object(yolo_json_file *file, cursor *c) {
  yolo_status st = YOLO_OK;
  c->at++;
  if (peek(c) != '}') {
    YOLO_TRY(scan_member(file, c));
    while (peek(c) == ',') {
      c->at++;
      YOLO_TRY(scan_member(file, c));
    }
  }
  st = expect(c, '}', "',' or '}' was expected");
done:
  return st;
}

static yolo_status scan_top(yolo_json_file *file) {
  cursor c = {file, 0, 0};
  yolo_status st = YOLO_OK;
  if (file->length >= 3 && memcmp(file->bytes, "\xEF\xBB\xBF", 3) == 0) c.at = 3; /* a byte order mark */
  file->top = peek(&c);
  file->top_start = c.at;
  if (c.at >= file->length) return yolo_fail(YOLO_EFORMAT, "%s: the file is empty", file->name);
  if (file->top != '{' && file->top != '[') return fail_expected(&c, "this is no JSON file: '{' or '[' was expected");
  YOLO_TRY(file->top == '{' ? scan_object(file, &c) : skip_nested(&c));
  peek(&c);
  if (c.at < file->length) st = fail_at(file, c.at, "something follows the end of the JSON");
  yolo_file_map_release(&file->map, 0, file->length);
done:
  return st;
}

static yolo_status open_file(const char *path, const char *bytes, size_t length, const char *name, yolo_json_file **out) {
  yolo_status st = YOLO_OK;
  yolo_json_file *file = yolo_calloc(1, sizeof *file);
  YOLO_ENOMEM_IF_NULL(file);
  file->name = yolo_strdup(name);
  YOLO_ENOMEM_IF_NULL(file->name);
  if (path) {
    YOLO_TRY(yolo_file_map_open(path, YOLO_MAP_WALK, &file->map));
    bytes = file->map.bytes;
    length = file->map.length;
  }
  file->bytes = bytes;
  file->length = length;
  YOLO_TRY(scan_top(file));
  *out = file;
  file = NULL;
done:
  yolo_json_close(file);
  return st;
}

yolo_status yolo_json_open(const char *path, yolo_json_file **out) { return open_file(path, NULL, 0, path, out); }

yolo_status yolo_json_open_bytes(const char *bytes, size_t length, const char *name, yolo_json_file **out) {
  return open_file(NULL, bytes, length, name, out);
}

void yolo_json_close(yolo_json_file *file) {
  if (!file) return;
  yolo_file_map_close(&file->map);
  yolo_free(file->members);
  yolo_free(file->name);
  yolo_free(file);
}

const char *yolo_json_name(const yolo_json_file *file) { return file->name; }
char yolo_json_top(const yolo_json_file *file) { return file->top; }

/* ---- walking ---- */

/* Of several members with one key the last counts, as for Python. */
static const member *find_member(const yolo_json_file *file, const char *key) {
  size_t length = strlen(key);
  for (size_t i = file->n_members; i-- > 0;) {
    const member *m = &file->members[i];
    if (m->key_length == length && memcmp(file->bytes + m->key, key, length) == 0) return m;
  }
  return NULL;
}

static yolo_status visit(cursor *c, yolo_json_text_visitor visitor, void *payload) {
  skip_blanks(c);
  const size_t start = c->at;
  yolo_status st = skip_value(c);
  return st == YOLO_OK ? visitor(payload, c->file->bytes + start, c->at - start, start + 1) : st;
}

yolo_status yolo_json_each_text(yolo_json_file *file, const char *key, yolo_json_text_visitor visitor, void *payload,
                                int *found) {
  const member *m = key ? find_member(file, key) : NULL;
  cursor c = {file, m ? m->start : file->top_start, 0};
  yolo_status st = YOLO_OK;
  if (found) *found = !key || m;
  if (key && !m) return YOLO_OK;
  if (file->bytes[c.at] != '[') {
    if (!key) return fail_at(file, c.at, "a list was expected: '['");
    return yolo_fail(YOLO_EFORMAT, "%s: byte %zu: \"%s\" is no list", file->name, c.at + 1, key);
  }
  c.released = c.at++;
  if (peek(&c) == ']') return YOLO_OK;
  do {
    YOLO_TRY(visit(&c, visitor, payload));
    release_behind(&c);
  } while (peek(&c) == ',' && ++c.at);
  st = expect(&c, ']', "',' or ']' was expected");
  yolo_file_map_release(&file->map, c.released, c.at);
done:
  return st;
}

yolo_status yolo_json_parse(const yolo_json_file *file, const char *text, size_t length, cJSON **out) {
  const char *stopped = NULL;
  *out = cJSON_ParseWithLengthOpts(text, length, &stopped, 0);
  size_t end = stopped ? (size_t)(stopped - text) : 0;
  while (*out && end < length && strchr(" \t\r\n", text[end])) end++;
  if (*out && end == length) return YOLO_OK;
  cJSON_Delete(*out);
  *out = NULL;
  return fail_at(file, (size_t)(text - file->bytes) + end, "broken JSON");
}

typedef struct tree_walk {
  const yolo_json_file *file;
  yolo_json_visitor visitor;
  void *payload;
} tree_walk;

static yolo_status visit_tree(void *payload, const char *text, size_t length, uint64_t place) {
  const tree_walk *walk = payload;
  cJSON *element;
  yolo_status st = yolo_json_parse(walk->file, text, length, &element);
  if (st == YOLO_OK) st = walk->visitor(walk->payload, element, place);
  cJSON_Delete(element);
  return st;
}

yolo_status yolo_json_each(yolo_json_file *file, const char *key, yolo_json_visitor visitor, void *payload, int *found) {
  tree_walk walk = {file, visitor, payload};
  return yolo_json_each_text(file, key, visit_tree, &walk, found);
}

yolo_status yolo_json_member(yolo_json_file *file, const char *key, const char **text, size_t *length) {
  const member *m = find_member(file, key);
  *text = m ? file->bytes + m->start : NULL;
  *length = m ? m->end - m->start : 0;
  return YOLO_OK;
}

/* ---- typed access ---- */

int yolo_json_double(const cJSON *object, const char *key, double *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  if (!cJSON_IsNumber(item) || !(item->valuedouble - item->valuedouble == 0)) return 0; /* inf - inf is not 0 */
  *out = item->valuedouble;
  return 1;
}

int yolo_json_int64(const cJSON *object, const char *key, int64_t *out) {
  double value;
  if (!yolo_json_double(object, key, &value)) return 0;
  if (!(value >= -9007199254740992.0 && value <= 9007199254740992.0)) return 0;
  if ((double)(int64_t)value != value) return 0;
  *out = (int64_t)value;
  return 1;
}

const char *yolo_json_text(const cJSON *object, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : NULL;
}
