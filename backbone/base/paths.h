/* Paths as text, and folders on disk. Every *out belongs to the caller (yolo_free). */
#ifndef YOLO_BASE_PATHS_H
#define YOLO_BASE_PATHS_H

#include <stdbool.h>

#include "backbone/base/status.h"

/* From /, with "." and ".." resolved as text (the file need not exist). */
yolo_status yolo_path_absolute(const char *path, char **out);
/* "a/b" -> "a", "b" -> ".", "/b" -> "/". */
yolo_status yolo_path_parent(const char *path, char **out);
yolo_status yolo_path_join(const char *folder, const char *name, char **out);
/* Shortens *common to the folder it shares with `folder`; the first call (NULL) copies. Both from /. */
yolo_status yolo_path_common(char **common, const char *folder);
/* What follows the folder in a path below it. */
const char *yolo_path_below(const char *folder, const char *path);
/* Do both name one file on the disk, over links too? A path that leads nowhere is no file. */
bool yolo_path_same_file(const char *a, const char *b);
/* mkdir -p. */
yolo_status yolo_path_make_folder(const char *path);
/* Where this program keeps what it can make again: $YOLO_CACHE, else $XDG_CACHE_HOME/yolo, else ~/.cache/yolo. Not made. Fails
 * (YOLO_EIO) where there is no home. */
yolo_status yolo_path_cache(char **out);
/* mkdir -p for the folder of a file. */
yolo_status yolo_path_make_parent(const char *file);

#endif
