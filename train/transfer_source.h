/* The tensors of a weights file of any kind, one after another with their names. Internal to train/transfer*.c. */
#ifndef YOLO_TRAIN_TRANSFER_SOURCE_H
#define YOLO_TRAIN_TRANSFER_SOURCE_H

#include "detect/names.h"
#include "detect/weight_source.h"
#include "train/transfer.h"

typedef struct yolo_transfer_source {
  yolo_weight_source darknet;           /* Darknet: of this graph */
  yolo_graph *graph;                    /* owned; NULL: the spec's */
  yolo_safetensors_reader *safetensors; /* NULL: Darknet */
  yolo_names names;                     /* owned; count 0: not known */
  int count;
} yolo_transfer_source;

yolo_status yolo_transfer_source_open(const yolo_model_spec *spec, const yolo_transfer_options *options,
                                      yolo_transfer_source *out);
void yolo_transfer_source_close(yolo_transfer_source *source);
/* Tensor `index` of the file; *known false: one of a kind that no network has. */
yolo_status yolo_transfer_source_at(const yolo_transfer_source *source, int index, yolo_tensor_desc *out, bool *known);
/* Its values. Darknet files are read in order, every tensor; *ended: the file ends before this one. */
yolo_status yolo_transfer_source_read(yolo_transfer_source *source, const yolo_tensor_desc *desc, float *to, bool *ended);
/* After the last: a file with more than that belongs to another network. */
yolo_status yolo_transfer_source_finish(yolo_transfer_source *source);

#endif
