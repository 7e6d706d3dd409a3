/* Writes what every layer of a network computes, for comparison with another implementation.
 *
 *   dump_layers [--fused | --planned] [--letterbox] [--cfg FILE.cfg] MODEL IMAGE FOLDER
 *
 * FOLDER (which must exist) gets image.ppm (the decoded picture), input.f32 (what the network read) and one
 * layer_<i>.f32 a cfg layer: raw little-endian fp32, (H, W, C), channels last, dense. index.txt says what is
 * there: "input H W C", "image W H", then "layer I SECTION H W C". Unfused, every layer of the cfg is there;
 * with --fused, those whose own output still exists after fusion; with --planned, the network runs as `yolo detect` runs
 * it, with memory used again and joins without copies, and the results that nothing overwrote are there.
 * scripts/compare_torch.py reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/graph/network.h"
#include "datasets/image.h"
#include "detect/model.h"

typedef struct dump {
  const char *folder;
  FILE *index;
  yolo_network *network;
  yolo_runner *runner;
  bool planned;
} dump;

static FILE *open_in(const char *folder, const char *name) {
  yolo_text path = {0};
  FILE *file = NULL;
  if (yolo_text_format(&path, "%s/%s", folder, name) == YOLO_OK) {
    file = fopen(path.data, "wb");
    if (!file) yolo_fail(YOLO_EIO, "cannot write %s", path.data);
  }
  yolo_text_free(&path);
  return file;
}

static yolo_status close_checked(FILE *file, const char *name) {
  int bad = ferror(file);
  if (fclose(file) != 0) bad = 1;
  return bad ? yolo_fail(YOLO_EIO, "writing %s failed", name) : YOLO_OK;
}

/* The C channels of every pixel of image 0, without what may lie between pixels. */
static yolo_status write_tensor(const char *folder, const char *name, const yolo_tensor *t) {
  FILE *file = open_in(folder, name);
  if (!file) return YOLO_EIO;
  for (int y = 0; y < t->shape.h; y++) {
    for (int x = 0; x < t->shape.w; x++) fwrite(yolo_pixel(t, 0, y, x), sizeof(float), (size_t)t->shape.c, file);
  }
  return close_checked(file, name);
}

static yolo_status write_ppm(const char *folder, const yolo_image *image) {
  FILE *file = open_in(folder, "image.ppm");
  if (!file) return YOLO_EIO;
  fprintf(file, "P6\n%d %d\n255\n", image->width, image->height);
  fwrite(image->pixels, 3, (size_t)image->width * (size_t)image->height, file);
  return close_checked(file, "image.ppm");
}

/* Whether a planned run leaves the value alone: another node that reads it may work in its place. */
static bool is_result(const yolo_graph *graph, int node) {
  for (int i = node + 1; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++)
      if (graph->nodes[i].in[k] == node) return false;
  return true;
}

static yolo_status write_layers(const dump *d) {
  const yolo_graph *graph = yolo_network_graph(d->network);
  for (int i = 0; i < graph->n_layers; i++) {
    const yolo_layer *layer = &graph->layers[i];
    if (layer->last < 0 || (d->planned && !is_result(graph, layer->last))) continue;
    yolo_tensor t;
    yolo_status st = yolo_runner_output(d->runner, layer->last, &t);
    if (st != YOLO_OK) return yolo_error_prefix(st, "layer %d: ", i);
    char name[32];
    snprintf(name, sizeof name, "layer_%d.f32", i);
    if ((st = write_tensor(d->folder, name, &t)) != YOLO_OK) return st;
    fprintf(d->index, "layer %d %s %d %d %d\n", i, layer->section, t.shape.h, t.shape.w, t.shape.c);
  }
  return YOLO_OK;
}

static yolo_status run(dump *d, const yolo_model *model, const char *image_path) {
  yolo_image image = {0};
  yolo_tensor input;
  yolo_placement placement;
  yolo_status st;
  const yolo_model_spec *spec = &model->spec;
  d->network = model->network;
  YOLO_TRY(yolo_image_load(image_path, &image));
  YOLO_TRY(write_ppm(d->folder, &image));
  YOLO_TRY(yolo_runner_new(d->network, &d->runner));
  yolo_runner_keep_all(d->runner, !d->planned);
  YOLO_TRY(yolo_runner_prepare(d->runner, 1, spec->height, spec->width, &input));
  yolo_pixels pixels = yolo_image_pixels(&image);
  YOLO_TRY(yolo_preprocess_run(&spec->preprocess, &pixels, &input, 0, &placement));
  YOLO_TRY(write_tensor(d->folder, "input.f32", &input));
  fprintf(d->index, "input %d %d %d\nimage %d %d\n", input.shape.h, input.shape.w, input.shape.c, image.width, image.height);
  YOLO_TRY(yolo_runner_run(d->runner));
  YOLO_TRY(write_layers(d));
done:
  yolo_runner_free(d->runner);
  yolo_image_release(&image);
  return st;
}

int main(int argc, char **argv) {
  yolo_model_options options = {0};
  yolo_model_spec spec = {0};
  yolo_model *model = NULL;
  dump d = {0};
  bool unfused = true;
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; i++) {
    if (strcmp(argv[i], "--fused") == 0) {
      unfused = false;
    } else if (strcmp(argv[i], "--planned") == 0) {
      unfused = false;
      d.planned = true;
    } else if (strcmp(argv[i], "--letterbox") == 0) {
      options.letterbox = "letterbox";
    } else if (strcmp(argv[i], "--cfg") == 0 && i + 1 < argc) {
      options.cfg = argv[++i];
    } else {
      break;
    }
  }
  if (argc - i != 3) {
    fprintf(stderr, "usage: dump_layers [--fused | --planned] [--letterbox] [--cfg FILE.cfg] MODEL IMAGE FOLDER\n");
    return EXIT_FAILURE;
  }
  d.folder = argv[i + 2];
  yolo_status st = YOLO_EIO;
  if (!(d.index = open_in(d.folder, "index.txt"))) goto done;
  YOLO_TRY(yolo_model_spec_load(argv[i], &options, &spec));
  YOLO_TRY(yolo_model_from_spec(&spec, argv[i], &options, unfused, &model));
  YOLO_TRY(run(&d, model, argv[i + 1]));
done:
  if (d.index && close_checked(d.index, "index.txt") != YOLO_OK && st == YOLO_OK) st = YOLO_EIO;
  yolo_model_free(model);
  if (st != YOLO_OK) fprintf(stderr, "dump_layers: %s\n", yolo_error_message());
  return st == YOLO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
