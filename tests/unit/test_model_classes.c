/* A cfg for other classes: every network of the zoo, every kind of head, what stays, what is refused. */
#include "tests/unit/train_fixture.h"

#include "backbone/cfg/cfg.h"
#include "detect/head.h"
#include "train/model_classes.h"

#define NET "[net]\nwidth=32\nheight=32\n"

static yolo_status adapt(const char *text, int classes, char **out) {
  return yolo_model_adapt(text, "toy.cfg", &(yolo_model_adaptation){.classes = classes}, out);
}

static yolo_status build(const char *text, yolo_graph **graph) {
  yolo_cfg_section_def heads[YOLO_HEAD_SECTIONS];
  yolo_cfg *cfg = NULL;
  yolo_status st = yolo_cfg_parse(text, strlen(text), "adapted.cfg", &cfg);
  int count = yolo_head_sections(heads, YOLO_HEAD_SECTIONS);
  if (st == YOLO_OK) st = yolo_cfg_to_graph(cfg, heads, count, 0, 0, graph);
  yolo_cfg_free(cfg);
  return st;
}

/* The lines that differ; both texts have the same number of lines. */
static int changed_lines(const char *a, const char *b) {
  int changed = 0;
  while (*a && *b) {
    size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
    changed += n != m || memcmp(a, b, n) != 0;
    a += n + (a[n] != '\0');
    b += m + (b[m] != '\0');
  }
  ck_assert(*a == '\0' && *b == '\0');
  return changed;
}

/* ---- the zoo ---- */

static const struct {
  const char *name;
  int heads, channels; /* of every head with 3 classes; heads 0: a classifier */
} zoo[] = {{"yolov2-tiny", 1, 40}, {"yolov2", 1, 40},      {"yolov3-tiny", 2, 24},  {"yolov3", 3, 24},
           {"yolov3-spp", 3, 24},  {"yolov4-tiny", 2, 24}, {"yolov4", 3, 24},       {"yolov4-csp", 3, 24},
           {"yolov7-tiny", 3, 24}, {"darknet19", 0, 3},    {"darknet53", 0, 3},     {"resnet18", 0, 3},
           {"resnet34", 0, 3},     {"resnet50", 0, 3},     {"ssd-mobilenet", 6, 48}};

/* The channels of a parameter's layer changed: only in layers that feed a head, and only there. */
static int count_changed_params(const yolo_graph *before, const yolo_graph *after) {
  int changed = 0;
  ck_assert_int_eq(before->n_params, after->n_params);
  for (int i = 0; i < before->n_params; i++) {
    const yolo_param_spec *a = &before->params[i].spec, *b = &after->params[i].spec;
    ck_assert_str_eq(before->params[i].name, after->params[i].name);
    ck_assert_int_eq(a->ndim, b->ndim);
    for (int k = 1; k < a->ndim; k++) ck_assert_int_eq(a->dims[k], b->dims[k]);
    changed += a->dims[0] != b->dims[0];
  }
  return changed;
}

static int last_channels(const yolo_graph *graph) { return graph->nodes[graph->n_nodes - 1].shape.c; }

START_TEST(zoo_with_three_classes) {
  for (size_t i = 0; i < sizeof zoo / sizeof *zoo; i++) {
    char path[128], *adapted = NULL, *back = NULL;
    int classes = zoo[i].heads ? 80 : 1000, layers = zoo[i].heads ? zoo[i].heads : 1;
    yolo_graph *before = NULL, *after = NULL;
    snprintf(path, sizeof path, "backbone/models/%s.cfg", zoo[i].name);
    char *text = get(path, NULL);
    MUST(yolo_model_adapt(text, path, &(yolo_model_adaptation){.classes = 3}, &adapted));
    MUST(build(text, &before));
    MUST(build(adapted, &after));
    for (int k = 0; k < after->n_nodes; k++) {
      if (after->nodes[k].kind == YOLO_NODE_OUTPUT) ck_assert_int_eq(after->nodes[k].shape.c, zoo[i].channels);
    }
    ck_assert_int_eq(last_channels(after), zoo[i].channels);
    ck_assert_msg(changed_lines(text, adapted) == layers + zoo[i].heads, "%s", zoo[i].name);
    ck_assert_int_eq(count_changed_params(before, after), 2 * layers); /* weight and bias */
    MUST(yolo_model_adapt(adapted, path, &(yolo_model_adaptation){.classes = classes}, &back));
    ck_assert_str_eq(back, text); /* there and back: byte for byte */
    yolo_free(back);
    MUST(yolo_model_adapt(text, path, &(yolo_model_adaptation){0}, &back));
    ck_assert_str_eq(back, text);
    yolo_free(back);
    yolo_free(adapted);
    yolo_free(text);
    yolo_graph_free(before);
    yolo_graph_free(after);
  }
}
END_TEST

/* ---- single texts ---- */

#define CONV    "[convolutional]\nfilters=14\nsize=1\n"
#define ANCHORS "anchors=1,2,3,4\nnum=2\n"

START_TEST(heads) {
  static const struct {
    const char *text, *words; /* each must stand in the result */
  } table[] = {
      {NET CONV "[yolo]\nmask=1\nclasses=2\n" ANCHORS, "filters=8\n|classes=3\n"},
      {NET CONV "[yolo]\nclasses=2\n" ANCHORS, "filters=16\n|classes=3\n"},
      {NET CONV "[Gaussian_yolo]\nmask=0,1\nclasses=2\n" ANCHORS, "filters=24\n"},
      {NET CONV "[ssd]\nclasses=2\nmin_size=8\nmax_size=9\naspect_ratios=2,3\n", "filters=48\n|classes=3\n"},
      {NET CONV "[ssd]\nclasses=2\nmin_size=8\n", "filters=8\n|classes=3\n"},
      {NET CONV "[region]\nmask=0\nclasses=2\n" ANCHORS, "filters=16\n"}, /* [region] has no mask */
      {NET CONV "[dropout]\n[activation]\nactivation=logistic\n[yolo]\nclasses=2\n" ANCHORS, "filters=16\n"},
      {NET CONV "[batchnorm]\n[yolo]\nclasses=2\n" ANCHORS, "filters=16\n"},
      {NET "[connected]\noutput=1470\n[detection]\nclasses=20\nside=7\nnum=2\n", "output=637\n|classes=3\n"},
      {NET "[connected]\noutput=1715\n[detection]\nclasses=20\nnum=3\n", "output=882\n"},
      /* a map of 4x4: 30 channels x 16 = 4x4 x (5 x 2 + 20) */
      {NET "[convolutional]\nfilters=30\nsize=3\nstride=8\npad=1\n[detection]\nclasses=20\nside=4\nnum=2\n", "filters=13\n"},
      {NET CONV "[avgpool]\n[softmax]\n[cost]\n", "filters=3\n"},
      {NET CONV "[avgpool]\n[connected]\noutput=10\n[dropout]\n[softmax]\n", "filters=14\n|output=3\n"},
      {NET "[avgpool]\n[dropout]\n" CONV, "filters=3\n"},
      {NET CONV "[softmax]\n", "filters=3\n"},
      {NET "[conv]\nfilters=14\nsize=1\n[avg]\n[soft]\n", "filters=3\n"}, /* aliases */
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char *out = NULL;
    MUST(adapt(table[i].text, 3, &out));
    for (const char *words = table[i].words; *words;) {
      char word[64];
      size_t length = strcspn(words, "|");
      snprintf(word, sizeof word, "%.*s", (int)length, words);
      ck_assert_msg(strstr(out, word) != NULL, "row %zu lacks %s:\n%s", i, word, out);
      words += length + (words[length] == '|');
    }
    yolo_free(out);
  }
}
END_TEST

/* What is not a number of classes stays: comments, blanks, line ends, order, repeated keys, a last line without its end. */
START_TEST(texts_stay) {
  static const struct {
    const char *from, *to;
  } table[] = {
      {NET
       "[convolutional] # classes=9\n  filters = 14  # 2 x (5+2)\nsize=1\n#filters=14\n[yolo]\n\tclasses= 2 ; two\n" ANCHORS,
       NET
       "[convolutional] # classes=9\n  filters = 16  # 2 x (5+2)\nsize=1\n#filters=14\n[yolo]\n\tclasses= 3 ; two\n" ANCHORS},
      {"[net]\r\nwidth=32\r\nheight=32\r\n[convolutional]\r\nfilters=14\r\n[yolo]\r\n" ANCHORS "classes=2\r\n",
       "[net]\r\nwidth=32\r\nheight=32\r\n[convolutional]\r\nfilters=16\r\n[yolo]\r\n" ANCHORS "classes=3\r\n"},
      {NET CONV "[yolo]\n" ANCHORS "classes=2\nclasses=2\nclasses_of=2",
       NET "[convolutional]\nfilters=16\nsize=1\n[yolo]\n" ANCHORS "classes=3\nclasses=3\nclasses_of=2"},
      {NET "[convolutional]\nsize=1\n[yolo]\nanchors=1,2\n",
       NET "[convolutional]\nfilters=8\nsize=1\n[yolo]\nclasses=3\nanchors=1,2\n"},
      {NET "[convolutional]\r\n[yolo]", NET "[convolutional]\r\nfilters=8\r\n[yolo]\nclasses=3"},
      {"\xEF\xBB\xBF[net]\nwidth=32\nheight=32\n" CONV "[yolo]\nclasses=02\n" ANCHORS,
       "\xEF\xBB\xBF[net]\nwidth=32\nheight=32\n[convolutional]\nfilters=16\nsize=1\n[yolo]\nclasses=3\n" ANCHORS},
      {NET "[convolutional]\nfilters=0016\n[yolo]\nclasses=+3\n" ANCHORS,
       NET "[convolutional]\nfilters=0016\n[yolo]\nclasses=+3\n" ANCHORS},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char *out = NULL;
    MUST(adapt(table[i].from, 3, &out));
    ck_assert_str_eq(out, table[i].to);
    yolo_free(out);
  }
}
END_TEST

START_TEST(input_size) {
  char *out = NULL;
  const yolo_model_adaptation wide = {.width = 64}, both = {.classes = 3, .width = 96, .height = 48};
  MUST(yolo_model_adapt(NET CONV, "toy.cfg", &wide, &out));
  ck_assert_str_eq(out, "[net]\nwidth=64\nheight=32\n" CONV);
  yolo_free(out);
  MUST(yolo_model_adapt("[net]\nheight=32\nchannels=1\nwidth=32 # px\ninputs=1024\n" CONV "[avgpool]\n", "toy.cfg", &both,
                        &out));
  ck_assert_str_eq(out,
                   "[net]\nheight=48\nchannels=1\nwidth=96 # px\ninputs=4608\n[convolutional]\nfilters=3\nsize=1\n[avgpool]\n");
  yolo_free(out);
}
END_TEST

START_TEST(refused) {
  static const struct {
    const char *text;
    int classes;
    const char *words;
  } table[] = {
      {NET CONV "[route]\nlayers=-1\n[yolo]\nclasses=2\n" ANCHORS, 3,
       "toy.cfg:9: [yolo]: reads [route] of line 7|cannot be given other classes|size=1 before the head"},
      {NET CONV "[maxpool]\n[region]\nclasses=2\n" ANCHORS, 3, "toy.cfg:8: [region]: reads [maxpool] of line 7"},
      {NET "[yolo]\nclasses=2\n" ANCHORS, 3, "toy.cfg:4: [yolo]: reads [net] of line 1"},
      {NET CONV, 3, "toy.cfg:4: [convolutional]: the network ends here without a head"},
      {NET CONV "[route]\nlayers=0\n", 3, "toy.cfg:7: [route]: the network ends here"},
      {NET, 3, "toy.cfg:1: [net]: the network ends here"},
      {NET CONV "[yolo]\nclasses=2\nmask=a\n" ANCHORS, 3, "toy.cfg:9: [yolo]: mask="},
      {NET CONV "[yolo]\nnum=0\n", 3, "toy.cfg:8: [yolo]: num=0 is out of range"},
      {NET CONV "[yolo]\nnum=1024\n", 1 << 20, NULL},
      {NET CONV "[yolo]\nmask="
                "0,0,0,0,0,0,0,0,0,0"
                "\n",
       (1 << 20) + 1, "1048577 classes"},
      {NET CONV "[yolo]\n", -1, "-1 classes"},
      {NET "[connected]\noutput=100\n[detection]\nclasses=20\nside=7\nnum=2\n", 3,
       "toy.cfg:5: [connected]: output=100 cannot be changed such that the [detection] of line 6 gets 637 values instead of "
       "1470"},
      {NET "[connected]\noutput=ten\n[detection]\n", 3, "toy.cfg:5: [connected]: output=ten"},
      {"no cfg", 3, "toy.cfg:1: 'no cfg' stands before any section"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char *out = NULL;
    yolo_status st = adapt(table[i].text, table[i].classes, &out);
    if (table[i].words)
      expect_words(st, table[i].words);
    else
      MUST(st);
    yolo_free(out);
  }
  char *out = NULL;
  expect_words(yolo_model_adapt("[net]\nwidth=9\ninputs=3\nheight=9\nchannels=1024\n", "n.cfg",
                                &(yolo_model_adaptation){.width = 30000}, &out),
               "n.cfg:3: [net]: inputs=3 is not width x height");
}
END_TEST

static yolo_status attempt(void) {
  char *out = NULL;
  yolo_status st = adapt(NET CONV "[yolo]\nmask=0,1\nclasses=2\n" ANCHORS, 3, &out);
  yolo_free(out);
  return st;
}

START_TEST(short_of_memory) { starve(attempt, 8); }
END_TEST

int main(void) {
  const TTest *const all[] = {zoo_with_three_classes, heads, texts_stay, input_size, refused, short_of_memory};
  return run_suite("model_classes", all, sizeof all / sizeof *all);
}
