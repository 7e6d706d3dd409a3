/* Class folders, for classification: the name of a folder is the class of every image below it.
 *
 *   train/cat/1.jpg   train/cat/2.jpg   train/dog/1.jpg
 *
 * Classes are the folders in natural order (where names are given: theirs; a folder with another name is reported and left
 * out). Images have no size yet: nobody needs it before they are decoded. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/readers.h"

static yolo_status take_class(yolo_dataset_builder *builder, const char *root, const char *name) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name};
  yolo_file_list files = {0};
  char *folder = NULL;
  int label = -1;
  size_t index = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(root, name, &folder));
  YOLO_TRY(yolo_folder_files(folder, &options, &files));
  if (files.count == 0) goto done; /* a folder without images is no class */
  YOLO_TRY(yolo_dataset_builder_class(builder, name, NULL, 0, &label));
  if (label < 0)
    yolo_data_report(yolo_dataset_builder_sink(builder), YOLO_RULE_CLASS_UNKNOWN, folder, 0,
                     "a folder of %zu images, but '%s' is not in the list of classes", files.count, name);
  for (size_t i = 0; label >= 0 && i < files.count; ++i) {
    const yolo_new_image image = {
        .file = files.paths[i], .name = yolo_path_below(root, files.paths[i]), .label = label, .pixels = UINT64_MAX};
    YOLO_TRY(yolo_add_image(builder, &image, &index));
  }
done:
  yolo_file_list_free(&files);
  yolo_free(folder);
  return st;
}

static yolo_status read_folders(const yolo_data_source *source, yolo_dataset_builder *builder) {
  yolo_file_list classes = {0};
  yolo_status st = yolo_folder_folders(source->labels, &classes);
  for (size_t i = 0; st == YOLO_OK && i < classes.count; ++i) st = take_class(builder, source->labels, classes.paths[i]);
  if (st == YOLO_OK && classes.count == 0)
    st = yolo_fail(YOLO_EFORMAT, "%s: no folder lies in this one; each class needs its own", source->labels);
  yolo_file_list_free(&classes);
  return st;
}

/* ---- does it look like this? ---- */

static yolo_status stop_at_image(void *payload, const char *path, const char *problem) {
  (void)path;
  *(bool *)payload = !problem;
  return problem ? YOLO_OK : YOLO_ECANCELLED;
}

static bool holds_image(const char *folder) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name, .depth = 1};
  bool found = false;
  (void)yolo_folder_walk(folder, &options, stop_at_image, &found);
  return found;
}

/* Folders that are parts of other formats are no classes. */
static bool is_part(const char *name) {
  static const char *const parts[] = {"images", "labels", "masks", "annotations", "Annotations", "JPEGImages", "ImageSets"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i)
    if (strcmp(name, parts[i]) == 0) return true;
  return false;
}

/* Two folders or more, images in the first of them, none beside them. */
static bool sniff_folders(const yolo_data_source *source) {
  yolo_file_list classes = {0};
  char *first = NULL;
  bool found = false;
  if (!yolo_is_folder(source->labels)) return false;
  if (yolo_folder_folders(source->labels, &classes) == YOLO_OK && classes.count >= 2 && !holds_image(source->labels)) {
    found = yolo_path_join(source->labels, classes.paths[0], &first) == YOLO_OK && holds_image(first);
    for (size_t i = 0; i < classes.count; ++i) found = found && !is_part(classes.paths[i]);
  }
  yolo_free(first);
  yolo_file_list_free(&classes);
  return found;
}

const yolo_data_reader yolo_data_reader_folders = {"folders", "class folders: the folder's name is the class of its images",
                                                   sniff_folders, read_folders};
