/* A batch of `yolo detect`: the network over its images, and the pictures that are written of them. See detect_job.h.
 *
 * On the CPU, images that are not put together by --batch go through the network side by side, each on one thread with a
 * context of its own: threads that share one image wait for each other in every layer. Pictures are drawn and saved by
 * the same threads; what has an order (lines, JSON, CSV) comes afterwards, in the order of the sources. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "cli/detect_job.h"

/* ---- how many at a time ---- */

enum { MOST_A_LANE = 8, QUICK_MS = 120, SLOW_MS = 400 };

int detect_batch_room(const detect_job *job) { return job->contexts.n > 1 ? job->contexts.n * MOST_A_LANE : job->args->batch; }

int detect_batch_size(const detect_job *job) { return job->contexts.n > 1 ? job->lot : job->args->batch; }

/* Few images while they are slow, so that lines and the bar come often and Ctrl-C is heard; many while they are quick, so
 * that the threads seldom wait for the last one. */
static void choose_lot(detect_job *job, double ms) {
  const int least = job->contexts.n, most = least * MOST_A_LANE;
  if (ms < QUICK_MS && job->lot < most) job->lot *= 2;
  if (ms > SLOW_MS && job->lot > least) job->lot /= 2;
}

/* ---- an image ---- */

static void note(detect_job *job, int i, yolo_status st) {
  job->status[i] = st;
  if (st != YOLO_OK) job->problems[i] = yolo_strdup(yolo_error_message()); /* the sentence is this thread's */
}

/* What is written of an image alone, in any order: pictures, crops. write_ms is what the run took for it: a share of the
 * thread's time, where several write. */
static void write_apart(detect_job *job, int i) {
  const prefetch_item *item = &job->items[i];
  const out_image image = {item->index, &job->sources.items[item->index], &job->items[i].image, job->results[i]};
  const double start = yolo_now_ms();
  yolo_status st = YOLO_OK;
  for (int w = 0; st == YOLO_OK && w < job->n_writers; ++w) {
    const detect_writer *writer = &job->writers[w];
    if (writer->kind->apart) st = writer->kind->image(&job->run, writer->state, &image);
  }
  note(job, i, st);
  job->write_ms[i] = (yolo_now_ms() - start) / job->contexts.n;
}

static void write_task(void *payload, int i, int thread) {
  (void)thread;
  write_apart(payload, i);
}

static void whole_task(void *payload, int i, int thread) {
  detect_job *job = payload;
  yolo_status st = yolo_detect_batch(job->contexts.items[thread], &job->pixels[i], 1, &job->options, &job->results[i]);
  if (st != YOLO_OK) job->results[i] = NULL;
  note(job, i, st);
  if (st == YOLO_OK) write_apart(job, i);
}

/* ---- all of them ---- */

/* A GPU meets a batch of a new size with choosing and recording, once: that is no measure of the network. */
static void note_first_pass(detect_job *job, int count) {
  bool first = count != job->last_count && yolo_runner_has_own_memory(job->context->runner);
  job->last_count = count;
  if (!first) return;
  job->totals.first_images += count;
  for (int i = 0; i < count; ++i) job->totals.first_ms += job->results[i]->network_ms;
}

static yolo_status run_together(detect_job *job, int count) {
  yolo_status st = yolo_detect_batch(job->context, job->pixels, count, &job->options, job->results);
  if (st != YOLO_OK) {
    memset(job->results, 0, (size_t)count * sizeof *job->results);
    return st;
  }
  note_first_pass(job, count);
  const double start = yolo_now_ms();
  yolo_parallel(job->writers_apart > 0 ? job->threads : 1, count, write_task, job);
  const double each = (yolo_now_ms() - start) / count;
  for (int i = 0; i < count; ++i) job->write_ms[i] = each;
  return YOLO_OK;
}

yolo_status detect_batch_run(detect_job *job, int count) {
  const double start = yolo_now_ms();
  for (int i = 0; i < count; ++i) job->problems[i] = NULL;
  if (job->contexts.n < 2) return run_together(job, count);
  yolo_parallel(job->contexts.n, count, whole_task, job);
  choose_lot(job, yolo_now_ms() - start);
  return YOLO_OK;
}

yolo_status detect_batch_status(detect_job *job, int i) {
  if (job->status[i] == YOLO_OK) return YOLO_OK;
  return yolo_fail(job->status[i], "%s", job->problems[i] ? job->problems[i] : "no memory");
}
