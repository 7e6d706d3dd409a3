/* The native model file is a safetensors file whose metadata make it self-sufficient:
 *
 *   format          "yolo"          format_version   "1"
 *   model_cfg       the network, as text
 *   class_names     ["person", "bicycle", ...]
 *   preprocess      {"fit": "stretch", "filter": "half-pixel", "mean": [..], "scale": [..], "pad": 0.5,
 *                    "width": 416, "height": 416, "channels": 3}
 *   provenance      {"source": "yolov3.weights"}: names without folders, no time, no machine
 *   darknet_header  {"major": 0, "minor": 2, "revision": 5, "seen": "32013312"} (seen has 64 bits: a string)
 *
 * All values are strings, as the format wants it; some of them hold JSON. */
#include "detect/native.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

enum { VERSION = 1, MAX_SIDE = 32768 };

/* ---- reading ---- */

static yolo_status damaged(const char *path, const char *key, const char *what) {
  return yolo_fail(YOLO_EFORMAT, "%s: the metadata '%s' %s; the file is damaged or was not written by yolo", path, key, what);
}

/* Parses the JSON text of a key. Absent: *out is NULL. */
static yolo_status parse_json(const yolo_safetensors_reader *reader, const char *path, const char *key, cJSON **out) {
  const char *text = yolo_safetensors_metadata(reader, key);
  *out = NULL;
  if (!text) return YOLO_OK;
  *out = cJSON_Parse(text);
  return *out ? YOLO_OK : damaged(path, key, "is not valid JSON");
}

static yolo_status check_version(const yolo_safetensors_reader *reader, const char *path) {
  const char *format = yolo_safetensors_metadata(reader, "format");
  const char *version = yolo_safetensors_metadata(reader, "format_version");
  int number = 0;
  if (!format || strcmp(format, "yolo") != 0 || !version)
    return yolo_fail(YOLO_EUNSUPPORTED,
                     "%s: a safetensors file, but not a yolo model (no metadata format=yolo); name its network with a cfg",
                     path);
  if (!yolo_parse_int(version, &number) || number < 1) return damaged(path, "format_version", "is no number");
  if (number > VERSION)
    return yolo_fail(YOLO_EUNSUPPORTED,
                     "%s: has format version %d, this program knows versions up to %d; a newer yolo is needed", path, number,
                     VERSION);
  return YOLO_OK;
}

static yolo_status read_names(const yolo_safetensors_reader *reader, const char *path, yolo_names *out) {
  cJSON *json = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(parse_json(reader, path, "class_names", &json));
  if (json && !cJSON_IsArray(json)) {
    st = damaged(path, "class_names", "is not a list");
    goto done;
  }
  for (const cJSON *item = json ? json->child : NULL; item; item = item->next) {
    const char *name = cJSON_GetStringValue(item);
    if (!name) {
      st = damaged(path, "class_names", "holds something that is not a text");
      goto done;
    }
    YOLO_TRY(yolo_names_add(out, name, strlen(name)));
  }
done:
  cJSON_Delete(json);
  return st;
}

static bool read_int(const cJSON *json, const char *key, int most, int *out) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
  if (!item) return true;
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= most)) return false;
  *out = (int)item->valuedouble;
  return true;
}

static bool read_float(const cJSON *item, float *out) {
  if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) || fabs(item->valuedouble) > 1e30) return false;
  *out = (float)item->valuedouble;
  return true;
}

static bool read_triple(const cJSON *json, const char *key, float out[3]) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, key);
  if (!list) return true;
  if (cJSON_GetArraySize(list) != 3) return false;
  const cJSON *item = list->child;
  for (int i = 0; i < 3; i++, item = item->next)
    if (!read_float(item, &out[i])) return false;
  return true;
}

/* A choice by its word: 0 for `first`, 1 for `second`, -1 for anything else. */
static int read_choice(const cJSON *json, const char *key, const char *first, const char *second) {
  const char *word = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
  if (!word) return -1;
  return strcmp(word, first) == 0 ? 0 : strcmp(word, second) == 0 ? 1 : -1;
}

static yolo_status read_preprocess(const yolo_safetensors_reader *reader, const char *path, yolo_native *out) {
  cJSON *json = NULL;
  yolo_status st = parse_json(reader, path, "preprocess", &json);
  if (st != YOLO_OK || !json) return st;
  int fit = read_choice(json, "fit", "stretch", "letterbox");
  int filter = read_choice(json, "filter", "half-pixel", "align-corners");
  const cJSON *pad = cJSON_GetObjectItemCaseSensitive(json, "pad");
  bool fine = fit >= 0 && filter >= 0 && (!pad || read_float(pad, &out->preprocess.pad)) &&
              read_triple(json, "mean", out->preprocess.mean) && read_triple(json, "scale", out->preprocess.scale) &&
              read_int(json, "width", MAX_SIDE, &out->width) && read_int(json, "height", MAX_SIDE, &out->height);
  out->preprocess.fit = fit == 1 ? YOLO_FIT_LETTERBOX : YOLO_FIT_STRETCH;
  out->preprocess.filter = filter == 1 ? YOLO_FILTER_ALIGN_CORNERS : YOLO_FILTER_HALF_PIXEL;
  out->has_preprocess = true;
  cJSON_Delete(json);
  return fine ? YOLO_OK : damaged(path, "preprocess", "has a value that cannot be");
}

static bool parse_seen(const char *text, uint64_t *out) {
  uint64_t value = 0;
  if (!text || !*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    uint64_t digit = (uint64_t)(*text - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

static yolo_status read_header(const yolo_safetensors_reader *reader, const char *path, yolo_native *out) {
  cJSON *json = NULL;
  int major = 0, minor = 0, revision = 0;
  yolo_status st = parse_json(reader, path, "darknet_header", &json);
  if (st != YOLO_OK || !json) return st;
  bool fine = read_int(json, "major", 1 << 30, &major) && read_int(json, "minor", 1 << 30, &minor) &&
              read_int(json, "revision", INT32_MAX, &revision) &&
              parse_seen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "seen")), &out->header.seen);
  out->header.major = major;
  out->header.minor = minor;
  out->header.revision = revision;
  out->has_header = true;
  cJSON_Delete(json);
  return fine ? YOLO_OK : damaged(path, "darknet_header", "has a value that cannot be");
}

yolo_status yolo_native_read(const yolo_safetensors_reader *reader, const char *path, yolo_native *out) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(check_version(reader, path));
  out->model_cfg = yolo_safetensors_metadata(reader, "model_cfg");
  out->provenance = yolo_safetensors_metadata(reader, "provenance");
  if (!out->model_cfg) {
    st = damaged(path, "model_cfg", "is missing");
    goto done;
  }
  YOLO_TRY(read_names(reader, path, &out->names));
  YOLO_TRY(read_preprocess(reader, path, out));
  YOLO_TRY(read_header(reader, path, out));
done:
  if (st != YOLO_OK) yolo_native_release(out);
  return st;
}

void yolo_native_release(yolo_native *native) {
  yolo_names_free(&native->names);
  *native = (yolo_native){0};
}

/* ---- writing ---- */

/* A number with '.' as decimal point whatever the locale; nine digits bring a float back exactly. */
static yolo_status append_number(yolo_text *text, float value) {
  char digits[48];
  snprintf(digits, sizeof digits, "%.9g", (double)value);
  for (char *p = digits; *p; p++)
    if (!strchr("+-.0123456789e", *p)) *p = '.';
  return yolo_text_append(text, digits, strlen(digits));
}

static yolo_status append_triple(yolo_text *text, const char *key, const float *values, float instead_of_zero) {
  yolo_status st = yolo_text_format(text, "\"%s\":[", key);
  for (int i = 0; i < 3 && st == YOLO_OK; i++) {
    if (i > 0) st = yolo_text_append(text, ",", 1);
    if (st == YOLO_OK) st = append_number(text, values[i] != 0 ? values[i] : instead_of_zero);
  }
  return st == YOLO_OK ? yolo_text_append(text, "],", 2) : st;
}

static yolo_status append_preprocess(yolo_text *text, const yolo_model_spec *spec) {
  const yolo_preprocess *p = &spec->preprocess;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(text, "{\"fit\":\"%s\",\"filter\":\"%s\",", p->fit == YOLO_FIT_LETTERBOX ? "letterbox" : "stretch",
                            p->filter == YOLO_FILTER_ALIGN_CORNERS ? "align-corners" : "half-pixel"));
  YOLO_TRY(append_triple(text, "mean", p->mean, 0));
  YOLO_TRY(append_triple(text, "scale", p->scale, 1));
  YOLO_TRY(yolo_text_format(text, "\"pad\":"));
  YOLO_TRY(append_number(text, p->pad != 0 ? p->pad : 0.5f));
  YOLO_TRY(yolo_text_format(text, ",\"width\":%d,\"height\":%d,\"channels\":%d}", spec->width, spec->height, spec->channels));
done:
  return st;
}

static yolo_status append_names(yolo_text *text, const yolo_model_spec *spec) {
  yolo_status st = yolo_text_append(text, "[", 1);
  for (int i = 0; i < spec->n_names && st == YOLO_OK; i++) {
    if (i > 0) st = yolo_text_append(text, ",", 1);
    if (st == YOLO_OK) st = yolo_text_json_string(text, spec->names[i]);
  }
  return st == YOLO_OK ? yolo_text_append(text, "]", 1) : st;
}

static yolo_status append_header(yolo_text *text, const yolo_darknet_header *header) {
  return yolo_text_format(text, "{\"major\":%d,\"minor\":%d,\"revision\":%d,\"seen\":\"%" PRIu64 "\"}", header->major,
                          header->minor, header->revision, header->seen);
}

/* All texts go into one growing block, each with its end; pointers into it are taken when it has stopped growing. */
yolo_status yolo_native_write(const yolo_model_spec *spec, const yolo_darknet_header *header, yolo_text *room,
                              yolo_metadata *pairs, int *count) {
  yolo_status st = YOLO_OK;
  size_t preprocess = 0, darknet = 0; /* where a text begins; the names begin at 0 */
  int n = 0;
  YOLO_TRY(append_names(room, spec));
  YOLO_TRY(yolo_text_append(room, "", 1));
  preprocess = room->length;
  YOLO_TRY(append_preprocess(room, spec));
  YOLO_TRY(yolo_text_append(room, "", 1));
  darknet = room->length;
  if (header) YOLO_TRY(append_header(room, header));
  pairs[n++] = (yolo_metadata){"format", "yolo"};
  pairs[n++] = (yolo_metadata){"format_version", "1"};
  pairs[n++] = (yolo_metadata){"model_cfg", spec->cfg->source};
  pairs[n++] = (yolo_metadata){"class_names", room->data};
  pairs[n++] = (yolo_metadata){"preprocess", room->data + preprocess};
  if (spec->provenance) pairs[n++] = (yolo_metadata){"provenance", spec->provenance};
  if (header) pairs[n++] = (yolo_metadata){"darknet_header", room->data + darknet};
  *count = n;
done:
  return st;
}
