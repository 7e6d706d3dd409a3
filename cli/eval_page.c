/* yolo eval --report FILE: the page of a run. The file is opened first, so that nothing is run for a page that cannot be
 * written. */
#include "backbone/base/paths.h"
#include "cli/eval_job.h"
#include "train/report/eval_page.h"

yolo_status eval_page_open(eval_job *job) {
  const char *path = job->args->report;
  yolo_status st = YOLO_OK;
  if (!path) return YOLO_OK;
  if (!outfile_is_stdout(path)) YOLO_TRY(yolo_path_make_parent(path));
  st = outfile_open(path, &job->page);
done:
  return st;
}

yolo_status eval_page_title(const eval_job *job, yolo_text *out) {
  const eval_args *a = job->args;
  const model_args *m = &a->detect.model;
  const char *what = a->dt ? a->dt : m->model ? m->model : m->weights ? m->weights : m->cfg;
  char one[CLI_NAME_MAX], other[CLI_NAME_MAX];
  return yolo_text_format(out, "%s scored on %s", cli_printable(yolo_basename(what), one),
                          cli_printable(job->truth_name, other));
}

yolo_status eval_write_page(eval_job *job) {
  const eval_pace *p = &job->pace;
  yolo_html_fact facts[EVAL_MOST_FACTS];
  yolo_text title = {0};
  yolo_status st = YOLO_OK;
  if (!job->args->report) return YOLO_OK;
  eval_facts_list(&job->facts, facts);
  YOLO_TRY(eval_page_title(job, &title));
  const yolo_eval_page page = {.report = &job->report,
                               .title = title.data,
                               .facts = facts,
                               .n_facts = job->facts.n,
                               .load_ms = p->load_ms,
                               .network_ms = p->network_ms,
                               .post_ms = p->post_ms,
                               .images_run = (size_t)p->images,
                               .pictures = YOLO_EVAL_PAGE_PICTURES};
  YOLO_TRY(yolo_eval_page_write(&page, &job->page.text));
  st = outfile_commit(&job->page);
done:
  yolo_text_free(&title);
  return st;
}
