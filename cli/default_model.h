/* The model of `yolo detect` where nobody names one.
 *
 *   $YOLO_MODEL                             a file; empty: there is no default
 *   weights/yolo-nano.safetensors           near the program: PREFIX/share/yolo/weights of an installed one, weights/ of the
 *                                           source tree it was built in
 *
 * What it was trained on, and how good it is: weights/README.md. */
#ifndef YOLO_CLI_DEFAULT_MODEL_H
#define YOLO_CLI_DEFAULT_MODEL_H

#include "backbone/base/status.h"

/* A path (the caller's, yolo_free), or NULL: there is none. */
yolo_status default_model_find(char **out);

#endif
