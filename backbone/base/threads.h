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
 * [0, threads)); returns when all are done. Tasks are handed out dynamically; serial when threads or tasks is 1 or
 * less, and from within a task (there as thread 0). Tasks number at most YOLO_MOST_TASKS. Denormal numbers count as
 * zero inside a task. Any thread may call this at any time; a child of fork() must not, if its parent has (OpenMP's
 * threads do not survive a fork). */
enum { YOLO_MOST_TASKS = 1 << 30 };
typedef void (*yolo_task)(void *payload, int task, int thread);
void yolo_parallel(int threads, int tasks, yolo_task body, void *payload);

/* Runs body(payload) on the calling thread while threads - 1 helpers stand by: the yolo_parallel calls inside hand
 * them tasks within a fraction of a microsecond, and wait only for helpers that took one - a helper that the
 * operating system keeps from running delays nobody. For bodies with many short parallel loops: helpers that have
 * nothing to do keep looking. In all of the body denormal numbers count as zero, whatever the number of threads. */
typedef void (*yolo_team_body)(void *payload);
void yolo_with_team(int threads, yolo_team_body body, void *payload);

#endif
