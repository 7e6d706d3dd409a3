/* Offsets of buffers that live for some time: see fit.h. */
#include "backbone/graph/fit.h"

#include <stdint.h>
#include <stdlib.h>

#include "backbone/base/memory.h"

enum { CONFLICT_PAD = 64 /* bytes */ };

size_t yolo_fit_stride(int channels, size_t elem, size_t row_align, size_t conflict) {
  size_t c = (size_t)channels;
  if (c <= 3 || row_align <= 1) return c;
  if (c < row_align) return (c + 3) / 4 * 4;
  size_t stride = (c + row_align - 1) / row_align * row_align;
  if (conflict == 0 || stride * elem % conflict != 0) return stride;
  return stride + CONFLICT_PAD / elem;
}

static int larger_first(const void *a, const void *b) {
  const yolo_fit *x = *(yolo_fit *const *)a, *y = *(yolo_fit *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return (x > y) - (x < y); /* in the order of the caller */
}

/* The smallest gap that fits between the placed buffers (sorted by offset) alive at the same time; else the
 * space after the last of them. */
static size_t best_fit(yolo_fit *const *placed, int count, const yolo_fit *buffer) {
  size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
  for (int k = 0; k < count; k++) {
    const yolo_fit *other = placed[k];
    if (other->last < buffer->first || other->first > buffer->last) continue;
    if (other->offset > end && other->offset - end >= buffer->bytes && other->offset - end < best_gap) {
      best_gap = other->offset - end;
      best = end;
    }
    if (other->offset + other->bytes > end) end = other->offset + other->bytes;
  }
  return best != SIZE_MAX ? best : end;
}

static void insert_by_offset(yolo_fit **placed, int count, yolo_fit *buffer) {
  while (count > 0 && placed[count - 1]->offset > buffer->offset) {
    placed[count] = placed[count - 1];
    count--;
  }
  placed[count] = buffer;
}

yolo_status yolo_fit_offsets(yolo_fit *buffers, int count, size_t *total) {
  yolo_fit **queue = NULL, **placed = NULL;
  yolo_status st = YOLO_OK;
  int n = 0;
  *total = 0;
  queue = yolo_alloc_array((size_t)count, sizeof *queue);
  YOLO_ENOMEM_IF_NULL(queue);
  placed = yolo_alloc_array((size_t)count, sizeof *placed);
  YOLO_ENOMEM_IF_NULL(placed);
  for (int i = 0; i < count; i++)
    if (buffers[i].bytes > 0) queue[n++] = &buffers[i];
  qsort(queue, (size_t)n, sizeof *queue, larger_first);
  for (int k = 0; k < n; k++) {
    queue[k]->offset = best_fit(placed, k, queue[k]);
    insert_by_offset(placed, k, queue[k]);
    size_t end = queue[k]->offset + queue[k]->bytes;
    if (end > *total) *total = end;
  }
done:
  yolo_free(queue);
  yolo_free(placed);
  return st;
}
