/* Measuring a training: whole steps (forward, loss, backward, update) over one batch that chance has drawn, through the session
 * that `yolo train` uses, without reading images. The optimiser is plain: SGD with momentum and weight decay, a constant rate,
 * neither clipping nor an average of the weights - what other frameworks are measured with (scripts/bench_train.py).
 *
 * The bytes of the pictures are those of the generator (rng.h), key 1, stream 0, in order: block by block, word by word, low
 * byte first; image n draws its objects from stream n + 1. So another program can make the same batch. */
#include <math.h>
#include <stdio.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "cli/bench_train.h"
#include "cli/layers.h"
#include "cli/peak.h"
#include "train/transfer.h"

enum { TRAIN_MOST_STEPS = 100000, TRAIN_LEAST_STEPS = 3, TRAIN_LAYER_STEPS = 7 };

typedef struct bench_train {
  yolo_session session;
  yolo_train_settings settings;
  yolo_batch batch;
} bench_train;

/* ---- the batch ---- */

static void fill_pixels(uint8_t *to, size_t count, size_t first) {
  uint32_t words[4];
  for (size_t i = 0; i < count; ++i) {
    size_t at = first + i;
    if (i == 0 || at % 16 == 0) yolo_rng_block(1, 0, at / 16, words);
    to[i] = (uint8_t)(words[at % 16 / 4] >> (at % 4 * 8));
  }
}

/* Between a twentieth and a half of the picture wide and high, wholly inside. */
static yolo_object draw_object(yolo_rng *rng, int width, int height, int classes) {
  float w = (0.05f + 0.45f * yolo_rng_uniform(rng)) * (float)width, h = (0.05f + 0.45f * yolo_rng_uniform(rng)) * (float)height;
  float x = ((float)width - w) * yolo_rng_uniform(rng), y = ((float)height - h) * yolo_rng_uniform(rng);
  int c = (int)(yolo_rng_uniform(rng) * (float)classes);
  return (yolo_object){.x1 = x, .y1 = y, .x2 = x + w, .y2 = y + h, .class_index = c, .weight = 1, .visible = 1};
}

static yolo_status draw_sample(const bench_train *b, int index, yolo_sample *out) {
  const yolo_model_spec *spec = b->session.spec;
  size_t bytes = (size_t)spec->width * (size_t)spec->height * 3;
  yolo_rng rng = {.key = 1, .stream = (uint64_t)index + 1};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_image_new(spec->width, spec->height, &out->image));
  fill_pixels(out->image.pixels, bytes, bytes * (size_t)index);
  YOLO_ENOMEM_IF_NULL(out->objects = yolo_calloc(BENCH_TRAIN_OBJECTS, sizeof *out->objects));
  out->n_objects = out->objects_room = BENCH_TRAIN_OBJECTS;
  for (int i = 0; i < BENCH_TRAIN_OBJECTS; ++i) {
    out->objects[i] = draw_object(&rng, spec->width, spec->height, spec->classes);
  }
  out->label = (int)(yolo_rng_uniform(&rng) * (float)spec->classes);
  out->label2 = -1;
  out->label_share = 1;
done:
  return st;
}

static yolo_status draw_batch(bench_train *b, int count) {
  yolo_status st = YOLO_OK;
  b->batch = (yolo_batch){.width = b->session.spec->width, .height = b->session.spec->height};
  YOLO_ENOMEM_IF_NULL(b->batch.samples = yolo_calloc((size_t)count, sizeof *b->batch.samples));
  b->batch.count = count;
  for (int i = 0; i < count; ++i) YOLO_TRY(draw_sample(b, i, &b->batch.samples[i]));
done:
  return st;
}

/* ---- the session ---- */

static yolo_status make_session(bench_train *b, const model_choice *choice, const yolo_model_spec *spec, int threads) {
  yolo_transfer_report report = {0};
  yolo_train_settings *t = &b->settings;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_settings_defaults(&yolo_train_section, t));
  t->threads = threads;
  t->nesterov = false;
  t->clip = t->ema = t->warmup = 0;
  t->schedule = YOLO_SCHEDULE_CONSTANT;
  t->lr = BENCH_TRAIN_LR;
  t->momentum = BENCH_TRAIN_MOMENTUM;
  t->decay = BENCH_TRAIN_DECAY;
  YOLO_TRY(yolo_session_new(spec, t, 1, &b->session));
  if (choice->path) {
    yolo_transfer_options options = {.path = choice->path, .cfg = choice->options.cfg};
    YOLO_TRY(yolo_transfer(b->session.trainer, spec, &options, &report));
  }
done:
  yolo_transfer_report_release(&report);
  return st;
}

/* ---- steps ---- */

static yolo_status note_gradients(const bench_train *b, bench_train_result *out) {
  const yolo_graph *graph = yolo_trainer_graph(b->session.trainer);
  out->n_params = graph->n_params;
  out->gradients = yolo_calloc((size_t)graph->n_params + 1, sizeof *out->gradients);
  if (!out->gradients) return YOLO_ENOMEM;
  for (int i = 0; i < graph->n_params; ++i) {
    yolo_trainer_param p = yolo_trainer_param_at(b->session.trainer, i);
    double sum = 0;
    for (size_t k = 0; p.grad && k < p.count; ++k) sum += (double)p.grad[k] * p.grad[k];
    out->gradients[i] = sqrt(sum);
  }
  return YOLO_OK;
}

/* `ms`: the whole step; `update_ms` its last part. */
static yolo_status step(bench_train *b, double *ms, double *update_ms, double *loss, bench_train_result *first) {
  yolo_loss_report report;
  yolo_step_report update;
  double start = yolo_now_ms();
  yolo_status st = yolo_session_part(&b->session, &b->batch, b->batch.count, &report);
  double middle = yolo_now_ms();
  if (st != YOLO_OK) return st;
  *loss = report.total;
  if (first) {
    st = note_gradients(b, first);
    if (st != YOLO_OK) return st;
  }
  double again = yolo_now_ms();
  st = yolo_session_update(&b->session, &update);
  *update_ms = yolo_now_ms() - again;
  *ms = middle - start + *update_ms;
  return st;
}

static yolo_status warm_up(bench_train *b, int count, bench_train_result *out) {
  double ms, update, loss = 0;
  yolo_status st = YOLO_OK;
  if (count < BENCH_TRAIN_LOSSES) count = BENCH_TRAIN_LOSSES;
  for (int i = 0; i < count && st == YOLO_OK && !cli_stop_signal(); ++i) {
    st = step(b, &ms, &update, &loss, i == 0 ? out : NULL);
    if (i < BENCH_TRAIN_LOSSES) out->losses[i] = loss;
  }
  return st;
}

static yolo_status measure_steps(bench_train *b, const bench_args *args, bench_train_result *out) {
  int limit = args->iterations > 0 && args->iterations < TRAIN_MOST_STEPS ? args->iterations : TRAIN_MOST_STEPS, n = 0;
  double *times = yolo_alloc_array((size_t)limit, sizeof *times), *updates = yolo_alloc_array((size_t)limit, sizeof *updates);
  double loss, end = yolo_now_ms() + args->seconds * 1e3;
  yolo_status st = YOLO_OK;
  if (!times || !updates) st = YOLO_ENOMEM;
  while (st == YOLO_OK && n < limit && (args->iterations > 0 || n < TRAIN_LEAST_STEPS || yolo_now_ms() < end)) {
    if (n > 0 && cli_stop_signal()) break;
    st = step(b, &times[n], &updates[n], &loss, NULL);
    ++n;
  }
  if (st == YOLO_OK) {
    out->step = bench_summarise(times, n);
    out->update_ms = bench_summarise(updates, n).median;
  }
  yolo_free(times);
  yolo_free(updates);
  return st;
}

/* ---- layers ---- */

static void describe_layers(const yolo_model_spec *spec, int batch, bench_train_result *out) {
  char detail[LAYER_DETAIL_MAX];
  for (int i = 0; i < out->n_layers; ++i) {
    bench_train_layer *l = &out->layers[i];
    l->gflop = layer_describe(spec->graph, i, detail).flops * 1e-9 * batch;
    /* Weights and data want as much again each; nobody asks for the gradient of the pictures. */
    bool first =
        spec->graph->nodes[spec->graph->layers[i].first].in && spec->graph->nodes[spec->graph->layers[i].first].in[0] == 0;
    l->backward_gflop = first ? l->gflop : 2 * l->gflop;
    out->gflop += l->gflop + l->backward_gflop;
  }
}

/* By the layer they came from: forward, then backward of all layers. */
static void add_by_layer(const yolo_graph *graph, const double *seconds, double *ms, int n_layers) {
  for (int i = 0; i < 2 * n_layers; ++i) ms[i] = 0;
  for (int i = 0; i < 2 * graph->n_nodes; ++i) {
    int layer = graph->nodes[i % graph->n_nodes].layer;
    if (layer >= 0 && layer < n_layers) ms[(i < graph->n_nodes ? 0 : n_layers) + layer] += seconds[i] * 1e3;
  }
}

static double median_of_column(const double *rows, int width, int column) {
  double values[TRAIN_LAYER_STEPS];
  for (int i = 0; i < TRAIN_LAYER_STEPS; ++i) values[i] = rows[(size_t)i * (size_t)width + (size_t)column];
  return bench_summarise(values, TRAIN_LAYER_STEPS).median;
}

/* The last column is what is left of the step: pixels and losses. */
static yolo_status measure_layers(bench_train *b, bench_train_result *out) {
  const yolo_graph *graph = yolo_trainer_graph(b->session.trainer);
  int layers = 2 * out->n_layers, width = layers + 1;
  double ms = 0, update = 0, loss, *nodes = yolo_calloc((size_t)graph->n_nodes * 2, sizeof *nodes);
  double *rows = yolo_calloc((size_t)width * TRAIN_LAYER_STEPS, sizeof *rows);
  yolo_status st = nodes && rows ? YOLO_OK : YOLO_ENOMEM;
  yolo_trainer_time_nodes(b->session.trainer, nodes);
  for (int i = 0; i < TRAIN_LAYER_STEPS && st == YOLO_OK; ++i) {
    double *row = rows + (size_t)i * (size_t)width;
    st = step(b, &ms, &update, &loss, NULL);
    add_by_layer(graph, nodes, row, out->n_layers);
    row[layers] = ms - update;
    for (int k = 0; k < layers; ++k) row[layers] -= row[k];
  }
  yolo_trainer_time_nodes(b->session.trainer, NULL);
  for (int k = 0; k < out->n_layers && st == YOLO_OK; ++k) {
    out->layers[k].ms = median_of_column(rows, width, k);
    out->layers[k].backward_ms = median_of_column(rows, width, out->n_layers + k);
  }
  if (st == YOLO_OK) out->rest_ms = median_of_column(rows, width, layers);
  yolo_free(nodes);
  yolo_free(rows);
  return st;
}

/* ---- all of it ---- */

/* Of this program alone: what getrusage says begins at what the parent held. */
static double peak_rss_mb(void) {
  char line[128];
  double kb = 0;
  FILE *stream = fopen("/proc/self/status", "r");
  while (stream && fgets(line, sizeof line, stream)) {
    if (sscanf(line, "VmHWM: %lf", &kb) == 1) break;
  }
  if (stream) fclose(stream);
  return kb / 1024;
}

yolo_status bench_train_measure(const bench_args *args, const model_choice *choice, const yolo_model_spec *spec,
                                bench_train_result *out) {
  bench_train b = {0};
  yolo_status st = YOLO_OK;
  out->n_layers = spec->graph->n_layers;
  YOLO_ENOMEM_IF_NULL(out->layers = yolo_calloc((size_t)out->n_layers, sizeof *out->layers));
  describe_layers(spec, args->batch, out);
  YOLO_TRY(make_session(&b, choice, spec, args->model.threads));
  YOLO_TRY(draw_batch(&b, args->batch));
  YOLO_TRY(warm_up(&b, args->warmup, out));
  YOLO_TRY(measure_steps(&b, args, out));
  out->peak_rss_mb = peak_rss_mb();
  if (args->layers) YOLO_TRY(measure_layers(&b, out));
  out->peak = yolo_peak_gflops(args->model.threads);
done:
  for (int i = 0; i < b.batch.count; ++i) yolo_sample_free(&b.batch.samples[i]);
  yolo_free(b.batch.samples);
  yolo_session_release(&b.session);
  yolo_settings_release(&yolo_train_section, &b.settings);
  return st;
}

void bench_train_result_release(bench_train_result *result) {
  yolo_free(result->layers);
  yolo_free(result->gradients);
}
