/* The images with what was found drawn into them: DIR/STEM with the image's own suffix. The last writer: it
 * draws into the pixels the others have read. */
#include <stdio.h>

#include "backbone/base/memory.h"
#include "cli/out.h"
#include "backbone/base/paths.h"
#include "cli/targets.h"
#include "detect/draw.h"

static yolo_status open_pictures(const out_run *run, const void *arg, void **state) {
  (void)arg;
  *state = NULL;
  return targets_check(run->folder, run->sources);
}

/* A classifier has no boxes: its best classes stand in the corner, one below the other. */
static yolo_status draw_classes(const out_run *run, const out_image *image) {
  int top[OUT_TOP], count = out_top_classes(image->result, top);
  float height = (float)image->image->height / 20;
  if (height < 10) height = 10;
  yolo_status st = YOLO_OK;
  for (int i = 0; st == YOLO_OK && i < count; ++i) {
    char text[128];
    uint8_t colour[3];
    yolo_class_colour(top[i], colour);
    snprintf(text, sizeof text, "%s %.2f", out_class_name(run, top[i]), (double)image->result->scores[top[i]]);
    st = yolo_draw_label(image->image, 0, (int)((float)i * height * 1.4f), height, text, colour);
  }
  return st;
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  (void)state;
  const yolo_model_spec *spec = &run->model->spec;
  char *path = NULL;
  yolo_status st = YOLO_OK;
  if (image->result->n_scores > 0) {
    YOLO_TRY(draw_classes(run, image));
  } else {
    YOLO_TRY(yolo_draw_result(image->image, image->result, (const char *const *)spec->names, spec->n_names));
  }
  YOLO_TRY(targets_picture(run->folder, image->source, &path));
  YOLO_TRY(yolo_path_make_parent(path));
  st = yolo_image_save(image->image, path);
done:
  yolo_free(path);
  return st;
}

static void close_pictures(void *state) { (void)state; }

const out_kind out_pictures = {"pictures", open_pictures, write_image, NULL, close_pictures, true};
