/* The walk over one panel, and the packing of panels. */
#include <string.h>

#include "backbone/backend/cpu/gemm.h"

void yolo_pack_panels(int nr, const float *b, size_t row, size_t column, int k, int n, float *to) {
  for (int j0 = 0; j0 < n; j0 += nr) {
    const int cols = yolo_min_int(nr, n - j0);
    for (int i = 0; i < k; i++, to += nr) {
      const float *from = b + (size_t)i * row + (size_t)j0 * column;
      for (int j = 0; j < cols; j++) to[j] = from[(size_t)j * column];
      for (int j = cols; j < nr; j++) to[j] = 0;
    }
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
