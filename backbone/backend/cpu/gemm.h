/* Shared by the GEMM-shaped kernels (direct and Winograd convolution, linear): a panel of packed B, a block of
 * packed A, and the walk of the micro-kernel over them. */
#ifndef YOLO_CPU_GEMM_H
#define YOLO_CPU_GEMM_H

#include "backbone/backend/cpu/cpu.h"

/* B (k x n, element (i, j) at b[i*row + j*column]) becomes panels of nr columns, each k x nr, zero-filled. */
void yolo_pack_panels(int nr, const float *b, size_t row, size_t column, int k, int n, float *to);

/* k rows of one panel: element (i, j), j < cols <= nr, from b[i*row + j*column] to to[i*nr + j]. Columns from cols on are
 * left alone. Quick where row or column is 1. */
void yolo_pack_rows(int nr, const float *b, ptrdiff_t row, ptrdiff_t column, int k, int cols, float *to);

/* What one call multiplies: rows of A (packed at stride YOLO_PANEL_STRIDE, at most YOLO_PANEL_K deep, or as they lie
 * in a map, tile.lda) with one panel. The members of `tile` that do not change from tile to tile (b, k, cols, first,
 * last, bias, slopes, lda, ldc, ldr) are set by the caller; a, c, residual point at row 0. rows is at least 1. `next`
 * (may be NULL): bytes that will be wanted afterwards, brought near on the way. `hard`: an epilogue the registers cannot
 * do, run after a tile when tile.last; NULL: none. */
void yolo_gemm_panel(const yolo_isa *isa, yolo_tile tile, int rows, const float *next, size_t next_bytes,
                     const yolo_epilogue *hard);

#endif
