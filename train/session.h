/* A training in memory: network, losses, optimiser, average; one step at a time. Files, epochs and people are run.h's.
 *
 *   for each step: for each part of its images: forward -> losses (value and gradient at the heads) -> backward; then clip,
 * update, average. The gradient of a step is the mean over its images, however they are cut into parts. */
#ifndef YOLO_TRAIN_SESSION_H
#define YOLO_TRAIN_SESSION_H

#include "backbone/graph/trainer.h"
#include "datasets/loader.h"
#include "detect/model.h"
#include "train/loss_trace.h"
#include "train/optim/optimizer.h"
#include "train/optim/schedule.h"
#include "train/train_settings.h"

enum { YOLO_SESSION_MOST_GROUPS = 4 };

/* Heads that one loss sees together. */
typedef struct yolo_session_group {
  const yolo_loss_def *loss;
  void *attrs;
  int n_heads;
  yolo_loss_head heads[8];
  int nodes[8]; /* of the trainer's graph */
  yolo_loss_scratch scratch;
} yolo_session_group;

/* Parameters that are treated alike: weights (decay), batch norm's and other weights (no decay), biases (a rate of their own in
 * the warm-up). */
enum { YOLO_RANGE_WEIGHT, YOLO_RANGE_PLAIN, YOLO_RANGE_BIAS };
typedef struct yolo_session_ranges {
  yolo_optimizer_range *items; /* owned */
  int *kinds;                  /* owned: YOLO_RANGE_* */
  int count;
} yolo_session_ranges;

typedef struct yolo_session {
  const yolo_train_settings *settings;
  const yolo_model_spec *spec; /* the graph that is trained; heads */
  int width, height;           /* before multi-scale */
  int threads;
  yolo_trainer *trainer;
  yolo_optimizer optimizer;
  yolo_schedule schedule;
  yolo_session_ranges ranges;
  yolo_session_group groups[YOLO_SESSION_MOST_GROUPS];
  int n_groups;
  float *ema; /* as the trainer's values; NULL: no average is kept */
  size_t n_values;
  uint64_t seen; /* images */
  /* of the current part */
  yolo_truths *truths;
  yolo_truth *truth_items;
  int truths_room, truth_items_room;
} yolo_session;

/* `steps_per_epoch` gives settings in epochs their meaning in steps. The spec must stay. Parameters are drawn; load others with
 * yolo_trainer_load and call yolo_session_restart_average. */
yolo_status yolo_session_new(const yolo_model_spec *spec, const yolo_train_settings *settings, double steps_per_epoch,
                             yolo_session *out);
void yolo_session_release(yolo_session *session);
/* The loss of a head: [train] loss, else `loss` of its section, else its default. */
yolo_status yolo_session_choose_loss(const yolo_model_spec *spec, const yolo_train_settings *settings, const yolo_head *head,
                                     const yolo_loss_def **out);
/* The average begins anew at the current values. */
void yolo_session_restart_average(yolo_session *session);

/* Forward, losses and backward of some images of a step that has `nominal` in all. Gradients add up. */
yolo_status yolo_session_part(yolo_session *session, const yolo_batch *batch, int nominal, yolo_loss_report *out);
/* Forward as in inference and the losses, without gradients: what the network makes of these images now. For each group a
 * report and traces[group * batch->count + image]; traces NULL: only the numbers. */
yolo_status yolo_session_look(yolo_session *session, const yolo_batch *batch, yolo_loss_trace *traces,
                              yolo_loss_report reports[YOLO_SESSION_MOST_GROUPS]);
typedef struct yolo_step_report {
  double lr, gradient_norm;
} yolo_step_report;
/* Update and average; gradients are cleared. A norm that is not finite is YOLO_EINVAL and changes nothing. */
yolo_status yolo_session_update(yolo_session *session, yolo_step_report *out);

/* The values that are judged and kept: the average, else the parameters. */
const float *yolo_session_best_values(const yolo_session *session);

#endif
