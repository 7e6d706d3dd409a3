/* Class-index masks: images, and for each a PNG of the same size and stem whose pixels are class numbers (index_mask.h).
 *
 *   a folder that holds images/ and masks/        ROOT/images/a.jpg and ROOT/masks/a.png
 *   the folder of the masks                       its images lie where its last folder `masks` (or `labels`, `annotations`,
 *                                                 `SegmentationClass`) is called `images` (`JPEGImages`), or are named apart
 *
 * Pixel value v is class v of the names, whose order is thereby fixed; 255 is ignored. Names: those given, else a classes.txt
 * in the folder or above it, else "background", "class 1", "class 2" ... Each class that occurs in an image becomes one
 * annotation with a mask (RLE), except a class called "background".
 *
 * A mask of another size than its image, or without an image, is reported and left out; an image without a mask is no
 * background but unknown, and left out too. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/index_mask.h"
#include "datasets/probe.h"
#include "datasets/readers.h"

typedef struct job {
  yolo_dataset_builder *builder;
  char *images, *masks; /* folders */
  yolo_file_list files; /* images */
  yolo_strmap stems;    /* path below `images` without suffix -> number in files */
  yolo_class_numbers classes;
} job;

static yolo_data_sink *sink(const job *j) { return yolo_dataset_builder_sink(j->builder); }

/* ---- where things are ---- */

/* Folders that stand for each other; the first pair that exists counts. */
static const struct pair {
  const char *masks, *images;
} pairs[] = {{"masks", "images"}, {"SegmentationClass", "JPEGImages"}, {"annotations", "images"}, {"labels", "images"}};

static bool is_png(const char *name) { return yolo_has_suffix(name, ".png"); }

static yolo_status below(const char *folder, const char *name, char **out) {
  yolo_status st = yolo_path_join(folder, name, out);
  if (st == YOLO_OK && !yolo_is_folder(*out)) {
    yolo_free(*out);
    *out = NULL;
  }
  return st;
}

/* Fills *masks and *images, or leaves both NULL. */
static yolo_status find_folders(const yolo_data_source *source, char **masks, char **images) {
  yolo_status st = YOLO_OK;
  *masks = *images = NULL;
  if (source->images) {
    YOLO_ENOMEM_IF_NULL(*masks = yolo_strdup(source->labels));
    YOLO_ENOMEM_IF_NULL(*images = yolo_strdup(source->images));
    return YOLO_OK;
  }
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    YOLO_TRY(below(source->labels, pairs[i].masks, masks));
    YOLO_TRY(below(source->labels, pairs[i].images, images));
    if (*masks && *images) return YOLO_OK;
    yolo_free(*masks);
    yolo_free(*images);
    *masks = *images = NULL;
    YOLO_TRY(yolo_counterpart(source->labels, pairs[i].masks, pairs[i].images, images));
    if (!*images) continue;
    YOLO_ENOMEM_IF_NULL(*masks = yolo_strdup(source->labels));
    return YOLO_OK;
  }
done:
  if (st != YOLO_OK) {
    yolo_free(*masks);
    yolo_free(*images);
    *masks = *images = NULL;
  }
  return st;
}

static yolo_status list_images(job *j) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name};
  char *stem = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_folder_files(j->images, &options, &j->files));
  for (size_t i = 0; i < j->files.count; ++i) {
    yolo_free(stem);
    stem = NULL;
    YOLO_TRY(yolo_change_suffix(yolo_path_below(j->images, j->files.paths[i]), "", &stem));
    YOLO_TRY(yolo_strmap_add(&j->stems, stem, (int64_t)i, NULL));
  }
done:
  yolo_free(stem);
  return st;
}

/* ---- one mask ---- */

static const char *class_name(const job *j, int value) {
  int n = 0;
  const char *const *names = yolo_dataset_builder_names(j->builder, &n);
  if (names) return value < n ? names[value] : "";
  if (j->classes.own.count) return (size_t)value < j->classes.own.count ? j->classes.own.paths[value] : "";
  return value == 0 ? "background" : "";
}

/* One class of one mask as an annotation. `scratch`: as many bytes as the mask. */
static yolo_status take_class(job *j, const yolo_index_mask *mask, int value, int index, size_t image, uint8_t *scratch) {
  size_t count = (size_t)mask->width * (size_t)mask->height;
  yolo_annotation a = {.id = YOLO_DATA_RUNNING_ID, .image = (uint32_t)image, .class_index = index, .kind = YOLO_SEGMENT_RLE};
  yolo_rle rle = {0};
  double box[4];
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < count; ++i) scratch[i] = mask->values[i] == value;
  YOLO_TRY(yolo_rle_encode(scratch, mask->height, mask->width, (size_t)mask->width, 1, &rle));
  yolo_rle_box(&rle, box);
  a.x = box[0];
  a.y = box[1];
  a.width = box[2];
  a.height = box[3];
  a.area = yolo_rle_area(&rle);
  YOLO_TRY(yolo_dataset_builder_rle(j->builder, &rle, &a.segment));
  YOLO_TRY(yolo_dataset_builder_annotation(j->builder, &a));
done:
  yolo_rle_free(&rle);
  return st;
}

static yolo_status take_classes(job *j, const yolo_index_mask *mask, const char *file, size_t image) {
  size_t seen[256] = {0}, count = (size_t)mask->width * (size_t)mask->height;
  uint8_t *scratch = yolo_alloc(count);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(scratch);
  for (size_t i = 0; i < count; ++i) seen[mask->values[i]]++;
  for (int value = 0; value < 256; ++value) {
    int index = -1;
    if (!seen[value] || value == YOLO_MASK_IGNORE) continue;
    YOLO_TRY(yolo_class_number(&j->classes, j->builder, value, &index));
    if (index < 0) {
      yolo_data_report(sink(j), YOLO_RULE_MASK_VALUE, file, 0, "%zu pixels have the value %d; there are only %d classes",
                       seen[value], value, j->classes.count);
    } else if (!yolo_is_background(class_name(j, value))) {
      YOLO_TRY(take_class(j, mask, value, index, image, scratch));
    }
  }
done:
  yolo_free(scratch);
  return st;
}

/* Is the mask as large as the image, stored or turned? An image that cannot be read is left to the check. */
static yolo_status check_size(job *j, const yolo_index_mask *mask, const char *file, const char *image, bool *fits) {
  yolo_image_header h;
  yolo_status st = yolo_image_probe(image, &h);
  *fits = st != YOLO_OK || (h.width == mask->width && h.height == mask->height) ||
          (yolo_upright_width(&h) == mask->width && yolo_upright_height(&h) == mask->height);
  if (!*fits)
    yolo_data_report(sink(j), YOLO_RULE_MASK_SIZE, file, 0, "%d x %d pixels, but %s has %d x %d", mask->width, mask->height,
                     image, h.width, h.height);
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

static yolo_status add_mask(job *j, const char *file, const char *image, const yolo_index_mask *mask) {
  size_t index = 0;
  const yolo_new_image added = {.file = image,
                                .name = yolo_path_below(j->images, image),
                                .mask_file = file,
                                .label_file = file,
                                .width = mask->width,
                                .height = mask->height,
                                .label = YOLO_DATA_NO_LABEL,
                                .pixels = UINT64_MAX};
  yolo_status st = yolo_add_image(j->builder, &added, &index);
  return st == YOLO_OK ? take_classes(j, mask, file, index) : st;
}

static yolo_status take_mask(job *j, const char *file, bool *used) {
  yolo_index_mask mask = {0};
  char *stem = NULL;
  int64_t number = 0;
  bool fits = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_change_suffix(yolo_path_below(j->masks, file), "", &stem));
  if (!yolo_strmap_get(&j->stems, stem, &number)) {
    yolo_data_report(sink(j), YOLO_RULE_LABEL_ORPHAN, file, 0, "a mask without an image in %s", j->images);
    goto done;
  }
  used[number] = true;
  st = yolo_index_mask_load(file, &mask);
  if (st == YOLO_ENOMEM) goto done;
  if (st != YOLO_OK) {
    yolo_data_report(sink(j), YOLO_RULE_MASK_INVALID, file, 0, "%s", yolo_error_message());
    st = YOLO_OK;
    goto done;
  }
  YOLO_TRY(check_size(j, &mask, file, j->files.paths[number], &fits));
  if (fits) YOLO_TRY(add_mask(j, file, j->files.paths[number], &mask));
done:
  yolo_index_mask_release(&mask);
  yolo_free(stem);
  return st;
}

static yolo_status take_masks(job *j) {
  const yolo_folder_options options = {.wanted = is_png};
  yolo_file_list masks = {0};
  bool *used = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(list_images(j));
  YOLO_ENOMEM_IF_NULL(used = yolo_calloc(j->files.count, sizeof *used));
  YOLO_TRY(yolo_folder_files(j->masks, &options, &masks));
  if (masks.count == 0) st = yolo_fail(YOLO_EFORMAT, "%s: no PNG file lies in or below this folder", j->masks);
  for (size_t i = 0; st == YOLO_OK && i < masks.count; ++i) st = take_mask(j, masks.paths[i], used);
  for (size_t i = 0; st == YOLO_OK && i < j->files.count; ++i)
    if (!used[i]) yolo_data_report(sink(j), YOLO_RULE_IMAGE_UNLISTED, j->files.paths[i], 0, "an image without a mask");
done:
  yolo_file_list_free(&masks);
  yolo_free(used);
  return st;
}

/* Value v must be class v of the dataset: whoever trains on the masks reads them as they are. */
static yolo_status begin_classes(job *j) {
  yolo_status st = YOLO_OK;
  int given = 0;
  if (!yolo_dataset_builder_names(j->builder, &given)) YOLO_TRY(yolo_names_around(j->masks, &j->classes.own));
  YOLO_TRY(yolo_class_numbers_begin(&j->classes, j->builder));
  for (int i = 0; i < j->classes.count; ++i) {
    if (j->classes.indices[i] == i) continue;
    st = yolo_fail(YOLO_EFORMAT, "%s: its class %d, '%s', has another number in the sources before it", j->masks, i,
                   class_name(j, i));
    goto done;
  }
done:
  return st;
}

static yolo_status read_masks(const yolo_data_source *source, yolo_dataset_builder *builder) {
  job j = {.builder = builder, .classes = {.made_up = "class ", .first = "background"}};
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_folders(source, &j.masks, &j.images));
  if (!j.masks) {
    st = yolo_fail(YOLO_EINVAL, "%s: where the images of these masks lie is not clear; name their folder as well",
                   source->labels);
    goto done;
  }
  YOLO_TRY(begin_classes(&j));
  YOLO_TRY(take_masks(&j));
done:
  yolo_free(j.masks);
  yolo_free(j.images);
  yolo_file_list_free(&j.files);
  yolo_strmap_free(&j.stems);
  yolo_class_numbers_free(&j.classes);
  return st;
}

/* ---- does it look like this? ---- */

/* Counts down the files that are looked at; -1: one is a mask. */
static yolo_status stop_at_mask(void *payload, const char *path, const char *problem) {
  int *left = payload;
  yolo_index_mask mask = {0};
  if (problem) return YOLO_OK;
  bool found = yolo_index_mask_load(path, &mask) == YOLO_OK;
  yolo_index_mask_release(&mask);
  *left = found ? -1 : *left - 1;
  return *left <= 0 ? YOLO_ECANCELLED : YOLO_OK;
}

static bool sniff_masks(const yolo_data_source *source) {
  const yolo_folder_options options = {.wanted = is_png};
  char *masks = NULL, *images = NULL;
  int left = 10;
  if (!yolo_is_folder(source->labels)) return false;
  if (find_folders(source, &masks, &images) == YOLO_OK && masks) (void)yolo_folder_walk(masks, &options, stop_at_mask, &left);
  yolo_free(masks);
  yolo_free(images);
  return left == -1;
}

const yolo_data_reader yolo_data_reader_masks = {"masks", "class-index mask PNGs beside a folder of images", sniff_masks,
                                                 read_masks};
