/* What is said of a training while it runs: the plan, a line an epoch, the end. Shared by `yolo train` and `yolo detector
 * train`.
 */
#ifndef YOLO_CLI_TRAIN_TALK_H
#define YOLO_CLI_TRAIN_TALK_H

#include "cli/progress.h"
#include "train/run.h"

typedef struct train_talk {
  bool quiet;
  progress bar;
  int epoch; /* the bar is of this one; -1: there was none */
} train_talk;

/* Events with `talk` as their payload; Ctrl-C stops. */
yolo_run_events train_talk_events(train_talk *talk);
void train_talk_epoch(const train_talk *talk, const yolo_epoch_report *report);
void train_talk_plan(const yolo_run *run);
/* data: as it was named on the command line. */
void train_talk_end(const yolo_run *run, const char *data);
/* The exit code of a training that ended with `st`; a failure is said, and of one that was stopped how it goes on. */
int train_talk_leave(const yolo_run *run, yolo_status st);

#endif
