/* yolo data check: every problem of a labelled data set, with file, line and rule. Nothing is changed. */
#include "cli/data_check.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "cli/outfile.h"
#include "cli/progress.h"

#define AT(member) offsetof(check_args, member)

static const args_option split_option[] = {{"split", 0, ARGS_TEXT, AT(data.split), 0, 0, NULL, "--split NAME",
                                            "train, val or test (default: all, and what they share)"},
                                           {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_option options[] = {
    {"max", 0, ARGS_INT, AT(max), 0, 1000000000, NULL, "--max N", "findings shown of one rule (default 10; 0: all)"},
    {"no-images", 0, ARGS_FLAG, AT(no_images), 0, 0, NULL, "--no-images", "do not look for the images: labels only"},
    {"threads", 't', ARGS_INT, AT(threads), 1, 1024, NULL, "-t, --threads N", "threads (default: all this process may use)"},
    {"json", 0, ARGS_TEXT, AT(json), 0, 0, NULL, "--json FILE", "all findings and statistics; - is standard output"},
    {"rules", 0, ARGS_FLAG, AT(rules), 0, 0, NULL, "--rules", "list the rules and end"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "no statistics, no progress bar"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {
    {"Data", data_args_source, 0}, {"", split_option, 0}, {"Check", options, 0}, {NULL, NULL, 0}};

/* ---- what is checked ---- */

/* The splits of one data.cfg; or of several words each the first one, as a split with the word as its name. */
typedef struct check_input {
  yolo_config *configs; /* one a word */
  yolo_check_split *splits;
  int n_configs, n_splits;
} check_input;

static void release_input(check_input *in) {
  for (int i = 0; i < in->n_splits; ++i) yolo_free((void *)in->splits[i].sources);
  for (int i = 0; i < in->n_configs; ++i) yolo_config_release(&in->configs[i]);
  yolo_free(in->splits);
  yolo_free(in->configs);
}

static yolo_status add_split(check_input *in, const yolo_config *config, yolo_data_split number, const char *name) {
  yolo_data_source *sources = NULL;
  int count = 0;
  yolo_status st = yolo_config_sources(config, number, &sources, &count);
  if (st == YOLO_OK) in->splits[in->n_splits++] = (yolo_check_split){name, sources, count};
  return st;
}

static yolo_status add_splits(const check_args *args, const yolo_config *config, const char *word, check_input *in) {
  bool all = !args->data.split || strcmp(args->data.split, "all") == 0;
  yolo_data_split one = YOLO_SPLIT_TRAIN;
  yolo_status st = YOLO_OK;
  if (!all) YOLO_TRY(yolo_config_find_split(args->data.split, &one));
  for (int s = 0; s < YOLO_SPLIT_COUNT; ++s) {
    bool wanted = all ? yolo_config_has_split(config, (yolo_data_split)s) : s == (int)one;
    if (wanted) YOLO_TRY(add_split(in, config, (yolo_data_split)s, yolo_split_names[s]));
  }
  if (!in->n_splits) st = yolo_fail(YOLO_EINVAL, "%s: [data] names no labels: train = ..., val = ...", word);
done:
  return st;
}

static yolo_status open_input(const check_args *args, const args_words *words, check_input *in) {
  yolo_status st = YOLO_OK;
  size_t most = (size_t)(words->count > YOLO_SPLIT_COUNT ? words->count : YOLO_SPLIT_COUNT);
  YOLO_ENOMEM_IF_NULL(in->splits = yolo_calloc(most, sizeof *in->splits));
  YOLO_ENOMEM_IF_NULL(in->configs = yolo_calloc((size_t)words->count, sizeof *in->configs));
  for (int i = 0; i < words->count; ++i) {
    YOLO_TRY(data_args_load(&args->data, words->items[i], &in->configs[in->n_configs++]));
    if (words->count > 1) YOLO_TRY(add_split(in, &in->configs[i], YOLO_SPLIT_TRAIN, words->items[i]));
  }
  if (words->count == 1) YOLO_TRY(add_splits(args, &in->configs[0], words->items[0], in));
done:
  return st;
}

/* ---- the run ---- */

typedef struct check_bar {
  progress bar;
  bool wanted;
  int split; /* the one the bar stands for; -1: none yet */
} check_bar;

static bool show_progress(void *payload, int split, size_t done, size_t total) {
  check_bar *bar = payload;
  if (bar->split != split) progress_start(&bar->bar, (int)total, bar->wanted);
  bar->split = split;
  progress_show(&bar->bar, (int)done);
  return cli_stop_signal() == 0;
}

static yolo_status check(const check_args *args, const check_input *in, yolo_check_report *report) {
  check_bar bar = {.wanted = !args->quiet, .split = -1};
  const yolo_data_settings *data = &in->configs[0].data;
  yolo_check_options run = {.names = (const char *const *)data->names.items,
                            .n_names = data->names.count,
                            .threads = args->threads ? args->threads : data->workers,
                            .no_images = args->no_images,
                            .no_cache = !data->index,
                            .progress = show_progress,
                            .payload = &bar};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_check_splits(in->splits, in->n_splits, &run, report));
  cli_clear_bar();
  check_say_findings(report, args->max);
  if (!args->quiet) check_say_statistics(report, in->splits);
  check_say_verdict(report);
  if (args->json) YOLO_TRY(check_write_json(args->json, report, in->splits));
done:
  return st;
}

static int check_words(const check_args *args, const args_words *words) {
  check_input in = {0};
  yolo_check_report report = {0};
  yolo_status st = open_input(args, words, &in);
  if (st == YOLO_OK) st = check(args, &in, &report);
  int code = st != YOLO_OK ? CLI_ERROR : check_is_clean(&report) ? CLI_OK : CLI_SOME_FAILED;
  if (st != YOLO_OK && !cli_stop_signal()) cli_fail();
  if (cli_stop_signal()) code = st == YOLO_OK ? CLI_SIGNAL_BASE + cli_stop_signal() : cli_stopped(yolo_error_message());
  yolo_check_report_free(&report);
  release_input(&in);
  return code;
}

static int run(const cli_command *self, int argc, char **argv) {
  check_args args = {.max = 10};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (args.rules) {
    check_say_rules();
    return CLI_OK;
  }
  if (words.count == 0) {
    cli_complain("say what is to be checked: a data.cfg, or a file or folder of labels");
    return CLI_ERROR;
  }
  if (args.json && outfile_is_stdout(args.json)) cli_data_on_stdout();
  cli_catch_interrupts();
  return check_words(&args, &words);
}

const cli_command data_check = {
    .name = "data check",
    .summary = "find what is wrong with images and labels, and count what is there",
    .usage = "yolo data check data.cfg [options]\n       yolo data check LABELS ... [options]",
    .about =
        "LABELS: a COCO JSON file, a folder of VOC XML or YOLO txt files ...; several are checked as splits of one data set.\n"
        "A finding is a line FILE:LINE: RULE: SENTENCE; --rules lists the rules. No file is changed.\n"
        "Exit status: 0 clean (there may be notes), 2 warnings or errors were found, 1 it could not be checked.",
    .groups = groups,
    .examples =
        "  yolo data check data.cfg\n"
        "  yolo data check instances_train.json instances_val.json --images photos/    # also: do they share images?\n"
        "  yolo data check data.cfg --max 0 | grep box-outside",
    .run = run,
};
