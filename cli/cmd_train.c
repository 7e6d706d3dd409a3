/* yolo train: from a data.cfg to a trained model. The work is train/run.h's; here is what is said about it. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "cli/data_args.h"
#include "cli/train_talk.h"

typedef struct train_args {
  data_args data;
  const char *model, *weights, *dir, *device;
  int epochs, batch, size[2], seed;
  double lr;
  bool resume, losses, quiet;
} train_args;

#define AT(member) offsetof(train_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option settings[] = {
    {"model", 'm', ARGS_TEXT, AT(model), 0, 0, NULL, "-m, --model NAME",
     "a network of the zoo (yolo-nano), a .cfg, or a model to go on from"},
    {"weights", 'w', ARGS_TEXT, AT(weights), 0, 0, NULL, "-w, --weights FILE", "weights to begin with, as far as they fit"},
    {"epochs", 0, ARGS_INT, AT(epochs), 1, 100000, NULL, "--epochs N", "how often every image is seen (default 100)"},
    {"batch", 0, ARGS_INT, AT(batch), 1, 4096, NULL, "--batch N", "images of one step (default 16)"},
    {"imgsz", 0, ARGS_SIZE, AT(size), 1, 16384, NULL, "--imgsz N | WxH", "network input (default: the model's own)"},
    {"lr", 0, ARGS_REAL, AT(lr), 0, 100, NULL, "--lr N", "learning rate (default 0.01)"},
    {"seed", 0, ARGS_INT, AT(seed), 0, 2147483647, NULL, "--seed N", "of everything that is drawn (default 0)"},
    END};
static const args_option files[] = {
    {"dir", 'o', ARGS_TEXT, AT(dir), 0, 0, NULL, "-o, --dir DIR", "folder of the run (default runs/NAME, NAME-2, ...)"},
    {"resume", 0, ARGS_FLAG, AT(resume), 0, 0, NULL, "--resume", "go on with the run in that folder"},
    END};
static const args_option others[] = {
    {"device", 0, ARGS_TEXT, AT(device), 0, 0, NULL, "--device NAME", "cpu; training on a GPU is not built"},
    {"losses", 0, ARGS_FLAG, AT(losses), 0, 0, NULL, "--losses", "list the losses and the heads they fit, and end"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
    END};
static const args_group groups[] = {{"Data", data_args_source, 0},
                                    {"Training (every setting: yolo help data.cfg)", settings, 0},
                                    {"Files", files, 0},
                                    {"Other", others, 0},
                                    {NULL, NULL, 0}};

/* ---- options as settings ---- */

typedef struct extra_sets {
  yolo_text texts[8];
  const char *items[8 + 64];
  int count;
} extra_sets;

static yolo_status add_text(extra_sets *sets, const char *key, const char *value) {
  yolo_text *text = &sets->texts[sets->count];
  if (!value) return YOLO_OK;
  yolo_status st = yolo_text_format(text, "%s=%s", key, value);
  if (st == YOLO_OK) sets->items[sets->count++] = text->data;
  return st;
}

static yolo_status add_number(extra_sets *sets, const char *key, double value, bool given) {
  char number[32];
  snprintf(number, sizeof number, "%.9g", value);
  return given ? add_text(sets, key, number) : YOLO_OK;
}

/* A name of the zoo must not become a path of the data.cfg's folder: --set paths begin in the current one, and names stay. */
static yolo_status collect_sets(const train_args *a, extra_sets *sets) {
  char size[32];
  snprintf(size, sizeof size, "%dx%d", a->size[0], a->size[1]);
  yolo_status st = YOLO_OK;
  YOLO_TRY(add_text(sets, "model.file", a->model));
  YOLO_TRY(add_text(sets, "model.weights", a->weights));
  YOLO_TRY(add_text(sets, "model.imgsz", a->size[0] ? size : NULL));
  YOLO_TRY(add_text(sets, "output.dir", a->dir));
  YOLO_TRY(add_number(sets, "train.epochs", a->epochs, a->epochs > 0));
  YOLO_TRY(add_number(sets, "train.batch", a->batch, a->batch > 0));
  YOLO_TRY(add_number(sets, "train.lr", a->lr, a->lr >= 0));
  YOLO_TRY(add_number(sets, "train.seed", a->seed, a->seed >= 0));
done:
  return st;
}

static yolo_status load_config(const train_args *a, const args_words *words, yolo_config *out) {
  extra_sets sets = {.count = 0};
  data_args data = a->data;
  yolo_status st = YOLO_OK;
  if (words->count != 1) return yolo_fail(YOLO_EINVAL, "it takes one data.cfg (or labels of any format): yolo train data.cfg");
  YOLO_TRY(collect_sets(a, &sets));
  for (int i = 0; i < sets.count; ++i) {
    if (data.sets.count == ARGS_MOST_TEXTS) {
      st = yolo_fail(YOLO_EINVAL, "more than %d settings", ARGS_MOST_TEXTS);
      goto done;
    }
    data.sets.items[data.sets.count++] = sets.items[i];
  }
  YOLO_TRY(data_args_load_recipe(&data, words->items[0], out));
done:
  for (int i = 0; i < 8; ++i) yolo_text_free(&sets.texts[i]);
  return st;
}

/* ---- the command ---- */

static int list_losses(void) {
  for (int i = 0; i < yolo_loss_count(); ++i) {
    const yolo_loss_def *loss = yolo_loss_at(i);
    cli_say("%-10s for", loss->name);
    for (int k = 0; k < 4 && loss->heads[k]; ++k) cli_say(" [%s]", loss->heads[k]);
    cli_say(": %s\n", loss->summary);
  }
  return CLI_OK;
}

static int run_command(const cli_command *self, int argc, char **argv) {
  train_args args = {.lr = -1, .seed = -1};
  yolo_config config = {0};
  yolo_run *run = NULL;
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (args.losses) return list_losses();
  if (args.device && strcmp(args.device, "cpu") != 0) {
    cli_complain("training runs on the CPU; --device %s cannot train yet", args.device);
    return CLI_ERROR;
  }
  train_talk talk = {.quiet = args.quiet, .epoch = -1};
  yolo_run_events events = train_talk_events(&talk);
  cli_catch_interrupts();
  yolo_status st = load_config(&args, &words, &config);
  if (st == YOLO_OK) st = yolo_run_new(&config, args.resume, &events, &run);
  if (st == YOLO_OK && !args.quiet) train_talk_plan(run);
  if (st == YOLO_OK) st = yolo_run_train(run);
  if (st == YOLO_OK && !args.quiet) train_talk_end(run, config.file ? config.file : "data.cfg");
  code = run ? train_talk_leave(run, st) : cli_fail();
  yolo_run_free(run);
  yolo_config_release(&config);
  return code;
}

const cli_command cmd_train = {
    .name = "train",
    .summary = "train a detector or a classifier on labelled images",
    .usage = "yolo train DATA [options]",
    .about =
        "DATA: a data.cfg, or labels of any format. It needs nothing else: what is not given has a sensible value, and\n"
        "all of it is written into the run's folder, where the best model is best.safetensors. Ctrl-C saves.",
    .groups = groups,
    .examples =
        "  yolo data synth shapes && yolo train shapes/data.cfg --epochs 30\n"
        "  yolo train data.cfg --model yolov4-tiny --weights yolov4-tiny.weights --set train.freeze=0-20\n"
        "  yolo train data.cfg --dir runs/yolo-nano --resume",
    .run = run_command,
};
