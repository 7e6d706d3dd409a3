/* Threads: one parallel loop, never nested, the only place that knows OpenMP.
 *
 * Work is cut into tasks whose boundaries never depend on the number of threads; each output element is
 * computed by one task in one fixed order, so results are equal bit for bit for any number of threads. */
#ifndef YOLO_BASE_THREADS_H
#define YOLO_BASE_THREADS_H

/* Cores this process may use: affinity mask and the control group's CPU quota; at least 1. */
int yolo_threads_available(void);

/* "OpenMP 4.5 (libgomp or libomp)" or "none": what this build uses. */
const char *yolo_threads_runtime(void);

/* Runs body(payload, task, thread) for every task in [0, tasks) on at most `threads` threads (thread in
 * [0, threads)). Tasks are handed out dynamically; serial when threads or tasks is 1 or less. */
typedef void (*yolo_task)(void *payload, int task, int thread);
void yolo_parallel(int threads, int tasks, yolo_task body, void *payload);

#endif
