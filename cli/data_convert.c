/* yolo data convert: one label format into another. Images stay where they are; folders that are written hold links to them. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "cli/convert_names.h"
#include "cli/data_args.h"

typedef struct convert_args {
  data_args data; /* first: its rows count from here */
  const char *to, *names;
  bool overwrite;
} convert_args;

#define AT(member) offsetof(convert_args, member)
static const args_option target[] = {
    {"to", 0, ARGS_TEXT, AT(to), 0, 0, NULL, "--to NAME", "coco, yolo, voc or masks (default: coco if OUT ends in .json)"},
    {"overwrite", 0, ARGS_FLAG, AT(overwrite), 0, 0, NULL, "--overwrite", "replace what an earlier conversion wrote"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_option names[] = {
    {"names", 0, ARGS_TEXT, AT(names), 0, 0, NULL, "--names FILE", "the class names in their order, one a line"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {
    {"Target", target, 0}, {"Source", data_args_source, 0}, {"", data_args_split, 0}, {"", names, 0}, {NULL, NULL, 0}};

/* ---- the target ---- */

static yolo_status find_writer(const convert_args *args, const char *out, const yolo_data_writer **writer) {
  const char *to = args->to ? args->to : yolo_has_suffix(out, ".json") ? "coco" : NULL;
  const char *candidates[16];
  int n = 0;
  if (!to) return yolo_fail(YOLO_EINVAL, "say what is to be written: --to coco, yolo, voc or masks");
  for (int i = 0; i < yolo_data_writer_count; ++i) {
    *writer = yolo_data_writers[i];
    if (strcmp((*writer)->name, to) == 0) return YOLO_OK;
    if (n < 16) candidates[n++] = (*writer)->name;
  }
  const char *closest = yolo_closest(to, candidates, n);
  return yolo_fail(YOLO_EINVAL, "--to %s: there is no such format to write%s%s%s; there are coco, yolo, voc and masks", to,
                   closest ? "; did you mean " : "", closest ? closest : "", closest ? "?" : "");
}

/* What each writer makes in OUT, besides links. */
static const struct parts {
  const char *writer, *names[4];
} parts[] = {{"coco", {""}},
             {"yolo", {"labels", "images.txt", "classes.txt"}},
             {"voc", {"Annotations", "ImageSets/Main/all.txt", "classes.txt"}},
             {"masks", {"masks", "classes.txt"}}};

/* Is `path` the file `part`, or below the folder `part`? Both as they really are on the disk. */
static bool lies_in(const char *path, const char *part) {
  char real_path[PATH_MAX], real_part[PATH_MAX];
  if (!realpath(path, real_path) || !realpath(part, real_part)) return false;
  size_t length = strlen(real_part);
  return strncmp(real_path, real_part, length) == 0 && (real_path[length] == '/' || real_path[length] == '\0');
}

/* Fails when something of the data set itself would be written over. */
static yolo_status check_part(const yolo_dataset *d, const char *part) {
  for (size_t i = 0; i < d->n_sources; ++i) {
    const char *labels = yolo_dataset_text(d, d->sources[i].labels);
    if (lies_in(labels, part)) return yolo_fail(YOLO_EINVAL, "'%s' is what is read; write to another place", labels);
  }
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    const uint64_t files[] = {image->label_file, image->mask_file, image->file};
    for (size_t k = 0; k < 3; ++k)
      if (files[k] && lies_in(yolo_dataset_text(d, files[k]), part))
        return yolo_fail(YOLO_EINVAL, "'%s' is read, and would lie among what is written; write to another place",
                         yolo_dataset_text(d, files[k]));
  }
  return YOLO_OK;
}

/* A COCO folder is read from a file inside it. */
static bool is_own_json(const yolo_dataset *d, const char *out) {
  for (size_t i = 0; i < d->n_sources; ++i) {
    char *inside = NULL;
    bool same = yolo_path_join(yolo_dataset_text(d, d->sources[i].labels), "_annotations.coco.json", &inside) == YOLO_OK &&
                lies_in(inside, out);
    yolo_free(inside);
    if (same) return true;
  }
  return false;
}

static yolo_status check_file(const yolo_dataset *d, const char *out) {
  struct stat info;
  if (stat(out, &info) == 0 && S_ISDIR(info.st_mode))
    return yolo_fail(YOLO_EINVAL, "'%s' is a folder; name the JSON file that is to be written", out);
  if (is_own_json(d, out)) return yolo_fail(YOLO_EINVAL, "'%s' is what is read; write to another place", out);
  return YOLO_OK;
}

static yolo_status check_target(const convert_args *args, const yolo_data_writer *writer, const yolo_dataset *d,
                                const char *out) {
  yolo_status st = YOLO_OK;
  char *part = NULL;
  struct stat info;
  if (writer->wants_file) YOLO_TRY(check_file(d, out));
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    if (strcmp(parts[i].writer, writer->name) != 0) continue;
    for (size_t k = 0; k < 4 && parts[i].names[k]; ++k) {
      yolo_free(part);
      part = NULL;
      if (*parts[i].names[k])
        YOLO_TRY(yolo_path_join(out, parts[i].names[k], &part));
      else
        YOLO_ENOMEM_IF_NULL(part = yolo_strdup(out));
      YOLO_TRY(check_part(d, part));
      if (args->overwrite || lstat(part, &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) continue;
      st = yolo_fail(YOLO_EINVAL, "'%s' is there already; --overwrite replaces it, or choose another place", part);
      goto done;
    }
  }
done:
  yolo_free(part);
  return st;
}

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

static void say_result(const yolo_dataset *d, const yolo_data_writer *writer, const char *out) {
  char printable[CLI_NAME_MAX];
  cli_say("%s, %s, %s: written to %s (%s)\n", cli_plural(d->n_images, "image"), cli_plural(d->n_annotations, "object"),
          cli_plural(d->n_classes, "class"), cli_printable(out, printable), writer->name);
}

static yolo_status open_source(convert_args *args, const char *word, data_sink *sink, yolo_dataset **out) {
  const yolo_log log = {say_note, NULL};
  yolo_config config = {0};
  yolo_data_split split = YOLO_SPLIT_TRAIN;
  yolo_text names_set = {0};
  int splits = 0;
  yolo_status st = YOLO_OK;
  if (args->names) {
    if (args->data.sets.count == ARGS_MOST_TEXTS) return yolo_fail(YOLO_EINVAL, "--set was given too often");
    YOLO_TRY(yolo_text_format(&names_set, "data.names=%s", args->names));
    args->data.sets.items[args->data.sets.count++] = names_set.data;
  }
  YOLO_TRY(data_args_load(&args->data, word, &config));
  YOLO_TRY(data_args_choose_split(&args->data, &config, split, &split));
  for (int s = 0; s < YOLO_SPLIT_COUNT; ++s) splits += yolo_config_has_split(&config, (yolo_data_split)s);
  if (splits > 1 && !args->data.split)
    cli_say("  the split '%s' of %d: --split NAME says another\n", yolo_split_names[split], splits);
  const yolo_data_open_options options = {.sink = &sink->sink, .log = &log};
  YOLO_TRY(yolo_config_open_split(&config, yolo_split_names[split], &options, out));
done:
  yolo_config_release(&config);
  yolo_text_free(&names_set);
  return st;
}

static yolo_status convert(convert_args *args, const char *in, const char *out, data_sink *sink) {
  const yolo_data_writer *writer = NULL;
  yolo_dataset *dataset = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(find_writer(args, out, &writer));
  YOLO_TRY(open_source(args, in, sink, &dataset));
  data_args_say_rest(sink);
  YOLO_TRY(check_target(args, writer, dataset, out));
  YOLO_TRY(write_target(writer, dataset, out));
  say_result(dataset, writer, out);
done:
  yolo_dataset_free(dataset);
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
        "folders, IDX, CIFAR, a Darknet .data file. OUT is a JSON file for coco, else a folder: it gets links to the images,\n"
        "which themselves are not copied. What the format cannot express is counted and said.\n"
        "Exit status: 0, or 2 when entries of SOURCE could not be read and were left out.",
    .groups = groups,
    .examples =
        "  yolo data convert VOCdevkit/VOC2012 voc.json\n"
        "  yolo data convert instances_train.json yolo-set --to yolo --images train2017\n"
        "  yolo data convert obj.data masks --to masks --split val",
    .run = run,
};
