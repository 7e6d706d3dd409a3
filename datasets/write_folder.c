/* Writing a format that is a folder: see write_folder.h. */
#include "datasets/write_folder.h"

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/write_names.h"

typedef struct job {
  const yolo_folder_format *format;
  const yolo_dataset *dataset;
  const char *root;
  char *images, *labels; /* owned */
  yolo_text list;
  size_t lost[YOLO_FOLDER_LOSSES];
  size_t classed, embedded; /* images with a class as a whole, images without a file */
} job;

static yolo_status write_image(job *j, const yolo_data_image *image, const char *name) {
  bool left_out = false;
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_write_place(j->labels, name, j->format->suffix, &path));
  YOLO_TRY(j->format->write(j->dataset, image, name, path, j->lost, &left_out));
  if (left_out) goto done;
  YOLO_TRY(yolo_write_link(j->root, j->images, name, yolo_dataset_text(j->dataset, image->file)));
  if (j->format->put_line) st = j->format->put_line(&j->list, name);
done:
  yolo_free(path);
  return st;
}

static yolo_status write_images(job *j) {
  yolo_file_list names = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_write_names(j->dataset, j->format->flat, &names));
  for (size_t i = 0; i < j->dataset->n_images; ++i) {
    j->classed += j->dataset->images[i].label != YOLO_DATA_NO_LABEL;
    j->embedded += !*names.paths[i];
    if (*names.paths[i]) YOLO_TRY(write_image(j, &j->dataset->images[i], names.paths[i]));
  }
done:
  yolo_file_list_free(&names);
  return st;
}

static yolo_status write_list(const job *j) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(j->root, j->format->list, &path));
  YOLO_TRY(yolo_path_make_parent(path));
  YOLO_TRY(yolo_write_small(path, j->list.data ? j->list.data : "", j->list.length));
done:
  yolo_free(path);
  return st;
}

static void note(const job *j, const yolo_log *log, size_t count, const char *what) {
  if (count) yolo_log_note(log, "%s: %zu %s", j->format->title, count, what);
}

static void note_losses(const job *j, const yolo_log *log) {
  for (int i = 0; i < YOLO_FOLDER_LOSSES; ++i) note(j, log, j->lost[i], j->format->losses[i]);
  note(j, log, j->classed, "images lose their class as a whole: the format has none");
  note(j, log, j->embedded, "images were left out: they have no file of their own");
}

yolo_status yolo_write_folder(const yolo_folder_format *format, const yolo_dataset *dataset, const char *path,
                              const yolo_log *log) {
  job j = {.format = format, .dataset = dataset, .root = path};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(path, format->images, &j.images));
  YOLO_TRY(yolo_path_join(path, format->labels, &j.labels));
  YOLO_TRY(yolo_path_make_folder(j.labels));
  YOLO_TRY(write_images(&j));
  if (format->list) YOLO_TRY(write_list(&j));
  note_losses(&j, log);
done:
  yolo_free(j.images);
  yolo_free(j.labels);
  yolo_text_free(&j.list);
  return st;
}
