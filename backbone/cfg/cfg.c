/* The parser of the model language: base/ini.c cuts the lines, here is what makes the file a cfg: its first section is [net],
 * the only one of that name, and aliases of layers get their canonical name.
 *
 * Of two entries with the same key the first counts, as in Darknet; whether the second is a mistake depends on what the key
 * means, so to_graph.c judges it. Nothing here knows what a layer is. */
#include "backbone/cfg/cfg.h"

#include <string.h>

#include "backbone/cfg/sections.h"

/* `[name]` to the layer table's name, so that everybody else sees one spelling; others stay as written. */
static const char *canonical(const char *name) {
  for (int i = 0; i < yolo_cfg_layer_count; i++) {
    if (yolo_cfg_def_named(yolo_cfg_layers[i], name)) return yolo_cfg_layers[i]->name;
  }
  return name;
}

static yolo_status open_section(const yolo_ini *cfg, yolo_ini_section *section) {
  section->name = canonical(section->name);
  bool is_net = strcmp(section->name, yolo_section_net.name) == 0;
  if (cfg->n_sections == 0 && !is_net)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: the first section of a cfg must be [net], with the input's width and height",
                     cfg->file, section->line, section->name);
  if (cfg->n_sections > 0 && is_net)
    return yolo_fail(YOLO_EFORMAT, "%s:%d: a second [net]; the first is on line %d", cfg->file, section->line,
                     cfg->sections[0].line);
  return YOLO_OK;
}

static const yolo_ini_rules rules = {.what = "cfg", .begins = "a cfg begins with [net]", .open = open_section};

yolo_status yolo_cfg_parse(const char *text, size_t length, const char *file, yolo_cfg **out) {
  return yolo_ini_parse(text, length, file, &rules, out);
}

yolo_status yolo_cfg_load(const char *path, yolo_cfg **out) { return yolo_ini_load(path, &rules, out); }

void yolo_cfg_free(yolo_cfg *cfg) { yolo_ini_free(cfg); }
