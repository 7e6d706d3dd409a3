/* One contact sheet of `yolo data preview`: cells, captions, legend. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/data_preview.h"
#include "detect/draw.h"
#include "detect/draw_sample.h"
#include "detect/sheet.h"

enum { NOTE_SIZE = 256 };

/* ---- one cell ---- */

static yolo_status load(const preview_job *job, uint32_t index, yolo_sample *out) {
  if (job->augmenter) return yolo_augmenter_run(job->augmenter, 0, index, job->size[0], job->size[1], out);
  return yolo_sample_load((void *)job->dataset, index, out);
}

/* "640x480, 7 objects, 1 of them a crowd" */
static void describe(const preview_job *job, const yolo_sample *sample, char to[NOTE_SIZE]) {
  int crowds = 0, masks = 0, n;
  for (int i = 0; i < sample->n_objects; ++i) {
    crowds += (sample->objects[i].flags & YOLO_ANNOTATION_CROWD) != 0;
    masks += sample->objects[i].outline.n_rings > 0;
  }
  n = snprintf(to, NOTE_SIZE, "%dx%d", sample->image.width, sample->image.height);
  if (sample->label >= 0 && sample->label < job->n_names)
    n += snprintf(to + n, (size_t)(NOTE_SIZE - n), ", class %.80s", job->names[sample->label]);
  else if (!sample->label_map || sample->n_objects > 0)
    n += snprintf(to + n, (size_t)(NOTE_SIZE - n), ", %s", cli_plural((unsigned)sample->n_objects, "object"));
  if (masks > 0 && masks < sample->n_objects)
    n += snprintf(to + n, (size_t)(NOTE_SIZE - n), ", %s", cli_plural((unsigned)masks, "mask"));
  if (crowds > 0) snprintf(to + n, (size_t)(NOTE_SIZE - n), ", %s", cli_plural((unsigned)crowds, "crowd"));
}

/* A sheet with one image missing still shows the others: its cell says why. */
static yolo_status put_problem(preview_job *job, yolo_sheet *sheet, int cell, const char *name) {
  static const uint8_t red[3] = {150, 32, 32};
  yolo_image picture = {0};
  char sentence[NOTE_SIZE];
  yolo_status st = YOLO_OK;
  snprintf(sentence, sizeof sentence, "%s", yolo_error_message());
  cli_complain("%s", sentence);
  job->failed++;
  YOLO_TRY(yolo_image_new(160, 60, &picture));
  memset(picture.pixels, 60, 160 * 60 * 3);
  YOLO_TRY(yolo_draw_label(&picture, 36, 22, 12, "not readable", red));
  st = yolo_sheet_put(sheet, cell, &picture, name, sentence);
done:
  yolo_image_release(&picture);
  return st;
}

static void count_classes(const preview_job *job, const yolo_sample *sample, int *counts) {
  for (int i = 0; i < sample->n_objects; ++i) {
    const int c = sample->objects[i].class_index;
    if (c >= 0 && c < job->n_names) counts[c]++;
  }
  if (sample->label >= 0 && sample->label < job->n_names) counts[sample->label]++;
  if (!sample->label_map) return;
  bool seen[256] = {false};
  const size_t pixels = (size_t)sample->image.width * (size_t)sample->image.height;
  for (size_t p = 0; p < pixels; ++p) seen[sample->label_map[p]] = true;
  for (int c = 0; c < 256 && c < job->n_names; ++c) counts[c] += c != YOLO_LABEL_IGNORE && seen[c];
}

static yolo_status put_image(preview_job *job, yolo_sheet *sheet, int cell, uint32_t index, yolo_sample *sample, int *counts) {
  const char *name = yolo_dataset_text(job->dataset, job->dataset->images[index].name);
  char note[NOTE_SIZE], shown[CLI_NAME_MAX];
  yolo_image thumb = {0};
  yolo_status st = load(job, index, sample);
  cli_printable(name, shown);
  if (st == YOLO_EIO || st == YOLO_EFORMAT || st == YOLO_EUNSUPPORTED) return put_problem(job, sheet, cell, shown);
  if (st != YOLO_OK) return st;
  YOLO_TRY(yolo_sheet_fit(sheet, &sample->image, &thumb));
  YOLO_TRY(yolo_draw_sample(&thumb, sample, job->names, job->n_names));
  describe(job, sample, note);
  count_classes(job, sample, counts);
  st = yolo_sheet_put(sheet, cell, &thumb, shown, note);
done:
  yolo_image_release(&thumb);
  return st;
}

/* ---- the legend ---- */

/* The classes on this sheet with their number of objects. */
static yolo_status finish(const preview_job *job, yolo_sheet *sheet, const int *counts, yolo_image *out) {
  enum { ENTRY = 96 };
  const size_t room = (size_t)job->n_names + 1;
  yolo_status st = YOLO_OK;
  char(*texts)[ENTRY] = NULL;
  yolo_sheet_entry *legend = NULL;
  int n = 0;
  YOLO_ENOMEM_IF_NULL(texts = yolo_alloc_array(room, sizeof *texts));
  YOLO_ENOMEM_IF_NULL(legend = yolo_alloc_array(room, sizeof *legend));
  for (int c = 0; c < job->n_names; ++c) {
    if (counts[c] == 0) continue;
    snprintf(texts[n], ENTRY, "%.64s (%d)", job->names[c], counts[c]);
    legend[n] = (yolo_sheet_entry){c, texts[n]};
    ++n;
  }
  st = yolo_sheet_finish(sheet, legend, n, out);
done:
  yolo_free(texts);
  yolo_free(legend);
  return st;
}

/* Cells as high as the highest of these pictures needs, within reason. */
static int cell_height(const preview_job *job, int begin, int end) {
  const int width = job->args->cell, least = width / 2, most = width;
  int height = least;
  for (int i = begin; i < end; ++i) {
    const yolo_data_image *image = &job->dataset->images[job->chosen[i]];
    int64_t wanted = width * 3 / 4;
    if (job->augmenter)
      wanted = (int64_t)width * job->size[1] / job->size[0];
    else if (image->width > 0 && image->height > 0)
      wanted = (int64_t)width * image->height / image->width;
    if (wanted > height) height = wanted < most ? (int)wanted : most;
  }
  return height;
}

yolo_status preview_draw_sheet(preview_job *job, int begin, int end, const char *title, yolo_image *out) {
  const yolo_sheet_options options = {job->args->columns, job->args->cell, cell_height(job, begin, end), title};
  yolo_status st = YOLO_OK;
  yolo_sheet *sheet = NULL;
  yolo_sample sample = {0};
  int *counts = NULL;
  YOLO_ENOMEM_IF_NULL(counts = yolo_calloc((size_t)job->n_names + 1, sizeof *counts));
  YOLO_TRY(yolo_sheet_new(end - begin, &options, &sheet));
  for (int i = begin; i < end; ++i) {
    if (cli_stop_signal()) {
      st = yolo_fail(YOLO_ECANCELLED, "stopped after %d of %s; this sheet was not written", i,
                     cli_plural((unsigned)job->count, "image"));
      goto done;
    }
    YOLO_TRY(put_image(job, sheet, i - begin, job->chosen[i], &sample, counts));
    progress_show(&job->bar, i + 1);
  }
  st = finish(job, sheet, counts, out);
done:
  yolo_sample_free(&sample);
  yolo_sheet_free(sheet);
  yolo_free(counts);
  return st;
}
