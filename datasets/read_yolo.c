/* YOLO txt: one text file of labels beside every image.
 *
 *   class cx cy w h                  a box: its centre and size, as fractions of the upright image's width and height
 *   class x1 y1 x2 y2 x3 y3 ...      a polygon, in the same fractions; its box is the one around it
 *
 * Classes are numbers from 0. What is read:
 *
 *   a folder     every image below it
 *   a list file  one path of an image a line, as Darknet's train.txt; relative to the current folder, to the list's folder or
 *                to its parent; backslashes are taken for slashes where nothing else exists
 *
 * The labels of .../images/train/a.jpg are .../labels/train/a.txt: the last folder called `images` is replaced; where there is
 * none, or that file is not there, a.txt beside the image. With a folder of images named on its own (`images`), the labels
 * folder mirrors it. No label file: an image without objects. Names of classes: those given; else a classes.txt (or
 * obj.names) in the folder, beside the labels or in the folder above images/ and labels/; else "class 0", "class 1" ...
 *
 * The files do not record the size of an image: it is read from the image's header, turned by its EXIF tag as the tools that
 * draw such labels do. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/lines.h"
#include "datasets/probe.h"
#include "datasets/readers.h"

typedef struct job {
  yolo_dataset_builder *builder;
  const char *images, *labels; /* folders that mirror each other; NULL: the rule for `images` and `labels` */
  yolo_class_numbers classes;
  yolo_strmap used; /* label files that belong to an image */
  double *numbers;  /* of the line at hand */
  size_t count, room;
} job;

/* ---- one line ---- */

static yolo_status add_number(job *j, double value) {
  if (j->count == j->room) {
    size_t room = j->room ? j->room * 2 : 64;
    double *numbers = yolo_realloc(j->numbers, room * sizeof *numbers);
    if (!numbers) return YOLO_ENOMEM;
    j->numbers = numbers;
    j->room = room;
  }
  j->numbers[j->count++] = value;
  return YOLO_OK;
}

/* All numbers of the line; *bad is the first word that is none. */
static yolo_status split(job *j, char *line, const char **bad) {
  yolo_status st = YOLO_OK;
  *bad = NULL;
  j->count = 0;
  for (char *word; st == YOLO_OK && (word = yolo_next_word(&line)) != NULL;) {
    double value;
    if (!yolo_parse_double(word, &value)) {
      *bad = word;
      return YOLO_OK;
    }
    st = add_number(j, value);
  }
  return st;
}

/* A place in a label file, for reports. */
typedef struct place {
  const char *file;
  uint64_t line;
} place;

static void report(job *j, yolo_data_rule rule, const place *at, const char *what) {
  yolo_data_report(yolo_dataset_builder_sink(j->builder), rule, at->file, at->line, "%s", what);
}

/* Fills the box or the polygon of the numbers behind the class. */
static yolo_status set_shape(job *j, int width, int height, yolo_annotation *a) {
  double *v = j->numbers + 1;
  size_t n = j->count - 1;
  for (size_t i = 0; i < n; ++i) v[i] *= i % 2 ? height : width;
  if (n == 4) {
    *a = (yolo_annotation){.x = v[0] - v[2] / 2, .y = v[1] - v[3] / 2, .width = v[2], .height = v[3]};
    a->flags = YOLO_ANNOTATION_HAS_BOX;
    a->area = a->width * a->height;
    return YOLO_OK;
  }
  double low[2] = {v[0], v[1]}, high[2] = {v[0], v[1]}, twice = 0;
  for (size_t i = 0; i < n; i += 2) {
    size_t next = (i + 2) % n;
    twice += v[i] * v[next + 1] - v[next] * v[i + 1]; /* the shoelace formula */
    for (int k = 0; k < 2; ++k) {
      low[k] = fmin(low[k], v[i + (size_t)k]);
      high[k] = fmax(high[k], v[i + (size_t)k]);
    }
  }
  *a = (yolo_annotation){.x = low[0], .y = low[1], .width = high[0] - low[0], .height = high[1] - low[1]};
  a->kind = YOLO_SEGMENT_POLYGONS;
  a->area = fabs(twice) / 2;
  const double *const polygon = v;
  return yolo_dataset_builder_polygons(j->builder, &polygon, &n, 1, &a->segment);
}

static yolo_status take_line(job *j, char *line, const place *at, size_t image, const int size[2]) {
  const char *bad = NULL;
  int index = -1;
  yolo_annotation a;
  yolo_status st = split(j, line, &bad);
  if (st != YOLO_OK) return st;
  if (bad) {
    yolo_data_report(yolo_dataset_builder_sink(j->builder), YOLO_RULE_LABEL_SYNTAX, at->file, at->line,
                     "'%.40s' is no number; a line is: class cx cy w h, or: class x1 y1 x2 y2 x3 y3 ...", bad);
    return YOLO_OK;
  }
  if (j->count != 5 && (j->count < 7 || j->count % 2 == 0)) {
    yolo_data_report(yolo_dataset_builder_sink(j->builder), YOLO_RULE_LABEL_SYNTAX, at->file, at->line,
                     "%zu numbers; a line is: class cx cy w h, or: class x1 y1 x2 y2 x3 y3 ...", j->count);
    return YOLO_OK;
  }
  if (j->numbers[0] != floor(j->numbers[0]) || j->numbers[0] < 0 || j->numbers[0] >= YOLO_MOST_CLASSES) {
    report(j, YOLO_RULE_CLASS_UNKNOWN, at, "the class is no whole number from 0");
    return YOLO_OK;
  }
  YOLO_TRY(yolo_class_number(&j->classes, j->builder, (int)j->numbers[0], &index));
  if (index < 0) {
    yolo_data_report(yolo_dataset_builder_sink(j->builder), YOLO_RULE_CLASS_UNKNOWN, at->file, at->line,
                     "class %d: there are only %d classes", (int)j->numbers[0], j->classes.count);
    return YOLO_OK;
  }
  YOLO_TRY(set_shape(j, size[0], size[1], &a));
  a.id = YOLO_DATA_RUNNING_ID;
  a.place = at->line;
  a.image = (uint32_t)image;
  a.class_index = index;
  YOLO_TRY(yolo_dataset_builder_annotation(j->builder, &a));
done:
  return st;
}

static yolo_status take_labels(job *j, yolo_lines *lines, const char *file, size_t image, const int size[2]) {
  yolo_status st = YOLO_OK;
  for (char *line; st == YOLO_OK && (line = yolo_lines_next(lines)) != NULL;) {
    const place at = {file, lines->number};
    st = take_line(j, line, &at, image, size);
  }
  return st;
}

/* ---- one image ---- */

/* Takes the label file that goes with `path`, should there be one. */
static yolo_status try_labels(const char *path, char **out) {
  yolo_status st = *out || !path ? YOLO_OK : yolo_change_suffix(path, ".txt", out);
  if (st == YOLO_OK && *out && !yolo_is_file(*out)) {
    yolo_free(*out);
    *out = NULL;
  }
  return st;
}

/* Where the labels of an image lie; *out NULL: nowhere. */
static yolo_status find_labels(const job *j, const char *image, char **out) {
  char *mirrored = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  if (j->labels)
    YOLO_TRY(yolo_path_join(j->labels, yolo_path_below(j->images, image), &mirrored));
  else
    YOLO_TRY(yolo_swap_folder(image, "images", "labels", &mirrored));
  YOLO_TRY(try_labels(mirrored, out));
  YOLO_TRY(try_labels(image, out));
done:
  yolo_free(mirrored);
  return st;
}

/* A label file that is no text is one bad entry: without its labels the image would pass for background, so it goes too. */
static yolo_status open_labels(job *j, const char *file, yolo_lines *lines, bool *usable) {
  yolo_status st = yolo_lines_open(file, YOLO_LABEL_FILE_MAX, lines);
  *usable = st == YOLO_OK;
  if (st == YOLO_EFORMAT || st == YOLO_EIO) {
    const place at = {file, 0};
    report(j, YOLO_RULE_LABEL_SYNTAX, &at, yolo_error_message());
    return YOLO_OK;
  }
  return st;
}

static yolo_status take_image(job *j, const char *file, const char *name, uint64_t line) {
  yolo_lines lines = {0};
  yolo_image_header header = {0};
  char *labels = NULL;
  size_t image = 0;
  bool usable = true;
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_labels(j, file, &labels));
  if (labels) YOLO_TRY(yolo_strmap_add(&j->used, labels, 1, NULL));
  if (labels) YOLO_TRY(open_labels(j, labels, &lines, &usable));
  if (!usable) goto done;
  st = yolo_image_probe(file, &header);
  if (st == YOLO_ENOMEM) goto done;
  bool sized = st == YOLO_OK;
  st = YOLO_OK; /* an image that is missing or broken stays in the set, with its size unknown: the check names it */
  const int size[2] = {sized ? yolo_upright_width(&header) : 0, sized ? yolo_upright_height(&header) : 0};
  const yolo_new_image added = {.file = file,
                                .name = name,
                                .label_file = labels,
                                .width = size[0],
                                .height = size[1],
                                .label = YOLO_DATA_NO_LABEL,
                                .place = line,
                                .pixels = UINT64_MAX};
  YOLO_TRY(yolo_add_image(j->builder, &added, &image));
  if (labels && sized) st = take_labels(j, &lines, labels, image, size);
done:
  yolo_lines_close(&lines);
  yolo_free(labels);
  return st;
}

/* ---- lists and folders ---- */

static yolo_status take_list(job *j, const char *list, const char *images) {
  yolo_lines lines = {0};
  char *folder = NULL, *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_parent(list, &folder));
  YOLO_TRY(yolo_lines_open(list, YOLO_LABEL_FILE_MAX, &lines));
  for (char *line; (line = yolo_lines_next(&lines)) != NULL;) {
    yolo_free(path);
    path = NULL;
    YOLO_TRY(yolo_resolve(line, images ? images : folder, &path));
    YOLO_TRY(take_image(j, path, line, lines.number));
  }
done:
  yolo_lines_close(&lines);
  yolo_free(folder);
  yolo_free(path);
  return st;
}

static yolo_status take_folder(job *j, const char *folder) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name};
  yolo_file_list files = {0};
  yolo_status st = yolo_folder_files(folder, &options, &files);
  for (size_t i = 0; st == YOLO_OK && i < files.count; ++i)
    st = take_image(j, files.paths[i], yolo_path_below(folder, files.paths[i]), 0);
  if (st == YOLO_OK && files.count == 0) st = yolo_fail(YOLO_EFORMAT, "%s: no image lies in or below this folder", folder);
  yolo_file_list_free(&files);
  return st;
}

static bool is_label_name(const char *name) {
  return yolo_has_suffix(name, ".txt") && strcmp(name, "classes.txt") != 0 && strcmp(name, "names.txt") != 0;
}

/* Does the first line look like a label? */
static yolo_status begins_with_label(job *j, const char *path, bool *yes) {
  yolo_lines lines = {0};
  const char *bad = NULL;
  *yes = false;
  yolo_status st = yolo_lines_open(path, YOLO_LABEL_FILE_MAX, &lines);
  char *line = st == YOLO_OK ? yolo_lines_next(&lines) : NULL;
  if (line) st = split(j, line, &bad);
  *yes = line && !bad && j->count >= 5;
  yolo_lines_close(&lines);
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

/* Label files whose image is gone. A file of the folder of labels counts; beside images, where lists and notes lie about too,
 * one that holds labels. */
static yolo_status report_orphans(job *j, const char *labels, bool beside) {
  const yolo_folder_options options = {.wanted = is_label_name};
  yolo_file_list files = {0};
  yolo_status st = yolo_folder_files(labels, &options, &files);
  for (size_t i = 0; st == YOLO_OK && i < files.count; ++i) {
    const place at = {files.paths[i], 0};
    bool orphan = !yolo_strmap_get(&j->used, files.paths[i], NULL);
    if (orphan && beside) st = begins_with_label(j, files.paths[i], &orphan);
    if (st == YOLO_OK && orphan) report(j, YOLO_RULE_LABEL_ORPHAN, &at, "labels without an image");
  }
  yolo_file_list_free(&files);
  return st;
}

static void release(job *j) {
  yolo_class_numbers_free(&j->classes);
  yolo_strmap_free(&j->used);
  yolo_free(j->numbers);
}

yolo_status yolo_read_yolo_list(const char *list, const char *images, const yolo_file_list *names,
                                yolo_dataset_builder *builder) {
  job j = {.builder = builder, .classes.made_up = "class "};
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < names->count; ++i) YOLO_TRY(yolo_file_list_add(&j.classes.own, names->paths[i]));
  YOLO_TRY(yolo_class_numbers_begin(&j.classes, builder));
  YOLO_TRY(take_list(&j, list, images));
done:
  release(&j);
  return st;
}

static yolo_status read_folder(job *j, const yolo_data_source *source) {
  char *other = NULL;
  const char *images = source->images ? source->images : source->labels, *labels = NULL;
  yolo_status st = YOLO_OK;
  if (source->images) {
    j->images = source->images;
    j->labels = labels = source->labels;
  } else {
    YOLO_TRY(yolo_counterpart(source->labels, "labels", "images", &other));
    if (other) { /* the folder of the labels was named */
      j->images = images = other;
      j->labels = labels = source->labels;
    } else {
      YOLO_TRY(yolo_counterpart(source->labels, "images", "labels", &other));
      if (!other) YOLO_TRY(yolo_path_join(source->labels, "labels", &other)); /* the folder above both was named */
      labels = yolo_is_folder(other) ? other : NULL;
    }
  }
  YOLO_TRY(take_folder(j, images));
  YOLO_TRY(report_orphans(j, labels ? labels : images, !labels));
done:
  yolo_free(other);
  j->images = j->labels = NULL;
  return st;
}

static yolo_status read_yolo(const yolo_data_source *source, yolo_dataset_builder *builder) {
  job j = {.builder = builder, .classes.made_up = "class "};
  bool folder = yolo_is_folder(source->labels);
  char *where = NULL;
  int given = 0;
  yolo_status st = YOLO_OK;
  if (!folder) YOLO_TRY(yolo_path_parent(source->labels, &where));
  if (!yolo_dataset_builder_names(builder, &given))
    YOLO_TRY(yolo_names_around(folder ? source->labels : where, &j.classes.own));
  YOLO_TRY(yolo_class_numbers_begin(&j.classes, builder));
  st = folder ? read_folder(&j, source) : take_list(&j, source->labels, source->images);
done:
  yolo_free(where);
  release(&j);
  return st;
}

/* ---- does it look like this? ---- */

static yolo_status stop_at_labelled(void *payload, const char *path, const char *problem) {
  job j = {0};
  int *left = payload;
  char *labels = NULL;
  if (problem) return YOLO_OK;
  if (find_labels(&j, path, &labels) != YOLO_OK) return YOLO_ENOMEM;
  bool found = labels != NULL;
  yolo_free(labels);
  if (found) *left = -1;
  return found || --*left <= 0 ? YOLO_ECANCELLED : YOLO_OK;
}

/* A folder where one of the first images has labels, or one of labels whose images lie beside it; a list of image names. */
static bool sniff_yolo(const yolo_data_source *source) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name};
  char *other = NULL;
  int left = 1000;
  bool found = false;
  if (yolo_is_folder(source->labels)) {
    if (yolo_counterpart(source->labels, "labels", "images", &other) == YOLO_OK && other) found = true;
    yolo_free(other);
    if (!found) (void)yolo_folder_walk(source->labels, &options, stop_at_labelled, &left);
    return found || left == -1;
  }
  yolo_lines lines = {0};
  if (!yolo_has_suffix(source->labels, ".txt") || yolo_lines_open(source->labels, YOLO_LABEL_FILE_MAX, &lines) != YOLO_OK)
    return false;
  const char *line = yolo_lines_next(&lines);
  found = line && yolo_image_file_name(line);
  yolo_lines_close(&lines);
  return found;
}

const yolo_data_reader yolo_data_reader_yolo = {"yolo", "YOLO txt: a folder of images with label files, or a list of images",
                                                sniff_yolo, read_yolo};
