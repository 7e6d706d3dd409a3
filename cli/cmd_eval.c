/* yolo eval: scores detections against ground truth. The options; the work is in eval_*.c. */
#include <string.h>

#include "cli/eval_job.h"

#define AT(member) offsetof(eval_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option truth[] = {
    {"gt", 0, ARGS_TEXT, AT(gt), 0, 0, NULL, "--gt FILE", "ground truth: instances_*.json or other labels (instead of DATA)"},
    {"images", 0, ARGS_TEXT, AT(data.images), 0, 0, NULL, "--images DIR", "the folder of its images (for --model)"},
    {"format", 0, ARGS_TEXT, AT(data.format), 0, 0, NULL, "--format NAME | --set S.K=V",
     "of the labels | overrides data.cfg: as for yolo data check"},
    {"set", 0, ARGS_TEXTS, AT(data.sets), 0, 0, NULL, NULL, NULL},
    {"split", 0, ARGS_TEXT, AT(data.split), 0, 0, NULL, "--split NAME", "train, val or test (default val, else what there is)"},
    END};

static const args_option detections[] = {
    {"dt", 0, ARGS_TEXT, AT(dt), 0, 0, NULL, "--dt FILE", "a COCO results file, anybody's; or the model that is to be run:"},
    END};

/* model_args_files without --cutoff: half a network is nothing to score. */
#define MODEL(member) AT(detect.model.member)
static const args_option model[] = {
    {"model", 'm', ARGS_TEXT, MODEL(model), 0, 0, NULL, "-m, --model FILE", "a .safetensors file: the whole model in one file"},
    {"weights", 0, ARGS_TEXT, MODEL(weights), 0, 0, NULL, "--weights FILE --cfg FILE", "or Darknet weights with their network"},
    {"cfg", 0, ARGS_TEXT, MODEL(cfg), 0, 0, NULL, NULL, NULL},
    {"names", 0, ARGS_TEXT, MODEL(names), 0, 0, NULL, "--names FILE", "class names, one a line (default: the model's own)"},
    END};

static const args_option keep[] = {
    {"conf", 0, ARGS_REAL, AT(detect.confidence), 0, 1, NULL, "--conf N | --nms N",
     "confidence (default 0.001) and overlap (0.45) from which boxes are kept, dropped"},
    {"nms", 0, ARGS_REAL, AT(detect.iou), 0, 1, NULL, NULL, NULL},
    {"nms-kind", 0, ARGS_CHOICE, AT(detect.nms_kind), 0, 0, "iou|diou|none", "--nms-kind | --best-class",
     "with --agnostic: as for yolo detect"},
    {"best-class", 0, ARGS_FLAG, AT(detect.best_class), 0, 0, NULL, NULL, NULL},
    {"agnostic", 0, ARGS_FLAG, AT(detect.agnostic), 0, 0, NULL, NULL, NULL},
    {"batch", 0, ARGS_INT, AT(detect.batch), 1, 1024, NULL, "--batch N", "images in one pass of the network (default 1)"},
    END};

static const args_option score[] = {
    {"box", 0, ARGS_FLAG, AT(box), 0, 0, NULL, "--box | --mask", "what is compared (default: what the detections have)"},
    {"mask", 0, ARGS_FLAG, AT(mask), 0, 0, NULL, NULL, NULL},
    {"voc07", 0, ARGS_FLAG, AT(voc07), 0, 0, NULL, "--voc07 | --voc12",
     "Pascal VOC's AP too, of boxes and masks: 11 points | area under the curve"},
    {"voc12", 0, ARGS_FLAG, AT(voc12), 0, 0, NULL, NULL, NULL},
    {"iou", 0, ARGS_TEXT, AT(ious), 0, 0, NULL, "--iou | --max-dets LIST",
     "0.5,0.75 or 0.5:0.05:0.95 (the default) | 1,10,100: detections an image and class"},
    {"max-dets", 0, ARGS_TEXT, AT(limits), 0, 0, NULL, NULL, NULL},
    {"recall-thresholds", 0, ARGS_TEXT, AT(recalls), 0, 0, NULL, "--recall-thresholds LIST",
     "where AP reads precision, 0 to 1 (default 0:0.01:1)"},
    {"area", 0, ARGS_TEXT, AT(areas), 0, 0, NULL, "--area LIST", "name:from:to, in pixels: small:0:1024,medium:1024:9216"},
    {"classes", 0, ARGS_TEXT, AT(classes), 0, 0, NULL, "--classes | --one-class",
     "only these, by name (a,b) | as if all were one (COCO's useCats = 0)"},
    {"one-class", 0, ARGS_FLAG, AT(one_class), 0, 0, NULL, NULL, NULL},
    {"image-ids", 0, ARGS_TEXT, AT(image_ids), 0, 0, NULL, "--image-ids LIST|FILE",
     "only these images, by id: 42,139 or a file of them (COCO's imgIds)"},
    END};

static const args_option maps[] = {{"gt-masks", 0, ARGS_TEXT, AT(gt_masks), 0, 0, NULL, "--gt-masks | --dt-masks DIR",
                                    "label maps: class-index PNGs of one name"},
                                   {"dt-masks", 0, ARGS_TEXT, AT(dt_masks), 0, 0, NULL, NULL, NULL},
                                   {"ignore", 0, ARGS_INT, AT(ignore), -1, 255, NULL, "--ignore N",
                                    "index of the truth that is not scored (default 255; -1: none)"},
                                   END};

static const args_option output[] = {
    {"per-class", 0, ARGS_FLAG, AT(per_class), 0, 0, NULL, "--per-class", "a table of the classes, and what is mixed up most"},
    {"bootstrap", 0, ARGS_INT, AT(draws), 0, YOLO_EVAL_MOST_DRAWS, NULL, "--bootstrap N | --seed N",
     "samples of images for 95% intervals (default 1000, of large sets 200; 0: none)"},
    {"seed", 0, ARGS_INT, AT(seed), 0, 2147483647, NULL, NULL, NULL},
    {"json", 0, ARGS_TEXT, AT(json), 0, 0, NULL, "--json FILE", "every number, 17 digits; - is standard output"},
    {"report", 0, ARGS_TEXT, AT(report), 0, 0, NULL, "--report FILE.html",
     "a page that stands alone: scores, curves, worst and best images"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
    END};

static const args_group groups[] = {{"Truth", truth, 0},
                                    {"Detections", detections, 0},
                                    {"", model, 0},
                                    {"", model_args_input, AT(detect.model)},
                                    {"", model_args_run, AT(detect.model)},
                                    {"", keep, 0},
                                    {"Score", score, 0},
                                    {"", maps, 0},
                                    {"Output", output, 0},
                                    {NULL, NULL, 0}};

static bool has_model(const eval_args *a) {
  const model_args *m = &a->detect.model;
  return m->model || m->weights || m->cfg;
}

static yolo_status check(const eval_args *a, const args_words *words) {
  const bool maps_asked = a->gt_masks || a->dt_masks;
  if (maps_asked && !(a->gt_masks && a->dt_masks))
    return yolo_fail(YOLO_EINVAL, "label maps are compared in pairs: --gt-masks DIR --dt-masks DIR");
  if (maps_asked && (a->gt || a->dt || words->count || has_model(a)))
    return yolo_fail(YOLO_EINVAL, "--gt-masks and --dt-masks are scored alone, without other truth, detections or models");
  if (maps_asked && a->image_ids) return yolo_fail(YOLO_EINVAL, "--image-ids is for boxes and masks, not for label maps");
  if (maps_asked) return YOLO_OK;
  if (words->count > 1) return yolo_fail(YOLO_EINVAL, "it takes one DATA; '%s' is one too many", words->items[1]);
  if (a->gt && words->count) return yolo_fail(YOLO_EINVAL, "the truth was named twice: '%s' and '%s'", a->gt, words->items[0]);
  if (!a->gt && !words->count) return yolo_fail(YOLO_EINVAL, "no ground truth was named: --gt instances.json, or a data.cfg");
  if (a->dt && has_model(a)) return yolo_fail(YOLO_EINVAL, "--dt and --model: detections come from one of them");
  if (!a->dt && !has_model(a))
    return yolo_fail(YOLO_EINVAL, "no detections: --dt results.json, or a model that is to be run (--model FILE)");
  if (a->json && a->report && outfile_is_stdout(a->json) && outfile_is_stdout(a->report))
    return yolo_fail(YOLO_EINVAL, "--json and --report cannot both go to standard output");
  if (a->voc07 && a->voc12) return yolo_fail(YOLO_EINVAL, "--voc07 and --voc12 exclude each other");
  return YOLO_OK;
}

/* Detections, above which a thousand samples would take longer than all the rest. */
enum { LARGE_SET = 100000 };

static yolo_status score_voc(eval_job *job) {
  yolo_voc_options how = {.rule = job->args->voc07 ? YOLO_VOC_2007 : YOLO_VOC_2012, .iou = 0.5, .threads = job->params.threads};
  yolo_status st = YOLO_OK;
  for (int i = 0; i < 2 && st == YOLO_OK; ++i) {
    how.overlap = (yolo_eval_overlap)i;
    if (job->report.kinds[i].scored) st = yolo_voc_run(&job->report.set, &how, &job->report.kinds[i].voc);
  }
  return st;
}

static yolo_status score_all(eval_job *job) {
  const eval_args *a = job->args;
  yolo_eval_report_options o = {.params = job->params, .seed = (uint64_t)a->seed, .confidence = -1};
  o.draws = a->draws >= 0 ? a->draws : job->results.n > LARGE_SET ? 200 : 1000;
  o.masks = a->mask || (!a->box && job->results.has_masks);
  o.boxes = a->box || (!a->mask && (job->results.has_boxes || !o.masks));
  yolo_status st = yolo_eval_report_make(&job->truths, &job->results, &o, &job->report);
  return st == YOLO_OK && (a->voc07 || a->voc12) ? score_voc(job) : st;
}

/* A results file speaks of images and classes by COCO's ids; other labels have none. */
static void say_which_ids(const eval_job *job) {
  const yolo_dataset *d = job->dataset;
  for (size_t i = 0; i < d->n_sources; ++i) {
    if (strcmp(yolo_dataset_text(d, d->sources[i].format), "coco") == 0) continue;
    cli_complain(
        "the truth is no COCO file and has no ids: %s is taken to count images from 1 in their order ('%s' is 1) and classes "
        "from 0 ('%s')",
        job->args->dt, d->n_images ? yolo_dataset_text(d, d->images[0].name) : "",
        d->n_classes ? yolo_dataset_class_name(d, 0) : "");
    return;
  }
}

static yolo_status find_detections(eval_job *job, int *code) {
  if (!job->args->dt) return eval_run_model(job, code);
  say_which_ids(job);
  yolo_status st = yolo_eval_results_read(job->args->dt, &job->truths, &job->results);
  if (st == YOLO_OK && job->results.foreign > 0 && !job->args->classes) {
    cli_complain("%s: %s of categories that the truth does not have (such as %lld): they count for nothing", job->args->dt,
                 cli_plural(job->results.foreign, "detection"), (long long)job->results.foreign_id);
  }
  return st;
}

static yolo_status run_job(eval_job *job, const args_words *words, int *code) {
  const eval_args *a = job->args;
  yolo_status st = YOLO_OK;
  YOLO_TRY(eval_page_open(job));
  if (a->gt_masks) return eval_maps(job);
  YOLO_TRY(eval_read_params(job));
  YOLO_TRY(eval_open_truth(job, words));
  YOLO_TRY(find_detections(job, code));
  if (job->classified || (*code != CLI_OK && *code != CLI_SOME_FAILED)) goto done;
  YOLO_TRY(score_all(job));
  YOLO_TRY(eval_find_facts(job));
  if (!a->quiet) eval_print(job);
  if (a->json) YOLO_TRY(eval_write_json(job));
  st = eval_write_page(job);
done:
  return st;
}

static bool to_stdout(const char *path) { return path && outfile_is_stdout(path); }

static int run(const cli_command *self, int argc, char **argv) {
  eval_args args = {.detect = {.confidence = 0.001, .iou = 0.45, .max_detections = 0, .batch = 1}, .draws = -1, .ignore = 255};
  args_words words;
  eval_job job = {.args = &args};
  int code = CLI_OK;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (to_stdout(args.json) || to_stdout(args.report)) cli_data_on_stdout();
  yolo_status st = check(&args, &words);
  if (st == YOLO_OK) st = run_job(&job, &words, &code);
  if (st != YOLO_OK) code = cli_fail();
  eval_job_free(&job);
  return code;
}

const cli_command cmd_eval = {
    .name = "eval",
    .summary = "score detections, or a model, as COCO and Pascal VOC do",
    .usage = "yolo eval DATA --model FILE [options]\n       yolo eval --gt FILE --dt FILE [options]",
    .about = "DATA: a data.cfg, or labels of any format. Scores are COCOeval's, equal to pycocotools.",
    .groups = groups,
    .examples =
        "  yolo eval --gt instances_val2017.json --dt results.json --per-class\n"
        "  yolo eval data.cfg --model best.safetensors --json scores.json",
    .run = run,
};
