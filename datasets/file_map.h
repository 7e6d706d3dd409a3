/* A file as bytes in memory, mapped where that is possible: the one place that knows mmap.
 *
 * Pages of a mapped file count as memory of the process only while they are there: yolo_file_map_release gives back those that
 * were read, and they come again from the file when somebody looks. */
#ifndef YOLO_DATASETS_FILE_MAP_H
#define YOLO_DATASETS_FILE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

typedef enum yolo_map_use {
  YOLO_MAP_WALK, /* read from end to end, maybe twice */
  YOLO_MAP_KEEP  /* stays, looked at here and there; may be written to without changing the file */
} yolo_map_use;

/* Zero-initialise; yolo_file_map_close. */
typedef struct yolo_file_map {
  char *bytes; /* not terminated */
  size_t length;
  bool mapped; /* else the file was no ordinary one (a pipe) and was read into memory */
} yolo_file_map;

yolo_status yolo_file_map_open(const char *path, yolo_map_use use, yolo_file_map *out);
void yolo_file_map_close(yolo_file_map *map);
/* Gives back the pages that lie wholly in [from, to). */
void yolo_file_map_release(const yolo_file_map *map, size_t from, size_t to);

#endif
