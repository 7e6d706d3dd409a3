/* SSD's loss over the default boxes of all maps. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2,
 * equations 1 to 3.
 *
 *   L = 1/N ( sum over positives of  weight (CE(class) + loc_weight sum_i smoothL1(t_i - t*_i))
 *           + sum over negatives of  CE(background) )
 *
 * Positives are the default boxes that answer for a truth (ssd_match.h). t* is the truth as its default box writes it
 * (detect/ssd.h), CE the cross entropy of a softmax over background and classes; smoothL1(x) = x^2 / 2 where |x| < 1, else
 * |x| - 1/2; `weight` is a truth's share after mixup. Negatives are, image by image, neg_pos_ratio times as many of the other
 * boxes as there are positives: those whose CE(background) is largest, at equal cost the first. An image without positives has
 * none. N is the number of positives in the batch, at least 1; it counts the batch and not the image, as in the authors'
 * program and its successors. A step of several batches is their mean.
 *
 * Default boxes of which more than half lies in an ignored region (crowds, difficult objects) are never negatives. Number and
 * gradient are exact derivatives of each other; which boxes are negatives is a choice, not a function, and has no gradient. */
#include <stdint.h>
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "detect/ssd.h"
#include "train/loss_trace.h"
#include "train/ssd_match.h"

enum { LOCATION, CLASS, PARTS };
enum { NEGATIVE = -3 }; /* beside those of yolo_ssd_match */

typedef struct ssd_keys {
  double overlap, negatives, location;
} ssd_keys;

/* ---- keys ---- */

static yolo_status read_keys(const yolo_cfg_section *section, ssd_keys *out) {
  yolo_status st = yolo_loss_key(section, "overlap_threshold", 0.5, 1e-3, 1, &out->overlap);
  if (st == YOLO_OK) st = yolo_loss_key(section, "neg_pos_ratio", 3, 0, 1e6, &out->negatives);
  if (st == YOLO_OK) st = yolo_loss_key(section, "loc_weight", 1, 0, 1e6, &out->location);
  return st;
}

/* One loss looks at the boxes of all sections, so their keys must be the same. */
static yolo_status check_alike(const yolo_loss_head *head, const ssd_keys *own, const ssd_keys *first) {
  static const char *const names[] = {"overlap_threshold", "neg_pos_ratio", "loc_weight"};
  const double mine[] = {own->overlap, own->negatives, own->location};
  const double its[] = {first->overlap, first->negatives, first->location};
  for (int i = 0; i < 3; i++)
    if (mine[i] != its[i])
      return yolo_cfg_fail(head->section, names[i], YOLO_EINVAL, "%s=%g here, but %g in the first [ssd]; they must agree",
                           names[i], mine[i], its[i]);
  return YOLO_OK;
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_status st = YOLO_OK;
  ssd_keys first, own;
  *out = NULL;
  if (n_heads < 1) return yolo_fail(YOLO_EINVAL, "a loss needs a head");
  YOLO_TRY(read_keys(heads[0].section, &first));
  for (int i = 1; i < n_heads; i++) {
    YOLO_TRY(read_keys(heads[i].section, &own));
    YOLO_TRY(check_alike(&heads[i], &own, &first));
  }
  ssd_keys *keys = yolo_alloc(sizeof *keys);
  YOLO_ENOMEM_IF_NULL(keys);
  *keys = first;
  *out = keys;
done:
  return st;
}

/* ---- a batch and the room it needs ---- */

typedef struct cost {
  double value;
  int row;
} cost;

typedef struct ssd_image {
  yolo_loss_image common;
  yolo_ssd_matching matching;
  cost *costs; /* of boxes that may become negatives */
  int n_costs;
} ssd_image;

typedef struct ssd_batch {
  const ssd_keys *keys;
  const yolo_loss_batch *batch;
  int rows, classes;      /* default boxes of all maps; classes without the background */
  yolo_centred *defaults; /* rows, as shares of the input */
  ssd_image *images;
  double step; /* what the derivative of the sums is multiplied by */
} ssd_batch;

static yolo_status check_heads(const yolo_loss_batch *batch) {
  if (batch->count < 1 || batch->n_heads < 1 || batch->input_w < 1 || batch->input_h < 1)
    return yolo_fail(YOLO_EINVAL, "a loss needs images and heads, not %d and %d at %d x %d", batch->count, batch->n_heads,
                     batch->input_w, batch->input_h);
  for (int i = 0; i < batch->n_heads; i++) {
    const yolo_loss_head *h = &batch->heads[i];
    const yolo_ssd_attrs *attrs = h->head->attrs;
    const long long channels = (long long)attrs->n * yolo_ssd_row(h->head);
    if (h->value.shape.n != batch->count || h->value.shape.c != channels ||
        (h->grad.data && !yolo_shape_equal(h->value.shape, h->grad.shape)))
      return yolo_fail(YOLO_ESHAPE, "head %d gives %d images of %d x %d x %d to a loss over %d of %lld channels", i,
                       h->value.shape.n, h->value.shape.w, h->value.shape.h, h->value.shape.c, batch->count, channels);
    if (h->head->classes != batch->heads[0].head->classes)
      return yolo_fail(YOLO_EINVAL, "head %d tells %d classes apart, but the first %d", i, h->head->classes,
                       batch->heads[0].head->classes);
  }
  return YOLO_OK;
}

static yolo_status check_truths(const yolo_loss_batch *batch) {
  const int classes = batch->heads[0].head->classes;
  for (int n = 0; n < batch->count; n++)
    for (int t = 0; t < batch->images[n].count; t++) {
      const yolo_truth *truth = &batch->images[n].items[t];
      if (!truth->ignore && (truth->class_index < 0 || truth->class_index >= classes))
        return yolo_fail(YOLO_EINVAL, "image %d, object %d: class %d, but the network tells %d classes apart (0 to %d)", n, t,
                         truth->class_index, classes, classes - 1);
    }
  return YOLO_OK;
}

static size_t padded(size_t size) { return (size + 15) / 16 * 16; }

static void *take(char **at, size_t size) {
  void *here = *at;
  *at += padded(size);
  return here;
}

static size_t image_room(size_t rows, size_t truths) {
  return padded(rows * sizeof(int)) + padded(rows * sizeof(double)) + padded(rows * sizeof(cost)) +
         padded(truths * sizeof(double)) + padded(truths * sizeof(yolo_ssd_suitor));
}

/* Rows of all maps, and the bytes of a batch. */
static yolo_status measure(const yolo_loss_batch *batch, int *rows, size_t *size) {
  double all = 0, bytes = 0; /* exact below 2^53, far beyond what is let through */
  for (int i = 0; i < batch->n_heads; i++) {
    const yolo_shape s = batch->heads[i].value.shape;
    all += (double)s.h * s.w * ((const yolo_ssd_attrs *)batch->heads[i].head->attrs)->n;
  }
  if (all > INT32_MAX / 2) return yolo_fail(YOLO_ENOMEM, "the maps have too many default boxes (%.0f)", all);
  *rows = (int)all;
  *size = padded((size_t)batch->count * sizeof(ssd_image)) + padded((size_t)*rows * sizeof(yolo_centred));
  for (int n = 0; n < batch->count; n++) {
    const size_t room = image_room((size_t)*rows, (size_t)batch->images[n].count);
    bytes += (double)room;
    if (bytes > (double)(SIZE_MAX / 4)) return yolo_fail(YOLO_ENOMEM, "a batch of %d images is too large", batch->count);
    *size += room;
  }
  return YOLO_OK;
}

static yolo_status take_room(size_t size, yolo_loss_scratch *scratch) {
  if (scratch->data && scratch->size >= size) return YOLO_OK;
  yolo_free(scratch->data);
  *scratch = (yolo_loss_scratch){yolo_alloc(size), size};
  if (scratch->data) return YOLO_OK;
  scratch->size = 0;
  return YOLO_ENOMEM;
}

static void place_image(const ssd_batch *b, int n, char **at) {
  const yolo_truths *truths = &b->batch->images[n];
  const size_t rows = (size_t)b->rows, count = (size_t)truths->count;
  ssd_image *image = &b->images[n];
  *image = (ssd_image){
      .common = {.batch = b->batch, .index = n, .truths = truths, .trace = b->batch->traces ? &b->batch->traces[n] : NULL},
      .matching = {.defaults = b->defaults, .rows = b->rows, .threshold = b->keys->overlap}};
  if (image->common.trace) yolo_loss_trace_restart(image->common.trace);
  image->matching.match = take(at, rows * sizeof(int));
  image->matching.overlaps = take(at, rows * sizeof(double));
  image->matching.suitors = take(at, count * sizeof(yolo_ssd_suitor));
  image->costs = take(at, rows * sizeof(cost));
  image->common.best = take(at, count * sizeof(double));
  for (int t = 0; t < truths->count; t++) {
    image->common.best[t] = -1;
    image->common.truths_wanted += !truths->items[t].ignore && yolo_truth_usable(&truths->items[t]);
  }
}

/* ---- the walk over all default boxes ---- */

typedef struct ssd_row {
  const yolo_ssd_attrs *attrs;
  const float *value;
  float *grad; /* NULL: not wanted */
} ssd_row;

/* The first walk opens a row for each default box, the second finds it again. */
static void trace_row(const ssd_batch *b, ssd_image *image, const ssd_row *row, int index, const yolo_loss_row *at) {
  const yolo_centred *d = &b->defaults[index];
  const yolo_ssd_box from = {d->x, d->y, d->w, d->h}, box = yolo_ssd_decode(row->attrs, &from, row->value);
  yolo_loss_row one = *at;
  one.place = *d;
  one.box = (yolo_centred){box.x, box.y, box.w, box.h};
  if (index < image->common.trace->n_rows)
    yolo_loss_trace_reopen(&image->common, index);
  else
    yolo_loss_trace_open(&image->common, &one);
}

typedef void (*row_visit)(const ssd_batch *b, ssd_image *image, const ssd_row *row, int index);

static void each_row(const ssd_batch *b, ssd_image *image, row_visit visit) {
  int index = 0;
  for (int h = 0; h < b->batch->n_heads; h++) {
    const yolo_loss_head *head = &b->batch->heads[h];
    ssd_row row = {.attrs = head->head->attrs};
    const int size = yolo_ssd_row(head->head);
    for (int y = 0; y < head->value.shape.h; y++)
      for (int x = 0; x < head->value.shape.w; x++) {
        row.value = yolo_pixel(&head->value, image->common.index, y, x);
        row.grad = head->grad.data ? yolo_pixel(&head->grad, image->common.index, y, x) : NULL;
        for (int k = 0; k < row.attrs->n; k++, index++) {
          const yolo_loss_row at = {.head = h, .cx = x, .cy = y, .anchor = k};
          if (image->common.trace) trace_row(b, image, &row, index, &at);
          visit(b, image, &row, index);
          if (image->common.trace) yolo_loss_trace_close(&image->common);
          row.value += size;
          if (row.grad) row.grad += size;
        }
      }
  }
}

/* The same order. */
static void list_defaults(const ssd_batch *b) {
  const int w = b->batch->input_w, h = b->batch->input_h;
  yolo_centred *to = b->defaults;
  for (int i = 0; i < b->batch->n_heads; i++) {
    const yolo_shape map = b->batch->heads[i].value.shape;
    const yolo_ssd_attrs *attrs = b->batch->heads[i].head->attrs;
    yolo_cell cell = {.width = (double)w / map.w, .height = (double)h / map.h};
    for (cell.y = 0; cell.y < map.h; cell.y++)
      for (cell.x = 0; cell.x < map.w; cell.x++)
        for (cell.row = 0; cell.row < attrs->n; cell.row++) {
          const yolo_ssd_box box = yolo_ssd_default(attrs, &cell, w, h);
          *to++ = (yolo_centred){box.x / w, box.y / h, box.w / w, box.h / h};
        }
  }
}

/* ---- the sums ---- */

static yolo_ssd_softmax softmax_of(const ssd_batch *b, const ssd_row *row) {
  return yolo_ssd_softmax_of(row->value + YOLO_SSD_OFFSETS, b->classes + 1);
}

static double cross_entropy(const ssd_row *row, const yolo_ssd_softmax *s, int target) {
  return log(s->sum) - (row->value[YOLO_SSD_OFFSETS + target] - s->largest);
}

/* Adds weight CE, whose derivative by score k is weight (softmax_k - [k is the target]). */
static void add_class(const ssd_batch *b, ssd_image *image, const ssd_row *row, int target, double weight) {
  const float *scores = row->value + YOLO_SSD_OFFSETS;
  const yolo_ssd_softmax s = softmax_of(b, row);
  image->common.value[CLASS] += weight * cross_entropy(row, &s, target);
  for (int k = 0; row->grad && k <= b->classes; k++)
    row->grad[YOLO_SSD_OFFSETS + k] += (float)(b->step * weight * (exp(scores[k] - s.largest) / s.sum - (k == target)));
}

static void add_location(const ssd_batch *b, ssd_image *image, const ssd_row *row, int index, const yolo_truth *truth) {
  const double weight = b->keys->location * (double)truth->weight;
  const yolo_centred *d = &b->defaults[index];
  const yolo_ssd_box from = {d->x, d->y, d->w, d->h}, wanted = {truth->x, truth->y, truth->w, truth->h};
  const yolo_ssd_box box = yolo_ssd_decode(row->attrs, &from, row->value);
  const yolo_centred decoded = {box.x, box.y, box.w, box.h}, other = yolo_truth_box(truth);
  double t[YOLO_SSD_OFFSETS];
  yolo_ssd_encode(row->attrs, &from, &wanted, t);
  for (int i = 0; i < YOLO_SSD_OFFSETS; i++) {
    const double off = row->value[i] - t[i], far = fabs(off);
    image->common.value[LOCATION] += weight * (far < 1 ? off * off / 2 : far - 0.5);
    if (row->grad) row->grad[i] += (float)(b->step * weight * (far < 1 ? off : off > 0 ? 1 : -1));
  }
  yolo_loss_answered(&image->common, image->matching.match[index], yolo_overlap_iou(&decoded, &other));
}

/* Adds what positives cost; of the others it is only written down what they would. */
static void visit_all(const ssd_batch *b, ssd_image *image, const ssd_row *row, int index) {
  const int match = image->matching.match[index];
  if (match >= 0) {
    const yolo_truth *truth = &image->common.truths->items[match];
    add_class(b, image, row, 1 + truth->class_index, (double)truth->weight);
    add_location(b, image, row, index, truth);
  } else if (match != YOLO_SSD_IGNORED) {
    const yolo_ssd_softmax s = softmax_of(b, row);
    image->costs[image->n_costs++] = (cost){cross_entropy(row, &s, 0), index};
  }
}

static void visit_negative(const ssd_batch *b, ssd_image *image, const ssd_row *row, int index) {
  if (image->matching.match[index] == NEGATIVE) add_class(b, image, row, 0, 1);
}

static int dearest_first(const void *left, const void *right) {
  const cost *a = left, *b = right;
  if (a->value > b->value) return -1;
  if (a->value < b->value) return 1;
  return (a->row > b->row) - (a->row < b->row);
}

static void match_image(void *payload, int task, int thread) {
  const ssd_batch *b = payload;
  (void)thread;
  yolo_ssd_match(&b->images[task].common, &b->images[task].matching);
}

static void sum_image(void *payload, int task, int thread) {
  const ssd_batch *b = payload;
  ssd_image *image = &b->images[task];
  (void)thread;
  each_row(b, image, visit_all);
  const double most = b->keys->negatives * (double)image->common.positives;
  const int wanted = most < image->n_costs ? (int)most : image->n_costs;
  if (wanted == 0) return;
  qsort(image->costs, (size_t)image->n_costs, sizeof *image->costs, dearest_first);
  for (int i = 0; i < wanted; i++) image->matching.match[image->costs[i].row] = NEGATIVE;
  each_row(b, image, visit_negative);
}

static double count_positives(const ssd_batch *b) {
  long sum = 0;
  for (int n = 0; n < b->batch->count; n++)
    for (int r = 0; r < b->rows; r++) sum += b->images[n].matching.match[r] >= 0;
  return sum > 0 ? (double)sum : 1;
}

static void add_up(const ssd_batch *b, double positives, yolo_loss_report *out) {
  *out = (yolo_loss_report){.n_parts = PARTS, .parts = {{"location", 0}, {"class", 0}}, .images = b->batch->count};
  for (int n = 0; n < b->batch->count; n++) {
    const yolo_loss_image *image = &b->images[n].common;
    for (int i = 0; i < PARTS; i++) out->parts[i].value += image->value[i] / positives;
    out->truths += image->truths_wanted;
    out->positives += image->positives;
    out->iou += image->iou;
    for (int t = 0; t < image->truths->count; t++) {
      out->recalled50 += image->best[t] >= 0.5;
      out->recalled75 += image->best[t] >= 0.75;
    }
  }
  out->total = out->parts[LOCATION].value + out->parts[CLASS].value;
}

static yolo_status run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  yolo_loss_scratch own = {0}, *scratch = batch->scratch ? batch->scratch : &own;
  ssd_batch b = {.keys = attrs, .batch = batch};
  yolo_status st = YOLO_OK;
  size_t size = 0;
  *out = (yolo_loss_report){0};
  YOLO_TRY(check_heads(batch));
  YOLO_TRY(check_truths(batch));
  YOLO_TRY(measure(batch, &b.rows, &size));
  YOLO_TRY(take_room(size, scratch));
  char *at = scratch->data;
  b.classes = batch->heads[0].head->classes;
  b.images = take(&at, (size_t)batch->count * sizeof *b.images);
  b.defaults = take(&at, (size_t)b.rows * sizeof *b.defaults);
  for (int n = 0; n < batch->count; n++) place_image(&b, n, &at);
  list_defaults(&b);
  yolo_parallel(batch->threads, batch->count, match_image, &b);
  const double positives = count_positives(&b);
  b.step = (double)batch->scale / positives;
  yolo_parallel(batch->threads, batch->count, sum_image, &b);
  add_up(&b, positives, out);
  st = yolo_loss_trace_finish(batch, 1 / positives);
done:
  yolo_free(own.data);
  return st;
}

const yolo_loss_def yolo_loss_ssd = {
    .name = "ssd",
    .summary = "multibox: smooth L1, softmax, three hard negatives a positive (Liu et al. 2016)",
    .heads = {"ssd", NULL},
    .recipe = YOLO_PRESET_SSD,
    .make = make,
    .run = run};
