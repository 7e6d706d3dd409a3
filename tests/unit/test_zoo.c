/* The model zoo: parameters, the floats of a Darknet .weights file, operations and layer counts of every
 * network must equal those of the published ones, to the last digit. A wrong filter count, a missing layer or
 * a mixed-up route shows in at least one of them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/cfg/cfg.h"
#include "detect/head.h"
#include "tests/unit/suite.h"

typedef struct zoo_row {
  const char *name;
  int size;            /* width = height of [net] */
  size_t learned;      /* parameters */
  size_t floats;       /* in the .weights file: the running statistics too */
  const char *gflop;   /* 2 x multiply-adds of convolutions and linear layers */
  int layers;          /* sections but [net]: what [route] counts */
  const char *outputs; /* shapes of the heads, or of the last node */
} zoo_row;

/* The detectors and Darknet's classifiers: computed from the published cfgs. The ResNets: torchvision's
 * documented parameters and operations (1.81, 3.66 and 4.09 billion multiply-adds), running statistics from
 * the layer table. ssd300-vgg16: torchvision's 35,641,826 parameters and 34.858 billion multiply-adds are for 91 classes with
 * the background; ten classes less are 1,336,620 parameters and 0.498 billion multiply-adds less. ssd-mobilenet is our own. */
static const zoo_row zoo[] = {
    {"yolov2-tiny", 416, 11232057, 11237145, "5.406", 16, "13x13x425"},
    {"yolov2", 416, 50962889, 50983561, "29.464", 32, "13x13x425"},
    {"yolov3-tiny", 416, 8852366, 8858734, "5.565", 24, "13x13x255 26x26x255"},
    {"yolov3", 416, 61949149, 62001757, "65.864", 107, "13x13x255 26x26x255 52x52x255"},
    {"yolov3-spp", 608, 62998749, 63052381, "141.449", 114, "19x19x255 38x38x255 76x76x255"},
    {"yolov4-tiny", 416, 6056606, 6062814, "6.908", 38, "13x13x255 26x26x255"},
    {"yolov4", 416, 64363101, 64429405, "60.105", 162, "52x52x255 26x26x255 13x13x255"},
    {"yolov4-csp", 512, 52921437, 52986205, "76.953", 175, "64x64x255 32x32x255 16x16x255"},
    {"yolov7-tiny", 416, 6227101, 6241885, "5.789", 99, "52x52x255 26x26x255 13x13x255"},
    {"ssd300-vgg16", 300, 34305206, 34305206, "68.721", 47, "38x38x340 19x19x510 10x10x510 5x5x510 3x3x340 1x1x340"},
    {"ssd-mobilenet", 320, 4451060, 4495796, "1.688", 98, "20x20x510 10x10x510 5x5x510 3x3x510 2x2x510 1x1x510"},
    {"darknet19", 224, 20842376, 20856776, "5.582", 26, "1x1x1000"},
    {"darknet53", 256, 41609928, 41645640, "18.570", 78, "1x1x1000"},
    {"resnet18", 224, 11689512, 11699112, "3.628", 35, "1x1x1000"},
    {"resnet34", 224, 21797672, 21814696, "7.328", 59, "1x1x1000"},
    {"resnet50", 224, 25557032, 25610152, "8.178", 77, "1x1x1000"},
};

static yolo_cfg_section_def heads[16];
static int n_heads;

static void collect_heads(void) {
  for (int i = 0; i < yolo_head_count() && i < 16; i++) {
    if (yolo_heads[i]->section.name) heads[n_heads++] = yolo_heads[i]->section;
  }
}

static void load(const char *name, yolo_cfg **cfg, yolo_graph **graph) {
  char path[256];
  snprintf(path, sizeof path, "backbone/models/%s.cfg", name);
  ck_assert_msg(yolo_cfg_load(path, cfg) == YOLO_OK, "%s", yolo_error_message());
  ck_assert_msg(yolo_cfg_to_graph(*cfg, heads, n_heads, 0, 0, graph) == YOLO_OK, "%s", yolo_error_message());
}

static double total_gflop(const yolo_graph *graph, int size) {
  double flop = 0;
  yolo_shape *shapes = calloc((size_t)graph->n_nodes, sizeof *shapes);
  ck_assert_msg(yolo_graph_infer(graph, size, size, shapes) == YOLO_OK, "%s", yolo_error_message());
  for (int i = 0; i < graph->n_nodes; i++) flop += yolo_graph_flops(graph, shapes, i);
  free(shapes);
  return flop / 1e9;
}

static void describe_outputs(const yolo_graph *graph, char *text, size_t size) {
  text[0] = '\0';
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->kind != YOLO_NODE_OUTPUT) continue;
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%dx%dx%d", used ? " " : "", node->shape.w, node->shape.h, node->shape.c);
  }
  yolo_shape last = graph->nodes[graph->n_nodes - 1].shape;
  if (!text[0]) snprintf(text, size, "%dx%dx%d", last.w, last.h, last.c);
}

START_TEST(counts_are_the_published_ones) {
  const zoo_row *row = &zoo[_i];
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  char gflop[32], outputs[256];
  load(row->name, &cfg, &graph);
  snprintf(gflop, sizeof gflop, "%.3f", total_gflop(graph, row->size));
  describe_outputs(graph, outputs, sizeof outputs);
  printf("%-12s learned %9zu  floats %9zu  GFLOP %7s  layers %3d  %s\n", row->name, yolo_graph_param_count(graph, true),
         yolo_graph_param_count(graph, false), gflop, graph->n_layers, outputs);
  ck_assert_uint_eq(yolo_graph_param_count(graph, true), row->learned);
  ck_assert_uint_eq(yolo_graph_param_count(graph, false), row->floats);
  ck_assert_str_eq(gflop, row->gflop);
  ck_assert_int_eq(graph->nodes[0].shape.w, row->size);
  ck_assert_int_eq(graph->nodes[0].shape.h, row->size);
  ck_assert_int_eq(graph->n_layers, row->layers);
  ck_assert_str_eq(outputs, row->outputs);
  yolo_graph_free(graph);
  yolo_cfg_free(cfg);
}
END_TEST

/* Multi-scale training and --imgsz want every YOLO to run at other multiples of 32. */
START_TEST(detectors_fit_other_sizes) {
  const zoo_row *row = &zoo[_i];
  if (strstr(row->outputs, "x255 ") == NULL) return;
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  char path[256], outputs[256];
  snprintf(path, sizeof path, "backbone/models/%s.cfg", row->name);
  ck_assert_int_eq(yolo_cfg_load(path, &cfg), YOLO_OK);
  ck_assert_msg(yolo_cfg_to_graph(cfg, heads, n_heads, 320, 352, &graph) == YOLO_OK, "%s", yolo_error_message());
  describe_outputs(graph, outputs, sizeof outputs);
  ck_assert_ptr_nonnull(strstr(outputs, "11x10x255"));
  yolo_graph_free(graph);
  yolo_cfg_free(cfg);
}
END_TEST

START_TEST(nothing_stays_behind) {
  long before = yolo_memory_get_stats().live;
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  load("yolov4-tiny", &cfg, &graph);
  yolo_graph_free(graph);
  yolo_cfg_free(cfg);
  ck_assert_int_eq(yolo_memory_get_stats().live, before);
}
END_TEST

int main(void) {
  int rows = (int)(sizeof zoo / sizeof zoo[0]);
  Suite *suite = suite_create("zoo");
  TCase *tcase = tcase_create("zoo");
  collect_heads();
  tcase_set_timeout(tcase, 60);
  tcase_add_loop_test(tcase, counts_are_the_published_ones, 0, rows);
  tcase_add_loop_test(tcase, detectors_fit_other_sizes, 0, rows);
  tcase_add_test(tcase, nothing_stays_behind);
  suite_add_tcase(suite, tcase);
  return suite_run(suite) == 0 ? 0 : 1;
}
