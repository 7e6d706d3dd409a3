/* Writing Pascal VOC XML (voc_xml.c says what it is):
 *
 *   OUT/JPEGImages/a.jpg           a link to the image
 *   OUT/Annotations/a.xml          its objects
 *   OUT/ImageSets/Main/all.txt     the names of all
 *   OUT/classes.txt                the classes in their order, which the format itself does not keep
 *
 * Coordinates count from 1 and include the last pixel: xmin = x + 1, xmax = x + width, as the reader has it. Fractions are
 * written where there are some, so that a box comes back as it was. Masks and crowds cannot be expressed: a crowd is left out,
 * of an object with a mask the box is kept. */
#include <string.h>

#include "datasets/write_folder.h"
#include "datasets/write_names.h"

enum { LOST_CROWDS, LOST_MASKS };

/* ---- XML ---- */

/* Escaped; what XML cannot hold (control characters, bytes that are no UTF-8) becomes a question mark. */
static yolo_status put_text(yolo_text *text, const char *value) {
  static const struct {
    char byte;
    const char *escape;
  } escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
  yolo_status st = YOLO_OK;
  while (*value && st == YOLO_OK) {
    int length = yolo_utf8_length(value);
    const char *piece = value;
    size_t n = length > 0 ? (size_t)length : 1;
    if (length == 0 || (unsigned char)*value < 0x20 || *value == 0x7F) piece = "?";
    value += n;
    if (*piece == '?') n = 1;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; ++i) {
      if (escapes[i].byte != *piece) continue;
      n = strlen(escapes[i].escape);
      piece = escapes[i].escape;
      break;
    }
    st = yolo_text_append(text, piece, n);
  }
  return st;
}

static yolo_status put_element(yolo_text *text, const char *indent, const char *name, const char *value) {
  yolo_status st = yolo_text_format(text, "%s<%s>", indent, name);
  if (st == YOLO_OK) st = put_text(text, value);
  return st == YOLO_OK ? yolo_text_format(text, "</%s>\n", name) : st;
}

static yolo_status put_corner(yolo_text *text, const char *name, double value) {
  yolo_status st = yolo_text_format(text, "\t\t\t<%s>", name);
  if (st == YOLO_OK) st = yolo_write_number(text, value);
  return st == YOLO_OK ? yolo_text_format(text, "</%s>\n", name) : st;
}

static yolo_status put_object(yolo_text *text, const yolo_dataset *d, const yolo_annotation *a) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(text, "\t<object>\n"));
  YOLO_TRY(put_element(text, "\t\t", "name", yolo_dataset_class_name(d, a->class_index)));
  YOLO_TRY(yolo_text_format(text, "\t\t<pose>Unspecified</pose>\n\t\t<truncated>%d</truncated>\n",
                            (a->flags & YOLO_ANNOTATION_TRUNCATED) != 0));
  YOLO_TRY(
      yolo_text_format(text, "\t\t<difficult>%d</difficult>\n\t\t<bndbox>\n", (a->flags & YOLO_ANNOTATION_DIFFICULT) != 0));
  YOLO_TRY(put_corner(text, "xmin", a->x + 1));
  YOLO_TRY(put_corner(text, "ymin", a->y + 1));
  YOLO_TRY(put_corner(text, "xmax", a->x + a->width));
  YOLO_TRY(put_corner(text, "ymax", a->y + a->height));
  YOLO_TRY(yolo_text_format(text, "\t\t</bndbox>\n\t</object>\n"));
done:
  return st;
}

static yolo_status put_file(yolo_text *text, const yolo_dataset *d, const yolo_data_image *image, const char *name,
                            size_t *lost) {
  int size[2];
  bool sized = yolo_write_size(d, image, size);
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(text, "<annotation>\n\t<folder>JPEGImages</folder>\n"));
  YOLO_TRY(put_element(text, "\t", "filename", name));
  YOLO_TRY(yolo_text_format(text, "\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n"));
  if (sized)
    YOLO_TRY(yolo_text_format(
        text, "\t<size>\n\t\t<width>%d</width>\n\t\t<height>%d</height>\n\t\t<depth>3</depth>\n\t</size>\n", size[0], size[1]));
  YOLO_TRY(yolo_text_format(text, "\t<segmented>0</segmented>\n"));
  for (uint32_t k = 0; k < image->count; ++k) {
    const yolo_annotation *a = &d->annotations[image->first + k];
    if (a->flags & YOLO_ANNOTATION_CROWD) {
      lost[LOST_CROWDS]++;
      continue;
    }
    lost[LOST_MASKS] += a->kind != YOLO_SEGMENT_NONE;
    YOLO_TRY(put_object(text, d, a));
  }
  YOLO_TRY(yolo_text_format(text, "</annotation>\n"));
done:
  return st;
}

/* ---- files ---- */

static yolo_status write_labels(const yolo_dataset *d, const yolo_data_image *image, const char *name, const char *path,
                                size_t *lost, bool *left_out) {
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  *left_out = false;
  YOLO_TRY(put_file(&text, d, image, name, lost));
  st = yolo_write_small(path, text.data, text.length);
done:
  yolo_text_free(&text);
  return st;
}

static yolo_status put_line(yolo_text *list, const char *name) {
  const char *dot = strrchr(name, '.');
  return yolo_text_format(list, "%.*s\n", (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)), name);
}

static const yolo_folder_format format = {
    .title = "Pascal VOC",
    .images = "JPEGImages",
    .labels = "Annotations",
    .suffix = ".xml",
    .list = "ImageSets/Main/all.txt",
    .flat = true,
    .losses = {[LOST_CROWDS] = "crowd regions were left out: the format has none",
               [LOST_MASKS] = "masks became boxes: the format has none"},
    .write = write_labels,
    .put_line = put_line,
};

static yolo_status write_voc(const yolo_dataset *dataset, const char *path, const yolo_log *log) {
  const yolo_status st = yolo_write_folder(&format, dataset, path, log);
  return st == YOLO_OK ? yolo_write_classes(dataset, path, false) : st;
}

const yolo_data_writer yolo_data_writer_voc = {
    .name = "voc",
    .summary = "Pascal VOC XML: Annotations/, links in JPEGImages/, ImageSets/",
    .makes = {"Annotations", "ImageSets/Main/all.txt", "classes.txt"},
    .lists = "ImageSets/Main/all.txt",
    .write = write_voc,
};
