/* A Darknet .data file as it is (darknet_data.h): the images of its `train` list with the classes of its `names`. The same path
 * followed by ":valid" reads the `valid` list, ":train" says what is the default. Labels: as for YOLO txt (read_yolo.c). */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/darknet_data.h"
#include "datasets/lines.h"
#include "datasets/readers.h"

/* Cuts ":train" or ":valid" off. */
static yolo_status split_name(const char *labels, char **path, bool *valid) {
  *valid = yolo_has_suffix(labels, ":valid");
  size_t length = strlen(labels) - (*valid || yolo_has_suffix(labels, ":train") ? 6 : 0);
  *path = yolo_strndup(labels, length);
  return *path ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status read_names(const yolo_darknet_data *data, const char *path, yolo_file_list *names) {
  if (!data->names) return YOLO_OK;
  yolo_status st = yolo_read_lines(data->names, YOLO_NAMES_FILE_MAX, names);
  if (st != YOLO_OK) return yolo_error_prefix(st, "%s: ", path);
  if (data->classes > 0 && names->count != (size_t)data->classes)
    return yolo_fail(YOLO_EFORMAT, "%s says classes = %d, but %s has %zu names", path, data->classes, data->names,
                     names->count);
  return YOLO_OK;
}

static yolo_status read_darknet(const yolo_data_source *source, yolo_dataset_builder *builder) {
  yolo_darknet_data data = {0};
  yolo_file_list names = {0};
  char *path = NULL;
  bool valid = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(split_name(source->labels, &path, &valid));
  YOLO_TRY(yolo_darknet_data_load(path, yolo_dataset_builder_log(builder), &data));
  YOLO_TRY(read_names(&data, path, &names));
  const char *list = valid ? data.valid : data.train;
  if (!list) {
    st = yolo_fail(YOLO_EFORMAT, "%s: it has no line '%s = ...'", path, valid ? "valid" : "train");
    goto done;
  }
  st = yolo_read_yolo_list(list, source->images, &names, builder);
  if (st != YOLO_OK) st = yolo_error_prefix(st, "%s: ", path);
done:
  yolo_free(path);
  yolo_file_list_free(&names);
  yolo_darknet_data_release(&data);
  return st;
}

static bool sniff_darknet(const yolo_data_source *source) {
  return yolo_has_suffix(source->labels, ".data") && yolo_is_file(source->labels);
}

const yolo_data_reader yolo_data_reader_darknet = {"darknet", "a Darknet .data file (train, valid, names)", sniff_darknet,
                                                   read_darknet};
