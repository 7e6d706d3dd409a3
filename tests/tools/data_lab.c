/* Opens a labelled data set as the library does and says what is in it, how long that took and how much memory it needed at
 * most: for scripts/bench_data.py, and for looking at a set by hand.
 *
 *   data_lab LABELS [--images FOLDER] [--format NAME] [--no-cache] [--write WRITER PATH] */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "backbone/base/clock.h"
#include "datasets/dataset.h"

static void print_issue(void *payload, const yolo_data_issue *issue) {
  int *shown = payload;
  if ((*shown)++ < 20) fprintf(stderr, "%s: %s: %s\n", issue->file, yolo_rules[issue->rule].name, issue->what);
}

static void print_note(void *payload, const char *sentence) {
  (void)payload;
  fprintf(stderr, "%s\n", sentence);
}

static long peak_kib(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

static void print_dataset(const yolo_dataset *d, double seconds) {
  size_t kinds[4] = {0}, crowds = 0;
  double area = 0;
  for (size_t i = 0; i < d->n_annotations; i++) {
    kinds[d->annotations[i].kind & 3]++;
    crowds += (d->annotations[i].flags & YOLO_ANNOTATION_CROWD) != 0;
    area += d->annotations[i].area;
  }
  printf("{\"images\": %zu, \"annotations\": %zu, \"classes\": %zu, \"crowds\": %zu, \"no_mask\": %zu, \"polygons\": %zu, ",
         d->n_images, d->n_annotations, d->n_classes, crowds, kinds[0], kinds[1]);
  printf("\"rle\": %zu, \"counts\": %zu, \"area\": %.17g, \"seconds\": %.4f, \"peak_kib\": %ld, \"mapped\": %s}\n", kinds[2],
         kinds[3], area, seconds, peak_kib(), d->mapping ? "true" : "false");
}

static int write_dataset(const yolo_dataset *d, const char *writer, const char *path, const yolo_log *log) {
  for (int i = 0; i < yolo_data_writer_count; i++) {
    if (strcmp(yolo_data_writers[i]->name, writer) != 0) continue;
    if (yolo_data_writers[i]->write(d, path, log) == YOLO_OK) return 0;
    fprintf(stderr, "%s\n", yolo_error_message());
    return 1;
  }
  fprintf(stderr, "no writer is called '%s'\n", writer);
  return 1;
}

int main(int argc, char **argv) {
  yolo_data_source source = {0};
  int shown = 0, status = 0;
  yolo_data_sink sink = {.report = print_issue, .payload = &shown};
  yolo_log log = {print_note, NULL};
  yolo_data_open_options options = {.sink = &sink, .log = &log};
  const char *writer = NULL, *path = NULL;
  yolo_dataset *d = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--no-cache") == 0)
      options.no_cache = true;
    else if (strcmp(argv[i], "--images") == 0 && i + 1 < argc)
      source.images = argv[++i];
    else if (strcmp(argv[i], "--format") == 0 && i + 1 < argc)
      source.format = argv[++i];
    else if (strcmp(argv[i], "--write") == 0 && i + 2 < argc)
      writer = argv[++i], path = argv[++i];
    else
      source.labels = argv[i];
  }
  if (!source.labels) return fprintf(stderr, "usage: data_lab LABELS [--images FOLDER] [--format NAME] [--no-cache]\n"), 2;
  double start = yolo_now_ms();
  if (yolo_dataset_open(&source, 1, &options, &d) != YOLO_OK) return fprintf(stderr, "%s\n", yolo_error_message()), 1;
  print_dataset(d, (yolo_now_ms() - start) / 1000);
  if (writer) status = write_dataset(d, writer, path, &log);
  yolo_dataset_free(d);
  return status;
}
