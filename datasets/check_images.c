/* The images of one split: is each there, does it decode, is it what its name and its labels say?
 *
 * Images are decoded by all threads, in batches; what they showed is reported between the batches, in the order of the data
 * set, so that neither the order nor the memory depends on the number of threads. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "datasets/check_parts.h"
#include "datasets/decoders.h"
#include "datasets/folder.h"

enum { BATCH = 64 };
enum { SEED_PATH = 1, SEED_RECORD = 2 }; /* pixels of files have their size as seed, which is larger */

/* ---- looking at one image, on any thread ---- */

typedef struct look_result {
  bool missing, undecodable;
  char *problem;       /* owned: why it does not decode */
  const char *content; /* its format by its bytes; NULL: nobody knows it */
  int warnings;
  char warning[96];
} look_result;

typedef struct batch {
  const yolo_dataset *dataset;
  yolo_seen_image *seen; /* of the whole split */
  size_t first;
  bool no_images;
  look_result looks[BATCH];
} batch;

static void look_at_record(const batch *b, const yolo_data_image *image, yolo_seen_image *seen) {
  uint64_t size = (uint64_t)image->width * (uint64_t)image->height * (uint64_t)b->dataset->pixel_channels;
  if (image->pixels > b->dataset->n_pixels || size > b->dataset->n_pixels - image->pixels) return;
  seen->content = yolo_hash_bytes(b->dataset->pixels + image->pixels, size, SEED_RECORD);
  seen->hashed = true;
}

static void look_at_path(const char *file, yolo_seen_image *seen) {
  seen->content = yolo_hash_bytes(file, strlen(file), SEED_PATH);
  seen->hashed = seen->is_path = true;
}

static void keep_image(const yolo_image *image, yolo_seen_image *seen, look_result *look) {
  size_t bytes = (size_t)image->width * (size_t)image->height * 3;
  seen->width = image->width;
  seen->height = image->height;
  seen->orientation = (uint8_t)image->orientation;
  seen->content = yolo_hash_bytes(image->pixels, bytes, (uint64_t)image->width << 32 | (uint64_t)image->height);
  seen->hashed = true;
  look->warnings = image->warnings;
  memcpy(look->warning, image->warning, sizeof look->warning);
}

static void look_at_file(const char *file, yolo_seen_image *seen, look_result *look) {
  yolo_image image = {0};
  char *bytes = NULL;
  size_t length = 0;
  look->missing = !yolo_is_file(file);
  seen->unusable = look->missing;
  if (look->missing) return;
  yolo_status st = yolo_read_file(file, YOLO_IMAGE_MAX_FILE, &bytes, &length);
  if (st == YOLO_OK) {
    look->content = yolo_image_sniff((const uint8_t *)bytes, length);
    st = yolo_image_decode((const uint8_t *)bytes, length, file, &image);
  }
  seen->unusable = look->undecodable = st != YOLO_OK;
  if (look->undecodable) {
    look->problem = yolo_strdup(yolo_error_message());
  } else {
    keep_image(&image, seen, look);
  }
  yolo_image_release(&image);
  yolo_free(bytes);
}

static void look_at(void *payload, int task, int thread) {
  batch *b = payload;
  size_t index = b->first + (size_t)task;
  const yolo_data_image *image = &b->dataset->images[index];
  const char *file = yolo_dataset_text(b->dataset, image->file);
  yolo_seen_image *seen = &b->seen[index];
  (void)thread;
  b->looks[task] = (look_result){0};
  if (image->pixels != UINT64_MAX) {
    look_at_record(b, image, seen);
  } else if (b->no_images) {
    look_at_path(file, seen);
  } else {
    look_at_file(file, seen, &b->looks[task]);
  }
}

/* ---- saying it, in order ---- */

/* The format that a suffix promises; NULL: a suffix that promises none of those that are read. */
static const char *promised_format(const char *file) {
  static const char *const suffixes[][2] = {{".jpg", "JPEG"},  {".jpeg", "JPEG"}, {".jpe", "JPEG"}, {".jfif", "JPEG"},
                                            {".png", "PNG"},   {".bmp", "BMP"},   {".gif", "GIF"},  {".tga", "TGA"},
                                            {".psd", "PSD"},   {".ppm", "PNM"},   {".pgm", "PNM"},  {".pnm", "PNM"},
                                            {".webp", "WebP"}, {".tif", "TIFF"},  {".tiff", "TIFF"}};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; ++i)
    if (yolo_has_suffix(file, suffixes[i][0])) return suffixes[i][1];
  return NULL;
}

/* The sentence without the path that it begins with: the finding names the file already. */
static const char *without_path(const char *problem, const char *file) {
  size_t length = strlen(file);
  return strncmp(problem, file, length) == 0 && strncmp(problem + length, ": ", 2) == 0 ? problem + length + 2 : problem;
}

/* Which way were the labels drawn, as the pixels are stored or as the EXIF tag turns them? */
static void say_turn(yolo_check_run *run, const yolo_dataset *d, const yolo_data_image *image, const yolo_seen_image *seen,
                     bool upright) {
  const char *name = yolo_dataset_text(d, image->name);
  yolo_check_place place = yolo_check_image_place(run, d, image);
  if (seen->orientation <= 1) return;
  if (!upright) {
    yolo_data_report(
        &run->sink, YOLO_RULE_IMAGE_EXIF, place.file, place.line,
        "%s is recorded as %dx%d, as its pixels are stored, but its EXIF orientation %d turns it to %dx%d: the turn "
        "is not applied here, but may be elsewhere",
        name, image->width, image->height, seen->orientation, seen->width, seen->height);
  } else if (image->count > 0 || image->mask_file) {
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_EXIF, place.file, place.line,
                     "%s has the EXIF orientation %d, which is applied; its size (%dx%d) does not tell whether the labels were "
                     "drawn before the turn: look at it",
                     name, seen->orientation, image->width, image->height);
  }
}

static void say_size(yolo_check_run *run, const yolo_check_part *part, size_t index) {
  const yolo_dataset *d = part->dataset;
  const yolo_data_image *image = &d->images[index];
  const yolo_seen_image *seen = &part->images[index];
  bool turned = seen->orientation >= 5;
  bool upright = image->width == seen->width && image->height == seen->height;
  bool stored = image->width == (turned ? seen->height : seen->width) && image->height == (turned ? seen->width : seen->height);
  if (image->width <= 0 || image->height <= 0) return;
  if (stored) {
    say_turn(run, d, image, seen, upright);
  } else if (!upright) {
    yolo_check_place place = yolo_check_image_place(run, d, image);
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_SIZE, place.file, place.line, "%s is recorded as %dx%d, but is %dx%d",
                     yolo_dataset_text(d, image->name), image->width, image->height, seen->width, seen->height);
  }
}

static void say_image(yolo_check_run *run, const yolo_check_part *part, size_t index, const look_result *look) {
  const yolo_data_image *image = &part->dataset->images[index];
  const char *file = yolo_dataset_text(part->dataset, image->file), *promised = promised_format(file);
  if (look->missing) {
    yolo_check_place place = yolo_check_image_place(run, part->dataset, image);
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_MISSING, place.file, place.line, "there is no image %s", file);
    return;
  }
  run->kind = YOLO_PLACE_LINE; /* from here on it is the image that has to be mended */
  if (look->undecodable) {
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_UNREADABLE, file, 0, "%s",
                     look->problem ? without_path(look->problem, file) : "memory is short");
    return;
  }
  if (look->warnings > 0) {
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_DAMAGED, file, 0, "it decodes, but: %s", look->warning);
  }
  if (look->content && promised && strcmp(look->content, promised) != 0) {
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_EXTENSION, file, 0, "its content is %s", look->content);
  }
  if (part->images[index].width) say_size(run, part, index);
}

/* ---- a split ---- */

static void say_batch(yolo_check_run *run, const yolo_check_part *part, batch *b, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    say_image(run, part, b->first + i, &b->looks[i]);
    run->report->decoded += part->images[b->first + i].width > 0;
    yolo_free(b->looks[i].problem);
  }
}

yolo_status yolo_check_images(yolo_check_run *run, yolo_check_part *part) {
  const yolo_check_options *options = run->options;
  size_t total = part->dataset->n_images;
  batch *b = yolo_calloc(1, sizeof *b);
  if (!b) return YOLO_ENOMEM;
  yolo_status st = YOLO_OK;
  b->dataset = part->dataset;
  b->seen = part->images;
  b->no_images = options->no_images;
  for (; b->first < total && st == YOLO_OK; b->first += BATCH) {
    size_t count = total - b->first < BATCH ? total - b->first : BATCH;
    yolo_parallel(run->threads, (int)count, look_at, b);
    say_batch(run, part, b, count);
    if (options->progress && !options->progress(options->payload, part->index, b->first + count, total)) {
      st = yolo_fail(YOLO_ECANCELLED, "stopped after %zu of %zu images of %s", b->first + count, total, part->split->name);
    }
  }
  yolo_free(b);
  return st;
}
