/* What writers share: see out.h. */
#include "cli/out.h"

int out_top_classes(const yolo_result *result, int top[OUT_TOP]) {
  int count = 0;
  for (int i = 0; i < result->n_scores; ++i) {
    int at = count;
    while (at > 0 && result->scores[i] > result->scores[top[at - 1]]) --at;
    if (at >= OUT_TOP) continue;
    if (count < OUT_TOP) ++count;
    for (int j = count - 1; j > at; --j) top[j] = top[j - 1];
    top[at] = i;
  }
  return count;
}

const char *out_class_name(const out_run *run, int class_id) {
  const char *name = yolo_model_class_name(run->model, class_id);
  return name ? name : "?";
}
