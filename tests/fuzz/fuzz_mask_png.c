/* Bytes as a class-index mask. */
#include "datasets/index_mask.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  yolo_index_mask mask = {0};
  yolo_error_clear();
  yolo_status st = yolo_index_mask_decode(bytes, length, "fuzz", &mask);
  fuzz_expect(st != YOLO_OK || (mask.values && mask.width > 0 && mask.height > 0), "a mask without pixels");
  yolo_index_mask_release(&mask);
  fuzz_judge(st, live);
  return 0;
}
