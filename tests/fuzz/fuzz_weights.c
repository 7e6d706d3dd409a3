/* Bytes are a Darknet .weights file for the small network below: loaded, and run over one image, so that numbers that
 * are none (NaN, infinity, 1e38) pass through the kernels, the heads and the suppression. */
#include "detect/model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/small_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  int weights = -1, cfg = -1;
  char weights_path[64], cfg_path[64];
  yolo_error_clear();
  fuzz_file(bytes, length, &weights, weights_path);
  fuzz_file(small_net, strlen(small_net), &cfg, cfg_path);
  /* The first byte also decides whether a file cut after some layers is fine. */
  yolo_model_options options = {.cfg = cfg_path, .threads = 1, .partial = length > 0 && bytes[0] % 2};
  fuzz_judge(small_net_detect(weights_path, &options), live);
  close(weights);
  close(cfg);
  return 0;
}
