/* A loader of batches: worker threads augment ahead into a bounded ring; order and content do not depend on their number.
 *
 * The order of an epoch is a permutation keyed by (seed, epoch). Batch b of epoch e holds the same bytes whoever made it; the
 * consumer takes batches in order and gives each back. One consumer. Nothing is allocated per batch once the ring is warm. */
#ifndef YOLO_DATASETS_LOADER_H
#define YOLO_DATASETS_LOADER_H

#include "datasets/image_cache.h"

typedef struct yolo_loader_options {
  int batch;         /* images; 0: 1 */
  int width, height; /* of the network's input, before multi-scale */
  int stride;        /* multi-scale sizes are multiples of it; 0: 32 */
  int workers;       /* 0: the cores this process may use */
  int ahead;         /* batches in the ring; 0: 2 and as many as keep the workers busy */
  uint64_t seed;
  bool shuffle, augment; /* without: in order, only fitted */
  bool drop_last;        /* an incomplete last batch is left out */
  int plain_from; /* from this epoch on neither mosaic, mixup, cutmix nor copy-paste (YOLOX's and YOLOv5's last epochs); 0:
                     never */
  yolo_cache_kind cache;
  const char *cache_folder; /* for disk; NULL: the user's cache folder */
  const yolo_log *log;
} yolo_loader_options;

typedef struct yolo_batch {
  int epoch, index;     /* batch number within the epoch */
  int count;            /* samples */
  int width, height;    /* of every image in this batch */
  yolo_sample *samples; /* their images are width x height */
} yolo_batch;

typedef struct yolo_loader yolo_loader;
/* The dataset and the augmentation must stay until the loader is freed. */
yolo_status yolo_loader_new(const yolo_dataset *dataset, const yolo_augment *augment, const yolo_loader_options *options,
                            yolo_loader **out);
void yolo_loader_free(yolo_loader *loader);         /* stops the workers */
int yolo_loader_batches(const yolo_loader *loader); /* an epoch */
/* Begins at a batch of an epoch (resume); what was made ahead for another place is thrown away. Every batch must
 * have been given back. */
yolo_status yolo_loader_seek(yolo_loader *loader, int epoch, int batch);
/* The next batch; goes on into the next epoch by itself. Blocks until it is there. The batch is the loader's until
 * yolo_loader_give_back. An image that cannot be read is an error that names it. */
yolo_status yolo_loader_next(yolo_loader *loader, yolo_batch **out);
void yolo_loader_give_back(yolo_loader *loader, yolo_batch *batch);

#endif
