/* yolo eval DATA --model M, where every image has a class: top-1 and top-5. Images are those of the dataset, from files or
 * embedded (MNIST, CIFAR). */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/eval_job.h"
#include "train/eval/topk.h"
#include "train/report/classify_page.h"

typedef struct classify_run {
  eval_job *job;
  model_choice choice;
  yolo_model *model;
  yolo_context *context;
  int *classes; /* of the dataset -> of the model */
  yolo_topk topk;
  progress bar;
  size_t unlabelled;
} classify_run;

static yolo_status open_model(classify_run *r) {
  const model_args *m = &r->job->args->detect.model;
  yolo_status st = model_args_resolve(m, NULL, &r->choice);
  if (st == YOLO_OK && !r->choice.path)
    st = yolo_fail(YOLO_EINVAL, "'%s' is a network without weights: add --weights FILE", r->choice.shown);
  if (st == YOLO_OK) st = yolo_model_load(r->choice.path, &r->choice.options, &r->model);
  if (st == YOLO_OK && !model_is_classifier(&r->model->spec))
    st = yolo_fail(YOLO_EINVAL, "'%s' is a detector, but the truth has a class an image, not boxes", r->choice.shown);
  return st == YOLO_OK ? yolo_context_new(r->model, &r->context) : st;
}

static int find_class(const yolo_model *model, const char *name) {
  for (int i = 0; i < yolo_model_classes(model); ++i) {
    const char *other = yolo_model_class_name(model, i);
    if (other && strcmp(name, other) == 0) return i;
  }
  return -1;
}

static yolo_status map_classes(classify_run *r) {
  const yolo_dataset *d = r->job->dataset;
  const char *known = yolo_model_class_name(r->model, 0);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(r->classes = yolo_alloc_array(d->n_classes, sizeof *r->classes));
  for (size_t i = 0; i < d->n_classes; ++i) {
    const char *name = yolo_dataset_class_name(d, (int)i);
    r->classes[i] = find_class(r->model, name);
    if (r->classes[i] >= 0) continue;
    st = yolo_fail(YOLO_EINVAL,
                   "the model does not know the class '%s' of the truth (it knows %s, such as '%s'); name its classes "
                   "with --names FILE",
                   name, cli_plural((unsigned)yolo_model_classes(r->model), "class"), known ? known : "?");
    goto done;
  }
  st = yolo_topk_new(yolo_model_classes(r->model), &r->topk);
done:
  return st;
}

static yolo_status run_image(classify_run *r, size_t index) {
  const yolo_dataset *d = r->job->dataset;
  eval_pace *pace = &r->job->pace;
  yolo_image image = {0};
  yolo_result *result = NULL;
  double start = yolo_now_ms();
  yolo_status st = yolo_dataset_load_image(d, index, &image);
  if (st != YOLO_OK) {
    cli_complain("%s (counted as wrong)", yolo_error_message());
    ++pace->failed;
    return YOLO_OK;
  }
  const yolo_pixels pixels = yolo_image_pixels(&image);
  pace->load_ms += yolo_now_ms() - start;
  st = yolo_detect_batch(r->context, &pixels, 1, NULL, &result);
  if (st == YOLO_OK) {
    pace->load_ms += result->load_ms;
    pace->network_ms += result->network_ms;
    pace->post_ms += result->post_ms;
    ++pace->images;
    yolo_topk_add(&r->topk, result->scores, r->classes[d->images[index].label]);
  }
  yolo_result_free(result);
  yolo_image_release(&image);
  return st;
}

/* An image that cannot be read is one that is not recognised. */
static double share(const classify_run *r, size_t right) {
  size_t all = r->topk.all.images + (size_t)r->job->pace.failed;
  return all ? (double)right / (double)all : 0;
}

static void print(const classify_run *r) {
  const eval_pace *p = &r->job->pace;
  const double n = p->images ? (double)p->images : 1;
  char line[CLI_NAME_MAX], name[CLI_NAME_MAX];
  if (model_describe(r->choice.shown, &r->model->spec, line, sizeof line) == YOLO_OK) cli_say("%s\n", line);
  cli_say("%s: %s of %s", cli_printable(r->job->truth_name, name),
          cli_plural((unsigned long long)(r->topk.all.images + (size_t)p->failed), "image"),
          cli_plural((unsigned long long)r->job->dataset->n_classes, "class"));
  if (r->unlabelled) cli_say(" (%zu more have none and are not scored)", r->unlabelled);
  cli_say("\ntop-1 %.4f   top-5 %.4f\n", share(r, r->topk.all.top1), share(r, r->topk.all.top5));
  if (r->job->args->per_class) cli_say("\n  %-24s %8s %7s %7s\n", "class", "images", "top-1", "top-5");
  for (int k = 0; r->job->args->per_class && k < r->topk.n_classes; ++k) {
    const yolo_topk_class *c = &r->topk.classes[k];
    if (!c->images) continue;
    cli_say("  %-24s %8zu %7.4f %7.4f\n", cli_printable(yolo_model_class_name(r->model, k), name), c->images,
            (double)c->top1 / (double)c->images, (double)c->top5 / (double)c->images);
  }
  cli_say("load %.1f, network %.1f, post %.1f ms an image\n", p->load_ms / n, p->network_ms / n, p->post_ms / n);
}

/* The scores, and how they came about. */
static yolo_status put_json(const classify_run *r, yolo_text *to) {
  const eval_job *job = r->job;
  const eval_pace *p = &job->pace;
  const double n = p->images ? (double)p->images : 1;
  char line[CLI_NAME_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(model_describe(r->choice.shown, &r->model->spec, line, sizeof line));
  YOLO_TRY(yolo_text_format(to, "{\"top1\":%.17g,\"top5\":%.17g,\"images\":%zu,\n\"protocol\":{\"truth\":",
                            share(r, r->topk.all.top1), share(r, r->topk.all.top5), r->topk.all.images + (size_t)p->failed));
  YOLO_TRY(yolo_text_json_string(to, job->truth_name));
  if (job->split) YOLO_TRY(yolo_text_format(to, ",\"split\":\"%s\"", job->split));
  YOLO_TRY(yolo_text_format(to, ",\"unlabelled\":%zu,\"failed\":%ld,\"model\":", r->unlabelled, p->failed));
  YOLO_TRY(yolo_text_json_string(to, line));
  st = yolo_text_format(to, ",\"load_ms\":%.3f,\"network_ms\":%.3f,\"post_ms\":%.3f}}\n", p->load_ms / n, p->network_ms / n,
                        p->post_ms / n);
done:
  return st;
}

static yolo_status write_json(const classify_run *r) {
  outfile file = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(outfile_open(r->job->args->json, &file));
  YOLO_TRY(put_json(r, &file.text));
  st = outfile_commit(&file);
done:
  outfile_close(&file);
  return st;
}

/* ---- the page ---- */

static yolo_status put_page(const classify_run *r, const char *title, const char *const *names) {
  const eval_pace *p = &r->job->pace;
  const double n = p->images ? (double)p->images : 1;
  yolo_html_fact facts[EVAL_MOST_FACTS];
  eval_facts_list(&r->job->facts, facts);
  const yolo_classify_page page = {.title = title,
                                   .facts = facts,
                                   .n_facts = r->job->facts.n,
                                   .topk = &r->topk,
                                   .names = names,
                                   .failed = (size_t)p->failed,
                                   .load_ms = p->load_ms / n,
                                   .network_ms = p->network_ms / n,
                                   .post_ms = p->post_ms / n,
                                   .images_run = r->topk.all.images};
  return yolo_classify_page_write(&page, &r->job->page.text);
}

static yolo_status write_page(const classify_run *r) {
  eval_job *job = r->job;
  const int n = r->topk.n_classes;
  char name[CLI_NAME_MAX], line[CLI_NAME_MAX];
  const char **names = NULL;
  yolo_text title = {0};
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(names = yolo_alloc_array((size_t)n, sizeof *names));
  for (int k = 0; k < n; ++k) names[k] = yolo_model_class_name(r->model, k);
  YOLO_TRY(model_describe(r->choice.shown, &r->model->spec, line, sizeof line));
  YOLO_TRY(eval_facts_add(&job->facts, "Truth", "%s%s%s, %s of %s", cli_printable(job->truth_name, name),
                          job->split ? ", split " : "", job->split ? job->split : "",
                          cli_plural(job->dataset->n_images, "image"), cli_plural(job->dataset->n_classes, "class")));
  if (r->unlabelled) YOLO_TRY(eval_facts_add(&job->facts, "Not scored", "%zu without a class", r->unlabelled));
  YOLO_TRY(eval_facts_add(&job->facts, "Model", "%s", line));
  YOLO_TRY(eval_page_title(job, &title));
  YOLO_TRY(put_page(r, title.data, names));
  st = outfile_commit(&job->page);
done:
  yolo_free(names);
  yolo_text_free(&title);
  return st;
}

static yolo_status run_all(classify_run *r) {
  const yolo_dataset *d = r->job->dataset;
  yolo_status st = YOLO_OK;
  progress_start(&r->bar, (int)d->n_images, !r->job->args->quiet);
  cli_catch_interrupts();
  for (size_t i = 0; i < d->n_images && st == YOLO_OK; ++i) {
    if (cli_stop_signal()) return yolo_fail(YOLO_ECANCELLED, "stopped after %zu of %zu images", i, d->n_images);
    if (d->images[i].label == YOLO_DATA_NO_LABEL) {
      ++r->unlabelled;
    } else {
      st = run_image(r, i);
    }
    progress_show(&r->bar, (int)i + 1);
  }
  cli_clear_bar();
  return st;
}

yolo_status eval_classify(eval_job *job) {
  classify_run r = {.job = job};
  yolo_status st = YOLO_OK;
  YOLO_TRY(open_model(&r));
  YOLO_TRY(map_classes(&r));
  YOLO_TRY(run_all(&r));
  if (!job->args->quiet) print(&r);
  if (job->args->json) YOLO_TRY(write_json(&r));
  if (job->args->report) YOLO_TRY(write_page(&r));
  job->classified = true;
done:
  yolo_topk_free(&r.topk);
  yolo_free(r.classes);
  yolo_context_free(r.context);
  yolo_model_free(r.model);
  model_choice_release(&r.choice);
  return st;
}
