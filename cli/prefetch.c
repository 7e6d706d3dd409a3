/* Decoding ahead: see prefetch.h. A ring between one producer and one consumer. */
#include "cli/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"

#define PREFETCH_BYTES ((size_t)256 << 20) /* beyond this, one image at a time */

struct prefetch {
  const source_list *list;
  prefetch_item *ring; /* depth */
  int depth;
  int head, count; /* the oldest, and how many wait */
  int taken;       /* images handed out */
  size_t bytes;    /* pixels that wait */
  bool stop, started;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
};

static size_t item_bytes(const prefetch_item *item) { return (size_t)item->image.width * (size_t)item->image.height * 3; }

static void item_release(prefetch_item *item) {
  yolo_image_release(&item->image);
  yolo_free(item->problem);
  item->problem = NULL;
}

/* A problem is kept even when memory for its sentence is short: an image without pixels is a failed one. */
static prefetch_item load(const source_list *list, int index) {
  prefetch_item item = {.index = index};
  double start = yolo_now_ms();
  const source_item *source = &list->items[index];
  if (source->problem) {
    item.problem = yolo_strdup(source->problem);
  } else if (yolo_image_load(source->path, &item.image) != YOLO_OK) {
    item.problem = yolo_strdup(yolo_error_message());
  }
  item.load_ms = yolo_now_ms() - start;
  return item;
}

/* Puts one item into the ring; false when asked to stop. */
static bool put(prefetch *ahead, prefetch_item *item) {
  pthread_mutex_lock(&ahead->lock);
  while (!ahead->stop && (ahead->count == ahead->depth || (ahead->count > 0 && ahead->bytes > PREFETCH_BYTES))) {
    pthread_cond_wait(&ahead->changed, &ahead->lock);
  }
  bool go_on = !ahead->stop;
  if (go_on) {
    ahead->ring[(ahead->head + ahead->count++) % ahead->depth] = *item;
    ahead->bytes += item_bytes(item);
    pthread_cond_broadcast(&ahead->changed);
  }
  pthread_mutex_unlock(&ahead->lock);
  return go_on;
}

static void *produce(void *payload) {
  prefetch *ahead = payload;
  for (int i = 0; i < ahead->list->count; ++i) {
    prefetch_item item = load(ahead->list, i);
    if (!put(ahead, &item)) {
      item_release(&item);
      break;
    }
  }
  return NULL;
}

/* Signals belong to the main thread: they interrupt its waiting, not a decoder. */
static int start_thread(prefetch *ahead) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&ahead->thread, NULL, produce, ahead);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

yolo_status prefetch_start(const source_list *list, int depth, prefetch **out) {
  *out = NULL;
  prefetch *ahead = yolo_calloc(1, sizeof *ahead);
  if (!ahead) return YOLO_ENOMEM;
  ahead->list = list;
  ahead->depth = depth;
  pthread_mutex_init(&ahead->lock, NULL);
  pthread_cond_init(&ahead->changed, NULL);
  ahead->ring = yolo_calloc((size_t)depth, sizeof *ahead->ring);
  yolo_status st = ahead->ring ? YOLO_OK : YOLO_ENOMEM;
  if (st == YOLO_OK) {
    int rc = start_thread(ahead);
    ahead->started = rc == 0;
    if (rc != 0) st = yolo_fail(YOLO_ENOMEM, "the thread that reads images could not be started: %s", strerror(rc));
  }
  if (st != YOLO_OK) {
    prefetch_stop(ahead);
    return st;
  }
  *out = ahead;
  return YOLO_OK;
}

bool prefetch_next(prefetch *ahead, prefetch_item *out) {
  if (ahead->taken == ahead->list->count) return false;
  pthread_mutex_lock(&ahead->lock);
  while (ahead->count == 0) pthread_cond_wait(&ahead->changed, &ahead->lock);
  *out = ahead->ring[ahead->head];
  ahead->head = (ahead->head + 1) % ahead->depth;
  ahead->count--;
  ahead->taken++;
  ahead->bytes -= item_bytes(out);
  pthread_cond_broadcast(&ahead->changed);
  pthread_mutex_unlock(&ahead->lock);
  return true;
}

void prefetch_stop(prefetch *ahead) {
  if (!ahead) return;
  if (ahead->started) {
    pthread_mutex_lock(&ahead->lock);
    ahead->stop = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
  }
  for (; ahead->count > 0; --ahead->count) {
    item_release(&ahead->ring[ahead->head]);
    ahead->head = (ahead->head + 1) % ahead->depth;
  }
  pthread_cond_destroy(&ahead->changed);
  pthread_mutex_destroy(&ahead->lock);
  yolo_free(ahead->ring);
  yolo_free(ahead);
}
