/* Bytes as the images of an IDX pair, as its labels, and as a CIFAR file. */
#include "datasets/dataset.h"
#include "tests/fuzz/fuzz.h"

/* Two images of one pixel, and their labels. */
static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};

static void read_as(const char *format, const char *label_file, const char *image_file) {
  const long live = yolo_memory_get_stats().live;
  const yolo_data_source source = {format, label_file, image_file};
  yolo_dataset *dataset = NULL;
  yolo_error_clear();
  yolo_status st = yolo_dataset_open(&source, 1, NULL, &dataset);
  yolo_dataset_free(dataset);
  fuzz_judge(st, live);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char path[3][64];
  int fd[3];
  fuzz_file(bytes, length, &fd[0], path[0]);
  fuzz_file(images, sizeof images, &fd[1], path[1]);
  fuzz_file(labels, sizeof labels, &fd[2], path[2]);
  read_as("idx", path[2], path[0]);
  read_as("idx", path[0], path[1]);
  read_as("cifar", path[0], NULL);
  for (int i = 0; i < 3; ++i) close(fd[i]);
  return 0;
}
