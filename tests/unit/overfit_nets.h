/* Small networks, one for each head and loss, all below 0.3 M parameters at 96 x 96 pixels. A body of five convolutions ends in
 * maps of 12 x 12 and 6 x 6 cells; anchors are sizes of objects in pictures of `yolo data synth` of that size. */
#ifndef YOLO_TESTS_UNIT_OVERFIT_NETS_H
#define YOLO_TESTS_UNIT_OVERFIT_NETS_H

#define CONV(FILTERS, SIZE, STRIDE) \
  "[convolutional]\nbatch_normalize=1\nfilters=" #FILTERS "\nsize=" #SIZE "\nstride=" #STRIDE "\npad=1\nactivation=leaky\n"
#define OUT(FILTERS, ACT) "[convolutional]\nfilters=" #FILTERS "\nsize=1\nstride=1\npad=1\nactivation=" #ACT "\n"
#define BODY                                                                                                              \
  "[net]\nwidth=96\nheight=96\nchannels=3\n" CONV(16, 3, 2) CONV(32, 3, 2) CONV(64, 3, 2) CONV(64, 3, 1) /* 3: 12 x 12 */ \
      CONV(96, 3, 2)                                                                                     /* 4: 6 x 6 */

/* [yolo] or [Gaussian_yolo] over both maps. */
#define ANCHORS "anchors=13,13, 18,18, 24,24, 32,32, 40,40, 52,52\nclasses=14\nnum=6\n"
#define TWO_HEADS(HEAD, FILTERS, ACT, KEYS)                      \
  BODY OUT(FILTERS, ACT) "[" HEAD "]\nmask=3,4,5\n" ANCHORS KEYS \
                         "[route]\nlayers=3\n" OUT(FILTERS, ACT) "[" HEAD "]\nmask=0,1,2\n" ANCHORS KEYS

#define SSD_KEYS "aspect_ratios=2\nclasses=14\n"

static const char yolov3_cfg[] = TWO_HEADS("yolo", 57, linear, "ignore_thresh=.7\ntruth_thresh=1\n");
static const char ciou_cfg[] =
    TWO_HEADS("yolo", 57, linear, "iou_loss=ciou\niou_thresh=.213\niou_normalizer=.07\nscale_x_y=1.05\nignore_thresh=.7\n");
static const char giou_cfg[] = TWO_HEADS("yolo", 57, linear, "iou_loss=giou\niou_normalizer=.5\nignore_thresh=.7\n");
static const char new_coords_cfg[] =
    TWO_HEADS("yolo", 57, logistic,
              "iou_loss=ciou\niou_normalizer=.05\nobj_normalizer=.4\ncls_normalizer=.5\nnew_coords=1\nscale_x_y=2\n"
              "iou_thresh=.2\nignore_thresh=.7\nobjectness_smooth=1\n");
static const char yolov5_cfg[] = TWO_HEADS("yolo", 57, linear, "scale_x_y=2\nloss=yolov5\n");
static const char gaussian_cfg[] = TWO_HEADS("Gaussian_yolo", 69, linear, "ignore_thresh=.7\niou_normalizer=.5\n");
/* Without max_delta the slopes of small deviations outgrow all others. */
static const char gaussian_iou_cfg[] =
    TWO_HEADS("Gaussian_yolo", 69, linear,
              "iou_loss=giou\niou_normalizer=.5\nuc_normalizer=.5\nscale_x_y=1.1\nignore_thresh=.7\nmax_delta=.3\n");
static const char region_cfg[] = BODY "[route]\nlayers=3\n" OUT(57, linear)
    "[region]\nanchors=1.8,1.8, 3.2,3.2, 5.5,5.5\nclasses=14\nnum=3\nsoftmax=1\nobject_scale=5\nrescore=1\nbias_match=1\n";
static const char detection_cfg[] = BODY CONV(4, 1, 1)
    "[connected]\noutput=1176\nactivation=linear\n[detection]\nclasses=14\nnum=2\nside=7\nsqrt=1\nrescore=1\ncoord_scale=5\n"
    "noobject_scale=.5\n";
static const char ssd_cfg[] = BODY OUT(76, linear) "[ssd]\nmin_size=36\nmax_size=60\n" SSD_KEYS "[route]\nlayers=3\n" OUT(
    76, linear) "[ssd]\nmin_size=16\nmax_size=36\n" SSD_KEYS;
#define DROPBLOCK_CFG(PROBABILITY) \
  BODY "[dropout]\ndropblock=1\ndropblock_size_abs=2\nprobability=" #PROBABILITY "\n" OUT(14, linear) "[avgpool]\n[softmax]\n"
static const char classify_cfg[] = BODY OUT(14, linear) "[avgpool]\n[softmax]\n";

#endif
