/* [augment] preset = auto: images are augmented as the paper of the loss does it that will train the network.
 *
 * The preset fills [augment] before the file's other keys are read, and which network is trained stands in that same file: so
 * the file is read, its network is looked at, and the file is read once more with the preset by its name. */
#ifndef YOLO_TRAIN_RECIPE_H
#define YOLO_TRAIN_RECIPE_H

#include "train/config.h"

/* As yolo_config_load, for a training or a look at its pictures: augment.preset is never auto afterwards. A network that
 * cannot be read is an error; a head that no loss fits is not, yet. */
yolo_status yolo_recipe_load(const char *path, const char *const *sets, int n_sets, yolo_config *out);

#endif
