/* The state of a training in one file, the only one that resuming reads: parameters, running statistics, their average, the
 * optimiser's moments, and where the run stood. A safetensors file: Python reads it.
 *
 *   NAME            every parameter and buffer, in the disk layout      model.12.conv.weight
 *   ema.NAME        its average, where one is kept
 *   moment0.NAME, moment1.NAME   of the optimiser, for what is learned
 *   metadata        format, format_version, model_cfg, class_names, input, seed, optimizer, ema: what must be equal to go on;
 *                   step, seen, next_epoch, next_batch, best_score, best_epoch, without_better, report; two checksums
 *
 * PATH is written whole or not at all, and the file before it stays as PATH.prev: at no moment, whoever kills the program or
 * the machine, is there no readable one. */
#ifndef YOLO_TRAIN_CHECKPOINT_H
#define YOLO_TRAIN_CHECKPOINT_H

#include "train/session.h"

/* What a session does not know of its run. */
typedef struct yolo_checkpoint_state {
  int next_epoch, next_batch; /* where training goes on: the epoch, and the step within it; from 0 */
  double best_score;
  int best_epoch;     /* -1: nothing was validated yet, and best_score is 0 */
  int without_better; /* validations since the best */
  char *report;       /* a text of the caller's, given back as it is (UTF-8); NULL: none. After a load: yolo_free */
  char *damage;       /* after a load: what is wrong with PATH, where PATH.prev was read instead; NULL: nothing. yolo_free */
} yolo_checkpoint_state;

/* Between two steps: gradients are not kept. */
yolo_status yolo_checkpoint_save(const char *path, const yolo_session *session, const yolo_checkpoint_state *state);
/* Is there one to go on from, PATH or PATH.prev? */
bool yolo_checkpoint_exists(const char *path);
/* Into a session that was made for the same training; one of another network, seed ... is refused with the difference. Without
 * PATH, PATH.prev is read; where PATH is damaged, PATH.prev takes its place. After a failure the session's values are anything.
 */
yolo_status yolo_checkpoint_load(const char *path, yolo_session *session, yolo_checkpoint_state *out);

#endif
