/* Internal to datasets/: what the writers of folders share. Images are not copied: the written folder has links to them. */
#ifndef YOLO_DATASETS_WRITE_NAMES_H
#define YOLO_DATASETS_WRITE_NAMES_H

#include "backbone/base/text.h"
#include "datasets/dataset.h"
#include "datasets/folder.h"

/* A name for each image, e.g. "train/a.jpg": its path below the folder that all images share, or, flat, with '_' for '/'. Stems
 * are unique, so that each image gets label files of its own ("a.jpg" beside "a.png" becomes "a-2.png"). Images without a file
 * get "". */
yolo_status yolo_write_names(const yolo_dataset *dataset, bool flat, yolo_file_list *out);

/* FOLDER/NAME as a link to the image: relative where both lie in `root`, else absolute. An older link is replaced; where the
 * image itself lies there, nothing is done; another file there is an error. */
yolo_status yolo_write_link(const char *root, const char *folder, const char *name, const char *image);

/* FOLDER/classes.txt: the names, one a line. */
yolo_status yolo_write_classes(const yolo_dataset *dataset, const char *folder, bool background);

/* FOLDER/NAME with another suffix, its folder made; *out is the caller's. */
yolo_status yolo_write_place(const char *folder, const char *name, const char *suffix, char **out);

/* A small file, one of many: written without waiting for the disk. */
yolo_status yolo_write_small(const char *path, const char *bytes, size_t length);

/* A number with up to 10 digits and a point for a point, whatever the locale. */
yolo_status yolo_write_number(yolo_text *text, double value);

/* The size the labels speak of: as recorded, else from the image's header, upright. False: not known. */
bool yolo_write_size(const yolo_dataset *dataset, const yolo_data_image *image, int size[2]);

#endif
