/* The parser of the model language: lines to sections, keys and values.
 *
 *   [section]          opens a section; the first one is [net]
 *   key = value        blanks around either are dropped
 *   # text, ; text     a comment, on a line of its own or behind a blank
 *
 * Nothing here knows what a layer is. The text is copied once and cut where it lies: keys and values are
 * pointers into the copy. Darknet itself ignores lines that it cannot read; here each is an error with its
 * line, because a key that is silently dropped is a network that silently differs. */
#include "backbone/cfg/cfg.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/sections.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* ---- is it text at all? ---- */

static uint32_t little_endian(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What a file is that does not begin like text; NULL when nothing is known. */
static const char *guess_binary(const char *bytes, size_t length) {
  const unsigned char *p = (const unsigned char *)bytes;
  if (length >= 4 && memcmp(p, "PK\3\4", 4) == 0) return "a zip archive (PyTorch saves such files)";
  if (length >= 9 && p[8] == '{' && little_endian(p + 4) == 0) return "a safetensors file";
  /* A Darknet header begins with three small integers: major, minor, revision. */
  if (length >= 12 && little_endian(p) < 10 && little_endian(p + 4) < 10 && little_endian(p + 8) < 100)
    return "a Darknet .weights file (the network's weights; its .cfg is another file)";
  if (length >= 4 && p[0] == 0xFF && p[1] == 0xD8) return "a JPEG image";
  if (length >= 4 && memcmp(p, "\x89PNG", 4) == 0) return "a PNG image";
  return NULL;
}

static yolo_status not_text(const char *file, const char *bytes, size_t length) {
  const char *guess = guess_binary(bytes, length);
  if (guess) return yolo_fail(YOLO_EFORMAT, "%s: does not look like a cfg but like %s", file, guess);
  return yolo_fail(YOLO_EFORMAT, "%s: does not look like a cfg: it holds bytes that no text has", file);
}

static yolo_status check_text(const char *text, size_t length, const char *file) {
  if (length > YOLO_CFG_MAX_BYTES) {
    const char *guess = guess_binary(text, length);
    return yolo_fail(YOLO_EFORMAT, "%s: %zu bytes are too many for a cfg (the limit is 1 MiB)%s%s", file, length,
                     guess ? "; it looks like " : "", guess ? guess : "");
  }
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\n' && !is_blank((char)c)) || c == 0x7F) return not_text(file, text, length);
  }
  for (size_t i = 0; i < length; i++) {
    if (is_blank(text[i]) || text[i] == '\n') continue;
    if (text[i] == '<')
      return yolo_fail(YOLO_EFORMAT, "%s: does not look like a cfg but like a web page (a failed download?)", file);
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EFORMAT, "%s: is empty; a cfg begins with [net]", file);
}

/* ---- lines ---- */

/* Cuts blanks and a trailing comment off [begin, end), ends it with a NUL and returns its begin. */
static char *trim(char *begin, char *end) {
  for (char *p = begin; p < end; p++) {
    if ((*p == '#' || *p == ';') && (p == begin || is_blank(p[-1]))) end = p;
  }
  while (begin < end && is_blank(*begin)) begin++;
  while (end > begin && is_blank(end[-1])) end--;
  *end = '\0';
  return begin;
}

/* `[name]` to the layer table's name, so that everybody else sees one spelling; others stay as written. */
static const char *canonical(const char *name) {
  for (int i = 0; i < yolo_cfg_layer_count; i++) {
    if (yolo_cfg_def_named(yolo_cfg_layers[i], name)) return yolo_cfg_layers[i]->name;
  }
  return name;
}

static yolo_status open_section(yolo_cfg *cfg, char *line, int number, yolo_cfg_entry *entries) {
  char *end = strchr(line, ']');
  if (!end) return yolo_fail(YOLO_EFORMAT, "%s:%d: the section name '%s' lacks its ']'", cfg->file, number, line);
  if (end[1] != '\0')
    return yolo_fail(YOLO_EFORMAT, "%s:%d: '%s' stands behind the section name", cfg->file, number,
                     trim(end + 1, end + strlen(end)));
  if (cfg->n_sections == YOLO_CFG_MAX_SECTIONS)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: more than %d sections", cfg->file, number, YOLO_CFG_MAX_SECTIONS);
  const char *name = canonical(trim(line + 1, end));
  if (*name == '\0') return yolo_fail(YOLO_EFORMAT, "%s:%d: a section without a name", cfg->file, number);
  bool is_net = strcmp(name, yolo_section_net.name) == 0;
  if (cfg->n_sections == 0 && !is_net)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: the first section of a cfg must be [net], with the input's width and height",
                     cfg->file, number, name);
  if (cfg->n_sections > 0 && is_net)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: a second [net]; the first is on line %d", cfg->file, number, cfg->sections[0].line);
  cfg->sections[cfg->n_sections++] =
      (yolo_cfg_section){.name = name, .line = number, .n_entries = 0, .entries = entries, .file = cfg->file};
  return YOLO_OK;
}

/* Of two entries with the same key the first counts, as in Darknet; whether the second is a mistake depends on what
 * the key means, so to_graph.c judges it. */
static yolo_status add_entry(yolo_cfg_section *section, const char *key, const char *value, int number) {
  const yolo_cfg_entry *before = yolo_cfg_find(section, key);
  if (before && strcmp(before->value, value) == 0) return YOLO_OK;
  if (section->n_entries == YOLO_CFG_MAX_KEYS)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: more than %d keys in one section", section->file, number, section->name,
                     YOLO_CFG_MAX_KEYS);
  section->entries[section->n_entries++] = (yolo_cfg_entry){key, value, number};
  return YOLO_OK;
}

static yolo_status parse_entry(yolo_cfg *cfg, char *line, int number) {
  char *equals = strchr(line, '=');
  if (cfg->n_sections == 0)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: '%.60s' stands before any section; a cfg begins with [net]", cfg->file, number,
                     line);
  yolo_cfg_section *section = &cfg->sections[cfg->n_sections - 1];
  if (!equals)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: '%.60s' is neither a [section], a key=value nor a comment", cfg->file, number,
                     section->name, line);
  const char *value = trim(equals + 1, equals + strlen(equals));
  const char *key = trim(line, equals);
  if (*key == '\0') return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: '=' without a key", cfg->file, number, section->name);
  if (*value == '\0')
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: the key '%.60s' has no value", cfg->file, number, section->name, key);
  return add_entry(section, key, value, number);
}

/* Upper bounds for the two tables: every '[' may open a section, every '=' may be an entry. */
static yolo_status make_tables(yolo_cfg *cfg) {
  size_t sections = 1, entries = 1;
  for (const char *p = cfg->text; *p; p++) {
    sections += *p == '[';
    entries += *p == '=';
  }
  if (sections > YOLO_CFG_MAX_SECTIONS) sections = YOLO_CFG_MAX_SECTIONS;
  cfg->sections = yolo_calloc(sections, sizeof *cfg->sections);
  cfg->pool = yolo_calloc(entries, sizeof *cfg->pool);
  return cfg->sections && cfg->pool ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status parse_lines(yolo_cfg *cfg) {
  yolo_status st = YOLO_OK;
  yolo_cfg_entry *next = cfg->pool;
  char *line = cfg->text;
  if (strncmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3; /* a byte order mark */
  for (int number = 1; line && st == YOLO_OK; number++) {
    char *end = strchr(line, '\n');
    char *following = end ? end + 1 : NULL;
    char *words = trim(line, end ? end : line + strlen(line));
    if (*words == '[') {
      st = open_section(cfg, words, number, next);
    } else if (*words != '\0') {
      st = parse_entry(cfg, words, number);
    }
    if (cfg->n_sections > 0) {
      const yolo_cfg_section *last = &cfg->sections[cfg->n_sections - 1];
      next = last->entries + last->n_entries;
    }
    line = following;
  }
  if (st == YOLO_OK && cfg->n_sections == 0)
    st = yolo_fail(YOLO_EFORMAT, "%s: holds no section; a cfg begins with [net]", cfg->file);
  return st;
}

yolo_status yolo_cfg_parse(const char *text, size_t length, const char *file, yolo_cfg **out) {
  yolo_status st = YOLO_OK;
  yolo_cfg *cfg = NULL;
  *out = NULL;
  if (!file || !*file) file = "cfg";
  YOLO_TRY(check_text(text, length, file));
  cfg = yolo_calloc(1, sizeof *cfg);
  YOLO_ENOMEM_IF_NULL(cfg);
  cfg->file = yolo_strdup(file);
  YOLO_ENOMEM_IF_NULL(cfg->file);
  cfg->source = yolo_strndup(text, length);
  YOLO_ENOMEM_IF_NULL(cfg->source);
  cfg->text = yolo_strndup(text, length);
  YOLO_ENOMEM_IF_NULL(cfg->text);
  YOLO_TRY(make_tables(cfg));
  YOLO_TRY(parse_lines(cfg));
  *out = cfg;
  cfg = NULL;
done:
  yolo_cfg_free(cfg);
  return st;
}

/* A file too large for a cfg is most often the .weights given in its place: worth a look at its first bytes. */
static yolo_status too_large(const char *path, yolo_status st) {
  char head[16];
  FILE *file = fopen(path, "rb");
  if (!file) return st;
  size_t got = fread(head, 1, sizeof head, file);
  fclose(file);
  const char *guess = guess_binary(head, got);
  if (guess) return yolo_fail(YOLO_EFORMAT, "%s: does not look like a cfg but like %s", path, guess);
  return yolo_fail(YOLO_EFORMAT, "%s: does not look like a cfg: it is larger than 1 MiB", path);
}

yolo_status yolo_cfg_load(const char *path, yolo_cfg **out) {
  char *text = NULL;
  size_t length = 0;
  *out = NULL;
  yolo_status st = yolo_read_file(path, YOLO_CFG_MAX_BYTES, &text, &length);
  if (st == YOLO_EFORMAT) return too_large(path, st);
  if (st != YOLO_OK) return st;
  st = yolo_cfg_parse(text, length, path, out);
  yolo_free(text);
  return st;
}

void yolo_cfg_free(yolo_cfg *cfg) {
  if (!cfg) return;
  yolo_free(cfg->sections);
  yolo_free(cfg->pool);
  yolo_free(cfg->text);
  yolo_free(cfg->source);
  yolo_free(cfg->file);
  yolo_free(cfg);
}
