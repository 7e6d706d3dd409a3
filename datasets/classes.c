/* Classes that labels call by number: see readers.h. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/lines.h"
#include "datasets/readers.h"

void yolo_class_numbers_free(yolo_class_numbers *classes) {
  yolo_file_list_free(&classes->own);
  yolo_free(classes->indices);
  *classes = (yolo_class_numbers){0};
}

static yolo_status append(yolo_class_numbers *classes, int index) {
  if (classes->count == classes->room) {
    int room = classes->room ? classes->room * 2 : 64;
    int *indices = yolo_realloc(classes->indices, (size_t)room * sizeof *indices);
    if (!indices) return YOLO_ENOMEM;
    classes->indices = indices;
    classes->room = room;
  }
  classes->indices[classes->count++] = index;
  return YOLO_OK;
}

/* The class numbered classes->count. */
static yolo_status append_named(yolo_class_numbers *classes, yolo_dataset_builder *builder, const char *name) {
  int index = -1;
  yolo_status st = yolo_dataset_builder_class(builder, name, NULL, classes->count, &index);
  return st == YOLO_OK ? append(classes, index) : st;
}

yolo_status yolo_class_numbers_begin(yolo_class_numbers *classes, yolo_dataset_builder *builder) {
  yolo_status st = YOLO_OK;
  int n = 0;
  const char *const *names = yolo_dataset_builder_names(builder, &n);
  for (int i = 0; names && st == YOLO_OK && i < n; ++i) st = append(classes, i);
  if (names) return st;
  if (classes->own.count > YOLO_MOST_CLASSES)
    return yolo_fail(YOLO_EFORMAT, "%zu class names are too many; the limit is %d", classes->own.count, YOLO_MOST_CLASSES);
  for (size_t i = 0; st == YOLO_OK && i < classes->own.count; ++i) st = append_named(classes, builder, classes->own.paths[i]);
  return st;
}

yolo_status yolo_class_number(yolo_class_numbers *classes, yolo_dataset_builder *builder, int number, int *index) {
  int given = 0;
  bool named = classes->own.count > 0 || yolo_dataset_builder_names(builder, &given) != NULL;
  yolo_status st = YOLO_OK;
  *index = -1;
  if (number < 0 || number >= YOLO_MOST_CLASSES || (named && number >= classes->count)) return YOLO_OK;
  while (st == YOLO_OK && classes->count <= number) {
    char name[64];
    if (classes->count == 0 && classes->first)
      snprintf(name, sizeof name, "%s", classes->first);
    else
      snprintf(name, sizeof name, "%s%d", classes->made_up, classes->count);
    st = append_named(classes, builder, name);
  }
  if (st == YOLO_OK) *index = classes->indices[number];
  return st;
}

bool yolo_is_background(const char *class_name) {
  return strcmp(class_name, "background") == 0 || strcmp(class_name, "_background_") == 0;
}

yolo_status yolo_find_names(const char *folder, yolo_file_list *names, bool *found) {
  static const char *const files[] = {"classes.txt", "obj.names", "names.txt", "classes.names"};
  yolo_status st = YOLO_OK;
  *found = false;
  for (size_t i = 0; st == YOLO_OK && !*found && i < sizeof files / sizeof *files; ++i) {
    char *path = NULL;
    st = yolo_path_join(folder, files[i], &path);
    *found = st == YOLO_OK && yolo_is_file(path);
    if (*found) st = yolo_read_lines(path, YOLO_NAMES_FILE_MAX, names);
    yolo_free(path);
  }
  return st;
}
