/* Losses: from what heads say and what is on the images to a number and its gradient. One file a loss (loss_<name>.c:
 * assignment and loss together) and one row in loss_list.h.
 *
 * A loss sees all heads of its kind at once, because assignment may look at all of them (the best anchor of all maps, the 8732
 * default boxes of SSD). The loss of a batch is the mean over its images of what the paper defines for one, unless the file
 * says otherwise; its gradient is added to what the trainer cleared. Sums run in a fixed order: equal bits for any number of
 * threads.
 *
 * L and dL/d value are exact derivatives of each other unless the method defines its gradient itself (Darknet's deltas): then
 * the file says so and which function the printed number is. */
#ifndef YOLO_TRAIN_LOSS_H
#define YOLO_TRAIN_LOSS_H

#include "datasets/augment.h"
#include "detect/head.h"

/* One object as the network sees it: centre and size as fractions of the input's width and height. */
typedef struct yolo_truth {
  float x, y, w, h;
  int class_index;
  float weight; /* 1; a share after mixup */
  bool ignore;  /* crowds, difficult ones: neither wanted nor punished */
} yolo_truth;

typedef struct yolo_truths {
  const yolo_truth *items;
  int count;
  /* Classification: label (and, after mixup or cutmix, label2 with share 1 - label_share); -1: none. */
  int label, label2;
  float label_share;
} yolo_truths;

/* A head with its values and where its gradient goes; (N, H, W, C), pixel strides may differ from C. */
typedef struct yolo_loss_head {
  const yolo_head *head;
  const yolo_cfg_section *section; /* its keys; NULL for heads without a section */
  yolo_tensor value, grad;         /* grad.data NULL: only the number is wanted */
} yolo_loss_head;

/* Room that one batch leaves to the next, so that a step allocates nothing once the fullest batch was seen. Zero-initialise;
 * yolo_free(data). */
typedef struct yolo_loss_scratch {
  void *data;
  size_t size;
} yolo_loss_scratch;

typedef struct yolo_loss_batch {
  int count;            /* images */
  int input_w, input_h; /* of the network */
  const yolo_truths *images;
  yolo_loss_head *heads;
  int n_heads;
  uint64_t seen; /* images seen before this batch (YOLOv2 draws anchors to their priors in the first 12800) */
  int nominal;   /* images of a whole step, of which this batch is a part; YOLOv5 multiplies its loss by it */
  float scale;   /* of the gradient: count / nominal where gradients of several batches add up to a step */
  int threads;
  double label_smoothing;         /* of classifiers, 0 to below 1; detectors have their sections' label_smooth_eps */
  yolo_loss_scratch *scratch;     /* NULL: room is allocated and freed within the run */
  struct yolo_loss_trace *traces; /* NULL, or one an image: what became of each prediction (loss_trace.h) */
} yolo_loss_batch;

enum { YOLO_LOSS_MOST_PARTS = 6, YOLO_LOSS_PART_NAME = 24 };
typedef struct yolo_loss_part {
  char name[YOLO_LOSS_PART_NAME]; /* "box", "objectness", "class" ... */
  double value;                   /* its share of the total */
} yolo_loss_part;

/* What a batch came to; zero-initialise and add up over batches with yolo_loss_report_add. */
typedef struct yolo_loss_report {
  int n_parts;
  yolo_loss_part parts[YOLO_LOSS_MOST_PARTS];
  double total;                   /* the sum of the parts */
  long images, truths, positives; /* positives: predictions that answer for a truth */
  double iou;                     /* the sum over positives of the IoU of prediction and truth */
  long recalled50, recalled75;    /* truths of which the best positive reaches this IoU */
  long correct;                   /* classification: images whose best class is the label */
} yolo_loss_report;
/* sum += one, weighted by images. Parts must be the same. */
void yolo_loss_report_add(yolo_loss_report *sum, const yolo_loss_report *one);

typedef struct yolo_loss_def {
  const char *name;     /* "yolov3"; `loss = yolov3` in the head's section or [train] */
  const char *summary;  /* one line: what, which paper */
  const char *heads[4]; /* the heads it fits, by the name of their section ("classify" for heads without one); ends with NULL */
  const char *asked_by; /* NULL, or the key of a section that makes this loss the default there */
  yolo_augment_preset recipe; /* how its paper augments: what [augment] preset = auto means */
  /* Reads the keys of all its heads into attributes (owned by the caller: yolo_free). heads[i].value has shapes only; those of
   * a later batch may be larger or smaller maps. The sections need not live on. */
  yolo_status (*make)(const yolo_loss_head *heads, int n_heads, void **out);
  yolo_status (*run)(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out);
} yolo_loss_def;

#define YOLO_LOSS(name) extern const yolo_loss_def yolo_loss_##name;
#include "train/loss_list.h"
#undef YOLO_LOSS

const yolo_loss_def *yolo_loss_find(const char *name); /* NULL: unknown */
bool yolo_loss_fits(const yolo_loss_def *loss, const yolo_head_def *head);
/* The loss of a head where nobody named one: the first row of the list that fits and whose key asked_by is in the section
 * (NULL: none), else the first that fits and needs no key. NULL: it cannot be trained. */
const yolo_loss_def *yolo_loss_default(const yolo_head_def *head, const yolo_cfg_section *section);
int yolo_loss_count(void);
const yolo_loss_def *yolo_loss_at(int index);

#endif
