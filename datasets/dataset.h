/* A labelled data set in memory: images, annotations, classes, from any reader, as the files say it.
 *
 * Reading is faithful: nothing is clipped, dropped or reordered, so that what is scored and converted is what was written.
 * Rules for boxes (clip what rounding pushed outside, drop what cannot be an object) are applied by yolo_dataset_clean() for
 * those who train or look. Everything is flat arrays and offsets, so an index can be stored and mapped back (index_cache.c).
 *
 * A dataset is immutable once built and may be read by any number of threads. */
#ifndef YOLO_DATASETS_DATASET_H
#define YOLO_DATASETS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/log.h"
#include "backbone/base/status.h"
#include "datasets/image.h"
#include "datasets/mask.h"

typedef struct yolo_data_class {
  uint64_t name;  /* offset of a text */
  uint64_t group; /* COCO's supercategory; 0: none (offset 0 is "") */
  int64_t id;     /* the file's category id (COCO), else the index */
} yolo_data_class;

enum { YOLO_DATA_NO_LABEL = -1 };
typedef struct yolo_data_image {
  int64_t id;            /* COCO's image id, else running from 1 */
  uint64_t file;         /* text: a path that opens (relative to the current folder, or from /) */
  uint64_t name;         /* text: as the label file calls it */
  uint64_t mask_file;    /* text: class-index mask of the image; 0: none */
  uint64_t label_file;   /* text: the file its labels stand in (VOC XML, YOLO txt); 0: the source's `labels` */
  uint64_t pixels;       /* embedded images (IDX, CIFAR): offset into dataset->pixels; else UINT64_MAX */
  uint64_t place;        /* line (text formats), byte (JSON), record (IDX, CIFAR) that speaks of it, from 1; 0: none */
  int32_t width, height; /* as recorded by the labels, or as read from the image's header; 0: not known yet */
  int32_t label;         /* classification: class index; else YOLO_DATA_NO_LABEL */
  uint32_t source;       /* index into dataset->sources */
  uint32_t first, count; /* its annotations: [first, first + count), in the file's order */
} yolo_data_image;

typedef enum yolo_segment_kind {
  YOLO_SEGMENT_NONE,
  YOLO_SEGMENT_POLYGONS, /* one or more closed polygons, united */
  YOLO_SEGMENT_RLE,      /* COCO's compressed text */
  YOLO_SEGMENT_COUNTS    /* COCO's uncompressed list; stored as RLE, remembered so that a round trip keeps it */
} yolo_segment_kind;

enum {
  YOLO_ANNOTATION_CROWD = 1,     /* iscrowd */
  YOLO_ANNOTATION_HAS_AREA = 2,  /* `area` was in the file; else it is what the mask encloses, or width*height */
  YOLO_ANNOTATION_DIFFICULT = 4, /* VOC */
  YOLO_ANNOTATION_TRUNCATED = 8, /* VOC */
  YOLO_ANNOTATION_HAS_BOX = 16,  /* `bbox` was in the file; else it was made from the segment */
  YOLO_ANNOTATION_IGNORE = 32    /* COCO's "ignore": 1 (COCOeval overwrites it; kept for round trips) */
};
typedef struct yolo_annotation {
  int64_t id;                 /* COCO's; else running from 1 */
  double x, y, width, height; /* pixels of the image; (x, y) is the upper left corner */
  double area;                /* pixels */
  uint64_t segment;           /* offset into dataset->segments (segments.h reads it) */
  uint64_t place;             /* as in yolo_data_image */
  uint32_t image;             /* index */
  int32_t class_index;
  uint16_t flags; /* YOLO_ANNOTATION_* */
  uint8_t kind;   /* yolo_segment_kind */
} yolo_annotation;

typedef struct yolo_data_source_info {
  uint64_t format; /* text: "coco", "yolo" ... */
  uint64_t labels; /* text: the file or folder that was named */
} yolo_data_source_info;

typedef struct yolo_dataset {
  yolo_data_class *classes;
  yolo_data_image *images;
  yolo_annotation *annotations; /* grouped by image */
  uint8_t *segments;            /* packed polygons and RLE texts */
  char *texts;                  /* NUL-terminated strings; offset 0 is "" */
  uint8_t *pixels;              /* embedded images, RGB or grey as image size says: width*height*pixel_channels each */
  yolo_data_source_info *sources;
  size_t n_classes, n_images, n_annotations, n_segments, n_texts, n_pixels, n_sources;
  int pixel_channels;
  char *info;    /* COCO's "info" and "licenses" as JSON text, for round trips; NULL: none */
  void *mapping; /* the arrays lie in a mapped index file; NULL: each is owned */
  size_t mapping_size;
} yolo_dataset;

void yolo_dataset_free(yolo_dataset *dataset); /* NULL is fine */

static inline const char *yolo_dataset_text(const yolo_dataset *d, uint64_t offset) { return d->texts + offset; }
static inline const char *yolo_dataset_class_name(const yolo_dataset *d, int index) {
  return d->texts + d->classes[index].name;
}

/* FNV-1a, 64 bits, over the names of classes and images (without folders), labels and boxes in their order: equal for equal
 * labels, wherever they lie. Pixels are not looked at. (identity.c) */
uint64_t yolo_dataset_identity(const yolo_dataset *dataset);

/* ---- problems: what readers and checks find, one by one ---- */

/* enum yolo_data_rule, from rule_list.h: YOLO_RULE_<name>. */
typedef enum yolo_data_rule {
#define YOLO_RULE(name, text, severity, meaning) YOLO_RULE_##name,
#include "datasets/rule_list.h"
#undef YOLO_RULE
  YOLO_RULE_COUNT
} yolo_data_rule;
typedef enum yolo_severity { YOLO_SEVERITY_NOTE, YOLO_SEVERITY_WARNING, YOLO_SEVERITY_ERROR } yolo_severity;
typedef struct yolo_rule_info {
  const char *name; /* "box-outside" */
  yolo_severity severity;
  const char *meaning;
} yolo_rule_info;
extern const yolo_rule_info yolo_rules[YOLO_RULE_COUNT];

typedef struct yolo_data_issue {
  yolo_data_rule rule;
  const char *file; /* the file that has to be mended */
  uint64_t line;    /* 0: no line */
  uint64_t byte;    /* JSON: the byte where the entry begins, from 1, in place of a line that nobody counted; else 0 */
  const char *what; /* one sentence */
} yolo_data_issue;

/* Where issues go. `report` NULL: they are only counted. */
typedef struct yolo_data_sink {
  void (*report)(void *payload, const yolo_data_issue *issue);
  void *payload;
  size_t counts[YOLO_RULE_COUNT];
} yolo_data_sink;
/* Counts and reports; sink may be NULL. */
void yolo_data_report(yolo_data_sink *sink, yolo_data_rule rule, const char *file, uint64_t line, const char *format, ...)
    YOLO_PRINTF(5, 6);
void yolo_data_report_byte(yolo_data_sink *sink, yolo_data_rule rule, const char *file, uint64_t byte, const char *format, ...)
    YOLO_PRINTF(5, 6);
void yolo_data_forward(yolo_data_sink *sink, const yolo_data_issue *issue); /* as it is */

/* ---- opening ---- */

/* One source of a split. */
typedef struct yolo_data_source {
  const char *format; /* a reader's name, or NULL / "auto": recognised by what is there */
  const char *labels; /* a file or folder */
  const char *images; /* the folder of the images; NULL: as the format has it */
} yolo_data_source;

typedef struct yolo_data_open_options {
  const char *const *names; /* the classes, in order; NULL: those of the sources, in the order met */
  int n_names;
  bool no_cache;        /* neither read nor write an index file */
  yolo_data_sink *sink; /* may be NULL */
  const yolo_log *log;  /* may be NULL */
} yolo_data_open_options;

/* Reads all sources into one dataset; classes are joined by name. options may be NULL. A file that cannot be read as what it
 * claims to be is an error; single bad entries are reported to the sink and left out. *out: yolo_dataset_free. */
yolo_status yolo_dataset_open(const yolo_data_source *sources, int n, const yolo_data_open_options *options,
                              yolo_dataset **out);

/* Decodes image `index`, upright by the rule for labelled data: EXIF is applied where the recorded size is that of the turned
 * image, else the pixels stay as stored. Recorded sizes 0: EXIF is applied. *out: yolo_image_release. */
yolo_status yolo_dataset_load_image(const yolo_dataset *dataset, size_t index, yolo_image *out);

/* ---- building (for readers; builder.c) ---- */

/* As the id of an image or annotation: the next running number, from 1. Where several sources share ids, finish() numbers them
 * all anew. */
#define YOLO_DATA_RUNNING_ID INT64_MIN

typedef struct yolo_dataset_builder yolo_dataset_builder;
yolo_status yolo_dataset_builder_new(const yolo_data_open_options *options, yolo_dataset_builder **out);
void yolo_dataset_builder_free(yolo_dataset_builder *builder);
yolo_data_sink *yolo_dataset_builder_sink(yolo_dataset_builder *builder);
const yolo_log *yolo_dataset_builder_log(const yolo_dataset_builder *builder);
/* options->names with their number, or NULL: for formats whose labels hold class numbers. */
const char *const *yolo_dataset_builder_names(const yolo_dataset_builder *builder, int *n);
int yolo_dataset_builder_class_count(const yolo_dataset_builder *builder);
/* Begins a source: what is added next belongs to it. */
yolo_status yolo_dataset_builder_source(yolo_dataset_builder *builder, const char *format, const char *labels);
yolo_status yolo_dataset_builder_text(yolo_dataset_builder *builder, const char *text, uint64_t *offset); /* not deduplicated */
/* The index of the class with this name, added when it is new. With options->names a new one gives index -1. `id`: the file's
 * own, kept for the first source that names it. */
yolo_status yolo_dataset_builder_class(yolo_dataset_builder *builder, const char *name, const char *group, int64_t id,
                                       int *index);
/* Copies `image` (first, count, source are set by the builder). *index is its number. */
yolo_status yolo_dataset_builder_image(yolo_dataset_builder *builder, const yolo_data_image *image, size_t *index);
/* Copies `annotation`; segments are packed by segments.h. Any order of images. */
yolo_status yolo_dataset_builder_annotation(yolo_dataset_builder *builder, const yolo_annotation *annotation);
/* Embedded pixels: appended; *offset for yolo_data_image.pixels. All images of a dataset have the same channels, 1 or 3. */
yolo_status yolo_dataset_builder_pixels(yolo_dataset_builder *builder, const uint8_t *bytes, size_t length, int channels,
                                        uint64_t *offset);
/* Packs a segment: polygons as n lists of xy pairs (lengths in numbers, even), or an RLE. *segment for yolo_annotation.segment;
 * kind is the caller's to set. */
yolo_status yolo_dataset_builder_polygons(yolo_dataset_builder *builder, const double *const *xy, const size_t *lengths,
                                          size_t n, uint64_t *segment);
yolo_status yolo_dataset_builder_rle(yolo_dataset_builder *builder, const yolo_rle *rle, uint64_t *segment);
yolo_status yolo_dataset_builder_info(yolo_dataset_builder *builder, const char *json);
/* Groups annotations by image (stable) and hands everything over. The builder can only be freed afterwards. */
yolo_status yolo_dataset_builder_finish(yolo_dataset_builder *builder, yolo_dataset **out);

/* ---- reading segments ---- */

/* The polygons of an annotation, unpacked. Zero-initialise; yolo_polygons_free. */
typedef struct yolo_polygons {
  double *xy;   /* all points, x y x y ... */
  size_t *ends; /* polygon i holds numbers [i ? ends[i-1] : 0, ends[i]) of xy */
  size_t n, n_values;
} yolo_polygons;
yolo_status yolo_annotation_polygons(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_polygons *out);
void yolo_polygons_free(yolo_polygons *polygons);
/* The mask of any kind, as COCO's annToRLE makes it; needs the image's width and height. NONE gives YOLO_EINVAL. */
yolo_status yolo_annotation_rle(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_rle *out);

/* ---- the formats: one table of readers, one of writers ---- */

typedef struct yolo_data_reader {
  const char *name;    /* "coco" */
  const char *summary; /* "COCO JSON (instances_*.json)" */
  /* Does this look like the format? By name and first bytes; reads little. */
  bool (*sniff)(const yolo_data_source *source);
  yolo_status (*read)(const yolo_data_source *source, yolo_dataset_builder *builder);
} yolo_data_reader;
extern const yolo_data_reader *const yolo_data_readers[]; /* from reader_list.h */
extern const int yolo_data_reader_count;
const yolo_data_reader *yolo_data_reader_find(const char *name); /* NULL: no such reader */

enum { YOLO_WRITER_PARTS = 3 };
typedef struct yolo_data_writer {
  const char *name;
  const char *summary;
  bool wants_file;                      /* `path` is a file (COCO JSON), else a folder that is made */
  const char *makes[YOLO_WRITER_PARTS]; /* files and folders of its own in `path`, beside links; "": `path` itself; or NULL */
  const char *lists;                    /* the file in `path` that lists what was written, for its reader; NULL: none */
  /* What the format cannot express is noted in the log once a kind, with the number of annotations. Nothing outside `path` is
   * touched; images are not copied: label files name them (images_folder: relative names below it). */
  yolo_status (*write)(const yolo_dataset *dataset, const char *path, const yolo_log *log);
} yolo_data_writer;
extern const yolo_data_writer *const yolo_data_writers[]; /* from writer_list.h */
extern const int yolo_data_writer_count;
const yolo_data_writer *yolo_data_writer_find(const char *name); /* NULL: no such writer */

/* ---- rules for boxes ---- */

/* What becomes of a box: kept, clipped (rounding: at most 1 pixel, or 0.2% of the side outside), dropped (really outside, not
 * finite, no area). */
typedef enum yolo_box_fate { YOLO_BOX_KEEP, YOLO_BOX_CLIP, YOLO_BOX_DROP } yolo_box_fate;
yolo_box_fate yolo_box_judge(double box[4], int width, int height, yolo_data_rule *why);
/* A copy whose boxes passed the rules; reports each one. */
yolo_status yolo_dataset_clean(const yolo_dataset *dataset, yolo_data_sink *sink, yolo_dataset **out);

#endif
