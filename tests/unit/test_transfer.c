/* A training that begins with other weights: what is taken, rows of heads by class name, Darknet files of other class counts,
 * what is refused. */
#include "tests/unit/transfer_fixture.h"

#include "train/model_classes.h"

/* Two heads, the first of them in the middle of the file. */
#define HEADS_OF(filters, classes)                                                         \
  TOY_BODY "[convolutional]\nfilters=" filters                                             \
           "\nsize=1\n[yolo]\nmask=0,1\nanchors=4,6,10,12\nnum=2\n"                        \
           "classes=" classes                                                              \
           "\n[route]\nlayers=1\n[convolutional]\nbatch_normalize=1\nfilters=12\nsize=1\n" \
           "[convolutional]\nfilters=" filters "\nsize=1\n[yolo]\nmask=0,1\nanchors=4,6,10,12\nnum=2\nclasses=" classes "\n"
static const char three[] = TOY_NET HEADS_OF("16", "3"), five[] = TOY_NET HEADS_OF("20", "5");

/* ---- the same network ---- */

START_TEST(everything_fits) {
  const char *const files[] = {"a.weights", "a.safetensors"};
  for (int i = 0; i < 2; i++) {
    target t;
    yolo_transfer_report report;
    yolo_text words = {0};
    write_model(three, NULL, in_folder(files[i]));
    open_target(&t, three, "a\nb\nc\n");
    MUST(take(&t, &(yolo_transfer_options){.path = in_folder(files[i])}, &report));
    int n = t.spec.graph->n_params;
    expect_counts(&report, n, 0, 0, 0, 0);
    ck_assert_uint_eq(report.taken, report.values);
    ck_assert_uint_eq(report.values, yolo_graph_param_count(t.spec.graph, false));
    for (int k = 0; k < n; k++) expect_tensor(&t, t.spec.graph->params[k].name, true);
    MUST(yolo_transfer_describe(&report, &words));
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%s: %d of %d tensors taken, %zu of %zu numbers\n", files[i], n, n, report.taken,
             report.values);
    ck_assert_str_eq(words.data, wanted);
    yolo_text_free(&words);
    yolo_transfer_report_release(&report);
    close_target(&t);
    remove(in_folder(files[i]));
  }
}
END_TEST

/* ---- other classes ---- */

static const char *const head_tensors[] = {"model.2.conv.weight", "model.2.conv.bias", "model.6.conv.weight",
                                           "model.6.conv.bias"};

/* A Darknet file of the same network with five classes needs no cfg; without names the heads stay as drawn. */
START_TEST(darknet_file_of_other_classes) {
  target t;
  yolo_transfer_report report;
  yolo_text words = {0};
  write_model(five, NULL, in_folder("five.weights"));
  open_target(&t, three, "a\nb\nc\n");
  MUST(take(&t, &(yolo_transfer_options){.path = in_folder("five.weights")}, &report));
  expect_counts(&report, t.spec.graph->n_params - 4, 0, 4, 0, 0);
  for (int k = 0; k < 4; k++) expect_tensor(&t, head_tensors[k], false);
  expect_tensor(&t, "model.5.bn.running_var", true); /* behind the first head */
  expect_tensor(&t, "model.0.conv.weight", true);
  MUST(yolo_transfer_describe(&report, &words));
  ck_assert_msg(strstr(words.data,
                       "  of another shape, left as drawn (4): model.2.conv.bias (20 there, 16 here), "
                       "model.2.conv.weight (20x16x1x1 there, 16x16x1x1 here), ") != NULL,
                "%s", words.data);
  yolo_text_free(&words);
  yolo_transfer_report_release(&report);
  close_target(&t);
  remove(in_folder("five.weights"));
}
END_TEST

/* Boxes as they are, classes by name, in both kinds of files; capitals do not matter. */
START_TEST(rows_by_class_name) {
  static const int rows[] = {0, 1, 2, 3, 4, 8, -1, 5, 10, 11, 12, 13, 14, 18, -1, 15};
  put_text(in_folder("five.names"), "Person\ncar\ndog\nbus\ncat\n");
  for (int i = 0; i < 2; i++) {
    target t;
    yolo_transfer_report report;
    yolo_text words = {0};
    yolo_transfer_options options = {.path = in_folder(i ? "five.safetensors" : "five.weights")};
    if (i == 0) options.names = in_folder("five.names");
    write_model(five, i ? "Person\ncar\ndog\nbus\ncat\n" : NULL, options.path);
    open_target(&t, three, "bus\nbird\nperson\n");
    MUST(take(&t, &options, &report));
    expect_counts(&report, t.spec.graph->n_params - 4, 4, 0, 0, 0);
    for (int k = 0; k < 4; k++) expect_rows(&t, head_tensors[k], rows, 16);
    ck_assert_int_eq(report.classes_found, 2);
    ck_assert_uint_eq(report.values - report.taken, 2 * (16 + 1 + 12 + 1)); /* two rows of each head */
    MUST(yolo_transfer_describe(&report, &words));
    ck_assert_msg(strstr(words.data, "  heads: boxes as they are, 2 of 3 classes by name: bus, person\n") != NULL, "%s",
                  words.data);
    yolo_text_free(&words);
    yolo_transfer_report_release(&report);
    close_target(&t);
    remove(options.path);
  }
  remove(in_folder("five.names"));
}
END_TEST

/* Equal shapes, other order of the classes: rows by name. Equal names: the tensor as a whole. Made-up names: likewise. */
START_TEST(as_many_other_classes) {
  static const int rows[] = {0, 1, 2, 3, 4, 7, -1, 5, 8, 9, 10, 11, 12, 15, -1, 13};
  static const struct {
    const char *there, *here;
    int by_class;
  } table[] = {{"a\nb\nc\n", "c\nx\na\n", 4}, {"a\nb\nc\n", "A\nb\nC\n", 0}, {"a\nb\nc\n", NULL, 0}, {NULL, "a\nb\nc\n", 0}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    target t;
    yolo_transfer_report report;
    write_model(three, table[i].there, in_folder("a.safetensors"));
    open_target(&t, three, table[i].here);
    MUST(take(&t, &(yolo_transfer_options){.path = in_folder("a.safetensors")}, &report));
    expect_counts(&report, t.spec.graph->n_params - table[i].by_class, table[i].by_class, 0, 0, 0);
    for (int k = 0; k < 4; k++) {
      if (table[i].by_class)
        expect_rows(&t, head_tensors[k], rows, 16);
      else
        expect_tensor(&t, head_tensors[k], true);
    }
    yolo_transfer_report_release(&report);
    close_target(&t);
  }
  remove(in_folder("a.safetensors"));
}
END_TEST

START_TEST(no_class_in_common) {
  target t;
  yolo_transfer_report report;
  yolo_text words = {0};
  static const int rows[] = {0, 1, 2, 3, 4, -1, -1, -1, 10, 11, 12, 13, 14, -1, -1, -1};
  write_model(five, "a\nb\nc\nd\ne\n", in_folder("a.safetensors"));
  open_target(&t, three, "x\ny\nz\n");
  MUST(take(&t, &(yolo_transfer_options){.path = in_folder("a.safetensors")}, &report));
  expect_rows(&t, head_tensors[0], rows, 16);
  MUST(yolo_transfer_describe(&report, &words));
  ck_assert_ptr_nonnull(strstr(words.data, "0 of 3 classes by name\n"));
  yolo_text_free(&words);
  yolo_transfer_report_release(&report);
  close_target(&t);
  remove(in_folder("a.safetensors"));
}
END_TEST

/* A classifier's rows are classes and nothing else; Gaussian heads have nine rows before them. */
START_TEST(other_heads) {
  static const int classes[] = {2, -1, 0}, gaussian[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, -1, 9};
  static const struct {
    const char *there, *here;
    const int *rows;
    int count;
  } table[] = {
      {TOY_NET TOY_BODY "[avgpool]\n[connected]\noutput=4\n[softmax]\n",
       TOY_NET TOY_BODY "[avgpool]\n[connected]\noutput=3\n[softmax]\n", classes, 3},
      {TOY_NET TOY_BODY "[convolutional]\nfilters=13\nsize=1\n[Gaussian_yolo]\nanchors=4,6\nclasses=4\n",
       TOY_NET TOY_BODY "[convolutional]\nfilters=12\nsize=1\n[Gaussian_yolo]\nanchors=4,6\nclasses=3\n", gaussian, 12},
      {TOY_NET TOY_BODY "[convolutional]\nfilters=4\nsize=1\n[avgpool]\n",
       TOY_NET TOY_BODY "[convolutional]\nfilters=3\nsize=1\n[avgpool]\n[dropout]\n", classes, 3},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    target t;
    yolo_transfer_report report;
    write_model(table[i].there, "cat\ndog\nbus\ncar\n", in_folder("a.safetensors"));
    open_target(&t, table[i].here, "bus\nbird\ncat\n");
    MUST(take(&t, &(yolo_transfer_options){.path = in_folder("a.safetensors")}, &report));
    expect_counts(&report, 10, 2, 0, 0, 0);
    const yolo_graph *graph = t.spec.graph;
    for (int k = 10; k < 12; k++) expect_rows(&t, graph->params[k].name, table[i].rows, table[i].count);
    yolo_transfer_report_release(&report);
    close_target(&t);
  }
  remove(in_folder("a.safetensors"));
}
END_TEST

/* ---- parts of networks ---- */

/* Bytes of a Darknet file after so many layers of `three`. */
static size_t layers_end(const yolo_graph *graph, int layers) {
  size_t floats = 0;
  for (int i = 0; i < graph->n_params; i++)
    floats += graph->params[i].layer < layers ? yolo_param_count(&graph->params[i].spec) : 0;
  return 20 + floats * sizeof(float);
}

START_TEST(cut_files) {
  target t;
  yolo_transfer_report report;
  yolo_text words = {0};
  size_t length = 0;
  write_model(three, NULL, in_folder("whole.weights"));
  char *bytes = get(in_folder("whole.weights"), &length);
  open_target(&t, three, NULL);
  put(in_folder("three.conv.2"), bytes, layers_end(t.spec.graph, 2));
  MUST(take(&t, &(yolo_transfer_options){.path = in_folder("three.conv.2")}, &report));
  int n = t.spec.graph->n_params;
  expect_counts(&report, 10, 0, 0, n - 10, 0);
  expect_tensor(&t, "model.1.bn.running_mean", true);
  expect_tensor(&t, "model.5.conv.weight", false);
  MUST(yolo_transfer_describe(&report, &words));
  ck_assert_ptr_nonnull(strstr(words.data, "  not in the file, left as drawn (9): model.2.conv."));
  ck_assert_ptr_nonnull(strstr(words.data, " and 5 more\n"));
  yolo_text_free(&words);
  yolo_transfer_report_release(&report);
  put(in_folder("three.conv.2"), bytes, layers_end(t.spec.graph, 2) + 40);
  expect_words(take(&t, &(yolo_transfer_options){.path = in_folder("three.conv.2")}, &report),
               "three.conv.2: ends inside layer 2 [convolutional]");
  yolo_transfer_report_release(&report);
  yolo_free(bytes);
  close_target(&t);
  remove(in_folder("whole.weights"));
  remove(in_folder("three.conv.2"));
}
END_TEST

/* Another network with the same beginning, by its own cfg; without it nothing says what the floats are. */
START_TEST(another_network) {
  static const char longer[] =
      TOY_NET TOY_BODY "[convolutional]\nfilters=99\nsize=3\n[convolutional]\nfilters=77\nsize=1\n[avgpool]\n";
  target t;
  yolo_transfer_report report;
  yolo_text words = {0};
  write_model(longer, NULL, in_folder("other.weights"));
  put_text(in_folder("other.cfg"), longer);
  open_target(&t, three, NULL);
  MUST(take(&t, &(yolo_transfer_options){.path = in_folder("other.weights"), .cfg = in_folder("other.cfg")}, &report));
  /* model.2 is in both, with other shapes; model.3 only there; model.5 and model.6 only here */
  expect_counts(&report, 10, 0, 2, t.spec.graph->n_params - 12, 2);
  expect_tensor(&t, "model.1.conv.weight", true);
  expect_tensor(&t, "model.2.conv.weight", false);
  MUST(yolo_transfer_describe(&report, &words));
  ck_assert_ptr_nonnull(strstr(words.data, "  of the file, not used (2): model.3.conv.bias, model.3.conv.weight\n"));
  yolo_text_free(&words);
  yolo_transfer_report_release(&report);
  expect_words(take(&t, &(yolo_transfer_options){.path = in_folder("other.weights")}, &report),
               "other.weights: holds|this network|no number of classes makes them equal; name the cfg");
  yolo_transfer_report_release(&report);
  expect_words(take(&t, &(yolo_transfer_options){.path = in_folder("other.weights"), .cfg = in_folder("none.cfg")}, &report),
               "none.cfg");
  yolo_transfer_report_release(&report);
  put_text(in_folder("other.cfg"), TOY_NET TOY_BODY);
  expect_words(take(&t, &(yolo_transfer_options){.path = in_folder("other.weights"), .cfg = in_folder("other.cfg")}, &report),
               "floats are left over");
  yolo_transfer_report_release(&report);
  close_target(&t);
  remove(in_folder("other.weights"));
  remove(in_folder("other.cfg"));
}
END_TEST

/* Tensors of somebody else's program: names decide. */
START_TEST(safetensors_of_strangers) {
  static const yolo_tensor_desc descs[] = {{"model.0.bn.running_mean", 1, {8}, 0, NULL, false},
                                           {"model.0.bn.num_batches_tracked", 1, {1}, 0, NULL, false},
                                           {"model.2.conv.bias", 2, {4, 4}, 0, NULL, false}, /* as many, but no vector */
                                           {"fc.weight", 2, {2, 3}, 0, NULL, false}};
  static const float values[16] = {1, 2, 3, 4, 5, 6, 7, 8};
  yolo_safetensors_writer *writer = NULL;
  target t;
  yolo_transfer_report report;
  size_t count;
  MUST(yolo_safetensors_create(in_folder("pt.safetensors"), descs, 4, NULL, 0, &writer));
  for (int i = 0; i < 4; i++) MUST(yolo_safetensors_write(writer, values, yolo_tensor_desc_count(&descs[i])));
  MUST(yolo_safetensors_writer_finish(writer));
  yolo_safetensors_writer_close(writer);
  open_target(&t, three, "a\nb\nc\n");
  MUST(take(&t, &(yolo_transfer_options){.path = in_folder("pt.safetensors")}, &report));
  expect_counts(&report, 1, 0, 1, t.spec.graph->n_params - 2, 1);
  ck_assert_int_eq(memcmp(values_of(&t, "model.0.bn.running_mean", &count), values, 8 * sizeof(float)), 0);
  yolo_transfer_report_release(&report);
  close_target(&t);
  remove(in_folder("pt.safetensors"));
}
END_TEST

/* ---- refused ---- */

static void write_with_metadata(const char *path, const char *format) {
  static const yolo_tensor_desc desc = {"elsewhere", 1, {1}, 0, NULL, false};
  const yolo_metadata pairs[] = {{"format", format}, {"format_version", "1"}};
  yolo_safetensors_writer *writer = NULL;
  MUST(yolo_safetensors_create(path, &desc, 1, pairs, 2, &writer));
  MUST(yolo_safetensors_write(writer, &DRAWN, 1));
  MUST(yolo_safetensors_writer_finish(writer));
  yolo_safetensors_writer_close(writer);
}

static void refuse(target *t, yolo_transfer_options options, const char *words) {
  yolo_transfer_report report;
  long live = yolo_memory_get_stats().live;
  expect_words(take(t, &options, &report), words);
  yolo_transfer_report_release(&report);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}

START_TEST(refused) {
  target t;
  const char *a = in_folder("a.safetensors"), *names = in_folder("a.names");
  open_target(&t, three, "a\nb\nc\n");
  write_with_metadata(a, "yolo-checkpoint");
  refuse(&t, (yolo_transfer_options){.path = a}, "a.safetensors: is the state of a training; begin from the best.safetensors");
  write_with_metadata(a, "yolo");
  refuse(&t, (yolo_transfer_options){.path = a}, "'model_cfg' is missing");
  write_with_metadata(a, "pt");
  refuse(&t, (yolo_transfer_options){.path = a}, "a.safetensors: none of its tensors has the name and the shape");
  refuse(&t, (yolo_transfer_options){.path = a, .cfg = "b.cfg"}, "names its tensors itself; leave the cfg b.cfg out");
  refuse(&t, (yolo_transfer_options){.path = in_folder("none")}, "none: cannot be opened");
  write_model(five, NULL, a);
  put_text(names, "a\nb\nx\ny\n");
  refuse(&t, (yolo_transfer_options){.path = a, .names = names},
         "a.names: 4 class names, but the tensor 'model.2.conv.bias' of|has 20 rows, not 2 x (5 + 4)");
  refuse(&t, (yolo_transfer_options){.path = a, .names = in_folder("none.names")}, "none.names");
  put_text(a, "<html>not found</html>");
  refuse(&t, (yolo_transfer_options){.path = a}, "web page");
  close_target(&t);
  remove(a);
  remove(names);
}
END_TEST

/* ---- real weights ---- */

/* YOLO-Fastest of 80 classes into the same network with three, two of which COCO knows. */
START_TEST(real_weights) {
  const char *data = getenv("YOLO_TEST_DATA");
  char weights[512], cfg[512], names[512], *text = NULL;
  target t;
  yolo_transfer_report report;
  if (!data) {
    printf("SKIP: transfer from real weights: YOLO_TEST_DATA is not set\n");
    return;
  }
  snprintf(weights, sizeof weights, "%s/weights/yolo-fastest-1.1.weights", data);
  snprintf(cfg, sizeof cfg, "%s/weights/yolo-fastest-1.1.cfg", data);
  snprintf(names, sizeof names, "%s/weights/coco.names", data);
  char *original = get(cfg, NULL);
  MUST(yolo_model_adapt(original, cfg, &(yolo_model_adaptation){.classes = 3}, &text));
  open_target(&t, text, "person\nplatelet\ncar\n");
  MUST(take(&t, &(yolo_transfer_options){.path = weights, .names = names}, &report));
  expect_counts(&report, t.spec.graph->n_params - 4, 4, 0, 0, 0);
  ck_assert_int_eq(report.classes_found, 2);
  yolo_transfer_report_release(&report);
  close_target(&t);
  yolo_free(original);
  yolo_free(text);
}
END_TEST

/* ---- memory ---- */

static target *hungry;

static yolo_status attempt(void) {
  yolo_transfer_report report;
  yolo_text words = {0};
  yolo_transfer_options options = {.path = in_folder("five.weights"), .names = in_folder("five.names")};
  yolo_status st = take(hungry, &options, &report);
  if (st == YOLO_OK) st = yolo_transfer_describe(&report, &words);
  yolo_text_free(&words);
  yolo_transfer_report_release(&report);
  return st;
}

START_TEST(short_of_memory) {
  target t;
  put_text(in_folder("five.names"), "a\nb\nc\nd\ne\n");
  write_model(five, NULL, in_folder("five.weights"));
  open_target(&t, three, "a\nx\nc\n");
  hungry = &t;
  starve(attempt, 100);
  close_target(&t);
  remove(in_folder("five.names"));
  remove(in_folder("five.weights"));
}
END_TEST

int main(void) {
  const TTest *const all[] = {everything_fits,
                              darknet_file_of_other_classes,
                              rows_by_class_name,
                              as_many_other_classes,
                              no_class_in_common,
                              other_heads,
                              cut_files,
                              another_network,
                              safetensors_of_strangers,
                              refused,
                              real_weights,
                              short_of_memory};
  return run_suite("transfer", all, sizeof all / sizeof *all);
}
