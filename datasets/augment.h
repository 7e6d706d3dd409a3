/* Augmentation: one deterministic pipeline for image, boxes, masks and label map together.
 *
 * What happens to image i in epoch e is a pure function of (settings, seed, e, i): every draw comes from a counter-based
 * generator keyed by seed, epoch, image and purpose (rng.h), so loader threads, restarts and other transforms change nothing.
 *
 * The pipeline never makes an intermediate picture. Each source image becomes a layer: a rectangle of its pixels and one matrix
 * into the output, into which all geometry was multiplied. So every output pixel is sampled once, from the original.
 *   gather     one image, or four of a mosaic (Bochkovskiy et al. 2020, YOLOv4, section 3.3)
 *   geometry   SSD's expand and IoU crops (Liu et al. 2016, section 2.2), Darknet's jitter, crops of an area (Szegedy et al.
 *              2015, section 6), the fit into the network's input; then scale, rotate, shear, perspective, translate, flips
 *   objects    outlines and boxes moved, clipped to their layer and the output
 *   mix        copy-paste (Ghiasi et al. 2021); a second picture made in the same way, blended in (mixup: Zhang et al. 2018)
 *              or cut in (cutmix: Yun et al. 2019)
 *   colour     HSV, brightness, contrast, blur, noise, erasing (Zhong et al. 2020)
 *   keep       boxes from the mask where there is one; objects of which too little is left are dropped */
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
  float visible;        /* share of the object's area that is still to be seen; 1: all */
  yolo_outline outline; /* owned; no ring: no mask */
} yolo_object;

/* One image with what is on it. Zero-initialise; yolo_sample_free. Reuse keeps the memory. */
typedef struct yolo_sample {
  yolo_image image;
  size_t image_room;  /* bytes of image.pixels that may be used again; 0: not known (it was decoded) */
  bool borrowed;      /* image.pixels belong to somebody else (a cache): never freed or written through this sample */
  uint8_t *label_map; /* (height, width) class index a pixel, YOLO_LABEL_IGNORE outside; NULL: none */
  size_t label_map_room;
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

typedef enum yolo_augment_fit {
  YOLO_AUGMENT_LETTERBOX,
  YOLO_AUGMENT_STRETCH,
  YOLO_AUGMENT_CROP /* classifiers: the shorter side fills the input, the centre is kept */
} yolo_augment_fit;
typedef enum yolo_augment_preset {
  YOLO_PRESET_NONE,
  YOLO_PRESET_DARKNET,
  YOLO_PRESET_YOLOV5,
  YOLO_PRESET_SSD,
  YOLO_PRESET_CLASSIFY,
  YOLO_PRESET_AUTO /* as the loss asks for it (train/recipe.h); nothing where no network is trained */
} yolo_augment_preset;

/* [augment] of data.cfg; augment_settings.c has the rows with their meaning, and the presets. */
typedef struct yolo_augment {
  int preset; /* yolo_augment_preset */

  /* colour */
  double colour_chance;               /* each of the next five is applied with this probability */
  double hue;                         /* shift in turns, +- */
  double saturation, value;           /* factor 1 +- x (YOLOv5) */
  double saturation_factor, exposure; /* factor in [1/x, x] of saturation, value (Darknet); 1: none */
  double brightness, contrast;        /* +- share of 255; factor 1 +- x (SSD) */
  double blur, noise, erase;          /* probabilities */
  double blur_most, noise_most;       /* standard deviations: pixels; share of 255 */
  double erase_area[2];               /* share of the picture */

  /* geometry */
  double flip, flip_vertical; /* probabilities */
  double translate;           /* +- share of the side */
  double scale[2];            /* factor in [a, b]; 1, 1: none */
  double rotate, shear;       /* degrees, +- */
  double perspective;         /* +-, 0 to 0.001 a pixel */
  double jitter;              /* each side moves by up to this share (Darknet) */
  double crop;                /* probability of an IoU crop (SSD) */
  double expand, expand_most; /* probability; largest ratio of the sides (SSD) */
  double area_crop[2];        /* share of the area that is cut out (classify); 1, 1: none */
  int fit;                    /* yolo_augment_fit */
  int fill;                   /* grey of what no image covers */
  double multi_scale[2];      /* factor of the input size; 1, 1: none. The loader's */
  int multi_scale_every;      /* batches with one size */

  /* several images */
  double mosaic, mixup, cutmix, copy_paste; /* probabilities */
  double mosaic_cut[2];                     /* where the four images meet, share of the canvas */
  double mosaic_canvas;                     /* sides of the canvas in inputs: 2 YOLOv5 (its middle is taken), 1 Darknet */
  double mixup_beta;                        /* share from Beta(x, x) */

  /* an object stays when it keeps this share of its area, is wider and higher than this many pixels, not more elongated than
   * this (0: any), and - where asked - keeps its centre */
  double keep_area, keep_pixels, keep_aspect;
  bool keep_centre;
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
/* Image `index` of epoch `epoch` as the network sees it: width x height. `out` is used again, with its memory. Boxes of objects
 * with a mask come from the moved mask; the others are the bounds of the moved corners. */
yolo_status yolo_augmenter_run(yolo_augmenter *augmenter, int epoch, size_t index, int width, int height, yolo_sample *out);
/* The same without chance: only the fit into width x height (validation, eval, `data preview`). Boxes are moved as they are,
 * and nothing that can be seen is dropped. */
yolo_status yolo_augmenter_fit(yolo_augmenter *augmenter, size_t index, int width, int height, yolo_sample *out);

#endif
