/* The JSON header of a safetensors file:
 *
 *   {"__metadata__": {"key": "value", ...},
 *    "name": {"dtype": "F32", "shape": [16, 3, 3, 3], "data_offsets": [0, 1728]}, ...}
 *
 * The rules of the format (safetensors' README, "Format" and "Notes"): offsets count from the end of the header; the tensors
 * cover the data without hole or overlap; no key twice; metadata are strings.
 *
 * The outer objects are walked here and cJSON gets one key or one value at a time, because its tree costs
 * about 64 bytes a node: 100 MB of "[0,0,0 ..." would become gigabytes. cJSON allocates with malloc, past our
 * own door; redirecting it (cJSON_InitHooks) would change it for the whole process, the caller's parts as
 * well. Its trees live only inside one call below. */
#include "weights/safetensors_header.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"

enum { LONGEST_NAME = 4096, LONGEST_ENTRY = 16 * 1024, MOST_PAIRS = 10000, MOST_TENSORS = 1000000 };

static const struct {
  const char *name;
  unsigned bytes;
} dtypes[] = {{"F32", 4},  {"F16", 2},     {"BF16", 2},    {"F64", 8},     {"I64", 8}, {"I32", 4},
              {"I16", 2},  {"I8", 1},      {"U64", 8},     {"U32", 4},     {"U16", 2}, {"U8", 1},
              {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}, {"C64", 8}};

typedef struct cursor {
  const char *path, *start, *p, *end; /* *end is a NUL */
  uint64_t data_bytes;
  yolo_safetensors_header *header;
  bool metadata_seen;
} cursor;

/* ---- small steps through the text ---- */

static yolo_status broken(const cursor *c, const char *expected) {
  return yolo_fail(YOLO_EFORMAT, "%s: byte %zu of the safetensors header: %s was expected; the file is damaged", c->path,
                   (size_t)(c->p - c->start), expected);
}

static void skip_space(cursor *c) {
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r')) c->p++;
}

static bool take(cursor *c, char wanted) {
  skip_space(c);
  if (c->p >= c->end || *c->p != wanted) return false;
  c->p++;
  return true;
}

/* One JSON value of at most `most` bytes. The caller deletes *out. */
static yolo_status take_value(cursor *c, size_t most, const char *expected, cJSON **out) {
  skip_space(c);
  size_t left = (size_t)(c->end - c->p);
  const char *parsed = NULL;
  *out = cJSON_ParseWithLengthOpts(c->p, left < most ? left : most, &parsed, 0);
  if (!*out || !parsed) return broken(c, expected);
  c->p = parsed;
  return YOLO_OK;
}

/* Names end up in messages on a terminal: no control characters. */
static bool is_printable(const char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7F) return false;
  }
  return true;
}

static yolo_status take_string(cursor *c, size_t most, const char *expected, char **out) {
  cJSON *item = NULL;
  yolo_status st = take_value(c, most, expected, &item);
  if (st == YOLO_OK && !cJSON_IsString(item)) st = broken(c, expected);
  if (st == YOLO_OK) {
    *out = yolo_strdup(item->valuestring);
    if (!*out) st = YOLO_ENOMEM;
  }
  cJSON_Delete(item);
  return st;
}

/* { key: value, ... }: `member` gets each key, as its own to keep, with the cursor on the value. */
static yolo_status walk_object(cursor *c, yolo_status (*member)(cursor *, char *key)) {
  yolo_status st = YOLO_OK;
  char *key = NULL;
  if (!take(c, '{')) return broken(c, "'{'");
  if (take(c, '}')) return YOLO_OK;
  do {
    if ((st = take_string(c, LONGEST_NAME, "a name in quotes", &key)) != YOLO_OK) return st;
    if (!is_printable(key))
      st = broken(c, "a name without control characters");
    else if (!take(c, ':'))
      st = broken(c, "':'");
    if (st != YOLO_OK) {
      yolo_free(key);
      return st;
    }
    if ((st = member(c, key)) != YOLO_OK) return st;
  } while (take(c, ','));
  return take(c, '}') ? YOLO_OK : broken(c, "',' or '}'");
}

/* Room for one more element in a growing array. */
static yolo_status grow(void **array, int count, int *capacity, size_t size) {
  if (count < *capacity) return YOLO_OK;
  int wanted = *capacity ? *capacity * 2 : 64;
  void *moved = yolo_realloc(*array, (size_t)wanted * size);
  if (!moved) return YOLO_ENOMEM;
  *array = moved;
  *capacity = wanted;
  return YOLO_OK;
}

/* ---- metadata ---- */

static yolo_status take_pair(cursor *c, char *key) {
  yolo_safetensors_header *h = c->header;
  char *value = NULL;
  yolo_status st = YOLO_OK;
  void *pairs = h->pairs;
  if (h->n_pairs >= MOST_PAIRS) {
    st = yolo_fail(YOLO_EFORMAT, "%s: more than %d metadata entries; the file is damaged", c->path, MOST_PAIRS);
    goto done;
  }
  YOLO_TRY(grow(&pairs, h->n_pairs, &h->pair_capacity, sizeof *h->pairs));
  h->pairs = pairs;
  YOLO_TRY(take_string(c, SIZE_MAX, "a metadata value in quotes", &value));
  h->pairs[h->n_pairs++] = (yolo_safetensors_pair){key, value};
  key = NULL;
done:
  yolo_free(key);
  return st;
}

/* ---- one tensor ---- */

static bool whole_number(const cJSON *item, uint64_t *out) {
  const double largest = 9007199254740992.0; /* 2^53: beyond it a double skips integers */
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > largest) return false;
  *out = (uint64_t)item->valuedouble;
  return (double)*out == item->valuedouble;
}

static yolo_status bad_tensor(const cursor *c, const char *name, const char *what) {
  return yolo_fail(YOLO_EFORMAT, "%s: tensor '%.200s': %s; the file is damaged", c->path, name, what);
}

static yolo_status parse_shape(const cursor *c, const cJSON *shape, yolo_safetensors_entry *entry) {
  if (!cJSON_IsArray(shape)) return bad_tensor(c, entry->name, "\"shape\" is no list of numbers");
  for (const cJSON *item = shape->child; item; item = item->next) {
    uint64_t dim = 0;
    if (entry->ndim == YOLO_SAFETENSORS_MOST_DIMS) return bad_tensor(c, entry->name, "has more than 8 dimensions");
    if (!whole_number(item, &dim) || dim > INT_MAX) return bad_tensor(c, entry->name, "a dimension is no sensible number");
    entry->dims[entry->ndim++] = (int)dim;
  }
  return YOLO_OK;
}

static yolo_status parse_offsets(const cursor *c, const cJSON *offsets, yolo_safetensors_entry *entry) {
  const cJSON *first = cJSON_IsArray(offsets) ? offsets->child : NULL;
  const cJSON *second = first ? first->next : NULL;
  if (!second || second->next || !whole_number(first, &entry->begin) || !whole_number(second, &entry->end))
    return bad_tensor(c, entry->name, "\"data_offsets\" are not two byte positions");
  if (entry->begin > entry->end) return bad_tensor(c, entry->name, "\"data_offsets\" run backwards");
  if (entry->end > c->data_bytes)
    return yolo_fail(YOLO_EFORMAT,
                     "%s: tensor '%.200s' ends at byte %llu of the data, of which the file has %llu; the download broke off",
                     c->path, entry->name, (unsigned long long)entry->end, (unsigned long long)c->data_bytes);
  return YOLO_OK;
}

/* The product of the shape times the size of the type must be what the offsets say. */
static yolo_status check_size(const cursor *c, const cJSON *dtype, yolo_safetensors_entry *entry) {
  const char *wanted = cJSON_IsString(dtype) ? dtype->valuestring : "";
  uint64_t bytes = 0;
  for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
    if (strcmp(dtypes[i].name, wanted) != 0) continue;
    entry->dtype = dtypes[i].name;
    bytes = dtypes[i].bytes;
  }
  if (!entry->dtype)
    return yolo_fail(YOLO_EUNSUPPORTED, "%s: tensor '%.200s' has the type '%.20s', which is not known here", c->path,
                     entry->name, is_printable(wanted) ? wanted : "?");
  for (int i = 0; i < entry->ndim; i++) {
    uint64_t dim = (uint64_t)entry->dims[i];
    if (dim != 0 && bytes > UINT64_MAX / dim) return bad_tensor(c, entry->name, "its shape is too large");
    bytes *= dim;
  }
  if (bytes != entry->end - entry->begin)
    return yolo_fail(YOLO_EFORMAT,
                     "%s: tensor '%.200s': its shape wants %llu bytes, its offsets give %llu; the file is damaged", c->path,
                     entry->name, (unsigned long long)bytes, (unsigned long long)(entry->end - entry->begin));
  return YOLO_OK;
}

/* The member of an object by its exact name; *twice tells of a second one. */
static const cJSON *member_of(const cJSON *object, const char *key, bool *twice) {
  const cJSON *found = NULL;
  for (const cJSON *item = object->child; item; item = item->next) {
    if (strcmp(item->string, key) != 0) continue;
    *twice |= found != NULL;
    found = item;
  }
  return found;
}

static yolo_status parse_entry(const cursor *c, const cJSON *item, yolo_safetensors_entry *entry) {
  yolo_status st = YOLO_OK;
  bool twice = false;
  if (!cJSON_IsObject(item)) return bad_tensor(c, entry->name, "is not described by an object");
  const cJSON *dtype = member_of(item, "dtype", &twice);
  const cJSON *shape = member_of(item, "shape", &twice);
  const cJSON *offsets = member_of(item, "data_offsets", &twice);
  if (twice) return bad_tensor(c, entry->name, "is described twice");
  if (!dtype || !shape || !offsets) return bad_tensor(c, entry->name, "lacks dtype, shape or data_offsets");
  if ((st = parse_shape(c, shape, entry)) != YOLO_OK) return st;
  if ((st = parse_offsets(c, offsets, entry)) != YOLO_OK) return st;
  return check_size(c, dtype, entry);
}

static yolo_status take_tensor(cursor *c, char *name) {
  yolo_safetensors_header *h = c->header;
  yolo_status st = YOLO_OK;
  cJSON *item = NULL;
  void *entries = h->entries;
  if (h->count >= MOST_TENSORS) {
    yolo_free(name);
    return yolo_fail(YOLO_EFORMAT, "%s: more than %d tensors; the file is damaged", c->path, MOST_TENSORS);
  }
  if ((st = grow(&entries, h->count, &h->capacity, sizeof *h->entries)) != YOLO_OK) {
    yolo_free(name);
    return st;
  }
  h->entries = entries;
  h->entries[h->count] = (yolo_safetensors_entry){.name = name};
  h->count++; /* from here on the header owns the name */
  st = take_value(c, LONGEST_ENTRY, "the description of a tensor", &item);
  if (st == YOLO_OK) st = parse_entry(c, item, &h->entries[h->count - 1]);
  cJSON_Delete(item);
  return st;
}

static yolo_status take_member(cursor *c, char *key) {
  if (strcmp(key, "__metadata__") != 0) return take_tensor(c, key);
  yolo_free(key);
  if (c->metadata_seen) return broken(c, "__metadata__ only once");
  c->metadata_seen = true;
  return walk_object(c, take_pair);
}

/* ---- the table as a whole ---- */

static int compare_entries(const void *a, const void *b) {
  const yolo_safetensors_entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1; /* empty tensors first */
  return strcmp(x->name, y->name);
}

static int compare_pairs(const void *a, const void *b) {
  return strcmp(((const yolo_safetensors_pair *)a)->key, ((const yolo_safetensors_pair *)b)->key);
}

typedef struct named {
  const char *name;
  int index;
} named;

static int compare_named(const void *a, const void *b) { return strcmp(((const named *)a)->name, ((const named *)b)->name); }

/* Sorted by offset, each tensor must begin where the one before it ended. */
static yolo_status check_coverage(const cursor *c) {
  const yolo_safetensors_header *h = c->header;
  uint64_t end = 0;
  for (int i = 0; i < h->count; i++) {
    const yolo_safetensors_entry *entry = &h->entries[i];
    if (entry->begin < end) return bad_tensor(c, entry->name, "overlaps another tensor");
    if (entry->begin > end) return bad_tensor(c, entry->name, "there is a hole in the data before it");
    end = entry->end;
  }
  if (end == c->data_bytes) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s: %llu bytes after the last tensor belong to nothing; the file is damaged", c->path,
                   (unsigned long long)(c->data_bytes - end));
}

static yolo_status index_names(const cursor *c) {
  yolo_safetensors_header *h = c->header;
  yolo_status st = YOLO_OK;
  size_t count = (size_t)h->count;
  named *sorted = yolo_alloc_array(count, sizeof *sorted);
  YOLO_ENOMEM_IF_NULL(sorted);
  YOLO_ENOMEM_IF_NULL(h->names = yolo_alloc_array(count, sizeof *h->names));
  YOLO_ENOMEM_IF_NULL(h->by_name = yolo_alloc_array(count, sizeof *h->by_name));
  for (size_t i = 0; i < count; i++) sorted[i] = (named){h->entries[i].name, (int)i};
  if (count > 0) qsort(sorted, count, sizeof *sorted, compare_named);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && strcmp(sorted[i].name, sorted[i - 1].name) == 0) {
      st = bad_tensor(c, sorted[i].name, "is there twice");
      goto done;
    }
    h->names[i] = sorted[i].name;
    h->by_name[i] = sorted[i].index;
  }
done:
  yolo_free(sorted);
  return st;
}

static yolo_status index_pairs(const cursor *c) {
  yolo_safetensors_header *h = c->header;
  if (h->n_pairs > 0) qsort(h->pairs, (size_t)h->n_pairs, sizeof *h->pairs, compare_pairs);
  for (int i = 1; i < h->n_pairs; i++) {
    if (strcmp(h->pairs[i].key, h->pairs[i - 1].key) == 0)
      return yolo_fail(YOLO_EFORMAT, "%s: the metadata key '%.200s' is there twice; the file is damaged", c->path,
                       h->pairs[i].key);
  }
  return YOLO_OK;
}

yolo_status yolo_safetensors_header_parse(const char *path, const char *text, size_t length, uint64_t data_bytes,
                                          yolo_safetensors_header *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_safetensors_header){0};
  cursor c = {path, text, text, text + length, data_bytes, out, false};
  YOLO_TRY(walk_object(&c, take_member));
  skip_space(&c); /* writers pad with spaces */
  if (c.p != c.end) {
    st = broken(&c, "the end");
    goto done;
  }
  if (out->count > 0) qsort(out->entries, (size_t)out->count, sizeof *out->entries, compare_entries);
  YOLO_TRY(index_pairs(&c));
  YOLO_TRY(index_names(&c));
  YOLO_TRY(check_coverage(&c));
done:
  return st;
}

const yolo_safetensors_entry *yolo_safetensors_header_find(const yolo_safetensors_header *header, const char *name) {
  int low = 0, high = header->count;
  while (low < high) {
    int middle = low + (high - low) / 2, order = strcmp(name, header->names[middle]);
    if (order == 0) return &header->entries[header->by_name[middle]];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const char *yolo_safetensors_header_metadata(const yolo_safetensors_header *header, const char *key) {
  for (int i = 0; i < header->n_pairs; i++) {
    if (strcmp(header->pairs[i].key, key) == 0) return header->pairs[i].value;
  }
  return NULL;
}

void yolo_safetensors_header_free(yolo_safetensors_header *header) {
  for (int i = 0; i < header->count; i++) yolo_free(header->entries[i].name);
  for (int i = 0; i < header->n_pairs; i++) {
    yolo_free(header->pairs[i].key);
    yolo_free(header->pairs[i].value);
  }
  yolo_free(header->entries);
  yolo_free(header->pairs);
  yolo_free((void *)header->names);
  yolo_free(header->by_name);
  *header = (yolo_safetensors_header){0};
}
