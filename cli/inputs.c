/* No file is written over that the same command reads: `--json best.safetensors` must not cost the model, nor `--json
 * labels/dog.txt` a label. Files of other names in a folder that is read are taken for results: they may be written again. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "datasets/folder.h"
#include "train/config.h"

static const char *const written[] = {"json", "csv", "coco-json", "report", "out"};

static bool is_written(const args_option *o) {
  for (size_t i = 0; i < sizeof written / sizeof *written; ++i) {
    if (strcmp(o->name, written[i]) == 0) return true;
  }
  return false;
}

static const char *text_of(const args_group *g, const args_option *o, const void *args) {
  return o->kind == ARGS_TEXT ? *(const char *const *)((const char *)args + g->offset + o->offset) : NULL;
}

/* ---- what a data set reads ---- */

static bool is_picture_or_label(const char *path) {
  return yolo_image_file_name(path) || yolo_has_suffix(path, ".txt") || yolo_has_suffix(path, ".xml");
}

static bool lies_below(const char *folder, const char *path) {
  char *at = NULL, *parent = NULL;
  bool below = false;
  yolo_status st = yolo_path_absolute(path, &at);
  while (st == YOLO_OK && !below && strcmp(at, "/") != 0) {
    st = yolo_path_parent(at, &parent);
    if (st != YOLO_OK) break;
    yolo_free(at);
    at = parent;
    below = yolo_path_same_file(at, folder);
  }
  yolo_free(at);
  return below;
}

static bool list_reads(const yolo_setting_list *list, const char *path) {
  for (int i = 0; i < list->count; ++i) {
    const char *source = list->items[i];
    if (yolo_path_same_file(source, path)) return true;
    if (yolo_is_folder(source) && is_picture_or_label(path) && lies_below(source, path)) return true;
  }
  return false;
}

/* `word` may be anything: what is no description of data reads nothing here. */
static bool data_reads(const char *word, const char *path) {
  yolo_config config = {0};
  bool reads = false;
  if (!yolo_is_folder(word) && !yolo_has_suffix(word, ".cfg") && !yolo_has_suffix(word, ".data")) return false;
  if (yolo_config_load(word, NULL, 0, &config) == YOLO_OK) {
    reads = yolo_path_same_file(config.file, path);
    for (int s = 0; s < YOLO_SPLIT_COUNT && !reads; ++s)
      reads = list_reads(&config.data.labels[s], path) || list_reads(&config.data.images[s], path);
  }
  yolo_config_release(&config);
  return reads;
}

/* ---- what a command reads ---- */

static bool reads(const char *word, const char *path) {
  return word && (yolo_path_same_file(path, word) || data_reads(word, path));
}

static bool is_read(const char *path, const args_group *groups, const void *args, const args_words *words) {
  for (int i = 0; i < words->count; ++i) {
    if (reads(words->items[i], path)) return true;
  }
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name; ++o) {
      if (!is_written(o) && reads(text_of(g, o, args), path)) return true;
    }
  }
  return false;
}

bool cli_spares_inputs(const args_group *groups, const void *args, const args_words *words) {
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name; ++o) {
      const char *path = is_written(o) ? text_of(g, o, args) : NULL;
      if (!path || !yolo_is_file(path) || !is_read(path, groups, args, words)) continue;
      cli_complain("--%s would write over '%s', which this command reads; name another file", o->name, path);
      return false;
    }
  }
  return true;
}
