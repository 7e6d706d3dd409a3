/* How every unit test ends: the suite is run in this process, because neither OpenMP's threads nor a device survive the
 * fork that Check makes otherwise. */
#ifndef YOLO_TESTS_UNIT_SUITE_H
#define YOLO_TESTS_UNIT_SUITE_H

#include <check.h>

/* Runs the suite (and frees it); how many tests failed. */
static inline int suite_run(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed;
}

#endif
