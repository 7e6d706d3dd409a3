/* Every number of COCOeval for scripts/compare_coco_eval.py: reads ground truth and results, writes T R K A M as five doubles,
 * then precision, recall, scores and the twelve numbers, as doubles of this machine.
 *
 *   eval_lab GT.json DT.json bbox|segm OUT [THREADS [LIMITS [agnostic]]]      LIMITS: 1,10,100 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/text.h"
#include "detect/yolo.h"
#include "train/eval/results.h"

static yolo_status write_all(const yolo_eval_result *r, const char *path) {
  const yolo_eval_params *p = &r->params;
  const double extents[] = {p->n_ious, p->n_recalls, r->n_classes, p->n_areas, p->n_limits};
  size_t n = (size_t)p->n_ious * (size_t)r->n_classes * (size_t)p->n_areas * (size_t)p->n_limits;
  size_t all = n * (size_t)p->n_recalls;
  double summary[YOLO_EVAL_NUMBERS];
  FILE *file = fopen(path, "wb");
  if (!file) return yolo_fail(YOLO_EIO, "cannot open '%s'", path);
  yolo_eval_summary(r, summary);
  bool good = fwrite(extents, sizeof extents, 1, file) == 1 && fwrite(r->precision, sizeof(double), all, file) == all &&
              fwrite(r->recall, sizeof(double), n, file) == n && fwrite(r->scores, sizeof(double), all, file) == all &&
              fwrite(summary, sizeof summary, 1, file) == 1;
  good = fclose(file) == 0 && good;
  return good ? YOLO_OK : yolo_fail(YOLO_EIO, "cannot write '%s'", path);
}

static yolo_status read_limits(const char *text, yolo_eval_params *p) {
  char *copy = strdup(text), *rest = copy;
  yolo_status st = YOLO_OK;
  p->n_limits = 0;
  for (char *word; st == YOLO_OK && (word = strsep(&rest, ",")) != NULL;) {
    if (p->n_limits == YOLO_EVAL_MOST_LIMITS || !yolo_parse_int(word, &p->limits[p->n_limits++]))
      st = yolo_fail(YOLO_EINVAL, "bad limits '%s'", text);
  }
  free(copy);
  return st;
}

static yolo_status run(int argc, char **argv) {
  yolo_dataset *dataset = NULL;
  yolo_eval_truths truths = {0};
  yolo_eval_results results = {0};
  yolo_eval_result result = {0};
  yolo_eval_params params;
  yolo_data_source source = {"coco", argv[1], NULL};
  yolo_data_open_options options = {.no_cache = true};
  yolo_status st = YOLO_OK;
  bool masks = strcmp(argv[3], "segm") == 0;
  yolo_eval_params_coco(&params, masks ? YOLO_EVAL_MASK : YOLO_EVAL_BOX);
  params.class_agnostic = argc > 7;
  if (argc > 5 && !yolo_parse_int(argv[5], &params.threads)) return yolo_fail(YOLO_EINVAL, "bad threads '%s'", argv[5]);
  if (argc > 6) YOLO_TRY(read_limits(argv[6], &params));
  YOLO_TRY(yolo_dataset_open(&source, 1, &options, &dataset));
  YOLO_TRY(yolo_eval_truths_make(dataset, &truths));
  YOLO_TRY(yolo_eval_results_read(argv[2], &truths, &results));
  if (masks) YOLO_TRY(yolo_eval_truths_make_masks(&truths, params.threads));
  if (masks) YOLO_TRY(yolo_eval_results_make_masks(&results, &truths));
  const yolo_eval_set set = {truths.items, results.items, truths.n, results.n, truths.n_images, truths.n_classes};
  YOLO_TRY(yolo_eval_run(&set, &params, &result));
  st = write_all(&result, argv[4]);
done:
  yolo_eval_result_free(&result);
  yolo_eval_results_free(&results);
  yolo_eval_truths_free(&truths);
  yolo_dataset_free(dataset);
  return st;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "eval_lab GT.json DT.json bbox|segm OUT [THREADS [LIMITS [agnostic]]]\n");
    return 2;
  }
  if (run(argc, argv) == YOLO_OK) return 0;
  fprintf(stderr, "eval_lab: %s\n", yolo_error_message());
  return 1;
}
