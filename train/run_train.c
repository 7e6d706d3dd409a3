/* The epochs of a training: see run.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "train/run_parts.h"

static uint64_t resident_bytes(void) {
  unsigned long long total = 0, resident = 0;
  FILE *stream = fopen("/proc/self/statm", "r");
  if (!stream) return 0;
  int got = fscanf(stream, "%llu %llu", &total, &resident);
  fclose(stream);
  return got == 2 ? resident * (unsigned long long)sysconf(_SC_PAGESIZE) : 0;
}

/* ---- a step ---- */

/* What stops a run: which numbers went wrong first, on which images, at which rate; the images as a picture. */
static yolo_status explain_bad_numbers(yolo_run *run, const yolo_batch *batch, int step, yolo_status st) {
  const yolo_graph *graph = yolo_trainer_graph(run->session.trainer);
  char *path = NULL, reason[256];
  snprintf(reason, sizeof reason, "%s", yolo_error_message());
  int node = yolo_trainer_first_bad_node(run->session.trainer);
  int layer = node > 0 ? graph->nodes[node].layer : -1;
  double lr = run->session.settings->lr * yolo_schedule_factor(&run->session.schedule, run->session.optimizer.steps);
  bool saved = yolo_run_save_batch(run, batch, "bad-batch.png", &path) == YOLO_OK;
  st = yolo_fail(st,
                 "epoch %d, step %d: %s. %s%d%s%s%s. Learning rate %g; the images of the batch: %s. A lower train.lr, a longer "
                 "train.warmup or train.clip = 1 usually help",
                 run->now.epoch + 1, step + 1, reason,
                 layer >= 0 ? "The first bad values come from layer " : "No layer's values are bad (",
                 layer >= 0 ? layer : node, layer >= 0 ? " [" : "", layer >= 0 ? graph->layers[layer].section : "",
                 layer >= 0 ? "]" : "): the loss itself is", lr, saved ? path : "(could not be saved)");
  yolo_free(path);
  return st;
}

static int step_images(const yolo_run *run, int step) {
  size_t batch = (size_t)run->config->train.batch, left = run->train->n_images - (size_t)step * batch;
  return (int)(left < batch ? left : batch);
}

/* All parts of a step, then the update. */
static yolo_status run_step(yolo_run *run, int step) {
  int nominal = step_images(run, step), done = 0;
  yolo_step_report update = {0};
  yolo_status st = YOLO_OK;
  while (done < nominal) {
    yolo_batch *batch = NULL;
    yolo_loss_report report;
    double start = yolo_now_ms();
    YOLO_TRY(yolo_loader_next(run->loader, &batch));
    run->waited_ms += yolo_now_ms() - start;
    st = yolo_session_part(&run->session, batch, nominal, &report);
    if (st == YOLO_OK && done + batch->count >= nominal) st = yolo_session_update(&run->session, &update);
    if (st == YOLO_EINVAL) st = explain_bad_numbers(run, batch, step, st);
    done += batch->count;
    yolo_loader_give_back(run->loader, batch);
    if (st != YOLO_OK) return st;
    yolo_loss_report_add(&run->now.loss, &report);
  }
  run->now.lr = update.lr;
  if (update.gradient_norm > run->now.gradient_norm) run->now.gradient_norm = update.gradient_norm;
done:
  return st;
}

/* ---- an epoch ---- */

static bool asked_to_stop(const yolo_run *run) { return run->events.stop && run->events.stop(run->events.payload); }

/* Ctrl-C: the place is kept, with the sums of the epoch so far. */
static yolo_status save_and_leave(yolo_run *run, int step) {
  yolo_free(run->state.report);
  run->state.report = NULL;
  run->state.next_batch = step;
  yolo_status st = yolo_run_report_text(&run->now, &run->state.report);
  if (st == YOLO_OK) st = yolo_run_save_state(run);
  if (st != YOLO_OK) return st;
  return yolo_fail(YOLO_ECANCELLED, "stopped in epoch %d after %d of %d steps; everything is saved", run->now.epoch + 1, step,
                   run->steps);
}

static yolo_status run_steps(yolo_run *run) {
  double start = yolo_now_ms();
  size_t before = (size_t)run->now.loss.images;
  yolo_status st = YOLO_OK;
  run->waited_ms = 0;
  if (run->state.next_batch == run->steps) return YOLO_OK; /* it was stopped while the epoch was judged */
  YOLO_TRY(yolo_loader_seek(run->loader, run->now.epoch, run->state.next_batch * run->parts));
  for (int step = run->state.next_batch; step < run->steps; ++step) {
    if (asked_to_stop(run)) return save_and_leave(run, step);
    YOLO_TRY(run_step(run, step));
    run->now.seconds = (yolo_now_ms() - start) * 1e-3;
    run->now.images_per_second = (double)((size_t)run->now.loss.images - before) / run->now.seconds;
    run->now.wait_share = run->waited_ms * 1e-3 / run->now.seconds;
    if (run->events.step) run->events.step(run->events.payload, &run->now, (size_t)run->now.loss.images, run->train->n_images);
  }
done:
  return st;
}

static bool stop_validation(void *payload, size_t done, size_t total) {
  (void)done;
  (void)total;
  return asked_to_stop(payload);
}

/* The model that the judge holds is the best so far. */
static yolo_status keep_best(yolo_run *run, const float *values, yolo_validation_details *details) {
  yolo_status st = YOLO_OK;
  run->best = run->now.validation;
  run->state.best_score = run->now.validation.score;
  run->state.best_epoch = run->now.epoch;
  run->state.without_better = 0;
  YOLO_TRY(yolo_run_save_model(run, values, "best.safetensors"));
  YOLO_TRY(yolo_run_save_samples(run));
  st = yolo_run_tell_best(run, details);
done:
  return st;
}

static yolo_status validate(yolo_run *run) {
  yolo_trainer_view view = {run->session.trainer, yolo_session_best_values(&run->session)};
  yolo_validation_details details = {0};
  yolo_validation_options options = {.threads = run->config->train.threads,
                                     .stop = stop_validation,
                                     .contexts = &run->contexts,
                                     .payload = run,
                                     .details = &details};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_network_load(run->judge->network, yolo_trainer_fetch, &view));
  YOLO_TRY(yolo_validate(run->judge, run->val, &run->truths, &options, &run->now.validation));
  run->now.validated = true;
  run->now.best = run->state.best_epoch < 0 || run->now.validation.score > run->state.best_score;
  if (run->now.best)
    st = keep_best(run, view.values, &details);
  else
    run->state.without_better++;
done:
  yolo_validation_details_release(&details);
  return st;
}

static yolo_status finish_epoch(yolo_run *run) {
  const yolo_train_settings *t = &run->config->train;
  bool last = run->now.epoch + 1 == t->epochs;
  yolo_status st = YOLO_OK;
  if (run->val && ((run->now.epoch + 1) % t->validate_every == 0 || last)) YOLO_TRY(validate(run));
  if (!run->val) YOLO_TRY(yolo_run_save_model(run, yolo_session_best_values(&run->session), "best.safetensors"));
  yolo_memory_trim();
  run->now.memory = resident_bytes();
  yolo_free(run->state.report);
  run->state.report = NULL;
  run->state.next_epoch = run->now.epoch + 1;
  run->state.next_batch = 0;
  YOLO_TRY(yolo_run_write_epoch(run));
  YOLO_TRY(yolo_run_save_state(run));
  YOLO_TRY(yolo_run_write_page(run));
  if (run->events.epoch) run->events.epoch(run->events.payload, &run->now);
done:
  /* Stopped while it was judged: the weights are those of the epoch's end, and it is judged again. */
  if (st == YOLO_ECANCELLED) st = save_and_leave(run, run->steps);
  return st;
}

bool yolo_run_lost_patience(const yolo_run *run) {
  int patience = run->config->train.patience;
  return patience > 0 && run->state.without_better >= patience;
}

yolo_status yolo_run_train(yolo_run *run) {
  yolo_status st = YOLO_OK;
  yolo_epoch_report resumed = run->now; /* the sums of an epoch that was interrupted */
  for (int epoch = run->state.next_epoch; epoch < run->config->train.epochs && !yolo_run_lost_patience(run); ++epoch) {
    run->now = resumed;
    run->now.epoch = epoch;
    run->now.epochs = run->config->train.epochs;
    resumed = (yolo_epoch_report){0};
    YOLO_TRY(run_steps(run));
    YOLO_TRY(finish_epoch(run));
    if (yolo_run_lost_patience(run))
      yolo_run_note(run, "no better score for %d validations: training ends here", run->config->train.patience);
  }
  YOLO_TRY(yolo_run_save_model(run, yolo_session_best_values(&run->session), "last.safetensors"));
  if (run->judged.length == 0) YOLO_TRY(yolo_run_write_page(run)); /* nothing was left to do, or nothing is validated */
done:
  return yolo_run_explain_trouble(run, st);
}
