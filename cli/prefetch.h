/* Decoding ahead: a pool of threads decodes images while the network works on earlier ones. Threads begin images in
 * their order and finish them in any; they are handed out in their order.
 *
 * What waits or is being decoded is bounded in number and in bytes, so a folder of huge photographs does not fill the
 * memory. How large an image is shows only when it is decoded: until then it counts as much as the largest one of late. */
#ifndef YOLO_CLI_PREFETCH_H
#define YOLO_CLI_PREFETCH_H

#include "cli/sources.h"
#include "datasets/image.h"

enum { PREFETCH_MOST_THREADS = 64 };

typedef struct prefetch prefetch;

typedef struct prefetch_item {
  int index;        /* into the list */
  yolo_image image; /* the taker's: yolo_image_release */
  char *problem;    /* NULL, or why there is no image; the taker's: yolo_free */
  double load_ms;
} prefetch_item;

/* `depth`: images that may wait or be in the making; `threads`: 1 to PREFETCH_MOST_THREADS. The list must stay as it is
 * until prefetch_stop. */
yolo_status prefetch_start(const source_list *list, int depth, int threads, prefetch **out);
int prefetch_threads(const prefetch *ahead); /* how many work: no more than there are images */
/* The next image in order; false after the last. Blocks until it is there. */
bool prefetch_next(prefetch *ahead, prefetch_item *out);
void prefetch_stop(prefetch *ahead); /* NULL is fine; waits for the images in hand */

#endif
