/* yolo train: from a data.cfg to a trained model. The work is train/run.h's; here is what is said about it. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "cli/data_args.h"
#include "cli/progress.h"
#include "train/run.h"

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
  YOLO_TRY(data_args_load(&data, words->items[0], out));
done:
  for (int i = 0; i < 8; ++i) yolo_text_free(&sets.texts[i]);
  return st;
}

/* ---- what is said ---- */

typedef struct talk {
  const train_args *args;
  progress bar;
  int epoch; /* the bar is of this one */
} talk;

static void on_note(void *payload, const char *sentence) {
  const talk *t = payload;
  if (!t->args->quiet) cli_say("%s\n", sentence);
  cli_flush();
}

static void on_step(void *payload, const yolo_epoch_report *r, size_t done, size_t total) {
  talk *t = payload;
  if (t->epoch != r->epoch) {
    progress_start(&t->bar, (int)total, !t->args->quiet);
    t->epoch = r->epoch;
  }
  progress_show(&t->bar, (int)done);
}

static void say_loss(const yolo_loss_report *loss) {
  cli_say("loss %.4g", loss->total);
  if (loss->n_parts > 1) {
    for (int i = 0; i < loss->n_parts; ++i) cli_say("%s%s %.3g", i ? ", " : " (", loss->parts[i].name, loss->parts[i].value);
    cli_say(")");
  }
  if (loss->positives > 0) cli_say("  IoU %.2f", loss->iou / (double)loss->positives);
  if (loss->truths > 0) cli_say("  recall %.2f", (double)loss->recalled50 / (double)loss->truths);
}

static void say_time(double seconds) {
  long s = (long)(seconds + 0.5);
  if (s >= 3600)
    cli_say("%ldh%02ldm", s / 3600, s / 60 % 60);
  else if (s >= 60)
    cli_say("%ldm%02lds", s / 60, s % 60);
  else
    cli_say("%lds", s);
}

static void on_epoch(void *payload, const yolo_epoch_report *r) {
  const talk *t = payload;
  if (t->args->quiet) return;
  cli_say("epoch %*d/%d  ", r->epochs > 99 ? 3 : 2, r->epoch + 1, r->epochs);
  say_loss(&r->loss);
  if (r->validated && r->validation.classifier) cli_say("  top-1 %.4f", r->validation.top1);
  if (r->validated && !r->validation.classifier)
    cli_say("  AP %.4f  AP50 %.4f", r->validation.numbers[0], r->validation.numbers[1]);
  if (r->best) cli_say(" *");
  cli_say("  %.1f images/s, ", r->images_per_second);
  if (r->wait_share > 0.03) cli_say("%.0f%% waiting for data, ", 100 * r->wait_share);
  cli_say("%.0f MB, ", (double)r->memory * 1e-6);
  say_time(r->seconds * (r->epochs - r->epoch - 1));
  cli_say(" left\n");
  cli_flush();
}

static bool on_stop(void *payload) {
  (void)payload;
  return cli_stop_signal() != 0;
}

static void say_plan(const yolo_run *run) {
  const yolo_run_plan *p = yolo_run_describe(run);
  char a[CLI_COUNT_MAX], b[CLI_COUNT_MAX];
  cli_say("data      %zu images with %zu objects of %d classes; validation: %zu images, %zu objects\n", p->train_images,
          p->train_objects, p->classes, p->val_images, p->val_objects);
  cli_say("network   %s, input %dx%d, %s parameters (%s learn), loss %s\n", p->model, p->width, p->height,
          cli_count((unsigned long long)p->parameters, a), cli_count((unsigned long long)p->learned, b), p->losses);
  cli_say("steps     %d images each, %d at a time, on %s\n", p->batch, p->part, p->device);
  cli_say("memory    weights %.0f MB, gradients %.0f, activations %.0f, workspace %.0f\n", (double)p->memory.params * 1e-6,
          (double)p->memory.grads * 1e-6, (double)p->memory.activations * 1e-6, (double)p->memory.work * 1e-6);
  cli_say("folder    %s (every setting: %s/data.cfg)\n", yolo_run_folder(run), yolo_run_folder(run));
  cli_flush();
}

static void say_end(const yolo_run *run, const yolo_config *config) {
  int epoch;
  const yolo_validation *best = yolo_run_best(run, &epoch);
  const char *folder = yolo_run_folder(run);
  if (epoch >= 0 && best->images > 0)
    cli_say("best: epoch %d, %s %.4f (%s/best.safetensors)\n", epoch + 1, best->classifier ? "top-1" : "AP", best->score,
            folder);
  else
    cli_say("trained: %s/last.safetensors\n", folder);
  cli_say(
      "next:  yolo eval %s --model %s/best.safetensors --report report.html\n       yolo detect IMAGE --model "
      "%s/best.safetensors\n",
      config->file ? config->file : "data.cfg", folder, folder);
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

static int leave(const train_args *a, yolo_run *run, const yolo_config *config, yolo_status st) {
  if (st == YOLO_OK) {
    if (!a->quiet) say_end(run, config);
    return CLI_OK;
  }
  if (st != YOLO_ECANCELLED) return cli_fail();
  cli_complain("%s", yolo_error_message());
  fprintf(stderr, "To go on: the same command with --dir %s --resume\n", yolo_run_folder(run));
  return CLI_SIGNAL_BASE + cli_stop_signal();
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
  talk t = {.args = &args, .epoch = -1};
  yolo_run_events events = {&t, on_note, on_step, on_epoch, on_stop};
  cli_catch_interrupts();
  yolo_status st = load_config(&args, &words, &config);
  if (st == YOLO_OK) st = yolo_run_new(&config, args.resume, &events, &run);
  if (st == YOLO_OK && !args.quiet) say_plan(run);
  if (st == YOLO_OK) st = yolo_run_train(run);
  code = run ? leave(&args, run, &config, st) : cli_fail();
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
