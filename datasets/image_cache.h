/* Decoded images kept for the next epoch: in memory, on disk, or not at all.
 *
 * An image enters when it is first asked for. On disk all pixels lie in one file beside others of the user's cache folder; an
 * entry is used only while the image it came from has the size and time it had then. A disk that fills up ends the caching with
 * a note, not the training. Safe for any number of threads. */
#ifndef YOLO_DATASETS_IMAGE_CACHE_H
#define YOLO_DATASETS_IMAGE_CACHE_H

#include "datasets/augment.h"

typedef enum yolo_cache_kind { YOLO_CACHE_OFF, YOLO_CACHE_RAM, YOLO_CACHE_DISK } yolo_cache_kind;

typedef struct yolo_image_cache yolo_image_cache;

/* Says in the log what it will take, first; refuses (YOLO_ENOMEM, with both sizes) what the free memory or the disk cannot
 * hold. folder: for disk; NULL: the user's cache folder. The dataset must stay. */
yolo_status yolo_image_cache_new(const yolo_dataset *dataset, yolo_cache_kind kind, const char *folder, const yolo_log *log,
                                 yolo_image_cache **out);
void yolo_image_cache_free(yolo_image_cache *cache); /* NULL is fine */
/* As yolo_sample_load, through the cache: a yolo_sample_source's load with the cache as its payload. Pixels in memory are lent
 * (sample->borrowed) until the cache is freed. */
yolo_status yolo_image_cache_load(void *cache, size_t index, yolo_sample *out);

/* Bytes of all images decoded. Where the labels do not record a size, the image's header is looked at. */
uint64_t yolo_image_cache_bytes(const yolo_dataset *dataset);

#endif
