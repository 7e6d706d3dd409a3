/* The machine's measured peak: see peak.h. */
#include "cli/peak.h"

#include "backbone/backend/cpu/cpu_peak.h"

double yolo_peak_gflops(int threads) { return yolo_cpu_measure_peak(threads); }
