/* Several contexts of one model, so that as many images are looked at side by side, each by one thread: the threads of one
 * image wait for each other in every layer, those of many images never do. */
#ifndef YOLO_DETECT_CONTEXT_SET_H
#define YOLO_DETECT_CONTEXT_SET_H

#include "detect/model.h"

/* Zero-initialise; yolo_context_set_close. */
typedef struct yolo_context_set {
  yolo_context **items;
  size_t bytes; /* activations and workspaces of all of them; 0 on a device that is not this processor */
  int n;        /* 1: the network itself uses the threads; else items[i] is for thread i of a yolo_parallel with n threads */
} yolo_context_set;

/* One a thread, for no more images than there are. It stays at one where a thread's share of an image is work enough, where
 * activations for all of them would be more than an eighth of the memory that is free, and on a device that is not this
 * processor. */
yolo_status yolo_context_set_open(const yolo_model *model, int threads, size_t images, yolo_context_set *out);
void yolo_context_set_close(yolo_context_set *set);

#endif
