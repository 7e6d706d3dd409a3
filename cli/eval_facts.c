/* The protocol of `yolo eval` in words: see eval_facts.h. */
#include "cli/eval_facts.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/eval_job.h"

yolo_status eval_facts_add(eval_facts *facts, const char *name, const char *format, ...) {
  char line[2048];
  va_list args;
  if (facts->n == EVAL_MOST_FACTS) return yolo_fail(YOLO_EINVAL, "'%s' is one fact too many", name);
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  facts->names[facts->n] = name;
  return yolo_text_format(&facts->texts[facts->n++], "%s", line);
}

void eval_facts_say(const eval_facts *facts) {
  for (int i = 0; i < facts->n; ++i) cli_say("%s: %s\n", facts->names[i], facts->texts[i].data);
}

void eval_facts_list(const eval_facts *facts, yolo_html_fact out[EVAL_MOST_FACTS]) {
  for (int i = 0; i < facts->n; ++i) out[i] = (yolo_html_fact){facts->names[i], facts->texts[i].data};
}

void eval_facts_free(eval_facts *facts) {
  for (int i = 0; i < facts->n; ++i) yolo_text_free(&facts->texts[i]);
  *facts = (eval_facts){0};
}

/* ---- of a run that compares boxes or masks ---- */

static yolo_status add_truth(eval_job *job) {
  const yolo_eval_report *r = &job->report;
  char name[CLI_NAME_MAX], count[CLI_COUNT_MAX], crowd_words[64] = "", class_words[64] = ", all classes as one";
  size_t truths = 0, crowds = 0;
  int classes = 0;
  for (size_t i = 0; i < r->set.n_truths; ++i) {
    truths += r->set.truths[i].class_index >= 0;
    crowds += r->set.truths[i].class_index >= 0 && r->set.truths[i].crowd;
  }
  for (int k = 0; k < r->n_classes; ++k) classes += r->curves.classes[k].truths > 0;
  if (crowds) snprintf(crowd_words, sizeof crowd_words, " (%zu of them crowds)", crowds);
  if (!r->options.params.class_agnostic)
    snprintf(class_words, sizeof class_words, " in %d of %s", classes, cli_plural((unsigned)r->set.n_classes, "class"));
  return eval_facts_add(&job->facts, "Truth", "%s%s%s, %s, %s objects%s%s", cli_printable(job->truth_name, name),
                        job->split ? ", split " : "", job->split ? job->split : "", cli_plural(r->set.n_images, "image"),
                        cli_count(truths, count), crowd_words, class_words);
}

static yolo_status add_model(eval_job *job) {
  const detect_args *d = &job->args->detect;
  char nms[64] = "no NMS";
  yolo_status st = YOLO_OK;
  if (!job->model_line) return YOLO_OK;
  YOLO_TRY(eval_facts_add(&job->facts, "Model", "%s", job->model_line));
  if (job->nms != YOLO_NMS_OFF)
    snprintf(nms, sizeof nms, "NMS %g (greedy, by %s%s)", d->iou, job->nms == YOLO_NMS_BY_DIOU ? "DIoU" : "IoU",
             d->agnostic ? ", across classes" : "");
  st = eval_facts_add(&job->facts, "Kept", "confidence above %g, %s; %s", d->confidence,
                      d->best_class ? "the best class of a box" : "every class", nms);
done:
  return st;
}

static yolo_status add_parameters(eval_job *job) {
  const yolo_eval_params *p = &job->report.options.params;
  yolo_text words = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&words, "IoU"));
  for (int t = 0; t < p->n_ious; ++t) {
    if (t == 0 || t == p->n_ious - 1 || p->n_ious < 4)
      YOLO_TRY(yolo_text_format(&words, "%s%.4g", t == 0 ? " " : p->n_ious < 4 ? ", " : " to ", p->ious[t]));
  }
  if (p->n_ious > 3) YOLO_TRY(yolo_text_format(&words, " (%d)", p->n_ious));
  YOLO_TRY(yolo_text_format(&words, "; at most"));
  for (int m = 0; m < p->n_limits; ++m) YOLO_TRY(yolo_text_format(&words, "%s%d", m ? ", " : " ", p->limits[m]));
  YOLO_TRY(yolo_text_format(&words, " detections an image%s; areas", p->class_agnostic ? "" : " and class"));
  for (int a = 0; a < p->n_areas; ++a)
    YOLO_TRY(yolo_text_format(&words, "%s%s %.6g-%.6g", a ? ", " : " ", p->area_names[a], p->areas[a][0], p->areas[a][1]));
  if (job->args->recalls)
    YOLO_TRY(
        yolo_text_format(&words, "; recalls %.4g to %.4g (%d)", p->recalls[0], p->recalls[p->n_recalls - 1], p->n_recalls));
  st = eval_facts_add(&job->facts, "COCOeval", "%s", words.data);
done:
  yolo_text_free(&words);
  return st;
}

yolo_status eval_find_facts(eval_job *job) {
  char name[CLI_NAME_MAX], count[CLI_COUNT_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(add_truth(job));
  cli_count(job->report.set.n_detections, count);
  if (job->args->dt) {
    YOLO_TRY(eval_facts_add(&job->facts, "Detections", "%s in %s", count, cli_printable(job->args->dt, name)));
  } else {
    YOLO_TRY(eval_facts_add(&job->facts, "Detections", "%s", count));
  }
  YOLO_TRY(add_model(job));
  st = add_parameters(job);
done:
  return st;
}
