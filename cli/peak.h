/* The machine's measured peak, the yardstick of `yolo bench` and `yolo doctor`. */
#ifndef YOLO_CLI_PEAK_H
#define YOLO_CLI_PEAK_H

/* fp32 GFLOP/s of fused multiply-adds in registers; threads 0: all this process may use. */
double yolo_peak_gflops(int threads);

#endif
