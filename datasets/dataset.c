/* What one does with a finished dataset: free it, load its images. */
#include "datasets/dataset.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/index_cache.h"

void yolo_dataset_free(yolo_dataset *dataset) {
  if (!dataset) return;
  if (dataset->mapping) {
    yolo_index_unmap(dataset);
  } else {
    yolo_free(dataset->classes);
    yolo_free(dataset->images);
    yolo_free(dataset->annotations);
    yolo_free(dataset->segments);
    yolo_free(dataset->texts);
    yolo_free(dataset->pixels);
    yolo_free(dataset->sources);
    yolo_free(dataset->info);
  }
  yolo_free(dataset);
}

/* An image whose pixels lie in the dataset (IDX, CIFAR); grey becomes RGB. */
static yolo_status copy_embedded(const yolo_dataset *d, const yolo_data_image *image, yolo_image *out) {
  yolo_status st = yolo_image_new(image->width, image->height, out);
  if (st != YOLO_OK) return st;
  size_t n = (size_t)image->width * (size_t)image->height, bytes = n * (size_t)d->pixel_channels;
  if (image->pixels > d->n_pixels || bytes > d->n_pixels - image->pixels) {
    yolo_image_release(out);
    return yolo_fail(YOLO_EFORMAT, "image %s: its pixels are not all there", yolo_dataset_text(d, image->name));
  }
  const uint8_t *from = d->pixels + image->pixels;
  out->format = "raw";
  if (d->pixel_channels == 3) memcpy(out->pixels, from, bytes);
  for (size_t i = 0; d->pixel_channels == 1 && i < n; i++) memset(out->pixels + i * 3, from[i], 3);
  return YOLO_OK;
}

yolo_status yolo_dataset_load_image(const yolo_dataset *dataset, size_t index, yolo_image *out) {
  memset(out, 0, sizeof *out);
  if (index >= dataset->n_images)
    return yolo_fail(YOLO_EINVAL, "image %zu of a dataset with %zu images", index, dataset->n_images);
  const yolo_data_image *image = &dataset->images[index];
  if (image->pixels != UINT64_MAX) return copy_embedded(dataset, image, out);
  bool recorded = image->width > 0 && image->height > 0;
  return yolo_image_load_as(yolo_dataset_text(dataset, image->file), recorded ? YOLO_EXIF_MATCH : YOLO_EXIF_APPLY, image->width,
                            image->height, out);
}
