/* Reading ids out of a COCO file. Of the file, which may have hundreds of megabytes of annotations, only "images" and
 * "categories" become trees, one element at a time (datasets/json_scan.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/text.h"
#include "cli/coco_ids.h"
#include "datasets/json_scan.h"

/* A list of the file that is being taken over: key of the name, and where it goes. */
typedef struct id_list {
  const char *path, *key;
  yolo_strmap *to;
} id_list;

/* Files count by their base name; a category may well be called "cart/trolley". */
static const char *name_of(const char *value, const char *key) {
  return strcmp(key, "file_name") == 0 ? yolo_basename(value) : value;
}

/* {"id": 5, key: "name"}: name -> id. */
static yolo_status add_entry(void *payload, const cJSON *element, uint64_t place) {
  const id_list *list = payload;
  const char *name = yolo_json_text(element, list->key);
  int64_t id;
  if (!yolo_json_int64(element, "id", &id) || !name)
    return yolo_fail(YOLO_EFORMAT, "%s: the element at byte %" PRIu64 " has no whole number \"id\" or no text \"%s\"",
                     list->path, place, list->key);
  return yolo_strmap_add(list->to, name_of(name, list->key), id, NULL);
}

/* The scanner's sentence begins with the path; ours goes between. */
static yolo_status refuse_file(const char *path) {
  char why[512];
  const size_t length = strlen(path);
  const char *sentence = yolo_error_message();
  if (strncmp(sentence, path, length) == 0 && strncmp(sentence + length, ": ", 2) == 0) sentence += length + 2;
  snprintf(why, sizeof why, "%s", sentence);
  return yolo_fail(YOLO_EFORMAT, "%s: this is no COCO file: %s", path, why);
}

static yolo_status read_lists(yolo_json_file *json, const char *path, coco_reference *out) {
  id_list images = {path, "file_name", &out->images}, categories = {path, "name", &out->categories};
  yolo_status st = YOLO_OK;
  if (yolo_json_top(json) != '{') return yolo_fail(YOLO_EFORMAT, "%s: this is no COCO file: it is a list", path);
  YOLO_TRY(yolo_json_each(json, "images", add_entry, &images, NULL));
  YOLO_TRY(yolo_json_each(json, "categories", add_entry, &categories, NULL));
  if (!out->images.count || !out->categories.count)
    st = yolo_fail(YOLO_EFORMAT, "%s: this is no COCO file: it has no %s", path, out->images.count ? "categories" : "images");
done:
  return st;
}

yolo_status coco_reference_load(const char *path, coco_reference *out) {
  yolo_json_file *json = NULL;
  yolo_status st = yolo_json_open(path, &json);
  if (st != YOLO_OK) return st == YOLO_EFORMAT ? refuse_file(path) : st;
  st = read_lists(json, path, out);
  yolo_json_close(json);
  return st;
}

void coco_reference_free(coco_reference *reference) {
  yolo_strmap_free(&reference->images);
  yolo_strmap_free(&reference->categories);
}
