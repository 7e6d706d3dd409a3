/* How many pictures a second the augmentation makes: for scripts/bench_augment.py and for timing the loader.
 *
 *   augment_lab LABELS [key=value ...]
 *     images=DIR      the folder of the images
 *     preset=yolov5   none, darknet, yolov5, ssd, classify
 *     size=416        of the network's input
 *     seconds=4       how long each measurement runs
 *     workers=0       0: the augmentation alone, on this thread; else the loader with so many threads
 * Prints a line a source: "ram 812.4" (decoded images in memory), "jpeg 190.3" (decoded each time): pictures a second, of
 * processor time without workers, of the clock with them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backbone/base/clock.h"
#include "backbone/base/text.h"
#include "datasets/loader.h"

typedef struct job {
  const char *images, *preset;
  int size, seconds, workers;
} job;

static bool read_argument(job *j, const char *argument) {
  const char *value = strchr(argument, '=');
  size_t length = value ? (size_t)(value++ - argument) : 0;
  if (!value) return false;
  if (length == 6 && memcmp(argument, "images", 6) == 0) return (j->images = value) != NULL;
  if (length == 6 && memcmp(argument, "preset", 6) == 0) return (j->preset = value) != NULL;
  if (length == 4 && memcmp(argument, "size", 4) == 0) return yolo_parse_int(value, &j->size);
  if (length == 7 && memcmp(argument, "seconds", 7) == 0) return yolo_parse_int(value, &j->seconds);
  if (length == 7 && memcmp(argument, "workers", 7) == 0) return yolo_parse_int(value, &j->workers);
  return false;
}

/* Of this process: what others do on the machine does not count. */
static double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static yolo_status time_augmenter(const job *j, const yolo_augment *augment, const yolo_sample_source *source, double *rate) {
  yolo_augmenter *augmenter = NULL;
  yolo_sample sample = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_augmenter_new(augment, source, 1, &augmenter));
  for (size_t i = 0; i < source->count; i++) { /* fills the cache */
    YOLO_TRY(yolo_augmenter_fit(augmenter, i, j->size, j->size, &sample));
  }
  int made = 0;
  double start = cpu_seconds(), now = start;
  for (; now - start < j->seconds; now = cpu_seconds(), made++) {
    int epoch = made / (int)source->count;
    YOLO_TRY(yolo_augmenter_run(augmenter, epoch, (size_t)made % source->count, j->size, j->size, &sample));
  }
  *rate = made / (now - start);
done:
  yolo_sample_free(&sample);
  yolo_augmenter_free(augmenter);
  return st;
}

static yolo_status time_loader(const job *j, const yolo_dataset *dataset, const yolo_augment *augment, yolo_cache_kind cache,
                               double *rate) {
  yolo_loader_options options = {.batch = 16,
                                 .width = j->size,
                                 .height = j->size,
                                 .workers = j->workers,
                                 .shuffle = true,
                                 .augment = true,
                                 .cache = cache};
  yolo_augment fixed = *augment;
  yolo_loader *loader = NULL;
  yolo_batch *batch = NULL;
  yolo_status st = YOLO_OK;
  fixed.multi_scale[0] = fixed.multi_scale[1] = 1;
  YOLO_TRY(yolo_loader_new(dataset, &fixed, &options, &loader));
  int warm = yolo_loader_batches(loader), made = 0; /* an epoch fills the cache */
  double start = 0, now = 0;
  for (int i = 0; i < warm || now - start < j->seconds * 1e3; i++) {
    YOLO_TRY(yolo_loader_next(loader, &batch));
    if (i >= warm) made += batch->count;
    yolo_loader_give_back(loader, batch);
    now = yolo_now_ms();
    if (i < warm) start = now;
  }
  *rate = made / (now - start) * 1e3;
done:
  yolo_loader_free(loader);
  return st;
}

static yolo_status time_source(const job *j, const yolo_dataset *dataset, const yolo_augment *augment, yolo_cache_kind kind,
                               double *rate) {
  yolo_image_cache *cache = NULL;
  if (j->workers > 0) return time_loader(j, dataset, augment, kind, rate);
  yolo_status st = yolo_image_cache_new(dataset, kind, NULL, NULL, &cache);
  yolo_sample_source source = {yolo_image_cache_load, dataset->n_images, cache};
  if (st == YOLO_OK) st = time_augmenter(j, augment, &source, rate);
  yolo_image_cache_free(cache);
  return st;
}

int main(int argc, char **argv) {
  job j = {NULL, "yolov5", 416, 4, 0};
  yolo_data_source labels = {NULL, argc > 1 ? argv[1] : "", NULL};
  yolo_dataset *dataset = NULL;
  yolo_augment augment;
  yolo_status st = YOLO_OK;
  double ram = 0, jpeg = 0;
  for (int i = 2; i < argc; i++) {
    if (!read_argument(&j, argv[i])) st = yolo_fail(YOLO_EINVAL, "no such argument: %s", argv[i]);
  }
  static const char *const presets[] = {"none", "darknet", "yolov5", "ssd", "classify"};
  yolo_augment_use_preset(&augment, YOLO_PRESET_NONE);
  for (int i = 0; i < 5; i++) {
    if (strcmp(j.preset, presets[i]) == 0) yolo_augment_use_preset(&augment, (yolo_augment_preset)i);
  }
  labels.images = j.images;
  YOLO_TRY(st);
  YOLO_TRY(yolo_dataset_open(&labels, 1, NULL, &dataset));
  YOLO_TRY(time_source(&j, dataset, &augment, YOLO_CACHE_RAM, &ram));
  printf("ram %.1f\n", ram);
  YOLO_TRY(time_source(&j, dataset, &augment, YOLO_CACHE_OFF, &jpeg));
  printf("jpeg %.1f\n", jpeg);
done:
  if (st != YOLO_OK) fprintf(stderr, "augment_lab: %s\n", yolo_error_message());
  yolo_dataset_free(dataset);
  return st == YOLO_OK ? 0 : 1;
}
