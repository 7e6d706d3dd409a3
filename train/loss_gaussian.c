/* The loss of Gaussian YOLOv3 for [Gaussian_yolo] (Choi et al., ICCV 2019, section 3.2): each coordinate is a normal
 * distribution, and the box part is the negative log likelihood of where the truth stands,
 *
 *   -(2 - w h) / 2  log( N(t*; mean, sd) + 1e-9 ),   N = exp(-((t* - mean) / sd)^2 / 2) / (sqrt(2 pi) (sd + 0.3))
 *
 * the 0.3 keeping small deviations from paying without end (Darknet, gaussian_yolo_layer.c). Means are the centre in its cell
 * and the raw tw, th. The number of the `box` part is iou_normalizer times this, summed over coordinates; the deviations'
 * slopes are weighted by uc_normalizer instead. With an iou_loss the centre and size follow the overlap as in yolov4, and the
 * likelihood, times uc_normalizer, is the part `uncertainty`, which moves the deviations only.
 *
 * As Darknet does, slopes by the activated mean and deviation go straight to the raw values, each clipped at max_delta; so the
 * gradient of box and uncertainty is not the derivative by the raw values. All else is as in yolov4, its keys too. */
#include "backbone/base/memory.h"
#include "train/darknet_loss.h"

static const double FLOOR = 1e-9, LEAST_SD = 0.3, ROOT_TWO_PI = 2.50662827463100050242;

typedef struct likelihood {
  double value, by_mean, by_sd;
} likelihood;

/* -log(N + floor) and its slopes. */
static likelihood unlikely(double target, double mean, double sd) {
  const double away = (target - mean) / sd;
  const double density = exp(-away * away / 2) / (ROOT_TWO_PI * (sd + LEAST_SD));
  const double share = density / (density + FLOOR);
  return (likelihood){-log(density + FLOOR), -share * away / sd, -share * (away * away / sd - 1 / (sd + LEAST_SD))};
}

static void box(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth, double weight,
                yolo_darknet_box *out) {
  const float *value = row->value;
  const yolo_centred at = yolo_darknet_target(row, truth);
  const double target[4] = {at.x, at.y, at.w, at.h};
  const double mean[4] = {yolo_grid_centre(row->head, (double)value[0], NULL),
                          yolo_grid_centre(row->head, (double)value[2], NULL), (double)value[4], (double)value[6]};
  const double scale = (2 - (double)truth->w * (double)truth->h) / 2 * weight;
  if (keys->by_overlap) yolo_darknet_box_overlap(keys, row, truth, weight, out);
  for (int k = 0; k < 4; k++) {
    const likelihood l = unlikely(target[k], mean[k], yolo_sigmoid((double)value[2 * k + 1]));
    out->slope[2 * k + 1] = yolo_darknet_clip(keys, keys->uncertainty * scale * l.by_sd);
    if (keys->by_overlap) {
      out->value[1] += keys->uncertainty * scale * l.value;
      continue;
    }
    out->value[0] += keys->box * scale * l.value;
    out->slope[2 * k] = yolo_darknet_clip(keys, keys->box * scale * l.by_mean);
  }
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_darknet *darknet = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_darknet_make(heads, n_heads, 2, &darknet));
  for (int i = 0; i < n_heads; i++)
    YOLO_TRY(yolo_darknet_read_keys(&heads[i], darknet->grid.heads[i].keys, darknet->grid.classes));
  darknet->box = box;
  *out = darknet;
  darknet = NULL;
done:
  yolo_free(darknet);
  return st;
}

const yolo_loss_def yolo_loss_gaussian = {
    .name = "gaussian",
    .summary = "likelihood of the box under what the network is sure of (Choi et al. 2019)",
    .heads = {"Gaussian_yolo", NULL},
    .recipe = YOLO_PRESET_DARKNET,
    .make = make,
    .run = yolo_darknet_run};
