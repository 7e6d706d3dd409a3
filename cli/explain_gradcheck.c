/* yolo explain --gradcheck: analytic against numeric gradients of a network, layer by layer. */
#include "train/explain/gradcheck.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "train/explain/explain_text.h"
#include "train/transfer.h"

typedef struct talk {
  int failed, unclear, rows;
  size_t left_out;
  int first_failed; /* layer; -1: none */
} talk;

static bool say_row(void *payload, const yolo_gradcheck_row *row) {
  static const char *const verdicts[] = {"right", "unclear: the differences are too uncertain here", "WRONG"};
  talk *t = payload;
  char count[CLI_COUNT_MAX];
  cli_say("%5d  %-16.16s  %-10s %12s  ", row->layer, row->kind ? row->kind : "", row->head ? "values" : "parameters",
          cli_count(row->checked, count));
  if (row->checked > 0)
    cli_say("%9.1e  %9.1e  %s\n", row->error, row->doubt, verdicts[row->verdict]);
  else
    cli_say("%9s  %9s  %s\n", "-", "-", verdicts[row->verdict]);
  cli_flush();
  t->rows++;
  t->left_out += row->skipped;
  t->unclear += row->verdict == YOLO_GRADCHECK_UNCLEAR;
  t->failed += row->verdict == YOLO_GRADCHECK_FAIL;
  if (row->verdict == YOLO_GRADCHECK_FAIL && t->first_failed < 0) t->first_failed = row->layer;
  return cli_stop_signal() == 0;
}

/* ---- setting up ---- */

/* Of all settings only the loss matters here. */
static yolo_status choose_loss(const args_texts *sets, yolo_config *config) {
  static const char key[] = "train.loss=";
  for (int i = 0; i < sets->count; ++i) {
    if (strncmp(sets->items[i], key, sizeof key - 1) != 0)
      return yolo_fail(YOLO_EINVAL, "--set %s: --gradcheck draws its own data; it only takes --set train.loss=NAME",
                       sets->items[i]);
    yolo_free(config->train.loss);
    config->train.loss = yolo_strdup(sets->items[i] + sizeof key - 1);
    if (!config->train.loss) return YOLO_ENOMEM;
  }
  return YOLO_OK;
}

static yolo_status open_session(const explain_job *job, const explain_model *model, yolo_config *config,
                                yolo_session *session) {
  const yolo_transfer_options options = {.path = model->weights};
  yolo_transfer_report report = {0};
  yolo_train_settings *t = &config->train;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_defaults(config));
  YOLO_TRY(choose_loss(&job->args->data.sets, config));
  if (model->spec.n_heads == 0) {
    st = yolo_fail(YOLO_EUNSUPPORTED, "%s has no head, so there is no loss whose gradient could be checked",
                   model->choice.shown);
    goto done;
  }
  t->ema = 0;
  t->threads = job->args->model.threads;
  YOLO_TRY(yolo_session_new(&model->spec, t, 1, session));
  if (model->weights) YOLO_TRY(yolo_transfer(session->trainer, &model->spec, &options, &report));
done:
  yolo_transfer_report_release(&report);
  return st;
}

static void say_begin(const explain_job *job, const explain_model *model, const yolo_session *s, const yolo_gradcheck *check) {
  int batch, width, height;
  yolo_gradcheck_size(check, &batch, &width, &height);
  if (!job->args->quiet) cli_say("%s\n", yolo_explain_gradcheck_text);
  cli_say("%s, %s; %d random pictures of %dx%d with random truths; loss", model->choice.shown,
          model->weights ? "its weights" : "random weights", batch, width, height);
  for (int g = 0; g < s->n_groups; ++g) cli_say("%s %s", g ? "," : "", s->groups[g].loss->name);
  cli_say("\n\n%5s  %-16s  %-10s %12s  %9s  %9s  %s\n", "layer", "kind", "of", "checked", "error", "doubt", "verdict");
}

static yolo_status say_end(const talk *t) {
  if (t->left_out > 0)
    cli_say("\n%s of heads left out: there the loss jumps, or defines its gradient itself (its file says how).\n",
            cli_plural(t->left_out, "value"));
  if (t->unclear > 0)
    cli_say("\n%s unclear; another size (--imgsz) may make the differences surer.\n", cli_plural((unsigned)t->unclear, "row"));
  if (t->failed == 0) {
    cli_say("\nNo gradient is wrong.\n");
    return YOLO_OK;
  }
  return yolo_fail(
      YOLO_EINVAL,
      "%d of %d gradients are wrong; nearest to the output is layer %d: look at its backward pass, and at those of "
      "the layers that read it",
      t->failed, t->rows, t->first_failed);
}

yolo_status explain_gradcheck(const explain_job *job) {
  const yolo_gradcheck_options options = {.width = job->args->model.size[0], .height = job->args->model.size[1], .seed = 1};
  explain_model model = {0};
  yolo_config config = {0};
  yolo_session session = {0};
  yolo_gradcheck *check = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_open_model(job, job->word, NULL, 0, &model));
  YOLO_TRY(open_session(job, &model, &config, &session));
  YOLO_TRY(yolo_gradcheck_new(&session, &options, &check));
  say_begin(job, &model, &session, check);
  talk t = {.first_failed = -1};
  cli_catch_interrupts();
  st = yolo_gradcheck_run(check, say_row, &t);
  if (st == YOLO_ECANCELLED)
    st = yolo_fail(st, "stopped after %s; the layers before these were not checked", cli_plural((unsigned)t.rows, "row"));
  if (st == YOLO_OK) st = say_end(&t);
done:
  yolo_gradcheck_free(check);
  yolo_session_release(&session);
  yolo_config_release(&config);
  explain_model_release(&model);
  return st;
}
