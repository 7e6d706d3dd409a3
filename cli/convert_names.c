/* Names of images in a COCO JSON: see convert_names.h. */
#include "cli/convert_names.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/read_coco.h"

/* Would the reader find each image by the name it has? */
static yolo_status names_lead(const yolo_dataset *d, const char *json, bool *out) {
  const yolo_data_source source = {.labels = json};
  char *folder = NULL, *path = NULL;
  yolo_status st = YOLO_OK;
  *out = true;
  if (d->n_images) YOLO_TRY(yolo_coco_images_folder(&source, json, yolo_dataset_text(d, d->images[0].name), &folder));
  for (size_t i = 0; *out && i < d->n_images; ++i) {
    yolo_free(path);
    path = NULL;
    YOLO_TRY(yolo_coco_image_path(folder, yolo_dataset_text(d, d->images[i].name), &path));
    *out = yolo_path_same_file(path, yolo_dataset_text(d, d->images[i].file));
  }
done:
  yolo_free(folder);
  yolo_free(path);
  return st;
}

/* Appends the image's path to the texts; `folder`: that of the JSON, from /. */
static yolo_status put_path(const char *file, const char *folder, yolo_text *texts) {
  size_t length = strlen(folder);
  char *path = NULL;
  yolo_status st = yolo_path_absolute(file, &path);
  if (st != YOLO_OK) return st;
  bool root = strcmp(folder, "/") == 0, below = !root && strncmp(path, folder, length) == 0 && path[length] == '/';
  const char *name = below ? path + length + 1 : path;
  st = yolo_text_append(texts, name, strlen(name) + 1);
  yolo_free(path);
  return st;
}

static yolo_status put_paths(const yolo_dataset *d, const char *folder, yolo_data_image *images, yolo_text *texts) {
  yolo_status st = yolo_text_append(texts, d->texts, d->n_texts);
  for (size_t i = 0; st == YOLO_OK && i < d->n_images; ++i) {
    if (images[i].pixels != UINT64_MAX) continue; /* no file of its own */
    images[i].name = texts->length;
    st = put_path(yolo_dataset_text(d, images[i].file), folder, texts);
  }
  return st;
}

yolo_status convert_names(const yolo_dataset *dataset, const char *json, yolo_dataset *out, bool *changed) {
  yolo_text texts = {0};
  yolo_data_image *images = NULL;
  char *absolute = NULL, *folder = NULL;
  bool lead = false;
  yolo_status st = YOLO_OK;
  *out = (yolo_dataset){0};
  YOLO_TRY(names_lead(dataset, json, &lead));
  *changed = !lead;
  YOLO_TRY(yolo_path_absolute(json, &absolute));
  YOLO_TRY(yolo_path_parent(absolute, &folder));
  YOLO_ENOMEM_IF_NULL(images = yolo_alloc_array(dataset->n_images, sizeof *images));
  memcpy(images, dataset->images, dataset->n_images * sizeof *images);
  if (lead)
    YOLO_TRY(yolo_text_append(&texts, dataset->texts, dataset->n_texts));
  else
    YOLO_TRY(put_paths(dataset, folder, images, &texts));
  *out = *dataset;
  out->images = images;
  out->texts = texts.data;
  out->n_texts = texts.length;
  images = NULL;
  texts.data = NULL;
done:
  yolo_free(images);
  yolo_text_free(&texts);
  yolo_free(absolute);
  yolo_free(folder);
  return st;
}

void convert_names_release(yolo_dataset *out) {
  yolo_free(out->images);
  yolo_free(out->texts);
  *out = (yolo_dataset){0};
}
