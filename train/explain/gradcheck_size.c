/* How many pictures of which size gradients are checked on. See gradcheck.h. */
#include <limits.h>
#include <math.h>

#include "train/explain/gradcheck_parts.h"

enum {
  LEAST_CELLS = 3,
  MOST_CELLS = 8,
  LEAST_SIDE = 32,
  FEW_CELLS = 5,
  CALLS = 14, /* forward passes of a tensor */
  PICTURES = 2,
  MORE_PICTURES = 8,
  FEW_VALUES = 4
};
static const double work = 6e11; /* multiplications that a check should take at most */

typedef struct size_of_work {
  double stride; /* pixels of the input that a cell of the coarsest map stands for, of maps that are no mere tail (SSD's) */
  double multiplications; /* of convolutions, for a pixel of the input */
  int tensors;
  int least_cells; /* of the smallest map that is normalised, in one picture */
} size_of_work;

static size_of_work measure_work(const yolo_gradcheck *c) {
  const yolo_model_spec *spec = c->session->spec;
  size_of_work out = {.stride = 1, .least_cells = INT_MAX};
  for (int i = 1; i < spec->graph->n_nodes; i++) {
    const yolo_node *node = &spec->graph->nodes[i];
    if (node->kind != YOLO_NODE_OP) continue;
    for (int k = 0; k < node->n_param; k++)
      out.tensors += yolo_trainer_param_at(c->session->trainer, node->param[k]).grad != NULL;
    const int cells = node->shape.w * node->shape.h;
    if (node->op == YOLO_OP_batchnorm && cells < out.least_cells) out.least_cells = cells;
    if (node->op != YOLO_OP_conv2d || node->shape.w < FEW_CELLS) continue;
    out.stride = fmax(out.stride, (double)spec->width / node->shape.w);
    out.multiplications += (double)yolo_param_count(&spec->graph->params[node->param[0]].spec) * node->shape.w * node->shape.h /
                           ((double)spec->width * spec->height);
  }
  return out;
}

/* Small, but not too small: batch norm over a handful of values bends sharply, and where a map has few cells a single one at
 * its kink can be seen in the sum. Networks that cannot take another size keep their own. Where even the smallest takes long,
 * the tensors of a layer are moved together. Of two values batch norm leaves the sign of their difference: a map of one cell
 * (the last of SSD) wants more pictures. */
void yolo_gradcheck_choose_size(yolo_gradcheck *c) {
  yolo_trainer *trainer = c->session->trainer;
  const yolo_model_spec *spec = c->session->spec;
  yolo_gradcheck_options *o = &c->options;
  const size_of_work w = measure_work(c);
  if (o->batch <= 0) o->batch = w.least_cells < FEW_VALUES ? MORE_PICTURES : PICTURES;
  const double room = work / (w.multiplications * o->batch * CALLS * (w.tensors > 0 ? w.tensors : 1));
  yolo_trainer_memory memory;
  int cells = (int)(sqrt(room) / w.stride);
  cells = cells < LEAST_CELLS ? LEAST_CELLS : cells > MOST_CELLS ? MOST_CELLS : cells;
  int side = (int)ceil(cells * w.stride);
  if (side < LEAST_SIDE) side = LEAST_SIDE;
  if (o->width <= 0) {
    o->width = spec->width;
    o->height = spec->height;
    if (side < spec->width && side < spec->height && yolo_trainer_measure(trainer, o->batch, side, side, &memory) == YOLO_OK)
      o->width = o->height = side;
  }
  c->together = (double)o->width * o->height > 2 * room;
}
