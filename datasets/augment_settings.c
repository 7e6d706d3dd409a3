/* The settings of [augment], and the presets: named after the recipes their values come from.
 *
 * A preset is the base below with what its recipe changes. The base does nothing to a picture but fit it; values that only
 * matter together with a probability (where a mosaic is cut, how strong a blur may be) are useful ones, so that one line such
 * as "mosaic = 1" is enough. */
#include <stddef.h>

#include "datasets/augment.h"

#define AT(field) offsetof(yolo_augment, field)
#define REAL(name, fallback, least, most, help) \
  { #name, YOLO_SETTING_REAL, AT(name), fallback, least, most, NULL, help }
#define SHARE(name, help) REAL(name, "0", 0, 1, help)
#define RANGE(name, fallback, least, most, help) \
  { #name, YOLO_SETTING_RANGE, AT(name), fallback, least, most, NULL, help }
#define INT(name, fallback, least, most, help) \
  { #name, YOLO_SETTING_INT, AT(name), fallback, least, most, NULL, help }
#define CHOICE(name, fallback, choices, help) \
  { #name, YOLO_SETTING_CHOICE, AT(name), fallback, 0, 0, choices, help }
#define BOOL(name, fallback, help) \
  { #name, YOLO_SETTING_BOOL, AT(name), fallback, 0, 0, NULL, help }

static const yolo_setting rows[] = {
    CHOICE(preset, "auto", "none|darknet|yolov5|ssd|classify|auto",
           "published values, which other keys override; auto: as the paper of the network's loss"),
    REAL(colour_chance, "1", 0, 1, "probability of each change of hue, saturation, value, brightness, contrast"),
    REAL(hue, "0", 0, 0.5, "shift of the hue, +- this many turns of the colour circle"),
    REAL(saturation, "0", 0, 1, "factor of the saturation, 1 +- this (as YOLOv5 draws it)"),
    REAL(value, "0", 0, 1, "factor of the brightest channel, 1 +- this (as YOLOv5 draws it)"),
    REAL(saturation_factor, "1", 1, 10, "factor of the saturation, from 1/this to this (as Darknet draws it)"),
    REAL(exposure, "1", 1, 10, "factor of the brightest channel, from 1/this to this (as Darknet draws it)"),
    REAL(brightness, "0", 0, 1, "added to every channel, +- this share of full white"),
    REAL(contrast, "0", 0, 1, "factor of every channel, 1 +- this"),
    SHARE(blur, "probability of a Gaussian blur"),
    SHARE(noise, "probability of Gaussian noise"),
    SHARE(erase, "probability that a rectangle is overwritten with noise; boxes and masks stay"),
    REAL(blur_most, "2", 0, 20, "largest standard deviation of the blur, pixels"),
    REAL(noise_most, "0.05", 0, 1, "largest standard deviation of the noise, share of full white"),
    RANGE(erase_area, "0.02, 0.33", 0, 1, "share of the picture that is erased"),
    SHARE(flip, "probability of a flip from left to right"),
    SHARE(flip_vertical, "probability of a flip upside down"),
    REAL(translate, "0", 0, 1, "shift, +- this share of the side"),
    RANGE(scale, "1, 1", 0.05, 20, "factor of the size"),
    REAL(rotate, "0", 0, 180, "turn, +- this many degrees"),
    REAL(shear, "0", 0, 60, "shear along each axis, +- this many degrees"),
    REAL(perspective, "0", 0, 0.001, "perspective, +- this a pixel"),
    REAL(jitter, "0", 0, 0.45, "each side of the image is moved by up to this share of it (Darknet)"),
    SHARE(crop, "probability of a crop that overlaps an object by a drawn IoU (SSD)"),
    SHARE(expand, "probability that the image is put on a larger grey canvas (SSD)"),
    REAL(expand_most, "4", 1, 10, "largest ratio of that canvas' sides to the image's"),
    RANGE(area_crop, "1, 1", 0.01, 1, "share of the area that is cut out and stretched (classifiers)"),
    CHOICE(fit, "letterbox", "letterbox|stretch|crop", "how an image is fitted into the network's input"),
    INT(fill, "114", 0, 255, "grey of what no image covers"),
    RANGE(multi_scale, "1, 1", 0.25, 4, "factor of the input size, drawn anew for a batch, in steps of the stride"),
    INT(multi_scale_every, "1", 1, 1000000, "so many batches keep one input size"),
    SHARE(mosaic, "probability that four images are put together"),
    SHARE(mixup, "probability that a second picture is blended in"),
    SHARE(cutmix, "probability that a rectangle comes from a second picture"),
    SHARE(copy_paste, "probability that objects with masks are pasted in from another image"),
    RANGE(mosaic_cut, "0.25, 0.75", 0, 1, "where the four images meet, share of the canvas"),
    REAL(mosaic_canvas, "2", 1, 2, "sides of the canvas of a mosaic, in inputs; its middle is taken"),
    REAL(mixup_beta, "32", 0.01, 1000, "the share of a picture is drawn from Beta(this, this)"),
    REAL(keep_area, "0.1", 0, 1, "an object stays when this share of its area is left"),
    REAL(keep_pixels, "2", 0, 10000, "and it is wider and higher than this many pixels"),
    REAL(keep_aspect, "100", 0, 100000, "and its sides have no larger ratio than this; 0: any"),
    BOOL(keep_centre, "off", "and the centre of its box stays in the picture"),
    {0},
};
const yolo_setting_section yolo_augment_section = {"augment", "what is done to images before the network sees them", rows, 0};

/* As the fallbacks of the rows say (a test compares). */
static const yolo_augment base = {
    .preset = YOLO_PRESET_AUTO,
    .colour_chance = 1,
    .saturation_factor = 1,
    .exposure = 1,
    .blur_most = 2,
    .noise_most = 0.05,
    .erase_area = {0.02, 0.33}, /* Zhong et al. 2020, table 5 */
    .scale = {1, 1},
    .expand_most = 4,
    .area_crop = {1, 1},
    .fit = YOLO_AUGMENT_LETTERBOX,
    .fill = 114,
    .multi_scale = {1, 1},
    .multi_scale_every = 1,
    .mosaic_cut = {0.25, 0.75},
    .mosaic_canvas = 2,
    .mixup_beta = 32,
    .keep_area = 0.1,
    .keep_pixels = 2,
    .keep_aspect = 100,
};

/* yolov4.cfg (saturation = 1.5, exposure = 1.5, hue = .1, jitter = .3, mosaic = 1, random = 1) and AlexeyAB's data.c: mosaic on
 * half of the batches, cut between 20% and 80% of the sides; flips of a half; random = 1 draws the size from 1/1.4 to 1.4 every
 * ten batches; images are stretched; boxes below a pixel are dropped. Darknet draws colours for each image of a mosaic, here
 * they are drawn once for the picture. */
static void use_darknet(yolo_augment *a) {
  a->hue = 0.1;
  a->saturation_factor = a->exposure = 1.5;
  a->flip = 0.5;
  a->jitter = 0.3;
  a->fit = YOLO_AUGMENT_STRETCH;
  a->fill = 127;
  a->multi_scale[0] = 1 / 1.4;
  a->multi_scale[1] = 1.4;
  a->multi_scale_every = 10;
  a->mosaic = 0.5;
  a->mosaic_cut[0] = 0.2;
  a->mosaic_cut[1] = 0.8;
  a->mosaic_canvas = 1;
  a->keep_area = 0;
  a->keep_pixels = 1;
  a->keep_aspect = 0;
}

/* YOLOv5's hyp.scratch-low.yaml; where a mosaic is cut, its canvas of two inputs, the Beta(32, 32) of mixup and the limits of
 * box_candidates from its dataloaders.py and augmentations.py. */
static void use_yolov5(yolo_augment *a) {
  a->hue = 0.015;
  a->saturation = 0.7;
  a->value = 0.4;
  a->flip = 0.5;
  a->translate = 0.1;
  a->scale[0] = 0.5;
  a->scale[1] = 1.5;
  a->mosaic = 1;
}

/* Liu et al. 2016, section 2.2 and 3.6, with the numbers of its code: distortions with probability 1/2 each (brightness +-32,
 * contrast and saturation 0.5 to 1.5, hue +-18 degrees), expand up to 4 with probability 1/2, one of seven crops of which one
 * is the whole image, objects stay where their centre does. The grey is that of the mean (123, 117, 104). */
static void use_ssd(yolo_augment *a) {
  a->colour_chance = 0.5;
  a->hue = 0.05;
  a->saturation = 0.5;
  a->brightness = 32.0 / 255;
  a->contrast = 0.5;
  a->flip = 0.5;
  a->crop = 6.0 / 7;
  a->expand = 0.5;
  a->fit = YOLO_AUGMENT_STRETCH;
  a->fill = 115;
  a->keep_area = 0;
  a->keep_pixels = 1;
  a->keep_aspect = 0;
  a->keep_centre = true;
}

/* Szegedy et al. 2015, section 6, as He et al. 2016 and torchvision's references train ResNets: 8% to 100% of the area with
 * sides from 3:4 to 4:3, flips of a half. Without chance: the shorter side fills the input. */
static void use_classify(yolo_augment *a) {
  a->flip = 0.5;
  a->area_crop[0] = 0.08;
  a->fit = YOLO_AUGMENT_CROP;
}

void yolo_augment_use_preset(yolo_augment *augment, yolo_augment_preset preset) {
  *augment = base;
  augment->preset = (int)preset;
  if (preset == YOLO_PRESET_DARKNET) use_darknet(augment);
  if (preset == YOLO_PRESET_YOLOV5) use_yolov5(augment);
  if (preset == YOLO_PRESET_SSD) use_ssd(augment);
  if (preset == YOLO_PRESET_CLASSIFY) use_classify(augment);
}
