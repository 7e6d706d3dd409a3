/* --crops: what was found, cut out of the image: DIR/crops/CLASS/STEM-1.jpg, -2 ..., best first. */
#include <math.h>
#include <string.h>

#include "backbone/base/text.h"
#include "cli/out.h"
#include "backbone/base/paths.h"

static yolo_status open_crops(const out_run *run, const void *arg, void **state) {
  (void)run, (void)arg;
  *state = NULL;
  return YOLO_OK;
}

/* The box in whole pixels, at least one, inside the image. */
static yolo_status cut(const yolo_image *image, const yolo_detection *d, yolo_image *out) {
  int x1 = (int)fmaxf(0, floorf(d->x1)), y1 = (int)fmaxf(0, floorf(d->y1));
  if (x1 > image->width - 1) x1 = image->width - 1;
  if (y1 > image->height - 1) y1 = image->height - 1;
  int w = (int)fminf((float)image->width, ceilf(d->x2)) - x1, h = (int)fminf((float)image->height, ceilf(d->y2)) - y1;
  yolo_status st = yolo_image_new(w > 1 ? w : 1, h > 1 ? h : 1, out);
  for (int y = 0; st == YOLO_OK && y < out->height; ++y) {
    size_t from = ((size_t)(y1 + y) * (size_t)image->width + (size_t)x1) * 3;
    memcpy(out->pixels + (size_t)y * (size_t)out->width * 3, image->pixels + from, (size_t)out->width * 3);
  }
  return st;
}

/* A class name as a folder: it comes from a file, so it must not lead elsewhere. */
static yolo_status add_folder_name(yolo_text *path, const char *name) {
  yolo_status st = *name == '.' || *name == '\0' ? yolo_text_append(path, "_", 1) : YOLO_OK;
  for (; st == YOLO_OK && *name; ++name) {
    bool bad = *name == '/' || *name == '\\' || (unsigned char)*name < 0x20;
    st = yolo_text_append(path, bad ? "_" : name, 1);
  }
  return st;
}

static yolo_status write_crop(const out_run *run, const out_image *image, int number) {
  const yolo_detection *d = &image->result->detections[number];
  yolo_image crop = {0};
  yolo_text path = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&path, "%s/crops/", run->folder));
  YOLO_TRY(add_folder_name(&path, out_class_name(run, d->class_id)));
  YOLO_TRY(yolo_text_format(&path, "/%s-%d.jpg", image->source->stem, number + 1));
  YOLO_TRY(yolo_path_make_parent(path.data));
  YOLO_TRY(cut(image->image, d, &crop));
  st = yolo_image_save(&crop, path.data);
done:
  yolo_image_release(&crop);
  yolo_text_free(&path);
  return st;
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  (void)state;
  yolo_status st = YOLO_OK;
  for (int i = 0; st == YOLO_OK && i < image->result->count; ++i) st = write_crop(run, image, i);
  return st;
}

static void close_crops(void *state) { (void)state; }

const out_kind out_crops = {"crops", open_crops, write_image, NULL, close_crops, true};
