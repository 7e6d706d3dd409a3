/* The model language against bad input: every refusal is one sentence with file, line and section. */
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "tests/unit/cfg_toys.h"

/* ---- bad input ---- */

typedef struct bad_row {
  const char *text, *words;
} bad_row;

static const bad_row bad_text[] = {
    {"", "toy.cfg|is empty"},
    {" \n\t\n", "is empty"},
    {"# only a comment\n", "no section"},
    {"width=3\n[net]\n", "toy.cfg:1:|'width=3' stands before any section"},
    {"[convolutional]\nfilters=3\n", "toy.cfg:1:|[convolutional]|first section|[net]"},
    {"[net\nwidth=32\n", "toy.cfg:1:|lacks its ']'"},
    {"[net] width=3\n", "toy.cfg:1:|'width=3' stands behind the section name"},
    {"[]\n", "toy.cfg:1:|without a name"},
    {NET "[net]\nwidth=3\n", "toy.cfg:4:|second [net]|line 1"},
    {NET "nonsense\n", "toy.cfg:4:|[net]|'nonsense' is neither"},
    {NET "=3\n", "toy.cfg:4:|without a key"},
    {NET "channels=\n", "toy.cfg:4:|'channels' has no value"},
    {NET "channels = # three\n", "toy.cfg:4:|'channels' has no value"},
    {NET "channels=3\nchannels=1\n[avgpool]\n", "toy.cfg:5:|[net]|channels=1|line 4|channels=3"},
    {NET "[conv]\nsize=3\nsize=1\n", "toy.cfg:6:|[convolutional]|size=1|line 5|size=3"},
    {"[net]\ninputs=256\n[gru]\noutput=1024\n", "toy.cfg:3:|[gru]|recurrent"},
    {"<!DOCTYPE html>\n<html>\n", "web page"},
    {"[net]\nwidth=32\n", "toy.cfg:1:|[net]|'height' is missing"},
    {"[net]\nheight=32\n", "toy.cfg:1:|'width' is missing"},
    {"[net]\nwidth=0\nheight=32\n[avgpool]\n", "toy.cfg:2:|width=0|1 to 32768"},
    {"[net]\nwidth=32769\nheight=32\n[avgpool]\n", "toy.cfg:2:|out of range"},
    {"[net]\nwidth=3x2\nheight=32\n[avgpool]\n", "toy.cfg:2:|width=3x2|whole number"},
    {"[net]\nwidth=99999999999\nheight=32\n[avgpool]\n", "toy.cfg:2:|whole number"},
    {NET "channels=0\n[avgpool]\n", "toy.cfg:4:|channels=0"},
    {NET "inputs=7\n[avgpool]\n", "toy.cfg:4:|inputs=7|2304"},
    {NET, "no layers"},
    {NET "letter_box=2\n[avgpool]\n", "letter_box=2"},
    {NET "learning_rate=fast\n[avgpool]\n", "toy.cfg:4:|learning_rate=fast|a number"},
    {NET "steps=400,,500\n[avgpool]\n", "toy.cfg:4:|steps=400,,500|item 2"},
    {NET "scales=.1,abc\n[avgpool]\n", "toy.cfg:4:|item 2|not a number"},
    {NET "leraning_rate=1\n[avgpool]\n", "toy.cfg:4:|[net]|unknown key 'leraning_rate'|did you mean 'learning_rate'?"},
    /* sections and keys */
    {NET "[convolutionl]\n", "toy.cfg:4:|[convolutionl]|unknown section|did you mean [convolutional]?"},
    {NET "[gaol]\nclasses=3\n", "toy.cfg:4:|did you mean [goal]?"},
    {NET "[quantum]\n", "toy.cfg:4:|[quantum]|unknown section"},
    {NET "[convolutional]\nfiltres=8\n", "toy.cfg:5:|[convolutional]|unknown key 'filtres'|did you mean 'filters'?"},
    {NET "[conv]\nqqqqqqqqq=8\n", "toy.cfg:5:|unknown key 'qqqqqqqqq'"},
    {NET "[avgpool]\nsize=2\n", "toy.cfg:5:|[avgpool]|unknown key 'size'"},
    {NET "[lstm]\noutput=3\n", "toy.cfg:4:|[lstm]|recurrent|not built"},
    {NET "[rnn]\n", "recurrent"},
    {NET "[gru]\n", "recurrent"},
    {NET "[crnn]\n", "recurrent"},
    {NET "[conv_lstm]\n", "recurrent"},
    {NET "[crop]\n", "[crop]|not built"},
    {NET "[deconvolutional]\n", "transposed"},
    {NET "[normalization]\n", "normalisation"},
    {NET "[lrn]\n", "normalisation"},
    {NET "[contrastive]\n", "not built"},
    {NET "[empty]\n", "not built"},
    {NET "[convolutional]\nxnor=1\n", "toy.cfg:5:|xnor=1|not built|xnor=0"},
    {NET "[convolutional]\nbin_output=1\n", "bin_output=1"},
    {NET "[convolutional]\nantialiasing=1\n", "antialiasing=1|not built"},
    {NET "[convolutional]\ndeform=1\n", "deform=1"},
    {NET "[convolutional]\nsway=1\n", "sway=1"},
    {NET "[convolutional]\nrotate=1\n", "rotate=1"},
    {NET "[convolutional]\nstretch=1\n", "stretch=1"},
    {NET "[convolutional]\nflipped=1\n", "flipped=1"},
    {NET "[convolutional]\ncoordconv=1\n", "coordconv=1"},
    {NET "[convolutional]\nassisted_excitation=4000\n", "assisted_excitation=4000"},
    {NET "[convolutional]\nshare_index=0\n", "'share_index'|not built"},
    {NET "[convolutional]\ndontload=1\n", "dontload=1"},
    {NET "[convolutional]\nbatch_normalize=2\n", "toy.cfg:5:|batch_normalize=2|cross-iteration"},
    {NET "[maxpool]\nmaxpool_depth=1\n", "maxpool_depth=1"},
    {NET "[maxpool]\nantialiasing=1\n", "antialiasing=1"},
    {NET "[softmax]\ntree=9k.tree\n", "'tree'|not built"},
    {NET "[goal]\nsoftmax_tree=x\n", "'softmax_tree'|not built"},
    /* activations */
    {NET "[convolutional]\nactivation=leeky\n", "toy.cfg:5:|unknown activation 'leeky'|did you mean 'leaky'?"},
    {NET "[convolutional]\nactivation=normalize_channels\n", "normalize_channels|not built"},
    {NET "[activation]\nactivation=normalize_channels_softmax\n", "not built"},
    {NET "[shortcut]\nfrom=0\n", "toy.cfg:5:|[shortcut]|0 is not a layer"},
    /* ranges */
    {NET "[convolutional]\nfilters=0\n", "toy.cfg:5:|filters=0|1 to 65536"},
    {NET "[convolutional]\nfilters=65537\n", "filters=65537"},
    {NET "[convolutional]\nfilters=-2147483649\n", "whole number"},
    {NET "[convolutional]\nsize=0\n", "size=0"},
    {NET "[convolutional]\nstride=0\n", "stride=0"},
    {NET "[convolutional]\nstride_x=-1\n", "stride_x=-1"},
    {NET "[convolutional]\ndilation=0\n", "dilation=0"},
    {NET "[convolutional]\npad=2\n", "pad=2"},
    {NET "[convolutional]\npadding=-1\n", "padding=-1"},
    {NET "[convolutional]\nsize=99\n", "toy.cfg:4:|[convolutional]"},
    {NET "[convolutional]\nfilters=4\ngroups=2\n", "toy.cfg:6:|groups=2 does not divide the 3 input channels"},
    {NET "[convolutional]\nfilters=4\ngroups=3\n", "groups=3 does not divide filters=4"},
    {NET "[convolutional]\nbatch_normalize=1\neps=0\n", "toy.cfg:6:|eps=0"},
    {NET "[convolutional]\npadding=4096\nsize=1\n[upsample]\nstride=1024\n", "toy.cfg:7:|[upsample]|too large"},
    {NET "[connected]\noutput=0\n", "output=0"},
    {NET "[local]\npad=1\nsize=5\n", "toy.cfg:5:|pad=1|size=3"},
    {NET "[maxpool]\nsize=2\npadding=3\n", "toy.cfg:6:|padding=3|0 to 2"},
    {NET "[upsample]\nstride=-2\n", "toy.cfg:5:|stride=-2|smaller"},
    {NET "[upsample]\nscale=0\n", "scale=0"},
    {NET "[upsample]\nreverse=1\n", "reverse=1"},
    {NET "[reorg]\nstride=5\n", "toy.cfg:4:|[reorg]"},
    {NET "[dropout]\nprobability=1\n", "probability=1"},
    {NET "[dropout]\ndropblock=1\ndropblock_size_rel=1.5\n", "dropblock_size_rel=1.5"},
    {NET "[softmax]\ngroups=2\n", "groups=2 does not divide the 3 channels"},
    {NET "[softmax]\ntemperature=0\n", "temperature=0"},
    /* references */
    {NET "[route]\n", "toy.cfg:4:|[route]|'layers' is missing"},
    {NET "[route]\nlayers=-1\n", "toy.cfg:5:|-1 is not a layer before this one|layer 0|none"},
    {NET "[activation]\n[route]\nlayers=1\n", "toy.cfg:6:|1 is not a layer before this one, which is layer 1"},
    {NET "[activation]\n[route]\nlayers=-2\n", "-2 is not a layer"},
    {NET "[activation]\n[route]\nlayers=-2147483648\n", "is not a layer"},
    {NET "[activation]\n[route]\nlayers=a\n", "layers=a|item 1|whole number"},
    {NET "[activation]\n[maxpool]\nstride=2\n[route]\nlayers=-1,0\n",
     "toy.cfg:8:|[route]|different size|16 x 12 x 3|number 2 is 32 x 24 x 3"},
    {NET "[activation]\n[route]\nlayers=0\ngroups=2\n", "groups=2 does not divide the 3 channels"},
    {NET "[activation]\n[route]\nlayers=0\ngroups=3\ngroup_id=3\n", "toy.cfg:8:|group_id=3|0 to 2"},
    {NET "[activation]\n[route]\nlayers=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n",
     "33 layers|at most 32"},
    {NET "[activation]\n[shortcut]\n", "'from' is missing"},
    {NET "[activation]\n[shortcut]\nfrom=0\nweights_type=per_pixel\n",
     "toy.cfg:7:|weights_type=per_pixel|per_feature|per_channel"},
    {NET "[activation]\n[shortcut]\nfrom=0\nweights_normalization=max\n", "weights_normalization=max|relu|softmax"},
    {NET "[activation]\n[shortcut]\nfrom=0\nalpha=.5\n", "alpha=.5"},
    {NET "[activation]\n[scale_channels]\nfrom=0\n", "toy.cfg:5:|[scale_channels]"},
    {NET "[activation]\n[scale_channels]\nfrom=0,0\n", "at most 1"},
    {NET "[activation]\n[avgpool]\n[sam]\nfrom=0\n", "toy.cfg:6:|[sam]"},
    {NET "[implicit]\natoms=0\n", "atoms=0"},
    /* heads */
    {NET "[goal]\nclasses=4\n", "toy.cfg:4: [goal]: 3 channels for 4 classes"},
    {NET "[goal]\nclasses=101\n", "toy.cfg:5: [goal]: classes=101|1 to 100"},
    {NET "[goal]\nclases=3\n", "unknown key 'clases'|did you mean 'classes'?"},
    {NET "[goal]\nclasses=3\n[maxpool]\n", "toy.cfg:6:|[maxpool]|reads layer 0, the head [goal]"},
    {NET "[goal]\nclasses=3\n[activation]\n[goal]\nclasses=3\n", "the head [goal]"},
};

START_TEST(bad_text_ends_in_a_sentence) {
  const bad_row *row = &bad_text[_i];
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  long before = yolo_memory_get_stats().live;
  ck_assert_msg(build_text(row->text, &cfg, &graph) != YOLO_OK, "was accepted:\n%s", row->text);
  ck_assert_ptr_null(graph);
  check_words(yolo_error_message(), row->words, row->text);
  yolo_cfg_free(cfg);
  ck_assert_int_eq(yolo_memory_get_stats().live, before);
}
END_TEST

/* ---- other files given as cfg ---- */

typedef struct binary_row {
  const char *bytes;
  size_t length;
  const char *words;
} binary_row;

static const binary_row binaries[] = {
    {"\0\0\0\0\2\0\0\0\5\0\0\0\0\xC2\xEB\x0B\0\0\0\0\x17\x2A\x80\xBE", 24, "does not look like a cfg|.weights"},
    {"\x40\1\0\0\0\0\0\0{\"__metadata__\":", 24, "safetensors"},
    {"PK\3\4\24\0\0\0\10\0", 10, "zip"},
    {"\xFF\xD8\xFF\xE0\0\20JFIF\0", 11, "JPEG"},
    {"\x89PNG\r\n\x1A\n\0\0\0\15", 12, "PNG"},
    {"[net]\nwidth=3\0", 14, "does not look like a cfg|no text has"},
};

START_TEST(binary_files_are_recognised) {
  const binary_row *row = &binaries[_i];
  yolo_cfg *cfg = NULL;
  ck_assert_int_eq(yolo_cfg_parse(row->bytes, row->length, "toy.cfg", &cfg), YOLO_EFORMAT);
  ck_assert_ptr_null(cfg);
  check_words(yolo_error_message(), row->words, "(binary)");
}
END_TEST

START_TEST(files_too_large_or_missing) {
  yolo_cfg *cfg = NULL;
  static char weights[3 << 20] = {0, 0, 0, 0, 2, 0, 0, 0, 5};
  char path[] = P_tmpdir "/yolo-test-cfg-XXXXXX";
  int fd = mkstemp(path);
  FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(weights, 1, sizeof weights, file), sizeof weights);
  fclose(file);
  ck_assert_int_eq(yolo_cfg_load(path, &cfg), YOLO_EFORMAT);
  check_words(yolo_error_message(), "does not look like a cfg|.weights", "(3 MiB)");
  memset(weights, '#', sizeof weights);
  ck_assert_int_eq(yolo_cfg_parse(weights, sizeof weights, "toy.cfg", &cfg), YOLO_EFORMAT);
  check_words(yolo_error_message(), "toy.cfg|1 MiB", "(3 MiB)");
  remove(path);
  ck_assert_int_eq(yolo_cfg_load(path, &cfg), YOLO_EIO);
  check_words(yolo_error_message(), path, "(missing)");
}
END_TEST

START_TEST(too_many_sections_and_keys) {
  yolo_text text = {NULL, 0, 0};
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  ck_assert_int_eq(yolo_text_format(&text, NET), YOLO_OK);
  for (int i = 0; i < 4096; i++) ck_assert_int_eq(yolo_text_format(&text, "[activation]\n"), YOLO_OK);
  ck_assert_int_ne(build_text(text.data, &cfg, &graph), YOLO_OK);
  check_words(yolo_error_message(), "toy.cfg:4099:|4096 sections", "(long)");
  yolo_text_free(&text);
  ck_assert_int_eq(yolo_text_format(&text, NET), YOLO_OK);
  for (int i = 0; i < 600; i++) ck_assert_int_eq(yolo_text_format(&text, "key%d=1\n", i), YOLO_OK);
  ck_assert_int_ne(build_text(text.data, &cfg, &graph), YOLO_OK);
  check_words(yolo_error_message(), "512 keys", "(long)");
  yolo_text_free(&text);
}
END_TEST

/* ---- hostile input ---- */

static uint32_t below(yolo_rng *rng, uint32_t limit) { return yolo_rng_u32(rng) % limit; }

/* One to four small damages: bytes changed, cut out or doubled, numbers blown up. */
static size_t mutate(const char *source, size_t length, char *text, yolo_rng *rng) {
  static const char *const numbers[] = {"0", "-1", "2147483647", "-2147483648", "65536", "1e30", "nan", "", ",", "4096"};
  memcpy(text, source, length);
  for (uint32_t times = below(rng, 4) + 1; times > 0; times--) {
    size_t at = below(rng, (uint32_t)length - 64), run = below(rng, 48) + 1;
    const char *number = numbers[below(rng, 10)];
    char *equals = memchr(text + at, '=', length - at);
    switch (below(rng, 4)) {
      case 0: text[at] = (char)yolo_rng_u32(rng); break;
      case 1:
        memmove(text + at, text + at + run, length - at - run);
        length -= run;
        break;
      case 2:
        memmove(text + at + run, text + at, length - at);
        length += run;
        break;
      default:
        if (equals && (size_t)(equals - text) + 16 < length) memcpy(equals + 1, number, strlen(number));
    }
  }
  return length;
}

START_TEST(mutations_end_in_a_network_or_a_sentence) {
  char *source = NULL, *text = NULL;
  size_t length = 0;
  int fine = 0;
  ck_assert_int_eq(yolo_read_file("backbone/models/yolov4-tiny.cfg", 1 << 20, &source, &length), YOLO_OK);
  text = malloc(length + 1024);
  long before = yolo_memory_get_stats().live;
  for (uint64_t i = 0; i < 2000; i++) {
    yolo_rng rng = {20, i, 0};
    yolo_cfg *cfg = NULL;
    yolo_graph *graph = NULL;
    yolo_error_clear();
    size_t mutated = mutate(source, length, text, &rng);
    char *exact = malloc(mutated); /* of its very size, so that a sanitizer sees any read beyond */
    memcpy(exact, text, mutated);
    yolo_status st = yolo_cfg_parse(exact, mutated, "mutated.cfg", &cfg);
    if (st == YOLO_OK) st = yolo_cfg_to_graph(cfg, real_heads, n_real_heads, 0, 0, &graph);
    fine += st == YOLO_OK;
    if (st != YOLO_OK) ck_assert_msg(strncmp(yolo_error_message(), "mutated.cfg", 11) == 0, "%s", yolo_error_message());
    release(cfg, graph);
    free(exact);
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, before);
  printf("mutations: %d of 2000 were still networks\n", fine);
  ck_assert_int_gt(fine, 100); /* else the damage is too coarse to reach the builders */
  ck_assert_int_lt(fine, 1900);
  free(text);
  yolo_free(source);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  const char *text = NET
      "channels=4\nsteps=1,2\nscales=.1,.2\n[conv]\nbatch_normalize=1\nfilters=4\n[route]\nlayers=-1\ngroups=2\n[conv]"
      "\nfilters=2\n"
      "[route]\nlayers=-1,-2\n[shortcut]\nfrom=0\n[avgpool]\n[scale_channels]\nfrom=0\n[connected]\noutput=3\n[goal]\nclasses="
      "3\n";
  long before = yolo_memory_get_stats().live;
  for (long n = 1; n < 2000; n++) {
    yolo_cfg *cfg = NULL;
    yolo_graph *graph = NULL;
    yolo_memory_fail_at(n);
    yolo_status st = build_text(text, &cfg, &graph);
    yolo_memory_fail_at(0);
    release(cfg, graph);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
    if (st == YOLO_OK) {
      ck_assert_int_gt(n, 30);
      return;
    }
    ck_assert_msg(st == YOLO_ENOMEM, "allocation %ld: %s", n, yolo_error_message());
  }
  ck_abort_msg("2000 allocations were not enough");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cfg_errors");
  TCase *tcase = tcase_create("cfg_errors");
  collect_real_heads();
  tcase_set_timeout(tcase, 120);
  tcase_add_loop_test(tcase, bad_text_ends_in_a_sentence, 0, ROWS(bad_text));
  tcase_add_loop_test(tcase, binary_files_are_recognised, 0, ROWS(binaries));
  tcase_add_test(tcase, files_too_large_or_missing);
  tcase_add_test(tcase, too_many_sections_and_keys);
  tcase_add_test(tcase, mutations_end_in_a_network_or_a_sentence);
  tcase_add_test(tcase, every_allocation_may_fail);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
