/* What `yolo eval` tells people: the protocol beside the numbers, COCOeval's twelve lines as everybody knows them, and more. */
#include "cli/eval_job.h"

static const char *const kind_names[] = {"boxes", "masks"};

/* ---- the twelve lines ---- */

static void say_lines(const yolo_eval_kind *kind) {
  static const char *const areas[] = {"all", "all", "all", "small", "medium", "large",
                                      "all", "all", "all", "small", "medium", "large"};
  const yolo_eval_params *p = &kind->result.params;
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) {
    char iou[32];
    int m = i < 6 ? 2 : i < 9 ? i - 6 : 2;
    if (m >= p->n_limits) m = p->n_limits - 1;
    if (i == 0 && yolo_eval_limit_index(p, 100) >= 0) m = yolo_eval_limit_index(p, 100);
    if (i == 1 || i == 2) {
      snprintf(iou, sizeof iou, "%.2f", i == 1 ? 0.5 : 0.75);
    } else {
      snprintf(iou, sizeof iou, "%.2f:%.2f", p->ious[0], p->ious[p->n_ious - 1]);
    }
    cli_say(" %-18s %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %0.3f\n", i < 6 ? "Average Precision" : "Average Recall",
            i < 6 ? "(AP)" : "(AR)", iou, areas[i], p->limits[m], kind->numbers[i]);
  }
}

static void say_interval(const char *name, double value, const yolo_eval_interval *i) {
  if (i->low >= 0) cli_say("%s %.4f (%.4f to %.4f)", name, value, i->low, i->high);
}

static void say_kind(const eval_job *job, int which) {
  const yolo_eval_kind *kind = &job->report.kinds[which];
  const yolo_eval_bootstrap *b = &kind->bootstrap;
  if (!kind->scored) return;
  cli_say("\nCOCO, %s:\n", kind_names[which]);
  say_lines(kind);
  if (b->draws == 0 || b->ap.low < 0) return;
  say_interval("AP", kind->numbers[0], &b->ap);
  if (b->ap50.low >= 0) cli_say("; ");
  say_interval("AP50", kind->numbers[1], &b->ap50);
  cli_say(": in brackets 95%% of %d samples of the images (seed %llu)\n", b->draws, (unsigned long long)b->seed);
}

/* ---- the rest ---- */

static void say_voc(const yolo_eval_report *r, int which) {
  static const char *const things[] = {"box", "mask"};
  const yolo_voc_result *v = &r->kinds[which].voc;
  if (!v->classes) return;
  cli_say("Pascal VOC %s%s: mAP %.4f (%s; a %s is right from IoU %.2g on with its one best truth; difficult ones left out)\n",
          v->rule == YOLO_VOC_2007 ? "2007" : "2012", which == YOLO_EVAL_MASK ? ", masks" : "", v->mean_ap,
          v->rule == YOLO_VOC_2007 ? "precision at 11 recalls" : "area under the curve", things[which], v->iou);
}

static void say_best(const eval_job *job) {
  const yolo_eval_report *r = &job->report;
  const yolo_eval_best *b = &r->curves.all.best;
  if (b->f1 < 0) return;
  cli_say("Best F1 %.4f at confidence %.4g: precision %.4f, recall %.4f (%s, IoU %.4g, all classes together)\n", b->f1,
          b->confidence, b->precision, b->recall, kind_names[r->main_kind], r->curves.iou);
}

static void say_number(double value) {
  if (value < 0) {
    cli_say(" %6s", "-");
  } else {
    cli_say(" %6.3f", value);
  }
}

static void say_classes(const eval_job *job) {
  static const int columns[] = {0, 1, 2, 3, 4, 5, 8};
  const yolo_eval_report *r = &job->report;
  const yolo_voc_result *voc = &r->kinds[r->main_kind].voc;
  const int n = sizeof columns / sizeof *columns;
  char name[CLI_NAME_MAX];
  cli_say("\n%-20s %8s", kind_names[r->main_kind], "objects");
  for (int i = 0; i < n; ++i) cli_say(" %6s", yolo_eval_number_names[columns[i]]);
  cli_say(" %6s %6s %6s %6s%s\n", "P", "R", "F1", "conf", voc->classes ? "    VOC" : "");
  for (int k = 0; k < r->n_classes; ++k) {
    const yolo_eval_curve *c = &r->curves.classes[k];
    const char *label = r->options.params.class_agnostic ? "all" : yolo_eval_truths_class_name(r->truths, k);
    cli_say("%-20.40s %8zu", cli_printable(label, name), c->truths);
    for (int i = 0; i < n; ++i) say_number(r->kinds[r->main_kind].class_numbers[k][columns[i]]);
    say_number(c->best.precision);
    say_number(c->best.recall);
    say_number(c->best.f1);
    say_number(c->best.confidence);
    if (voc->classes && k < voc->n_classes) say_number(voc->classes[k].ap);
    cli_say("\n");
  }
}

static void say_confusion(const eval_job *job) {
  enum { MOST = 5 };
  const yolo_eval_report *r = &job->report;
  const yolo_eval_confusion *c = &r->confusion;
  yolo_eval_mix_up list[MOST];
  size_t right = 0, missed = 0, invented = 0;
  char a[CLI_NAME_MAX], b[CLI_NAME_MAX];
  int n = yolo_eval_confusion_worst(c, list, MOST);
  for (int k = 0; k < c->n - 1; ++k) {
    right += c->counts[k * c->n + k];
    missed += c->counts[k * c->n + c->n - 1];
    invented += c->counts[(c->n - 1) * c->n + k];
  }
  cli_say("\nAt confidence %.4g and IoU %.4g: %zu right, %zu missed, %zu found where nothing is", r->confidence, c->iou, right,
          missed, invented);
  for (int i = 0; i < n; ++i) {
    cli_say("%s %s taken for %s %zu",
            i ? "," : "; mixed up:", cli_printable(yolo_eval_truths_class_name(r->truths, list[i].truth), a),
            cli_printable(yolo_eval_truths_class_name(r->truths, list[i].detection), b), list[i].count);
  }
  cli_say("\n");
}

void eval_print(const eval_job *job) {
  const eval_pace *p = &job->pace;
  eval_facts_say(&job->facts);
  for (int i = 0; i < 2; ++i) say_kind(job, i);
  cli_say("\n");
  for (int i = 0; i < 2; ++i) say_voc(&job->report, i);
  say_best(job);
  if (p->images)
    cli_say("%s: load %.1f, network %.1f, post %.1f ms an image\n", cli_plural((unsigned long)p->images, "image"), p->load_ms,
            p->network_ms, p->post_ms);
  if (!job->args->per_class) return;
  say_classes(job);
  say_confusion(job);
}
