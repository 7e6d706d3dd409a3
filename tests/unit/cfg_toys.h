/* What the tests of the model language share: a head of their own, the heads of the detect floor, building from
 * text, and checking a sentence for its words. */
#ifndef TESTS_CFG_TOYS_H
#define TESTS_CFG_TOYS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/cfg/cfg.h"
#include "detect/head.h"
#include "tests/unit/suite.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const yolo_cfg_key head_keys[] = {{"classes", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
                                         {"mask", YOLO_KEY_INTS, YOLO_KEY_MODEL, NULL},
                                         {"jitter", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                         {"softmax_tree", YOLO_KEY_TEXT, YOLO_KEY_MODEL, ""},
                                         {NULL, YOLO_KEY_INT, YOLO_KEY_MODEL, NULL}};

static yolo_status build_head(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  int classes = 0;
  yolo_status st = yolo_cfg_int(section, "classes", 1, 1, 100, &classes);
  if (st != YOLO_OK) return st;
  int channels = build->graph->nodes[build->previous].shape.c;
  if (channels != classes) return yolo_fail(YOLO_ESHAPE, "%d channels for %d classes", channels, classes);
  return yolo_graph_add_output(build->graph, build->previous, out);
}

static const yolo_cfg_section_def toy_heads[] = {{"goal", {"target"}, head_keys, build_head}, {NULL, {NULL}, NULL, NULL}};
enum { N_TOY_HEADS = 2 };

#define NET "[net]\nwidth=32\nheight=24\n"

/* Parses and builds; YOLO_OK leaves both with the caller. */
static inline yolo_status build_text(const char *text, yolo_cfg **cfg, yolo_graph **graph) {
  *graph = NULL;
  yolo_status st = yolo_cfg_parse(text, strlen(text), "toy.cfg", cfg);
  return st == YOLO_OK ? yolo_cfg_to_graph(*cfg, toy_heads, N_TOY_HEADS, 0, 0, graph) : st;
}

static inline void release(yolo_cfg *cfg, yolo_graph *graph) {
  yolo_graph_free(graph);
  yolo_cfg_free(cfg);
}

/* The sections of the real heads, for real files. */
static yolo_cfg_section_def real_heads[16];
static int n_real_heads;

static inline void collect_real_heads(void) {
  for (int i = 0; i < yolo_head_count() && i < 16; i++) real_heads[n_real_heads++] = yolo_heads[i]->section;
}

/* The sentence must hold every one of the words, which are separated by '|'. */
static inline void check_words(const char *message, const char *words, const char *text) {
  while (*words) {
    size_t length = strcspn(words, "|");
    char word[256];
    snprintf(word, sizeof word, "%.*s", (int)length, words);
    ck_assert_msg(strstr(message, word) != NULL, "'%s' lacks '%s'; the text was:\n%s", message, word, text);
    words += length + (words[length] == '|');
  }
}

static inline int run_suite(Suite *suite) {
  return suite_run(suite) == 0 ? 0 : 1;
}

#endif
