/* The mask functions for scripts/compare_coco_masks.py: requests from standard input, answers on standard output.
 *
 * All numbers are in the machine's order. A request is four int32 (kind, a, b, n) and its data:
 *   'E' height width 0    height*width bytes, column order       encode; adds a mask to the list
 *   'P' height width n    2n doubles                             polygon; adds
 *   'B' height width 0    4 doubles                              box; adds
 *   'T' height width n    n bytes                                compressed text; adds
 *   'C' height width n    n doubles                              counts; adds
 *   'M' first intersect n                                        merges masks first..first+n-1; adds
 *   'D' 0 0 0             answer, for each mask of the list: int32 height, width, length of the text, the text, uint32 area, 4
 *                         doubles of the box, height*width bytes in column order
 *   'I' n_dt n_gt crowd   (crowd: n_gt bytes)                    answer: n_dt*n_gt doubles; the first masks are dt, the next gt
 *   'V' n_dt n_gt crowd   boxes, 4 doubles each; (n_gt bytes)    answer: n_dt*n_gt doubles
 *   'X' 0 0 0                                                    empties the list
 * Whatever fails ends the program with a sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/mask.h"

enum { MOST = 1024 };
static yolo_rle masks[MOST];
static size_t n_masks;

static void need(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "mask_lab: %s (last sentence: %s)\n", what, yolo_error_message());
  exit(1);
}

static void *take(size_t count, size_t size) {
  void *data = yolo_alloc_array(count, size);
  need(data != NULL, "no memory");
  need(fread(data, size, count, stdin) == count, "the input ends early");
  return data;
}

static void give(const void *data, size_t count, size_t size) {
  need(fwrite(data, size, count, stdout) == count, "the output cannot be written");
}

static void give_int(int32_t value) { give(&value, 1, sizeof value); }

static yolo_rle *new_mask(void) {
  need(n_masks < MOST, "too many masks");
  return &masks[n_masks++];
}

/* From columns; rows and a picture whose values are not next to each other must give the same. */
static void encode(int32_t height, int32_t width) {
  const size_t h = (size_t)height, w = (size_t)width;
  uint8_t *columns = take(h * w, 1), *rows = yolo_calloc(h * w * 3 + 1, 1);
  yolo_rle *mask = new_mask(), other = {0};
  need(rows != NULL, "no memory");
  need(yolo_rle_encode(columns, height, width, 1, h, mask) == YOLO_OK, "encode");
  for (size_t spread = 1; spread <= 3; spread += 2) {
    for (size_t i = 0; i < h * w; i++) rows[(i % h * w + i / h) * spread] = (uint8_t)(columns[i] * (1 + i % 255));
    need(yolo_rle_encode(rows, height, width, w * spread, spread, &other) == YOLO_OK, "encode rows");
    need(other.count == mask->count && memcmp(other.runs, mask->runs, other.count * sizeof *other.runs) == 0,
         "rows and columns give different runs");
    yolo_rle_free(&other);
  }
  yolo_free(columns);
  yolo_free(rows);
}

static void add(const int32_t head[4]) {
  const int32_t height = head[1], width = head[2];
  const size_t n = (size_t)head[3];
  void *data = NULL;
  if (head[0] == 'E') {
    encode(height, width);
  } else if (head[0] == 'P') {
    data = take(2 * n, sizeof(double));
    need(yolo_rle_from_polygon(data, n, height, width, new_mask()) == YOLO_OK, "polygon");
  } else if (head[0] == 'B') {
    data = take(4, sizeof(double));
    need(yolo_rle_from_box(data, height, width, new_mask()) == YOLO_OK, "box");
  } else if (head[0] == 'T') {
    data = take(n, 1);
    need(yolo_rle_from_text(data, n, height, width, new_mask()) == YOLO_OK, "text");
  } else if (head[0] == 'C') {
    data = take(n, sizeof(double));
    need(yolo_rle_from_counts(data, n, height, width, new_mask()) == YOLO_OK, "counts");
  } else {
    need((size_t)head[1] + n <= n_masks, "merge of masks that are not there");
    need(yolo_rle_merge(masks + head[1], n, head[2] != 0, new_mask()) == YOLO_OK, "merge");
  }
  yolo_free(data);
}

/* Rows must hold the same pixels, and nothing beside them may be written. */
static void check_rows(const yolo_rle *mask, const uint8_t *columns) {
  const size_t h = (size_t)mask->height, w = (size_t)mask->width, stride = w + 3;
  uint8_t *rows = yolo_alloc(h * stride);
  need(rows != NULL, "no memory");
  memset(rows, 7, h * stride);
  yolo_rle_decode(mask, rows, stride, 1);
  for (size_t y = 0; y < h; y++)
    for (size_t x = 0; x < stride; x++)
      need(rows[y * stride + x] == (x < w ? columns[x * h + y] : 7), "rows and columns are decoded differently");
  yolo_free(rows);
}

static void describe(const yolo_rle *mask) {
  const size_t pixels = (size_t)mask->height * (size_t)mask->width;
  const uint32_t area = yolo_rle_area(mask);
  yolo_text text = {0};
  double box[4];
  uint8_t *columns = yolo_alloc(pixels);
  need(columns && yolo_rle_to_text(mask, &text) == YOLO_OK, "describe");
  yolo_rle_box(mask, box);
  yolo_rle_decode(mask, columns, 1, (size_t)mask->height);
  check_rows(mask, columns);
  give_int(mask->height);
  give_int(mask->width);
  give_int((int32_t)text.length);
  give(text.data, text.length, 1);
  give(&area, 1, sizeof area);
  give(box, 4, sizeof *box);
  give(columns, pixels, 1);
  yolo_free(columns);
  yolo_text_free(&text);
}

static void overlap(const int32_t head[4]) {
  const size_t n_dt = (size_t)head[1], n_gt = (size_t)head[2];
  const int boxes = head[0] == 'V';
  double *dt = boxes ? take(4 * n_dt, sizeof *dt) : NULL, *gt = boxes ? take(4 * n_gt, sizeof *gt) : NULL;
  uint8_t *crowd = head[3] ? take(n_gt, 1) : NULL;
  double *iou = yolo_alloc_array(n_dt * n_gt, sizeof *iou);
  need(iou && (boxes || n_dt + n_gt <= n_masks), "overlap of masks that are not there");
  if (boxes)
    yolo_xywh_iou((const double(*)[4])(void *)dt, n_dt, (const double(*)[4])(void *)gt, n_gt, crowd, iou);
  else
    need(yolo_rle_iou(masks, n_dt, masks + n_dt, n_gt, crowd, iou) == YOLO_OK, "overlap");
  give(iou, n_dt * n_gt, sizeof *iou);
  yolo_free(iou);
  yolo_free(dt);
  yolo_free(gt);
  yolo_free(crowd);
}

static void empty(void) {
  while (n_masks > 0) yolo_rle_free(&masks[--n_masks]);
}

int main(void) {
  int32_t head[4];
  while (fread(head, sizeof head, 1, stdin) == 1) {
    need(head[3] >= 0, "a negative number of things");
    if (head[0] == 'D')
      for (size_t i = 0; i < n_masks; i++) describe(&masks[i]);
    else if (head[0] == 'I' || head[0] == 'V')
      overlap(head);
    else if (head[0] == 'X')
      empty();
    else
      add(head);
  }
  empty();
  need(fflush(stdout) == 0, "the output cannot be written");
  return 0;
}
