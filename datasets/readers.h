/* Internal to datasets/: what several readers share. */
#ifndef YOLO_DATASETS_READERS_H
#define YOLO_DATASETS_READERS_H

#include "backbone/base/strmap.h"
#include "datasets/dataset.h"
#include "datasets/folder.h"

enum { YOLO_LABEL_FILE_MAX = 1 << 28, YOLO_NAMES_FILE_MAX = 1 << 24, YOLO_MOST_CLASSES = 100000 };

/* ---- classes by number (classes.c) ----
 *
 * Formats whose labels hold numbers: class k is the k-th of the names that were given to the reading; else the k-th of the
 * format's own list (a classes.txt); else "class k", made up to the largest number that occurs. */
typedef struct yolo_class_numbers {
  yolo_file_list own;  /* the format's own names; empty: made up */
  const char *made_up; /* what names begin with that are made up: "class " */
  const char *first;   /* the name that is made up for class 0; NULL: as for all */
  int *indices;        /* number -> index in the dataset; -1: not among the names that were asked for */
  int count, room;
} yolo_class_numbers;
/* Zero-initialise, fill own and made_up, then: adds the own names to the dataset, in their order. */
yolo_status yolo_class_numbers_begin(yolo_class_numbers *classes, yolo_dataset_builder *builder);
/* *index: -1 for a number that has no name. */
yolo_status yolo_class_number(yolo_class_numbers *classes, yolo_dataset_builder *builder, int number, int *index);
void yolo_class_numbers_free(yolo_class_numbers *classes);
/* Reads the first of classes.txt, obj.names, names.txt, classes.names that lies in `folder`; *found says whether. */
yolo_status yolo_find_names(const char *folder, yolo_file_list *names, bool *found);

/* Masks: the class that stands for "no object". */
bool yolo_is_background(const char *class_name);

/* ---- paths (label_paths.c); every *out is the caller's ---- */

/* With another suffix of the file name ("": none). */
yolo_status yolo_change_suffix(const char *path, const char *suffix, char **out);
/* With the last folder named `from` called `to`; *out NULL: no folder of the path has that name. */
yolo_status yolo_swap_folder(const char *path, const char *from, const char *to, char **out);
/* The same for a folder; *out NULL also where the result is no folder that exists. */
yolo_status yolo_counterpart(const char *folder, const char *from, const char *to, char **out);
/* Names in the folder, in the folder of labels that belongs to it, or in the folder of the whole set above. */
yolo_status yolo_names_around(const char *folder, yolo_file_list *names);
/* The first of: path itself, path below `folder`, path below the parent of `folder` that exists; with '\' taken for '/' where
 * nothing else does. `path` itself when none does. folder may be NULL. */
yolo_status yolo_resolve(const char *path, const char *folder, char **out);
/* The image FOLDER/STEM.<any image suffix>, or NULL. */
yolo_status yolo_find_image(const char *folder, const char *stem, char **out);

/* ---- adding ---- */

/* An image with its texts. name NULL: the base name of `file`. mask_file, label_file may be NULL. */
typedef struct yolo_new_image {
  const char *file, *name, *mask_file, *label_file;
  int width, height;
  int label; /* YOLO_DATA_NO_LABEL */
  uint64_t place;
  uint64_t pixels; /* UINT64_MAX */
} yolo_new_image;
yolo_status yolo_add_image(yolo_dataset_builder *builder, const yolo_new_image *image, size_t *index);

/* ---- YOLO, as the Darknet reader needs it (read_yolo.c) ---- */

/* Reads a list of images; `names` (may be empty) are the classes in their order. */
yolo_status yolo_read_yolo_list(const char *list, const char *images, const yolo_file_list *names,
                                yolo_dataset_builder *builder);

#endif
