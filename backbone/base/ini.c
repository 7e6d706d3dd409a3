/* Lines to sections, keys and values: see ini.h. The text is copied once and cut where it lies: keys and values are pointers
 * into the copy. */
#include "backbone/base/ini.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
static bool is_control(char c) { return ((unsigned char)c < 0x20 && c != '\n' && !is_blank(c)) || c == 0x7F; }
static bool is_comment(const char *begin, const char *p) { return (*p == '#' || *p == ';') && (p == begin || is_blank(p[-1])); }

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

static yolo_status not_text(const char *file, const char *bytes, size_t length, const yolo_ini_rules *rules) {
  const char *guess = guess_binary(bytes, length);
  if (guess) return yolo_fail(YOLO_EFORMAT, "%s: does not look like a %s but like %s", file, rules->what, guess);
  return yolo_fail(YOLO_EFORMAT, "%s: does not look like a %s: it holds bytes that no text has", file, rules->what);
}

static yolo_status check_text(const char *text, size_t length, const char *file, const yolo_ini_rules *rules) {
  if (length > YOLO_INI_MAX_BYTES) {
    const char *guess = guess_binary(text, length);
    return yolo_fail(YOLO_EFORMAT, "%s: %zu bytes are too many for a %s (the limit is 1 MiB)%s%s", file, length, rules->what,
                     guess ? "; it looks like " : "", guess ? guess : "");
  }
  for (size_t i = 0; i < length; i++) {
    if (is_control(text[i])) return not_text(file, text, length, rules);
  }
  for (size_t i = 0; i < length; i++) {
    if (is_blank(text[i]) || text[i] == '\n') continue;
    if (text[i] == '<')
      return yolo_fail(YOLO_EFORMAT, "%s: does not look like a %s but like a web page (a failed download?)", file, rules->what);
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EFORMAT, "%s: is empty; %s", file, rules->begins);
}

/* ---- lines ---- */

/* Where the quotes that open at p end: behind the closing one, or at `end` when they are not closed. A doubled quote inside
 * is one of the text. */
static char *skip_quotes(char *p, const char *end) {
  for (p++; p < end; p++) {
    if (*p != '"') continue;
    if (p + 1 == end || p[1] != '"') return p + 1;
    p++;
  }
  return p;
}

/* Where the comment of a line begins; `end` without one. Quotes open a value or an item: behind '=' or ','. */
static char *find_comment(char *begin, char *end, bool quotes) {
  char before = '\0'; /* the last that is no blank */
  for (char *p = begin; p < end;) {
    if (is_comment(begin, p)) return p;
    bool opens = quotes && *p == '"' && (before == '=' || before == ',');
    if (!is_blank(*p)) before = *p;
    p = opens ? skip_quotes(p, end) : p + 1;
  }
  return end;
}

/* Cuts blanks off [begin, end), ends it with a NUL and returns its begin. What begins with a comment's sign ("key=#5") is
 * one. */
static char *trim(char *begin, char *end) {
  if (begin < end && (*begin == '#' || *begin == ';')) end = begin;
  while (begin < end && is_blank(*begin)) begin++;
  while (end > begin && is_blank(end[-1])) end--;
  *end = '\0';
  return begin;
}

static yolo_status check_once(const yolo_ini *ini, const yolo_ini_section *section) {
  const yolo_ini_section *before = yolo_ini_section_named(ini, section->name);
  if (!before) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s:%d: a second [%s]; the first is on line %d", ini->file, section->line, section->name,
                   before->line);
}

static yolo_status open_section(yolo_ini *ini, char *line, int number, yolo_ini_entry *entries, const yolo_ini_rules *rules) {
  char *end = strchr(line, ']');
  if (!end) return yolo_fail(YOLO_EFORMAT, "%s:%d: the section name '%s' lacks its ']'", ini->file, number, line);
  if (end[1] != '\0')
    return yolo_fail(YOLO_EFORMAT, "%s:%d: '%s' stands behind the section name", ini->file, number,
                     trim(end + 1, end + strlen(end)));
  if (ini->n_sections == YOLO_INI_MAX_SECTIONS)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: more than %d sections", ini->file, number, YOLO_INI_MAX_SECTIONS);
  yolo_ini_section section = {
      .name = trim(line + 1, end), .line = number, .n_entries = 0, .entries = entries, .file = ini->file};
  if (*section.name == '\0') return yolo_fail(YOLO_EFORMAT, "%s:%d: a section without a name", ini->file, number);
  yolo_status st = rules->open ? rules->open(ini, &section) : YOLO_OK;
  if (st == YOLO_OK && rules->once) st = check_once(ini, &section);
  if (st == YOLO_OK) ini->sections[ini->n_sections++] = section;
  return st;
}

static yolo_status add_entry(yolo_ini_section *section, yolo_ini_entry entry, const yolo_ini_rules *rules) {
  const yolo_ini_entry *before = yolo_ini_find(section, entry.key);
  if (before && rules->once)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: a second '%.60s'; the first is on line %d", section->file, entry.line,
                     section->name, entry.key, before->line);
  if (before && strcmp(before->value, entry.value) == 0) return YOLO_OK;
  if (section->n_entries == YOLO_INI_MAX_KEYS)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: more than %d keys in one section", section->file, entry.line, section->name,
                     YOLO_INI_MAX_KEYS);
  section->entries[section->n_entries++] = entry;
  return YOLO_OK;
}

static yolo_status parse_entry(yolo_ini *ini, char *line, int number, const yolo_ini_rules *rules) {
  char *equals = strchr(line, '=');
  if (ini->n_sections == 0)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: '%.60s' stands before any section; %s", ini->file, number, line, rules->begins);
  yolo_ini_section *section = &ini->sections[ini->n_sections - 1];
  if (!equals)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: '%.60s' is neither a [section], a key=value nor a comment", ini->file, number,
                     section->name, line);
  yolo_ini_entry entry = {.line = number};
  entry.value = trim(equals + 1, equals + strlen(equals));
  entry.key = trim(line, equals); /* afterwards: it may end the text at the '=' */
  if (*entry.key == '\0') return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: '=' without a key", ini->file, number, section->name);
  if (*entry.value == '\0' && !rules->empty_values)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: the key '%.60s' has no value", ini->file, number, section->name, entry.key);
  return add_entry(section, entry, rules);
}

/* Upper bounds for the two tables: every '[' may open a section, every '=' may be an entry. */
static yolo_status make_tables(yolo_ini *ini) {
  size_t sections = 1, entries = 1;
  for (const char *p = ini->text; *p; p++) {
    sections += *p == '[';
    entries += *p == '=';
  }
  if (sections > YOLO_INI_MAX_SECTIONS) sections = YOLO_INI_MAX_SECTIONS;
  ini->sections = yolo_calloc(sections, sizeof *ini->sections);
  ini->pool = yolo_calloc(entries, sizeof *ini->pool);
  return ini->sections && ini->pool ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status parse_lines(yolo_ini *ini, const yolo_ini_rules *rules) {
  yolo_status st = YOLO_OK;
  yolo_ini_entry *next = ini->pool;
  char *line = ini->text;
  if (strncmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3; /* a byte order mark */
  for (int number = 1; line && st == YOLO_OK; number++) {
    char *end = strchr(line, '\n');
    char *following = end ? end + 1 : NULL;
    char *words = trim(line, find_comment(line, end ? end : line + strlen(line), rules->quotes));
    if (*words == '[') {
      st = open_section(ini, words, number, next, rules);
    } else if (*words != '\0') {
      st = parse_entry(ini, words, number, rules);
    }
    if (ini->n_sections > 0) {
      const yolo_ini_section *last = &ini->sections[ini->n_sections - 1];
      next = last->entries + last->n_entries;
    }
    line = following;
  }
  if (st == YOLO_OK && ini->n_sections == 0) st = yolo_fail(YOLO_EFORMAT, "%s: holds no section; %s", ini->file, rules->begins);
  return st;
}

/* ---- from outside ---- */

yolo_status yolo_ini_parse(const char *text, size_t length, const char *file, const yolo_ini_rules *rules, yolo_ini **out) {
  yolo_status st = YOLO_OK;
  yolo_ini *ini = NULL;
  *out = NULL;
  if (!file || !*file) file = rules->what;
  YOLO_TRY(check_text(text, length, file, rules));
  ini = yolo_calloc(1, sizeof *ini);
  YOLO_ENOMEM_IF_NULL(ini);
  ini->file = yolo_strdup(file);
  YOLO_ENOMEM_IF_NULL(ini->file);
  ini->source = yolo_strndup(text, length);
  YOLO_ENOMEM_IF_NULL(ini->source);
  ini->text = yolo_strndup(text, length);
  YOLO_ENOMEM_IF_NULL(ini->text);
  YOLO_TRY(make_tables(ini));
  YOLO_TRY(parse_lines(ini, rules));
  *out = ini;
  ini = NULL;
done:
  yolo_ini_free(ini);
  return st;
}

/* A file too large is most often a binary one given in its place: worth a look at its first bytes. */
static yolo_status too_large(const char *path, const yolo_ini_rules *rules, yolo_status st) {
  char head[16];
  FILE *file = fopen(path, "rb");
  if (!file) return st;
  size_t got = fread(head, 1, sizeof head, file);
  fclose(file);
  const char *guess = guess_binary(head, got);
  if (guess) return yolo_fail(YOLO_EFORMAT, "%s: does not look like a %s but like %s", path, rules->what, guess);
  return yolo_fail(YOLO_EFORMAT, "%s: does not look like a %s: it is larger than 1 MiB", path, rules->what);
}

yolo_status yolo_ini_load(const char *path, const yolo_ini_rules *rules, yolo_ini **out) {
  char *text = NULL;
  size_t length = 0;
  *out = NULL;
  yolo_status st = yolo_read_file(path, YOLO_INI_MAX_BYTES, &text, &length);
  if (st == YOLO_EFORMAT) return too_large(path, rules, st);
  if (st != YOLO_OK) return st;
  st = yolo_ini_parse(text, length, path, rules, out);
  yolo_free(text);
  return st;
}

void yolo_ini_free(yolo_ini *ini) {
  if (!ini) return;
  yolo_free(ini->sections);
  yolo_free(ini->pool);
  yolo_free(ini->text);
  yolo_free(ini->source);
  yolo_free(ini->file);
  yolo_free(ini);
}

const yolo_ini_entry *yolo_ini_find(const yolo_ini_section *section, const char *key) {
  for (int i = 0; i < section->n_entries; i++) {
    if (strcmp(section->entries[i].key, key) == 0) return &section->entries[i];
  }
  return NULL;
}

const yolo_ini_section *yolo_ini_section_named(const yolo_ini *ini, const char *name) {
  for (int i = 0; i < ini->n_sections; i++) {
    if (strcmp(ini->sections[i].name, name) == 0) return &ini->sections[i];
  }
  return NULL;
}
