/* --csv FILE: one line a detection, quoted as RFC 4180 says. A classifier's lines have no box. */
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/outfile.h"

static void close_csv(void *state) {
  if (state) outfile_close(state);
  yolo_free(state);
}

static yolo_status open_csv(const out_run *run, const void *arg, void **state) {
  (void)run;
  outfile *file = yolo_calloc(1, sizeof *file);
  if (!file) return YOLO_ENOMEM;
  *state = file;
  yolo_status st = outfile_open(arg, file);
  return st == YOLO_OK ? yolo_text_format(&file->text, "file,width,height,class,class_id,confidence,x1,y1,x2,y2\n") : st;
}

/* Quotes only where a comma, a quote or a line break asks for it; quotes inside are doubled. */
static yolo_status add_field(yolo_text *t, const char *value) {
  if (!strpbrk(value, ",\"\r\n")) return yolo_text_append(t, value, strlen(value));
  yolo_status st = yolo_text_append(t, "\"", 1);
  for (; st == YOLO_OK && *value; ++value) st = yolo_text_append(t, *value == '"' ? "\"\"" : value, *value == '"' ? 2 : 1);
  return st == YOLO_OK ? yolo_text_append(t, "\"", 1) : st;
}

static yolo_status add_row(yolo_text *t, const out_run *run, const out_image *image, int class_id, float confidence) {
  char number[CLI_NUMBER_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(add_field(t, image->source->path));
  YOLO_TRY(yolo_text_format(t, ",%d,%d,", image->result->width, image->result->height));
  YOLO_TRY(add_field(t, out_class_name(run, class_id)));
  YOLO_TRY(yolo_text_format(t, ",%d,%s", class_id, cli_number(confidence, number)));
done:
  return st;
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  outfile *file = state;
  yolo_text *t = &file->text;
  const yolo_result *result = image->result;
  char n[4][CLI_NUMBER_MAX];
  int top[OUT_TOP], count = out_top_classes(result, top);
  yolo_status st = YOLO_OK;
  for (int i = 0; i < count; ++i) {
    YOLO_TRY(add_row(t, run, image, top[i], result->scores[top[i]]));
    YOLO_TRY(yolo_text_format(t, ",,,,\n"));
  }
  for (int i = 0; i < result->count; ++i) {
    const yolo_detection *d = &result->detections[i];
    YOLO_TRY(add_row(t, run, image, d->class_id, d->confidence));
    YOLO_TRY(yolo_text_format(t, ",%s,%s,%s,%s\n", cli_number(d->x1, n[0]), cli_number(d->y1, n[1]), cli_number(d->x2, n[2]),
                              cli_number(d->y2, n[3])));
  }
  st = outfile_flush(file);
done:
  return st;
}

static yolo_status finish_csv(const out_run *run, void *state) {
  (void)run;
  return outfile_commit(state);
}

const out_kind out_csv = {"CSV", open_csv, write_image, finish_csv, close_csv, false};
