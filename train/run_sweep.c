/* What a killed process left half written in the folder of a run: NAME.tmp-PID (base/file.c). A run's folder has one run at a
 * time. Only names of files that a run writes are touched: the folder may be a person's own. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "train/run_parts.h"

/* "results.csv.tmp-4711" is left of results.csv, "007-dog.jpg.tmp-4711-2" of some .jpg. */
static bool left_of(const char *name, const char *what) {
  const char *end = strstr(name, ".tmp-");
  if (!end) return false;
  size_t length = (size_t)(end - name), wanted = strlen(what);
  bool fits = what[0] == '.' ? length > wanted && memcmp(end - wanted, what, wanted) == 0
                             : length == wanted && memcmp(name, what, wanted) == 0;
  const char *digits = end + strlen(".tmp-");
  return fits && *digits && strspn(digits, "0123456789-") == strlen(digits);
}

static void sweep(const char *folder, const char *const *names) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    bool left = false;
    for (int i = 0; names[i] && !left; ++i) left = left_of(entry->d_name, names[i]);
    if (left) (void)unlinkat(dirfd(dir), entry->d_name, 0);
  }
  closedir(dir);
}

yolo_status yolo_run_sweep(const yolo_run *run) {
  static const char *const files[] = {"data.cfg",         "train.log",     "results.csv", "best.safetensors",
                                      "last.safetensors", "bad-batch.png", "report.html", NULL};
  static const char *const pictures[] = {".jpg", NULL};
  char *samples = NULL;
  yolo_status st = yolo_run_path(run, "samples", &samples);
  if (st == YOLO_OK) {
    sweep(run->folder, files);
    sweep(samples, pictures);
  }
  yolo_free(samples);
  return st;
}
