/* How much memory a process could still take: see memory.h. On Linux the kernel says it in files; elsewhere nobody does. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backbone/base/memory.h"

enum { PATH_ROOM = 1024, LINE_ROOM = 1024 };

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The number behind `key` at the begin of a line; a NULL key: the first number of the file. False: there is none ("max"). */
static bool read_number(const char *path, const char *key, uint64_t *out) {
  char line[LINE_ROOM];
  bool found = false;
  FILE *stream = fopen(path, "r");
  if (!stream) return false;
  const size_t length = key ? strlen(key) : 0;
  while (!found && fgets(line, sizeof line, stream)) {
    if (key && strncmp(line, key, length) != 0) continue;
    found = sscanf(line + length, "%" SCNu64, out) == 1;
    if (!key) break;
  }
  fclose(stream);
  return found;
}

static uint64_t of_machine(const char *root) {
  char path[PATH_ROOM];
  uint64_t kilobytes;
  snprintf(path, sizeof path, "%s/proc/meminfo", root);
  return read_number(path, "MemAvailable:", &kilobytes) ? kilobytes * 1024 : UINT64_MAX;
}

/* What the files of a group are called. */
typedef struct version {
  const char *folder, *limit, *usage, *files;
} version;
static const version one = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};
static const version two = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};

static uint64_t of_group(const char *root, const version *v, const char *group) {
  char path[PATH_ROOM];
  uint64_t limit, usage = 0, files = 0;
  snprintf(path, sizeof path, "%s%s%s/%s", root, v->folder, group, v->limit);
  if (!read_number(path, NULL, &limit)) return UINT64_MAX;
  snprintf(path, sizeof path, "%s%s%s/%s", root, v->folder, group, v->usage);
  read_number(path, NULL, &usage);
  snprintf(path, sizeof path, "%s%s%s/memory.stat", root, v->folder, group);
  read_number(path, v->files, &files);
  usage -= least(files, usage);
  return limit > usage ? limit - usage : 0;
}

/* A limit of a group holds for all below it. Inside a container the path may be that of the host: then its own root counts. */
static uint64_t of_groups(const char *root, const version *v, char *group) {
  uint64_t room = UINT64_MAX;
  group[strcspn(group, "\n")] = '\0';
  for (;;) {
    char *slash = strrchr(group, '/');
    room = least(room, of_group(root, v, strcmp(group, "/") == 0 ? "" : group));
    if (!slash) return room;
    *slash = '\0';
  }
}

/* Lines of /proc/self/cgroup: "0::/path" (version 2), "5:cpu,memory:/path" (version 1). */
static uint64_t of_control(const char *root) {
  char line[LINE_ROOM], path[PATH_ROOM];
  uint64_t room = UINT64_MAX;
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  FILE *stream = fopen(path, "r");
  if (!stream) return UINT64_MAX;
  while (fgets(line, sizeof line, stream)) {
    char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    if (names[1] == '\0')
      room = least(room, of_groups(root, &two, group));
    else if (strstr(names + 1, "memory"))
      room = least(room, of_groups(root, &one, group));
  }
  fclose(stream);
  return room;
}

static uint64_t of_limit(const char *root) {
  char path[PATH_ROOM];
  struct rlimit limit;
  uint64_t pages = 0;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  snprintf(path, sizeof path, "%s/proc/self/statm", root);
  read_number(path, NULL, &pages);
  const uint64_t taken = pages * (uint64_t)sysconf(_SC_PAGESIZE), most = (uint64_t)limit.rlim_cur;
  return most > taken ? most - taken : 0;
}

uint64_t yolo_memory_available_in(const char *root) { return least(least(of_machine(root), of_control(root)), of_limit(root)); }

uint64_t yolo_memory_addresses(void) { return of_limit(""); }
uint64_t yolo_memory_available(void) { return yolo_memory_available_in(""); }
