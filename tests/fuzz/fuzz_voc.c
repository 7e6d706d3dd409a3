/* Bytes as a Pascal VOC XML file: parsed, then read as a data set of one file. */
#include "datasets/dataset.h"
#include "datasets/voc_xml.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  char path[64];
  uint64_t line = 0;
  int fd = -1;
  yolo_voc_file file = {0};
  yolo_dataset *dataset = NULL;
  yolo_error_clear();
  yolo_status st = yolo_voc_parse((const char *)bytes, length, &file, &line);
  yolo_voc_file_release(&file);
  fuzz_judge(st, live);
  const yolo_data_source source = {"voc", fuzz_file(bytes, length, &fd, path), NULL};
  st = yolo_dataset_open(&source, 1, NULL, &dataset);
  yolo_dataset_free(dataset);
  close(fd);
  fuzz_judge(st, live);
  return 0;
}
