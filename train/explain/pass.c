/* One picture through a network, with gradients: see pass.h.
 *
 * The pass is a training pass whose batch norms use their running statistics and which drops nothing. No parameter learns:
 * gradients are computed from the outputs back to the first node that is looked at, and no further. */
#include "train/explain/pass.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/weight_source.h"

enum { MOST_HEADS = 64 };

/* ---- layers ---- */

static yolo_status check_layer(const yolo_model_spec *spec, int layer) {
  const yolo_graph *graph = spec->graph;
  if (layer >= 0 && layer < graph->n_layers) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "%s: there is no layer %d; the network has layers 0 to %d ('yolo info' lists them)",
                   spec->cfg->file, layer, graph->n_layers - 1);
}

/* The only layer of that section. */
static yolo_status find_section(const yolo_model_spec *spec, const char *name, int *out) {
  yolo_text list = {0};
  int count = 0;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < spec->graph->n_layers; i++) {
    if (strcmp(spec->graph->layers[i].section, name) != 0) continue;
    *out = i;
    if (count++ < 8) YOLO_TRY(yolo_text_format(&list, "%s%d", count > 1 ? ", " : "", i));
  }
  if (count == 0)
    st = yolo_fail(YOLO_EINVAL, "%s: there is no layer '%s'; give its number of 'yolo info', 0 to %d", spec->cfg->file, name,
                   spec->graph->n_layers - 1);
  if (count > 1)
    st = yolo_fail(YOLO_EINVAL, "%s: %d layers are [%s] (%s%s); give the number of one", spec->cfg->file, count, name,
                   list.data, count > 8 ? " ..." : "");
done:
  yolo_text_free(&list);
  return st;
}

yolo_status yolo_explain_layer_find(const yolo_model_spec *spec, const char *name, int *out) {
  const char *number = strncmp(name, "model.", 6) == 0 ? name + 6 : name;
  if (yolo_parse_int(number, out)) return check_layer(spec, *out);
  return find_section(spec, name, out);
}

yolo_status yolo_explain_layer_node(const yolo_model_spec *spec, int layer, int *out) {
  yolo_status st = check_layer(spec, layer);
  if (st != YOLO_OK) return st;
  const yolo_layer *l = &spec->graph->layers[layer];
  const yolo_shape shape = spec->graph->nodes[l->last].shape;
  *out = l->last;
  if (shape.h * shape.w > 1) return YOLO_OK;
  return yolo_fail(YOLO_ESHAPE, "%s: layer %d [%s] gives a vector of %d values, no map; choose a layer before it",
                   spec->cfg->file, layer, l->section, shape.c);
}

yolo_status yolo_explain_depends(const yolo_graph *graph, int node, int on, bool *out) {
  bool *marked = yolo_calloc((size_t)graph->n_nodes, sizeof *marked);
  if (!marked) return YOLO_ENOMEM;
  marked[on] = true;
  for (int i = on + 1; i <= node; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++) marked[i] |= marked[graph->nodes[i].in[k]];
  *out = marked[node];
  yolo_free(marked);
  return YOLO_OK;
}

int yolo_explain_logits(const yolo_model_spec *spec, int head) {
  const yolo_node *node = &spec->graph->nodes[spec->heads[head].node];
  const bool squashes = spec->heads[head].def->scores && node->kind == YOLO_NODE_OP && node->op == YOLO_OP_softmax;
  return squashes ? node->in[0] : spec->heads[head].node;
}

/* ---- the pass ---- */

yolo_status yolo_explain_pass_new(const yolo_model_spec *spec, int threads, const int *kept, int n_kept,
                                  yolo_explain_pass *out) {
  int outputs[2 * MOST_HEADS], n = 0;
  *out = (yolo_explain_pass){.spec = spec};
  if (spec->n_heads > MOST_HEADS)
    return yolo_fail(YOLO_EUNSUPPORTED, "%s: more than %d heads", spec->cfg->file, (int)MOST_HEADS);
  bool *learns = yolo_calloc((size_t)spec->graph->n_params + 1, sizeof *learns); /* none does */
  if (!learns) return YOLO_ENOMEM;
  for (int h = 0; h < spec->n_heads; h++) {
    outputs[n++] = spec->heads[h].node;
    outputs[n++] = yolo_explain_logits(spec, h);
  }
  const yolo_trainer_options options = {.device = {.threads = threads},
                                        .learns = learns,
                                        .outputs = outputs,
                                        .n_outputs = n,
                                        .kept = kept,
                                        .n_kept = n_kept,
                                        .as_inference = true};
  yolo_status st = yolo_trainer_new(spec->graph, &options, &out->trainer);
  for (int k = 0; k < n_kept && st == YOLO_OK; k++) {
    if (yolo_trainer_node(out->trainer, kept[k]) >= 0) continue;
    const int layer = spec->graph->nodes[kept[k]].layer;
    st = yolo_fail(YOLO_EUNSUPPORTED, "%s: layer %d and the activation after it are computed as one; choose layer %d",
                   spec->cfg->file, layer, layer + 1);
  }
  yolo_free(learns);
  if (st != YOLO_OK) yolo_explain_pass_release(out);
  return st;
}

void yolo_explain_pass_release(yolo_explain_pass *pass) {
  yolo_trainer_free(pass->trainer);
  *pass = (yolo_explain_pass){0};
}

/* The trainer asks in the order in which the file delivers. */
static yolo_status fetch(void *payload, const yolo_param *param, float *to) {
  (void)param;
  return yolo_weight_source_read(payload, to);
}

yolo_status yolo_explain_pass_load(yolo_explain_pass *pass, const char *weights, const yolo_model_options *options) {
  yolo_weight_source source = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_weight_source_open(weights, pass->spec->graph, options, &source));
  YOLO_TRY(yolo_trainer_load(pass->trainer, fetch, &source));
  YOLO_TRY(yolo_weight_source_finish(&source));
done:
  yolo_weight_source_close(&source);
  if (st != YOLO_OK && !strstr(yolo_error_message(), weights)) return yolo_error_prefix(st, "%s: ", weights);
  return st;
}

yolo_status yolo_explain_pass_run(yolo_explain_pass *pass, const yolo_pixels *picture) {
  const yolo_model_spec *spec = pass->spec;
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  if (spec->channels != 1 && spec->channels != 3)
    return yolo_fail(YOLO_EINVAL, "%s: the network reads %d channels; images have 1 or 3", spec->cfg->file, spec->channels);
  YOLO_TRY(yolo_trainer_prepare(pass->trainer, 1, spec->height, spec->width, &input));
  YOLO_TRY(yolo_preprocess_run(&spec->preprocess, picture, &input, 0, &pass->place));
  YOLO_TRY(yolo_trainer_forward(pass->trainer, true, 0));
done:
  return st;
}

yolo_tensor yolo_explain_value(const yolo_explain_pass *pass, int node) {
  return yolo_trainer_output(pass->trainer, yolo_trainer_node(pass->trainer, node));
}

yolo_tensor yolo_explain_gradient(const yolo_explain_pass *pass, int node) {
  return yolo_trainer_output_grad(pass->trainer, yolo_trainer_node(pass->trainer, node));
}
