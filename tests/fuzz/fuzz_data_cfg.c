/* Bytes as a data.cfg: loaded, then as a list of "section.key=value" settings, one a line. What is accepted is printed, and the
 * print must be accepted and print the same again; so must the file with absolute paths that a run writes. */
#include "tests/fuzz/fuzz.h"
#include "train/config.h"

enum { MOST_SETS = 64, MOST_BYTES = 4096 };

/* What was read, as a file, and that file read again. */
static yolo_status print_again(const yolo_config *config) {
  yolo_text first = {0}, second = {0};
  yolo_config again = {0};
  char path[64];
  int fd = -1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_print(config, &first));
  st = yolo_config_load(fuzz_file(first.data, first.length, &fd, path), NULL, 0, &again);
  fuzz_expect(st == YOLO_OK, "a print is not accepted");
  YOLO_TRY(yolo_config_print(&again, &second));
  YOLO_TRY(yolo_config_write(config, "/dev/null"));
done:
  if (fd >= 0) close(fd);
  yolo_config_release(&again);
  yolo_text_free(&first);
  yolo_text_free(&second);
  return st;
}

static yolo_status load(const char *path, const char *const *sets, int n_sets) {
  yolo_config config = {0};
  yolo_status st = yolo_config_load(path, sets, n_sets, &config);
  if (st == YOLO_OK) st = print_again(&config);
  yolo_config_release(&config);
  return st;
}

/* Lines become settings. */
static int cut(char *text, const char **sets) {
  int count = 0;
  for (char *line = text, *end; *line && count < MOST_SETS; line = end) {
    end = line + strcspn(line, "\n");
    if (*end) *end++ = '\0';
    sets[count++] = line;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  static const char empty[] = "[data]\n";
  const char *sets[MOST_SETS];
  char text[MOST_BYTES + 1], path[64];
  int fd = -1;
  yolo_error_clear();
  fuzz_judge(load(fuzz_file(bytes, length, &fd, path), NULL, 0), live);
  close(fd);
  if (length > MOST_BYTES) return 0;
  memcpy(text, bytes, length);
  text[length] = '\0';
  fuzz_file(empty, sizeof empty - 1, &fd, path);
  int count = cut(text, sets);
  fuzz_judge(load(path, sets, count), live);
  close(fd);
  return 0;
}
