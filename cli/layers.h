/* What can be said about one layer of a cfg in a row of a table. */
#ifndef YOLO_CLI_LAYERS_H
#define YOLO_CLI_LAYERS_H

#include "backbone/graph/graph.h"

enum { LAYER_DETAIL_MAX = 48 };

typedef struct layer_facts {
  int filters; /* of a layer with weights and outputs of its own choosing; 0: none */
  yolo_shape in, out;
  unsigned long long parameters; /* learned */
  double flops;                  /* one image */
} layer_facts;

/* `detail`: "3x3/2", "x2", "from 61, 36". The graph is the unfused one. */
layer_facts layer_describe(const yolo_graph *graph, int layer, char detail[LAYER_DETAIL_MAX]);

#endif
