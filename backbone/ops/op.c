/* The op table, made from op_list.h, and the one swap between a parameter on disk and in memory. */
#include <string.h>

#include "backbone/ops/op.h"

static const yolo_op *const op_table[YOLO_OP_COUNT] = {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) [YOLO_OP_##name] = &yolo_op_##name,
#include "backbone/ops/op_list.h"
#undef YOLO_OP
};

const yolo_op *yolo_op_get(yolo_op_id id) { return (unsigned)id < YOLO_OP_COUNT ? op_table[id] : NULL; }

const yolo_op *yolo_op_find(const char *name) {
  for (int i = 0; i < YOLO_OP_COUNT; i++)
    if (strcmp(op_table[i]->name, name) == 0) return op_table[i];
  return NULL;
}

size_t yolo_param_count(const yolo_param_spec *spec) { return (size_t)spec->a * (size_t)spec->b * (size_t)spec->s; }

/* Each of `slabs` matrices (rows, columns) becomes (columns, rows). */
static void transpose_slabs(float *values, float *slab, size_t slabs, size_t rows, size_t columns) {
  if (rows == 1 || columns == 1) return; /* the same numbers in the same order */
  for (size_t i = 0; i < slabs; i++, values += rows * columns) {
    memcpy(slab, values, rows * columns * sizeof *slab);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < columns; c++) values[c * rows + r] = slab[r * columns + c];
  }
}

void yolo_param_to_memory(const yolo_param_spec *spec, float *values, float *slab) {
  transpose_slabs(values, slab, (size_t)spec->a, (size_t)spec->b, (size_t)spec->s);
}

void yolo_param_to_disk(const yolo_param_spec *spec, float *values, float *slab) {
  transpose_slabs(values, slab, (size_t)spec->a, (size_t)spec->s, (size_t)spec->b);
}
