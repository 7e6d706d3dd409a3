/* A model, a picture, a pass: see explain_view.h. */
#include "cli/explain_view.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/default_model.h"
#include "detect/sheet.h"

yolo_status explain_view_open(const explain_job *job, explain_view *out) {
  const model_args *m = &job->args->model;
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_load_image(job, &out->image));
  if (!m->model && !m->weights && !m->cfg) YOLO_TRY(default_model_find(&out->default_model)); /* as `yolo detect` */
  YOLO_TRY(explain_open_model(job, out->default_model, NULL, 0, &out->model));
  if (!out->model.weights)
    st = yolo_fail(YOLO_EINVAL, "%s: there are no weights, and random ones see nothing; name a .safetensors, or --weights FILE",
                   out->model.choice.shown);
done:
  return st;
}

yolo_status explain_view_run(const explain_job *job, explain_view *view, const int *nodes, int n) {
  const explain_model *model = &view->model;
  const yolo_pixels picture = yolo_image_pixels(&view->image);
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_explain_pass_new(&model->spec, job->args->model.threads, nodes, n, &view->pass));
  YOLO_TRY(yolo_explain_pass_load(&view->pass, model->weights, &model->choice.options));
  YOLO_TRY(yolo_explain_pass_run(&view->pass, &picture));
done:
  return st;
}

void explain_view_release(explain_view *view) {
  yolo_explain_pass_release(&view->pass);
  yolo_image_release(&view->image);
  explain_model_release(&view->model);
  yolo_free(view->default_model);
}

yolo_status explain_view_picture(const explain_view *view, int least, int most, yolo_image *out) {
  const int w = view->image.width, h = view->image.height, side = w > h ? w : h;
  const int wanted = side < least ? least : side > most ? most : side;
  const int width = (int)((double)w * wanted / side + 0.5), height = (int)((double)h * wanted / side + 0.5);
  return yolo_picture_resize(&view->image, width > 0 ? width : 1, height > 0 ? height : 1, out);
}

const char *explain_layer_text(const yolo_model_spec *spec, int layer, char to[EXPLAIN_LAYER_MAX]) {
  const yolo_layer *l = &spec->graph->layers[layer];
  const yolo_shape s = spec->graph->nodes[l->last].shape;
  snprintf(to, EXPLAIN_LAYER_MAX, "layer %d [%.40s], %dx%dx%d", layer, l->section, s.w, s.h, s.c);
  return to;
}

const char *explain_class_text(const yolo_model_spec *spec, int class_id, char to[CLI_NAME_MAX]) {
  if (class_id < spec->n_names) return cli_printable(spec->names[class_id], to);
  snprintf(to, CLI_NAME_MAX, "class %d", class_id);
  return to;
}
