/* Where a trained model comes from, as its file says it (metadata "provenance"): network, first weights, seed, epoch, data and
 * score. Names without folders, no time, no machine: equal runs write equal bytes. */
#include <inttypes.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "train/run_parts.h"

static yolo_status append_data(yolo_text *text, const char *split, const yolo_dataset *dataset) {
  if (!dataset) return YOLO_OK;
  return yolo_text_format(text, ",\"%s\":{\"images\":%zu,\"objects\":%zu,\"hash\":\"fnv1a:%016" PRIx64 "\"}", split,
                          dataset->n_images, dataset->n_annotations, yolo_dataset_identity(dataset));
}

static yolo_status append_name(yolo_text *text, const char *key, const char *value) {
  yolo_status st = yolo_text_format(text, ",\"%s\":", key);
  return st == YOLO_OK ? yolo_text_json_string(text, value) : st;
}

static yolo_status append_score(yolo_text *text, const yolo_validation *v) {
  if (v->classifier) return yolo_text_format(text, ",\"top1\":%.4f,\"top5\":%.4f", v->top1, v->top5);
  return yolo_text_format(text, ",\"AP\":%.4f,\"AP50\":%.4f", v->numbers[0], v->numbers[1]);
}

/* best: of the epoch that is being judged; else of the last one that is over. */
yolo_status yolo_run_note_origin(yolo_run *run, bool best) {
  const yolo_config *c = run->config;
  const char *weights = yolo_run_first_weights(run);
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&text, "{\"source\":\"yolo train\""));
  YOLO_TRY(append_name(&text, "model", run->model_name));
  YOLO_TRY(append_name(&text, "weights", weights ? yolo_basename(weights) : "random"));
  YOLO_TRY(append_name(&text, "loss", run->losses));
  YOLO_TRY(yolo_text_format(&text, ",\"seed\":%d,\"epochs\":%d,\"epoch\":%d,\"images_seen\":%" PRIu64, c->train.seed,
                            c->train.epochs, best ? run->now.epoch + 1 : run->state.next_epoch, run->session.seen));
  YOLO_TRY(append_data(&text, "train", run->train));
  YOLO_TRY(append_data(&text, "val", run->val));
  if (best && run->now.validated) YOLO_TRY(append_score(&text, &run->now.validation));
  YOLO_TRY(yolo_text_append(&text, "}", 1));
  yolo_free(run->spec.provenance);
  run->spec.provenance = text.data;
  text = (yolo_text){0};
done:
  yolo_text_free(&text);
  return st;
}
