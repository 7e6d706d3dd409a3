/* Bytes are an image file of any format: sniffed, decoded, turned upright, resized into a small input. For JPEG also by
 * the decoder that this build would not choose. */
#include "datasets/decoders.h"
#include "datasets/resize.h"
#include "tests/fuzz/fuzz.h"

/* A header may promise 2^28 pixels and keep the promise with few bytes; such an image is fine but slow, so only the
 * bytes behind an honest size are looked into. */
enum { MOST_PIXELS = 1 << 20 };

static yolo_status resize(const yolo_image *image) {
  static float values[1 * 9 * 13 * 3];
  static const yolo_preprocess ways[] = {{.fit = YOLO_FIT_STRETCH}, {.fit = YOLO_FIT_LETTERBOX}};
  yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){1, 9, 13, 3});
  yolo_pixels pixels = yolo_image_pixels(image);
  yolo_placement place;
  yolo_status st = yolo_preprocess_run(&ways[0], &pixels, &input, 0, &place);
  return st == YOLO_OK ? yolo_preprocess_run(&ways[1], &pixels, &input, 0, &place) : st;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  const yolo_encoded in = {bytes, length};
  const char *format = yolo_image_sniff(bytes, length);
  yolo_image image = {0};
  yolo_error_clear();
  yolo_status st = yolo_image_decode(bytes, length, "fuzz", &image);
  if (st == YOLO_OK && (int64_t)image.width * image.height <= MOST_PIXELS) st = resize(&image);
  yolo_image_release(&image);
  fuzz_judge(st, live);
  if (format && strcmp(format, "JPEG") == 0) {
    st = yolo_decode_jpeg_stb(&in, &image);
    yolo_image_release(&image);
    fuzz_judge(st, live);
  }
  return 0;
}
