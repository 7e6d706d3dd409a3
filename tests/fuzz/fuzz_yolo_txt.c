/* Bytes as a YOLO label file, as a list of images, and as a list of names: a scratch folder holds one image. */
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/dataset.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/dev/shm/yolo-fuzz-XXXXXX";

static const char *in_folder(const char *name) {
  static char paths[4][96];
  static int next;
  char *path = paths[next = (next + 1) % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void put(const char *name, const void *bytes, size_t length) {
  FILE *file = fopen(in_folder(name), "wb");
  fuzz_expect(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0, "a scratch file cannot be written");
}

static void prepare(void) {
  static const char image[] = "P5 4 3 255\n0123456789ab";
  static int ready;
  if (ready++) return;
  fuzz_expect(mkdtemp(folder) != NULL, "no scratch folder");
  put("a.pgm", image, sizeof image - 1);
}

static void read_as(const char *labels) {
  const long live = yolo_memory_get_stats().live;
  const yolo_data_source source = {"yolo", labels, NULL};
  yolo_dataset *dataset = NULL;
  yolo_error_clear();
  yolo_status st = yolo_dataset_open(&source, 1, NULL, &dataset);
  yolo_dataset_free(dataset);
  fuzz_judge(st, live);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  prepare();
  put("a.txt", bytes, length);
  put("classes.txt", "x\n", 2);
  read_as(folder);
  unlink(in_folder("classes.txt"));
  put("list.txt", bytes, length);
  read_as(in_folder("list.txt"));
  put("a.txt", "0 .5 .5 .1 .1\n", 14);
  put("classes.txt", bytes, length);
  read_as(folder);
  return 0;
}
