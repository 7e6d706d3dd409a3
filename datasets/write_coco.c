/* Writing COCO JSON: what the reader read comes out with the same values.
 *
 * Ids, crowds, areas, kinds of masks, supercategories, "info" and "licenses" are those of the dataset. Numbers have the fewest
 * digits that read back as the same double. A box or an area that was not in the file that was read is written all the same:
 * COCO's own tools need both. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "datasets/segments.h"

enum { PIECE = 1 << 18 }; /* bytes gathered before they are written */

typedef struct coco_writer {
  const yolo_dataset *d;
  yolo_output *output;
  yolo_text text;
} coco_writer;

static yolo_status put(coco_writer *w, const char *text) { return yolo_text_append(&w->text, text, strlen(text)); }

static yolo_status put_int(coco_writer *w, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRId64, value);
  return put(w, digits);
}

/* Two decimals are what COCO mostly has: k/100 is written from k. -> length, or 0 when the value is no such number. */
static int short_decimal(double value, char *out, size_t room) {
  if (!(fabs(value) < 1e13) || (value == 0 && signbit(value))) return 0;
  int64_t k = llrint(value * 100);
  if ((double)k / 100.0 != value) return 0;
  uint64_t size = (uint64_t)(k < 0 ? -k : k), rest = size % 100;
  int length = snprintf(out, room, "%s%" PRIu64 ".%02d", k < 0 ? "-" : "", size / 100, (int)rest);
  if (rest % 10 == 0) length -= rest == 0 ? 3 : 1;
  out[length] = '\0';
  return length;
}

/* The shortest form that reads back as the same double; the decimal point is a point in every locale. */
static yolo_status put_number(coco_writer *w, double value) {
  char text[40];
  double back;
  int length = short_decimal(value, text, sizeof text);
  if (length) return yolo_text_append(&w->text, text, (size_t)length);
  if (!isfinite(value)) return put(w, "0");
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    for (char *p = text; *p; p++)
      if (*p != '-' && *p != '+' && *p != 'e' && (*p < '0' || *p > '9')) *p = '.';
    if (yolo_parse_double(text, &back) && back == value) break;
  }
  return put(w, text);
}

static yolo_status flush_piece(coco_writer *w, size_t from) {
  if (w->text.length < from) return YOLO_OK;
  yolo_status st = yolo_output_write(w->output, w->text.data, w->text.length);
  w->text.length = 0;
  return st;
}

/* ---- masks ---- */

static yolo_status put_polygons(coco_writer *w, const yolo_annotation *a) {
  yolo_polygons p = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_annotation_polygons(w->d, a, &p));
  YOLO_TRY(put(w, "["));
  for (size_t i = 0, at = 0; i < p.n; i++) {
    YOLO_TRY(put(w, i ? ",[" : "["));
    for (size_t start = at; at < p.ends[i]; at++) {
      if (at > start) YOLO_TRY(put(w, ","));
      YOLO_TRY(put_number(w, p.xy[at]));
    }
    YOLO_TRY(put(w, "]"));
  }
  YOLO_TRY(put(w, "]"));
done:
  yolo_polygons_free(&p);
  return st;
}

static yolo_status put_counts(coco_writer *w, const yolo_annotation *a) {
  yolo_rle rle = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_annotation_rle(w->d, a, &rle));
  YOLO_TRY(put(w, "["));
  for (size_t i = 0; i < rle.count; i++) {
    if (i) YOLO_TRY(put(w, ","));
    YOLO_TRY(put_int(w, rle.runs[i]));
  }
  YOLO_TRY(put(w, "]"));
done:
  yolo_rle_free(&rle);
  return st;
}

static yolo_status put_rle(coco_writer *w, const yolo_annotation *a) {
  yolo_packed_rle rle;
  yolo_status st = YOLO_OK;
  char *text = NULL;
  YOLO_TRY(yolo_segment_read_rle(w->d, a, &rle));
  YOLO_TRY(yolo_text_format(&w->text, "{\"size\":[%d,%d],\"counts\":", rle.height, rle.width));
  if (a->kind == YOLO_SEGMENT_COUNTS) {
    YOLO_TRY(put_counts(w, a));
  } else {
    text = yolo_strndup(rle.text, rle.length);
    YOLO_ENOMEM_IF_NULL(text);
    YOLO_TRY(yolo_text_json_string(&w->text, text));
  }
  YOLO_TRY(put(w, "}"));
done:
  yolo_free(text);
  return st;
}

/* ---- entries ---- */

static yolo_status put_key_text(coco_writer *w, const char *key, const char *value) {
  yolo_status st = put(w, key);
  return st == YOLO_OK ? yolo_text_json_string(&w->text, value) : st;
}

static yolo_status put_box(coco_writer *w, const yolo_annotation *a) {
  const double values[4] = {a->x, a->y, a->width, a->height};
  yolo_status st = put(w, ",\"bbox\":[");
  for (int i = 0; i < 4 && st == YOLO_OK; i++) {
    if (i) st = put(w, ",");
    if (st == YOLO_OK) st = put_number(w, values[i]);
  }
  return st == YOLO_OK ? put(w, "],\"area\":") : st;
}

static yolo_status put_annotation(coco_writer *w, const yolo_annotation *a) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put(w, "{\"id\":"));
  YOLO_TRY(put_int(w, a->id));
  YOLO_TRY(put(w, ",\"image_id\":"));
  YOLO_TRY(put_int(w, w->d->images[a->image].id));
  YOLO_TRY(put(w, ",\"category_id\":"));
  YOLO_TRY(put_int(w, w->d->classes[a->class_index].id));
  YOLO_TRY(put_box(w, a));
  YOLO_TRY(put_number(w, a->area));
  YOLO_TRY(put(w, a->flags & YOLO_ANNOTATION_CROWD ? ",\"iscrowd\":1" : ",\"iscrowd\":0"));
  if (a->flags & YOLO_ANNOTATION_IGNORE) YOLO_TRY(put(w, ",\"ignore\":1"));
  if (a->kind != YOLO_SEGMENT_NONE) {
    YOLO_TRY(put(w, ",\"segmentation\":"));
    YOLO_TRY(a->kind == YOLO_SEGMENT_POLYGONS ? put_polygons(w, a) : put_rle(w, a));
  }
  YOLO_TRY(put(w, "}"));
  st = flush_piece(w, PIECE);
done:
  return st;
}

static yolo_status put_image(coco_writer *w, const yolo_data_image *image) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put(w, "{\"id\":"));
  YOLO_TRY(put_int(w, image->id));
  YOLO_TRY(put_key_text(w, ",\"file_name\":", yolo_dataset_text(w->d, image->name)));
  if (image->width > 0) YOLO_TRY(yolo_text_format(&w->text, ",\"width\":%d", image->width));
  if (image->height > 0) YOLO_TRY(yolo_text_format(&w->text, ",\"height\":%d", image->height));
  YOLO_TRY(put(w, "}"));
  st = flush_piece(w, PIECE);
done:
  return st;
}

static yolo_status put_class(coco_writer *w, const yolo_data_class *c) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put(w, "{\"id\":"));
  YOLO_TRY(put_int(w, c->id));
  YOLO_TRY(put_key_text(w, ",\"name\":", yolo_dataset_text(w->d, c->name)));
  if (c->group) YOLO_TRY(put_key_text(w, ",\"supercategory\":", yolo_dataset_text(w->d, c->group)));
  YOLO_TRY(put(w, "}"));
done:
  return st;
}

/* ---- the file ---- */

/* "info" and "licenses" are kept as one object: its members go first. */
static yolo_status put_info(coco_writer *w) {
  const char *info = w->d->info;
  size_t length = info ? strlen(info) : 0;
  yolo_status st = put(w, "{\n");
  if (st != YOLO_OK || length < 3) return st;
  st = yolo_text_append(&w->text, info + 1, length - 2);
  return st == YOLO_OK ? put(w, ",\n") : st;
}

/* An image inside an IDX or CIFAR file cannot be named. */
static bool is_embedded(const yolo_data_image *image) { return image->pixels != UINT64_MAX; }

static yolo_status put_images(coco_writer *w) {
  bool any = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(put(w, "\"images\":["));
  for (size_t i = 0; i < w->d->n_images; i++) {
    if (is_embedded(&w->d->images[i])) continue;
    YOLO_TRY(put(w, any ? ",\n" : "\n"));
    YOLO_TRY(put_image(w, &w->d->images[i]));
    any = true;
  }
done:
  return st;
}

static yolo_status put_annotations(coco_writer *w) {
  bool any = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(put(w, "],\n\"annotations\":["));
  for (size_t i = 0; i < w->d->n_annotations; i++) {
    if (is_embedded(&w->d->images[w->d->annotations[i].image])) continue;
    YOLO_TRY(put(w, any ? ",\n" : "\n"));
    YOLO_TRY(put_annotation(w, &w->d->annotations[i]));
    any = true;
  }
done:
  return st;
}

static yolo_status put_all(coco_writer *w) {
  const yolo_dataset *d = w->d;
  yolo_status st = YOLO_OK;
  YOLO_TRY(put_info(w));
  YOLO_TRY(put_images(w));
  YOLO_TRY(put_annotations(w));
  YOLO_TRY(put(w, "],\n\"categories\":["));
  for (size_t i = 0; i < d->n_classes; i++) {
    YOLO_TRY(put(w, i ? ",\n" : "\n"));
    YOLO_TRY(put_class(w, &d->classes[i]));
  }
  YOLO_TRY(put(w, "]\n}\n"));
  st = flush_piece(w, 0);
done:
  return st;
}

/* What COCO has no word for. */
static void note_losses(const yolo_dataset *d, const yolo_log *log) {
  size_t difficult = 0, truncated = 0, labels = 0, masks = 0, embedded = 0;
  for (size_t i = 0; i < d->n_annotations; i++) {
    difficult += (d->annotations[i].flags & YOLO_ANNOTATION_DIFFICULT) != 0;
    truncated += (d->annotations[i].flags & YOLO_ANNOTATION_TRUNCATED) != 0;
  }
  for (size_t i = 0; i < d->n_images; i++) {
    labels += d->images[i].label != YOLO_DATA_NO_LABEL;
    masks += d->images[i].mask_file != 0;
    embedded += is_embedded(&d->images[i]);
  }
  if (difficult) yolo_log_note(log, "COCO has no \"difficult\": it is lost for %zu annotations", difficult);
  if (truncated) yolo_log_note(log, "COCO has no \"truncated\": it is lost for %zu annotations", truncated);
  if (labels) yolo_log_note(log, "COCO has no class of a whole image: it is lost for %zu images", labels);
  if (masks) yolo_log_note(log, "the class-index masks of %zu images became objects, one for each class in an image", masks);
  if (embedded) yolo_log_note(log, "%zu images were left out: they have no file of their own", embedded);
}

static yolo_status write_coco(const yolo_dataset *dataset, const char *path, const yolo_log *log) {
  yolo_status st = YOLO_OK;
  coco_writer w = {.d = dataset};
  YOLO_TRY(yolo_output_open(path, &w.output));
  YOLO_TRY(put_all(&w));
  YOLO_TRY(yolo_output_commit(w.output));
  note_losses(dataset, log);
done:
  yolo_output_close(w.output);
  yolo_text_free(&w.text);
  return st;
}

const yolo_data_writer yolo_data_writer_coco = {
    .name = "coco", .summary = "COCO JSON", .wants_file = true, .makes = {""}, .write = write_coco};
