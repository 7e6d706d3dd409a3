/* yolo data convert: one label format into another. Images stay where they are; folders
 * that are written hold links to them. */
#include "cli/data_convert.h"

#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "cli/cli.h"
#include "cli/convert_names.h"

#define AT(member) offsetof(convert_args, member)
static const args_option target[] = {
    {"to", 0, ARGS_TEXT, AT(to), 0, 0, NULL, "--to NAME", "coco, yolo, voc or masks (default: coco if OUT ends in .json)"},
    {"overwrite", 0, ARGS_FLAG, AT(overwrite), 0, 0, NULL, "--overwrite", "replace what an earlier conversion wrote"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_option source[] = {
    {"split", 0, ARGS_TEXT, AT(data.split), 0, 0, NULL, "--split NAME", "only train, val or test (default: all of a data.cfg)"},
    {"names", 0, ARGS_TEXT, AT(names), 0, 0, NULL, "--names FILE", "the class names in their order, one a line"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {{"Target", target, 0}, {"Source", data_args_source, 0}, {"", source, 0}, {NULL, NULL, 0}};

/* ---- the conversion ---- */

static void say_note(void *payload, const char *sentence) {
  (void)payload;
  cli_say("  %s\n", sentence);
}

static yolo_status write_target(const yolo_data_writer *writer, const yolo_dataset *d, const char *out) {
  const yolo_log log = {say_note, NULL};
  yolo_dataset named = {0};
  bool changed = false;
  yolo_status st = YOLO_OK;
  if (!writer->wants_file) return writer->write(d, out, &log);
  YOLO_TRY(yolo_path_make_parent(out));
  YOLO_TRY(convert_names(d, out, &named, &changed));
  YOLO_TRY(writer->write(&named, out, &log));
  if (changed) cli_say("  file names are written as paths to the images\n");
done:
  convert_names_release(&named);
  return st;
}

static yolo_status load_source(conversion *c, convert_args *args, const char *word) {
  yolo_text names_set = {0};
  yolo_status st = YOLO_OK;
  if (args->names) {
    if (args->data.sets.count == ARGS_MOST_TEXTS) return yolo_fail(YOLO_EINVAL, "--set was given too often");
    YOLO_TRY(yolo_text_format(&names_set, "data.names=%s", args->names));
    args->data.sets.items[args->data.sets.count++] = names_set.data;
  }
  st = data_args_load(&args->data, word, &c->config);
done:
  yolo_text_free(&names_set);
  return st;
}

/* Labels as they are have no data.cfg: they are the train split by their own path. */
static bool is_labels(const yolo_config *config) {
  const yolo_setting_list *train = &config->data.labels[YOLO_SPLIT_TRAIN];
  return train->count == 1 && strcmp(train->items[0], config->file) == 0;
}

/* Which splits, and whether they stand below OUT. A JSON file has room for one. */
static yolo_status choose_splits(conversion *c) {
  const yolo_config *config = &c->config;
  const bool file = yolo_has_suffix(c->out, ".json");
  yolo_data_split one = YOLO_SPLIT_TRAIN;
  if (c->args->data.split) {
    const yolo_status st = yolo_config_find_split(c->args->data.split, &one);
    if (st != YOLO_OK) return st;
  }
  for (int s = 0; s < YOLO_SPLIT_COUNT; ++s)
    if (c->args->data.split ? s == (int)one : yolo_config_has_split(config, (yolo_data_split)s))
      c->splits[c->count++].number = (yolo_data_split)s;
  c->all = !c->args->data.split && (c->count > 1 || !(file || is_labels(config)));
  if (c->count == 0) return yolo_fail(YOLO_EINVAL, "%s: [data] names no labels: train = ..., val = ...", config->file);
  if (!c->all || !file) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "'%s' has room for one split, and %s names %d: name a folder with --to coco, or one by --split",
                   c->out, config->file, c->count);
}

/* As in a training, the classes of the first split count for all. */
static yolo_status open_splits(conversion *c, data_sink *sink) {
  const yolo_log log = {say_note, NULL};
  yolo_data_open_options options = {.sink = &sink->sink, .log = &log};
  const char **names = NULL;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < c->count; ++i) {
    convert_split *split = &c->splits[i];
    YOLO_TRY(yolo_config_open_split(&c->config, yolo_split_names[split->number], &options, &split->dataset));
    YOLO_TRY(convert_place(c, split->number, &split->out));
    if (i > 0 || split->dataset->n_classes == 0) continue;
    YOLO_ENOMEM_IF_NULL(names = yolo_alloc_array(split->dataset->n_classes, sizeof *names));
    for (size_t k = 0; k < split->dataset->n_classes; ++k) names[k] = yolo_dataset_class_name(split->dataset, (int)k);
    options.names = names;
    options.n_names = (int)split->dataset->n_classes;
  }
done:
  yolo_free(names);
  return st;
}

static void say_result(const conversion *c, const convert_split *split) {
  char printable[CLI_NAME_MAX];
  const yolo_dataset *d = split->dataset;
  cli_say("%s%s%s, %s, %s: written to %s (%s)\n", c->all ? yolo_split_names[split->number] : "", c->all ? ": " : "",
          cli_plural(d->n_images, "image"), cli_plural(d->n_annotations, "object"), cli_plural(d->n_classes, "class"),
          cli_printable(split->out, printable), c->writer->name);
}

/* An older data.cfg goes first: it would describe what is half written. */
static yolo_status write_all(const conversion *c) {
  char *config = NULL, printable[CLI_NAME_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(convert_config_place(c, &config));
  if (c->all) (void)unlink(config);
  for (int i = 0; i < c->count; ++i) {
    YOLO_TRY(write_target(c->writer, c->splits[i].dataset, c->splits[i].out));
    say_result(c, &c->splits[i]);
  }
  if (!c->all) goto done;
  YOLO_TRY(convert_describe(c));
  cli_say("%s names the splits, for yolo train and the other commands\n", cli_printable(config, printable));
done:
  yolo_free(config);
  return st;
}

static yolo_status convert(convert_args *args, const char *in, const char *out, data_sink *sink) {
  conversion c = {.args = args, .out = out};
  yolo_status st = YOLO_OK;
  YOLO_TRY(convert_find_writer(args->to, out, &c.writer));
  YOLO_TRY(load_source(&c, args, in));
  YOLO_TRY(choose_splits(&c));
  YOLO_TRY(open_splits(&c, sink));
  data_args_say_rest(sink);
  YOLO_TRY(convert_check_targets(&c));
  st = write_all(&c);
done:
  for (int i = 0; i < c.count; ++i) {
    yolo_dataset_free(c.splits[i].dataset);
    yolo_free(c.splits[i].out);
  }
  yolo_config_release(&c.config);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  convert_args args = {0};
  args_words words;
  data_sink sink;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (words.count != 2) {
    cli_complain("it takes what is read and where to write: %s", self->usage);
    return CLI_ERROR;
  }
  data_args_sink(&sink, 10);
  if (convert(&args, words.items[0], words.items[1], &sink) != YOLO_OK) return cli_fail();
  if (sink.shown == 0) return CLI_OK;
  cli_complain("%s in the source; what could not be read is left out", cli_plural((unsigned long long)sink.shown, "problem"));
  return CLI_SOME_FAILED;
}

const cli_command data_convert = {
    .name = "data convert",
    .summary = "turn labels of one format into another",
    .usage = "yolo data convert SOURCE OUT --to coco|yolo|voc|masks [options]",
    .about =
        "SOURCE is a data.cfg or labels of any format that is read: COCO JSON, YOLO txt, Pascal VOC XML, mask PNGs, class\n"
        "folders, IDX, CIFAR, a Darknet .data file. Of a data.cfg all splits are converted, with the classes of the\n"
        "first: OUT is a folder, which gets a data.cfg for 'yolo train'. Of labels, or of the split that --split names,\n"
        "OUT is a JSON file for coco, else a folder. Folders hold links to the images, which themselves are not copied.\n"
        "What the format cannot express is counted and said.\n"
        "Exit status: 0, or 2 when entries of SOURCE could not be read and were left out.",
    .groups = groups,
    .examples =
        "  yolo data convert VOCdevkit/VOC2012 voc.json\n"
        "  yolo data convert instances_train.json yolo-set --to yolo --images train2017\n"
        "  yolo data convert shapes/data.cfg shapes-voc --to voc         # all splits\n"
        "  yolo data convert obj.data masks --to masks --split val",
    .run = run,
};
