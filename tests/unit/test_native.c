/* The native model file: what its metadata bring along, and what is refused in them. */
#include "tests/unit/detect_fixture.h"

#include "detect/native.h"

/* The native file brings names, preprocessing, size and header along; options still win. */
START_TEST(native_file_is_enough) {
  yolo_model_spec spec;
  make_small("small", small_cfg, 1);
  put_text(in_folder("two.names"), "dog\nm\xC3\xBCll \"x\"\n");
  char cfg[128], names[128], path[128];
  snprintf(cfg, sizeof cfg, "%s", in_folder("small.cfg"));
  snprintf(names, sizeof names, "%s", in_folder("two.names"));
  snprintf(path, sizeof path, "%s", in_folder("native.safetensors"));
  yolo_model_options options = {.cfg = cfg, .names = names, .letterbox = "letterbox", .filter = "align-corners", .width = 64};
  convert(in_folder("small.weights"), &options, path);
  MUST(yolo_model_spec_load(path, NULL, &spec));
  ck_assert_str_eq(spec.names[0], "dog");
  ck_assert_str_eq(spec.names[1], "m\xC3\xBCll \"x\"");
  ck_assert_int_eq(spec.preprocess.fit, YOLO_FIT_LETTERBOX);
  ck_assert_int_eq(spec.preprocess.filter, YOLO_FILTER_ALIGN_CORNERS);
  ck_assert_float_eq(spec.preprocess.pad, 0.5f);
  ck_assert_float_eq(spec.preprocess.scale[2], 1);
  ck_assert_int_eq(spec.width, 64);
  ck_assert_int_eq(spec.height, 32);
  ck_assert_int_eq(spec.header.minor, 2);
  ck_assert_uint_eq(spec.header.seen, 64000);
  ck_assert_str_eq(spec.provenance, "{\"source\":\"small.weights\"}"); /* no folder */
  ck_assert_str_eq(spec.cfg->source, small_cfg);
  yolo_model_spec_release(&spec);
  options = (yolo_model_options){.letterbox = "stretch", .width = 32};
  MUST(yolo_model_spec_load(path, &options, &spec));
  ck_assert_int_eq(spec.preprocess.fit, YOLO_FIT_STRETCH);
  ck_assert_int_eq(spec.preprocess.filter, YOLO_FILTER_ALIGN_CORNERS);
  ck_assert_int_eq(spec.width, 32);
  yolo_model_spec_release(&spec);
}
END_TEST

/* Preprocessing with odd numbers comes back bit for bit. */
START_TEST(preprocessing_is_stored_exactly) {
  yolo_model_spec spec;
  yolo_text room = {0};
  yolo_metadata pairs[YOLO_NATIVE_PAIRS];
  yolo_safetensors_writer *writer = NULL;
  yolo_safetensors_reader *reader = NULL;
  yolo_native native = {0};
  const yolo_tensor_desc desc = {"a", 1, {1}, 0, "x", false};
  const float value = 1;
  int count = 0;
  MUST(spec_of(small_cfg, (yolo_model_options){0}, &spec));
  spec.preprocess = (yolo_preprocess){
      YOLO_FIT_STRETCH, YOLO_FILTER_HALF_PIXEL, {0.485f, 0.456f, 1e-20f}, {1 / 0.229f, -4.5f, 3e20f}, 114 / 255.0f};
  MUST(yolo_native_write(&spec, NULL, &room, pairs, &count));
  ck_assert_int_eq(count, 5); /* no provenance, no header */
  MUST(yolo_safetensors_create(in_folder("p.safetensors"), &desc, 1, pairs, count, &writer));
  MUST(yolo_safetensors_write(writer, &value, 1));
  MUST(yolo_safetensors_writer_finish(writer));
  yolo_safetensors_writer_close(writer);
  MUST(yolo_safetensors_open(in_folder("p.safetensors"), &reader));
  MUST(yolo_native_read(reader, "p.safetensors", &native));
  ck_assert(!native.has_header);
  for (int i = 0; i < 3; i++) {
    ck_assert(native.preprocess.mean[i] == spec.preprocess.mean[i]);
    ck_assert(native.preprocess.scale[i] == spec.preprocess.scale[i]);
  }
  ck_assert(native.preprocess.pad == spec.preprocess.pad);
  yolo_native_release(&native);
  yolo_safetensors_close(reader);
  yolo_text_free(&room);
  yolo_model_spec_release(&spec);
}
END_TEST

/* A native file with one metadata value replaced, or left out where `value` is NULL. */
static void write_native(const char *path, const char *key, const char *value) {
  yolo_metadata pairs[8] = {{"format", "yolo"}, {"format_version", "1"}, {"model_cfg", small_cfg}};
  yolo_safetensors_writer *writer = NULL;
  yolo_tensor_desc *descs = NULL;
  yolo_model_spec spec;
  static const float zeros[4096];
  int count = 0, n = 3;
  for (int i = 0; i < n; i++)
    if (strcmp(pairs[i].key, key) == 0) pairs[i] = pairs[--n];
  if (value) pairs[n++] = (yolo_metadata){key, value};
  MUST(spec_of(small_cfg, (yolo_model_options){0}, &spec));
  MUST(yolo_model_tensor_descs(spec.graph, &descs, &count));
  MUST(yolo_safetensors_create(path, descs, count, pairs, n, &writer));
  for (int i = 0; i < count; i++) MUST(yolo_safetensors_write(writer, zeros, yolo_tensor_desc_count(&descs[i])));
  MUST(yolo_safetensors_writer_finish(writer));
  yolo_safetensors_writer_close(writer);
  yolo_free(descs);
  yolo_model_spec_release(&spec);
}

START_TEST(damaged_metadata) {
  static const struct {
    const char *key, *value, *words; /* words NULL: fine */
  } table[] = {
      {"provenance", "{}", NULL},
      {"something_else", "new", NULL},
      {"format", "pt", "not a yolo model"},
      {"format", NULL, "not a yolo model"},
      {"format_version", NULL, "not a yolo model"},
      {"format_version", "2", "has format version 2, this program knows versions up to 1; a newer yolo is needed"},
      {"format_version", "one", "'format_version' is no number"},
      {"model_cfg", NULL, "'model_cfg' is missing"},
      {"model_cfg", "[net]\nwidth=", "(model_cfg)"},
      {"class_names", "[\"a\",\"b\"]", NULL},
      {"class_names", "[\"a\"]", "the model file: 1 class names, but the network tells 2 classes apart"},
      {"class_names", "[\"a\",", "'class_names' is not valid JSON"},
      {"class_names", "[1, 2]", "'class_names' holds something that is not a text"},
      {"class_names", "{\"a\": \"b\"}", "'class_names' is not a list"},
      {"preprocess", "{\"fit\":\"letterbox\",\"filter\":\"half-pixel\"}", NULL},
      {"preprocess", "{\"fit\":\"oval\",\"filter\":\"half-pixel\"}", "'preprocess' has a value that cannot be"},
      {"preprocess", "{\"filter\":\"half-pixel\"}", "'preprocess' has a value"},
      {"preprocess", "{\"fit\":\"stretch\",\"filter\":\"half-pixel\",\"mean\":[1,2]}", "'preprocess' has a value"},
      {"preprocess", "{\"fit\":\"stretch\",\"filter\":\"half-pixel\",\"scale\":[1,2,1e300]}", "'preprocess' has a value"},
      {"preprocess", "{\"fit\":\"stretch\",\"filter\":\"half-pixel\",\"width\":-5}", "'preprocess' has a value"},
      {"preprocess", "{\"fit\":\"stretch\",\"filter\":\"half-pixel\",\"width\":1e9}", "'preprocess' has a value"},
      {"preprocess", "{\"fit\":\"stretch\",\"filter\":\"half-pixel\",\"width\":36}", "multiples of 8"},
      {"preprocess", "[]", "'preprocess' has a value"},
      {"darknet_header", "{\"major\":0,\"minor\":2,\"revision\":0,\"seen\":\"18446744073709551615\"}", NULL},
      {"darknet_header", "{\"major\":0,\"minor\":2,\"revision\":0,\"seen\":\"18446744073709551616\"}",
       "'darknet_header' has a value"},
      {"darknet_header", "{\"seen\":5}", "'darknet_header' has a value"},
      {"darknet_header", "nothing", "'darknet_header' is not valid JSON"},
  };
  long live = yolo_memory_get_stats().live;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model *model = NULL;
    write_native(in_folder("damaged.safetensors"), table[i].key, table[i].value);
    yolo_status st = yolo_model_load(in_folder("damaged.safetensors"), &(yolo_model_options){.device = "cpu"}, &model);
    if (table[i].words)
      expect_words(st, table[i].words);
    else
      MUST(st);
    yolo_model_free(model);
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

START_TEST(safetensors_of_strangers) {
  yolo_safetensors_writer *writer = NULL;
  yolo_tensor_desc *descs = NULL, more[64];
  yolo_model_spec spec;
  yolo_model *model = NULL;
  static const float zeros[4096];
  int count = 0;
  char path[128], cfg[128];
  snprintf(path, sizeof path, "%s", in_folder("stranger.safetensors"));
  snprintf(cfg, sizeof cfg, "%s", in_folder("spec.cfg"));
  MUST(spec_of(small_cfg, (yolo_model_options){0}, &spec));
  MUST(yolo_model_tensor_descs(spec.graph, &descs, &count));
  ck_assert_int_lt(count, 60);
  memcpy(more, descs, (size_t)count * sizeof *descs);
  static const char *const extra[] = {"model.0.bn.num_batches_tracked", "model.9.conv.weight"};
  for (int with = 0; with < 2; with++) { /* no metadata of ours, one tensor more */
    more[count] = (yolo_tensor_desc){extra[with], 1, {1}, 0, "x", false};
    MUST(yolo_safetensors_create(path, more, count + 1, NULL, 0, &writer));
    for (int i = 0; i <= count; i++) MUST(yolo_safetensors_write(writer, zeros, yolo_tensor_desc_count(&more[i])));
    MUST(yolo_safetensors_writer_finish(writer));
    yolo_safetensors_writer_close(writer);
    yolo_model_options options = {.cfg = cfg, .device = "cpu", .threads = 1};
    expect_words(yolo_model_load(path, NULL, &model), "name its network with a cfg");
    if (with == 0) {
      MUST(yolo_model_load(path, &options, &model));
      yolo_model_free(model);
      model = NULL;
    } else {
      expect_words(yolo_model_load(path, &options, &model), "holds the tensor 'model.9.conv.weight'");
    }
    options.partial = 1;
    expect_words(yolo_model_load(path, &options, &model), "a cutoff is for Darknet files");
  }
  yolo_free(descs);
  yolo_model_spec_release(&spec);
}
END_TEST

int main(void) {
  const TTest *const all[] = {native_file_is_enough, preprocessing_is_stored_exactly, damaged_metadata,
                              safetensors_of_strangers};
  return run_suite("native", all, sizeof all / sizeof all[0]);
}
