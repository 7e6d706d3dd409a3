/* COCO JSON: { "images": [...], "annotations": [...], "categories": [...] } (cocodataset.org, "Data format").
 *
 * Categories are the file's own, in its order; ids are any whole numbers, with holes. The members may stand in any order (COCO
 * itself has "categories" last), so the file is walked three times; only what is asked for becomes a tree. What cannot be used
 * is reported with its ids and left out; nothing else is changed. */
#include "datasets/read_coco.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"

/* ---- categories ---- */

/* The class of a category. Two categories with one name (COCO allows "mouse" twice in two groups) become one class. */
static yolo_status add_category(yolo_coco_reader *r, int64_t id, const char *name, const char *group, uint64_t place) {
  int before = 0, index = -1;
  bool taken = false;
  yolo_status st = YOLO_OK;
  if (yolo_id_map_get(&r->categories, id) >= 0) {
    yolo_data_report_byte(r->sink, YOLO_RULE_CLASS_DUPLICATE, r->file, place, "category id %" PRId64 " ('%s') occurs twice", id,
                          name);
    return YOLO_OK;
  }
  before = yolo_dataset_builder_class_count(r->builder);
  YOLO_TRY(yolo_dataset_builder_class(r->builder, name, group, id, &index));
  if (index < 0)
    yolo_data_report_byte(r->sink, YOLO_RULE_CLASS_UNKNOWN, r->file, place,
                          "category '%s' (id %" PRId64 ") is not among the classes that were asked for", name, id);
  for (size_t i = 0; index >= 0 && index < before && i < r->categories.capacity; i++)
    if (r->categories.slots[i].value == index + 1)
      yolo_data_report_byte(r->sink, YOLO_RULE_CLASS_DUPLICATE, r->file, place,
                            "categories %" PRId64 " and %" PRId64 " have one name, '%s', and become one class",
                            r->categories.slots[i].id, id, name);
  YOLO_TRY(yolo_id_map_add(&r->categories, id, index + 1, &taken));
done:
  return st;
}

static yolo_status visit_category(void *payload, const cJSON *element, uint64_t place) {
  yolo_coco_reader *r = payload;
  int64_t id;
  const char *name = yolo_json_text(element, "name");
  if (!yolo_json_int64(element, "id", &id) || !name || !*name) {
    yolo_data_report_byte(r->sink, YOLO_RULE_LABEL_SYNTAX, r->file, place,
                          "a category needs a whole number \"id\" and a text \"name\"");
    return YOLO_OK;
  }
  return add_category(r, id, name, yolo_json_text(element, "supercategory"), place);
}

static yolo_status collect_category(void *payload, const cJSON *element, uint64_t place) {
  int64_t id;
  (void)place;
  return yolo_json_int64(element, "category_id", &id) ? yolo_id_map_add(payload, id, 1, NULL) : YOLO_OK;
}

static int compare_ids(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* A file without categories: its annotations' ids, in order, as "category 7". */
static yolo_status make_categories(yolo_coco_reader *r, yolo_json_file *json) {
  yolo_status st = YOLO_OK;
  yolo_id_map met = {0};
  size_t n = 0;
  int64_t *ids = NULL;
  YOLO_TRY(yolo_json_each(json, "annotations", collect_category, &met, NULL));
  ids = yolo_alloc_array(met.count, sizeof *ids);
  YOLO_ENOMEM_IF_NULL(ids);
  for (size_t i = 0; i < met.capacity; i++)
    if (met.slots[i].value >= 0) ids[n++] = met.slots[i].id;
  qsort(ids, n, sizeof *ids, compare_ids);
  for (size_t i = 0; i < n; i++) {
    char name[48];
    snprintf(name, sizeof name, "category %" PRId64, ids[i]);
    YOLO_TRY(add_category(r, ids[i], name, NULL, 0));
  }
  if (n)
    yolo_log_note(yolo_dataset_builder_log(r->builder), "%s has no \"categories\": %zu classes are named by their ids", r->file,
                  n);
done:
  yolo_free(ids);
  yolo_id_map_free(&met);
  return st;
}

/* ---- images ---- */

/* "width" or "height"; 0 when it is not there. */
static int32_t side(const yolo_coco_reader *r, const cJSON *element, const char *key, int64_t id, uint64_t place) {
  int64_t value;
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(element, key);
  if (!item || cJSON_IsNull(item)) return 0;
  if (yolo_json_int64(element, key, &value) && value > 0 && value <= INT32_MAX) return (int32_t)value;
  yolo_data_report_byte(r->sink, YOLO_RULE_LABEL_SYNTAX, r->file, place, "image %" PRId64 ": \"%s\" is no size in pixels", id,
                        key);
  return 0;
}

static yolo_status add_image(yolo_coco_reader *r, yolo_data_image *image, const char *name) {
  yolo_status st = YOLO_OK;
  char *path = NULL;
  size_t index;
  if (!r->folder) YOLO_TRY(yolo_coco_images_folder(r->source, r->file, name, &r->folder));
  YOLO_TRY(yolo_coco_image_path(r->folder, name, &path));
  YOLO_TRY(yolo_dataset_builder_text(r->builder, path, &image->file));
  YOLO_TRY(yolo_dataset_builder_text(r->builder, name, &image->name));
  YOLO_TRY(yolo_dataset_builder_image(r->builder, image, &index));
  YOLO_TRY(yolo_id_map_add(&r->images, image->id, (int64_t)index, NULL));
done:
  yolo_free(path);
  return st;
}

static yolo_status visit_image(void *payload, const cJSON *element, uint64_t place) {
  yolo_coco_reader *r = payload;
  yolo_data_image image = {.pixels = UINT64_MAX, .label = YOLO_DATA_NO_LABEL, .place = place};
  const char *name = yolo_json_text(element, "file_name");
  if (!yolo_json_int64(element, "id", &image.id)) {
    yolo_data_report_byte(r->sink, YOLO_RULE_LABEL_SYNTAX, r->file, place, "the image '%s' needs a whole number \"id\"",
                          name ? name : "");
    return YOLO_OK;
  }
  if (!name || !*name) {
    yolo_data_report_byte(r->sink, YOLO_RULE_LABEL_SYNTAX, r->file, place, "image %" PRId64 " has no text \"file_name\"",
                          image.id);
    return YOLO_OK;
  }
  if (yolo_id_map_get(&r->images, image.id) >= 0) {
    yolo_data_report_byte(r->sink, YOLO_RULE_ID_DUPLICATE, r->file, place,
                          "image id %" PRId64 " occurs twice; '%s' is left out, the first keeps the annotations", image.id,
                          name);
    return YOLO_OK;
  }
  image.width = side(r, element, "width", image.id, place);
  image.height = side(r, element, "height", image.id, place);
  return add_image(r, &image, name);
}

/* ---- the file ---- */

/* One member of the file, as text, if it is well-formed. */
static yolo_status append_member(yolo_json_file *json, const char *key, yolo_text *out) {
  const char *text;
  size_t length;
  yolo_status st = yolo_json_member(json, key, &text, &length);
  if (st != YOLO_OK || !text) return st;
  cJSON *tree = cJSON_ParseWithLengthOpts(text, length, NULL, 0);
  if (tree) {
    st = yolo_text_format(out, "%s\"%s\": ", out->length > 1 ? ", " : "", key);
    if (st == YOLO_OK) st = yolo_text_append(out, text, length);
  }
  cJSON_Delete(tree);
  return st;
}

static yolo_status keep_info(yolo_coco_reader *r, yolo_json_file *json) {
  yolo_status st = YOLO_OK;
  yolo_text text = {0};
  YOLO_TRY(yolo_text_append(&text, "{", 1));
  YOLO_TRY(append_member(json, "info", &text));
  YOLO_TRY(append_member(json, "licenses", &text));
  YOLO_TRY(yolo_text_append(&text, "}", 1));
  if (text.length > 2) YOLO_TRY(yolo_dataset_builder_info(r->builder, text.data));
done:
  yolo_text_free(&text);
  return st;
}

static yolo_status read_members(yolo_coco_reader *r, yolo_json_file *json) {
  yolo_status st = YOLO_OK;
  int found;
  if (yolo_json_top(json) != '{')
    return yolo_fail(YOLO_EFORMAT,
                     "%s: the file is a list, as results of a detector are; COCO labels are an object with \"images\"",
                     r->file);
  YOLO_TRY(yolo_json_each(json, "images", visit_image, r, &found));
  if (!found) return yolo_fail(YOLO_EFORMAT, "%s: this is no COCO file: it has no \"images\"", r->file);
  YOLO_TRY(yolo_json_each(json, "categories", visit_category, r, &found));
  if (!found) YOLO_TRY(make_categories(r, json));
  YOLO_TRY(yolo_json_each(json, "annotations", yolo_coco_annotation, r, NULL));
  YOLO_TRY(keep_info(r, json));
done:
  return st;
}

static yolo_status read_coco(const yolo_data_source *source, yolo_dataset_builder *builder) {
  yolo_status st = YOLO_OK;
  yolo_coco_reader r = {.source = source, .builder = builder, .sink = yolo_dataset_builder_sink(builder)};
  yolo_json_file *json = NULL;
  char *file = NULL;
  YOLO_TRY(yolo_coco_json_path(source, &file));
  r.file = file;
  YOLO_TRY(yolo_json_open(file, &json));
  YOLO_TRY(read_members(&r, json));
done:
  yolo_json_close(json);
  yolo_id_map_free(&r.categories);
  yolo_id_map_free(&r.images);
  yolo_id_map_free(&r.annotations);
  yolo_polygons_free(&r.outline.polygons);
  yolo_free(r.outline.starts);
  yolo_free(r.outline.lengths);
  yolo_free(r.folder);
  yolo_free(file);
  return st;
}

const yolo_data_reader yolo_data_reader_coco = {"coco", "COCO JSON (instances_*.json)", yolo_coco_sniff, read_coco};
