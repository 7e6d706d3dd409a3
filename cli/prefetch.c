/* Decoding ahead: see prefetch.h. Image i has its place in a ring, i % depth; the places between the next image to hand
 * out and the next one to begin are in use. */
#include "cli/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"

#define PREFETCH_BYTES ((size_t)256 << 20) /* beyond this, one image at a time */

typedef struct place {
  prefetch_item item;
  bool done;
} place;

struct prefetch {
  const source_list *list;
  place *ring; /* depth */
  int depth;
  int begun, taken;  /* the next image to begin, the next to hand out */
  int waiting, busy; /* images that wait, images that are being decoded */
  size_t bytes;      /* pixels that wait */
  size_t largest;    /* bytes of the largest image of late; 0: none was decoded yet */
  bool stop;
  pthread_t threads[PREFETCH_MOST_THREADS];
  int n_threads;
  pthread_mutex_t lock;
  pthread_cond_t room;  /* for decoders */
  pthread_cond_t ready; /* for the taker */
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

/* ---- decoders ---- */

/* With nothing begun the taker may be waiting for this very image, so it may be of any size. The first image is decoded
 * alone: it tells what the others may take. */
static bool may_begin(const prefetch *ahead) {
  if (ahead->begun - ahead->taken >= ahead->depth) return false;
  if (ahead->waiting + ahead->busy == 0) return true;
  size_t making = ((size_t)ahead->busy + 1) * ahead->largest;
  return ahead->largest > 0 && ahead->bytes + making <= PREFETCH_BYTES;
}

/* Waits for room; the index of the image to decode, or -1 when there is nothing left to do. */
static int begin(prefetch *ahead) {
  int index = -1;
  pthread_mutex_lock(&ahead->lock);
  while (!ahead->stop && ahead->begun < ahead->list->count && !may_begin(ahead)) {
    pthread_cond_wait(&ahead->room, &ahead->lock);
  }
  if (!ahead->stop && ahead->begun < ahead->list->count) {
    index = ahead->begun++;
    ahead->busy++;
  }
  pthread_mutex_unlock(&ahead->lock);
  return index;
}

static void end(prefetch *ahead, const prefetch_item *item) {
  size_t bytes = item_bytes(item);
  pthread_mutex_lock(&ahead->lock);
  ahead->ring[item->index % ahead->depth] = (place){*item, true};
  ahead->busy--;
  ahead->waiting++;
  ahead->bytes += bytes;
  ahead->largest -= ahead->largest / 16; /* one huge image is forgotten after a few dozen small ones */
  if (bytes > ahead->largest) ahead->largest = bytes;
  if (item->index == ahead->taken) pthread_cond_signal(&ahead->ready);
  pthread_cond_broadcast(&ahead->room); /* it may be smaller than it was thought to be */
  pthread_mutex_unlock(&ahead->lock);
}

static void *decode(void *payload) {
  prefetch *ahead = payload;
  for (int index; (index = begin(ahead)) >= 0;) {
    prefetch_item item = load(ahead->list, index);
    end(ahead, &item);
  }
  return NULL;
}

/* Signals belong to the main thread: they interrupt its waiting, not a decoder. One thread is enough to go on with. */
static yolo_status start_threads(prefetch *ahead, int threads) {
  sigset_t all, before;
  int rc = 0;
  if (threads > PREFETCH_MOST_THREADS) threads = PREFETCH_MOST_THREADS;
  if (threads > ahead->list->count) threads = ahead->list->count;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (rc == 0 && ahead->n_threads < threads) {
    rc = pthread_create(&ahead->threads[ahead->n_threads], NULL, decode, ahead);
    if (rc == 0) ahead->n_threads++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (ahead->n_threads > 0 || rc == 0) return YOLO_OK;
  return yolo_fail(YOLO_ENOMEM, "the thread that reads images could not be started: %s", strerror(rc));
}

/* ---- the taker ---- */

yolo_status prefetch_start(const source_list *list, int depth, int threads, prefetch **out) {
  *out = NULL;
  prefetch *ahead = yolo_calloc(1, sizeof *ahead);
  if (!ahead) return YOLO_ENOMEM;
  ahead->list = list;
  ahead->depth = depth;
  pthread_mutex_init(&ahead->lock, NULL);
  pthread_cond_init(&ahead->room, NULL);
  pthread_cond_init(&ahead->ready, NULL);
  ahead->ring = yolo_calloc((size_t)depth, sizeof *ahead->ring);
  yolo_status st = ahead->ring ? start_threads(ahead, threads) : YOLO_ENOMEM;
  if (st != YOLO_OK) {
    prefetch_stop(ahead);
    return st;
  }
  *out = ahead;
  return YOLO_OK;
}

int prefetch_threads(const prefetch *ahead) { return ahead->n_threads; }

bool prefetch_next(prefetch *ahead, prefetch_item *out) {
  if (ahead->taken == ahead->list->count) return false;
  pthread_mutex_lock(&ahead->lock);
  place *next = &ahead->ring[ahead->taken % ahead->depth];
  while (!next->done) pthread_cond_wait(&ahead->ready, &ahead->lock);
  *out = next->item;
  *next = (place){0};
  ahead->taken++;
  ahead->waiting--;
  ahead->bytes -= item_bytes(out);
  pthread_cond_broadcast(&ahead->room);
  pthread_mutex_unlock(&ahead->lock);
  return true;
}

void prefetch_stop(prefetch *ahead) {
  if (!ahead) return;
  pthread_mutex_lock(&ahead->lock);
  ahead->stop = true;
  pthread_cond_broadcast(&ahead->room);
  pthread_mutex_unlock(&ahead->lock);
  for (int i = 0; i < ahead->n_threads; ++i) pthread_join(ahead->threads[i], NULL);
  for (int i = 0; ahead->ring && i < ahead->depth; ++i) item_release(&ahead->ring[i].item);
  pthread_cond_destroy(&ahead->ready);
  pthread_cond_destroy(&ahead->room);
  pthread_mutex_destroy(&ahead->lock);
  yolo_free(ahead->ring);
  yolo_free(ahead);
}
