/* [ssd]: one map of SSD. A network has one section for each map that boxes are read from; all of them have the same classes.
 *
 * A cell carries default boxes of several shapes (ssd.h says which, and how the channels lie). A row is
 *   tx ty tw th  b c1 .. cK     x = dx + tx v0 dw,  w = dw exp(tw v2)     P(class k) = softmax(b, c1 .. cK)_k
 * b is the background: where it is likely, nothing is left for the others, so there is no objectness beside the classes.
 *
 * Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2. Candidates come in the order row, column, box, class.
 * The authors' evaluation keeps scores above 0.01, suppresses above an IoU of 0.45 and leaves 200 boxes an image: options of
 * `yolo detect` (--conf, --iou, --max-det). Their limit of 400 candidates a class before suppression saved time; here there is
 * none. */
#include "detect/ssd.h"

#include "backbone/base/memory.h"
#include "detect/anchors.h"

static const yolo_cfg_key keys[] = {YOLO_CFG_KEY("classes", INT),
                                    YOLO_CFG_KEY("min_size", FLOAT),
                                    YOLO_CFG_KEY("max_size", FLOAT),
                                    YOLO_CFG_KEY("aspect_ratios", FLOATS),
                                    YOLO_CFG_KEY("step", FLOAT),
                                    YOLO_CFG_KEY("offset", FLOAT),
                                    YOLO_CFG_KEY("clip", INT),
                                    YOLO_CFG_KEY("variances", FLOATS),
                                    YOLO_CFG_KEY("nms_kind", TEXT),
                                    YOLO_CFG_TRAIN("loss", TEXT),
                                    YOLO_CFG_TRAIN("overlap_threshold", FLOAT),
                                    YOLO_CFG_TRAIN("neg_pos_ratio", FLOAT),
                                    YOLO_CFG_TRAIN("loc_weight", FLOAT),
                                    YOLO_CFG_END};

enum { MAX_CLASSES = 1 << 20, MAX_RATIOS = 64 };
static const double MAX_SIZE = 32768; /* of a box, in pixels */

/* ---- default boxes ---- */

yolo_ssd_box yolo_ssd_default(const yolo_ssd_attrs *attrs, const yolo_cell *cell, int input_w, int input_h) {
  const double step_x = attrs->step > 0 ? attrs->step : cell->width, step_y = attrs->step > 0 ? attrs->step : cell->height;
  const yolo_ssd_size size = attrs->sizes[cell->row];
  yolo_ssd_box box = {(cell->x + attrs->offset) * step_x, (cell->y + attrs->offset) * step_y, size.w, size.h};
  if (!attrs->clip) return box;
  const double x1 = fmax(0, box.x - box.w / 2), x2 = fmax(x1, fmin(input_w, box.x + box.w / 2));
  const double y1 = fmax(0, box.y - box.h / 2), y2 = fmax(y1, fmin(input_h, box.y + box.h / 2));
  return (yolo_ssd_box){(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1};
}

void yolo_ssd_encode(const yolo_ssd_attrs *attrs, const yolo_ssd_box *from, const yolo_ssd_box *box, double t[4]) {
  t[0] = (box->x - from->x) / from->w / attrs->variances[0];
  t[1] = (box->y - from->y) / from->h / attrs->variances[1];
  t[2] = log(box->w / from->w) / attrs->variances[2];
  t[3] = log(box->h / from->h) / attrs->variances[3];
}

yolo_ssd_box yolo_ssd_decode(const yolo_ssd_attrs *attrs, const yolo_ssd_box *from, const float *t) {
  const double *v = attrs->variances;
  return (yolo_ssd_box){from->x + t[0] * v[0] * from->w, from->y + t[1] * v[1] * from->h, from->w * exp(t[2] * v[2]),
                        from->h * exp(t[3] * v[3])};
}

yolo_ssd_softmax yolo_ssd_softmax_of(const float *scores, int count) {
  yolo_ssd_softmax s = {scores[0], 0};
  for (int k = 1; k < count; k++)
    if (scores[k] > s.largest) s.largest = scores[k];
  for (int k = 0; k < count; k++) s.sum += exp(scores[k] - s.largest);
  return s;
}

/* ---- the section ---- */

static yolo_status read_number(const yolo_cfg_section *section, const char *key, double fallback, double low, double high,
                               double *out) {
  yolo_status st = yolo_cfg_float(section, key, fallback, out);
  if (st == YOLO_OK && !(*out >= low && *out <= high))
    st = yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%g is out of range (%g to %g)", key, *out, low, high);
  return st;
}

static yolo_status read_sizes(const yolo_cfg_section *section, double *smallest, double *largest) {
  yolo_status st = YOLO_OK;
  *smallest = *largest = 0;
  if (!yolo_cfg_find(section, "min_size"))
    return yolo_cfg_fail(section, NULL, YOLO_EINVAL,
                         "the key 'min_size' is missing: how large are the default boxes, in pixels?");
  YOLO_TRY(read_number(section, "min_size", 0, 1e-3, MAX_SIZE, smallest));
  if (!yolo_cfg_find(section, "max_size")) return YOLO_OK;
  YOLO_TRY(read_number(section, "max_size", 0, 1e-3, MAX_SIZE, largest));
  if (!(*largest > *smallest))
    st = yolo_cfg_fail(section, "max_size", YOLO_EINVAL, "max_size=%g must be larger than min_size=%g", *largest, *smallest);
done:
  return st;
}

static yolo_status check_ratios(const yolo_cfg_section *section, const float *ratios, int count) {
  if (count > MAX_RATIOS)
    return yolo_cfg_fail(section, "aspect_ratios", YOLO_EINVAL, "aspect_ratios= has %d numbers; %d are possible", count,
                         MAX_RATIOS);
  for (int i = 0; i < count; i++) {
    if (!(ratios[i] >= 1e-2f && ratios[i] <= 1e2f))
      return yolo_cfg_fail(section, "aspect_ratios", YOLO_EINVAL, "aspect_ratios= has %g; 0.01 to 100 are possible",
                           (double)ratios[i]);
    if (ratios[i] == 1)
      return yolo_cfg_fail(
          section, "aspect_ratios", YOLO_EINVAL,
          "aspect_ratios= has 1, which is always there; leave it out (every ratio also stands for its inverse)");
  }
  return YOLO_OK;
}

static yolo_status make_boxes(const yolo_cfg_section *section, yolo_ssd_attrs **out) {
  yolo_status st = YOLO_OK;
  double smallest = 0, largest = 0;
  float *ratios = NULL;
  int count = 0;
  YOLO_TRY(read_sizes(section, &smallest, &largest));
  YOLO_TRY(yolo_cfg_floats(section, "aspect_ratios", &ratios, &count));
  YOLO_TRY(check_ratios(section, ratios, count));
  yolo_ssd_attrs *attrs = yolo_calloc(1, sizeof *attrs + (size_t)(2 + 2 * count) * sizeof attrs->sizes[0]);
  YOLO_ENOMEM_IF_NULL(attrs);
  attrs->sizes[attrs->n++] = (yolo_ssd_size){smallest, smallest};
  if (largest > 0) attrs->sizes[attrs->n++] = (yolo_ssd_size){sqrt(smallest * largest), sqrt(smallest * largest)};
  for (int i = 0; i < count; i++) {
    const double root = sqrt((double)ratios[i]);
    attrs->sizes[attrs->n++] = (yolo_ssd_size){smallest * root, smallest / root};
    attrs->sizes[attrs->n++] = (yolo_ssd_size){smallest / root, smallest * root};
  }
  *out = attrs;
done:
  yolo_free(ratios);
  return st;
}

static yolo_status read_variances(const yolo_cfg_section *section, double out[4]) {
  static const double usual[4] = {0.1, 0.1, 0.2, 0.2};
  float *list = NULL;
  int count = 0;
  yolo_status st = yolo_cfg_floats(section, "variances", &list, &count);
  for (int i = 0; i < 4; i++) out[i] = count == 4 ? (double)list[i] : usual[i];
  if (st == YOLO_OK && count != 0 && count != 4)
    st = yolo_cfg_fail(section, "variances", YOLO_EINVAL, "variances= has %d numbers; x, y, w, h need 4", count);
  for (int i = 0; st == YOLO_OK && i < 4; i++)
    if (!(out[i] >= 1e-4 && out[i] <= 1e2))
      st = yolo_cfg_fail(section, "variances", YOLO_EINVAL, "variances= has %g; 0.0001 to 100 are possible", out[i]);
  yolo_free(list);
  return st;
}

static yolo_status check_channels(const yolo_cfg_section *section, int n, int classes, int channels) {
  const long long wanted = (long long)n * (YOLO_SSD_OFFSETS + 1 + classes);
  if (wanted == channels) return YOLO_OK;
  return yolo_cfg_fail(section, "classes", YOLO_ESHAPE,
                       "%d default boxes a cell x (4 + background + %d classes) need %lld channels, but the layer before gives "
                       "%d; set its filters=%lld or correct classes=",
                       n, classes, wanted, channels, wanted);
}

static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  yolo_status st = YOLO_OK;
  yolo_ssd_attrs *attrs = NULL;
  int clip = 0;
  YOLO_TRY(yolo_cfg_int(section, "classes", 20, 1, MAX_CLASSES, &head->classes));
  YOLO_TRY(yolo_anchors_parse_nms(section, &head->nms));
  YOLO_TRY(make_boxes(section, &attrs));
  YOLO_TRY(read_number(section, "step", 0, 0, MAX_SIZE, &attrs->step));
  YOLO_TRY(read_number(section, "offset", 0.5, 0, 1, &attrs->offset));
  YOLO_TRY(yolo_cfg_int(section, "clip", 0, 0, 1, &clip));
  YOLO_TRY(read_variances(section, attrs->variances));
  YOLO_TRY(check_channels(section, attrs->n, head->classes, in.c));
  attrs->clip = clip != 0;
  head->attrs = attrs;
  attrs = NULL;
done:
  yolo_free(attrs);
  return st;
}

/* ---- decoding ---- */

/* The candidates of one row. P(k) is at most 1 / (1 + exp(b - ck)), so most rows are known to be background without an exp().
 */
static yolo_status decode_row(const yolo_head *head, const yolo_cell *cell, const float *t, double floor,
                              const yolo_decode *how, float *probabilities, yolo_boxes *out) {
  const float *scores = t + YOLO_SSD_OFFSETS, *classes = scores + 1;
  float best = classes[0];
  for (int k = 1; k < head->classes; k++) best = classes[k] > best ? classes[k] : best;
  if (!((double)best - scores[0] > floor)) return YOLO_OK;
  const yolo_ssd_softmax s = yolo_ssd_softmax_of(scores, head->classes + 1);
  for (int k = 0; k < head->classes; k++) probabilities[k] = (float)(exp(classes[k] - s.largest) / s.sum);
  const yolo_ssd_box from = yolo_ssd_default(head->attrs, cell, how->input_w, how->input_h);
  const yolo_ssd_box box = yolo_ssd_decode(head->attrs, &from, t);
  return yolo_candidates_add(out, yolo_box_centred(box.x, box.y, box.w, box.h), 1, probabilities, head->classes,
                             YOLO_SCORES_PLAIN, how);
}

static yolo_status decode(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out) {
  const yolo_ssd_attrs *attrs = head->attrs;
  const double floor = yolo_logit_below(how->confidence);
  const int row = yolo_ssd_row(head);
  yolo_cell cell = {.width = (double)how->input_w / tensor->shape.w, .height = (double)how->input_h / tensor->shape.h};
  yolo_status st = YOLO_OK;
  float *probabilities = yolo_alloc_array((size_t)head->classes, sizeof *probabilities);
  YOLO_ENOMEM_IF_NULL(probabilities);
  for (cell.y = 0; cell.y < tensor->shape.h; cell.y++)
    for (cell.x = 0; cell.x < tensor->shape.w; cell.x++) {
      const float *t = yolo_pixel(tensor, n, cell.y, cell.x);
      for (cell.row = 0; cell.row < attrs->n; cell.row++, t += row)
        YOLO_TRY(decode_row(head, &cell, t, floor, how, probabilities, out));
    }
done:
  yolo_free(probabilities);
  return st;
}

const yolo_head_def yolo_head_ssd = {
    .section = {"ssd", {NULL, NULL, NULL}, keys, yolo_head_build}, .parse = parse, .decode = decode};
