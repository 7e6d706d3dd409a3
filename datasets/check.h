/* `yolo data check` as a function: every rule of rule_list.h over one or several splits, and statistics.
 *
 * The files are only read. Findings come in a fixed order, whatever the number of threads: splits in their order, inside one
 * what the readers said, then images, boxes, masks; last what concerns several splits. */
#ifndef YOLO_DATASETS_CHECK_H
#define YOLO_DATASETS_CHECK_H

#include "datasets/dataset.h"

typedef struct yolo_check_split {
  const char *name; /* "train" */
  const yolo_data_source *sources;
  int n_sources;
} yolo_check_split;

typedef struct yolo_check_options {
  const char *const *names; /* the classes, as in yolo_data_open_options */
  int n_names;
  int threads;    /* 0: all this process may use */
  bool no_images; /* images are neither looked for nor decoded */
  bool no_cache;  /* as in yolo_data_open_options */
  /* Called now and then by the calling thread; false: stop (YOLO_ECANCELLED). May be NULL. */
  bool (*progress)(void *payload, int split, size_t done, size_t total);
  void *payload;
  const yolo_log *log; /* may be NULL */
} yolo_check_options;

typedef struct yolo_check_finding {
  yolo_data_rule rule;
  int split;     /* index */
  uint64_t file; /* texts of the report */
  uint64_t what;
  uint64_t line; /* 0: none */
  uint64_t byte; /* JSON: where the entry begins, from 1; else 0 */
} yolo_check_finding;

/* ---- statistics ---- */
enum {
  YOLO_CHECK_SIDES = 7,   /* sqrt(box area / image area): below 1%, 2%, 5%, 10%, 20%, 50%, the rest */
  YOLO_CHECK_ASPECTS = 6, /* width / height: below 1/4, 1/2, 1, 2, 4, the rest */
  YOLO_CHECK_CROWDS = 9   /* objects in an image: 0, 1, 2, 3-4, 5-8, 9-16, 17-32, 33-64, more */
};
extern const char *const yolo_check_side_names[YOLO_CHECK_SIDES];
extern const char *const yolo_check_aspect_names[YOLO_CHECK_ASPECTS];
extern const char *const yolo_check_crowd_names[YOLO_CHECK_CROWDS];

typedef struct yolo_check_class {
  uint64_t name;          /* text */
  uint64_t objects;       /* annotations, or labelled images */
  uint64_t images;        /* that hold at least one */
  uint64_t first_objects; /* of `objects`, those of the first split */
} yolo_check_class;

typedef struct yolo_check_counts {
  uint64_t images, objects, labelled, masks, crowds;
  uint64_t sizes[3]; /* COCO's small (area below 32x32), medium, large (96x96 and more) */
  uint64_t sides[YOLO_CHECK_SIDES], aspects[YOLO_CHECK_ASPECTS], crowd[YOLO_CHECK_CROWDS];
} yolo_check_counts;

typedef struct yolo_check_report {
  yolo_check_finding *findings; /* in their order */
  size_t n_findings, findings_room;
  size_t counts[YOLO_RULE_COUNT];
  size_t severities[3];
  char *texts;
  size_t n_texts, texts_room;
  uint64_t last_file;        /* text of the finding before: files repeat */
  yolo_check_class *classes; /* all splits, joined by name, in the order met */
  size_t n_classes;
  yolo_check_counts *splits; /* one a split */
  int n_splits;
  yolo_check_counts all;
  uint64_t decoded; /* images */
} yolo_check_report;

/* Zero-initialise the report; yolo_check_report_free. A source that cannot be opened at all is a failure. */
yolo_status yolo_check_splits(const yolo_check_split *splits, int n, const yolo_check_options *options, yolo_check_report *out);
void yolo_check_report_free(yolo_check_report *report);
static inline const char *yolo_check_text(const yolo_check_report *r, uint64_t offset) { return r->texts + offset; }

#endif
