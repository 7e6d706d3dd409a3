/* What a measurement of training says: to people, and to machines. */
#include <stdio.h>

#include "backbone/base/threads.h"
#include "cli/bench_train.h"
#include "cli/layers.h"
#include "cli/outfile.h"

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }
static double rate(const bench_args *args, double ms) { return ms > 0 ? args->batch / ms * 1e3 : 0; }

typedef struct sums {
  double forward, backward;
} sums;

static sums add_up(const bench_train_result *r) {
  sums s = {0};
  for (int i = 0; i < r->n_layers; ++i) {
    s.forward += r->layers[i].ms;
    s.backward += r->layers[i].backward_ms;
  }
  return s;
}

static void say_speed(double gflop, double ms) {
  if (gflop > 0)
    cli_say(" %8.1f", bench_gflops(gflop, ms));
  else
    cli_say(" %8s", "");
}

static void report_layers(const yolo_graph *graph, const bench_train_result *r) {
  sums s = add_up(r);
  cli_say("\n%5s  %-15s %-17s  %-14s %8s %8s %8s %8s %6s\n", "layer", "type", "size/stride", "output", "forward", "GFLOP/s",
          "backward", "GFLOP/s", "share");
  for (int i = 0; i < r->n_layers; ++i) {
    char detail[LAYER_DETAIL_MAX], shape[40];
    const bench_train_layer *l = &r->layers[i];
    layer_facts facts = layer_describe(graph, i, detail);
    snprintf(shape, sizeof shape, "%dx%dx%d", facts.out.w, facts.out.h, facts.out.c);
    cli_say("%5d  %-15s %-17s  %-14s %8.2f", i, graph->layers[i].section, detail, shape, l->ms);
    say_speed(l->gflop, l->ms);
    cli_say(" %8.2f", l->backward_ms);
    say_speed(l->backward_gflop, l->backward_ms);
    cli_say(" %5.1f%%\n", percent(l->ms + l->backward_ms, r->step.median));
  }
  cli_say("%5s  %-15s %-17s  %-14s %8.2f %8s %8.2f %8s %5.1f%%\n", "", "all layers", "", "", s.forward, "", s.backward, "",
          percent(s.forward + s.backward, r->step.median));
  cli_say("       pixels and losses %.2f ms (%.1f%%), update %.2f ms (%.1f%%)\n", r->rest_ms,
          percent(r->rest_ms, r->step.median), r->update_ms, percent(r->update_ms, r->step.median));
}

void bench_train_report(const bench_args *args, const yolo_model_spec *spec, const char *shown, const bench_train_result *r) {
  const bench_times *t = &r->step;
  double speed = bench_gflops(r->gflop, t->median);
  cli_say("%s at %dx%d, training with batch %d\n", shown, spec->width, spec->height, args->batch);
  if (args->layers) report_layers(spec->graph, r);
  cli_say("\nstep       min %.3f  median %.3f  p90 %.3f  p99 %.3f ms  (%d steps; update %.3f)\n", t->min, t->median, t->p90,
          t->p99, t->iterations, r->update_ms);
  cli_say("rate       %.1f images/s\n", rate(args, t->median));
  cli_say("arithmetic %.3f GFLOP an image, %.1f GFLOP/s\n", r->gflop / args->batch, speed);
  cli_say("peak       %.1f GFLOP/s measured here: a step reaches %.1f%% of it\n", r->peak, percent(speed, r->peak));
  cli_say("memory     %.0f MB at most\n", r->peak_rss_mb);
}

static yolo_status add_layers(yolo_text *t, const yolo_graph *graph, const bench_train_result *r) {
  yolo_status st = yolo_text_format(t, ",\n \"layers\":[");
  for (int i = 0; st == YOLO_OK && i < r->n_layers; ++i) {
    char detail[LAYER_DETAIL_MAX];
    layer_facts facts = layer_describe(graph, i, detail);
    const bench_train_layer *l = &r->layers[i];
    YOLO_TRY(yolo_text_format(t, "%s\n  {\"layer\":%d,\"type\":", i ? "," : "", i));
    YOLO_TRY(yolo_text_json_string(t, graph->layers[i].section));
    YOLO_TRY(yolo_text_format(t, ",\"size\":"));
    YOLO_TRY(yolo_text_json_string(t, detail));
    YOLO_TRY(yolo_text_format(t, ",\"output\":[%d,%d,%d],\"forward_ms\":%.6g,\"backward_ms\":%.6g,", facts.out.w, facts.out.h,
                              facts.out.c, l->ms, l->backward_ms));
    YOLO_TRY(yolo_text_format(t, "\"gflop\":%.6g,\"backward_gflop\":%.6g}", l->gflop, l->backward_gflop));
  }
  YOLO_TRY(yolo_text_format(t, "]"));
done:
  return st;
}

/* What the first steps came to, for whoever compares them with another program's. */
static yolo_status add_results(yolo_text *t, const yolo_graph *graph, const bench_train_result *r) {
  yolo_status st = yolo_text_format(t, ",\n \"losses\":[");
  for (int i = 0; st == YOLO_OK && i < BENCH_TRAIN_LOSSES; ++i) st = yolo_text_format(t, "%s%.9g", i ? "," : "", r->losses[i]);
  if (st == YOLO_OK) st = yolo_text_format(t, "],\n \"gradients\":{");
  for (int i = 0, written = 0; st == YOLO_OK && i < r->n_params; ++i) {
    if (graph->params[i].spec.buffer) continue;
    YOLO_TRY(yolo_text_format(t, "%s\n  ", written++ ? "," : ""));
    YOLO_TRY(yolo_text_json_string(t, graph->params[i].name));
    YOLO_TRY(yolo_text_format(t, ":%.9g", r->gradients[i]));
  }
  if (st == YOLO_OK) st = yolo_text_format(t, "}");
done:
  return st;
}

yolo_status bench_train_write_json(const bench_args *args, const yolo_model_spec *spec, const char *shown,
                                   const bench_train_result *r) {
  const bench_times *b = &r->step;
  int threads = args->model.threads ? args->model.threads : yolo_threads_available();
  outfile file = {0};
  yolo_text *t = &file.text;
  yolo_status st = YOLO_OK;
  YOLO_TRY(outfile_open(args->json, &file));
  YOLO_TRY(yolo_text_format(t, "{\"model\":"));
  YOLO_TRY(yolo_text_json_string(t, shown));
  YOLO_TRY(yolo_text_format(t, ",\"training\":true,\"width\":%d,\"height\":%d,\"batch\":%d,\"threads\":%d,\"iterations\":%d,\n",
                            spec->width, spec->height, args->batch, threads, b->iterations));
  YOLO_TRY(yolo_text_format(t, " \"step_ms\":{\"min\":%.6g,\"median\":%.6g,\"mean\":%.6g,\"p90\":%.6g,\"p99\":%.6g},\n", b->min,
                            b->median, b->mean, b->p90, b->p99));
  YOLO_TRY(yolo_text_format(t, " \"update_ms\":%.6g,\"images_per_second\":%.6g,\"peak_rss_mb\":%.6g,\n", r->update_ms,
                            rate(args, b->median), r->peak_rss_mb));
  YOLO_TRY(yolo_text_format(t, " \"gflop_per_image\":%.6g,\"gflops\":%.6g,\"peak_gflops\":%.6g", r->gflop / args->batch,
                            bench_gflops(r->gflop, b->median), r->peak));
  YOLO_TRY(add_results(t, spec->graph, r));
  if (args->layers) YOLO_TRY(add_layers(t, spec->graph, r));
  YOLO_TRY(yolo_text_format(t, "}\n"));
  YOLO_TRY(outfile_commit(&file));
done:
  outfile_close(&file);
  return st;
}
