/* Writing YOLO txt (read_yolo.c says what it is): a folder that Darknet's and Ultralytics' tools take as it is.
 *
 *   OUT/images/a.jpg     a link to the image
 *   OUT/labels/a.txt     its objects, one a line; an empty file where there is none
 *   OUT/images.txt       the list of images
 *   OUT/classes.txt      the names of the classes
 *
 * An object with polygons becomes one polygon line, whose box is the one around it; several parts are joined to one ring along
 * the shortest way between them, there and back. Any other object becomes a box. Crowds are left out: the format has no word
 * for "many, do not count", and as one object they would teach nonsense. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/write_folder.h"
#include "datasets/write_names.h"

enum { MOST_PAIRS = 10000000 }; /* of points looked at to join two parts */

enum { LOST_CROWDS, LOST_PARTS, LOST_RUNS, LOST_BOXES, LOST_DIFFICULT, LOST_TRUNCATED, LOST_SIZES };

/* ---- several parts as one ring ---- */

typedef struct ring {
  double *xy;
  size_t count; /* points */
} ring;

static void nearest(const double *a, size_t na, const double *b, size_t nb, size_t *ia, size_t *ib) {
  double best = INFINITY;
  *ia = na - 1;
  *ib = 0;
  if (na > MOST_PAIRS / nb) return; /* any place does */
  for (size_t i = 0; i < na; ++i)
    for (size_t k = 0; k < nb; ++k) {
      double dx = a[2 * i] - b[2 * k], dy = a[2 * i + 1] - b[2 * k + 1], d = dx * dx + dy * dy;
      if (d >= best) continue;
      best = d;
      *ia = i;
      *ib = k;
    }
}

/* r: up to its point ia, then all of the part from ib round to ib again, then ia once more and the rest. */
static yolo_status join(ring *r, const double *part, size_t n) {
  size_t ia, ib, to = 0;
  nearest(r->xy, r->count, part, n, &ia, &ib);
  double *xy = yolo_alloc_array(r->count + n + 2, 2 * sizeof *xy);
  if (!xy) return YOLO_ENOMEM;
  for (size_t i = 0; i <= ia; ++i, ++to) memcpy(xy + 2 * to, r->xy + 2 * i, 2 * sizeof *xy);
  for (size_t k = 0; k <= n; ++k, ++to) memcpy(xy + 2 * to, part + 2 * ((ib + k) % n), 2 * sizeof *xy);
  for (size_t i = ia; i < r->count; ++i, ++to) memcpy(xy + 2 * to, r->xy + 2 * i, 2 * sizeof *xy);
  yolo_free(r->xy);
  r->xy = xy;
  r->count = to;
  return YOLO_OK;
}

/* All polygons of at least three points as one ring; count 0: there is none. */
static yolo_status one_ring(const yolo_polygons *p, ring *out, size_t *parts) {
  yolo_status st = YOLO_OK;
  *parts = 0;
  for (size_t i = 0, at = 0; st == YOLO_OK && i < p->n; at = p->ends[i++]) {
    size_t n = (p->ends[i] - at) / 2;
    if (n < 3) continue;
    if (++*parts > 1) {
      st = join(out, p->xy + at, n);
      continue;
    }
    out->xy = yolo_alloc_array(n, 2 * sizeof *out->xy);
    if (!out->xy) return YOLO_ENOMEM;
    memcpy(out->xy, p->xy + at, n * 2 * sizeof *out->xy);
    out->count = n;
  }
  return st;
}

/* ---- lines ---- */

static yolo_status put_values(yolo_text *text, int class_index, const double *values, size_t n, const int size[2]) {
  yolo_status st = yolo_text_format(text, "%d", class_index);
  for (size_t i = 0; st == YOLO_OK && i < n; ++i) {
    st = yolo_text_append(text, " ", 1);
    if (st == YOLO_OK) st = yolo_write_number(text, values[i] / size[i % 2]);
  }
  return st == YOLO_OK ? yolo_text_append(text, "\n", 1) : st;
}

static yolo_status put_box(yolo_text *text, const yolo_annotation *a, const int size[2]) {
  const double values[4] = {a->x + a->width / 2, a->y + a->height / 2, a->width, a->height};
  return put_values(text, a->class_index, values, 4, size);
}

/* Does the box around the ring differ from the annotation's by more than half a pixel? */
static bool other_box(const ring *r, const yolo_annotation *a) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (size_t i = 0; i < 2 * r->count; ++i) {
    low[i % 2] = fmin(low[i % 2], r->xy[i]);
    high[i % 2] = fmax(high[i % 2], r->xy[i]);
  }
  return fabs(low[0] - a->x) > 0.5 || fabs(low[1] - a->y) > 0.5 || fabs(high[0] - a->x - a->width) > 0.5 ||
         fabs(high[1] - a->y - a->height) > 0.5;
}

static yolo_status put_polygon(const yolo_dataset *d, const yolo_annotation *a, const int size[2], yolo_text *text,
                               size_t *lost) {
  yolo_polygons polygons = {0};
  ring r = {0};
  size_t parts = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_annotation_polygons(d, a, &polygons));
  YOLO_TRY(one_ring(&polygons, &r, &parts));
  lost[LOST_PARTS] += parts > 1;
  if (r.count == 0) {
    st = put_box(text, a, size);
    goto done;
  }
  lost[LOST_BOXES] += other_box(&r, a);
  st = put_values(text, a->class_index, r.xy, 2 * r.count, size);
done:
  yolo_free(r.xy);
  yolo_polygons_free(&polygons);
  return st;
}

static yolo_status put_annotation(const yolo_dataset *d, const yolo_annotation *a, const int size[2], yolo_text *text,
                                  size_t *lost) {
  if (a->flags & YOLO_ANNOTATION_CROWD) {
    lost[LOST_CROWDS]++;
    return YOLO_OK;
  }
  lost[LOST_DIFFICULT] += (a->flags & YOLO_ANNOTATION_DIFFICULT) != 0;
  lost[LOST_TRUNCATED] += (a->flags & YOLO_ANNOTATION_TRUNCATED) != 0;
  lost[LOST_RUNS] += a->kind == YOLO_SEGMENT_RLE || a->kind == YOLO_SEGMENT_COUNTS;
  return a->kind == YOLO_SEGMENT_POLYGONS ? put_polygon(d, a, size, text, lost) : put_box(text, a, size);
}

/* ---- files ---- */

static yolo_status write_labels(const yolo_dataset *d, const yolo_data_image *image, const char *name, const char *path,
                                size_t *lost, bool *left_out) {
  yolo_text text = {0};
  int size[2];
  yolo_status st = YOLO_OK;
  (void)name;
  *left_out = !yolo_write_size(d, image, size) && image->count > 0;
  lost[LOST_SIZES] += *left_out;
  if (*left_out) return YOLO_OK;
  for (uint32_t k = 0; k < image->count; ++k) YOLO_TRY(put_annotation(d, &d->annotations[image->first + k], size, &text, lost));
  st = yolo_write_small(path, text.data ? text.data : "", text.length);
done:
  yolo_text_free(&text);
  return st;
}

static yolo_status put_line(yolo_text *list, const char *name) { return yolo_text_format(list, "./images/%s\n", name); }

static const yolo_folder_format format = {
    .title = "YOLO txt",
    .images = "images",
    .labels = "labels",
    .suffix = ".txt",
    .list = "images.txt",
    .losses = {[LOST_CROWDS] = "crowd regions were left out: the format has none",
               [LOST_PARTS] = "masks of several parts were joined to one polygon each",
               [LOST_RUNS] = "masks stored as runs (RLE) became boxes: the format has only polygons",
               [LOST_BOXES] = "boxes are now those around their polygons, which differ by more than half a pixel",
               [LOST_DIFFICULT] = "objects lose their mark \"difficult\"",
               [LOST_TRUNCATED] = "objects lose their mark \"truncated\"",
               [LOST_SIZES] = "images were left out: their size is not known"},
    .write = write_labels,
    .put_line = put_line,
};

static yolo_status write_yolo(const yolo_dataset *dataset, const char *path, const yolo_log *log) {
  const yolo_status st = yolo_write_folder(&format, dataset, path, log);
  return st == YOLO_OK ? yolo_write_classes(dataset, path, false) : st;
}

const yolo_data_writer yolo_data_writer_yolo = {
    .name = "yolo",
    .summary = "YOLO txt: labels/, links in images/, images.txt, classes.txt",
    .makes = {"labels", "images.txt", "classes.txt"},
    .lists = "images.txt",
    .write = write_yolo,
};
