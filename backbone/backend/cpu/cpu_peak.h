/* What this machine can do at most: the yardstick of `yolo bench` and `yolo doctor`. */
#ifndef YOLO_CPU_PEAK_H
#define YOLO_CPU_PEAK_H

/* fp32 GFLOP/s of independent fused multiply-adds in registers, on `threads` threads (0: all), the best of several
 * short rounds (about 0.1 s in all). */
double yolo_cpu_measure_peak(int threads);

#endif
