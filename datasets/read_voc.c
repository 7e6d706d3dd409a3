/* Pascal VOC: one XML file an image (voc_xml.c says what is in it). What is read:
 *
 *   a VOC folder     with Annotations/ (and JPEGImages/ beside it): every XML file in Annotations
 *   a folder         of XML files, in natural order
 *   a list           ROOT/ImageSets/Main/train.txt: one name a line, of ROOT/Annotations/NAME.xml; a second word ("-1": none of
 *                    this class) is passed over
 *   one XML file
 *
 * Coordinates count pixels from 1 and include the last one: a box of one pixel in the corner is 1 1 1 1. So x = xmin - 1,
 * width = xmax - xmin + 1, and the writer turns that round. Tools that wrote 0-based or exclusive corners are off by one
 * pixel; nothing in the file tells, so the format's own rule holds.
 *
 * The image of NAME.xml is NAME with the suffix of <filename>, in JPEGImages beside Annotations, else beside the XML file; only
 * if there is none, <filename> counts: files get renamed, and the tag is forgotten. Its recorded size is <size>; without one,
 * that of the image's header. Classes come in the order met, unless a classes.txt lies in the folder of the XML files or above
 * it. A file that is no VOC XML is reported and left out with its image. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/lines.h"
#include "datasets/probe.h"
#include "datasets/readers.h"
#include "datasets/voc_xml.h"

typedef struct job {
  yolo_dataset_builder *builder;
  const char *images; /* the folder that was named; NULL: as the format has it */
  size_t renamed;     /* files whose <filename> says something else */
  size_t good, bad;   /* files that could be read, and not */
} job;

static yolo_data_sink *sink(const job *j) { return yolo_dataset_builder_sink(j->builder); }

static bool is_xml(const char *name) { return yolo_has_suffix(name, ".xml"); }

/* ---- the image of an annotation file ---- */

/* The folder the images lie in: JPEGImages beside the folder of the XML file, else that folder itself. */
static yolo_status image_folder(const job *j, const char *xml, char **out) {
  char *folder = NULL, *root = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  if (j->images) {
    YOLO_ENOMEM_IF_NULL(*out = yolo_strdup(j->images));
    goto done;
  }
  YOLO_TRY(yolo_path_parent(xml, &folder));
  YOLO_TRY(strcmp(folder, ".") == 0 ? yolo_path_join("..", "JPEGImages", out) : yolo_path_parent(folder, &root));
  if (root) YOLO_TRY(yolo_path_join(root, "JPEGImages", out));
  if (!yolo_is_folder(*out)) {
    yolo_free(*out);
    *out = folder;
    folder = NULL;
  }
done:
  yolo_free(folder);
  yolo_free(root);
  return st;
}

/* FOLDER/STEM.suffix, where it exists. */
static yolo_status try_image(const char *folder, const char *stem, const char *suffix, char **out) {
  yolo_text name = {0};
  yolo_status st = *out ? YOLO_OK : yolo_text_format(&name, "%s%s", stem, suffix);
  if (st == YOLO_OK && !*out) st = yolo_path_join(folder, name.data, out);
  if (st == YOLO_OK && *out && !yolo_is_file(*out)) {
    yolo_free(*out);
    *out = NULL;
  }
  yolo_text_free(&name);
  return st;
}

/* <filename> without folders, which may be Windows'. */
static const char *plain_name(const yolo_voc_file *file) {
  const char *base = yolo_basename(file->filename), *back = strrchr(base, '\\');
  return back ? back + 1 : base;
}

static yolo_status find_image(job *j, const char *xml, const yolo_voc_file *file, char **out) {
  char *folder = NULL, *stem = NULL;
  const char *named = plain_name(file), *dot = strrchr(named, '.');
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(image_folder(j, xml, &folder));
  YOLO_TRY(yolo_change_suffix(yolo_basename(xml), "", &stem));
  if (dot) YOLO_TRY(try_image(folder, stem, dot, out));
  size_t length = strlen(stem), rest = dot ? (size_t)(dot - named) : strlen(named);
  if (*out && (rest != length || strncmp(named, stem, length) != 0)) j->renamed++;
  if (*named) YOLO_TRY(try_image(folder, named, "", out));
  if (!*out) YOLO_TRY(yolo_find_image(folder, stem, out));
  if (!*out) YOLO_TRY(yolo_path_join(folder, *named ? named : stem, out)); /* it is missing: the check says so */
done:
  yolo_free(folder);
  yolo_free(stem);
  return st;
}

/* The recorded size, else that of the upright image. */
static yolo_status find_size(const yolo_voc_file *file, const char *image, int size[2]) {
  yolo_image_header header;
  bool whole = file->width == floor(file->width) && file->height == floor(file->height);
  if (whole && file->width >= 1 && file->height >= 1 && file->width <= YOLO_IMAGE_MAX_SIDE &&
      file->height <= YOLO_IMAGE_MAX_SIDE) {
    size[0] = (int)file->width;
    size[1] = (int)file->height;
    return YOLO_OK;
  }
  yolo_status st = yolo_image_probe(image, &header);
  size[0] = st == YOLO_OK ? yolo_upright_width(&header) : 0;
  size[1] = st == YOLO_OK ? yolo_upright_height(&header) : 0;
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

/* ---- objects ---- */

/* Reports what is wrong with an object; true when it can be used. */
static bool usable(const job *j, const yolo_voc_object *o, const char *xml) {
  const char *what = NULL;
  if (o->bad)
    what = "an <object> with a coordinate that is no number, or a name that is too long";
  else if (!o->name[0])
    what = "an <object> without <name>";
  else if (!(o->present & 16))
    what = "an <object> without <bndbox>";
  else if (o->present != 31)
    what = "a <bndbox> without one of xmin, ymin, xmax, ymax";
  if (what) yolo_data_report(sink(j), YOLO_RULE_LABEL_SYNTAX, xml, o->line, "%s", what);
  return !what;
}

static yolo_status take_object(const job *j, const yolo_voc_object *o, const char *xml, size_t image) {
  int index = -1;
  yolo_annotation a = {.id = YOLO_DATA_RUNNING_ID, .place = o->line, .image = (uint32_t)image};
  if (!usable(j, o, xml)) return YOLO_OK;
  yolo_status st = yolo_dataset_builder_class(j->builder, o->name, NULL, 0, &index);
  if (st != YOLO_OK) return st;
  if (index < 0) {
    yolo_data_report(sink(j), YOLO_RULE_CLASS_UNKNOWN, xml, o->line, "'%s' is not in the list of classes", o->name);
    return YOLO_OK;
  }
  a.class_index = index;
  a.x = o->corners[0] - 1;
  a.y = o->corners[1] - 1;
  a.width = o->corners[2] - o->corners[0] + 1;
  a.height = o->corners[3] - o->corners[1] + 1;
  a.area = a.width * a.height;
  a.flags = (uint16_t)(YOLO_ANNOTATION_HAS_BOX | (o->difficult ? YOLO_ANNOTATION_DIFFICULT : 0) |
                       (o->truncated ? YOLO_ANNOTATION_TRUNCATED : 0));
  return yolo_dataset_builder_annotation(j->builder, &a);
}

static yolo_status take_file(job *j, const char *xml, const yolo_voc_file *file) {
  char *image = NULL;
  size_t index = 0;
  int size[2];
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_image(j, xml, file, &image));
  YOLO_TRY(find_size(file, image, size));
  const yolo_new_image added = {.file = image,
                                .name = file->filename[0] ? file->filename : NULL,
                                .label_file = xml,
                                .width = size[0],
                                .height = size[1],
                                .label = YOLO_DATA_NO_LABEL,
                                .place = 1,
                                .pixels = UINT64_MAX};
  YOLO_TRY(yolo_add_image(j->builder, &added, &index));
  for (size_t i = 0; i < file->count; ++i) YOLO_TRY(take_object(j, &file->objects[i], xml, index));
done:
  yolo_free(image);
  return st;
}

/* A broken file among many is one bad entry. */
static yolo_status read_file(job *j, const char *xml) {
  yolo_voc_file file = {0};
  char *bytes = NULL;
  size_t length = 0;
  uint64_t line = 0;
  yolo_status st = yolo_read_file(xml, YOLO_LABEL_FILE_MAX, &bytes, &length);
  if (st == YOLO_OK) st = yolo_voc_parse(bytes, length, &file, &line);
  if (st == YOLO_OK) {
    j->good++;
    st = take_file(j, xml, &file);
  } else if (st != YOLO_ENOMEM) {
    yolo_data_report(sink(j), YOLO_RULE_LABEL_SYNTAX, xml, line, "%s", yolo_error_message());
    j->bad++;
    st = YOLO_OK;
  }
  yolo_voc_file_release(&file);
  yolo_free(bytes);
  return st;
}

/* ---- folders and lists ---- */

/* The classes in their order, where a classes.txt says it. */
static yolo_status read_names(job *j, const char *annotations) {
  yolo_file_list names = {0};
  int given = 0, index;
  yolo_status st = YOLO_OK;
  if (yolo_dataset_builder_names(j->builder, &given)) return YOLO_OK;
  YOLO_TRY(yolo_names_around(annotations, &names));
  for (size_t i = 0; i < names.count; ++i)
    YOLO_TRY(yolo_dataset_builder_class(j->builder, names.paths[i], NULL, (int64_t)i, &index));
done:
  yolo_file_list_free(&names);
  return st;
}

static yolo_status read_folder(job *j, const char *folder) {
  const yolo_folder_options options = {.wanted = is_xml};
  yolo_file_list files = {0};
  char *inside = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(folder, "Annotations", &inside));
  if (yolo_is_folder(inside)) folder = inside;
  YOLO_TRY(read_names(j, folder));
  YOLO_TRY(yolo_folder_files(folder, &options, &files));
  for (size_t i = 0; i < files.count; ++i) YOLO_TRY(read_file(j, files.paths[i]));
  if (files.count == 0) st = yolo_fail(YOLO_EFORMAT, "%s: no XML file lies in or below this folder", folder);
done:
  yolo_file_list_free(&files);
  yolo_free(inside);
  return st;
}

/* ROOT/ImageSets/Main/list.txt -> ROOT/Annotations. */
static yolo_status annotations_of_list(const char *list, char **out) {
  char *absolute = NULL, *annotations = NULL, *folder = NULL, *parent = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_path_absolute(list, &absolute));
  for (int up = 0; up < 4 && !*out; ++up) {
    YOLO_TRY(yolo_path_parent(folder ? folder : absolute, &parent));
    yolo_free(folder);
    folder = parent;
    parent = NULL;
    yolo_free(annotations);
    annotations = NULL;
    YOLO_TRY(yolo_path_join(folder, "Annotations", &annotations));
    if (!yolo_is_folder(annotations)) continue;
    *out = annotations;
    annotations = NULL;
  }
done:
  yolo_free(absolute);
  yolo_free(annotations);
  yolo_free(folder);
  return st;
}

static yolo_status read_entry(job *j, const char *annotations, const char *stem, const char *list, uint64_t line) {
  yolo_text name = {0};
  char *xml = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&name, "%s.xml", stem));
  YOLO_TRY(yolo_path_join(annotations, name.data, &xml));
  if (yolo_is_file(xml))
    st = read_file(j, xml);
  else
    yolo_data_report(sink(j), YOLO_RULE_LABEL_ORPHAN, list, line, "'%.80s': there is no %s", stem, xml);
done:
  yolo_text_free(&name);
  yolo_free(xml);
  return st;
}

static yolo_status read_list(job *j, const char *list) {
  yolo_lines lines = {0};
  char *annotations = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(annotations_of_list(list, &annotations));
  if (!annotations) {
    st = yolo_fail(YOLO_EFORMAT, "%s: no folder Annotations lies above this list", list);
    goto done;
  }
  YOLO_TRY(read_names(j, annotations));
  YOLO_TRY(yolo_lines_open(list, YOLO_LABEL_FILE_MAX, &lines));
  for (char *line; (line = yolo_lines_next(&lines)) != NULL;) {
    char *rest = line, *stem = yolo_next_word(&rest);
    if (stem) YOLO_TRY(read_entry(j, annotations, stem, list, lines.number));
  }
done:
  yolo_lines_close(&lines);
  yolo_free(annotations);
  return st;
}

static yolo_status read_voc(const yolo_data_source *source, yolo_dataset_builder *builder) {
  job j = {.builder = builder, .images = source->images};
  yolo_status st = YOLO_OK;
  if (yolo_is_folder(source->labels))
    st = read_folder(&j, source->labels);
  else
    st = is_xml(source->labels) ? read_file(&j, source->labels) : read_list(&j, source->labels);
  if (st == YOLO_OK && j.good == 0 && j.bad > 0)
    return yolo_error_prefix(YOLO_EFORMAT, "%s: no annotation file can be read; the last of %zu: ", source->labels, j.bad);
  if (st == YOLO_OK && j.renamed > 0)
    yolo_log_note(yolo_dataset_builder_log(builder), "%s: %zu files name another image in <filename>; their own name counts",
                  source->labels, j.renamed);
  return st;
}

static yolo_status stop_at_xml(void *payload, const char *path, const char *problem) {
  (void)path;
  *(bool *)payload = !problem;
  return problem ? YOLO_OK : YOLO_ECANCELLED;
}

static bool sniff_voc(const yolo_data_source *source) {
  const yolo_folder_options options = {.wanted = is_xml, .depth = 1};
  char *annotations = NULL;
  bool found = false;
  if (!yolo_is_folder(source->labels)) {
    if (is_xml(source->labels)) return true;
    if (!yolo_has_suffix(source->labels, ".txt") || !strstr(source->labels, "ImageSets")) return false;
    found = annotations_of_list(source->labels, &annotations) == YOLO_OK && annotations;
  } else {
    found = yolo_path_join(source->labels, "Annotations", &annotations) == YOLO_OK && yolo_is_folder(annotations);
    if (!found) (void)yolo_folder_walk(source->labels, &options, stop_at_xml, &found);
  }
  yolo_free(annotations);
  return found;
}

const yolo_data_reader yolo_data_reader_voc = {
    "voc", "Pascal VOC XML: a VOC folder, an ImageSets list, or a folder of XML files", sniff_voc, read_voc};
