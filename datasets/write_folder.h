/* Internal to datasets/: what the formats that are folders have in common when they are written.
 *
 *   OUT/IMAGES/a.jpg    a link to each image
 *   OUT/LABELS/a.SUF    its labels
 *   OUT/LIST            the images that were written, one a line (some formats)
 *   OUT/classes.txt     the names of the classes (write_names.h; the format's own to call) */
#ifndef YOLO_DATASETS_WRITE_FOLDER_H
#define YOLO_DATASETS_WRITE_FOLDER_H

#include "backbone/base/text.h"
#include "datasets/dataset.h"

enum { YOLO_FOLDER_LOSSES = 8 };

typedef struct yolo_folder_format {
  const char *title;                      /* before each note: "YOLO txt" */
  const char *images, *labels, *suffix;   /* names below OUT; ".txt" */
  const char *list;                       /* NULL: none */
  bool flat;                              /* images lie in one folder (yolo_write_names) */
  const char *losses[YOLO_FOLDER_LOSSES]; /* what the format cannot say, as the end of a sentence that begins with a number */

  /* Writes the label file of one image, called `name`, to `path`, whose folder is there. Counts in lost[i] what losses[i] says.
   * *left_out true: this image cannot be written; the rest goes on. */
  yolo_status (*write)(const yolo_dataset *dataset, const yolo_data_image *image, const char *name, const char *path,
                       size_t lost[YOLO_FOLDER_LOSSES], bool *left_out);
  /* Appends the line of an image to the list; NULL where there is none. */
  yolo_status (*put_line)(yolo_text *list, const char *name);
} yolo_folder_format;

/* All of it but classes.txt. Images without a file of their own are left out; losses are noted in the log once a kind. */
yolo_status yolo_write_folder(const yolo_folder_format *format, const yolo_dataset *dataset, const char *path,
                              const yolo_log *log);

#endif
