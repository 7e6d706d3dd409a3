/* yolo explain --cam: where a layer sees what speaks for a detection (or for a class of a classifier), as heat over the
 * picture: Grad-CAM and Eigen-CAM. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/explain_view.h"
#include "detect/draw.h"
#include "detect/heatmap.h"
#include "detect/sheet.h"
#include "train/explain/cam.h"
#include "train/explain/target.h"

static const char about[] =
    "Grad-CAM (Selvaraju et al. 2017, section 3, eq. 1 and 2): with A_k the maps of a layer, Z their pixels, and y the score,\n"
    "    a_k = 1/Z sum_ij dy/dA_k(i,j)        L(i,j) = max(0, sum_k a_k A_k(i,j))\n"
    "  a_k says how much more of channel k would raise the score. It is one number for the whole map, so other objects of the\n"
    "  same kind become hot as well.\n"
    "Eigen-CAM (Muhammad & Yeasin 2020, section III): L = A v, with v the first right singular vector of the maps as a matrix "
    "A\n"
    "  (pixels x channels). It knows no class and no detection: it shows what the layer as a whole looks at.\n\n";

typedef struct cam_job {
  explain_view view;
  yolo_explain_found found; /* detectors */
  yolo_explain_target target;
  yolo_detection shown; /* its box in the picture; x2 = x1: there is none */
  int layer, node;
  yolo_cam gradient, eigen;
  double *alpha; /* owned; a weight a channel */
} cam_job;

static const yolo_model_spec *spec_of(const cam_job *c) { return &c->view.model.spec; }

/* ---- which layers ---- */

/* The layer that was named, else one for each head: which of them is wanted is known after the pass. */
static yolo_status choose_layers(const explain_job *job, const cam_job *c, int *layers, int *nodes, int *n) {
  const yolo_model_spec *spec = spec_of(c);
  yolo_status st = YOLO_OK;
  *n = 0;
  if (spec->n_heads == 0 || spec->n_heads > YOLO_EXPLAIN_MOST_HEADS)
    return yolo_fail(YOLO_EINVAL, "%s: the network has no head, so there is nothing to explain", spec->cfg->file);
  for (int h = 0; h < spec->n_heads; h++) {
    if (job->args->layer && h > 0) break;
    YOLO_TRY(job->args->layer ? yolo_explain_layer_find(spec, job->args->layer, &layers[h])
                              : yolo_cam_default_layer(spec, h, &layers[h]));
    YOLO_TRY(yolo_explain_layer_node(spec, layers[h], &nodes[h]));
    *n = h + 1;
  }
done:
  return st;
}

static yolo_status check_way(const cam_job *c) {
  bool depends = false;
  yolo_status st = yolo_explain_depends(spec_of(c)->graph, c->target.node, c->node, &depends);
  if (st != YOLO_OK || depends) return st;
  return yolo_fail(YOLO_EINVAL, "layer %d has no part in it: the head in layer %d does not read it", c->layer,
                   spec_of(c)->graph->nodes[c->target.node].layer);
}

/* ---- what is explained ---- */

static yolo_status find_class(const yolo_model_spec *spec, const char *word, int *out) {
  for (*out = 0; *out < spec->n_names; ++*out)
    if (strcmp(spec->names[*out], word) == 0) return YOLO_OK;
  if (yolo_parse_int(word, out)) {
    if (*out >= 0 && *out < spec->classes) return YOLO_OK;
    return yolo_fail(YOLO_EINVAL, "--class: there is no class %s; the model's %d are numbered from 0", word, spec->classes);
  }
  const char *closest = yolo_closest(word, (const char *const *)spec->names, spec->n_names);
  if (closest) return yolo_fail(YOLO_EINVAL, "--class: the model has no class '%s'. Did you mean '%s'?", word, closest);
  return yolo_fail(YOLO_EINVAL, "--class: the model has no class '%s'; it has %d", word, spec->classes);
}

/* --detection counts among those of --class, where one was named; -1: there are not so many. */
static int choose_detection(const yolo_explain_found *found, int class_id, int wanted) {
  for (int i = 0; i < found->boxes.count; i++) {
    if (class_id >= 0 && found->boxes.items[i].class_id != class_id) continue;
    if (wanted-- == 0) return i;
  }
  return -1;
}

static yolo_status choose_target(const explain_job *job, cam_job *c) {
  const explain_args *args = job->args;
  const yolo_image *image = &c->view.image;
  int class_id = -1;
  yolo_status st = YOLO_OK;
  if (args->class_name) YOLO_TRY(find_class(spec_of(c), args->class_name, &class_id));
  if (model_is_classifier(spec_of(c))) return yolo_explain_class(&c->view.pass, class_id, &c->target);
  const float confidence = (float)args->confidence;
  YOLO_TRY(yolo_explain_detect(&c->view.pass, confidence, image->width, image->height, &c->found));
  const int at = choose_detection(&c->found, class_id, args->detection);
  if (at < 0 && args->detection > 0)
    return yolo_fail(YOLO_EINVAL, "%s: there is no detection %d%s%s above a confidence of %g; they count from 0", job->word,
                     args->detection, args->class_name ? " of " : "", args->class_name ? args->class_name : "",
                     args->confidence);
  if (at < 0)
    return yolo_fail(YOLO_EINVAL, "%s: nothing%s%s was detected above a confidence of %g; try a lower --conf", job->word,
                     args->class_name ? " of " : "", args->class_name ? args->class_name : "", args->confidence);
  YOLO_TRY(yolo_explain_locate(&c->view.pass, &c->found, at, &c->target));
  yolo_explain_map_box(&c->view.pass, &c->target.box, image->width, image->height, &c->shown);
done:
  return st;
}

static yolo_status compute(const explain_job *job, cam_job *c) {
  int layers[YOLO_EXPLAIN_MOST_HEADS], nodes[YOLO_EXPLAIN_MOST_HEADS], n;
  yolo_status st = YOLO_OK;
  YOLO_TRY(choose_layers(job, c, layers, nodes, &n));
  YOLO_TRY(explain_view_run(job, &c->view, nodes, n));
  YOLO_TRY(choose_target(job, c));
  c->layer = layers[n > 1 ? c->target.head : 0];
  c->node = nodes[n > 1 ? c->target.head : 0];
  YOLO_TRY(check_way(c));
  YOLO_TRY(yolo_explain_backward(&c->view.pass, &c->target));
  const yolo_tensor value = yolo_explain_value(&c->view.pass, c->node);
  const yolo_tensor gradient = yolo_explain_gradient(&c->view.pass, c->node);
  YOLO_ENOMEM_IF_NULL(c->alpha = yolo_alloc_array((size_t)value.shape.c, sizeof *c->alpha));
  YOLO_TRY(yolo_cam_gradient(&value, &gradient, c->alpha, &c->gradient));
  YOLO_TRY(yolo_cam_eigen(&value, &c->eigen));
done:
  return st;
}

/* ---- the words ---- */

static void say_detections(const cam_job *c) {
  char name[CLI_NAME_MAX];
  for (int i = 0; i < c->found.boxes.count && i < 20; i++) {
    const yolo_box *box = &c->found.boxes.items[i];
    yolo_detection d;
    yolo_explain_map_box(&c->view.pass, box, c->view.image.width, c->view.image.height, &d);
    cli_say("%s %3d  %-16s %.2f  (%.0f, %.0f) to (%.0f, %.0f)\n", box->index == c->target.box.index ? "->" : "  ", i,
            explain_class_text(spec_of(c), box->class_id, name), (double)box->confidence, (double)d.x1, (double)d.y1,
            (double)d.x2, (double)d.y2);
  }
  if (c->found.boxes.count > 20) cli_say("   ... %d more\n", c->found.boxes.count - 20);
}

/* How much of the heat lies within the box, by the cells of the map that it covers. */
static double inside_box(const cam_job *c, const yolo_cam *cam) {
  const double cell_w = (double)spec_of(c)->width / cam->width, cell_h = (double)spec_of(c)->height / cam->height;
  const yolo_box *b = &c->target.box;
  double inside = 0, all = 0;
  for (int y = 0; y < cam->height; y++)
    for (int x = 0; x < cam->width; x++) {
      const double w = fmin((x + 1) * cell_w, b->x2) - fmax(x * cell_w, b->x1);
      const double h = fmin((y + 1) * cell_h, b->y2) - fmax(y * cell_h, b->y1);
      const double heat = cam->map[y * cam->width + x];
      inside += heat * fmax(w, 0) * fmax(h, 0) / (cell_w * cell_h);
      all += heat;
    }
  return all > 0 ? inside / all : 0;
}

static void say_inside(const cam_job *c, const yolo_cam *cam) {
  if (c->target.cell_x >= 0) cli_say("; %.0f%% of the heat lies within the box", 100 * inside_box(c, cam));
  cli_say("\n");
}

/* The channels with the largest weights, for --features. */
static void say_channels(const cam_job *c) {
  const int channels = spec_of(c)->graph->nodes[c->node].shape.c;
  for (int round = 0; round < 3 && round < channels; round++) {
    int best = 0;
    for (int k = 1; k < channels; k++)
      if (c->alpha[k] > c->alpha[best]) best = k;
    if (!(c->alpha[best] > 0)) break;
    cli_say("%s %d (%.3g)", round ? "," : "; most by channel", best, c->alpha[best]);
    c->alpha[best] = 0;
  }
}

static void say_score(const cam_job *c) {
  const yolo_explain_target *t = &c->target;
  char name[CLI_NAME_MAX];
  cli_say("%s %.2f: %s = %.3f", explain_class_text(spec_of(c), t->class_id, name), (double)t->confidence,
          yolo_explain_score_text(&c->view.pass, t), t->score);
  if (t->cell_x >= 0)
    cli_say(" (cell %d, %d, anchor %d, of the head in layer %d)", t->cell_x, t->cell_y, t->row,
            spec_of(c)->graph->nodes[t->node].layer);
  cli_say("\n");
}

static void say_maps(const cam_job *c) {
  char text[EXPLAIN_LAYER_MAX];
  cli_say("Maps of %s\n", explain_layer_text(spec_of(c), c->layer, text));
  cli_say("  Grad-CAM:  ");
  if (c->gradient.largest > 0) {
    cli_say("heat up to %.3g", (double)c->gradient.largest);
    say_channels(c);
    say_inside(c, &c->gradient);
  } else {
    cli_say("no heat: summed over its channels nothing in this layer speaks for the score\n");
  }
  cli_say("  Eigen-CAM: heat up to %.3g; the first component holds %.0f%% of the layer's sum of squares",
          (double)c->eigen.largest, 100 * c->eigen.share);
  say_inside(c, &c->eigen);
}

/* ---- the picture ---- */

enum { LEAST_SIDE = 320, MOST_SIDE = 560 };
static const uint8_t white[3] = {255, 255, 255};

static yolo_status draw_box(const cam_job *c, yolo_image *picture) {
  const float across = (float)picture->width / (float)c->view.image.width;
  const float down = (float)picture->height / (float)c->view.image.height;
  char name[CLI_NAME_MAX], label[CLI_NAME_MAX + 16];
  if (!(c->shown.x2 > c->shown.x1)) return YOLO_OK;
  snprintf(label, sizeof label, "%s %.2f", explain_class_text(spec_of(c), c->target.class_id, name),
           (double)c->target.confidence);
  const yolo_drawn_box box = {.x1 = c->shown.x1 * across,
                              .y1 = c->shown.y1 * down,
                              .x2 = c->shown.x2 * across,
                              .y2 = c->shown.y2 * down,
                              .text = label,
                              .rgb = white,
                              .thickness = 2};
  return yolo_draw_boxes(picture, &box, 1, 13, false);
}

static yolo_status draw_heat(const cam_job *c, const yolo_cam *cam, const yolo_heat_scale *scale, yolo_image *picture) {
  yolo_heat heat = {.values = cam->map,
                    .height = cam->height,
                    .width = cam->width,
                    .high = cam->largest,
                    .input_width = spec_of(c)->width,
                    .input_height = spec_of(c)->height,
                    .place = c->view.pass.place};
  char high[32];
  heat.place.scale_x *= (float)c->view.image.width / (float)picture->width;
  heat.place.scale_y *= (float)c->view.image.height / (float)picture->height;
  snprintf(high, sizeof high, "%.3g", (double)cam->largest);
  yolo_status st = yolo_heat_draw(picture, &heat, scale);
  return st == YOLO_OK ? yolo_heat_bar(picture, "0", high, scale) : st;
}

/* cam NULL: the picture alone. */
static yolo_status put(const cam_job *c, yolo_sheet *sheet, int at, const yolo_image *picture, const yolo_cam *cam,
                       const yolo_heat_scale *scale, const char *caption, const char *note) {
  yolo_image copy = {0};
  yolo_status st = yolo_picture_resize(picture, picture->width, picture->height, &copy);
  if (st == YOLO_OK && cam) st = draw_heat(c, cam, scale, &copy);
  if (st == YOLO_OK) st = draw_box(c, &copy);
  if (st == YOLO_OK) st = yolo_sheet_put(sheet, at, &copy, caption, note);
  yolo_image_release(&copy);
  return st;
}

static yolo_status draw(const explain_job *job, const cam_job *c, yolo_image *out) {
  char name[CLI_NAME_MAX], layer[EXPLAIN_LAYER_MAX], title[CLI_NAME_MAX + EXPLAIN_LAYER_MAX], share[64];
  yolo_heat_scale scale;
  yolo_sheet *sheet = NULL;
  yolo_image picture = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_view_picture(&c->view, LEAST_SIDE, MOST_SIDE, &picture));
  snprintf(title, sizeof title, "%.120s %.2f, seen by %s", explain_class_text(spec_of(c), c->target.class_id, name),
           (double)c->target.confidence, explain_layer_text(spec_of(c), c->layer, layer));
  snprintf(share, sizeof share, "the strongest pattern of the layer, %.0f%% of it", 100 * c->eigen.share);
  const yolo_sheet_options options = {.columns = picture.width > 2 * picture.height ? 1 : 3,
                                      .cell_width = picture.width,
                                      .cell_height = picture.height,
                                      .title = title};
  yolo_heat_scale_make(&scale);
  YOLO_TRY(yolo_sheet_new(3, &options, &sheet));
  YOLO_TRY(put(c, sheet, 0, &picture, NULL, &scale, yolo_basename(job->word), NULL));
  YOLO_TRY(put(c, sheet, 1, &picture, &c->gradient, &scale, "Grad-CAM",
               c->gradient.largest > 0 ? "what speaks for the score" : "nothing speaks for the score"));
  YOLO_TRY(put(c, sheet, 2, &picture, &c->eigen, &scale, "Eigen-CAM", share));
  YOLO_TRY(yolo_sheet_finish(sheet, NULL, 0, out));
done:
  yolo_sheet_free(sheet);
  yolo_image_release(&picture);
  return st;
}

static void release(cam_job *c) {
  yolo_cam_release(&c->gradient);
  yolo_cam_release(&c->eigen);
  yolo_free(c->alpha);
  yolo_explain_found_release(&c->found);
  explain_view_release(&c->view);
}

yolo_status explain_cam(const explain_job *job) {
  cam_job c = {0};
  yolo_image sheet = {0};
  yolo_text path = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_view_open(job, &c.view));
  YOLO_TRY(explain_out_path(job, "cam", &path));
  YOLO_TRY(compute(job, &c));
  YOLO_TRY(draw(job, &c, &sheet));
  YOLO_TRY(yolo_image_save(&sheet, path.data));
  if (!job->args->quiet) cli_say("%s", about);
  if (!model_is_classifier(spec_of(&c))) say_detections(&c);
  say_score(&c);
  say_maps(&c);
  cli_say("written: %s\n", path.data);
done:
  yolo_text_free(&path);
  yolo_image_release(&sheet);
  release(&c);
  return st;
}
