/* yolo data preview: its arguments, and one sheet of it. See data_preview.c. */
#ifndef YOLO_CLI_DATA_PREVIEW_H
#define YOLO_CLI_DATA_PREVIEW_H

#include "cli/data_args.h"
#include "cli/progress.h"

typedef struct preview_args {
  data_args data;
  const char *out; /* NULL: not given */
  int count, per_sheet, columns, cell, seed;
  int size[2]; /* of the network's input */
  bool augmented, quiet;
} preview_args;

/* What a preview shows; filled by data_preview.c. */
typedef struct preview_job {
  const preview_args *args;
  const yolo_dataset *dataset;
  yolo_augmenter *augmenter; /* NULL: images as they are */
  int size[2];
  const char **names; /* owned */
  int n_names;
  uint32_t *chosen; /* owned: image numbers, ascending */
  int count;
  int failed; /* images that could not be read: named in their cells */
  progress bar;
} preview_job;

/* Images [begin, end) of the chosen ones as one sheet (data_preview_sheet.c). */
yolo_status preview_draw_sheet(preview_job *job, int begin, int end, const char *title, yolo_image *out);

#endif
