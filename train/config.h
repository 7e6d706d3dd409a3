/* data.cfg: one file that says what is trained, on what and how; also what the commands about data read.
 *
 * Sections [data], [model], [train], [augment], [output], each a table of rows elsewhere (data_settings.h, augment.h, here).
 * Every key has a default; an unknown section or key is an error with its place and the closest name. Later wins: defaults,
 * the preset of [augment] wherever it stands, the file, "section.key=value" settings. */
#ifndef YOLO_TRAIN_CONFIG_H
#define YOLO_TRAIN_CONFIG_H

#include "backbone/base/text.h"
#include "datasets/augment.h"
#include "datasets/data_settings.h"
#include "datasets/dataset.h"
#include "train/train_settings.h"

typedef enum yolo_config_fit { YOLO_CONFIG_FIT_AUTO, YOLO_CONFIG_FIT_LETTERBOX, YOLO_CONFIG_FIT_STRETCH } yolo_config_fit;

typedef struct yolo_model_settings {
  char *file;    /* a .safetensors file or a .cfg; NULL: none named */
  char *weights; /* Darknet weights for a .cfg */
  int size[2];   /* width, height of the input; 0: the model's own */
  int fit;       /* yolo_config_fit; auto: [augment] fit */
} yolo_model_settings;

/* Zero-initialise; yolo_config_release. */
typedef struct yolo_config {
  char *file; /* as it was named; NULL: only defaults */
  yolo_data_settings data;
  yolo_model_settings model;
  yolo_train_settings train;
  yolo_augment augment;
  yolo_output_settings output;
} yolo_config;

yolo_status yolo_config_defaults(yolo_config *out);
/* `path` is a data.cfg; a folder that holds one; a Darknet .data file (its train, valid and names); or labels of any format
 * (a folder, an instances.json ...), which become the train split. sets: "section.key=value", the last of equals wins; their
 * relative paths begin in the current folder. */
yolo_status yolo_config_load(const char *path, const char *const *sets, int n_sets, yolo_config *out);
void yolo_config_release(yolo_config *config);

/* ---- what it says ---- */

/* The index of "train", "val" or "test". */
yolo_status yolo_config_find_split(const char *name, yolo_data_split *out);
bool yolo_config_has_split(const yolo_config *config, yolo_data_split split);
/* The sources of a split; their texts stay the config's, *out is the caller's (yolo_free). A split that is not named is an
 * error. */
yolo_status yolo_config_sources(const yolo_config *config, yolo_data_split split, yolo_data_source **out, int *count);
/* Opens a split. options may be NULL; its names and no_cache are taken from the config where they are not set. */
yolo_status yolo_config_open_split(const yolo_config *config, const char *split, const yolo_data_open_options *options,
                                   yolo_dataset **out);

/* ---- as a file ---- */

/* Appends every section and key with its value and help; reads back as the same. */
yolo_status yolo_config_print(const yolo_config *config, yolo_text *out);
/* Writes it so that it means the same in any folder: with absolute paths. */
yolo_status yolo_config_write(const yolo_config *config, const char *path);

/* ---- for config_*.c ---- */

/* The table: which section lies where in a yolo_config. */
typedef struct yolo_config_part {
  const yolo_setting_section *section;
  size_t offset;
} yolo_config_part;
enum { YOLO_CONFIG_PARTS = 5 };
extern const yolo_config_part yolo_config_parts[YOLO_CONFIG_PARTS];

/* The section with this name; an unknown one fails with the closest. */
yolo_status yolo_config_find_part(const char *name, const char *where, const yolo_config_part **out);
/* Puts one value; class names that are named by a file are read. */
yolo_status yolo_config_put(yolo_config *config, const yolo_config_part *part, const char *key, const char *value,
                            const char *where, const char *folder);
/* Reads config->file as a Darknet .data file. */
yolo_status yolo_config_load_darknet(yolo_config *config);

#endif
