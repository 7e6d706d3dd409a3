/* yolo explain --features LAYER: what the channels of a layer answer to a picture, as a sheet of maps and a table. */
#include <math.h>
#include <stdio.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/explain_view.h"
#include "detect/sheet.h"
#include "train/explain/features.h"

static const char about[] =
    "Feature maps (Zeiler & Fergus 2014, section 2): A_k(i,j), what channel k of the layer answers at place (i,j) of the "
    "picture.\n"
    "Each map has colours of its own, dark at its smallest value and bright at its largest. s_k is the standard deviation "
    "over\n"
    "the map; a channel of one value everywhere says nothing about this picture and is called dead.\n\n";

enum { WANTED = 130, MOST_CELL = 180, LEAST_WIDTH = 96, ROWS = 12 };
static const double SPAN = 4; /* colours reach so many deviations from the mean: one odd pixel should not darken a map */

static void say_table(const yolo_features *f, int shown, bool by_number) {
  cli_say("%7s  %9s  %9s  %9s  %9s  %6s\n", "channel", "smallest", "largest", "mean", "s", "zeros");
  for (int i = 0; i < shown && i < ROWS; i++) {
    const yolo_feature *c = &f->items[i];
    cli_say("%7d  %9.4g  %9.4g  %9.4g  %9.4g  %5.1f%%%s\n", c->channel, (double)c->smallest, (double)c->largest, c->mean,
            c->deviation, 100 * c->zeros, c->dead ? "  dead" : "");
  }
  if (f->count > ROWS) cli_say("%7s  %s\n", "...", by_number ? "in their own order" : "the most active first");
}

static void say_layer(const explain_view *view, int layer, const yolo_features *f) {
  char text[EXPLAIN_LAYER_MAX];
  cli_say("%s: mean %.4g, from %.4g to %.4g, %.1f%% zeros, %d of %s dead\n", explain_layer_text(&view->model.spec, layer, text),
          f->mean, (double)f->smallest, (double)f->largest, 100 * f->zeros, f->dead, cli_plural((unsigned)f->count, "channel"));
}

/* ---- the sheet ---- */

/* Cells as large as the maps' cells make them, about 130 pixels; larger maps are made smaller. */
static yolo_sheet_options cells_of(const yolo_tensor *value) {
  const int w = value->shape.w, h = value->shape.h, side = w > h ? w : h;
  const int block = (WANTED + side / 2) / side > 1 ? (WANTED + side / 2) / side : 1;
  yolo_sheet_options options = {.cell_width = w * block, .cell_height = h * block};
  if (side * block > MOST_CELL) {
    options.cell_width = w * MOST_CELL / side > 0 ? w * MOST_CELL / side : 1;
    options.cell_height = h * MOST_CELL / side > 0 ? h * MOST_CELL / side : 1;
  }
  if (options.cell_width < LEAST_WIDTH) options.cell_width = LEAST_WIDTH; /* captions need room */
  return options;
}

static yolo_status put_channel(yolo_sheet *sheet, int at, const yolo_tensor *value, const yolo_feature *c,
                               const yolo_sheet_options *cells, const yolo_heat_scale *scale) {
  char name[32], range[48];
  yolo_image map = {0}, fitted = {0};
  const float *first = yolo_nth_pixel(value, 0) + c->channel;
  const float low = fmaxf(c->smallest, (float)(c->mean - SPAN * c->deviation));
  const float high = fminf(c->largest, (float)(c->mean + SPAN * c->deviation));
  yolo_status st = yolo_heat_picture(first, value->stride, value->shape.h, value->shape.w, low, high, cells->cell_width,
                                     cells->cell_height, scale, &map);
  snprintf(name, sizeof name, "channel %d", c->channel);
  snprintf(range, sizeof range, c->dead ? "dead: %.3g" : "%.3g .. %.3g", (double)c->smallest, (double)c->largest);
  if (st == YOLO_OK && (map.width > cells->cell_width || map.height > cells->cell_height))
    st = yolo_sheet_fit(sheet, &map, &fitted);
  if (st == YOLO_OK) st = yolo_sheet_put(sheet, at, fitted.pixels ? &fitted : &map, name, range);
  yolo_image_release(&map);
  yolo_image_release(&fitted);
  return st;
}

/* The picture, stretched as the network sees it unless that letterboxes. */
static yolo_status put_picture(yolo_sheet *sheet, const explain_view *view, const yolo_sheet_options *cells) {
  yolo_image small = {0};
  const bool boxed = view->model.spec.preprocess.fit == YOLO_FIT_LETTERBOX;
  yolo_status st = boxed ? yolo_sheet_fit(sheet, &view->image, &small)
                         : yolo_picture_resize(&view->image, cells->cell_width, cells->cell_height, &small);
  if (st == YOLO_OK) st = yolo_sheet_put(sheet, 0, &small, "the picture", boxed ? "letterboxed" : NULL);
  yolo_image_release(&small);
  return st;
}

static yolo_status draw(const explain_view *view, int layer, const yolo_tensor *value, const yolo_features *f, int shown,
                        yolo_image *out) {
  char text[EXPLAIN_LAYER_MAX], title[EXPLAIN_LAYER_MAX + 64];
  yolo_sheet_options options = cells_of(value);
  yolo_heat_scale scale;
  yolo_sheet *sheet = NULL;
  yolo_status st = YOLO_OK;
  snprintf(title, sizeof title, "%s: %d of %s", explain_layer_text(&view->model.spec, layer, text), shown,
           cli_plural((unsigned)f->count, "channel"));
  options.title = title;
  yolo_heat_scale_make(&scale);
  YOLO_TRY(yolo_sheet_new(shown + 1, &options, &sheet));
  YOLO_TRY(put_picture(sheet, view, &options));
  for (int i = 0; i < shown; i++) YOLO_TRY(put_channel(sheet, i + 1, value, &f->items[i], &options, &scale));
  YOLO_TRY(yolo_sheet_finish(sheet, NULL, 0, out));
done:
  yolo_sheet_free(sheet);
  return st;
}

yolo_status explain_features(const explain_job *job) {
  explain_view view = {0};
  yolo_features features = {0};
  yolo_image sheet = {0};
  yolo_text path = {0};
  int layer, node;
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_view_open(job, &view));
  YOLO_TRY(yolo_explain_layer_find(&view.model.spec, job->args->features, &layer));
  YOLO_TRY(yolo_explain_layer_node(&view.model.spec, layer, &node));
  YOLO_TRY(explain_out_path(job, "features", &path));
  YOLO_TRY(explain_view_run(job, &view, &node, 1));
  const yolo_tensor value = yolo_explain_value(&view.pass, node);
  YOLO_TRY(yolo_features_of(&value, &features));
  if (job->args->in_order) yolo_features_by_number(&features);
  const int shown = job->args->channels < features.count ? job->args->channels : features.count;
  YOLO_TRY(draw(&view, layer, &value, &features, shown, &sheet));
  YOLO_TRY(yolo_image_save(&sheet, path.data));
  if (!job->args->quiet) cli_say("%s", about);
  say_layer(&view, layer, &features);
  say_table(&features, shown, job->args->in_order);
  cli_say("written: %s\n", path.data);
done:
  yolo_text_free(&path);
  yolo_image_release(&sheet);
  yolo_features_release(&features);
  explain_view_release(&view);
  return st;
}
