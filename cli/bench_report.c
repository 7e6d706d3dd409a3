/* What a measurement says: to people, and to machines. */
#include <stdio.h>

#include "backbone/base/threads.h"
#include "cli/bench.h"
#include "cli/layers.h"
#include "cli/outfile.h"

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

static void report_layers(const yolo_graph *graph, const bench_result *r) {
  double sum = 0;
  for (int i = 0; i < r->n_layers; ++i) sum += r->layers[i].ms;
  cli_say("\n%5s  %-15s %-17s  %-14s %9s %6s %9s %6s\n", "layer", "type", "size/stride", "output", "ms", "share", "GFLOP/s",
          "peak");
  for (int i = 0; i < r->n_layers; ++i) {
    char detail[LAYER_DETAIL_MAX], shape[40];
    const bench_layer *l = &r->layers[i];
    layer_facts facts = layer_describe(graph, i, detail);
    snprintf(shape, sizeof shape, "%dx%dx%d", facts.out.w, facts.out.h, facts.out.c);
    cli_say("%5d  %-15s %-17s  %-14s %9.3f %5.1f%%", i, graph->layers[i].section, detail, shape, l->ms, percent(l->ms, sum));
    double speed = bench_gflops(l->gflop, l->ms);
    if (l->gflop > 0) cli_say(" %9.1f %5.1f%%", speed, percent(speed, r->peak));
    cli_say("\n");
  }
  cli_say("%5s  %-15s %-17s  %-14s %9.3f\n", "", "all layers", "", "", sum);
}

void bench_report(const yolo_context *context, const bench_args *args, const char *shown, const bench_result *r) {
  const yolo_model_spec *spec = &context->model->spec;
  double speed = bench_gflops(r->gflop, r->median);
  cli_say("%s at %dx%d, batch %d, on %s\n", shown, spec->width, spec->height, args->batch, yolo_runner_device(context->runner));
  if (args->layers) report_layers(spec->graph, r);
  cli_say("\nlatency    min %.2f  median %.2f  p90 %.2f  p99 %.2f ms  (%s)\n", r->min, r->median, r->p90, r->p99,
          cli_plural((unsigned)r->iterations, "pass"));
  cli_say("rate       %.1f images/s\n", args->batch / r->median * 1e3);
  cli_say("arithmetic %.3f GFLOP an image, %.1f GFLOP/s\n", r->gflop / args->batch, speed);
  cli_say("peak       %.1f GFLOP/s measured here: the network reaches %.1f%% of it\n", r->peak, percent(speed, r->peak));
}

static yolo_status add_layers(yolo_text *t, const yolo_graph *graph, const bench_result *r) {
  yolo_status st = yolo_text_format(t, ",\n \"layers\":[");
  for (int i = 0; st == YOLO_OK && i < r->n_layers; ++i) {
    char detail[LAYER_DETAIL_MAX];
    layer_facts facts = layer_describe(graph, i, detail);
    const bench_layer *l = &r->layers[i];
    YOLO_TRY(yolo_text_format(t, "%s\n  {\"layer\":%d,\"type\":", i ? "," : "", i));
    YOLO_TRY(yolo_text_json_string(t, graph->layers[i].section));
    YOLO_TRY(yolo_text_format(t, ",\"size\":"));
    YOLO_TRY(yolo_text_json_string(t, detail));
    YOLO_TRY(yolo_text_format(t, ",\"output\":[%d,%d,%d],\"ms\":%.6g,\"gflop\":%.6g,\"gflops\":%.6g}", facts.out.w, facts.out.h,
                              facts.out.c, l->ms, l->gflop, bench_gflops(l->gflop, l->ms)));
  }
  YOLO_TRY(yolo_text_format(t, "]"));
done:
  return st;
}

yolo_status bench_write_json(const yolo_context *context, const bench_args *args, const char *shown, const bench_result *r) {
  const yolo_model_spec *spec = &context->model->spec;
  double speed = bench_gflops(r->gflop, r->median);
  int threads = args->model.threads ? args->model.threads : yolo_threads_available();
  outfile file = {0};
  yolo_text *t = &file.text;
  yolo_status st = YOLO_OK;
  YOLO_TRY(outfile_open(args->json, &file));
  YOLO_TRY(yolo_text_format(t, "{\"model\":"));
  YOLO_TRY(yolo_text_json_string(t, shown));
  YOLO_TRY(yolo_text_format(t, ",\"device\":"));
  YOLO_TRY(yolo_text_json_string(t, yolo_runner_device(context->runner)));
  YOLO_TRY(yolo_text_format(t, ",\"width\":%d,\"height\":%d,\"batch\":%d,\"threads\":%d,\"iterations\":%d,\n", spec->width,
                            spec->height, args->batch, threads, r->iterations));
  YOLO_TRY(yolo_text_format(t, " \"latency_ms\":{\"min\":%.6g,\"median\":%.6g,\"mean\":%.6g,\"p90\":%.6g,\"p99\":%.6g},\n",
                            r->min, r->median, r->mean, r->p90, r->p99));
  YOLO_TRY(yolo_text_format(t, " \"images_per_second\":%.6g,\"gflop_per_image\":%.6g,\"gflops\":%.6g,",
                            args->batch / r->median * 1e3, r->gflop / args->batch, speed));
  YOLO_TRY(yolo_text_format(t, "\"peak_gflops\":%.6g,\"percent_of_peak\":%.4g", r->peak, percent(speed, r->peak)));
  if (args->layers) YOLO_TRY(add_layers(t, spec->graph, r));
  YOLO_TRY(yolo_text_format(t, "}\n"));
  YOLO_TRY(outfile_commit(&file));
done:
  outfile_close(&file);
  return st;
}
