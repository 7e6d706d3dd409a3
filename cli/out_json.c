/* --json FILE: {"images":[{"file":..,"width":..,"height":..,"detections":[{"class":..,"class_id":..,
 * "confidence":..,"box":[x1,y1,x2,y2]}]}]}, boxes in image pixels. A classifier writes "classes" in place of
 * "detections". Numbers are the shortest that read back as the same float. */
#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/outfile.h"

typedef struct json_writer {
  outfile file;
  bool any;
} json_writer;

static void close_json(void *state) {
  json_writer *w = state;
  if (!w) return;
  outfile_close(&w->file);
  yolo_free(w);
}

static yolo_status open_json(const out_run *run, const void *arg, void **state) {
  (void)run;
  json_writer *w = yolo_calloc(1, sizeof *w);
  if (!w) return YOLO_ENOMEM;
  *state = w;
  yolo_status st = outfile_open(arg, &w->file);
  return st == YOLO_OK ? yolo_text_format(&w->file.text, "{\"images\":[") : st;
}

static yolo_status add_class(yolo_text *t, const out_run *run, int class_id, float confidence) {
  char number[CLI_NUMBER_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, "{\"class\":"));
  YOLO_TRY(yolo_text_json_string(t, out_class_name(run, class_id)));
  YOLO_TRY(yolo_text_format(t, ",\"class_id\":%d,\"confidence\":%s", class_id, cli_number(confidence, number)));
done:
  return st;
}

static yolo_status add_detections(yolo_text *t, const out_run *run, const yolo_result *result) {
  char n[4][CLI_NUMBER_MAX];
  yolo_status st = yolo_text_format(t, ",\"detections\":[");
  for (int i = 0; st == YOLO_OK && i < result->count; ++i) {
    const yolo_detection *d = &result->detections[i];
    if (i) YOLO_TRY(yolo_text_format(t, ","));
    YOLO_TRY(add_class(t, run, d->class_id, d->confidence));
    YOLO_TRY(yolo_text_format(t, ",\"box\":[%s,%s,%s,%s]}", cli_number(d->x1, n[0]), cli_number(d->y1, n[1]),
                              cli_number(d->x2, n[2]), cli_number(d->y2, n[3])));
  }
done:
  return st;
}

static yolo_status add_classes(yolo_text *t, const out_run *run, const yolo_result *result) {
  int top[OUT_TOP], count = out_top_classes(result, top);
  yolo_status st = yolo_text_format(t, ",\"classes\":[");
  for (int i = 0; st == YOLO_OK && i < count; ++i) {
    if (i) YOLO_TRY(yolo_text_format(t, ","));
    YOLO_TRY(add_class(t, run, top[i], result->scores[top[i]]));
    YOLO_TRY(yolo_text_format(t, "}"));
  }
done:
  return st;
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  json_writer *w = state;
  yolo_text *t = &w->file.text;
  const yolo_result *result = image->result;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, w->any ? ",\n{\"file\":" : "\n{\"file\":"));
  YOLO_TRY(yolo_text_json_string(t, image->source->path));
  YOLO_TRY(yolo_text_format(t, ",\"width\":%d,\"height\":%d", result->width, result->height));
  YOLO_TRY(result->n_scores > 0 ? add_classes(t, run, result) : add_detections(t, run, result));
  YOLO_TRY(yolo_text_format(t, "]}"));
  w->any = true;
  st = outfile_flush(&w->file);
done:
  return st;
}

static yolo_status finish_json(const out_run *run, void *state) {
  (void)run;
  json_writer *w = state;
  yolo_status st = yolo_text_format(&w->file.text, "\n]}\n");
  return st == YOLO_OK ? outfile_commit(&w->file) : st;
}

const out_kind out_json = {"JSON", open_json, write_image, finish_json, close_json, false};
