/* yolo explain --gradcheck: analytic against numeric gradients of a network, layer by layer. */
#include "cli/cli.h"
#include "cli/explain.h"

yolo_status explain_gradcheck(const explain_job *job) {
  explain_model model = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(explain_open_model(job, job->word, NULL, 0, &model));
  cli_say("%s\n", model.choice.shown);
done:
  explain_model_release(&model);
  return st;
}
