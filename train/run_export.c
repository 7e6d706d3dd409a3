/* The weights of a training as one more file: see run.h. */
#include "train/run_parts.h"

yolo_status yolo_run_export(const yolo_run *run, const char *path) {
  const uint64_t seen = run->session.optimizer.steps * (uint64_t)run->config->train.batch;
  yolo_trainer_view view = {run->session.trainer, yolo_session_best_values(&run->session)};
  yolo_model_spec spec = run->spec; /* borrowed, with another header */
  spec.header = (yolo_darknet_header){.major = 0, .minor = 2, .revision = 5, .seen = seen};
  return yolo_model_save(&spec, yolo_trainer_fetch, &view, path);
}
