/* yolo data convert: what data_convert.c and its parts share. */
#ifndef YOLO_CLI_DATA_CONVERT_H
#define YOLO_CLI_DATA_CONVERT_H

#include "cli/data_args.h"

typedef struct convert_args {
  data_args data; /* first: its rows count from here */
  const char *to, *names;
  bool overwrite;
} convert_args;

/* One split, read, and where it goes: a JSON file or a folder. */
typedef struct convert_split {
  yolo_data_split number;
  yolo_dataset *dataset; /* owned */
  char *out;             /* owned */
} convert_split;

/* What one call converts: one split to OUT, or all of a data.cfg to places below OUT, with a data.cfg of their own. */
typedef struct conversion {
  const convert_args *args;
  const char *out;
  const yolo_data_writer *writer;
  yolo_config config; /* the source */
  bool all;
  convert_split splits[YOLO_SPLIT_COUNT];
  int count;
} conversion;

/* The writer that --to, or the name of OUT, asks for. */
yolo_status convert_find_writer(const char *to, const char *out, const yolo_data_writer **writer);
/* Fails when something that is read would be written over, or, without --overwrite, anything at all. */
yolo_status convert_check_targets(const conversion *c);

/* Where a split goes; *out is the caller's (yolo_free). */
yolo_status convert_place(const conversion *c, yolo_data_split split, char **out);
/* OUT/data.cfg; *out is the caller's. */
yolo_status convert_config_place(const conversion *c, char **out);
/* Writes it: a row for each split. Last of all: what describes something describes what is there. */
yolo_status convert_describe(const conversion *c);

#endif
