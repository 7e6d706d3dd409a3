/* The measured peak: nothing but multiply-adds on registers. */
#include "backbone/backend/cpu/cpu.h"
#include "backbone/backend/cpu/cpu_peak.h"
#include "backbone/base/clock.h"

enum { ROUNDS = 8 };

typedef struct job {
  const yolo_isa *isa;
  long loops;
  double flops[256];
} job;

static void run(void *payload, int task, int thread) {
  job *j = payload;
  (void)thread;
  j->flops[task] = j->isa->peak(j->loops);
}

double yolo_cpu_measure_peak(int threads) {
  job j = {.loops = 1000};
  double best = 0;
  if (yolo_isa_choose(NULL, &j.isa) != YOLO_OK || !j.isa) j.isa = &yolo_isa_portable;
  if (threads <= 0) threads = yolo_threads_available();
  if (threads > 256) threads = 256;
  double start = yolo_now_ms();
  j.isa->peak(j.loops);
  const double once = (yolo_now_ms() - start) * 1e-3; /* seconds */
  j.loops = (long)(1000 * 0.012 / (once > 1e-7 ? once : 1e-7)) + 1;
  for (int round = 0; round < ROUNDS; round++) {
    start = yolo_now_ms();
    yolo_parallel(threads, threads, run, &j);
    const double seconds = (yolo_now_ms() - start) * 1e-3;
    double flops = 0;
    for (int i = 0; i < threads; i++) flops += j.flops[i];
    if (flops / seconds > best) best = flops / seconds;
  }
  return best / 1e9;
}
