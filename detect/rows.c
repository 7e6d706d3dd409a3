/* The walk over the rows of a head: every cell (x, y) of its map holds a row of values for each anchor, and a row becomes
 * candidates only where its objectness is above a floor.
 *
 * A device with memory of its own picks those rows and sends nothing else; elsewhere the whole map is walked. Both use one
 * floor and one function that decodes, so they give the same candidates, bit for bit. */
#include "detect/head.h"

static yolo_cell cell_of(const yolo_decode *how, int height, int width) {
  return (yolo_cell){.width = (double)how->input_w / width, .height = (double)how->input_h / height};
}

yolo_status yolo_head_decode_map(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how,
                                 yolo_boxes *out) {
  yolo_row_filter filter;
  yolo_cell cell = cell_of(how, tensor->shape.h, tensor->shape.w);
  head->def->rows(head, how, &filter);
  for (cell.y = 0; cell.y < tensor->shape.h; cell.y++)
    for (cell.x = 0; cell.x < tensor->shape.w; cell.x++) {
      const float *t = yolo_pixel(tensor, n, cell.y, cell.x);
      for (cell.row = 0; cell.row < filter.rows; cell.row++, t += filter.row) {
        if (!(t[filter.score] > filter.floor)) continue; /* most cells see nothing */
        yolo_status st = head->def->decode_row(head, &cell, t, how, out);
        if (st != YOLO_OK) return st;
      }
    }
  return YOLO_OK;
}

yolo_status yolo_head_decode_rows(const yolo_head *head, int height, int width, const yolo_row *rows, int count,
                                  const yolo_decode *how, yolo_boxes *out) {
  yolo_row_filter filter;
  yolo_cell cell = cell_of(how, height, width);
  head->def->rows(head, how, &filter);
  for (int i = 0; i < count; i++) {
    int pixel = rows[i].index / filter.rows;
    cell.row = rows[i].index % filter.rows;
    cell.y = pixel / width;
    cell.x = pixel % width;
    yolo_status st = head->def->decode_row(head, &cell, rows[i].values, how, out);
    if (st != YOLO_OK) return st;
  }
  return YOLO_OK;
}
