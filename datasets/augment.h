/* Augmentation: one deterministic pipeline for image, boxes, masks and label map together.
 *
 * What happens to image i in epoch e is a pure function of (settings, seed, e, i): every draw comes from a counter-based
 * generator keyed by seed, epoch, image and purpose (rng.h), so loader threads, restarts and other transforms change nothing.
 *
 * Order of the pipeline, as in the recipes it was taken from:
 *   gather     mosaic (Bochkovskiy et al. 2020, YOLOv4, section 3.3) or one image; copy-paste (Ghiasi et al. 2021); mixup
 * (Zhang et al. 2018); cutmix (Yun et al. 2019) geometry   SSD's expand and IoU crops (Liu et al. 2016, section 2.2), Darknet's
 * jitter, then one matrix: scale, rotate, shear, perspective, translate, flips, and the fit into the network's input (letterbox
 * or stretch): one resampling colour     HSV, blur, noise, erasing (Zhong et al. 2020) objects    boxes recomputed (from the
 * mask where there is one), clipped, and dropped when too little is left */
#ifndef YOLO_DATASETS_AUGMENT_H
#define YOLO_DATASETS_AUGMENT_H

#include <stdint.h>

#include "backbone/base/settings.h"
#include "datasets/dataset.h"
#include "datasets/outline.h"

typedef struct yolo_object {
  float x1, y1, x2, y2; /* corners in pixels of the sample's image */
  int class_index;
  uint16_t flags;       /* YOLO_ANNOTATION_* */
  float weight;         /* mixup: the image's share, else 1 */
  yolo_outline outline; /* owned; no ring: no mask */
} yolo_object;

/* One image with what is on it. Zero-initialise; yolo_sample_free. Reuse keeps the memory. */
typedef struct yolo_sample {
  yolo_image image;
  bool borrowed;      /* image.pixels belong to somebody else (a cache): never freed or written through this sample */
  uint8_t *label_map; /* (height, width) class index a pixel, YOLO_LABEL_IGNORE outside; NULL: none */
  yolo_object *objects;
  int n_objects, objects_room;
  int label;         /* classification; YOLO_DATA_NO_LABEL */
  int label2;        /* mixup, cutmix: the other image's label */
  float label_share; /* of `label`, 1 without mixing */
  size_t index;      /* image of the dataset (the first, where several were mixed) */
} yolo_sample;
enum { YOLO_LABEL_IGNORE = 255 };
void yolo_sample_free(yolo_sample *sample);
void yolo_sample_clear(yolo_sample *sample); /* objects and label map go, memory for objects stays; the image is released */

typedef enum yolo_fit { YOLO_FIT_LETTERBOX, YOLO_FIT_STRETCH, YOLO_FIT_CROP /* classifiers: shorter side, centre */ } yolo_fit;
typedef enum yolo_augment_preset {
  YOLO_PRESET_NONE,
  YOLO_PRESET_DARKNET,
  YOLO_PRESET_YOLOV5,
  YOLO_PRESET_SSD,
  YOLO_PRESET_CLASSIFY
} yolo_augment_preset;

/* [augment] of data.cfg. Zero everywhere (but fit) is no augmentation. augment_settings.c: the rows and the presets. */
typedef struct yolo_augment {
  int preset;                    /* yolo_augment_preset */
  double hue, saturation, value; /* YOLOv5: gains, +-; hue in turns (0.015), others as factors 1+-x */
  double exposure;               /* Darknet: factor drawn in [1/x, x]; likewise darknet_saturation */
  double darknet_saturation, darknet_hue;
  double brightness, contrast;              /* SSD: +- of 255; factor 1+-x */
  double flip, flip_vertical;               /* probabilities */
  double translate;                         /* +- of the side */
  double scale[2];                          /* factor in [a, b]; 1, 1: none */
  double rotate, shear;                     /* degrees, +- */
  double perspective;                       /* +-, 0 to 0.001 */
  double jitter;                            /* Darknet: each side moves by up to this share */
  double crop;                              /* probability of SSD's IoU crop */
  double expand, expand_most;               /* probability; largest ratio (4) */
  double area_crop[2];                      /* classify: share of the area (RandomResizedCrop); 1, 1: none */
  double mosaic, mixup, cutmix, copy_paste; /* probabilities */
  double mosaic_cut[2];                     /* where the four images meet, share of the canvas */
  double mixup_beta;                        /* Beta(a, a) of the share */
  double blur, noise, erase;                /* probabilities */
  double blur_most, noise_most;             /* sigma in pixels; standard deviation of 255 */
  double erase_area[2];
  double multi_scale[2];                      /* factor of the input size per batch; 1, 1: none */
  int multi_scale_every;                      /* batches */
  int fit;                                    /* yolo_fit */
  int fill;                                   /* grey of what no image covers: 114, Darknet 127 */
  double keep_area, keep_pixels, keep_aspect; /* an object stays when it keeps this share of its area, is wider and higher than
                                                 this many pixels and not more elongated than this */
} yolo_augment;
extern const yolo_setting_section yolo_augment_section; /* name "augment", offset 0 in a yolo_augment */
/* Overwrites every value by the preset's published ones. */
void yolo_augment_use_preset(yolo_augment *augment, yolo_augment_preset preset);

/* Where images come from: a dataset, through a cache or not. The sample given holds the whole image with its objects in its own
 * pixels. Called from several threads. */
typedef struct yolo_sample_source {
  yolo_status (*load)(void *payload, size_t index, yolo_sample *out);
  size_t count;
  void *payload;
} yolo_sample_source;
/* The plain one: decodes from the dataset. payload: const yolo_dataset *. */
yolo_status yolo_sample_load(void *dataset, size_t index, yolo_sample *out);
/* Its second half: everything but the pixels; out->image is there already (the loader's cache brings it). */
yolo_status yolo_sample_load_labels(const yolo_dataset *dataset, size_t index, yolo_sample *out);

/* What an augmentation needs and keeps between calls, one a thread. */
typedef struct yolo_augmenter yolo_augmenter;
yolo_status yolo_augmenter_new(const yolo_augment *augment, const yolo_sample_source *source, uint64_t seed,
                               yolo_augmenter **out);
void yolo_augmenter_free(yolo_augmenter *augmenter);
/* Image `index` of epoch `epoch` as the network sees it: width x height. */
yolo_status yolo_augmenter_run(yolo_augmenter *augmenter, int epoch, size_t index, int width, int height, yolo_sample *out);
/* The same without chance: only the fit into width x height (validation, eval, `data preview`). */
yolo_status yolo_augmenter_fit(yolo_augmenter *augmenter, size_t index, int width, int height, yolo_sample *out);

#endif
