/* What a Darknet cfg says about training, as settings of data.cfg: [net] with its batches, rates and optimiser, the
 * augmentation of [net] and [yolo], layers that do not learn.
 *
 * Darknet counts in iterations, one for a batch; settings count in epochs, so the number of images is asked for. Darknet's
 * defaults (parser.c of AlexeyAB/darknet) hold where a key is missing, and not those of `yolo train`. A key without a
 * counterpart is a note, or an error where training without it would be another training; none is passed over. docs/darknet.md
 * has the table. */
#ifndef YOLO_TRAIN_DARKNET_NET_H
#define YOLO_TRAIN_DARKNET_NET_H

#include "backbone/base/settings.h"
#include "backbone/cfg/cfg.h"

/* Zero-initialise; yolo_darknet_net_release. */
typedef struct yolo_darknet_net {
  yolo_setting_list sets; /* "section.key=value", as yolo_config_load takes them */
  yolo_text notes;        /* what has no counterpart: a sentence a line; no data: everything has */
  int batch;              /* images of an iteration */
  int iterations;         /* max_batches */
  int per_epoch;          /* iterations */
  int epochs;             /* whole ones: at least `iterations` */
} yolo_darknet_net;

/* images: of the training split. */
yolo_status yolo_darknet_net_read(const yolo_cfg *cfg, size_t images, yolo_darknet_net *out);
void yolo_darknet_net_release(yolo_darknet_net *net);

/* ---- for darknet_net_*.c ---- */

yolo_status yolo_darknet_net_set(yolo_darknet_net *net, const char *key, const char *value);
yolo_status yolo_darknet_net_set_number(yolo_darknet_net *net, const char *key, double value);
/* "FILE:LINE: [section]: key: WHY", once for a section's name and key. */
yolo_status yolo_darknet_net_note(yolo_darknet_net *net, const yolo_cfg *cfg, const yolo_cfg_section *section, const char *key,
                                  const char *why);
yolo_status yolo_darknet_net_augment(const yolo_cfg *cfg, yolo_darknet_net *net); /* darknet_net_augment.c */
/* Keys without a counterpart, and layers that do not learn (darknet_net_keys.c). */
yolo_status yolo_darknet_net_keys(const yolo_cfg *cfg, yolo_darknet_net *net);

#endif
