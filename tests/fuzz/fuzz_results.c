/* Bytes are a COCO results file for a small ground truth: read, scored as boxes and as masks, resampled. What the quick reader
 * takes must be what the tree says. */
#include "tests/fuzz/fuzz.h"
#include "train/eval/eval_report.h"
#include "train/eval/flat_json.h"

static const char truth_json[] =
    "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\",\"width\":40,\"height\":30},"
    "{\"id\":7,\"file_name\":\"b.jpg\",\"width\":64,\"height\":64}],"
    "\"categories\":[{\"id\":1,\"name\":\"cat\"},{\"id\":18,\"name\":\"dog\"}],"
    "\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[5,5,20,10],\"area\":200,\"iscrowd\":0,"
    "\"segmentation\":[[5,5,25,5,25,15,5,15]]},"
    "{\"id\":2,\"image_id\":7,\"category_id\":18,\"bbox\":[0,0,64,32],\"area\":2048,\"iscrowd\":1,"
    "\"segmentation\":{\"size\":[64,64],\"counts\":[0,2048,2048]}}]}";

static yolo_status open_truth(yolo_dataset **out) {
  char path[64];
  int fd;
  yolo_data_source source = {"coco", fuzz_file(truth_json, sizeof truth_json - 1, &fd, path), "/nowhere"};
  yolo_data_open_options options = {.no_cache = true};
  yolo_status st = yolo_dataset_open(&source, 1, &options, out);
  close(fd);
  return st;
}

/* A lone element: where the quick reader gives numbers, cJSON gives the same. */
static void compare_readers(const char *text, size_t length) {
  yolo_flat_result flat;
  const char *stopped = NULL;
  if (!yolo_flat_result_read(text, length, &flat)) return;
  cJSON *tree = cJSON_ParseWithLengthOpts(text, length, &stopped, 0);
  fuzz_expect(tree != NULL, "the quick reader took what is no JSON");
  const cJSON *score = cJSON_GetObjectItemCaseSensitive(tree, "score");
  const cJSON *box = cJSON_GetObjectItemCaseSensitive(tree, "bbox");
  fuzz_expect(cJSON_IsNumber(score) && score->valuedouble == flat.score, "another score");
  int i = 0;
  for (const cJSON *side = box->child; side; side = side->next, ++i)
    fuzz_expect(i < 4 && side->valuedouble == flat.box[i], "another box");
  fuzz_expect(i == 4, "another box");
  cJSON_Delete(tree);
}

/* Masks of any size may be named; decoding runs never costs more than the text, so none is too large to score. */
static void score(yolo_eval_truths *truths, yolo_eval_results *results) {
  yolo_eval_report report;
  yolo_eval_report_options options = {.boxes = true, .masks = true, .draws = 3, .confidence = -1};
  yolo_eval_params_coco(&options.params, YOLO_EVAL_BOX);
  options.params.threads = 1;
  yolo_status st = yolo_eval_report_make(truths, results, &options, &report);
  if (st != YOLO_OK) return;
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) {
    double box = report.kinds[0].numbers[i], mask = report.kinds[1].numbers[i];
    fuzz_expect(box >= -1 && box <= 1 && mask >= -1 && mask <= 1, "a score out of range");
  }
  yolo_eval_report_free(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  yolo_dataset *dataset = NULL;
  yolo_eval_truths truths = {0};
  yolo_eval_results results = {0};
  yolo_error_clear();
  compare_readers((const char *)bytes, length);
  fuzz_expect(open_truth(&dataset) == YOLO_OK && yolo_eval_truths_make(dataset, &truths) == YOLO_OK, "no truth");
  yolo_status st = yolo_eval_results_read_bytes((const char *)bytes, length, "results.json", &truths, &results);
  if (st == YOLO_OK) score(&truths, &results);
  yolo_eval_results_free(&results);
  yolo_eval_truths_free(&truths);
  yolo_dataset_free(dataset);
  fuzz_judge(st, live);
  return 0;
}
