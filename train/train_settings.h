/* [train] and [output] of data.cfg: how a network is trained, and where a run's files go. */
#ifndef YOLO_TRAIN_TRAIN_SETTINGS_H
#define YOLO_TRAIN_TRAIN_SETTINGS_H

#include "backbone/base/settings.h"

typedef struct yolo_train_settings {
  int epochs;
  int batch;     /* images of one step */
  int part;      /* images in memory at a time; 0: as many as fit, at most batch */
  int optimizer; /* yolo_optimizer_kind */
  double lr, momentum, beta1, beta2, eps, decay;
  bool nesterov;
  int schedule; /* yolo_schedule_kind */
  double lr_final, gamma, power, middle, rise, div;
  yolo_setting_list steps, scales; /* epochs; factors */
  double warmup, warmup_power, warmup_momentum, warmup_bias_lr;
  bool darknet_rates;
  double clip;
  double label_smoothing;
  double ema, ema_tau;
  int seed, threads;
  yolo_setting_list freeze;
  char *loss; /* NULL: what the head says */
  int validate_every, patience, plain_epochs;
} yolo_train_settings;

typedef struct yolo_output_settings {
  char *dir; /* NULL: runs/<name of the network>, -2, -3 ... where that is taken */
  int samples;
} yolo_output_settings;

extern const yolo_setting_section yolo_train_section, yolo_output_section;

#endif
