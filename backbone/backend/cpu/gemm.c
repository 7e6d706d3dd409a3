/* The walk over one panel, and the packing of panels. */
#include <string.h>

#include "backbone/backend/cpu/gemm.h"

/* With row 1 a run of memory becomes a column: RUN rows at a time, so that each line read is used up while it is near. */
enum { RUN = 16 };

void yolo_pack_rows(int nr, const float *b, ptrdiff_t row, ptrdiff_t column, int k, int cols, float *to) {
  if (column == 1) {
    for (int i = 0; i < k; i++, to += nr, b += row) memcpy(to, b, (size_t)cols * sizeof *to);
    return;
  }
  for (int i0 = 0; i0 < k; i0 += RUN, to += RUN * nr, b += RUN * row) {
    const int n = yolo_min_int(RUN, k - i0);
    for (int j = 0; j < cols; j++)
      for (int i = 0; i < n; i++) to[i * nr + j] = b[i * row + j * column];
  }
}

void yolo_pack_panels(int nr, const float *b, size_t row, size_t column, int k, int n, float *to) {
  for (int j = 0; j < n; j += nr, to += (size_t)nr * (size_t)k) {
    const int cols = yolo_min_int(nr, n - j);
    if (cols < nr) memset(to, 0, (size_t)nr * (size_t)k * sizeof *to);
    yolo_pack_rows(nr, b + (size_t)j * column, (ptrdiff_t)row, (ptrdiff_t)column, k, cols, to);
  }
}

void yolo_gemm_panel(const yolo_isa *isa, yolo_tile tile, int rows, const float *next, size_t next_bytes,
                     const yolo_epilogue *hard) {
  const int tiles = yolo_divide_up(rows, isa->mr), form = (tile.cols > isa->lanes ? 1 : 0) + (tile.lda ? 2 : 0);
  const size_t lda = tile.lda ? tile.lda : YOLO_PANEL_STRIDE;
  const float *a = tile.a, *residual = tile.residual;
  float *c = tile.c;
  const size_t share = next ? yolo_align64(next_bytes / (size_t)tiles) : 0;
  tile.prefetch_step = share / (size_t)tile.k;
  for (int i = 0; i < tiles; i++) {
    const int from = (int)((long)rows * i / tiles), to = (int)((long)rows * (i + 1) / tiles);
    tile.a = a + (size_t)from * lda;
    tile.c = c + (size_t)from * tile.ldc;
    if (residual) tile.residual = residual + (size_t)from * tile.ldr;
    tile.prefetch = next ? (const char *)next + share * (size_t)i : NULL;
    isa->tile[to - from - 1][form](&tile);
    if (hard && tile.last) {
      yolo_epilogue how = *hard;
      if (how.residual) how.residual += (size_t)from * how.ldr;
      isa->epilogue(tile.c, tile.ldc, to - from, tile.cols, &how);
    }
  }
}
