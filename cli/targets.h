/* Where outputs go: the output folder, and one name for each image below it.
 *
 * The names mirror the folders of the sources: with a/x.jpg and b/x.jpg, DIR/a/x.jpg and DIR/b/x.jpg. Two
 * images never share a name, whatever their suffixes: x.jpg and x.png become x and x-png. */
#ifndef YOLO_CLI_TARGETS_H
#define YOLO_CLI_TARGETS_H

#include "cli/sources.h"

/* Fills items[].stem. */
yolo_status targets_name(source_list *list);

/* `wanted` NULL: runs/detect, or the first of runs/detect-2, runs/detect-3 ... that is new. Makes the folder;
 * *out is the caller's (yolo_free). */
yolo_status targets_make_folder(const char *wanted, char **out);

/* The picture drawn for an image: DIR/stem with the image's own suffix where that can be written, else .png. */
yolo_status targets_picture(const char *folder, const source_item *item, char **out);

/* Fails when a picture would be written over one of the images it is drawn from. */
yolo_status targets_check(const char *folder, const source_list *list);

#endif
