/* yolo eval --gt-masks DIR --dt-masks DIR: label maps of two folders, pixel by pixel. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/eval_job.h"
#include "datasets/folder.h"
#include "datasets/index_mask.h"
#include "train/eval/semantic.h"
#include "train/report/semantic_page.h"

static bool is_png(const char *name) { return yolo_has_suffix(name, ".png"); }

static yolo_status add_pair(const char *truth_path, const char *prediction_path, yolo_semantic *semantic) {
  yolo_index_mask truth = {0}, prediction = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_index_mask_load(truth_path, &truth));
  YOLO_TRY(yolo_index_mask_load(prediction_path, &prediction));
  if (truth.width != prediction.width || truth.height != prediction.height) {
    st = yolo_fail(YOLO_ESHAPE, "%s is %dx%d, but %s is %dx%d: maps are compared pixel by pixel", prediction_path,
                   prediction.width, prediction.height, truth_path, truth.width, truth.height);
    goto done;
  }
  yolo_semantic_add(semantic, truth.values, prediction.values, (size_t)truth.width * (size_t)truth.height);
done:
  yolo_index_mask_release(&truth);
  yolo_index_mask_release(&prediction);
  return st;
}

static yolo_status add_all(const eval_args *a, const yolo_file_list *files, yolo_semantic *semantic) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < files->count; ++i) {
    const char *below = files->paths[i] + strlen(a->gt_masks);
    while (*below == '/') ++below;
    YOLO_TRY(yolo_path_join(a->dt_masks, below, &path));
    if (!yolo_is_file(path)) {
      st = yolo_fail(YOLO_EIO, "%s: there is no such map for %s", path, files->paths[i]);
      goto done;
    }
    YOLO_TRY(add_pair(files->paths[i], path, semantic));
    yolo_free(path);
    path = NULL;
  }
done:
  yolo_free(path);
  return st;
}

static void print(const eval_args *a, const yolo_semantic *semantic, const yolo_semantic_scores *s, size_t files) {
  char pixels[CLI_COUNT_MAX], ignored[CLI_COUNT_MAX];
  cli_say("%s, %s pixels", cli_plural(files, "label map"), cli_count(s->pixels, pixels));
  if (a->ignore >= 0) cli_say(" (and %s of index %d, which are not scored)", cli_count(semantic->ignored, ignored), a->ignore);
  cli_say("\nfrom one confusion matrix over all maps; means over the %s that truth or prediction has\n",
          cli_plural((unsigned)s->n_classes, "class"));
  cli_say("mIoU %.4f   Dice %.4f   pixel accuracy %.4f   mean accuracy %.4f\n", s->mean_iou, s->mean_dice, s->pixel_accuracy,
          s->mean_accuracy);
  cli_say("\n  %5s %12s %12s %7s %7s %8s\n", "class", "truth", "predicted", "IoU", "Dice", "accuracy");
  for (int k = 0; k < YOLO_SEMANTIC_VALUES; ++k) {
    if (s->iou[k] < 0) continue;
    cli_say("  %5d %12llu %12llu %7.4f %7.4f ", k, (unsigned long long)s->truth[k], (unsigned long long)s->prediction[k],
            s->iou[k], s->dice[k]);
    if (s->accuracy[k] < 0) {
      cli_say("%8s\n", "-");
    } else {
      cli_say("%8.4f\n", s->accuracy[k]);
    }
  }
}

static yolo_status write_json(const eval_args *a, const yolo_semantic_scores *s, size_t files) {
  outfile file = {0};
  yolo_status st = YOLO_OK;
  bool any = false;
  YOLO_TRY(outfile_open(a->json, &file));
  YOLO_TRY(yolo_text_format(&file.text,
                            "{\"semantic\":{\"mIoU\":%.17g,\"Dice\":%.17g,\"pixel_accuracy\":%.17g,\"mean_accuracy\":%.17g,"
                            "\"pixels\":%llu,\"ignore\":%d},\n\"protocol\":{\"truth\":",
                            s->mean_iou, s->mean_dice, s->pixel_accuracy, s->mean_accuracy, (unsigned long long)s->pixels,
                            a->ignore));
  YOLO_TRY(yolo_text_json_string(&file.text, a->gt_masks));
  YOLO_TRY(yolo_text_format(&file.text, ",\"predictions\":"));
  YOLO_TRY(yolo_text_json_string(&file.text, a->dt_masks));
  YOLO_TRY(yolo_text_format(&file.text, ",\"files\":%zu},\n\"per_class\":[", files));
  for (int k = 0; k < YOLO_SEMANTIC_VALUES; ++k) {
    if (s->iou[k] < 0) continue;
    YOLO_TRY(yolo_text_format(&file.text, "%s\n{\"class\":%d,\"IoU\":%.17g,\"Dice\":%.17g,\"accuracy\":%.17g}", any ? "," : "",
                              k, s->iou[k], s->dice[k], s->accuracy[k]));
    any = true;
  }
  YOLO_TRY(yolo_text_format(&file.text, "]}\n"));
  st = outfile_commit(&file);
done:
  outfile_close(&file);
  return st;
}

static yolo_status write_page(eval_job *job, const yolo_semantic *semantic, const yolo_semantic_scores *s, size_t files) {
  const eval_args *a = job->args;
  char name[CLI_NAME_MAX], pixels[CLI_COUNT_MAX], ignored[CLI_COUNT_MAX];
  yolo_html_fact facts[EVAL_MOST_FACTS];
  yolo_status st = YOLO_OK;
  YOLO_TRY(eval_facts_add(&job->facts, "Truth", "%s, %s", cli_printable(a->gt_masks, name), cli_plural(files, "label map")));
  YOLO_TRY(eval_facts_add(&job->facts, "Predictions", "%s", cli_printable(a->dt_masks, name)));
  YOLO_TRY(eval_facts_add(&job->facts, "Scored", "%s pixels", cli_count(s->pixels, pixels)));
  if (a->ignore >= 0)
    YOLO_TRY(
        eval_facts_add(&job->facts, "Not scored", "%s pixels of index %d", cli_count(semantic->ignored, ignored), a->ignore));
  eval_facts_list(&job->facts, facts);
  const yolo_semantic_page page = {
      .title = "Label maps scored", .facts = facts, .n_facts = job->facts.n, .semantic = semantic, .scores = s};
  YOLO_TRY(yolo_semantic_page_write(&page, &job->page.text));
  st = outfile_commit(&job->page);
done:
  return st;
}

yolo_status eval_maps(eval_job *job) {
  const eval_args *a = job->args;
  static const yolo_folder_options pngs = {.wanted = is_png};
  yolo_file_list files = {0};
  yolo_semantic semantic = {0};
  yolo_semantic_scores scores;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_folder_files(a->gt_masks, &pngs, &files));
  if (files.count == 0) {
    st = yolo_fail(YOLO_EINVAL, "%s: there is no PNG in this folder", a->gt_masks);
    goto done;
  }
  YOLO_TRY(yolo_semantic_new(a->ignore, &semantic));
  YOLO_TRY(add_all(a, &files, &semantic));
  yolo_semantic_score(&semantic, &scores);
  if (!a->quiet) print(a, &semantic, &scores, files.count);
  if (a->json) YOLO_TRY(write_json(a, &scores, files.count));
  if (a->report) st = write_page(job, &semantic, &scores, files.count);
done:
  yolo_semantic_free(&semantic);
  yolo_file_list_free(&files);
  return st;
}
