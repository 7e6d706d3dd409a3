/* yolo: object detection from C. The public interface.
 *
 *   yolo_model   a network with its weights, class names and preprocessing. Immutable after loading; share
 *                it between any number of threads.
 *   yolo_context what one thread needs to run a model (device queue, activations). One thread at a time.
 *   yolo_result  what was found in one image; belongs to the caller.
 *
 * Every function that can fail returns a yolo_status (0 is success) and leaves a sentence in
 * yolo_error_message(), per thread. The library never prints, exits or aborts. Option structs may be
 * zero-initialised: zero means the default. C99 and C++17.
 *
 *   yolo_model *model = NULL;  yolo_context *context = NULL;  yolo_result *result = NULL;
 *   if (yolo_model_load("model.safetensors", NULL, &model) == YOLO_OK &&
 *       yolo_context_new(model, &context) == YOLO_OK &&
 *       yolo_detect_file(context, "dog.jpg", NULL, &result) == YOLO_OK) { ... }
 *   yolo_result_free(result);  yolo_context_free(context);  yolo_model_free(model);
 */
#ifndef YOLO_H
#define YOLO_H

#include <stddef.h>
#include <stdint.h>

#include "yolo_status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define YOLO_VERSION_MAJOR 0
#define YOLO_VERSION_MINOR 1
#define YOLO_VERSION_PATCH 0
YOLO_API const char *yolo_version(void); /* "0.1.0", of the library at run time */

typedef struct yolo_model yolo_model;
typedef struct yolo_context yolo_context;

/* ---- models ---- */

typedef struct yolo_model_options {
  const char *cfg;       /* Darknet cfg; needed for .weights files, ignored for safetensors unless given */
  const char *names;     /* one class name a line; NULL: the file's own, else "class 0", "class 1", ... */
  const char *device;    /* "cpu", "cuda", "cuda:1" (the second card); NULL: the best one that answers */
  int threads;           /* CPU threads of each context, at most 1024; 0: the cores this process may use */
  const char *precision; /* "fp32", "tf32", "fp16", "bf16"; NULL: "fp32", which is all that the CPU has */
  int deterministic;     /* equal batches give equal bits in every run, at some speed (the CPU: always, at none) */
  int width, height;     /* network input; 0: the model's own. Must fit the strides of the network */
  int partial;           /* accept a Darknet file of the first layers only (the rest stays at its initial values) */
  int cutoff;            /* with partial: how many layers it holds, 137 for yolov4.conv.137; 0: as many as there are */
  const char *letterbox; /* "stretch" or "letterbox"; NULL: the model's own */
  const char *filter;    /* "half-pixel" or "align-corners"; NULL: the model's own */
} yolo_model_options;

/* Loads a .safetensors file written by `yolo convert`, or a Darknet .weights file with options->cfg.
 * options may be NULL. *out is NULL on failure; free with yolo_model_free. */
YOLO_API yolo_status yolo_model_load(const char *path, const yolo_model_options *options, yolo_model **out);
YOLO_API void yolo_model_free(yolo_model *model);
YOLO_API int yolo_model_classes(const yolo_model *model);
YOLO_API const char *yolo_model_class_name(const yolo_model *model, int index); /* NULL out of range */
YOLO_API void yolo_model_input(const yolo_model *model, int *width, int *height, int *channels);

/* ---- contexts ---- */

/* The model must outlive its contexts. */
YOLO_API yolo_status yolo_context_new(const yolo_model *model, yolo_context **out);
YOLO_API void yolo_context_free(yolo_context *context);
/* What it runs on, in words: "CPU, AVX-512, 2 threads". The text is the context's. */
YOLO_API const char *yolo_context_device(const yolo_context *context);

/* ---- detection ---- */

typedef enum yolo_nms_kind { YOLO_NMS_MODEL = 0, YOLO_NMS_IOU, YOLO_NMS_DIOU, YOLO_NMS_NONE } yolo_nms_kind;

typedef struct yolo_detect_options {
  float confidence;   /* 0: 0.25. Detections need a confidence above it; a negative value means 0 */
  float iou;          /* 0: 0.45. Suppression above this overlap */
  yolo_nms_kind nms;  /* 0: what the model says, else plain IoU */
  int agnostic;       /* suppress across classes */
  int best_class;     /* only the best class of a box (default: every class above the confidence) */
  int max_detections; /* 0: 300 an image; negative: no limit */
  const int *classes; /* NULL: all; else only these class indices */
  int n_classes;
} yolo_detect_options;

typedef struct yolo_detection {
  int class_id;         /* 0-based index into the model's names */
  float confidence;     /* 0..1 */
  float x1, y1, x2, y2; /* corners in pixels of the original image, clipped to it */
} yolo_detection;

typedef struct yolo_result {
  int count;
  yolo_detection *detections; /* by confidence, highest first; stable */
  int width, height;          /* of the image (upright) */
  int n_scores;               /* classifiers: scores of all classes; detectors: 0 */
  float *scores;
  double load_ms, network_ms, post_ms;
} yolo_result;

typedef enum yolo_pixel_format { YOLO_RGB = 0, YOLO_BGR, YOLO_RGBA, YOLO_BGRA, YOLO_GREY } yolo_pixel_format;

/* *out belongs to the caller: yolo_result_free. options may be NULL. */
YOLO_API yolo_status yolo_detect_file(yolo_context *context, const char *path, const yolo_detect_options *options,
                                      yolo_result **out);
/* An encoded image (JPEG, PNG, BMP, GIF, TGA, PSD, PNM) in memory. */
YOLO_API yolo_status yolo_detect_bytes(yolo_context *context, const void *bytes, size_t length,
                                       const yolo_detect_options *options, yolo_result **out);
/* Raw 8-bit pixels; row_stride in bytes (0: rows without padding). */
YOLO_API yolo_status yolo_detect_pixels(yolo_context *context, const uint8_t *pixels, int width, int height, size_t row_stride,
                                        yolo_pixel_format format, const yolo_detect_options *options, yolo_result **out);
YOLO_API void yolo_result_free(yolo_result *result);

#ifdef __cplusplus
}
#endif
#endif
