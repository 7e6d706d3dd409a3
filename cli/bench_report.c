/* What a measurement says: to people, and to machines. */
#include <stdio.h>

#include "backbone/base/threads.h"
#include "cli/bench.h"
#include "cli/layers.h"
#include "cli/outfile.h"

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

/* "percent of the peak" only where the peak is known: the CPU's is measured, a GPU's depends on precision and clocks. */
static void report_layer(const yolo_graph *graph, int index, const bench_result *r, double sum) {
  char detail[LAYER_DETAIL_MAX], shape[40];
  const bench_layer *l = &r->layers[index];
  layer_facts facts = layer_describe(graph, index, detail);
  double speed = bench_gflops(l->gflop, l->ms);
  snprintf(shape, sizeof shape, "%dx%dx%d", facts.out.w, facts.out.h, facts.out.c);
  cli_say("%5d  %-15s %-17s  %-14s %9.3f %5.1f%%", index, graph->layers[index].section, detail, shape, l->ms,
          percent(l->ms, sum));
  if (l->gflop > 0) cli_say(" %9.1f", speed);
  if (l->gflop > 0 && r->peak > 0) cli_say(" %5.1f%%", percent(speed, r->peak));
  cli_say("\n");
}

static void report_layers(const yolo_graph *graph, const bench_result *r) {
  double sum = 0;
  for (int i = 0; i < r->n_layers; ++i) sum += r->layers[i].ms;
  cli_say("\n%5s  %-15s %-17s  %-14s %9s %6s %9s%s\n", "layer", "type", "size/stride", "output", "ms", "share", "GFLOP/s",
          r->peak > 0 ? "   peak" : "");
  for (int i = 0; i < r->n_layers; ++i) report_layer(graph, i, r, sum);
  cli_say("%5s  %-15s %-17s  %-14s %9.3f\n", "", "all layers", "", "", sum);
  if (r->with_transfers.iterations) cli_say("Every layer was waited for by itself: together they take longer than a pass.\n");
}

static double rate(const bench_args *args, double ms) { return ms > 0 ? args->batch / ms * 1e3 : 0; }

void bench_report(const yolo_context *context, const bench_args *args, const char *shown, const bench_result *r) {
  const yolo_model_spec *spec = &context->model->spec;
  const bench_times *t = &r->network, *all = &r->with_transfers;
  double speed = bench_gflops(r->gflop, t->median);
  cli_say("%s at %dx%d, batch %d, on %s\n", shown, spec->width, spec->height, args->batch, yolo_runner_device(context->runner));
  if (args->layers) report_layers(spec->graph, r);
  cli_say("\nlatency    min %.3f  median %.3f  p90 %.3f  p99 %.3f ms  (%s)\n", t->min, t->median, t->p90, t->p99,
          cli_plural((unsigned)t->iterations, "pass"));
  cli_say("rate       %.1f images/s\n", rate(args, t->median));
  if (all->iterations)
    cli_say("transfers  median %.3f ms, %.1f images/s with input and outputs between host and device\n", all->median,
            rate(args, all->median));
  cli_say("arithmetic %.3f GFLOP an image, %.1f GFLOP/s\n", r->gflop / args->batch, speed);
  if (r->peak > 0)
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

static yolo_status add_head(yolo_text *t, const yolo_context *context, const bench_args *args, const char *shown) {
  const yolo_model_spec *spec = &context->model->spec;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, "{\"model\":"));
  YOLO_TRY(yolo_text_json_string(t, shown));
  YOLO_TRY(yolo_text_format(t, ",\"device\":"));
  YOLO_TRY(yolo_text_json_string(t, yolo_runner_device(context->runner)));
  YOLO_TRY(yolo_text_format(t, ",\"precision\":\"%s\",\"deterministic\":%s,\"width\":%d,\"height\":%d,\"batch\":%d,",
                            model_args_precision(&args->model), args->model.deterministic ? "true" : "false", spec->width,
                            spec->height, args->batch));
done:
  return st;
}

static yolo_status add_times(yolo_text *t, const char *name, const bench_times *times) {
  return yolo_text_format(t, " \"%s\":{\"min\":%.6g,\"median\":%.6g,\"mean\":%.6g,\"p90\":%.6g,\"p99\":%.6g},\n", name,
                          times->min, times->median, times->mean, times->p90, times->p99);
}

/* Threads and their peak belong to the CPU, transfers to other devices. */
yolo_status bench_write_json(const yolo_context *context, const bench_args *args, const char *shown, const bench_result *r) {
  const double median = r->network.median, speed = bench_gflops(r->gflop, median);
  const bench_times *all = &r->with_transfers;
  int threads = args->model.threads ? args->model.threads : yolo_threads_available();
  outfile file = {0};
  yolo_text *t = &file.text;
  yolo_status st = YOLO_OK;
  YOLO_TRY(outfile_open(args->json, &file));
  YOLO_TRY(add_head(t, context, args, shown));
  if (!all->iterations) YOLO_TRY(yolo_text_format(t, "\"threads\":%d,", threads));
  YOLO_TRY(yolo_text_format(t, "\"iterations\":%d,\n", r->network.iterations));
  YOLO_TRY(add_times(t, "latency_ms", &r->network));
  if (all->iterations) {
    YOLO_TRY(add_times(t, "latency_with_transfers_ms", all));
    YOLO_TRY(yolo_text_format(t, " \"images_per_second_with_transfers\":%.6g,\n", rate(args, all->median)));
  }
  YOLO_TRY(yolo_text_format(t, " \"images_per_second\":%.6g,\"gflop_per_image\":%.6g,\"gflops\":%.6g", rate(args, median),
                            r->gflop / args->batch, speed));
  if (r->peak > 0)
    YOLO_TRY(yolo_text_format(t, ",\"peak_gflops\":%.6g,\"percent_of_peak\":%.4g", r->peak, percent(speed, r->peak)));
  if (args->layers) YOLO_TRY(add_layers(t, context->model->spec.graph, r));
  YOLO_TRY(yolo_text_format(t, "}\n"));
  YOLO_TRY(outfile_commit(&file));
done:
  outfile_close(&file);
  return st;
}
