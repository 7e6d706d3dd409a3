/* What `yolo detect` tells people: a line an image, a summary at the end. */
#include <string.h>

#include "cli/detect_job.h"
#include "cli/outfile.h"

enum { REPORT_MAX_CLASSES = 8 };

void detect_report_start(const detect_job *job) {
  char line[CLI_NAME_MAX];
  if (model_describe(job->choice.shown, &job->model->spec, line, sizeof line) != YOLO_OK) return;
  cli_say("%s; %s\n", line, yolo_runner_device(job->context->runner));
}

/* "1 dog, 1 bicycle, 2 car", the most confident class first. */
static void say_objects(detect_job *job, const yolo_result *result) {
  int told = 0, classes = 0, rest = 0;
  char name[CLI_NAME_MAX]; /* class names come from a file, as file names come from others */
  memset(job->tally, 0, (size_t)yolo_model_classes(job->model) * sizeof *job->tally);
  for (int i = 0; i < result->count; ++i) job->tally[result->detections[i].class_id]++;
  for (int i = 0; i < result->count; ++i) {
    int *count = &job->tally[result->detections[i].class_id];
    if (*count == 0) continue;
    if (classes++ < REPORT_MAX_CLASSES) {
      cli_say("%s%d %s", told++ ? ", " : "", *count,
              cli_printable(out_class_name(&job->run, result->detections[i].class_id), name));
    } else {
      rest += *count;
    }
    *count = 0;
  }
  if (rest) cli_say(", %d of %s", rest, cli_plural((unsigned)(classes - REPORT_MAX_CLASSES), "other class"));
  if (!told) cli_say("nothing found");
}

static void say_classes(const detect_job *job, const yolo_result *result) {
  int top[OUT_TOP], count = out_top_classes(result, top);
  char name[CLI_NAME_MAX];
  for (int i = 0; i < count; ++i) {
    cli_say("%s%s %.3f", i ? ", " : "", cli_printable(out_class_name(&job->run, top[i]), name), (double)result->scores[top[i]]);
  }
}

void detect_report_image(detect_job *job, const source_item *source, const yolo_result *result) {
  char name[CLI_NAME_MAX];
  if (job->args->quiet || job->args->only_bar) return;
  cli_say("%s: %dx%d  ", cli_printable(source->path, name), result->width, result->height);
  if (result->n_scores > 0) {
    say_classes(job, result);
  } else {
    say_objects(job, result);
  }
  cli_say("  (load %.1f network %.1f post %.1f ms)\n", result->load_ms, result->network_ms, result->post_ms);
  cli_flush();
}

/* What the main thread spent its time on. It waits for decoders only when they are too slow, so the largest part is what
 * sets the pace; a GPU's first pass, in which it chooses its kernels, comes once and is told apart. Where a device takes the
 * images, what travels while the host does something else costs nothing and is counted nowhere; what the network has to wait
 * for is counted with it. */
static void say_pace(const detect_job *job, double wall_ms) {
  const detect_totals *t = &job->totals;
  const bool copies = yolo_runner_takes_images(job->context->runner);
  const double side = job->contexts.n; /* threads of which each did its share of resizing, network and results */
  const struct {
    double ms;
    const char *what, *word;
  } parts[] = {
      {t->wait_ms, "Decoding the images", "decoding"},
      {t->copy_ms / side, copies ? "Copying the images to the device" : "Resizing the images", copies ? "copy" : "resizing"},
      {(t->network_ms - t->first_ms) / side, "The network", "network"},
      {t->post_ms / side, "Sorting out the results", "results"},
      {t->write_ms, "Writing the results", "writing"},
      {t->first_ms, "", "first pass"}};
  const int count = sizeof parts / sizeof *parts, once = count - 1;
  int most = 0, told = 0;
  for (int i = 1; i < once; ++i) {
    if (parts[i].ms > parts[most].ms) most = i;
  }
  cli_say("%s sets the pace: %.0f%% of the time", parts[most].what, 100 * parts[most].ms / (wall_ms + 1e-9));
  for (int i = 0; i < count; ++i) {
    double share = 100 * parts[i].ms / (wall_ms + 1e-9);
    if (i != most && share >= 0.5) cli_say("%s%s %.0f%%", told++ ? ", " : "; ", parts[i].word, share);
  }
  cli_say(". Images were decoded by %s.\n", cli_plural((unsigned)prefetch_threads(job->ahead), "thread"));
}

static const char *place_of(const detect_job *job, const detect_writer *writer) {
  if (!writer->path) return job->folder;
  return outfile_is_stdout(writer->path) ? "standard output" : writer->path;
}

/* "JSON in found.json; labels, pictures in runs/detect." Writers into one place stand side by side. */
static void say_places(const detect_job *job) {
  for (int i = 0; i < job->n_writers; ++i) {
    const char *place = place_of(job, &job->writers[i]);
    bool first = i == 0 || strcmp(place, place_of(job, &job->writers[i - 1])) != 0;
    bool last = i + 1 == job->n_writers || strcmp(place, place_of(job, &job->writers[i + 1])) != 0;
    cli_say("%s%s", i == 0 ? "Written: " : first ? "; " : ", ", job->writers[i].kind->what);
    if (last) cli_say(" in %s", place);
  }
  if (job->n_writers > 0) cli_say(".\n");
}

void detect_report_end(const detect_job *job) {
  const detect_totals *t = &job->totals;
  double wall_ms = yolo_now_ms() - t->start_ms, n = t->images > 0 ? (double)t->images : 1;
  bool later = t->images > t->first_images; /* else all there is are first passes */
  double network = later ? (t->network_ms - t->first_ms) / (double)(t->images - t->first_images) : t->network_ms / n;
  cli_say("%s, %s", cli_plural((unsigned long)t->images, "image"),
          model_is_classifier(&job->model->spec) ? "classified" : cli_plural((unsigned long)t->detections, "detection"));
  if (t->failed) cli_say(", %ld failed", t->failed);
  cli_say(". %.1f images/s over %.1f s; on average load %.1f, network %.1f, post %.1f, write %.1f ms.\n",
          (double)t->images / (wall_ms * 1e-3 + 1e-9), wall_ms * 1e-3, t->load_ms / n, network, t->post_ms / n,
          t->write_ms / n);
  if (t->images == 0) return;
  say_pace(job, wall_ms);
  say_places(job);
}
