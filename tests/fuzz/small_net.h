/* The network of the weight targets: 16 x 16, every kind of layer that stores something, three heads' worth of
 * decoding, and small enough to be loaded and run a thousand times a second. */
#ifndef YOLO_TESTS_FUZZ_SMALL_NET_H
#define YOLO_TESTS_FUZZ_SMALL_NET_H

#include "detect/model.h"

static const char small_net[] =
    "[net]\nwidth=16\nheight=16\nchannels=3\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\ngroups=4\nsize=3\nstride=2\npad=1\nactivation=mish\n"
    "[shortcut]\nfrom=-1\nweights_type=per_channel\nweights_normalization=softmax\nactivation=swish\n"
    "[convolutional]\nfilters=7\nsize=1\nactivation=linear\n"
    "[yolo]\nmask=1\nanchors=4,6, 10,12\nclasses=2\nnum=2\nnms_kind=diounms\n"
    "[route]\nlayers=2\n"
    "[batchnorm]\n"
    "[convolutional]\nfilters=7\nsize=1\nactivation=linear\n"
    "[region]\nanchors=1,2\nclasses=2\nnum=1\nsoftmax=1\n"
    "[route]\nlayers=2\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[connected]\noutput=28\nactivation=linear\n"
    "[detection]\nclasses=2\nside=2\nnum=1\nsqrt=1\n";

/* Loads a model and runs it over one image; every box counts. */
static inline yolo_status small_net_detect(const char *path, const yolo_model_options *options) {
  static const yolo_detect_options everything = {.confidence = -1, .max_detections = -1};
  uint8_t pixels[16 * 16 * 3];
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = NULL;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
  YOLO_TRY(yolo_model_load(path, options, &model));
  YOLO_TRY(yolo_context_new(model, &context));
  YOLO_TRY(yolo_detect_pixels(context, pixels, 16, 16, 0, YOLO_RGB, &everything, &result));
done:
  yolo_result_free(result);
  yolo_context_free(context);
  yolo_model_free(model);
  return st;
}

#endif
