/* What is said of a training: see train_talk.h. */
#include "cli/train_talk.h"

#include <stdio.h>

#include "backbone/base/text.h"
#include "cli/cli.h"

static void on_note(void *payload, const char *sentence) {
  const train_talk *t = payload;
  if (!t->quiet) cli_say("%s\n", sentence);
  cli_flush();
}

static void on_step(void *payload, const yolo_epoch_report *r, size_t done, size_t total) {
  train_talk *t = payload;
  if (t->epoch != r->epoch) {
    progress_start(&t->bar, (int)total, !t->quiet);
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

void train_talk_epoch(const train_talk *t, const yolo_epoch_report *r) {
  if (t->quiet) return;
  cli_say("epoch %*d/%d  ", r->epochs > 99 ? 3 : 2, r->epoch + 1, r->epochs);
  say_loss(&r->loss);
  if (r->validated && r->validation.classifier) cli_say("  top-1 %.4f", r->validation.top1);
  if (r->validated && !r->validation.classifier)
    cli_say("  AP %.4f  AP50 %.4f", r->validation.numbers[0], r->validation.numbers[1]);
  if (r->best) cli_say(" *");
  cli_say("  ");
  if (r->images_per_second > 0) cli_say("%.1f images/s, ", r->images_per_second); /* none: stopped after its last step */
  if (r->wait_share > 0.03) cli_say("%.0f%% waiting for data, ", 100 * r->wait_share);
  cli_say("%.*f MB", r->memory < 100000000 ? 1 : 0, (double)r->memory * 1e-6);
  if (r->seconds > 0) {
    cli_say(", ");
    say_time(r->seconds * (r->epochs - r->epoch - 1));
    cli_say(" left");
  }
  cli_say("\n");
  cli_flush();
}

static void on_epoch(void *payload, const yolo_epoch_report *r) { train_talk_epoch(payload, r); }

static bool on_stop(void *payload) {
  (void)payload;
  return cli_stop_signal() != 0;
}

yolo_run_events train_talk_events(train_talk *talk) {
  return (yolo_run_events){.payload = talk, .note = on_note, .step = on_step, .epoch = on_epoch, .stop = on_stop};
}

static double megabytes(uint64_t bytes) { return (double)bytes * 1e-6; }

/* A setting as data.cfg would spell it. */
static void say_setting(const char *before, const yolo_setting_section *section, const void *values, const char *key) {
  yolo_text text = {0};
  if (yolo_settings_show(yolo_settings_find(section, key), values, &text) == YOLO_OK) cli_say("%s%s", before, text.data);
  yolo_text_free(&text);
}

static void say_choices(const yolo_config *c) {
  const yolo_augment *a = &c->augment;
  const bool plain = a->preset == YOLO_PRESET_NONE && a->flip == 0 && a->scale[0] == 1 && a->scale[1] == 1 &&
                     a->translate == 0 && a->jitter == 0 && a->mosaic == 0 && a->hue == 0 && a->crop == 0 &&
                     a->area_crop[0] == 1;
  cli_say("schedule  %s, ", cli_plural((unsigned)c->train.epochs, "epoch"));
  say_setting("", &yolo_train_section, &c->train, "optimizer");
  cli_say(", learning rate %g", c->train.lr);
  say_setting(" (", &yolo_train_section, &c->train, "schedule");
  cli_say(", warm-up %g epochs), seed %d\n", c->train.warmup, c->train.seed);
  say_setting("augment   preset ", &yolo_augment_section, a, "preset");
  cli_say("%s\n", plain ? "; the network sees every image as it is" : "");
}

void train_talk_plan(const yolo_run *run) {
  const yolo_run_plan *p = yolo_run_describe(run);
  char a[CLI_COUNT_MAX], b[CLI_COUNT_MAX];
  cli_say("data      %zu images with %zu objects of %d classes; validation: %zu images, %zu objects\n", p->train_images,
          p->train_objects, p->classes, p->val_images, p->val_objects);
  cli_say("network   %s, input %dx%d, %s parameters (%s learn), loss %s\n", p->model, p->width, p->height,
          cli_count((unsigned long long)p->parameters, a), cli_count((unsigned long long)p->learned, b), p->losses);
  say_choices(p->config);
  cli_say("steps     %d images each, %d at a time, on %s\n", p->batch, p->part, p->device);
  cli_say(
      "memory    weights %.0f MB, gradients %.0f, optimizer and average %.0f, validation %.0f, activations %.0f, workspace "
      "%.0f\n",
      megabytes(p->memory.params), megabytes(p->memory.grads), megabytes(p->optimizer), megabytes(p->judge),
      megabytes(p->memory.activations), megabytes(p->memory.work));
  cli_say("          %.0f MB in all", megabytes(p->needed));
  if (p->available != UINT64_MAX) cli_say("; %.0f MB are free", megabytes(p->available));
  cli_say("\n");
  cli_say("folder    %s (every setting: %s/data.cfg)\n", yolo_run_folder(run), yolo_run_folder(run));
  cli_flush();
}

void train_talk_end(const yolo_run *run, const char *data) {
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
      data, folder, folder);
}

int train_talk_leave(const yolo_run *run, yolo_status st) {
  if (st == YOLO_OK) return CLI_OK;
  if (st != YOLO_ECANCELLED) return cli_fail();
  cli_complain("%s", yolo_error_message());
  fprintf(stderr, "To go on: the same command with --dir %s --resume\n", yolo_run_folder(run));
  return CLI_SIGNAL_BASE + cli_stop_signal();
}
