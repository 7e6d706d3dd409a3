/* Where the parameters of a graph come from: one tensor after the other, in Darknet file order, whatever the
 * format of the file. Internal to detect/. */
#ifndef YOLO_DETECT_WEIGHT_SOURCE_H
#define YOLO_DETECT_WEIGHT_SOURCE_H

#include "detect/model.h"

typedef struct yolo_weight_source {
  const yolo_graph *graph;
  yolo_tensor_desc *descs; /* owned */
  int count, next;
  yolo_darknet_reader *darknet;
  yolo_safetensors_reader *safetensors;
  bool partial, ended; /* ended: the file's own end, or the cutoff, lies behind; the rest is random */
  int cutoff;          /* layers that the file holds; 0: as many as it does */
  yolo_darknet_header header;
  bool has_header;
} yolo_weight_source;

/* Opens a Darknet or safetensors file. options may be NULL; only `partial` and `cutoff` are read. */
yolo_status yolo_weight_source_open(const char *path, const yolo_graph *graph, const yolo_model_options *options,
                                    yolo_weight_source *out);
/* The next tensor, source->descs[source->next], into `to`. */
yolo_status yolo_weight_source_read(yolo_weight_source *source, float *to);
/* After the last: leftover bytes or tensors are errors. */
yolo_status yolo_weight_source_finish(yolo_weight_source *source);
void yolo_weight_source_close(yolo_weight_source *source);

#endif
