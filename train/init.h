/* What parameters begin as, and which of them learn. */
#ifndef YOLO_TRAIN_INIT_H
#define YOLO_TRAIN_INIT_H

#include "backbone/base/settings.h"
#include "detect/model.h"

/* A yolo_param_fetch; payload: const uint64_t * (the seed). Weights: normal with variance 2 / fan-in (He et al. 2015,
 * section 2.2); batch norm 1, 0 with statistics 0, 1; biases 0; what an op says it begins with. A parameter's values depend on
 * the seed and on its name only.
 */
yolo_status yolo_init_fetch(void *payload, const yolo_param *param, float *to);

/* The first answers of a head: biases of the convolution before it such that objectness begins near 1% and classes near their
 * share (Lin et al. 2017, "Focal loss", section 3.3; YOLOv5's initial biases). `values`: in-memory layout, as the trainer holds
 * them; heads without such a bias are left alone. */
void yolo_init_head_bias(const yolo_model_spec *spec, const yolo_head *head, int param, float *bias);

/* What does not learn. Items: "bn" (every batch norm keeps its statistics and line), "12", "0-10" (layers of the cfg),
 * or the begin of a parameter's name ("model.3."). learns: n_params, frozen_norm: n_nodes of spec->graph; both are the
 * caller's, filled here. An item that names nothing is an error. */
yolo_status yolo_init_freeze(const yolo_model_spec *spec, const yolo_setting_list *items, bool *learns, bool *frozen_norm);

#endif
