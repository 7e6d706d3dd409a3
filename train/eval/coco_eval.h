/* COCOeval: average precision and recall exactly as pycocotools counts them, boxes and masks.
 *
 * For each class and IoU threshold, detections of an image (the best maxDets by score) are matched greedily, best first, each
 * to the truth it overlaps most among those still free; crowds may take many and count for nothing. Precision over recall of
 * all images is made monotone from the right and read off at 101 recalls; AP is the mean (Lin et al. 2014, and
 * cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py, whose quirks are kept: see coco_pairs.c). Sums run in one fixed
 * order: equal bits for any number of threads. */
#ifndef YOLO_TRAIN_EVAL_COCO_EVAL_H
#define YOLO_TRAIN_EVAL_COCO_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"
#include "datasets/mask.h"

typedef enum yolo_eval_overlap { YOLO_EVAL_BOX, YOLO_EVAL_MASK } yolo_eval_overlap;

typedef struct yolo_eval_truth {
  int64_t id;
  uint32_t image;      /* index; images are sorted by id */
  int32_t class_index; /* classes are sorted by category id */
  double box[4];       /* x y w h */
  double area;
  bool crowd;
  bool difficult;       /* Pascal VOC's; only voc_eval.h looks at it */
  const yolo_rle *mask; /* for masks */
} yolo_eval_truth;

typedef struct yolo_eval_detection {
  uint32_t image;
  int32_t class_index;
  double score;
  double box[4];
  double area;
  const yolo_rle *mask;
} yolo_eval_detection;

/* In the order of their files; that order breaks ties. */
typedef struct yolo_eval_set {
  const yolo_eval_truth *truths;
  const yolo_eval_detection *detections;
  size_t n_truths, n_detections;
  uint32_t n_images;
  int32_t n_classes;
} yolo_eval_set;

enum { YOLO_EVAL_MOST_THRESHOLDS = 32, YOLO_EVAL_MOST_AREAS = 8, YOLO_EVAL_MOST_LIMITS = 8, YOLO_EVAL_MOST_RECALLS = 1001 };
typedef struct yolo_eval_params {
  yolo_eval_overlap overlap;
  int n_ious, n_recalls, n_areas, n_limits;
  double ious[YOLO_EVAL_MOST_THRESHOLDS];
  double recalls[YOLO_EVAL_MOST_RECALLS];
  double areas[YOLO_EVAL_MOST_AREAS][2];
  const char *area_names[YOLO_EVAL_MOST_AREAS];
  int limits[YOLO_EVAL_MOST_LIMITS]; /* maxDets */
  bool class_agnostic;               /* useCats = 0 */
  int threads;                       /* 0: all */
} yolo_eval_params;
/* 0.50:0.05:0.95, 101 recalls, all/small/medium/large, 1/10/100. */
void yolo_eval_params_coco(yolo_eval_params *params, yolo_eval_overlap overlap);
/* n values from `first` to `last`, as numpy.linspace rounds them. */
void yolo_eval_linspace(double first, double last, int n, double *out);

/* How each detection fared. Of an image's and class's detections only the best limits[n_limits - 1] are here. */
enum { YOLO_EVAL_NO_TRUTH = UINT32_MAX };
typedef struct yolo_eval_match {
  double score;
  uint32_t detection; /* index into the set */
  uint32_t image;
  uint32_t rank;  /* from 0, among the detections of its image and class, by score: limits cut here */
  uint32_t truth; /* index into the set: whom it was matched to at yolo_eval_main_iou in areas[0]; YOLO_EVAL_NO_TRUTH */
} yolo_eval_match;

/* Truths of one class in one image that count in areas[0] (0: all of them are crowds); images without any are left out. */
typedef struct yolo_eval_tally {
  uint32_t image, count;
} yolo_eval_tally;

typedef struct yolo_eval_matches {
  yolo_eval_params params;
  int n_classes; /* as in the set; 1 when class_agnostic */
  uint32_t n_images;
  size_t n;
  yolo_eval_match *items; /* by class, then by score (highest first), ties by image, then by their place in the file */
  size_t *first;          /* items of class k: [first[k], first[k + 1]) */
  uint32_t *hits;         /* [n][n_areas], bit t: matched at ious[t], also to a crowd or to a truth out of the area's range */
  uint32_t *ignored;      /* [n][n_areas], bit t: neither right nor wrong */
  size_t *positives;      /* [n_classes][n_areas]: truths that count */
  yolo_eval_tally *tallies;
  size_t *first_tally; /* tallies of class k: [first_tally[k], first_tally[k + 1]), by image */
} yolo_eval_matches;
/* Everything but params is owned: yolo_eval_matches_free. The set need not outlive it. */
yolo_status yolo_eval_match_all(const yolo_eval_set *set, const yolo_eval_params *params, yolo_eval_matches *out);
void yolo_eval_matches_free(yolo_eval_matches *matches);
/* The index of an IoU threshold or a limit in the parameters; -1 when it is not there. */
int yolo_eval_iou_index(const yolo_eval_params *params, double iou);
int yolo_eval_limit_index(const yolo_eval_params *params, int limit);
/* The threshold at which single detections are spoken of: 0.5 where it is one of them, else the first. An index. */
int yolo_eval_main_iou(const yolo_eval_params *params);

/* precision[t][r][k][a][m], recall[t][k][a][m], scores as precision; -1 where a class has no truth. C order, as pycocotools'
 * eval. */
typedef struct yolo_eval_result {
  yolo_eval_params params;
  int n_classes;
  double *precision, *recall, *scores; /* owned; yolo_eval_result_free */
} yolo_eval_result;
yolo_status yolo_eval_accumulate(const yolo_eval_matches *matches, yolo_eval_result *out);
/* Both steps. */
yolo_status yolo_eval_run(const yolo_eval_set *set, const yolo_eval_params *params, yolo_eval_result *out);
void yolo_eval_result_free(yolo_eval_result *result);

/* The twelve numbers of COCOeval.summarize, in its order: AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl; -1: undefined.
 * The first three limits stand for 1, 10, 100 (fewer: the last). Where 100 is none of them pycocotools gives -1 for AP, and
 * only for AP; here it is AP at the third. */
enum { YOLO_EVAL_NUMBERS = 12 };
extern const char *const yolo_eval_number_names[YOLO_EVAL_NUMBERS];
void yolo_eval_summary(const yolo_eval_result *result, double out[YOLO_EVAL_NUMBERS]);
/* The same for one class. */
void yolo_eval_class_summary(const yolo_eval_result *result, int class_index, double out[YOLO_EVAL_NUMBERS]);

#endif
