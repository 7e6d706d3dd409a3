/* A loader of batches: see loader.h.
 *
 * Batches are numbered through all epochs (serial); batch s has its place in a ring, s % depth. Workers claim single samples,
 * in order: the batch being filled, its next sample. Which images a batch holds is settled when its place becomes free, so a
 * worker needs nothing but its own augmenter. */
#include "datasets/loader.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/threads.h"

enum { LOADER_MOST_WORKERS = 256, LOADER_STRIDE = 32 };
/* Own keys of the generator, apart from those of the augmentation. */
static const uint64_t KEY_ORDER = 0x6f72646572u, KEY_SCALE = 0x7363616c65u;

typedef struct slot {
  yolo_batch batch;
  size_t *indices; /* images of the batch */
  bool used;       /* being filled, waiting or lent */
  int claimed, done;
  yolo_status st; /* of the first sample that failed, in the order of the batch */
  int bad;        /* which sample that was */
  char *error;
} slot;

struct yolo_loader {
  const yolo_dataset *dataset;
  yolo_augment augment, plain; /* plain: without what joins several images */
  yolo_loader_options options;
  yolo_image_cache *cache;
  yolo_sample_source source;
  int n_batches, depth;
  slot *ring;
  size_t *order; /* of order_epoch */
  int order_epoch;
  int64_t filling, taking; /* serials */
  int busy;                /* samples being made */
  bool stop, hold;
  pthread_mutex_t lock;
  pthread_cond_t work, ready, idle;
  pthread_t threads[LOADER_MOST_WORKERS];
  yolo_augmenter *augmenters[LOADER_MOST_WORKERS], *plain_augmenters[LOADER_MOST_WORKERS];
  int n_threads;
};

/* What a thread is started with. */
typedef struct worker {
  yolo_loader *loader;
  yolo_augmenter *augmenter, *plain;
} worker;

/* ---- which images, which size: pure functions of seed, epoch and batch ---- */

/* Fisher and Yates' shuffle. */
static void make_order(yolo_loader *loader, int epoch) {
  size_t n = loader->dataset->n_images;
  yolo_rng rng = {.key = loader->options.seed ^ KEY_ORDER, .stream = (uint64_t)epoch};
  for (size_t i = 0; i < n; ++i) loader->order[i] = i;
  for (size_t i = n; loader->options.shuffle && i > 1; --i) {
    size_t j = (size_t)(((uint64_t)yolo_rng_u32(&rng) * i) >> 32), t = loader->order[i - 1];
    loader->order[i - 1] = loader->order[j];
    loader->order[j] = t;
  }
  loader->order_epoch = epoch;
}

static int scaled(int side, double factor, int stride) {
  int steps = (int)lround(side * factor / stride);
  return (steps < 1 ? 1 : steps) * stride;
}

static void choose_size(const yolo_loader *loader, int64_t serial, yolo_batch *batch) {
  const yolo_loader_options *o = &loader->options;
  const double *range = loader->augment.multi_scale;
  batch->width = o->width;
  batch->height = o->height;
  if (!o->augment || range[1] <= 0 || (range[0] == 1 && range[1] == 1)) return;
  int every = loader->augment.multi_scale_every > 0 ? loader->augment.multi_scale_every : 1;
  yolo_rng rng = {.key = o->seed ^ KEY_SCALE, .stream = (uint64_t)(serial / every)};
  double factor = range[0] + (range[1] - range[0]) * (double)yolo_rng_uniform(&rng);
  batch->width = scaled(o->width, factor, o->stride);
  batch->height = scaled(o->height, factor, o->stride);
}

static void begin_batch(yolo_loader *loader, slot *s, int64_t serial) {
  size_t size = (size_t)loader->options.batch, n = loader->dataset->n_images;
  int epoch = (int)(serial / loader->n_batches), index = (int)(serial % loader->n_batches);
  if (loader->order_epoch != epoch) make_order(loader, epoch);
  size_t first = (size_t)index * size, count = n - first < size ? n - first : size;
  s->batch.epoch = epoch;
  s->batch.index = index;
  s->batch.count = (int)count;
  memcpy(s->indices, loader->order + first, count * sizeof *s->indices);
  choose_size(loader, serial, &s->batch);
  s->used = true;
  s->claimed = s->done = 0;
  s->st = YOLO_OK;
}

/* ---- workers ---- */

static bool holds(const yolo_loader *loader, const slot *s, int64_t serial) {
  return s->used && (int64_t)s->batch.epoch * loader->n_batches + s->batch.index == serial;
}

/* Waits for a sample to make; NULL when the loader stops. */
static slot *claim(yolo_loader *loader, int *sample) {
  slot *found = NULL;
  pthread_mutex_lock(&loader->lock);
  while (!loader->stop && !found) {
    slot *s = &loader->ring[loader->filling % loader->depth];
    if (loader->hold || (s->used && !holds(loader, s, loader->filling))) { /* an earlier batch is still there */
      pthread_cond_wait(&loader->work, &loader->lock);
      continue;
    }
    if (!s->used) begin_batch(loader, s, loader->filling);
    *sample = s->claimed++;
    if (s->claimed == s->batch.count) loader->filling++;
    loader->busy++;
    found = s;
  }
  pthread_mutex_unlock(&loader->lock);
  return found;
}

/* The failure of the earliest sample is the batch's, so that it does not depend on who was faster. */
static void note_failure(slot *s, int sample, yolo_status st) {
  if (s->st != YOLO_OK && s->bad < sample) return;
  yolo_free(s->error);
  s->error = yolo_strdup(yolo_error_message());
  s->st = st;
  s->bad = sample;
}

static void finish(yolo_loader *loader, slot *s, int sample, yolo_status st) {
  pthread_mutex_lock(&loader->lock);
  if (st != YOLO_OK) note_failure(s, sample, st);
  s->done++;
  loader->busy--;
  if (s->done == s->batch.count) pthread_cond_broadcast(&loader->ready);
  if (loader->busy == 0) pthread_cond_broadcast(&loader->idle);
  pthread_mutex_unlock(&loader->lock);
}

static void *work(void *payload) {
  worker self = *(worker *)payload;
  yolo_free(payload);
  yolo_loader *loader = self.loader;
  int sample;
  for (slot *s; (s = claim(loader, &sample)) != NULL;) {
    yolo_batch *b = &s->batch;
    yolo_sample *out = &b->samples[sample];
    bool plain = loader->options.plain_from > 0 && b->epoch >= loader->options.plain_from;
    yolo_augmenter *augmenter = plain ? self.plain : self.augmenter;
    yolo_status st = loader->options.augment
                         ? yolo_augmenter_run(augmenter, b->epoch, s->indices[sample], b->width, b->height, out)
                         : yolo_augmenter_fit(augmenter, s->indices[sample], b->width, b->height, out);
    finish(loader, s, sample, st);
  }
  return NULL;
}

static yolo_status start_worker(yolo_loader *loader) {
  int i = loader->n_threads;
  yolo_status st = yolo_augmenter_new(&loader->augment, &loader->source, loader->options.seed, &loader->augmenters[i]);
  if (st == YOLO_OK && loader->options.plain_from > 0)
    st = yolo_augmenter_new(&loader->plain, &loader->source, loader->options.seed, &loader->plain_augmenters[i]);
  if (st != YOLO_OK) return st;
  worker *self = yolo_alloc(sizeof *self);
  if (!self) return YOLO_ENOMEM;
  *self = (worker){loader, loader->augmenters[i], loader->plain_augmenters[i]};
  int rc = pthread_create(&loader->threads[i], NULL, work, self);
  if (rc == 0) {
    loader->n_threads++;
    return YOLO_OK;
  }
  yolo_free(self);
  return yolo_fail(YOLO_ENOMEM, "a thread that loads images could not be started: %s", strerror(rc));
}

/* Signals belong to the program's own threads. */
static yolo_status start_workers(yolo_loader *loader) {
  sigset_t all, before;
  yolo_status st = YOLO_OK;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (st == YOLO_OK && loader->n_threads < loader->options.workers) st = start_worker(loader);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return st;
}

/* ---- the loader ---- */

static yolo_status check_options(const yolo_dataset *dataset, yolo_loader_options *o) {
  if (dataset->n_images == 0) return yolo_fail(YOLO_EINVAL, "the data set has no image to load");
  if (o->width < 1 || o->height < 1 || o->width > YOLO_IMAGE_MAX_SIDE || o->height > YOLO_IMAGE_MAX_SIDE) {
    return yolo_fail(YOLO_EINVAL, "batches of %dx%d pixels cannot be made", o->width, o->height);
  }
  if (o->batch < 1) o->batch = 1;
  if (o->stride < 1) o->stride = LOADER_STRIDE;
  if (o->drop_last && dataset->n_images < (size_t)o->batch) {
    return yolo_fail(YOLO_EINVAL, "%zu images do not fill one batch of %d", dataset->n_images, o->batch);
  }
  if (o->workers < 1) o->workers = yolo_threads_available();
  if (o->workers > LOADER_MOST_WORKERS) o->workers = LOADER_MOST_WORKERS;
  if (o->ahead < 1) o->ahead = 2 + (o->workers - 1) / o->batch;
  return YOLO_OK;
}

static yolo_status make_ring(yolo_loader *loader) {
  size_t batch = (size_t)loader->options.batch, n = loader->dataset->n_images;
  loader->depth = loader->options.ahead + 1; /* one may be lent */
  loader->n_batches = (int)(loader->options.drop_last ? n / batch : (n + batch - 1) / batch);
  loader->order_epoch = -1;
  loader->order = yolo_alloc_array(n, sizeof *loader->order);
  loader->ring = yolo_calloc((size_t)loader->depth, sizeof *loader->ring);
  if (!loader->order || !loader->ring) return YOLO_ENOMEM;
  for (int i = 0; i < loader->depth; ++i) {
    loader->ring[i].indices = yolo_alloc_array(batch, sizeof(size_t));
    loader->ring[i].batch.samples = yolo_calloc(batch, sizeof(yolo_sample));
    if (!loader->ring[i].indices || !loader->ring[i].batch.samples) return YOLO_ENOMEM;
  }
  return YOLO_OK;
}

yolo_status yolo_loader_new(const yolo_dataset *dataset, const yolo_augment *augment, const yolo_loader_options *options,
                            yolo_loader **out) {
  yolo_status st = YOLO_OK;
  *out = NULL;
  yolo_loader *loader = yolo_calloc(1, sizeof *loader);
  if (!loader) return YOLO_ENOMEM;
  loader->dataset = dataset;
  loader->augment = loader->plain = *augment;
  loader->plain.mosaic = loader->plain.mixup = loader->plain.cutmix = loader->plain.copy_paste = 0;
  loader->options = *options;
  pthread_mutex_init(&loader->lock, NULL);
  pthread_cond_init(&loader->work, NULL);
  pthread_cond_init(&loader->ready, NULL);
  pthread_cond_init(&loader->idle, NULL);
  YOLO_TRY(check_options(dataset, &loader->options));
  YOLO_TRY(yolo_image_cache_new(dataset, options->cache, options->cache_folder, options->log, &loader->cache));
  loader->source = (yolo_sample_source){yolo_image_cache_load, dataset->n_images, loader->cache};
  YOLO_TRY(make_ring(loader));
  YOLO_TRY(start_workers(loader));
  *out = loader;
  loader = NULL;
done:
  yolo_loader_free(loader);
  return st;
}

static void free_slot(slot *s, int batch) {
  for (int i = 0; s->batch.samples && i < batch; ++i) yolo_sample_free(&s->batch.samples[i]);
  yolo_free(s->batch.samples);
  yolo_free(s->indices);
  yolo_free(s->error);
}

void yolo_loader_free(yolo_loader *loader) {
  if (!loader) return;
  pthread_mutex_lock(&loader->lock);
  loader->stop = true;
  pthread_cond_broadcast(&loader->work);
  pthread_mutex_unlock(&loader->lock);
  for (int i = 0; i < loader->n_threads; ++i) pthread_join(loader->threads[i], NULL);
  for (int i = 0; i < LOADER_MOST_WORKERS; ++i) {
    yolo_augmenter_free(loader->augmenters[i]);
    yolo_augmenter_free(loader->plain_augmenters[i]);
  }
  for (int i = 0; loader->ring && i < loader->depth; ++i) free_slot(&loader->ring[i], loader->options.batch);
  yolo_image_cache_free(loader->cache);
  pthread_cond_destroy(&loader->work);
  pthread_cond_destroy(&loader->ready);
  pthread_cond_destroy(&loader->idle);
  pthread_mutex_destroy(&loader->lock);
  yolo_free(loader->ring);
  yolo_free(loader->order);
  yolo_free(loader);
}

int yolo_loader_batches(const yolo_loader *loader) { return loader->n_batches; }

yolo_status yolo_loader_seek(yolo_loader *loader, int epoch, int batch) {
  if (epoch < 0 || batch < 0 || batch >= loader->n_batches) {
    return yolo_fail(YOLO_EINVAL, "there is no batch %d of epoch %d; an epoch has %d", batch, epoch, loader->n_batches);
  }
  pthread_mutex_lock(&loader->lock);
  loader->hold = true;
  while (loader->busy > 0) pthread_cond_wait(&loader->idle, &loader->lock);
  for (int i = 0; i < loader->depth; ++i) loader->ring[i].used = false;
  loader->filling = loader->taking = (int64_t)epoch * loader->n_batches + batch;
  loader->hold = false;
  pthread_cond_broadcast(&loader->work);
  pthread_mutex_unlock(&loader->lock);
  return YOLO_OK;
}

yolo_status yolo_loader_next(yolo_loader *loader, yolo_batch **out) {
  yolo_status st = YOLO_OK;
  *out = NULL;
  pthread_mutex_lock(&loader->lock);
  slot *s = &loader->ring[loader->taking % loader->depth];
  bool lent = s->used && !holds(loader, s, loader->taking);
  while (!lent && !(holds(loader, s, loader->taking) && s->done == s->batch.count)) {
    pthread_cond_wait(&loader->ready, &loader->lock);
  }
  if (lent) {
    st = yolo_fail(YOLO_EINVAL, "%d batches were taken and none was given back", loader->depth);
  } else if (s->st == YOLO_OK) {
    *out = &s->batch;
    loader->taking++;
  } else {
    st = yolo_fail(s->st, "%s", s->error ? s->error : "an image could not be loaded");
  }
  pthread_mutex_unlock(&loader->lock);
  return st;
}

void yolo_loader_give_back(yolo_loader *loader, yolo_batch *batch) {
  pthread_mutex_lock(&loader->lock);
  for (int i = 0; i < loader->depth; ++i) {
    if (&loader->ring[i].batch == batch) loader->ring[i].used = false;
  }
  pthread_cond_broadcast(&loader->work);
  pthread_mutex_unlock(&loader->lock);
}
