/* Threads: one parallel loop over OpenMP (or over nothing), and how many cores this process may use.
 *
 * A container is often given two cores of a machine with sixty-four by a CPU quota, which the affinity mask
 * does not show. Starting sixty-four threads there makes every barrier wait for the scheduler, so the quota
 * of the control group counts as well. */
#include "backbone/base/threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

enum { PATH_SIZE = 1024 };

static int affinity_count(void) {
  cpu_set_t sets[8]; /* 8 x 1024 logical processors */
  int count = 0;
  if (sched_getaffinity(0, sizeof sets, sets) == 0) count = CPU_COUNT_S(sizeof sets, sets);
  if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count;
}

/* The first line of DIR/NAME, or false when there is no such file. */
static bool read_line(const char *dir, const char *name, char *line, int size) {
  char path[PATH_SIZE + 64];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool found = fgets(line, size, file) != NULL;
  fclose(file);
  return found;
}

/* Cores granted by one control group folder: quota / period, rounded up; 0 when it sets no limit. */
static int group_quota(const char *dir, bool v2) {
  char line[128];
  long long quota = -1, period = 0;
  if (v2) {
    if (!read_line(dir, "cpu.max", line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return 0;
  } else {
    if (!read_line(dir, "cpu.cfs_quota_us", line, sizeof line) || sscanf(line, "%lld", &quota) != 1) return 0;
    if (!read_line(dir, "cpu.cfs_period_us", line, sizeof line) || sscanf(line, "%lld", &period) != 1) return 0;
  }
  if (quota <= 0 || period <= 0 || quota / period >= 65536) return 0;
  return (int)((quota + period - 1) / period);
}

/* The smallest quota from the group itself up to the root of its mount: a parent's limit binds the child. */
static int path_quota(const char *mount, const char *group, bool v2) {
  char dir[PATH_SIZE];
  int smallest = 0;
  size_t root = strlen(mount);
  if (snprintf(dir, sizeof dir, "%s%s", mount, group) >= (int)sizeof dir) return 0;
  for (;;) {
    int quota = group_quota(dir, v2);
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
    char *slash = strrchr(dir + root, '/');
    if (!slash) return smallest;
    *slash = '\0';
  }
}

/* True when the comma-separated controller list of a version 1 line holds "cpu". */
static bool lists_cpu(const char *controllers) {
  for (const char *p = controllers; p; p = strchr(p, ',')) {
    if (*p == ',') p++;
    if (strncmp(p, "cpu", 3) == 0 && (p[3] == ',' || p[3] == '\0')) return true;
  }
  return false;
}

/* One line of /proc/self/cgroup: "hierarchy:controllers:path"; version 2 has no controllers. */
static int line_quota(char *line) {
  line[strcspn(line, "\n")] = '\0';
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : NULL;
  if (!group) return 0;
  *group++ = '\0';
  controllers++;
  if (*controllers == '\0') {
    int quota = path_quota("/sys/fs/cgroup", group, true);
    return quota ? quota : path_quota("/sys/fs/cgroup/unified", group, true);
  }
  if (!lists_cpu(controllers)) return 0;
  int quota = path_quota("/sys/fs/cgroup/cpu", group, false);
  return quota ? quota : path_quota("/sys/fs/cgroup/cpu,cpuacct", group, false);
}

static int cgroup_quota(void) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return 0;
  char line[PATH_SIZE];
  int smallest = 0;
  while (fgets(line, sizeof line, file)) {
    int quota = line_quota(line);
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
  }
  fclose(file);
  return smallest;
}

int yolo_threads_available(void) {
  int cores = affinity_count(), quota = cgroup_quota();
  return quota > 0 && quota < cores ? quota : cores;
}

/* Denormal numbers (below 1e-38) carry no information in a network but cost a processor a hundred cycles each:
 * inside a task they count as zero. The caller's setting is restored, for its arithmetic is its own business. */
#if defined(__SSE2__)
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
static unsigned flush_denormals(void) {
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
  return mode;
}
static void restore_mode(unsigned mode) { _mm_setcsr(mode); }
#else
static unsigned flush_denormals(void) { return 0; }
static void restore_mode(unsigned mode) { (void)mode; }
#endif

#ifdef _OPENMP

const char *yolo_threads_runtime(void) {
#if _OPENMP >= 202011
  return "OpenMP 5.1 or newer (libgomp or libomp)";
#elif _OPENMP >= 201811
  return "OpenMP 5.0 (libgomp or libomp)";
#elif _OPENMP >= 201511
  return "OpenMP 4.5 (libgomp or libomp)";
#else
  return "OpenMP before 4.5 (libgomp or libomp)";
#endif
}

/* A task of this thread is running: a loop started from within it is serial. */
static _Thread_local bool in_task;

/* A standing team: one parallel region in which thread 0 runs the body and the others take tasks.
 *
 * A loop is open while `epoch` is odd. A helper first says that it is inside, then looks whether a loop is open, and
 * only then touches the loop's members; the owner closes the loop, waits until nobody is inside, and only then writes
 * them for the next one. These atomics have one total order (the default of C11), in which either the helper's look
 * comes before the close, and then the owner's wait sees the helper inside, or after it, and then the helper sees a
 * closed loop and goes. What the members held is seen by whoever saw the epoch become odd, and what tasks wrote by an
 * owner that saw `inside` return to 0.
 *
 * Nothing depends on how many helpers there are: OpenMP may grant fewer than were asked for, or none. */
enum { MOST_THREADS = 64 };
typedef struct task_range {
  _Atomic int next;
  char apart[60]; /* a cache line each */
} task_range;

typedef struct team {
  _Atomic unsigned epoch;
  _Atomic int inside;
  _Atomic bool over;
  task_range range[MOST_THREADS];
  int tasks, threads; /* of the open loop, as are body and payload */
  yolo_task body;
  void *payload;
} team;

static _Thread_local team *standing; /* the team whose thread 0 this thread is */

enum { SPINS = 4000 }; /* some ten microseconds; after that others may have the core between looks */

/* One pause between two looks; `spins` counts them, up to SPINS. */
static void relax(int *spins) {
  if (*spins >= SPINS) {
    sched_yield();
    return;
  }
  ++*spins;
#if defined(__SSE2__)
  _mm_pause();
#endif
}

/* A thread begins with its own share, the same part of every map, which its cache may still hold from the layer
 * before; then it helps the others. */
static void take_tasks(team *t, int thread) {
  in_task = true;
  for (int k = 0; k < t->threads; k++) {
    const int owner = (thread + k) % t->threads, end = (int)((long)t->tasks * (owner + 1) / t->threads);
    for (int task = atomic_fetch_add(&t->range[owner].next, 1); task < end; task = atomic_fetch_add(&t->range[owner].next, 1))
      t->body(t->payload, task, thread);
  }
  in_task = false;
}

static void help(team *t, int thread) {
  unsigned done = 0; /* the last epoch that was looked into */
  int spins = 0;
  while (!atomic_load(&t->over)) {
    const unsigned epoch = atomic_load(&t->epoch);
    if (epoch % 2 == 0 || epoch == done) {
      relax(&spins);
      continue;
    }
    atomic_fetch_add(&t->inside, 1);
    done = atomic_load(&t->epoch); /* a later loop may be open by now: then that one is helped */
    if (done % 2 == 1 && thread < t->threads) take_tasks(t, thread);
    atomic_fetch_sub(&t->inside, 1);
    spins = 0;
  }
}

static void run_standing(team *t, int threads, int tasks, yolo_task body, void *payload) {
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  int spins = 0;
  t->threads = threads;
  t->tasks = tasks;
  t->body = body;
  t->payload = payload;
  for (int i = 0; i < threads; i++) atomic_store(&t->range[i].next, (int)((long)tasks * i / threads));
  atomic_fetch_add(&t->epoch, 1);
  take_tasks(t, 0);
  atomic_fetch_add(&t->epoch, 1);
  while (atomic_load(&t->inside) > 0) relax(&spins);
}

/* A team inside a team, or inside somebody else's parallel region, would only fight for the same cores. */
static bool team_possible(void) { return !standing && !in_task && !omp_in_parallel(); }

static void run_team(int threads, yolo_team_body body, void *payload) {
  team t = {.threads = threads};
#pragma omp parallel num_threads(threads)
  {
    const unsigned mode = flush_denormals();
    if (omp_get_thread_num() == 0) {
      standing = &t;
      body(payload);
      standing = NULL;
      atomic_store(&t.over, true);
    } else {
      help(&t, omp_get_thread_num());
    }
    restore_mode(mode);
  }
}

/* Chunks of one task: tasks are large (a tile of a convolution), so the counter is cheap and the tail short. */
static void run_region(int threads, int tasks, yolo_task body, void *payload) {
#pragma omp parallel num_threads(threads)
  {
    const unsigned mode = flush_denormals();
    in_task = true;
#pragma omp for schedule(dynamic, 1)
    for (int task = 0; task < tasks; task++) body(payload, task, omp_get_thread_num());
    in_task = false;
    restore_mode(mode);
  }
}

/* False when the loop has to be run by this thread alone. */
static bool run_on_team(int threads, int tasks, yolo_task body, void *payload) {
  if (standing && !in_task)
    run_standing(standing, threads, tasks, body, payload);
  else if (team_possible())
    run_region(threads, tasks, body, payload);
  else
    return false;
  return true;
}

#else

const char *yolo_threads_runtime(void) { return "none"; }

static bool team_possible(void) { return false; }

static void run_team(int threads, yolo_team_body body, void *payload) { (void)threads, body(payload); }

static bool run_on_team(int threads, int tasks, yolo_task body, void *payload) {
  (void)threads, (void)tasks, (void)body, (void)payload;
  return false;
}

#endif

/* Alone, too, denormals count as zero: the number of threads must not change a bit. */
void yolo_with_team(int threads, yolo_team_body body, void *payload) {
  if (threads > 1 && team_possible()) {
    run_team(threads, body, payload);
    return;
  }
  const unsigned mode = flush_denormals();
  body(payload);
  restore_mode(mode);
}

/* A call from within a task runs serially: teams never nest. */
void yolo_parallel(int threads, int tasks, yolo_task body, void *payload) {
  if (threads > tasks) threads = tasks;
  if (threads > 1 && run_on_team(threads, tasks, body, payload)) return;
  const unsigned mode = flush_denormals();
  for (int task = 0; task < tasks; task++) body(payload, task, 0);
  restore_mode(mode);
}
