/* --save-txt: labels as YOLO trains on them: DIR/labels/STEM.txt, "class cx cy w h" a line, relative to the
 * image's width and height. An image without objects gets an empty file. */
#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/out.h"
#include "backbone/base/paths.h"

static yolo_status open_txt(const out_run *run, const void *arg, void **state) {
  (void)run, (void)arg;
  *state = yolo_calloc(1, sizeof(yolo_text)); /* the lines of one image */
  return *state ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  yolo_text *lines = state, path = {0};
  const yolo_result *r = image->result;
  double w = r->width, h = r->height;
  yolo_status st = YOLO_OK;
  lines->length = 0;
  for (int i = 0; i < r->count; ++i) {
    const yolo_detection *d = &r->detections[i];
    double cx = (d->x1 + d->x2) / (2 * w), cy = (d->y1 + d->y2) / (2 * h);
    YOLO_TRY(
        yolo_text_format(lines, "%d %.6f %.6f %.6f %.6f\n", d->class_id, cx, cy, (d->x2 - d->x1) / w, (d->y2 - d->y1) / h));
  }
  YOLO_TRY(yolo_text_format(&path, "%s/labels/%s.txt", run->folder, image->source->stem));
  YOLO_TRY(yolo_path_make_parent(path.data));
  st = yolo_write_file(path.data, lines->length ? lines->data : "", lines->length);
done:
  yolo_text_free(&path);
  return st;
}

static void close_txt(void *state) {
  if (state) yolo_text_free(state);
  yolo_free(state);
}

const out_kind out_txt = {"labels", open_txt, write_image, NULL, close_txt, false};
