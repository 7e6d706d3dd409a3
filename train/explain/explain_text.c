/* The losses in words. Each says the same as the head of its file, loss_<name>.c, in fewer lines. */
#include "train/explain/explain_text.h"

#include <stddef.h>
#include <string.h>

#define DIVERGENCE \
  "  D: how far a logistic is from what is wanted (cross entropy less the target's own entropy); * marks what is wanted\n"

static const yolo_explain_text texts[] = {
    {"yolov3", "Redmon & Farhadi, \"YOLOv3: An Incremental Improvement\", 2018, section 2.1",
     "  box         sum over answers of (2 - w h) [D(tx) + D(ty) + (tw - tw*)^2 / 2 + (th - th*)^2 / 2]\n"
     "  objectness  sum of D(to): 1 where a prediction answers, else 0; left out where its box overlaps a truth\n"
     "              by more than ignore_thresh\n"
     "  class       sum over answers and classes of D(ck)\n" DIVERGENCE,
     "  A truth belongs to the cell of its centre and to the anchor whose shape overlaps it best among all levels:\n"
     "  one prediction a truth. Others that overlap it well are left in peace.\n"},
    {"yolov4", "Bochkovskiy et al., \"YOLOv4\", 2020, section 3.4; CIoU: Zheng et al., AAAI 2020, equation 10",
     "  box         iou_normalizer x sum over answers of (1 - overlap), overlap = IoU, GIoU, DIoU or CIoU\n"
     "  objectness  obj_normalizer x sum of D(to): 1 where a prediction answers, else 0; left out where its box overlaps\n"
     "              a truth by more than ignore_thresh\n"
     "  class       cls_normalizer x sum over answers and classes of D(ck)\n" DIVERGENCE,
     "  A truth belongs to the cell of its centre; there the best anchor of all levels answers, and every anchor whose\n"
     "  shape overlaps it by more than iou_thresh.\n"},
    {"yolov5", "ultralytics/yolov5, utils/loss.py (no paper)",
     "  box         box_gain x mean over answers of (1 - CIoU)\n"
     "  objectness  obj_gain x balance x mean over all predictions of BCE(to, CIoU of its box with its truth; 0 for the rest)\n"
     "  class       cls_gain x mean over answers and classes of BCE(ck)\n"
     "  means and balance are a level's, and the whole is multiplied by the images of a step (here 1)\n",
     "  Every anchor whose sides are between 1/4 and 4 times the truth's answers, at every level, in the cell of its\n"
     "  centre and in the up to two neighbours that are nearer than half a cell: up to 9 predictions a level and truth.\n"},
    {"region", "Redmon & Farhadi, \"YOLO9000: Better, Faster, Stronger\", 2017, section 2",
     "  box         coord_scale x sum over answers of (2 - w h) [D(tx) + D(ty) + (tw - tw*)^2 / 2 + (th - th*)^2 / 2]\n"
     "  objectness  object_scale x sum over answers of D(to), wanted 1 (rescore=1: the overlap)\n"
     "              + noobject_scale x sum over the rest of D(to), wanted 0, unless it overlaps a truth by more than thresh\n"
     "  class       class_scale x sum over answers of -log softmax(c)_k\n"
     "  prior       0.01 x the box term of the rest towards their anchors, in the first 12800 images only\n" DIVERGENCE,
     "  A truth belongs to the cell of its centre and to the anchor whose size overlaps it best: its predicted size, or\n"
     "  with bias_match=1 its own.\n"},
    {"detection", "Redmon et al., \"You Only Look Once\", CVPR 2016, section 2.2, equation 3",
     "  box         coord_scale / 2 x sum over answers of (x - x*)^2 + (y - y*)^2 + (w - w*)^2 + (h - h*)^2  (sqrt=1: roots)\n"
     "  objectness  object_scale / 2 x sum over answers of (C - 1)^2 + noobject_scale / 2 x sum over the rest of C^2\n"
     "  class       class_scale / 2 x sum over cells with an object of sum_k (p_k - p_k*)^2\n",
     "  The cell of a truth's centre is responsible (the first truth has it); of its boxes the one that overlaps the\n"
     "  truth best answers. There are no anchors.\n"},
    {"gaussian", "Choi et al., \"Gaussian YOLOv3\", ICCV 2019, section 3.2, equations 5 and 6",
     "  box         sum over answers and x, y, w, h of -(2 - w h) / 2 x log(N(t*; mean, deviation) + 1e-9)\n"
     "              (with iou_loss: 1 - overlap, and the likelihood is the part `uncertainty`)\n"
     "  objectness  sum of D(to): 1 where a prediction answers, else 0; left out above ignore_thresh\n"
     "  class       sum over answers and classes of D(ck)\n" DIVERGENCE,
     "  A truth belongs to the cell of its centre; there the best anchor of all levels answers, and every anchor whose\n"
     "  shape overlaps it by more than iou_thresh.\n"},
    {"ssd", "Liu et al., \"SSD: Single Shot MultiBox Detector\", ECCV 2016, section 2.2, equations 1 to 3",
     "  location    1/N x loc_weight x sum over answers of smoothL1(t - t*), t the difference from the default box\n"
     "  class       1/N x (sum over answers of CE(class) + sum over hard negatives of CE(background))\n"
     "  N answers in the batch; the negatives are the neg_pos_ratio N of the rest that cost most\n",
     "  First every truth gets the free default box that overlaps it most; then every other default box answers for the\n"
     "  truth it overlaps most, from an IoU of overlap_threshold on.\n"},
    {"softmax", "Bridle, \"Probabilistic interpretation of feedforward classification network outputs\", 1990",
     "  class       -log softmax(c)_label\n", "  The picture has one label.\n"}};

const yolo_explain_text *yolo_explain_text_of(const char *loss) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(texts[i].loss, loss) == 0) return &texts[i];
  return NULL;
}

const char yolo_explain_gradcheck_text[] =
    "The chain rule (Rumelhart, Hinton & Williams, \"Learning representations by back-propagating errors\", 1986), link by "
    "link:\n"
    "\n"
    "  dL / dp  =  dL / dv  x  dv / dp        v: what the heads say, p: the parameters of a layer\n"
    "\n"
    "  heads    dL/dv against (L(v + e) - L(v - e)) / 2e, value by value, in double\n"
    "  layers   u = dL/dv of the real loss is held still; <dL/dp, d> against (u v(p + e d) - u v(p - e d)) / 2e along\n"
    "           random directions d, half of their length along the gradient. So steps that make the loss choose another\n"
    "           answer, and losses that define their gradient themselves (Darknet's), do not disturb it.\n"
    "  kinks    (relu, max pooling) and rounding: e runs down a ladder; the pair of steps that agree best with each other\n"
    "           (not with the analytic value) counts, and their disagreement is the doubt of the numeric value. A direction\n"
    "           that disagrees is tried again along two others; the middle one of the three counts\n";
