/* One loss over one batch, for scripts/compare_losses.py.
 *
 *   loss_lab net.cfg LOSS threads < request > answer        LOSS: a name, or "default"
 *
 * All numbers are in the machine's order. Request: int32 images, nominal, seen, input width, input height; double scale, label
 * smoothing; for each image int32 truths, label, label2, float share, and for each truth float x, y, w, h, int32 class,
 * float weight, int32 ignore; then for each head of the cfg int32 height, width and its float values (N, H, W, C).
 * Answer: the name of the loss in 32 bytes, int32 parts, for each 16 bytes of name and a double; double total, iou; int32
 * truths, positives, recalled50, recalled75, correct; then the gradients as the values came. Tensors lie in memory with a pixel
 * stride wider than their channels. Whatever fails ends the program with a sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/model.h"
#include "train/loss.h"

enum { MOST_HEADS = 8, WIDER = 3 };

static void need(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "loss_lab: %s (last sentence: %s)\n", what, yolo_error_message());
  exit(1);
}

static void take(void *data, size_t size) { need(fread(data, 1, size, stdin) == size, "the request ends early"); }
static void give(const void *data, size_t size) { need(fwrite(data, 1, size, stdout) == size, "the answer cannot be written"); }

static int32_t take_int(void) {
  int32_t value;
  take(&value, sizeof value);
  return value;
}

static float take_float(void) {
  float value;
  take(&value, sizeof value);
  return value;
}

static double take_double(void) {
  double value;
  take(&value, sizeof value);
  return value;
}

static void give_int(long value) {
  const int32_t narrow = (int32_t)value;
  give(&narrow, sizeof narrow);
}

static void *room(size_t count, size_t size) {
  void *block = yolo_calloc(count ? count : 1, size);
  need(block != NULL, "no memory");
  return block;
}

static void give_text(const char *text, size_t size) {
  char padded[32] = {0};
  snprintf(padded, sizeof padded, "%s", text);
  give(padded, size);
}

static void take_truths(yolo_truths *out) {
  out->count = take_int();
  out->label = take_int();
  out->label2 = take_int();
  out->label_share = take_float();
  yolo_truth *items = room((size_t)out->count, sizeof *items);
  for (int t = 0; t < out->count; t++) {
    float box[4];
    take(box, sizeof box);
    items[t] = (yolo_truth){.x = box[0], .y = box[1], .w = box[2], .h = box[3]};
    items[t].class_index = take_int();
    items[t].weight = take_float();
    items[t].ignore = take_int() != 0;
  }
  out->items = items;
}

static void take_head(const yolo_model_spec *spec, int i, int count, yolo_loss_head *out) {
  const yolo_node *node = &spec->graph->nodes[spec->heads[i].node];
  yolo_shape shape = {count, 0, 0, node->shape.c};
  shape.h = take_int();
  shape.w = take_int();
  out->head = &spec->heads[i];
  out->section = node->layer >= 0 ? &spec->cfg->sections[node->layer + 1] : NULL;
  out->value = yolo_tensor_dense(NULL, shape);
  out->value.stride += WIDER;
  out->grad = out->value;
  out->value.data = room(yolo_shape_pixels(shape) * out->value.stride, sizeof(float));
  out->grad.data = room(yolo_shape_pixels(shape) * out->value.stride, sizeof(float));
  for (size_t p = 0; p < yolo_shape_pixels(shape); p++) take(yolo_nth_pixel(&out->value, p), (size_t)shape.c * sizeof(float));
}

static void give_report(const yolo_loss_report *report) {
  const long counts[5] = {report->truths, report->positives, report->recalled50, report->recalled75, report->correct};
  give_int(report->n_parts);
  for (int i = 0; i < report->n_parts; i++) {
    give_text(report->parts[i].name, 16);
    give(&report->parts[i].value, sizeof(double));
  }
  give(&report->total, sizeof(double));
  give(&report->iou, sizeof(double));
  for (int i = 0; i < 5; i++) give_int(counts[i]);
}

static void give_gradient(const yolo_loss_head *head) {
  for (size_t p = 0; p < yolo_shape_pixels(head->grad.shape); p++) {
    const float *pixel = yolo_nth_pixel(&head->grad, p);
    for (int k = 0; k < WIDER; k++) need(pixel[head->grad.shape.c + k] == 0, "a gradient was written beyond its channels");
    give(pixel, (size_t)head->grad.shape.c * sizeof(float));
  }
}

int main(int argc, char **argv) {
  yolo_model_spec spec;
  yolo_loss_head heads[MOST_HEADS];
  yolo_loss_report report;
  yolo_loss_batch batch = {.heads = heads};
  void *attrs = NULL;
  need(argc == 4 && yolo_parse_int(argv[3], &batch.threads), "usage: loss_lab net.cfg LOSS threads < request > answer");
  need(yolo_model_spec_load(argv[1], NULL, &spec) == YOLO_OK && spec.n_heads <= MOST_HEADS, "the cfg");
  batch.count = take_int();
  batch.nominal = take_int();
  batch.seen = (uint64_t)take_int();
  batch.input_w = take_int();
  batch.input_h = take_int();
  batch.scale = (float)take_double();
  batch.label_smoothing = take_double();
  yolo_truths *images = room((size_t)batch.count, sizeof *images);
  for (int n = 0; n < batch.count; n++) take_truths(&images[n]);
  batch.images = images;
  batch.n_heads = spec.n_heads;
  for (int i = 0; i < spec.n_heads; i++) take_head(&spec, i, batch.count, &heads[i]);
  const yolo_loss_def *loss =
      strcmp(argv[2], "default") == 0 ? yolo_loss_default(heads[0].head->def, heads[0].section) : yolo_loss_find(argv[2]);
  need(loss && yolo_loss_fits(loss, heads[0].head->def), "the loss");
  need(loss->make(heads, spec.n_heads, &attrs) == YOLO_OK, "make");
  need(loss->run(attrs, &batch, &report) == YOLO_OK, "run");
  give_text(loss->name, 32);
  give_report(&report);
  for (int i = 0; i < spec.n_heads; i++) give_gradient(&heads[i]);
  for (int i = 0; i < spec.n_heads; i++) yolo_free(heads[i].value.data), yolo_free(heads[i].grad.data);
  for (int n = 0; n < batch.count; n++) yolo_free((void *)(uintptr_t)images[n].items);
  yolo_free(images);
  yolo_free(attrs);
  yolo_model_spec_release(&spec);
  return 0;
}
