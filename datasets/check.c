/* One run of `yolo data check`: opens every split, lets each part of the check look at it, and keeps what they find. */
#include "datasets/check.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "datasets/check_parts.h"

/* ---- what was found ---- */

yolo_status yolo_check_add_text(yolo_check_report *report, const char *text, uint64_t *offset) {
  size_t length = strlen(text) + 1;
  if (report->n_texts + length > report->texts_room) {
    size_t room = (report->n_texts + length) * 2 + 256;
    char *texts = yolo_realloc(report->texts, room);
    if (!texts) return YOLO_ENOMEM;
    report->texts = texts;
    report->texts_room = room;
  }
  memcpy(report->texts + report->n_texts, text, length);
  *offset = report->n_texts;
  report->n_texts += length;
  return YOLO_OK;
}

/* Findings about one file follow each other: its name is kept once. */
static yolo_status add_file(yolo_check_report *report, const char *file, uint64_t *offset) {
  if (!file) file = "";
  if (strcmp(report->texts + report->last_file, file) != 0) {
    yolo_status st = yolo_check_add_text(report, file, &report->last_file);
    if (st != YOLO_OK) return st;
  }
  *offset = report->last_file;
  return YOLO_OK;
}

static yolo_status add_finding(yolo_check_run *run, const yolo_data_issue *issue) {
  yolo_check_report *report = run->report;
  yolo_check_finding finding = {.rule = issue->rule, .split = run->split, .line = issue->line};
  yolo_status st = YOLO_OK;
  if (report->n_findings == report->findings_room) {
    size_t room = report->findings_room ? report->findings_room * 2 : 64;
    yolo_check_finding *more = yolo_realloc(report->findings, room * sizeof *more);
    if (!more) return YOLO_ENOMEM;
    report->findings = more;
    report->findings_room = room;
  }
  YOLO_TRY(add_file(report, issue->file, &finding.file));
  YOLO_TRY(yolo_check_add_text(report, issue->what, &finding.what));
  if (issue->byte || run->kind == YOLO_PLACE_BYTE) {
    finding.byte = issue->byte ? issue->byte : issue->line;
    finding.line = yolo_line_of(run->lines, issue->file, finding.byte);
  }
  report->findings[report->n_findings++] = finding;
  report->counts[issue->rule]++;
  report->severities[yolo_rules[issue->rule].severity]++;
done:
  return st;
}

/* The sink of readers and of every part. It cannot fail: the run looks at its status when a part is through. */
static void take_issue(void *payload, const yolo_data_issue *issue) {
  yolo_check_run *run = payload;
  if (run->status == YOLO_OK) run->status = add_finding(run, issue);
  if (run->status == YOLO_OK && run->reading && issue->file) {
    run->status = yolo_strmap_add(&run->blamed, issue->file, 0, NULL);
  }
}

static yolo_check_place place_in(yolo_check_run *run, const yolo_dataset *dataset, const yolo_data_image *image,
                                 const char *file, uint64_t place) {
  run->kind = yolo_dataset_place_kind(dataset, image);
  return (yolo_check_place){file, run->kind == YOLO_PLACE_RECORD ? 0 : place};
}

yolo_check_place yolo_check_place_of(yolo_check_run *run, const yolo_dataset *dataset, const yolo_annotation *annotation) {
  const yolo_data_image *image = &dataset->images[annotation->image];
  return place_in(run, dataset, image, yolo_dataset_label_file(dataset, image), annotation->place);
}

/* VOC names an image in the file of its labels, COCO in the one file of all, a list of YOLO images in the list, which is what
 * was named as labels. A Darknet .data file names lists: which one is not known here. Where no file speaks of an image (it lies
 * in a folder of its class), it speaks for itself. */
yolo_check_place yolo_check_image_place(yolo_check_run *run, const yolo_dataset *dataset, const yolo_data_image *image) {
  const yolo_data_source_info *source = &dataset->sources[image->source];
  const char *format = yolo_dataset_text(dataset, source->format), *labels = yolo_dataset_text(dataset, source->labels);
  const char *file = yolo_dataset_label_file(dataset, image);
  uint64_t place = strcmp(format, "darknet") == 0 ? 0 : image->place;
  bool has_file = image->pixels == UINT64_MAX;
  if (strcmp(format, "yolo") == 0 && place > 0) file = labels;
  if (has_file && place == 0 && !image->label_file) file = yolo_dataset_text(dataset, image->file);
  return place_in(run, dataset, image, file, place);
}

/* ---- the run ---- */

static yolo_status open_split(yolo_check_run *run, yolo_check_part *part) {
  yolo_data_open_options options = {
      .names = run->options->names, .n_names = run->options->n_names, .sink = &run->sink, .log = run->options->log};
  run->kind = YOLO_PLACE_LINE;
  run->reading = true;
  yolo_status st = yolo_dataset_open(part->split->sources, part->split->n_sources, &options, &part->dataset);
  run->reading = false;
  return st == YOLO_OK ? run->status : st;
}

static yolo_status check_split(yolo_check_run *run, yolo_check_part *part) {
  static yolo_status (*const parts[])(yolo_check_run *, yolo_check_part *) = {yolo_check_images, yolo_check_boxes,
                                                                              yolo_check_masks};
  yolo_status st = YOLO_OK;
  run->split = part->index;
  YOLO_TRY(open_split(run, part));
  YOLO_ENOMEM_IF_NULL(part->images = yolo_calloc(part->dataset->n_images + 1, sizeof *part->images));
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    YOLO_TRY(parts[i](run, part));
    YOLO_TRY(run->status);
  }
done:
  return st;
}

static yolo_status check_together(yolo_check_run *run) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_check_leaks(run));
  if (!run->options->no_images) YOLO_TRY(yolo_check_unlisted(run));
  YOLO_TRY(yolo_check_count(run));
  st = run->status;
done:
  return st;
}

yolo_status yolo_check_splits(const yolo_check_split *splits, int n, const yolo_check_options *options,
                              yolo_check_report *out) {
  static const yolo_check_options none;
  yolo_check_run run = {.options = options ? options : &none, .report = out, .n_parts = n};
  yolo_status st = YOLO_OK;
  uint64_t empty;
  run.sink = (yolo_data_sink){.report = take_issue, .payload = &run};
  run.threads = run.options->threads > 0 ? run.options->threads : yolo_threads_available();
  memset(out, 0, sizeof *out);
  YOLO_TRY(yolo_check_add_text(out, "", &empty));
  YOLO_TRY(yolo_line_index_new(&run.lines));
  YOLO_ENOMEM_IF_NULL(run.parts = yolo_calloc((size_t)n + 1, sizeof *run.parts));
  YOLO_ENOMEM_IF_NULL(out->splits = yolo_calloc((size_t)n + 1, sizeof *out->splits));
  out->n_splits = n;
  for (int i = 0; i < n; ++i) {
    run.parts[i] = (yolo_check_part){.split = &splits[i], .index = i};
    YOLO_TRY(check_split(&run, &run.parts[i]));
  }
  YOLO_TRY(check_together(&run));
done:
  for (int i = 0; run.parts && i < n; ++i) {
    yolo_dataset_free(run.parts[i].dataset);
    yolo_free(run.parts[i].images);
  }
  yolo_free(run.parts);
  yolo_strmap_free(&run.blamed);
  yolo_line_index_free(run.lines);
  if (st != YOLO_OK) yolo_check_report_free(out);
  return st;
}

void yolo_check_report_free(yolo_check_report *report) {
  if (!report) return;
  yolo_free(report->findings);
  yolo_free(report->texts);
  yolo_free(report->classes);
  yolo_free(report->splits);
  memset(report, 0, sizeof *report);
}
