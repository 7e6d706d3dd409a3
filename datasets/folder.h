/* Folders of files: the walk, which names are images, and the order people expect.
 *
 * A walk leaves out hidden files and linked folders (which may lead in circles); linked files count. Folders deeper than a
 * limit are a problem, not a hang. */
#ifndef YOLO_DATASETS_FOLDER_H
#define YOLO_DATASETS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

enum { YOLO_FOLDER_MAX_DEPTH = 64 };

/* Is this the name of an image? By suffix, in any case: jpg jpeg png bmp tga psd ppm pgm pnm gif. */
bool yolo_image_file_name(const char *name);

/* Natural order: digits by value (img2 before img10), '/' before everything, else by byte; equal only for equal texts. */
int yolo_natural_compare(const char *a, const char *b);

/* `problem` NULL: `path` is a regular file. Else it is a folder that could not be read, and `problem` says why. */
typedef yolo_status (*yolo_folder_visitor)(void *payload, const char *path, const char *problem);
typedef struct yolo_folder_options {
  bool (*wanted)(const char *name); /* which file names; NULL: all */
  const char *skip;                 /* a folder that is left out; may be NULL */
  int depth;                        /* levels that are looked into: 1: this folder alone; 0: YOLO_FOLDER_MAX_DEPTH, and
                                     * deeper ones are a problem */
} yolo_folder_options;
/* Visits the files below `folder` in the order of the disk. A visitor that fails ends the walk with its status. */
yolo_status yolo_folder_walk(const char *folder, const yolo_folder_options *options, yolo_folder_visitor visitor,
                             void *payload);

/* Paths. Zero-initialise; yolo_file_list_free. */
typedef struct yolo_file_list {
  char **paths; /* owned */
  size_t count, room;
} yolo_file_list;
void yolo_file_list_free(yolo_file_list *list);
yolo_status yolo_file_list_add(yolo_file_list *list, const char *path);
/* Appends the files below `folder` in natural order. A folder that cannot be read is an error that names it. */
yolo_status yolo_folder_files(const char *folder, const yolo_folder_options *options, yolo_file_list *out);
/* Appends the names (not paths) of the folders right inside `folder`, linked ones too, in natural order. */
yolo_status yolo_folder_folders(const char *folder, yolo_file_list *out);

bool yolo_is_folder(const char *path);
bool yolo_is_file(const char *path); /* a regular one */

#endif
