/* How much memory a process could still take, from made-up files of /proc and /sys, and under a limit of its own. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "backbone/base/paths.h"
#include "tests/unit/train_fixture.h"

enum { MB = 1 << 20 };

/* A file below the folder, with the folders on its way. */
static void put_below(const char *name, const char *text) {
  const char *path = in_folder(name);
  MUST(yolo_path_make_parent(path));
  put_text(path, text);
}

static void clean(void) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf '%s/proc' '%s/sys'", folder, folder);
  ck_assert_int_eq(system(command), 0);
}

static uint64_t available(void) { return yolo_memory_available_in(folder); }

#define MEMINFO "MemTotal: 16000000 kB\nMemFree: 1000 kB\nMemAvailable:    8388608 kB\n" /* 8192 MB */

START_TEST(the_machine_says_what_it_has) {
  ck_assert_uint_eq(available(), UINT64_MAX); /* no file says anything */
  put_below("proc/meminfo", MEMINFO);
  ck_assert_uint_eq(available(), (uint64_t)8192 * MB);
  put_below("proc/meminfo", "MemAvailable: many\n");
  ck_assert_uint_eq(available(), UINT64_MAX);
  clean();
}
END_TEST

/* Version 2: a limit holds for the groups below it; pages of files that could go do not count. */
START_TEST(groups_of_version_two) {
  put_below("proc/meminfo", MEMINFO);
  put_below("proc/self/cgroup", "0::/a/b\n");
  ck_assert_uint_eq(available(), (uint64_t)8192 * MB);
  put_below("sys/fs/cgroup/a/b/memory.max", "max\n");
  ck_assert_uint_eq(available(), (uint64_t)8192 * MB);
  put_below("sys/fs/cgroup/a/memory.max", "1073741824\n");
  put_below("sys/fs/cgroup/a/memory.current", "734003200\n"); /* 700 MB */
  ck_assert_uint_eq(available(), (uint64_t)324 * MB);
  put_below("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 104857600\nactive_file 7\n");
  ck_assert_uint_eq(available(), (uint64_t)424 * MB);
  put_below("sys/fs/cgroup/a/b/memory.max", "209715200\n");
  put_below("sys/fs/cgroup/a/b/memory.current", "104857600\n");
  ck_assert_uint_eq(available(), (uint64_t)100 * MB);
  put_below("sys/fs/cgroup/a/b/memory.current", "904857600\n"); /* above its limit */
  ck_assert_uint_eq(available(), 0);
  clean();
}
END_TEST

START_TEST(groups_of_version_one) {
  put_below("proc/meminfo", MEMINFO);
  put_below("proc/self/cgroup", "12:cpu,cpuacct:/x\n5:memory:/docker/77\n1:name=systemd:/x\n");
  put_below("sys/fs/cgroup/memory/docker/77/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
  ck_assert_uint_eq(available(), (uint64_t)8192 * MB);
  put_below("sys/fs/cgroup/memory/docker/77/memory.limit_in_bytes", "536870912\n");
  put_below("sys/fs/cgroup/memory/docker/77/memory.usage_in_bytes", "268435456\n");
  put_below("sys/fs/cgroup/memory/docker/77/memory.stat", "cache 9\ntotal_inactive_file 1048576\n");
  ck_assert_uint_eq(available(), (uint64_t)257 * MB);
  clean();
}
END_TEST

/* Inside a container the group has the path it has outside, and its limit lies at the root. */
START_TEST(containers_see_their_group_as_the_root) {
  put_below("proc/meminfo", MEMINFO);
  put_below("proc/self/cgroup", "0::/../../somewhere/else\n");
  put_below("sys/fs/cgroup/memory.max", "314572800\n");
  put_below("sys/fs/cgroup/memory.current", "0\n");
  ck_assert_uint_eq(available(), (uint64_t)300 * MB);
  clean();
}
END_TEST

START_TEST(damaged_files_are_no_limit) {
  put_below("proc/meminfo", MEMINFO);
  static const char *const lines[] = {"", "\n", ":", "0:", "0::", "0:::::\n", "5:memory\n", "memory:memory:memory\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    put_below("proc/self/cgroup", lines[i]);
    ck_assert_uint_eq(available(), (uint64_t)8192 * MB);
  }
  clean();
}
END_TEST

/* `ulimit -v`: what is taken already counts. */
START_TEST(the_limit_of_addresses) {
  struct rlimit before, low;
  char text[64];
  ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
  if (before.rlim_cur != RLIM_INFINITY) return;
  put_below("proc/meminfo", MEMINFO);
  snprintf(text, sizeof text, "%ld 5 5 5\n", 100 * MB / sysconf(_SC_PAGESIZE));
  put_below("proc/self/statm", text);
  low = before;
  low.rlim_cur = (rlim_t)4096 * MB;
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &low), 0);
  const uint64_t got = available();
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
  ck_assert_uint_eq(got, (uint64_t)3996 * MB);
  clean();
}
END_TEST

int main(void) {
  if (!mkdtemp(folder)) return EXIT_FAILURE;
  Suite *suite = suite_create("memory_available");
  TCase *tc = tcase_create("memory_available");
  tcase_add_test(tc, the_machine_says_what_it_has);
  tcase_add_test(tc, groups_of_version_two);
  tcase_add_test(tc, groups_of_version_one);
  tcase_add_test(tc, containers_see_their_group_as_the_root);
  tcase_add_test(tc, damaged_files_are_no_limit);
  tcase_add_test(tc, the_limit_of_addresses);
  suite_add_tcase(suite, tc);
  const int failed = suite_run(suite);
  remove(folder);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
