/* yolo data synth: a data set that the program draws itself, with a data.cfg that is ready to use. */
#include "backbone/base/threads.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "datasets/synth_set.h"

typedef struct synth_args {
  int images, val, seed, threads;
  int size[2];
  bool quiet;
} synth_args;

#define AT(member) offsetof(synth_args, member)

static const args_option what[] = {
    {"images", 'n', ARGS_INT, AT(images), 1, 10000000, NULL, "-n, --images N", "pictures to train on (default 600)"},
    {"val", 0, ARGS_INT, AT(val), 0, 10000000, NULL, "--val N", "pictures to judge by (default a fifth of --images)"},
    {"size", 0, ARGS_SIZE, AT(size), YOLO_SYNTH_LEAST_SIDE, YOLO_SYNTH_MOST_SIDE, NULL, "--size S | WxH",
     "of each picture, in pixels (default 256)"},
    {"seed", 0, ARGS_INT, AT(seed), 0, 2147483647, NULL, "--seed K", "another number, other pictures (default 1)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_option how[] = {{"threads", 't', ARGS_INT, AT(threads), 1, 1024, NULL, "-t, --threads N",
                                   "threads (default: all this process may use); the files stay the same"},
                                  {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
                                  {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {{"Pictures", what, 0}, {"Run", how, 0}, {NULL, NULL, 0}};

static bool show(void *bar, size_t done) {
  progress_show(bar, (int)done);
  return cli_stop_signal() == 0;
}

static int share(size_t part, size_t all) { return all ? (int)(100.0 * (double)part / (double)all + 0.5) : 0; }

static void say_result(const yolo_synth_plan *plan, const yolo_synth_tally *tally, double ms) {
  char name[CLI_NAME_MAX];
  const int small = share(tally->sizes[0], tally->objects), large = share(tally->sizes[2], tally->objects);
  cli_printable(plan->folder, name);
  cli_say("%s of %dx%d (%d train, %d val), %s of %d classes: %d%% small, %d%% medium, %d%% large; %.1f s\n",
          cli_plural(tally->images, "image"), plan->width, plan->height, plan->counts[0], plan->counts[1],
          cli_plural(tally->objects, "object"), YOLO_SYNTH_CLASSES, small, 100 - small - large, large, ms / 1000);
  cli_say("Written to %s. Look at it:  yolo data preview %s/data.cfg\n", name, name);
}

static int fail(const yolo_synth_plan *plan, yolo_status st, const yolo_synth_tally *tally) {
  if (st != YOLO_ECANCELLED || !cli_stop_signal()) return cli_fail();
  cli_complain("stopped after %s; %s has no labels and no data.cfg yet: the same command draws all of it",
               cli_plural(tally->images, "image"), plan->folder);
  return CLI_SIGNAL_BASE + cli_stop_signal();
}

static int run(const cli_command *self, int argc, char **argv) {
  synth_args args = {.images = 600, .val = -1, .seed = 1, .size = {256, 256}};
  args_words words;
  yolo_synth_tally tally;
  progress bar;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (words.count != 1) {
    cli_complain("it takes one folder, which it makes: %s", self->usage);
    return CLI_ERROR;
  }
  const yolo_synth_plan plan = {.folder = words.items[0],
                                .counts = {args.images, args.val >= 0 ? args.val : (args.images + 4) / 5},
                                .width = args.size[0],
                                .height = args.size[1],
                                .threads = args.threads > 0 ? args.threads : yolo_threads_available(),
                                .seed = args.seed};
  const double start = yolo_now_ms();
  cli_catch_interrupts();
  progress_start(&bar, plan.counts[0] + plan.counts[1], !args.quiet);
  const yolo_status st = yolo_synth_write(&plan, show, &bar, &tally);
  cli_clear_bar();
  if (st != YOLO_OK) return fail(&plan, st, &tally);
  if (!args.quiet) say_result(&plan, &tally, yolo_now_ms() - start);
  return CLI_OK;
}

const cli_command data_synth = {
    .name = "data synth",
    .summary = "draw a data set to learn with, of any size",
    .usage = "yolo data synth DIR [options]",
    .about =
        "Draws pictures with fourteen kinds of shapes in three sizes, some in front of others, and writes their exact\n"
        "masks and boxes as COCO JSON, with a DIR/data.cfg. The same options give the same files.",
    .groups = groups,
    .examples =
        "  yolo data synth shapes\n"
        "  yolo data synth many --images 20000 --size 640x480 --seed 7",
    .run = run,
};
