/* The parallel loop and the standing team: every task once, what one loop writes the next one sees, loops inside tasks,
 * teams inside teams, more threads than cores, two teams side by side, fewer threads than asked for.
 *
 * Tasks write plain memory, so the thread sanitizer judges the hand-over as well (see CONTRIBUTING). */
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "backbone/base/threads.h"
#include "tests/unit/suite.h"

enum { MOST = 512 };

/* ---- every task exactly once ---- */

typedef struct tally {
  int threads;
  int times[MOST];
  int by[MOST]; /* the thread that ran it */
} tally;

static void mark(void *payload, int task, int thread) {
  tally *t = payload;
  t->times[task]++;
  t->by[task] = thread;
}

static void expect_once(int threads, int tasks) {
  static tally t;
  memset(&t, 0, sizeof t);
  yolo_parallel(threads, tasks, mark, &t);
  for (int i = 0; i < MOST; i++) ck_assert_int_eq(t.times[i], i < tasks);
  for (int i = 0; i < tasks; i++) ck_assert(t.by[i] >= 0 && t.by[i] < (threads > 1 ? threads : 1));
}

static const int counts[] = {0, 1, 2, 3, 7, 64, 500};
enum { COUNTS = sizeof counts / sizeof *counts };

static void all_counts(void *payload) {
  const int threads = *(const int *)payload;
  for (int i = 0; i < COUNTS; i++)
    for (int asked = 0; asked <= threads + 3; asked += 1 + threads / 4) expect_once(asked, counts[i]);
}

START_TEST(every_task_runs_once) {
  static const int teams[] = {1, 2, 3, 7, 33};
  for (size_t i = 0; i < sizeof teams / sizeof *teams; i++) {
    int threads = teams[i];
    all_counts(&threads);
    yolo_with_team(threads, all_counts, &threads);
  }
}
END_TEST

/* ---- thousands of short loops, each reading what the one before wrote ---- */

enum { CELLS = 37 };
typedef struct chain {
  int threads, loops;
  unsigned cells[2][CELLS];
  int from;
} chain;

static void step(void *payload, int task, int thread) {
  chain *c = payload;
  (void)thread;
  /* Neighbours were written by whichever thread happened to take them. */
  c->cells[1 - c->from][task] = c->cells[c->from][task] * 3 + c->cells[c->from][(task + 1) % CELLS] + 1;
}

static void run_chain(void *payload) {
  chain *c = payload;
  for (int i = 0; i < c->loops; i++) {
    yolo_parallel(c->threads, CELLS, step, c);
    c->from = 1 - c->from;
  }
}

static void expect_chain(int threads, int loops) {
  chain alone = {.threads = 1, .loops = loops}, team = {.threads = threads, .loops = loops};
  run_chain(&alone);
  yolo_with_team(threads, run_chain, &team);
  ck_assert_mem_eq(alone.cells[alone.from], team.cells[team.from], sizeof team.cells[0]);
}

START_TEST(short_loops_in_their_order) {
  expect_chain(2, 20000);
  expect_chain(3, 5000);
  expect_chain(16, 300); /* more threads than most machines have cores */
  expect_chain(64, 50);
}
END_TEST

START_TEST(many_teams) {
  for (int i = 0; i < 300; i++) expect_chain(2 + i % 3, i % 5);
}
END_TEST

/* ---- loops inside tasks, teams inside teams ---- */

typedef struct nest {
  int inner[8][16]; /* (outer task, inner task) */
  int threads_met[8];
} nest;
typedef struct inner {
  nest *n;
  int row;
} inner;

static void inner_task(void *payload, int task, int thread) {
  inner *in = payload;
  in->n->inner[in->row][task]++;
  in->n->threads_met[in->row] |= 1 << thread;
}

static void inner_loop(void *payload) { yolo_parallel(4, 16, inner_task, payload); }

static void outer_task(void *payload, int task, int thread) {
  inner in = {payload, task};
  (void)thread;
  inner_loop(&in);
  yolo_with_team(4, inner_loop, &in);
}

static void outer_loop(void *payload) { yolo_parallel(3, 8, outer_task, payload); }

static void expect_nest(const nest *n) {
  for (int row = 0; row < 8; row++) {
    for (int task = 0; task < 16; task++) ck_assert_int_eq(n->inner[row][task], 2);
    ck_assert_int_eq(n->threads_met[row], 1); /* nobody but thread 0 of the inner loop */
  }
}

static void team_in_team(void *payload) { yolo_with_team(3, outer_loop, payload); }

START_TEST(nothing_nests) {
  nest plain = {0}, team = {0}, twice = {0};
  outer_loop(&plain);
  expect_nest(&plain);
  yolo_with_team(3, outer_loop, &team);
  expect_nest(&team);
  yolo_with_team(2, team_in_team, &twice);
  expect_nest(&twice);
  expect_chain(3, 100); /* and a team can stand again afterwards */
}
END_TEST

/* ---- two host threads, each with a team of its own ---- */

static void *host(void *payload) {
  chain *c = payload;
  for (int i = 0; i < 20; i++) yolo_with_team(c->threads, run_chain, c);
  return NULL;
}

START_TEST(two_teams_side_by_side) {
  chain alone = {.threads = 1, .loops = 20 * 100}, a = {.threads = 2, .loops = 100}, b = {.threads = 3, .loops = 100};
  pthread_t thread;
  run_chain(&alone);
  ck_assert_int_eq(pthread_create(&thread, NULL, host, &b), 0);
  host(&a);
  pthread_join(thread, NULL);
  ck_assert_mem_eq(alone.cells[alone.from], a.cells[a.from], sizeof a.cells[0]);
  ck_assert_mem_eq(alone.cells[alone.from], b.cells[b.from], sizeof b.cells[0]);
}
END_TEST

/* ---- denormals ---- */

/* Whether the smallest numbers count as zero here; volatile, so that it is computed here and now. */
static bool flushes(void) {
  volatile float tiny = 1e-30f;
  volatile float product = tiny * 1e-10f;
  return product == 0;
}

static void note_flush(void *payload, int task, int thread) {
  (void)thread;
  ((bool *)payload)[task] = flushes();
}

static void note_flush_alone(void *payload) { *(bool *)payload = flushes(); }

START_TEST(denormals_count_as_zero_inside_only) {
#if defined(__SSE2__)
  const bool before = flushes();
  for (int threads = 1; threads <= 3; threads++) {
    bool inside[8] = {false}, body = false;
    yolo_parallel(threads, 8, note_flush, inside);
    yolo_with_team(threads, note_flush_alone, &body);
    for (int i = 0; i < 8; i++) ck_assert(inside[i]);
    ck_assert(body);
    ck_assert_int_eq(flushes(), before);
  }
#endif
}
END_TEST

/* ---- what the machine gives ---- */

START_TEST(fewer_threads_than_asked_for) {
#ifdef _OPENMP
  const int levels = omp_get_max_active_levels();
  omp_set_max_active_levels(0); /* every region has one thread now */
  int threads = 4;
  nest n = {0};
  yolo_with_team(threads, all_counts, &threads);
  expect_chain(threads, 100);
  yolo_with_team(threads, outer_loop, &n);
  expect_nest(&n);
  omp_set_max_active_levels(levels);
#endif
}
END_TEST

START_TEST(at_least_one_core) {
  ck_assert_int_ge(yolo_threads_available(), 1);
  ck_assert_uint_gt(strlen(yolo_threads_runtime()), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("threads");
  TCase *tc = tcase_create("threads");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, every_task_runs_once);
  tcase_add_test(tc, short_loops_in_their_order);
  tcase_add_test(tc, many_teams);
  tcase_add_test(tc, nothing_nests);
  tcase_add_test(tc, two_teams_side_by_side);
  tcase_add_test(tc, denormals_count_as_zero_inside_only);
  tcase_add_test(tc, fewer_threads_than_asked_for);
  tcase_add_test(tc, at_least_one_core);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
