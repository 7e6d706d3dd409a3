/* The devices of the conformance run: the CPU with every instruction set and up to three threads; CUDA in every precision,
 * with our own convolutions and with cuDNN's where that is there, and deterministic ones whose runs must not differ in a
 * bit. */
#include <stdio.h>
#include <string.h>

#include "tests/conformance/conformance.h"
#include "tests/sanitized.h"

static const char *const isas[] = {"reference", "portable", "avx2", "avx512"};
enum { ISAS = sizeof isas / sizeof isas[0], MAX_THREADS = 3 };

static bool passes(const char *wish, const char *name) { return !wish || strcmp(wish, name) == 0; }

/* What is not on this machine is skipped; anything else that keeps a device closed is a failure. */
static bool open_one(yolo_engines *engines, const yolo_engine *as) {
  yolo_engine *e = &engines->engine[engines->count];
  yolo_device_options options = {.threads = as->threads,
                                 .isa = *as->isa ? as->isa : NULL,
                                 .precision = as->precision,
                                 .deterministic = as->deterministic,
                                 .conv = *as->conv && strcmp(as->conv, "best") != 0 ? as->conv : NULL};
  if (engines->count == YOLO_ENGINES_MAX) return false;
  *e = *as;
  yolo_status st = e->backend->open(&options, &e->device);
  if (st == YOLO_OK) {
    e->dtype = e->backend->dtype ? e->backend->dtype(e->device) : YOLO_F32;
    engines->count++;
    return true;
  }
  const bool absent = st == YOLO_EUNSUPPORTED || *as->isa;
  printf("%s %s: %s\n", absent ? "SKIP" : "FAIL", as->name, yolo_error_message());
  engines->skipped += absent;
  engines->failed += !absent;
  return false;
}

/* Under sanitizers the plain loops, which are slow there, run on one thread, and kernels on one and on the most: how equal the
 * bits are for every number of threads, the release builds check. */
static bool is_run(const char *isa, int threads) {
  if (!SANITIZED || threads == 1) return true;
  return threads == MAX_THREADS && strcmp(isa, "reference") != 0;
}

static void open_cpu(yolo_engines *engines, const yolo_backend *backend, const yolo_engine_filter *filter) {
  if (!passes(filter->precision, "fp32") || filter->conv) return;
  for (int i = 0; i < ISAS; i++)
    for (int threads = 1; threads <= MAX_THREADS && passes(filter->isa, isas[i]); threads++) {
      yolo_engine e = {.backend = backend, .isa = isas[i], .threads = threads, .conv = ""};
      if (!is_run(isas[i], threads)) continue;
      snprintf(e.name, sizeof e.name, "%s %s, %d thread%s", backend->name, isas[i], threads, threads == 1 ? "" : "s");
      if (!open_one(engines, &e)) break;
    }
}

static void open_gpu(yolo_engines *engines, const yolo_backend *backend, const yolo_engine_filter *filter) {
  static const struct {
    yolo_precision precision;
    const char *conv;
    bool deterministic;
  } rows[] = {
      {YOLO_PRECISION_FP32, "own", false},   {YOLO_PRECISION_FP32, "cudnn", false}, {YOLO_PRECISION_TF32, "own", false},
      {YOLO_PRECISION_TF32, "cudnn", false}, {YOLO_PRECISION_FP16, "own", false},   {YOLO_PRECISION_FP16, "cudnn", false},
      {YOLO_PRECISION_BF16, "own", false},   {YOLO_PRECISION_BF16, "cudnn", false}, {YOLO_PRECISION_FP32, "own", true},
      {YOLO_PRECISION_FP16, "best", true},
  };
  if (filter->isa) return;
  if (backend->answers && backend->answers() != YOLO_OK) {
    printf("SKIP conformance: %s\n", yolo_error_message());
    engines->skipped++;
    return;
  }
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *precision = yolo_precision_name(rows[i].precision);
    yolo_engine e = {.backend = backend, .isa = "", .precision = rows[i].precision, .conv = rows[i].conv};
    e.deterministic = rows[i].deterministic;
    snprintf(e.name, sizeof e.name, "%s %s %s%s", backend->name, precision, e.conv, e.deterministic ? " deterministic" : "");
    if (passes(filter->precision, precision) && passes(filter->conv, e.conv)) open_one(engines, &e);
  }
}

void yolo_engines_open(const yolo_engine_filter *filter, yolo_engines *out) {
  *out = (yolo_engines){.count = 0};
  for (int i = 0; i < yolo_backend_count(); i++) {
    const yolo_backend *backend = yolo_backend_at(i);
    if (!passes(filter->backend, backend->name)) continue;
    (strcmp(backend->name, "cpu") == 0 ? open_cpu : open_gpu)(out, backend, filter);
  }
  fflush(stdout);
}

void yolo_engines_close(yolo_engines *engines) {
  for (int i = 0; i < engines->count; i++) engines->engine[i].backend->close(engines->engine[i].device);
}
