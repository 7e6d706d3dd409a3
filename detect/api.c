/* The public interface: contexts and the three ways to hand over an image. See yolo.h. */
#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "detect/model.h"

/* The public pixel formats are those of the images wing, by the same numbers. */
_Static_assert((int)YOLO_RGB == YOLO_PIXELS_RGB && (int)YOLO_BGR == YOLO_PIXELS_BGR && (int)YOLO_RGBA == YOLO_PIXELS_RGBA &&
                   (int)YOLO_BGRA == YOLO_PIXELS_BGRA && (int)YOLO_GREY == YOLO_PIXELS_GREY,
               "pixel formats");

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

const char *yolo_version(void) { return TEXT(YOLO_VERSION_MAJOR) "." TEXT(YOLO_VERSION_MINOR) "." TEXT(YOLO_VERSION_PATCH); }

/* ---- contexts ---- */

yolo_status yolo_context_new(const yolo_model *model, yolo_context **out) {
  yolo_status st = YOLO_OK;
  yolo_context *context = yolo_calloc(1, sizeof *context);
  *out = NULL;
  YOLO_ENOMEM_IF_NULL(context);
  context->model = model;
  YOLO_TRY(yolo_runner_new(model->network, &context->runner));
  *out = context;
  context = NULL;
done:
  yolo_context_free(context);
  return st;
}

void yolo_context_free(yolo_context *context) {
  if (!context) return;
  yolo_runner_free(context->runner);
  yolo_boxes_free(&context->candidates);
  yolo_free(context);
}

const char *yolo_context_device(const yolo_context *context) { return yolo_runner_device(context->runner); }

/* ---- detection ---- */

/* Detects in a decoded image and counts the time since `start` as loading. Frees the image. */
static yolo_status detect_image(yolo_context *context, yolo_image *image, double start, const yolo_detect_options *options,
                                yolo_result **out) {
  double decode_ms = yolo_now_ms() - start;
  yolo_pixels pixels = yolo_image_pixels(image);
  yolo_status st = yolo_detect_batch(context, &pixels, 1, options, out);
  if (st == YOLO_OK) (*out)->load_ms += decode_ms;
  yolo_image_release(image);
  return st;
}

yolo_status yolo_detect_file(yolo_context *context, const char *path, const yolo_detect_options *options, yolo_result **out) {
  yolo_image image = {0};
  double start = yolo_now_ms();
  *out = NULL;
  if (!path) return yolo_fail(YOLO_EINVAL, "no image file is named");
  yolo_status st = yolo_image_load(path, &image);
  return st == YOLO_OK ? detect_image(context, &image, start, options, out) : st;
}

yolo_status yolo_detect_bytes(yolo_context *context, const void *bytes, size_t length, const yolo_detect_options *options,
                              yolo_result **out) {
  yolo_image image = {0};
  double start = yolo_now_ms();
  *out = NULL;
  if (!bytes) return yolo_fail(YOLO_EINVAL, "there are no bytes of an image");
  yolo_status st = yolo_image_decode(bytes, length, "image in memory", &image);
  return st == YOLO_OK ? detect_image(context, &image, start, options, out) : st;
}

yolo_status yolo_detect_pixels(yolo_context *context, const uint8_t *pixels, int width, int height, size_t row_stride,
                               yolo_pixel_format format, const yolo_detect_options *options, yolo_result **out) {
  *out = NULL;
  if ((unsigned)format > YOLO_GREY) return yolo_fail(YOLO_EINVAL, "%d is no pixel format", (int)format);
  if (row_stride == 0 && width > 0) row_stride = (size_t)width * (size_t)yolo_pixel_bytes((yolo_pixel_layout)format);
  yolo_pixels view = {pixels, width, height, row_stride, (yolo_pixel_layout)format};
  return yolo_detect_batch(context, &view, 1, options, out);
}

void yolo_result_free(yolo_result *result) { yolo_free(result); /* one block with its arrays */ }
