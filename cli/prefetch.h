/* Decoding ahead: one thread reads the images in their order while the network works on earlier ones.
 *
 * What waits is bounded in number and in bytes, so a folder of huge photographs does not fill the memory. */
#ifndef YOLO_CLI_PREFETCH_H
#define YOLO_CLI_PREFETCH_H

#include "cli/sources.h"
#include "datasets/image.h"

typedef struct prefetch prefetch;

typedef struct prefetch_item {
  int index;        /* into the list */
  yolo_image image; /* the taker's: yolo_image_release */
  char *problem;    /* NULL, or why there is no image; the taker's: yolo_free */
  double load_ms;
} prefetch_item;

/* `depth`: images that may wait. The list must stay as it is until prefetch_stop. */
yolo_status prefetch_start(const source_list *list, int depth, prefetch **out);
/* The next image in order; false after the last. Blocks until it is there. */
bool prefetch_next(prefetch *ahead, prefetch_item *out);
void prefetch_stop(prefetch *ahead); /* NULL is fine; waits for the image in hand */

#endif
