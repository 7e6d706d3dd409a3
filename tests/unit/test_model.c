/* Models: what a spec says, what files are refused with which words, and weights that survive every conversion
 * to the last byte. */
#include "tests/unit/detect_fixture.h"

#include "detect/names.h"

/* ---- names ---- */

START_TEST(names_from_files) {
  static const struct {
    const char *text, *joined; /* or the words of the failure after '!' */
  } table[] = {
      {"dog\ncat\n", "dog|cat|"},
      {"dog\r\ncat\r\n\r\n\n", "dog|cat|"},
      {"\xEF\xBB\xBF"
       "dog",
       "dog|"},
      {"  traffic light \t\nM\xC3\xBCnchen", "traffic light|M\xC3\xBCnchen|"},
      {"dog\n\ncat\n", "!:2: an empty line among class names"},
      {"\ndog\n", "!:1: an empty line"},
      {"", "!holds no class names"},
      {"\n\n", "!holds no class names"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_names names = {0};
    char joined[64] = "";
    put_text(in_folder("n.names"), table[i].text);
    yolo_status st = yolo_names_load(in_folder("n.names"), &names);
    for (int k = 0; k < names.count; k++)
      snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s|", names.items[k]);
    if (table[i].joined[0] == '!')
      expect_words(st, table[i].joined + 1);
    else
      ck_assert_str_eq(joined, table[i].joined);
    yolo_names_free(&names);
  }
  yolo_names names = {0};
  put(in_folder("n.names"), "dog\nc\0t\n", 8);
  expect_words(yolo_names_load(in_folder("n.names"), &names), ":2: not a text file");
  expect_words(yolo_names_load(in_folder("missing.names"), &names), "missing.names");
}
END_TEST

/* ---- specs ---- */

START_TEST(spec_of_a_cfg) {
  yolo_model_spec spec;
  MUST(spec_of(small_cfg, (yolo_model_options){0}, &spec));
  ck_assert_int_eq(spec.n_heads, 1);
  ck_assert_int_eq(spec.classes, 2);
  ck_assert_int_eq(spec.n_names, 2);
  ck_assert_str_eq(spec.names[0], "class 0");
  ck_assert_str_eq(spec.names[1], "class 1");
  ck_assert_int_eq(spec.width, 32);
  ck_assert_int_eq(spec.height, 32);
  ck_assert_int_eq(spec.channels, 3);
  ck_assert_int_eq(spec.preprocess.fit, YOLO_FIT_STRETCH);
  ck_assert_int_eq(spec.preprocess.filter, YOLO_FILTER_HALF_PIXEL);
  ck_assert_int_eq(spec.graph->nodes[spec.heads[0].node].kind, YOLO_NODE_OUTPUT);
  yolo_model_spec_release(&spec);

  put_text(in_folder("two.names"), "dog\ncat\n");
  yolo_model_options options = {
      .names = in_folder("two.names"), .width = 64, .height = 96, .letterbox = "letterbox", .filter = "align-corners"};
  MUST(spec_of(small_cfg, options, &spec));
  ck_assert_str_eq(spec.names[1], "cat");
  ck_assert_int_eq(spec.width, 64);
  ck_assert_int_eq(spec.height, 96);
  ck_assert_int_eq(spec.graph->nodes[spec.heads[0].node].shape.h, 12);
  ck_assert_int_eq(spec.graph->nodes[spec.heads[0].node].shape.w, 8);
  ck_assert_int_eq(spec.preprocess.fit, YOLO_FIT_LETTERBOX);
  ck_assert_int_eq(spec.preprocess.filter, YOLO_FILTER_ALIGN_CORNERS);
  yolo_model_spec_release(&spec);

  MUST(spec_of("[net]\nwidth=32\nheight=32\nletter_box=1\n" SMALL_BODY SMALL_HEAD, (yolo_model_options){0}, &spec));
  ck_assert_int_eq(spec.preprocess.fit, YOLO_FIT_LETTERBOX);
  yolo_model_spec_release(&spec);
}
END_TEST

START_TEST(kinds_of_networks) {
  yolo_model_spec spec;
  MUST(spec_of(small_classifier, (yolo_model_options){0}, &spec));
  ck_assert_int_eq(spec.n_heads, 1);
  ck_assert_int_eq(spec.classes, 14);
  ck_assert_ptr_nonnull(spec.heads[0].def->scores);
  yolo_model_spec_release(&spec);
  MUST(spec_of(SMALL_NET SMALL_BODY, (yolo_model_options){0}, &spec)); /* a backbone */
  ck_assert_int_eq(spec.n_heads, 0);
  ck_assert_int_eq(spec.classes, 0);
  yolo_model_spec_release(&spec);
  MUST(spec_of(SMALL_NET SMALL_BODY SMALL_HEAD "[route]\nlayers=-2\n" SMALL_HEAD, (yolo_model_options){0}, &spec));
  ck_assert_int_eq(spec.n_heads, 2);
  yolo_model_spec_release(&spec);
  MUST(spec_of(SMALL_NET SMALL_BODY "[gaussian_yolo]\nmask=0\nanchors=4,6\nclasses=5\nnum=1\n", (yolo_model_options){0},
               &spec)); /* by its alias */
  ck_assert_str_eq(spec.heads[0].def->section.name, "Gaussian_yolo");
  yolo_model_spec_release(&spec);
}
END_TEST

#define FLAT "[net]\nwidth=32\nheight=32\n[connected]\noutput=28\nactivation=linear\n[detection]\nclasses=2\nside=2\nnum=1\n"

START_TEST(specs_refused) {
  static const struct {
    const char *cfg;
    yolo_model_options options;
    const char *words;
  } table[] = {
      {small_cfg, {.width = 60}, "both sides must be multiples of 8, such as 56"},
      {small_cfg, {.height = 4}, "both sides must be multiples of 8"},
      {small_cfg, {.width = -1}, "an input of -1 x 0 is not possible"},
      {small_cfg, {.height = 40000}, "is not possible"},
      {small_cfg, {.letterbox = "boxed"}, "the fit 'boxed' is unknown; 'stretch' and 'letterbox' exist"},
      {small_cfg, {.filter = "cubic"}, "the filter 'cubic' is unknown; 'half-pixel' and 'align-corners' exist"},
      {FLAT, {.width = 64}, "layer 0 [connected] needs 32 x 32"},
      {SMALL_NET SMALL_BODY SMALL_HEAD "[route]\nlayers=-2\n[convolutional]\nfilters=16\nsize=1\n"
                                       "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=3\nnum=2\n",
       {0},
       "classes=3, but the head before has 2; they must agree"},
      {SMALL_NET SMALL_BODY "[yolo]\nmask=0\nanchors=4,6\nclasses=2\nnum=1\n",
       {0},
       "1 anchors x (5 + 2 classes) need 7 channels, but the layer before gives 14"},
      {SMALL_NET SMALL_BODY "[yola]\n", {0}, "did you mean [yolo]"},
      {SMALL_NET SMALL_BODY "[avgpool]\n[softmax]\n[route]\nlayers=-2\n", {0}, "the last layer only repeats layer 4"},
  };
  long live = yolo_memory_get_stats().live;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model_spec spec;
    expect_words(spec_of(table[i].cfg, table[i].options, &spec), table[i].words);
    ck_assert_ptr_null(spec.cfg);
    ck_assert_ptr_null(spec.graph);
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

START_TEST(odd_sizes_of_a_route) { /* where the graph itself does not fit, the multiple is named too */
  yolo_model_spec spec;
  yolo_status st = spec_of(SMALL_NET SMALL_BODY
                           "[upsample]\nstride=2\n[route]\nlayers=-1,1\n[convolutional]\nfilters=14\nsize=1\n" SMALL_HEAD
                           "[route]\nlayers=3\n" SMALL_HEAD,
                           (yolo_model_options){.width = 36, .height = 36}, &spec);
  expect_words(st, "an input of 36 x 36 does not fit this network, whose sides must be multiples of 8");
}
END_TEST

START_TEST(names_must_agree) {
  yolo_model_spec spec;
  put_text(in_folder("three.names"), "a\nb\nc\n");
  yolo_model_options options = {.names = in_folder("three.names")};
  expect_words(spec_of(small_cfg, options, &spec), "three.names: 3 class names, but the network tells 2 classes apart");
}
END_TEST

/* ---- files ---- */

START_TEST(wrong_files) {
  yolo_model *model = NULL;
  yolo_model_options options = {0};
  make_small("small", small_cfg, 1);
  expect_words(yolo_model_load(NULL, NULL, &model), "no model file is named");
  expect_words(yolo_model_load(in_folder("nothing.weights"), NULL, &model), "nothing.weights");
  expect_words(yolo_model_load(in_folder("small.weights"), NULL, &model), "name its cfg as well");
  expect_words(yolo_model_load(in_folder("small.cfg"), NULL, &model), "holds no weights");
  options.cfg = in_folder("small.cfg");
  put_text(in_folder("page.weights"), "<!DOCTYPE html><html><body>404 Not Found</body></html>");
  expect_words(yolo_model_load(in_folder("page.weights"), &options, &model), "web page");
  put_text(in_folder("larger.cfg"), SMALL_NET SMALL_BODY "[convolutional]\nfilters=14\nsize=3\npad=1\n" SMALL_HEAD);
  options.cfg = in_folder("larger.cfg");
  expect_words(yolo_model_load(in_folder("small.weights"), &options, &model), "layer 4");
  put_text(in_folder("smaller.cfg"), SMALL_NET "[convolutional]\nfilters=14\nsize=3\nstride=8\npad=1\n" SMALL_HEAD);
  options.cfg = in_folder("smaller.cfg");
  expect_words(yolo_model_load(in_folder("small.weights"), &options, &model), "left over");
  options.cfg = in_folder("small.cfg");
  options.device = "toaster";
  expect_words(yolo_model_load(in_folder("small.weights"), &options, &model), "device 'toaster' is unknown");
  options.device = NULL;
  options.threads = -1;
  expect_words(yolo_model_load(in_folder("small.weights"), &options, &model), "-1 threads");
  ck_assert_ptr_null(model);
}
END_TEST

/* weights -> safetensors -> weights gives every byte back, and safetensors -> safetensors as well. */
static void round_trip(const char *weights, const yolo_model_options *options) {
  convert(weights, options, in_folder("once.safetensors"));
  convert(in_folder("once.safetensors"), NULL, in_folder("back.weights"));
  expect_same_file(weights, in_folder("back.weights"));
  convert(in_folder("once.safetensors"), NULL, in_folder("twice.safetensors"));
  expect_same_file(in_folder("once.safetensors"), in_folder("twice.safetensors"));
  convert(weights, options, in_folder("copy.weights"));
  expect_same_file(weights, in_folder("copy.weights"));
}

START_TEST(round_trips) {
  static const char *const nets[] = {small_cfg, small_classifier, FLAT,
                                     SMALL_NET
                                     "[local]\nfilters=2\nsize=3\nstride=8\npad=1\nactivation=leaky\n[connected]\n"
                                     "batch_normalize=1\noutput=28\nactivation=leaky\n[batchnorm]\n[detection]\nclasses=2\n"
                                     "side=2\nnum=1\n",
                                     SMALL_NET SMALL_BODY
                                     "[shortcut]\nfrom=-1\nweights_type=per_channel\nactivation=linear\n" SMALL_HEAD};
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
    char *cfg = strdup(in_folder("trip.cfg"));
    make_small("trip", nets[i], i + 1);
    yolo_model_options options = {.cfg = cfg};
    round_trip(in_folder("trip.weights"), &options);
    free(cfg);
  }
}
END_TEST

START_TEST(convert_refuses) {
  yolo_model_spec spec;
  make_small("small", small_cfg, 1);
  yolo_model_options options = {.cfg = in_folder("small.cfg")};
  MUST(yolo_model_spec_load(in_folder("small.weights"), &options, &spec));
  expect_words(yolo_model_convert(&spec, in_folder("small.weights"), NULL, false, in_folder("out.onnx")),
               "must end in .safetensors or .weights");
  expect_words(yolo_model_convert(&spec, in_folder("small.weights"), NULL, false, in_folder("none/out.weights")),
               "out.weights");
  expect_words(yolo_model_convert(&spec, in_folder("gone.weights"), NULL, false, in_folder("out.weights")), "gone.weights");
  ck_assert_int_ne(access(in_folder("out.weights"), F_OK), 0);
  yolo_model_spec_release(&spec);
}
END_TEST

/* ---- files cut after some layers ---- */

static void write_cut(const char *path, size_t floats) {
  char *bytes = NULL;
  size_t length = 0;
  MUST(yolo_read_file(in_folder("small.weights"), 1 << 20, &bytes, &length));
  ck_assert_uint_le(20 + floats * 4, length);
  put(path, bytes, 20 + floats * 4);
  yolo_free(bytes);
}

START_TEST(partial_files) {
  enum { LAYER0 = 4 * 8 + 8 * 3 * 9, LAYER1 = 4 * 8 + 8 * 8 * 9 }; /* bias, scale, mean, variance; kernel */
  char path[128], cfg[128];
  yolo_model *model = NULL;
  make_small("small", small_cfg, 1);
  snprintf(path, sizeof path, "%s", in_folder("small.conv.2"));
  snprintf(cfg, sizeof cfg, "%s", in_folder("small.cfg"));
  static const struct {
    size_t floats;
    int partial, cutoff;
    const char *words;
  } table[] = {
      {LAYER0 + LAYER1, 0, 0, "layer 2"}, /* not asked for */
      {LAYER0 + LAYER1, 1, 0, NULL},
      {LAYER0 + LAYER1, 1, 2, NULL},
      {LAYER0 + LAYER1, 1, 1, NULL}, /* the rest of the file is left alone */
      {LAYER0 + LAYER1, 1, 3, "layer 2"},
      {LAYER0 + LAYER1 - 1, 1, 0, "layer 1"}, /* cut inside a layer */
      {LAYER0 + 8, 1, 0, "layer 1"},          /* cut after a tensor, but inside a layer */
      {LAYER0 + LAYER1, 1, 6, "a cutoff of 6 layers does not fit this network, which has 5"},
      {LAYER0 + LAYER1, 1, -1, "a cutoff of -1 layers"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model_options options = {
        .cfg = cfg, .device = "cpu", .threads = 1, .partial = table[i].partial, .cutoff = table[i].cutoff};
    write_cut(path, table[i].floats);
    yolo_status st = yolo_model_load(path, &options, &model);
    if (table[i].words)
      expect_words(st, table[i].words);
    else
      MUST(st);
    yolo_model_free(model);
    model = NULL;
  }
  /* What the file holds is kept, what it lacks is He-random with seed 1: here the very values of make_small. */
  write_cut(path, LAYER0 + LAYER1);
  yolo_model_options options = {.cfg = cfg, .partial = 1};
  convert(path, &options, in_folder("whole.weights"));
  expect_same_file(in_folder("small.weights"), in_folder("whole.weights"));
}
END_TEST

/* ---- missing memory ---- */

START_TEST(load_without_memory) {
  make_small("small", small_cfg, 1);
  char cfg[128], weights[128], native[128];
  snprintf(cfg, sizeof cfg, "%s", in_folder("small.cfg"));
  snprintf(weights, sizeof weights, "%s", in_folder("small.weights"));
  snprintf(native, sizeof native, "%s", in_folder("small.safetensors"));
  const yolo_model_options options = {.cfg = cfg, .device = "cpu", .threads = 1}, own = {.device = "cpu", .threads = 1};
  convert(weights, &options, native);
  for (int kind = 0; kind < 2; kind++) {
    long live = yolo_memory_get_stats().live;
    yolo_status st = YOLO_ENOMEM;
    int nth = 0;
    while (st == YOLO_ENOMEM && nth < 5000) {
      yolo_model *model = NULL;
      yolo_memory_fail_at(++nth);
      st = kind ? yolo_model_load(native, &own, &model) : yolo_model_load(weights, &options, &model);
      yolo_memory_fail_at(0);
      ck_assert((st == YOLO_OK) == (model != NULL));
      yolo_model_free(model);
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
    }
    ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_gt(nth, 50);
  }
}
END_TEST

static yolo_status convert_once(const char *from, const yolo_model_options *options, const char *to) {
  yolo_model_spec spec;
  yolo_status st = yolo_model_spec_load(from, options, &spec);
  if (st == YOLO_OK) st = yolo_model_convert(&spec, from, options, false, to);
  yolo_model_spec_release(&spec);
  return st;
}

START_TEST(convert_without_memory) {
  static const char *const outs[] = {"out.safetensors", "out.weights"};
  make_small("small", small_cfg, 1);
  char cfg[128], weights[128], out[128];
  snprintf(cfg, sizeof cfg, "%s", in_folder("small.cfg"));
  snprintf(weights, sizeof weights, "%s", in_folder("small.weights"));
  yolo_model_options options = {.cfg = cfg};
  for (int kind = 0; kind < 2; kind++) {
    long live = yolo_memory_get_stats().live;
    yolo_status st = YOLO_ENOMEM;
    int nth = 0;
    snprintf(out, sizeof out, "%s", in_folder(outs[kind]));
    while (st == YOLO_ENOMEM && nth < 5000) {
      yolo_memory_fail_at(++nth);
      st = convert_once(weights, &options, out);
      yolo_memory_fail_at(0);
      ck_assert((st == YOLO_OK) == (access(out, F_OK) == 0)); /* the whole file or none */
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
    }
    ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_gt(nth, 50);
  }
}
END_TEST

/* ---- real weights ---- */

static const char *const real[] = {"yolo-fastest-1.1", "yolo-fastest-1.1-xl", "MobileNetV2-YOLOv3-Nano-coco",
                                   "MobileNetV2-YOLO-Fastest-voc-v2", "yolo-lite-coco-trial6"};

START_TEST(round_trips_of_real_weights) {
  const char *data = test_data("the round trip of real weights");
  for (size_t i = 0; data && i < sizeof real / sizeof *real; i++) {
    char cfg[512], weights[512], names[512];
    snprintf(cfg, sizeof cfg, "%s/weights/%s.cfg", data, real[i]);
    snprintf(weights, sizeof weights, "%s/weights/%s.weights", data, real[i]);
    snprintf(names, sizeof names, "%s/weights/%s.names", data, strstr(real[i], "voc") ? "voc" : "coco");
    yolo_model_options options = {.cfg = cfg, .names = names};
    round_trip(weights, &options);
  }
}
END_TEST

int main(void) {
  const TTest *const all[] = {names_from_files,
                              spec_of_a_cfg,
                              kinds_of_networks,
                              specs_refused,
                              odd_sizes_of_a_route,
                              names_must_agree,
                              wrong_files,
                              round_trips,
                              convert_refuses,
                              partial_files,
                              load_without_memory,
                              convert_without_memory,
                              round_trips_of_real_weights};
  return run_suite("model", all, sizeof all / sizeof all[0]);
}
