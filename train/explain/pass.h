/* One picture through a network, layer by layer as at inference, in such a way that values of layers can be looked at and
 * gradients asked for: what the heat maps and the pictures of features stand on. */
#ifndef YOLO_TRAIN_EXPLAIN_PASS_H
#define YOLO_TRAIN_EXPLAIN_PASS_H

#include "backbone/graph/trainer.h"
#include "detect/model.h"

typedef struct yolo_explain_pass {
  const yolo_model_spec *spec;
  yolo_trainer *trainer;
  yolo_placement place; /* of the picture in the input */
} yolo_explain_pass;

/* kept: nodes of spec->graph whose values and gradients are looked at. The spec must stay. */
yolo_status yolo_explain_pass_new(const yolo_model_spec *spec, int threads, const int *kept, int n_kept,
                                  yolo_explain_pass *out);
void yolo_explain_pass_release(yolo_explain_pass *pass);
/* The parameters of a .weights or .safetensors file; of `options` only partial and cutoff are read. Tests and trainings load
 * pass->trainer themselves. */
yolo_status yolo_explain_pass_load(yolo_explain_pass *pass, const char *weights, const yolo_model_options *options);
yolo_status yolo_explain_pass_run(yolo_explain_pass *pass, const yolo_pixels *picture);

/* The value of a node of spec->graph (an output or a kept one), and after yolo_trainer_backward its gradient; data NULL: there
 * is none. */
yolo_tensor yolo_explain_value(const yolo_explain_pass *pass, int node);
yolo_tensor yolo_explain_gradient(const yolo_explain_pass *pass, int node);

/* ---- layers ---- */

/* The layer that people mean: "12", "model.12", or the name of a section that stands once in the network ("avgpool"). */
yolo_status yolo_explain_layer_find(const yolo_model_spec *spec, const char *name, int *out);
/* Its node of spec->graph, which has a map; a layer that gives a vector is an error. */
yolo_status yolo_explain_layer_node(const yolo_model_spec *spec, int layer, int *out);
/* Whether a node is, or is computed from, another one. */
yolo_status yolo_explain_depends(const yolo_graph *graph, int node, int on, bool *out);

/* The node in front of a head whose values are scores before any softmax: what a classifier's last layer squashes, what a
 * detection head reads. */
int yolo_explain_logits(const yolo_model_spec *spec, int head);

#endif
