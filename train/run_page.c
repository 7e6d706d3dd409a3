/* report.html in a run's folder: what was trained, its curves, and the best model's validation. See report/train_page.h.
 *
 * The sections of the best model are made when it is judged and kept as text; the page is written anew after each epoch. A run
 * that went on judges best.safetensors once more, so that its page is that of a run without a break. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "train/report/classify_page.h"
#include "train/report/eval_page.h"
#include "train/report/train_page.h"
#include "train/run_parts.h"

enum { DRAWS = 1000, FEW_DRAWS = 200, LARGE_SET = 100000, MOST_FACTS = 12 }; /* intervals as in `yolo eval` */

/* ---- the best model ---- */

static yolo_status tell_detector(yolo_run *run, yolo_validation_details *d) {
  yolo_eval_kind *boxes = &d->report.kinds[YOLO_EVAL_BOX];
  const int draws = d->results.n > LARGE_SET ? FEW_DRAWS : DRAWS;
  const yolo_eval_page page = {.report = &d->report, .pictures = YOLO_EVAL_PAGE_PICTURES};
  d->report.options.draws = draws;
  yolo_status st = yolo_eval_bootstrap_run(&boxes->matches, draws, 0, &boxes->bootstrap);
  return st == YOLO_OK ? yolo_eval_page_sections(&page, &run->judged) : st;
}

static yolo_status tell_classifier(yolo_run *run, const yolo_validation_details *d) {
  const yolo_classify_page page = {.topk = &d->topk, .names = (const char *const *)run->spec.names};
  return yolo_classify_page_sections(&page, &run->judged);
}

yolo_status yolo_run_tell_best(yolo_run *run, yolo_validation_details *details) {
  run->judged.length = 0;
  yolo_status st = details->report.truths ? tell_detector(run, details) : tell_classifier(run, details);
  if (st != YOLO_OK) yolo_text_free(&run->judged);
  return st;
}

static bool asked_to_stop(void *payload, size_t done, size_t total) {
  const yolo_run *run = payload;
  (void)done;
  (void)total;
  return run->events.stop && run->events.stop(run->events.payload);
}

/* The best model is on the disk only: the run went on. Asked to stop, it leaves the page without these sections; a file that
 * somebody took away is said. */
static yolo_status judge_again(yolo_run *run) {
  yolo_model_options how = {.device = "cpu", .threads = run->config->train.threads};
  yolo_validation_details details = {0};
  yolo_validation ignored;
  yolo_validation_options options = {
      .threads = run->config->train.threads, .stop = asked_to_stop, .payload = run, .details = &details};
  yolo_model *model = NULL;
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_path(run, "best.safetensors", &path));
  st = yolo_model_load(path, &how, &model);
  if (st == YOLO_OK) {
    model->spec.preprocess = run->judge->spec.preprocess;
    st = yolo_validate(model, run->val, &run->truths, &options, &ignored);
  }
  if (st == YOLO_OK) st = yolo_run_tell_best(run, &details);
  if (st != YOLO_OK && st != YOLO_ENOMEM) {
    if (st != YOLO_ECANCELLED) yolo_run_note(run, "report.html says nothing of the best model: %s", yolo_error_message());
    st = YOLO_OK;
  }
done:
  yolo_validation_details_release(&details);
  yolo_model_free(model);
  yolo_free(path);
  return st;
}

/* ---- facts ---- */

typedef struct facts {
  yolo_html_fact items[MOST_FACTS];
  yolo_text texts[MOST_FACTS];
  int n;
} facts;

static yolo_text *next_fact(facts *f, const char *name) {
  f->items[f->n].name = name;
  return &f->texts[f->n++];
}

enum { COUNT_MAX = 32 };
/* 1143074 -> "1,143,074" */
static const char *count(long value, char to[COUNT_MAX]) {
  char digits[COUNT_MAX];
  const int n = snprintf(digits, sizeof digits, "%ld", value);
  int at = 0;
  for (int i = 0; i < n && at < COUNT_MAX - 2; ++i) {
    to[at++] = digits[i];
    if ((n - 1 - i) % 3 == 0 && i + 1 < n) to[at++] = ',';
  }
  to[at] = '\0';
  return to;
}

static yolo_status tell_data(const yolo_run *run, facts *f) {
  const yolo_run_plan *p = &run->plan;
  yolo_text *to = next_fact(f, "Data");
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(to, "%zu images with %zu objects of %d classes (", p->train_images, p->train_objects, p->classes));
  for (int k = 0; k < run->spec.n_names && k < 8; ++k)
    YOLO_TRY(yolo_text_format(to, "%s%s", k ? ", " : "", run->spec.names[k]));
  YOLO_TRY(yolo_text_format(to, "%s); ", run->spec.n_names > 8 ? " ..." : ""));
  st = run->val ? yolo_text_format(to, "validation: %zu images, %zu objects", p->val_images, p->val_objects)
                : yolo_text_format(to, "nothing is validated");
done:
  return st;
}

static yolo_status tell_network(const yolo_run *run, facts *f) {
  const yolo_run_plan *p = &run->plan;
  const yolo_model_settings *m = &run->config->model;
  const char *from = m->weights ? m->weights : m->file && yolo_has_suffix(m->file, ".safetensors") ? m->file : NULL;
  char all[COUNT_MAX], learned[COUNT_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(next_fact(f, "Network"), "%s, input %dx%d, %s parameters, of which %s learn; loss %s", p->model,
                            p->width, p->height, count(p->parameters, all), count(p->learned, learned), p->losses));
  st = yolo_text_format(next_fact(f, "Began with"), "%s%s", from ? "weights of " : "random weights",
                        from ? yolo_basename(from) : "");
done:
  return st;
}

/* "key = value" of rows that differ; what changes no result (threads) is left out. */
static yolo_status tell_changes(const yolo_setting_section *section, const void *now, const void *fallback, yolo_text *to) {
  yolo_text a = {0}, b = {0};
  yolo_status st = YOLO_OK;
  for (const yolo_setting *row = section->rows; row->name; ++row) {
    if (strcmp(row->name, "threads") == 0) continue;
    a.length = b.length = 0;
    YOLO_TRY(yolo_settings_show(row, now, &a));
    YOLO_TRY(yolo_settings_show(row, fallback, &b));
    if (a.length == b.length && memcmp(a.data ? a.data : "", b.data ? b.data : "", a.length) == 0) continue;
    YOLO_TRY(yolo_text_format(to, "%s%s.%s = %s", to->length ? ", " : "", section->name, row->name, a.data ? a.data : ""));
  }
done:
  yolo_text_free(&a);
  yolo_text_free(&b);
  return st;
}

/* A choice by its name. */
static yolo_status show(const yolo_setting_section *section, const char *key, const void *values, yolo_text *to) {
  return yolo_settings_show(yolo_settings_find(section, key), values, to);
}

static yolo_status tell_optimizer(const yolo_run *run, facts *f) {
  const yolo_train_settings *t = &run->config->train;
  yolo_text *to = next_fact(f, "Optimizer");
  yolo_status st = YOLO_OK;
  YOLO_TRY(show(&yolo_train_section, "optimizer", t, to));
  YOLO_TRY(yolo_text_format(to, ", learning rate %g, schedule ", t->lr));
  YOLO_TRY(show(&yolo_train_section, "schedule", t, to));
  YOLO_TRY(yolo_text_format(to, ", warm-up %g epochs, weight decay %g, ", t->warmup, t->decay));
  YOLO_TRY(t->ema > 0 ? yolo_text_format(to, "average of the weights %g, ", t->ema) : YOLO_OK);
  st = yolo_text_format(to, "seed %d", t->seed);
done:
  return st;
}

static yolo_status tell_progress(const yolo_run *run, facts *f) {
  const yolo_checkpoint_state *s = &run->state;
  yolo_status st = yolo_text_format(next_fact(f, "Epochs"), "%d of %d done, each of %d steps with %d images", s->next_epoch,
                                    run->config->train.epochs, run->steps, run->config->train.batch);
  if (st != YOLO_OK || !run->val || s->best_epoch < 0) return st;
  return yolo_text_format(next_fact(f, "Best"), "%s %.4f after epoch %d",
                          run->judge->spec.heads[0].def->scores ? "top-1" : "mAP50-95", s->best_score, s->best_epoch + 1);
}

static yolo_status tell_settings(const yolo_run *run, facts *f) {
  const yolo_config *c = run->config;
  const yolo_train_settings *t = &c->train;
  yolo_config plain = {0};
  yolo_text *to;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_defaults(&plain));
  to = next_fact(f, "Settings");
  YOLO_TRY(tell_changes(&yolo_train_section, t, &plain.train, to));
  plain.augment.preset = c->augment.preset;
  yolo_augment_use_preset(&plain.augment, (yolo_augment_preset)c->augment.preset);
  YOLO_TRY(yolo_text_format(to, "%saugment.preset = ", to->length ? ", " : ""));
  YOLO_TRY(show(&yolo_augment_section, "preset", &c->augment, to));
  YOLO_TRY(tell_changes(&yolo_augment_section, &c->augment, &plain.augment, to));
  st = yolo_text_format(to, "; the others have their defaults (data.cfg holds all)");
done:
  yolo_config_release(&plain);
  return st;
}

/* ---- the page ---- */

static yolo_status make_page(const yolo_run *run, yolo_text *to) {
  facts f = {.n = 0};
  yolo_text title = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&title, "Training of %s", run->model_name));
  YOLO_TRY(tell_network(run, &f));
  YOLO_TRY(tell_data(run, &f));
  YOLO_TRY(tell_optimizer(run, &f));
  YOLO_TRY(tell_settings(run, &f));
  YOLO_TRY(tell_progress(run, &f));
  for (int i = 0; i < f.n; ++i) f.items[i].text = f.texts[i].data;
  const yolo_train_page page = {.title = title.data,
                                .facts = f.items,
                                .n_facts = f.n,
                                .csv = run->csv.data,
                                .best_epoch = run->val ? run->state.best_epoch + 1 : 0,
                                .judged = run->judged.length ? run->judged.data : NULL};
  st = yolo_train_page_write(&page, to);
done:
  for (int i = 0; i < f.n; ++i) yolo_text_free(&f.texts[i]);
  yolo_text_free(&title);
  return st;
}

yolo_status yolo_run_write_page(yolo_run *run) {
  yolo_text page = {0};
  char *path = NULL;
  yolo_status st = YOLO_OK;
  if (run->val && run->state.best_epoch >= 0 && run->judged.length == 0) YOLO_TRY(judge_again(run));
  YOLO_TRY(yolo_run_path(run, "report.html", &path));
  YOLO_TRY(make_page(run, &page));
  st = yolo_write_file(path, page.data, page.length);
done:
  yolo_free(path);
  yolo_text_free(&page);
  return st;
}
