/* What the losses of heads over a grid share. See grid_loss.h.
 *
 *   x = (cx + s g(tx) - (s-1)/2) / W,  w = pw exp(tw);  with new_coords  x = (cx + s tx - (s-1)/2) / W,  w = pw (2 tw)^2 */
#include "train/grid_loss.h"

#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/anchors.h"
#include "train/loss_trace.h"

/* ---- one block: attributes, heads, and for each head keys, anchors, mask ---- */

typedef struct grid_lists {
  float *anchors;
  int *mask;
  int n_anchors, n_mask;
} grid_lists;

static yolo_status read_lists(const yolo_loss_head *head, grid_lists *out) {
  const yolo_anchor_attrs *attrs = head->head->attrs;
  yolo_status st = yolo_cfg_floats(head->section, "anchors", &out->anchors, &out->n_anchors);
  if (st == YOLO_OK) st = yolo_cfg_ints(head->section, "mask", &out->mask, &out->n_mask);
  if (st == YOLO_OK && out->n_mask != 0 && out->n_mask != attrs->n)
    st =
        yolo_cfg_fail(head->section, "mask", YOLO_EINVAL, "mask= names %d anchors, but the head has %d", out->n_mask, attrs->n);
  if (st == YOLO_OK && out->n_mask == 0 && out->n_anchors != 2 * attrs->n)
    st = yolo_cfg_fail(head->section, "anchors", YOLO_EINVAL, "anchors= has %d numbers for %d anchors", out->n_anchors,
                       attrs->n);
  return st;
}

static yolo_status check_head(const yolo_loss_head *heads, int i) {
  const yolo_anchor_attrs *attrs = heads[i].head->attrs;
  if (!heads[i].section) return yolo_fail(YOLO_EINVAL, "head %d has no section to read anchors from", i);
  if (heads[i].head->classes != heads[0].head->classes)
    return yolo_cfg_fail(heads[i].section, "classes", YOLO_EINVAL, "classes=%d, but the first head has %d; they must agree",
                         heads[i].head->classes, heads[0].head->classes);
  if (!(attrs->scale_x_y >= 1))
    return yolo_cfg_fail(heads[i].section, "scale_x_y", YOLO_EINVAL,
                         "scale_x_y=%g keeps centres from the edges of their cells; training needs 1 or more",
                         (double)attrs->scale_x_y);
  return YOLO_OK;
}

static size_t padded(size_t size) { return (size + 15) / 16 * 16; }

static char *place_head(const yolo_loss_head *from, const grid_lists *lists, int spread, size_t key_size, char *at,
                        yolo_grid_head *out) {
  const yolo_anchor_attrs *attrs = from->head->attrs;
  const size_t anchors = (size_t)lists->n_anchors * sizeof(float);
  int *mask = (int *)(void *)(at + padded(key_size) + padded(anchors));
  for (int k = 0; k < attrs->n; k++) mask[k] = lists->n_mask ? lists->mask[k] : k;
  memcpy(at + padded(key_size), lists->anchors, anchors);
  *out = (yolo_grid_head){.n = attrs->n,
                          .total = lists->n_anchors / 2,
                          .spread = spread,
                          .classes = from->head->classes,
                          .objectness = 4 * spread,
                          .first_class = 4 * spread + 1,
                          .size = 4 * spread + 1 + from->head->classes,
                          .scale = attrs->scale_x_y,
                          .new_coords = attrs->new_coords,
                          .softmax = attrs->softmax,
                          .in_cells = from->head->def == &yolo_head_region,
                          .anchors = (const float *)(void *)(at + padded(key_size)),
                          .mask = mask,
                          .keys = at};
  return at + padded(key_size) + padded(anchors) + padded((size_t)attrs->n * sizeof(int));
}

static yolo_status place_all(const yolo_loss_head *heads, const grid_lists *lists, int n_heads, int spread, size_t size,
                             size_t key_size, void **out) {
  size_t whole = padded(size) + padded((size_t)n_heads * sizeof(yolo_grid_head));
  for (int i = 0; i < n_heads; i++)
    whole += padded(key_size) + padded((size_t)lists[i].n_anchors * sizeof(float)) +
             padded((size_t)((const yolo_anchor_attrs *)heads[i].head->attrs)->n * sizeof(int));
  char *block = yolo_calloc(1, whole);
  if (!block) return YOLO_ENOMEM;
  yolo_grid *grid = (yolo_grid *)(void *)block;
  *grid = (yolo_grid){n_heads, heads[0].head->classes, 0, (yolo_grid_head *)(void *)(block + padded(size))};
  char *at = block + padded(size) + padded((size_t)n_heads * sizeof(yolo_grid_head));
  for (int i = 0; i < n_heads; i++) {
    at = place_head(&heads[i], &lists[i], spread, key_size, at, &grid->heads[i]);
    grid->rows_a_cell += grid->heads[i].n;
  }
  *out = block;
  return YOLO_OK;
}

yolo_status yolo_grid_make(const yolo_loss_head *heads, int n_heads, int spread, size_t size, size_t key_size, void **out) {
  yolo_status st = YOLO_OK;
  grid_lists *lists = NULL;
  *out = NULL;
  if (n_heads < 1) return yolo_fail(YOLO_EINVAL, "a loss needs a head");
  lists = yolo_calloc((size_t)n_heads, sizeof *lists);
  YOLO_ENOMEM_IF_NULL(lists);
  for (int i = 0; i < n_heads; i++) {
    YOLO_TRY(check_head(heads, i));
    YOLO_TRY(read_lists(&heads[i], &lists[i]));
  }
  YOLO_TRY(place_all(heads, lists, n_heads, spread, size, key_size, out));
done:
  for (int i = 0; lists && i < n_heads; i++) {
    yolo_free(lists[i].anchors);
    yolo_free(lists[i].mask);
  }
  yolo_free(lists);
  return st;
}

yolo_status yolo_grid_check(const yolo_grid *grid, const yolo_loss_batch *batch) {
  if (batch->n_heads != grid->n_heads)
    return yolo_fail(YOLO_EINVAL, "a loss made for %d heads was given %d", grid->n_heads, batch->n_heads);
  for (int i = 0; i < grid->n_heads; i++) {
    const int wanted = grid->heads[i].n * grid->heads[i].size;
    if (batch->heads[i].value.shape.c != wanted)
      return yolo_fail(YOLO_ESHAPE, "head %d has %d channels, but its anchors and classes need %d", i,
                       batch->heads[i].value.shape.c, wanted);
  }
  return YOLO_OK;
}

/* ---- boxes ---- */

yolo_centred yolo_grid_prior(const yolo_grid_head *head, int k, const yolo_loss_batch *batch, const yolo_tensor *value) {
  const double w = head->in_cells ? value->shape.w : batch->input_w, h = head->in_cells ? value->shape.h : batch->input_h;
  return (yolo_centred){0, 0, head->anchors[2 * k] / w, head->anchors[2 * k + 1] / h};
}

double yolo_grid_probability(const yolo_grid_head *head, double value) {
  return head->new_coords ? value : yolo_sigmoid(value);
}

double yolo_grid_centre(const yolo_grid_head *head, double value, double *slope) {
  const double p = yolo_grid_probability(head, value), s = head->scale;
  if (slope) *slope = head->new_coords ? s : s * p * (1 - p);
  return s * p - (s - 1) / 2;
}

yolo_centred yolo_grid_box(const yolo_grid_row *row) {
  const yolo_grid_head *head = row->head;
  const double tw = row->value[2 * head->spread], th = row->value[3 * head->spread];
  return (yolo_centred){(row->cx + yolo_grid_centre(head, row->value[0], NULL)) / row->w,
                        (row->cy + yolo_grid_centre(head, row->value[head->spread], NULL)) / row->h,
                        row->prior_w * (head->new_coords ? 4 * tw * tw : exp(tw)),
                        row->prior_h * (head->new_coords ? 4 * th * th : exp(th))};
}

double yolo_grid_miss(const yolo_grid_head *head, double value, double target, double *slope) {
  if (head->new_coords) {
    *slope = value - target;
    return *slope * *slope / 2;
  }
  const double e = exp(-fabs(value)); /* one exponential for both: most of the time goes here */
  *slope = (value >= 0 ? 1 : e) / (1 + e) - target;
  return (value > 0 ? value : 0) - value * target + log1p(e) - (target > 0 && target < 1 ? yolo_entropy(target) : 0);
}

/* ---- the walk ---- */

static int by_row(const void *a, const void *b) {
  const yolo_grid_item *x = a, *y = b;
  if (x->row != y->row) return x->row < y->row ? -1 : 1;
  return (x->truth > y->truth) - (x->truth < y->truth);
}

static void trace_row(yolo_loss_image *image, int h, const yolo_grid_row *row) {
  const yolo_loss_row one = {.head = h,
                             .cx = row->cx,
                             .cy = row->cy,
                             .anchor = row->anchor,
                             .place = {(row->cx + 0.5) / row->w, (row->cy + 0.5) / row->h, row->prior_w, row->prior_h},
                             .box = yolo_grid_box(row)};
  yolo_loss_trace_open(image, &one);
}

void yolo_grid_walk(const yolo_grid *grid, int h, yolo_loss_image *image, yolo_grid_item *items, int n_items,
                    yolo_grid_visit visit, const void *attrs) {
  const yolo_grid_head *head = &grid->heads[h];
  const yolo_loss_head *tensors = &image->batch->heads[h];
  const yolo_tensor *value = &tensors->value;
  yolo_grid_row row = {.head = head, .w = value->shape.w, .h = value->shape.h};
  if (n_items > 1) qsort(items, (size_t)n_items, sizeof *items, by_row);
  for (row.cy = 0; row.cy < row.h; row.cy++)
    for (row.cx = 0; row.cx < row.w; row.cx++) {
      row.value = yolo_pixel(value, image->index, row.cy, row.cx);
      row.grad = tensors->grad.data ? yolo_pixel(&tensors->grad, image->index, row.cy, row.cx) : NULL;
      for (row.anchor = 0; row.anchor < head->n; row.anchor++) {
        const int index = yolo_grid_row_index(head, row.w, row.cx, row.cy, row.anchor);
        const yolo_centred prior = yolo_grid_prior(head, head->mask[row.anchor], image->batch, value);
        int mine = 0;
        row.prior_w = prior.w;
        row.prior_h = prior.h;
        while (mine < n_items && items[mine].row == index) mine++;
        if (image->trace) trace_row(image, h, &row);
        visit(attrs, image, &row, items, mine);
        if (image->trace) yolo_loss_trace_close(image);
        items += mine;
        n_items -= mine;
        row.value += head->size;
        if (row.grad) row.grad += head->size;
      }
    }
}
