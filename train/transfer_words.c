/* What was taken from a weights file and what not, in words. */
#include <string.h>

#include "train/transfer.h"

enum { NAMED = 4 }; /* tensors of a kind that are named; the rest is counted */

static yolo_status append_shape(yolo_text *out, const int *dims, int ndim) {
  yolo_status st = YOLO_OK;
  if (ndim == 0) return yolo_text_append(out, "scalar", 6);
  for (int i = 0; i < ndim && st == YOLO_OK; i++) st = yolo_text_format(out, i ? "x%d" : "%d", dims[i]);
  return st;
}

static yolo_status append_item(yolo_text *out, const yolo_transfer_item *item) {
  yolo_status st = yolo_text_format(out, "%.120s", item->name);
  if (item->kind != YOLO_TRANSFER_SHAPE) return st;
  YOLO_TRY(st);
  YOLO_TRY(yolo_text_append(out, " (", 2));
  YOLO_TRY(append_shape(out, item->dims, item->ndim));
  YOLO_TRY(yolo_text_append(out, " there, ", 8));
  YOLO_TRY(append_shape(out, item->dims_here, item->ndim_here));
  YOLO_TRY(yolo_text_append(out, " here)", 6));
done:
  return st;
}

static yolo_status append_kind(const yolo_transfer_report *report, yolo_transfer_kind kind, const char *title, yolo_text *out) {
  int total = report->counts[kind], named = 0;
  yolo_status st = YOLO_OK;
  if (total == 0) return YOLO_OK;
  YOLO_TRY(yolo_text_format(out, "  %s (%d): ", title, total));
  for (int i = 0; i < report->count && named < NAMED; i++) {
    if (report->items[i].kind != kind) continue;
    YOLO_TRY(yolo_text_format(out, "%s", named++ ? ", " : ""));
    YOLO_TRY(append_item(out, &report->items[i]));
  }
  YOLO_TRY(total > NAMED ? yolo_text_format(out, " and %d more\n", total - NAMED) : yolo_text_append(out, "\n", 1));
done:
  return st;
}

yolo_status yolo_transfer_describe(const yolo_transfer_report *report, yolo_text *out) {
  const int *counts = report->counts;
  int taken = counts[YOLO_TRANSFER_TAKEN] + counts[YOLO_TRANSFER_BY_CLASS];
  int here = taken + counts[YOLO_TRANSFER_SHAPE] + counts[YOLO_TRANSFER_MISSING];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(out, "%s: %d of %d tensors taken, %zu of %zu numbers\n", report->file, taken, here, report->taken,
                            report->values));
  if (counts[YOLO_TRANSFER_BY_CLASS] > 0)
    YOLO_TRY(yolo_text_format(out, "  heads: boxes as they are, %d of %d classes by name%s%s\n", report->classes_found,
                              report->classes, report->classes_found ? ": " : "",
                              report->classes_found ? report->class_names.data : ""));
  YOLO_TRY(append_kind(report, YOLO_TRANSFER_SHAPE, "of another shape, left as drawn", out));
  YOLO_TRY(append_kind(report, YOLO_TRANSFER_MISSING, "not in the file, left as drawn", out));
  YOLO_TRY(append_kind(report, YOLO_TRANSFER_UNUSED, "of the file, not used", out));
done:
  return st;
}
