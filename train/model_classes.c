/* A cfg for other classes or another input size: see model_classes.h. The sections say what is to be changed (a list of edits),
 * one walk over the lines of the text does it. */
#include "train/model_classes.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/cfg.h"
#include "detect/head.h"

enum { MOST_CLASSES = 1 << 20 };

/* `key` of a section becomes `value`. */
typedef struct edit {
  int section;
  const char *key;
  int value;
} edit;

typedef struct plan {
  const yolo_cfg *cfg;
  edit *edits; /* in the order of the sections; owned */
  int count;
} plan;

/* What stands in the text already needs no edit. */
static void add_edit(plan *p, int section, const char *key, int value) {
  const yolo_cfg_entry *entry = yolo_cfg_find(&p->cfg->sections[section], key);
  int now = 0;
  if (entry && yolo_parse_int(entry->value, &now) && now == value) return;
  p->edits[p->count++] = (edit){section, key, value};
}

/* ---- the layer that gives a head its values ---- */

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names; names++) {
    if (strcmp(name, *names) == 0) return true;
  }
  return false;
}

/* Layers that hand on as many channels as they read. */
static const char *const keepers[] = {"dropout", "activation", "batchnorm", NULL};
static const char *const classifier_ends[] = {"dropout", "activation", "batchnorm", "softmax", "cost", "avgpool", NULL};

static const char *width_key(const yolo_cfg_section *section) {
  if (strcmp(section->name, "convolutional") == 0) return "filters";
  return strcmp(section->name, "connected") == 0 ? "output" : NULL;
}

static yolo_status find_feeder(const yolo_cfg *cfg, int head, int *out) {
  int at = head - 1;
  while (at > 0 && is_one_of(cfg->sections[at].name, keepers)) at--;
  if (!width_key(&cfg->sections[at]))
    return yolo_cfg_fail(&cfg->sections[head], NULL, YOLO_EUNSUPPORTED,
                         "reads [%s] of line %d, whose channels follow from other layers, so it cannot be given other classes; "
                         "put a [convolutional] with size=1 before the head",
                         cfg->sections[at].name, cfg->sections[at].line);
  *out = at;
  return YOLO_OK;
}

static yolo_status set_width(plan *p, const yolo_cfg_section *head, int feeder, long long width) {
  if (width > INT_MAX)
    return yolo_cfg_fail(head, NULL, YOLO_EINVAL, "would need %lld channels; the classes are too many", width);
  add_edit(p, feeder, width_key(&p->cfg->sections[feeder]), (int)width);
  return YOLO_OK;
}

/* ---- heads ---- */

/* Default boxes of a cell of [ssd]: a square, perhaps a larger one, and each ratio both ways. */
static yolo_status count_default_boxes(const yolo_cfg_section *head, int *out) {
  float *ratios = NULL;
  int count = 0;
  yolo_status st = yolo_cfg_floats(head, "aspect_ratios", &ratios, &count);
  *out = 1 + (yolo_cfg_find(head, "max_size") != NULL) + 2 * count;
  yolo_free(ratios);
  return st;
}

/* Heads over maps: channels = anchors x (before + classes). */
static yolo_status count_anchors(const yolo_cfg_section *head, int *out) {
  int *mask = NULL, masked = 0;
  if (strcmp(head->name, "ssd") == 0) return count_default_boxes(head, out);
  yolo_status st = yolo_cfg_int(head, "num", 1, 1, 1024, out);
  if (st == YOLO_OK && strcmp(head->name, "region") != 0) st = yolo_cfg_ints(head, "mask", &mask, &masked);
  if (masked > 0) *out = masked;
  yolo_free(mask);
  return st;
}

static yolo_status adapt_map(plan *p, int section, int feeder, int classes) {
  const yolo_cfg_section *head = &p->cfg->sections[section];
  int anchors = 0, before = strcmp(head->name, "Gaussian_yolo") == 0 ? 9 : 5;
  yolo_status st = count_anchors(head, &anchors);
  if (st == YOLO_OK) st = set_width(p, head, feeder, (long long)anchors * ((long long)before + classes));
  return st;
}

/* [detection] counts the values of a whole map: the layer before grows in the same proportion, whatever its map. */
static yolo_status adapt_detection(plan *p, int section, int feeder, int classes) {
  const yolo_cfg_section *head = &p->cfg->sections[section], *from = &p->cfg->sections[feeder];
  int side = 0, num = 0, old_classes = 0, width = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_int(head, "side", 7, 1, 1024, &side));
  YOLO_TRY(yolo_cfg_int(head, "num", 1, 1, 1024, &num));
  YOLO_TRY(yolo_cfg_int(head, "classes", 1, 1, MOST_CLASSES, &old_classes));
  YOLO_TRY(yolo_cfg_int(from, width_key(from), 1, 1, MOST_CLASSES, &width));
  long long cells = (long long)side * side, before = cells * (5LL * num + old_classes), after = cells * (5LL * num + classes);
  if (width * after % before != 0) /* below 2^20 x 2^20 x (2^13 + 2^20) */
    return yolo_cfg_fail(from, width_key(from), YOLO_EUNSUPPORTED,
                         "%s=%d cannot be changed such that the [detection] of line %d gets %lld values instead of %lld",
                         width_key(from), width, head->line, after, before);
  st = set_width(p, head, feeder, width * after / before);
done:
  return st;
}

static yolo_status adapt_head(plan *p, int section, int classes) {
  static const char *const over_maps[] = {"yolo", "Gaussian_yolo", "region", "ssd", NULL};
  const yolo_cfg_section *head = &p->cfg->sections[section];
  int feeder = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_feeder(p->cfg, section, &feeder));
  if (is_one_of(head->name, over_maps))
    st = adapt_map(p, section, feeder, classes);
  else if (strcmp(head->name, "detection") == 0)
    st = adapt_detection(p, section, feeder, classes);
  else
    st = yolo_cfg_fail(head, NULL, YOLO_EUNSUPPORTED, "other classes cannot be given to this head; change the cfg by hand");
  if (st == YOLO_OK) add_edit(p, section, "classes", classes);
done:
  return st;
}

/* Does a network that ends in this layer score whole images? A convolution does when its map is averaged, or was before. */
static bool gives_scores(const yolo_cfg *cfg, int last) {
  const char *name = cfg->sections[last].name;
  int before = last - 1;
  if (strcmp(name, "connected") == 0) return true;
  if (strcmp(name, "convolutional") != 0) return false;
  for (int i = last + 1; i < cfg->n_sections; i++) {
    if (!is_one_of(cfg->sections[i].name, keepers)) return true;
  }
  while (before > 0 && is_one_of(cfg->sections[before].name, keepers)) before--;
  return strcmp(cfg->sections[before].name, "avgpool") == 0;
}

/* Without a head: the last layer with weights gives one value a class. */
static yolo_status adapt_classifier(plan *p, int classes) {
  const yolo_cfg *cfg = p->cfg;
  int at = cfg->n_sections - 1;
  while (at > 0 && is_one_of(cfg->sections[at].name, classifier_ends)) at--;
  const yolo_cfg_section *last = &cfg->sections[at];
  if (!gives_scores(cfg, at))
    return yolo_cfg_fail(last, NULL, YOLO_EUNSUPPORTED,
                         "the network ends here without a head ([yolo], [region] ...) and without scores for an image "
                         "([connected], or [convolutional] and [avgpool]), so it has no classes to change");
  add_edit(p, at, width_key(last), classes);
  return YOLO_OK;
}

static yolo_status plan_classes(plan *p, int classes) {
  int heads = 0;
  for (int i = 1; i < p->cfg->n_sections; i++) {
    if (!yolo_head_find(p->cfg->sections[i].name)) continue;
    yolo_status st = adapt_head(p, i, classes);
    if (st != YOLO_OK) return st;
    heads++;
  }
  return heads > 0 ? YOLO_OK : adapt_classifier(p, classes);
}

/* ---- the input ---- */

static yolo_status plan_size(plan *p, int width, int height) {
  const yolo_cfg_section *section = &p->cfg->sections[0];
  yolo_cfg_net net = {0};
  yolo_status st = yolo_cfg_read_net(p->cfg, &net);
  if (st != YOLO_OK) return st;
  if (width > 0) net.width = width;
  if (height > 0) net.height = height;
  add_edit(p, 0, "width", net.width);
  add_edit(p, 0, "height", net.height);
  long long inputs = (long long)net.width * net.height * net.channels;
  if (!yolo_cfg_find(section, "inputs")) return YOLO_OK;
  if (inputs > INT_MAX) return yolo_cfg_fail(section, "inputs", YOLO_EINVAL, "inputs=%lld is too large", inputs);
  add_edit(p, 0, "inputs", (int)inputs);
  return YOLO_OK;
}

/* ---- the text ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* Where the value of `key` stands in a line [line, end); false: the line has another key, or none. */
static bool find_value(const char *line, const char *end, const char *key, const char **value, const char **value_end) {
  size_t length = strlen(key);
  const char *p = line;
  while (p < end && is_blank(*p)) p++;
  if ((size_t)(end - p) <= length || strncmp(p, key, length) != 0) return false;
  for (p += length; p < end && is_blank(*p); p++) continue;
  if (p == end || *p != '=') return false;
  for (p++; p < end && is_blank(*p); p++) continue;
  *value = p;
  while (p < end && !((*p == '#' || *p == ';') && is_blank(p[-1]))) p++;
  while (p > *value && is_blank(p[-1])) p--;
  *value_end = p;
  return true;
}

/* Keys that the section lacks follow its name. */
static yolo_status insert_missing(const plan *p, int section, const char *line, const char *end, yolo_text *out) {
  const char *newline = end > line && end[-1] == '\r' ? "\r\n" : "\n";
  yolo_status st = YOLO_OK;
  for (int i = 0; i < p->count; i++) {
    const edit *e = &p->edits[i];
    if (e->section != section || yolo_cfg_find(&p->cfg->sections[section], e->key)) continue;
    if (*end == '\0') YOLO_TRY(yolo_text_append(out, newline, strlen(newline)));
    YOLO_TRY(yolo_text_format(out, "%s=%d", e->key, e->value));
    if (*end != '\0') YOLO_TRY(yolo_text_append(out, newline, strlen(newline)));
  }
done:
  return st;
}

/* One line, with its end. */
static yolo_status write_line(const plan *p, int section, const char *line, const char *end, yolo_text *out) {
  const char *value, *value_end, *next = *end ? end + 1 : end;
  for (int i = 0; i < p->count; i++) {
    const edit *e = &p->edits[i];
    if (e->section != section || !find_value(line, end, e->key, &value, &value_end)) continue;
    yolo_status st = yolo_text_append(out, line, (size_t)(value - line));
    if (st == YOLO_OK) st = yolo_text_format(out, "%d", e->value);
    return st == YOLO_OK ? yolo_text_append(out, value_end, (size_t)(next - value_end)) : st;
  }
  return yolo_text_append(out, line, (size_t)(next - line));
}

static yolo_status write_text(const plan *p, yolo_text *out) {
  const yolo_cfg *cfg = p->cfg;
  yolo_status st = YOLO_OK;
  int section = -1, number = 1;
  for (const char *line = cfg->source; *line; number++) {
    const char *end = line + strcspn(line, "\n");
    bool opens = section + 1 < cfg->n_sections && cfg->sections[section + 1].line == number;
    if (opens) section++;
    YOLO_TRY(write_line(p, opens ? -1 : section, line, end, out));
    if (opens) YOLO_TRY(insert_missing(p, section, line, end, out));
    line = *end ? end + 1 : end;
  }
done:
  return st;
}

/* ---- from outside ---- */

static yolo_status make_plan(plan *p, const yolo_model_adaptation *to) {
  yolo_status st = YOLO_OK;
  if (to->classes < 0 || to->classes > MOST_CLASSES || to->width < 0 || to->height < 0)
    return yolo_fail(YOLO_EINVAL, "%s: %d classes and an input of %d x %d are not possible", p->cfg->file, to->classes,
                     to->width, to->height);
  p->edits = yolo_calloc(2 * (size_t)p->cfg->n_sections + 4, sizeof *p->edits); /* two a head, and [net]'s */
  if (!p->edits) return YOLO_ENOMEM;
  if (to->width > 0 || to->height > 0) st = plan_size(p, to->width, to->height);
  return st == YOLO_OK && to->classes > 0 ? plan_classes(p, to->classes) : st;
}

yolo_status yolo_model_adapt(const char *text, const char *file, const yolo_model_adaptation *to, char **out) {
  yolo_cfg *cfg = NULL;
  plan p = {0};
  yolo_text result = {0};
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_cfg_parse(text, strlen(text), file, &cfg));
  p.cfg = cfg;
  YOLO_TRY(make_plan(&p, to));
  YOLO_TRY(write_text(&p, &result));
  *out = result.data;
  result = (yolo_text){0};
done:
  yolo_text_free(&result);
  yolo_free(p.edits);
  yolo_cfg_free(cfg);
  return st;
}
