/* Classifiers: a network without a detection head that ends in a vector. No section of its own: the model takes
 * this head when the last layer gives one value a class.
 *
 * The scores are a distribution: a softmax is applied here unless the network's last layer was one already.
 *   score_k = exp(c_k - max c) / sum_j exp(c_j - max c) */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/head.h"

typedef struct classify_attrs {
  bool softmax; /* still to be applied */
} classify_attrs;

/* `section` is the layer that the head reads. */
static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  classify_attrs *attrs = NULL;
  if (in.h != 1 || in.w != 1)
    return yolo_fail(YOLO_ESHAPE, "a classifier ends in one value a class, not in a map of %d x %d x %d", in.w, in.h, in.c);
  if (!(attrs = yolo_calloc(1, sizeof *attrs))) return YOLO_ENOMEM;
  attrs->softmax = !section || strcmp(section->name, "softmax") != 0;
  head->attrs = attrs;
  head->classes = in.c;
  head->nms = YOLO_NMS_BY_IOU;
  return YOLO_OK;
}

static yolo_status decode(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out) {
  (void)head, (void)tensor, (void)n, (void)how, (void)out;
  return YOLO_OK; /* classifiers draw no boxes */
}

static yolo_status scores(const yolo_head *head, const yolo_tensor *tensor, int n, float *out) {
  const classify_attrs *attrs = head->attrs;
  const float *in = yolo_pixel(tensor, n, 0, 0);
  memcpy(out, in, (size_t)head->classes * sizeof *out);
  if (!attrs->softmax) return YOLO_OK;
  double largest = in[0], sum = 0;
  for (int k = 1; k < head->classes; k++)
    if (in[k] > largest) largest = in[k];
  for (int k = 0; k < head->classes; k++) sum += exp(in[k] - largest);
  for (int k = 0; k < head->classes; k++) out[k] = (float)(exp(in[k] - largest) / sum);
  return YOLO_OK;
}

const yolo_head_def yolo_head_classify = {.parse = parse, .decode = decode, .scores = scores};
