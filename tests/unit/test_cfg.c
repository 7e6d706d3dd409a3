/* The model language: what it accepts, the shapes and attributes that follow, and typed access. */
#include "tests/unit/cfg_toys.h"

/* ---- good input: the shape of the last node, width x height x channels, and the learned parameters ---- */

typedef struct good_row {
  const char *text, *shape;
  size_t learned;
} good_row;

static const good_row good_text[] = {
    {NET "[convolutional]\n", "32x24x1", 4},
    {NET "[conv]\nfilters=8\nsize=3\npad=1\n", "32x24x8", 224},
    {NET "[conv]\nfilters=8\nsize=3\n", "30x22x8", 224},
    {NET "[conv]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\neps=.001\n", "32x24x8", 232},
    {NET "[conv]\nfilters=8\nsize=3\npadding=2\n", "34x26x8", 224},
    {NET "[conv]\nfilters=8\nsize=3\npadding=7\npad=1\n", "32x24x8", 224},
    {NET "[conv]\nfilters=8\nsize=3\npad=1\ndilation=2\n", "32x24x8", 224},
    {NET "[conv]\nfilters=8\nsize=1\npad=1\ndilation=2\n", "32x24x8", 32},
    {NET "[conv]\nfilters=6\ngroups=3\nsize=3\npad=1\nstride=2\n", "16x12x6", 60},
    {NET "[conv]\nfilters=8\nstride_x=2\nstride_y=4\n", "16x6x8", 32},
    {NET "[conv]\nfilters=8\nstride=4\nstride_x=2\n", "16x6x8", 32},
    {NET "[conv]\nactivation=silu\nxnor=0\nantialiasing=0\nassisted_excitation=0.0\n", "32x24x1", 4},
    {NET "[maxpool]\nsize=2\nstride=2\n", "16x12x3", 0},
    {NET "[max]\nsize=2\nstride=1\n", "32x24x3", 0},
    {NET "[maxpool]\nsize=13\nstride=1\n", "32x24x3", 0},
    {NET "[maxpool]\nsize=3\nstride=2\npadding=2\n", "16x12x3", 0},
    {NET "[maxpool]\nstride=3\n", "11x8x3", 0},
    {NET "[maxpool]\nsize=2\nstride=2\npadding=0\nmaxpool_depth=0\nout_channels=1\n", "16x12x3", 0},
    {NET "[maxpool]\nsize=2\nstride_x=1\nstride_y=2\n", "32x12x3", 0},
    {NET "[local_avgpool]\nsize=3\nstride=1\n", "32x24x3", 0},
    {NET "[avg]\n", "1x1x3", 0},
    {NET "[avgpool]\n[connected]\noutput=10\n", "1x1x10", 40},
    {NET "[conn]\noutput=10\nbatch_normalize=1\nactivation=relu\n", "1x1x10", 23060},
    {NET "[local]\nfilters=2\nsize=3\npad=1\nactivation=leaky\n", "32x24x2", 43008},
    {NET "[batchnorm]\n[activation]\nactivation=mish\n", "32x24x3", 6},
    {NET "[upsample]\n", "64x48x3", 0},
    {NET "[upsample]\nstride=3\nscale=2\n", "96x72x3", 0},
    {NET "[reorg3d]\nstride=2\n", "16x12x12", 0},
    {NET "[conv]\nfilters=4\n[reorg]\nstride=2\n", "16x12x16", 16},
    {NET "[dropout]\nprobability=.5\ndropblock=1\n", "32x24x3", 0},
    {NET "[avgpool]\n[soft]\ngroups=3\n[cost]\ntype=sse\n", "1x1x3", 0},
    {NET "[activation]\n[max]\nstride=1\nsize=5\n[route]\nlayers=-1,0\n", "32x24x6", 0},
    {NET "[conv]\nfilters=6\n[conv]\nfilters=4\n[route]\nlayers=-1,-2\ngroups=2\ngroup_id=1\n", "32x24x5", 52},
    {NET "[conv]\nfilters=6\n[max]\nstride=2\n[route]\nlayers=0\n", "32x24x6", 24},
    {NET "[conv]\nfilters=6\n[conv]\nfilters=6\n[shortcut]\nfrom=-2\nactivation=linear\n", "32x24x6", 66},
    {NET
     "[conv]\nfilters=6\n[conv]\nfilters=4\n[shortcut]\nfrom=-2,-1\nweights_type=per_feature\nweights_normalization=softmax\n",
     "32x24x4", 55},
    {NET
     "[conv]\nfilters=6\n[conv]\nfilters=4\n[shortcut]\nfrom=-2\nweights_type=per_channel\nweights_normalization=avg_relu\n",
     "32x24x4", 60},
    {NET "[conv]\nfilters=6\n[conv]\nfilters=12\nstride=2\n[shortcut]\nfrom=-2\n", "16x12x12", 108},
    {NET "[conv]\nfilters=6\n[avgpool]\n[scale_channels]\nfrom=-2\n", "32x24x6", 24},
    {NET "[conv]\nfilters=6\n[conv]\nfilters=1\n[scale_channels]\nfrom=-2\nscale_wh=1\n", "32x24x6", 31},
    {NET "[conv]\nfilters=6\n[conv]\nfilters=6\n[sam]\nfrom=-2\n", "32x24x6", 66},
    {NET "[implicit]\nfilters=16\nmean=0\nstd=.02\n", "1x1x16", 16},
    {NET "[target]\nclasses=3\njitter=.3\n", "32x24x3", 0},
    /* the letters of the text itself */
    {"\xEF\xBB\xBF[net]\r\nwidth=32\r\nheight=24\r\n\r\n[avgpool]\r\n", "1x1x3", 0},
    {"  [ net ]  # the input\n\twidth\t=\t32 ; wide\n height = 24 # high\n;x\n#y\n[network_is_above]\n", NULL, 0},
    {"  [ network ]  # the input\n\twidth\t=\t32 ; wide\n height = 24 # high\n;x\n#y\n[avg] ; mean", "1x1x3", 0},
    {NET "batch=1\nbatch=1\n[avgpool]\n", "1x1x3", 0},
    {NET "batch=1\nbatch=64\n[avgpool]\n", "1x1x3", 0}, /* as published: changes no output */
};

START_TEST(good_text_gives_the_shape) {
  const good_row *row = &good_text[_i];
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  char shape[64];
  yolo_status st = build_text(row->text, &cfg, &graph);
  if (!row->shape) {
    ck_assert_int_ne(st, YOLO_OK);
    check_words(yolo_error_message(), "toy.cfg:6:|unknown section", row->text);
    release(cfg, graph);
    return;
  }
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  yolo_shape s = graph->nodes[graph->layers[graph->n_layers - 1].last].shape;
  snprintf(shape, sizeof shape, "%dx%dx%d", s.w, s.h, s.c);
  ck_assert_msg(strcmp(shape, row->shape) == 0, "%s, not %s:\n%s", shape, row->shape, row->text);
  ck_assert_msg(yolo_graph_param_count(graph, true) == row->learned, "%zu parameters:\n%s", yolo_graph_param_count(graph, true),
                row->text);
  release(cfg, graph);
}
END_TEST

/* ---- what the builders hand to the ops ---- */

static const void *attrs_of(const yolo_graph *graph, yolo_op_id op) {
  for (int i = 0; i < graph->n_nodes; i++) {
    if (graph->nodes[i].kind == YOLO_NODE_OP && graph->nodes[i].op == op) return graph->nodes[i].attrs;
  }
  ck_abort_msg("no %s in the graph", yolo_op_get(op)->name);
  return NULL;
}

START_TEST(attributes_are_darknets) {
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  const char *text = NET
      "[conv]\nfilters=8\nsize=3\npad=1\ndilation=2\nbatch_normalize=1\n"
      "[max]\nsize=4\nstride=1\n[route]\nlayers=0\ngroups=2\ngroup_id=1\n[reorg]\nstride=2\n[dropout]\n[softmax]\nspatial=1\n";
  ck_assert_msg(build_text(text, &cfg, &graph) == YOLO_OK, "%s", yolo_error_message());
  const yolo_conv2d_attrs *conv = attrs_of(graph, YOLO_OP_conv2d);
  ck_assert_int_eq(conv->pad.top, 2); /* (3 / 2) * dilation */
  ck_assert_int_eq(conv->pad.right, 2);
  ck_assert(!conv->bias);
  const yolo_batchnorm_attrs *norm = attrs_of(graph, YOLO_OP_batchnorm);
  ck_assert_float_eq_tol(norm->eps, 1e-5f, 1e-10f);
  const yolo_activation_attrs *act = attrs_of(graph, YOLO_OP_activation);
  ck_assert_int_eq(act->act, YOLO_ACT_logistic); /* the default of [convolutional] */
  const yolo_maxpool_attrs *pool = attrs_of(graph, YOLO_OP_maxpool);
  ck_assert_int_eq(pool->pad.top, 1); /* of 3 in all */
  ck_assert_int_eq(pool->pad.bottom, 2);
  const yolo_slice_attrs *slice = attrs_of(graph, YOLO_OP_slice);
  ck_assert_int_eq(slice->first, 4);
  ck_assert_int_eq(slice->count, 4);
  ck_assert(((const yolo_reorg_attrs *)attrs_of(graph, YOLO_OP_reorg))->darknet);
  ck_assert_float_eq_tol(((const yolo_dropout_attrs *)attrs_of(graph, YOLO_OP_dropout))->probability, 0.2f, 1e-7f);
  ck_assert(!((const yolo_softmax_attrs *)attrs_of(graph, YOLO_OP_softmax))->flatten);
  release(cfg, graph);
}
END_TEST

START_TEST(squares_of_dropblock) {
  static const struct {
    const char *keys;
    bool on;
    int block;
    float share;
  } rows_of[] = {{"probability=.1\n", false, 7, 0},
                 {"dropblock=1\n", true, 7, 0},
                 {"dropblock=1\ndropblock_size_abs=5\n", true, 5, 0},
                 {"dropblock=1\ndropblock_size_rel=.25\n", true, 0, 0.25f},
                 {"dropblock=1\ndropblock_size_rel=.25\ndropblock_size_abs=3\n", true, 3, 0}};
  for (size_t i = 0; i < sizeof rows_of / sizeof *rows_of; i++) {
    yolo_cfg *cfg = NULL;
    yolo_graph *graph = NULL;
    char text[256];
    snprintf(text, sizeof text, NET "[dropout]\n%s", rows_of[i].keys);
    ck_assert_msg(build_text(text, &cfg, &graph) == YOLO_OK, "%s", yolo_error_message());
    const yolo_dropout_attrs *a = attrs_of(graph, YOLO_OP_dropout);
    ck_assert_int_eq(a->dropblock, rows_of[i].on);
    ck_assert_int_eq(a->block, rows_of[i].block);
    ck_assert_float_eq_tol(a->block_share, rows_of[i].share, 1e-7f);
    release(cfg, graph);
  }
}
END_TEST

START_TEST(inputs_of_products_and_sums) {
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  const char *text = NET
      "[conv]\nfilters=4\nactivation=linear\n[avgpool]\n[scale_channels]\nfrom=-2\n"
      "[conv]\nfilters=4\nstride=2\nactivation=linear\n[shortcut]\nfrom=0,2\nactivation=leaky\n";
  ck_assert_msg(build_text(text, &cfg, &graph) == YOLO_OK, "%s", yolo_error_message());
  const yolo_node *scale = &graph->nodes[graph->layers[2].last], *sum = &graph->nodes[graph->layers[4].last];
  ck_assert_int_eq(scale->in[0], graph->layers[0].last); /* the map */
  ck_assert_int_eq(scale->in[1], graph->layers[1].last); /* its factors */
  ck_assert_int_eq(sum->n_in, 3);
  ck_assert_int_eq(sum->in[0], graph->layers[3].last); /* the layer before */
  ck_assert_int_eq(sum->in[2], graph->layers[2].last);
  ck_assert(((const yolo_shortcut_attrs *)sum->attrs)->subsample); /* sizes differ */
  ck_assert_int_eq(((const yolo_shortcut_attrs *)sum->attrs)->act, YOLO_ACT_leaky);
  release(cfg, graph);
}
END_TEST

/* [cost] and a [route] of one layer add no node and hand on another's. */
START_TEST(layers_without_nodes_count) {
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  ck_assert_int_eq(build_text(NET "[conv]\nactivation=linear\n[max]\n[route]\nlayers=-2\n[cost]\n[target]\n", &cfg, &graph),
                   YOLO_OK);
  ck_assert_int_eq(graph->n_layers, 5);
  ck_assert_int_eq(graph->layers[2].last, graph->layers[0].last);
  ck_assert_int_eq(graph->layers[2].first, graph->layers[2].last + 1);
  ck_assert_int_eq(graph->layers[3].last, graph->layers[0].last);
  ck_assert_str_eq(graph->layers[4].section, "goal");
  ck_assert_int_eq(graph->nodes[graph->n_nodes - 1].kind, YOLO_NODE_OUTPUT);
  ck_assert_int_eq(graph->nodes[graph->n_nodes - 1].in[0], graph->layers[0].last);
  release(cfg, graph);
}
END_TEST

START_TEST(another_input_size) {
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  const char *text = NET "[conv]\nstride=2\n";
  ck_assert_int_eq(yolo_cfg_parse(text, strlen(text), "toy.cfg", &cfg), YOLO_OK);
  ck_assert_int_eq(yolo_cfg_to_graph(cfg, toy_heads, N_TOY_HEADS, 48, 96, &graph), YOLO_OK);
  ck_assert_int_eq(graph->nodes[graph->n_nodes - 1].shape.w, 48);
  ck_assert_int_eq(graph->nodes[graph->n_nodes - 1].shape.h, 24);
  yolo_graph_free(graph);
  ck_assert_int_ne(yolo_cfg_to_graph(cfg, toy_heads, N_TOY_HEADS, -1, 96, &graph), YOLO_OK);
  check_words(yolo_error_message(), "toy.cfg|96 x -1", text);
  release(cfg, graph);
}
END_TEST

/* ---- values ---- */

START_TEST(typed_access) {
  yolo_cfg *cfg = NULL;
  const char *text =
      "[net]\nwidth = 7\nsaturation=.75 # colours\nsteps= 1, 2 ,3\nscales=.1,-2e1\npolicy=poly ; "
      "slowly\nletter_box=1\nheight=5\n";
  ck_assert_int_eq(yolo_cfg_parse(text, strlen(text), "toy.cfg", &cfg), YOLO_OK);
  const yolo_cfg_section *net = &cfg->sections[0];
  int value = 0, count = 0, *ints = NULL;
  double real = 0;
  float *floats = NULL;
  ck_assert_str_eq(cfg->source, text);
  ck_assert_int_eq(net->n_entries, 7);
  ck_assert_int_eq(yolo_cfg_find(net, "steps")->line, 4);
  ck_assert_ptr_null(yolo_cfg_find(net, "step"));
  ck_assert_str_eq(yolo_cfg_text(net, "policy", "constant"), "poly");
  ck_assert_str_eq(yolo_cfg_text(net, "nothing", "constant"), "constant");
  ck_assert_int_eq(yolo_cfg_int(net, "width", 0, 1, 10, &value), YOLO_OK);
  ck_assert_int_eq(value, 7);
  ck_assert_int_eq(yolo_cfg_int(net, "nothing", 42, 1, 10, &value), YOLO_OK); /* a fallback is not checked */
  ck_assert_int_eq(value, 42);
  ck_assert_int_eq(yolo_cfg_float(net, "saturation", 1, &real), YOLO_OK);
  ck_assert_double_eq(real, 0.75);
  ck_assert_int_eq(yolo_cfg_ints(net, "steps", &ints, &count), YOLO_OK);
  ck_assert_int_eq(count, 3);
  ck_assert_int_eq(ints[2], 3);
  yolo_free(ints);
  ck_assert_int_eq(yolo_cfg_floats(net, "scales", &floats, &count), YOLO_OK);
  ck_assert_int_eq(count, 2);
  ck_assert_float_eq(floats[1], -20);
  yolo_free(floats);
  ck_assert_int_eq(yolo_cfg_ints(net, "nothing", &ints, &count), YOLO_OK);
  ck_assert_int_eq(count, 0);
  ck_assert_ptr_null(ints);
  yolo_cfg_net facts = {0};
  ck_assert_int_eq(yolo_cfg_read_net(cfg, &facts), YOLO_OK);
  ck_assert(facts.letter_box && facts.width == 7 && facts.height == 5 && facts.channels == 3);
  yolo_cfg_free(cfg);
}
END_TEST

static void note_key(void *payload, const yolo_cfg_section *section, const yolo_cfg_entry *entry) {
  char *list = payload;
  size_t used = strlen(list);
  snprintf(list + used, 256 - used, "%s.%s=%s@%d ", section->name, entry->key, entry->value, entry->line);
}

START_TEST(training_keys_are_listed) {
  yolo_cfg *cfg = NULL;
  char list[256] = "";
  const char *text = NET "momentum=0.9\n[conv]\nfilters=3\nstopbackward=1\n[goal]\nclasses=3\njitter=.3\n";
  ck_assert_int_eq(yolo_cfg_parse(text, strlen(text), "toy.cfg", &cfg), YOLO_OK);
  yolo_cfg_visit_training_keys(cfg, toy_heads, N_TOY_HEADS, note_key, list);
  ck_assert_str_eq(list, "net.momentum=0.9@4 convolutional.stopbackward=1@7 goal.jitter=.3@10 ");
  yolo_cfg_free(cfg);
}
END_TEST

/* ---- real files ---- */

typedef struct real_row {
  const char *name, *head; /* the section of its heads */
} real_row;

static const real_row real_files[] = {{"yolo-fastest-1.1", "yolo"},
                                      {"yolo-fastest-1.1-xl", "yolo"},
                                      {"MobileNetV2-YOLOv3-Nano-coco", "yolo"},
                                      {"MobileNetV2-YOLO-Fastest-voc-v2", "yolo"},
                                      {"yolo-lite-coco-trial6", "region"}};

/* The length of the file less its header (20 bytes, 16 before version 0.2), in floats. */
static size_t floats_in_file(const char *path) {
  unsigned char head[8];
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s is missing", path);
  ck_assert_uint_eq(fread(head, 1, 8, file), 8);
  ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
  long size = ftell(file), header = head[0] * 10 + head[4] >= 2 ? 20 : 16;
  fclose(file);
  return (size_t)(size - header) / 4;
}

START_TEST(real_cfgs_match_their_weights) {
  const char *data = getenv("YOLO_TEST_DATA");
  const real_row *row = &real_files[_i];
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  char path[512];
  int outputs = 0;
  if (!data) {
    printf("SKIP %s: YOLO_TEST_DATA is not set\n", row->name);
    return;
  }
  snprintf(path, sizeof path, "%s/weights/%s.cfg", data, row->name);
  ck_assert_msg(yolo_cfg_load(path, &cfg) == YOLO_OK, "%s", yolo_error_message());
  ck_assert_msg(yolo_cfg_to_graph(cfg, real_heads, n_real_heads, 0, 0, &graph) == YOLO_OK, "%s", yolo_error_message());
  for (int i = 0; i < graph->n_nodes; i++) outputs += graph->nodes[i].kind == YOLO_NODE_OUTPUT;
  ck_assert_int_eq(outputs, strcmp(row->head, "yolo") == 0 ? 2 : 1);
  snprintf(path, sizeof path, "%s/weights/%s.weights", data, row->name);
  ck_assert_uint_eq(yolo_graph_param_count(graph, false), floats_in_file(path));
  release(cfg, graph);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cfg");
  TCase *tcase = tcase_create("cfg");
  collect_real_heads();
  tcase_set_timeout(tcase, 120);
  tcase_add_loop_test(tcase, good_text_gives_the_shape, 0, ROWS(good_text));
  tcase_add_test(tcase, attributes_are_darknets);
  tcase_add_test(tcase, squares_of_dropblock);
  tcase_add_test(tcase, inputs_of_products_and_sums);
  tcase_add_test(tcase, layers_without_nodes_count);
  tcase_add_test(tcase, another_input_size);
  tcase_add_test(tcase, typed_access);
  tcase_add_test(tcase, training_keys_are_listed);
  tcase_add_loop_test(tcase, real_cfgs_match_their_weights, 0, ROWS(real_files));
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
