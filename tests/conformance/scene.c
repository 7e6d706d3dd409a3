/* One case of the conformance run with its numbers: random inputs and parameters, and what the plain loops make of them.
 * For a 16-bit type the inputs and the weights are rounded to it beforehand, so that only arithmetic is judged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/rng.h"
#include "tests/conformance/conformance.h"

bool yolo_case_multiplies(yolo_op_id id) { return id == YOLO_OP_conv2d || id == YOLO_OP_linear; }

static float *random_values(uint64_t key, uint64_t stream, size_t count, double low, double high) {
  yolo_rng rng = {.key = key, .stream = stream};
  float *values = malloc(count * sizeof *values);
  for (size_t i = 0; values && i < count; i++) values[i] = (float)(low + (high - low) * yolo_rng_uniform(&rng));
  return values;
}

static float *random_input(const yolo_scene *s, int i, uint64_t key) {
  const size_t count = yolo_shape_count(s->c->in[i]);
  const double range = s->c->range > 0 ? s->c->range : 2;
  float *values = random_values(key, (uint64_t)i, count, -range, range);
  if (values) yolo_values_round(s->dtype, values, count);
  return values;
}

/* Weights are scaled so that sums keep the size of the inputs and no activation only saturates. */
static float *random_param(const yolo_scene *s, int i, uint64_t key) {
  const yolo_param_spec *spec = &s->spec[i];
  const bool weight = s->op->flops && strcmp(spec->name, "weight") == 0;
  size_t count = yolo_param_count(spec);
  if (strcmp(spec->name, "running_var") == 0) return random_values(key, 100 + (uint64_t)i, count, 0.1, 2);
  double fan_in = weight ? (double)spec->b * spec->s : 1;
  double range = fan_in > 1 ? sqrt(3 / fan_in) : 2;
  float *values = random_values(key, 100 + (uint64_t)i, count, -range, range);
  if (values && weight && yolo_case_multiplies(s->id)) yolo_values_round(s->dtype, values, count);
  return values;
}

yolo_op_call yolo_scene_call(const yolo_scene *scene, yolo_scene_tensors *tensors) {
  for (int i = 0; i < scene->c->n_in; i++) tensors->in[i] = yolo_tensor_dense(scene->in[i], scene->c->in[i]);
  for (int i = 0; i < scene->n_param; i++) tensors->param[i] = yolo_tensor_dense(scene->param[i], scene->spec[i].shape);
  tensors->out = yolo_tensor_dense(scene->ref, scene->out_shape);
  return (yolo_op_call){.id = scene->id,
                        .attrs = scene->c->attrs,
                        .n_in = scene->c->n_in,
                        .n_param = scene->n_param,
                        .in = tensors->in,
                        .out = &tensors->out,
                        .param = tensors->param};
}

yolo_op_call yolo_scene_plan(const yolo_scene *scene, yolo_scene_tensors *tensors) {
  yolo_op_call call = yolo_scene_call(scene, tensors);
  for (int i = 0; i < scene->c->n_in; i++) tensors->in[i].data = NULL;
  tensors->out.data = NULL;
  return call;
}

void yolo_scene_free(yolo_scene *scene) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) free(scene->in[i]);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) free(scene->param[i]);
  free(scene->ref);
  free(scene->first);
  *scene = (yolo_scene){.title = ""};
}

static bool fill(yolo_scene *s, uint64_t key) {
  const size_t bytes = yolo_shape_count(s->out_shape) * sizeof(float);
  bool whole = true;
  for (int i = 0; i < s->c->n_in; i++) whole &= (s->in[i] = random_input(s, i, key)) != NULL;
  for (int i = 0; i < s->n_param; i++) whole &= (s->param[i] = random_param(s, i, key)) != NULL;
  whole &= (s->ref = malloc(bytes)) != NULL;
  whole &= (s->first = malloc(bytes)) != NULL;
  return whole;
}

yolo_status yolo_scene_make(yolo_scene *scene, yolo_op_id id, int index, yolo_dtype dtype) {
  const yolo_case_table *table = yolo_case_table_of(id);
  yolo_scene_tensors tensors;
  *scene = (yolo_scene){.id = id, .op = yolo_op_get(id), .table = table, .c = &table->cases[index], .dtype = dtype};
  yolo_case_title(id, index, scene->title, sizeof scene->title);
  yolo_status st = scene->op->shape(scene->c->attrs, scene->c->n_in, scene->c->in, &scene->out_shape);
  if (st != YOLO_OK) return st;
  scene->n_param = scene->op->params ? scene->op->params(scene->c->attrs, scene->c->n_in, scene->c->in, scene->spec) : 0;
  if (!fill(scene, (uint64_t)id * 1000 + (uint64_t)index)) return yolo_fail(YOLO_ENOMEM, "conformance: no memory for the case");
  yolo_op_call call = yolo_scene_call(scene, &tensors);
  st = scene->op->forward(&call);
  /* Moved values stay what they are; what is taken from an fp32 parameter or scaled is rounded once, when it is stored. */
  if (st == YOLO_OK && table->exact) yolo_values_round(dtype, scene->ref, yolo_shape_count(scene->out_shape));
  return st;
}
