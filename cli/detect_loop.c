/* The run of `yolo detect`: take decoded images, detect, report, write. See detect_job.h. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "cli/detect_job.h"

static void complain_about(const source_item *source, const char *what) {
  /* The library's sentences begin with the file's name; our own do not. */
  bool named = strncmp(what, source->path, strlen(source->path)) == 0;
  cli_complain("%s%s%s (skipped)", named ? "" : source->path, named ? "" : ": ", what);
}

/* Up to a batch of images that could be decoded; failures are named and counted. Returns how many. */
static int take_images(detect_job *job) {
  int count = 0;
  double start = yolo_now_ms();
  const int most = detect_batch_size(job);
  while (count < most && !cli_stop_signal()) {
    prefetch_item item;
    if (!prefetch_next(job->ahead, &item)) break;
    const source_item *source = &job->sources.items[item.index];
    if (!item.image.pixels) {
      complain_about(source, item.problem ? item.problem : "out of memory");
      yolo_free(item.problem);
      job->totals.failed++;
      continue;
    }
    if (item.image.warnings > 0) {
      cli_complain("%s: %s from the decoder, the first: %s", source->path, cli_plural((unsigned)item.image.warnings, "warning"),
                   item.image.warning);
    }
    job->items[count] = item;
    job->pixels[count++] = yolo_image_pixels(&item.image);
  }
  job->totals.wait_ms += yolo_now_ms() - start;
  return count;
}

/* Writers whose files hold all images, in their order. */
static yolo_status write_in_order(detect_job *job, prefetch_item *item, const yolo_result *result) {
  out_image image = {item->index, &job->sources.items[item->index], &item->image, result};
  double start = yolo_now_ms();
  yolo_status st = YOLO_OK;
  for (int i = 0; st == YOLO_OK && i < job->n_writers; ++i) {
    if (!job->writers[i].kind->apart) st = job->writers[i].kind->image(&job->run, job->writers[i].state, &image);
  }
  job->totals.write_ms += yolo_now_ms() - start;
  return st;
}

static yolo_status finish_image(detect_job *job, int i) {
  prefetch_item *item = &job->items[i];
  yolo_result *result = job->results[i];
  detect_totals *t = &job->totals;
  t->copy_ms += result->load_ms;
  result->load_ms += item->load_ms; /* the decoding, on its own thread, and the resizing */
  t->images++;
  t->detections += result->count;
  t->load_ms += result->load_ms;
  t->network_ms += result->network_ms;
  t->post_ms += result->post_ms;
  t->write_ms += job->write_ms[i];
  yolo_status st = write_in_order(job, item, result);
  if (st == YOLO_OK) detect_report_image(job, &job->sources.items[item->index], result);
  return st;
}

static yolo_status run_batch(detect_job *job, int count) {
  yolo_status st = detect_batch_run(job, count);
  for (int i = 0; i < count; ++i) {
    if (st == YOLO_OK) st = detect_batch_status(job, i);
    if (st == YOLO_OK) st = finish_image(job, i);
    yolo_free(job->problems[i]);
    yolo_result_free(job->results[i]);
    yolo_image_release(&job->items[i].image);
    job->results[i] = NULL;
  }
  return st;
}

static yolo_status run_all(detect_job *job) {
  yolo_status st = YOLO_OK;
  while (st == YOLO_OK && !cli_stop_signal()) {
    int count = take_images(job);
    if (count == 0 && !cli_stop_signal()) break;
    if (count > 0) st = run_batch(job, count);
    progress_show(&job->bar, (int)(job->totals.images + job->totals.failed));
  }
  return st;
}

static yolo_status finish_writers(detect_job *job) {
  yolo_status st = YOLO_OK;
  for (int i = 0; st == YOLO_OK && i < job->n_writers; ++i) {
    const detect_writer *w = &job->writers[i];
    if (w->kind->finish) st = w->kind->finish(&job->run, w->state);
  }
  return st;
}

static int fail(void) {
  /* Whoever closed standard output has seen enough and needs no sentence about it. */
  return cli_stop_signal() == SIGPIPE ? CLI_SIGNAL_BASE + SIGPIPE : cli_fail();
}

/* Decoders take the cores that the network leaves: all but the one that drives a GPU, all but its threads on the CPU. */
static int decoders_for(const detect_job *job) {
  enum { MOST_DECODERS = 8 };
  const detect_args *a = job->args;
  int cores = yolo_threads_available(), used = a->model.threads ? a->model.threads : cores;
  if (yolo_runner_has_own_memory(job->context->runner)) used = 1;
  int spare = a->decoders ? a->decoders : cores - used < MOST_DECODERS ? cores - used : MOST_DECODERS;
  return spare > 1 ? spare : 1;
}

int detect_loop(detect_job *job) {
  const detect_args *a = job->args;
  int decoders = decoders_for(job);
  const int room = detect_batch_room(job), depth = (job->contexts.n > 1 ? 2 * room : room + 2) + decoders;
  if (prefetch_start(&job->sources, depth, decoders, &job->ahead) != YOLO_OK) return cli_fail();
  cli_catch_interrupts();
  const bool report = !a->quiet && !a->only_bar;
  if (report) detect_report_start(job);
  progress_start(&job->bar, job->sources.count, !a->quiet);
  job->totals.start_ms = yolo_now_ms();
  yolo_status st = run_all(job);
  cli_clear_bar();
  int stopped = cli_stop_signal();
  if (st == YOLO_OK) st = finish_writers(job);
  if (st != YOLO_OK) return fail();
  if (job->folder && job->totals.images == 0) rmdir(job->folder); /* only when it is empty */
  if (stopped && stopped != SIGPIPE) {
    cli_complain("stopped after %ld of %s%s", job->totals.images + job->totals.failed,
                 cli_plural((unsigned)job->sources.count, "image"), a->only_bar ? "" : "; what there is was written");
  }
  if (report) detect_report_end(job);
  if (stopped) return CLI_SIGNAL_BASE + stopped;
  return job->totals.failed ? CLI_SOME_FAILED : CLI_OK;
}
