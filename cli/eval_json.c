/* yolo eval --json FILE: {"bbox":{"AP":..,...},"segm":{...}} as pycocotools' stats, then protocol, intervals, classes, curves
 * and the confusion matrix. Numbers have 17 digits, so that they read back as the same doubles; -1 is "undefined", as in
 * COCOeval. */
#include <string.h>

#include "backbone/base/text.h"
#include "cli/eval_job.h"
#include "cli/outfile.h"

static const char *const keys[] = {"bbox", "segm"};

static yolo_status put_numbers(yolo_text *to, const double numbers[YOLO_EVAL_NUMBERS]) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < YOLO_EVAL_NUMBERS && st == YOLO_OK; ++i)
    st = yolo_text_format(to, "%s\"%s\":%.17g", i ? "," : "{", yolo_eval_number_names[i], numbers[i]);
  return st == YOLO_OK ? yolo_text_format(to, "}") : st;
}

static yolo_status put_list(yolo_text *to, const char *key, const double *values, int n) {
  yolo_status st = yolo_text_json_string(to, key);
  if (st == YOLO_OK) st = yolo_text_format(to, ":[");
  for (int i = 0; i < n && st == YOLO_OK; ++i) st = yolo_text_format(to, "%s%.17g", i ? "," : "", values[i]);
  return st == YOLO_OK ? yolo_text_format(to, "]") : st;
}

static yolo_status put_text(yolo_text *to, const char *key, const char *value) {
  yolo_status st = yolo_text_format(to, "\"%s\":", key);
  return st == YOLO_OK ? yolo_text_json_string(to, value) : st;
}

/* ---- the parts ---- */

static yolo_status put_kinds(const yolo_eval_report *r, yolo_text *to) {
  yolo_status st = YOLO_OK;
  bool any = false;
  for (int i = 0; i < 2 && st == YOLO_OK; ++i) {
    if (!r->kinds[i].scored) continue;
    st = yolo_text_format(to, "%s\"%s\":", any ? ",\n" : "", keys[i]);
    if (st == YOLO_OK) st = put_numbers(to, r->kinds[i].numbers);
    any = true;
  }
  return st;
}

static yolo_status put_model(const eval_job *job, yolo_text *to) {
  const char *nms = job->nms == YOLO_NMS_BY_DIOU ? "diou" : job->nms == YOLO_NMS_BY_IOU ? "iou" : "none";
  const detect_args *d = &job->args->detect;
  const eval_pace *p = &job->pace;
  yolo_status st = YOLO_OK;
  if (!job->model_line) return YOLO_OK;
  YOLO_TRY(yolo_text_format(to, ","));
  YOLO_TRY(put_text(to, "model", job->model_line));
  YOLO_TRY(yolo_text_format(to, ",\"confidence\":%.17g,\"nms\":%.17g,\"nms_kind\":\"%s\",\"agnostic\":%s,\"best_class\":%s",
                            d->confidence, d->iou, nms, d->agnostic ? "true" : "false", d->best_class ? "true" : "false"));
  st = yolo_text_format(to, ",\"load_ms\":%.3f,\"network_ms\":%.3f,\"post_ms\":%.3f,\"failed\":%ld", p->load_ms, p->network_ms,
                        p->post_ms, p->failed);
done:
  return st;
}

static yolo_status put_protocol(const eval_job *job, yolo_text *to) {
  const yolo_eval_report *r = &job->report;
  const yolo_eval_params *p = &r->options.params;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(to, ",\n\"protocol\":{"));
  YOLO_TRY(put_text(to, "truth", job->truth_name));
  if (job->split) YOLO_TRY(yolo_text_format(to, ",\"split\":\"%s\"", job->split));
  if (job->args->dt) YOLO_TRY(yolo_text_format(to, ","));
  if (job->args->dt) YOLO_TRY(put_text(to, "detections_file", job->args->dt));
  YOLO_TRY(yolo_text_format(to, ",\"images\":%u,\"truths\":%zu,\"detections\":%zu,", r->set.n_images, r->set.n_truths,
                            r->set.n_detections));
  YOLO_TRY(put_list(to, "iou", p->ious, p->n_ious));
  if (job->args->recalls) {
    YOLO_TRY(yolo_text_format(to, ","));
    YOLO_TRY(put_list(to, "recall_thresholds", p->recalls, p->n_recalls));
  }
  YOLO_TRY(yolo_text_format(to, ",\"max_dets\":["));
  for (int m = 0; m < p->n_limits; ++m) YOLO_TRY(yolo_text_format(to, "%s%d", m ? "," : "", p->limits[m]));
  YOLO_TRY(yolo_text_format(to, "],\"areas\":{"));
  for (int a = 0; a < p->n_areas; ++a) {
    YOLO_TRY(yolo_text_format(to, "%s", a ? "," : ""));
    YOLO_TRY(put_list(to, p->area_names[a], p->areas[a], 2));
  }
  YOLO_TRY(yolo_text_format(to, "},\"one_class\":%s", p->class_agnostic ? "true" : "false"));
  YOLO_TRY(put_model(job, to));
  st = yolo_text_format(to, "}");
done:
  return st;
}

static yolo_status put_intervals(const yolo_eval_report *r, yolo_text *to) {
  yolo_status st = YOLO_OK;
  if (r->options.draws == 0) return YOLO_OK;
  YOLO_TRY(yolo_text_format(to, ",\n\"intervals\":{\"level\":0.95,\"samples\":%d,\"seed\":%llu", r->options.draws,
                            (unsigned long long)r->options.seed));
  for (int i = 0; i < 2; ++i) {
    const yolo_eval_bootstrap *b = &r->kinds[i].bootstrap;
    if (!r->kinds[i].scored) continue;
    YOLO_TRY(yolo_text_format(to, ",\"%s\":{\"AP\":[%.17g,%.17g],\"AP50\":[%.17g,%.17g]}", keys[i], b->ap.low, b->ap.high,
                              b->ap50.low, b->ap50.high));
  }
  st = yolo_text_format(to, "}");
done:
  return st;
}

static yolo_status put_best(const yolo_eval_best *b, yolo_text *to) {
  return yolo_text_format(to, "{\"F1\":%.17g,\"confidence\":%.17g,\"precision\":%.17g,\"recall\":%.17g}", b->f1, b->confidence,
                          b->precision, b->recall);
}

static yolo_status put_voc(const yolo_eval_report *r, yolo_text *to) {
  static const char *const after[] = {"", "_segm"};
  yolo_status st = YOLO_OK;
  for (int i = 0; i < 2 && st == YOLO_OK; ++i) {
    const yolo_voc_result *v = &r->kinds[i].voc;
    if (!v->classes) continue;
    st = yolo_text_format(to, ",\n\"%s%s\":{\"mAP\":%.17g,\"iou\":%.17g}", v->rule == YOLO_VOC_2007 ? "voc07" : "voc12",
                          after[i], v->mean_ap, v->iou);
  }
  return st;
}

static yolo_status put_class(const yolo_eval_report *r, int k, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(to, "%s\n{", k ? "," : ""));
  if (!r->options.params.class_agnostic) {
    YOLO_TRY(yolo_text_format(to, "\"id\":%lld,", (long long)yolo_eval_truths_class_id(r->truths, k)));
    YOLO_TRY(put_text(to, "name", yolo_eval_truths_class_name(r->truths, k)));
    YOLO_TRY(yolo_text_format(to, ","));
  }
  YOLO_TRY(yolo_text_format(to, "\"truths\":%zu", r->curves.classes[k].truths));
  for (int i = 0; i < 2; ++i) {
    if (!r->kinds[i].scored) continue;
    YOLO_TRY(yolo_text_format(to, ",\"%s\":", keys[i]));
    YOLO_TRY(put_numbers(to, r->kinds[i].class_numbers[k]));
  }
  YOLO_TRY(yolo_text_format(to, ",\"best\":"));
  YOLO_TRY(put_best(&r->curves.classes[k].best, to));
  for (int i = 0; i < 2; ++i) {
    const yolo_voc_result *v = &r->kinds[i].voc;
    if (v->classes && k < v->n_classes) YOLO_TRY(yolo_text_format(to, ",\"voc%s\":%.17g", i ? "_segm" : "", v->classes[k].ap));
  }
  st = yolo_text_format(to, "}");
done:
  return st;
}

static yolo_status put_curves(const yolo_eval_report *r, yolo_text *to) {
  const yolo_eval_curve *all = &r->curves.all;
  double confidence[YOLO_EVAL_CURVE_POINTS];
  yolo_status st = YOLO_OK;
  for (int i = 0; i < YOLO_EVAL_CURVE_POINTS; ++i) confidence[i] = yolo_eval_curve_confidence(&r->curves, i);
  YOLO_TRY(yolo_text_format(to, ",\n\"curves\":{\"iou\":%.17g,\"best\":", r->curves.iou));
  YOLO_TRY(put_best(&all->best, to));
  YOLO_TRY(yolo_text_format(to, ",\n"));
  YOLO_TRY(put_list(to, "confidence", confidence, YOLO_EVAL_CURVE_POINTS));
  YOLO_TRY(yolo_text_format(to, ",\n"));
  YOLO_TRY(put_list(to, "precision", all->precision, YOLO_EVAL_CURVE_POINTS));
  YOLO_TRY(yolo_text_format(to, ",\n"));
  YOLO_TRY(put_list(to, "recall", all->recall, YOLO_EVAL_CURVE_POINTS));
  YOLO_TRY(yolo_text_format(to, ",\n"));
  YOLO_TRY(put_list(to, "F1", all->f1, YOLO_EVAL_CURVE_POINTS));
  st = yolo_text_format(to, "}");
done:
  return st;
}

static yolo_status put_confusion(const yolo_eval_report *r, yolo_text *to) {
  const yolo_eval_confusion *c = &r->confusion;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(to,
                            ",\n\"confusion\":{\"iou\":%.17g,\"confidence\":%.17g,\"rows\":\"truth\",\"last\":\"background\","
                            "\"counts\":[",
                            c->iou, c->confidence));
  for (int t = 0; t < c->n; ++t) {
    YOLO_TRY(yolo_text_format(to, "%s\n[", t ? "," : ""));
    for (int d = 0; d < c->n; ++d) YOLO_TRY(yolo_text_format(to, "%s%zu", d ? "," : "", c->counts[t * c->n + d]));
    YOLO_TRY(yolo_text_format(to, "]"));
  }
  st = yolo_text_format(to, "]}");
done:
  return st;
}

static yolo_status put_all(const eval_job *job, outfile *file) {
  const yolo_eval_report *r = &job->report;
  yolo_text *to = &file->text;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(to, "{"));
  YOLO_TRY(put_kinds(r, to));
  YOLO_TRY(put_protocol(job, to));
  YOLO_TRY(put_intervals(r, to));
  YOLO_TRY(put_voc(r, to));
  YOLO_TRY(yolo_text_format(to, ",\n\"per_class\":["));
  for (int k = 0; k < r->n_classes; ++k) {
    YOLO_TRY(put_class(r, k, to));
    YOLO_TRY(outfile_flush(file));
  }
  YOLO_TRY(yolo_text_format(to, "]"));
  YOLO_TRY(put_curves(r, to));
  YOLO_TRY(put_confusion(r, to));
  st = yolo_text_format(to, "}\n");
done:
  return st;
}

yolo_status eval_write_json(const eval_job *job) {
  outfile file = {0};
  yolo_status st = outfile_open(job->args->json, &file);
  if (st == YOLO_OK) st = put_all(job, &file);
  if (st == YOLO_OK) st = outfile_commit(&file);
  outfile_close(&file);
  return st;
}
