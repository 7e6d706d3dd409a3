/* Internal to `yolo data check` and the cleaning of boxes: what their files share. */
#ifndef YOLO_DATASETS_CHECK_PARTS_H
#define YOLO_DATASETS_CHECK_PARTS_H

#include "backbone/base/strmap.h"
#include "datasets/check.h"
#include "datasets/content_hash.h"

/* ---- clean.c ---- */

/* How a file names places: text formats by line, COCO JSON by byte, IDX and CIFAR by the number of the record. */
typedef enum yolo_place_kind { YOLO_PLACE_LINE, YOLO_PLACE_BYTE, YOLO_PLACE_RECORD } yolo_place_kind;
yolo_place_kind yolo_dataset_place_kind(const yolo_dataset *dataset, const yolo_data_image *image);
/* The file that speaks of an image and its objects. */
const char *yolo_dataset_label_file(const yolo_dataset *dataset, const yolo_data_image *image);

/* "the box [1, 2, 3, 4] of 'dog' in a.jpg, annotation 17": what every sentence about an annotation begins with. */
enum { YOLO_WHO_MAX = 512 };
const char *yolo_annotation_who(const yolo_dataset *dataset, const yolo_annotation *annotation, char to[YOLO_WHO_MAX]);
/* Reports what yolo_box_judge found, if anything. */
void yolo_box_report(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_box_fate fate, yolo_data_rule why,
                     const char *file, uint64_t line, yolo_data_sink *sink);

/* ---- one run ---- */

/* What decoding told about one image. */
typedef struct yolo_seen_image {
  yolo_hash content;   /* of the pixels, or of the path when nothing was read */
  int width, height;   /* upright; 0: not decoded */
  uint8_t orientation; /* EXIF, 1 to 8 */
  bool hashed;         /* `content` says something */
  bool is_path;        /* it is only the path */
  bool unusable;       /* missing, or does not decode */
} yolo_seen_image;

typedef struct yolo_check_part {
  const yolo_check_split *split;
  int index;
  yolo_dataset *dataset;
  yolo_seen_image *images; /* one an image of the data set */
} yolo_check_part;

typedef struct yolo_check_run {
  const yolo_check_options *options;
  yolo_check_report *report;
  yolo_check_part *parts;
  int n_parts;
  struct yolo_line_index *lines; /* check_lines.c */
  int split;                     /* where findings are counted now */
  yolo_place_kind kind;          /* what the places that are reported now are */
  int threads;
  bool reading;       /* what is reported now comes from a reader */
  yolo_strmap blamed; /* files that readers found something in */
  yolo_status status; /* of storing findings: the sink cannot fail */
  yolo_data_sink sink;
} yolo_check_run;

/* Where an image or an annotation stands, to be reported next: bytes become lines only for what is reported. */
typedef struct yolo_check_place {
  const char *file;
  uint64_t line;
} yolo_check_place;
yolo_check_place yolo_check_place_of(yolo_check_run *run, const yolo_dataset *dataset, const yolo_annotation *annotation);
yolo_check_place yolo_check_image_place(yolo_check_run *run, const yolo_dataset *dataset, const yolo_data_image *image);

/* check.c */
yolo_status yolo_check_add_text(yolo_check_report *report, const char *text, uint64_t *offset);

yolo_status yolo_check_images(yolo_check_run *run, yolo_check_part *part); /* check_images.c */
yolo_status yolo_check_boxes(yolo_check_run *run, yolo_check_part *part);  /* check_boxes.c */
yolo_status yolo_check_masks(yolo_check_run *run, yolo_check_part *part);  /* check_masks.c */
yolo_status yolo_check_leaks(yolo_check_run *run);                         /* check_leaks.c */
yolo_status yolo_check_unlisted(yolo_check_run *run);
yolo_status yolo_check_count(yolo_check_run *run); /* check_stats.c */

/* check_lines.c: from a byte of a file (from 1) to its line; 0 where the file cannot be read. Remembers files. */
typedef struct yolo_line_index yolo_line_index;
yolo_status yolo_line_index_new(yolo_line_index **out);
void yolo_line_index_free(yolo_line_index *index);
uint64_t yolo_line_of(yolo_line_index *index, const char *file, uint64_t byte);

#endif
