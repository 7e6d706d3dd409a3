/* Bytes are the runs of a mask: height, width (a byte each), a byte that says how to read the rest - as compressed text, as
 * counts or as the points of a polygon - and that. A mask that is taken goes through everything there is, and must come back
 * the same. */
#include "datasets/mask.h"
#include "datasets/outline.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_NUMBERS = 4096 };

static size_t numbers_of(const uint8_t *bytes, size_t length, double *values, double scale) {
  size_t n = 0;
  for (; n < MOST_NUMBERS && 2 * n + 2 <= length; n++) {
    int16_t value;
    memcpy(&value, bytes + 2 * n, sizeof value);
    values[n] = value == INT16_MAX ? 1e300 : value * scale;
  }
  return n;
}

static yolo_status read_mask(const uint8_t *bytes, size_t length, int kind, int height, int width, yolo_rle *out) {
  static double values[MOST_NUMBERS];
  if (kind == 0) return yolo_rle_from_text((const char *)bytes, length, height, width, out);
  const size_t n = numbers_of(bytes, length, values, kind == 1 ? 1 : .1);
  if (kind == 1) return yolo_rle_from_counts(values, n, height, width, out);
  return yolo_rle_from_polygon(values, n / 2, height, width, out);
}

/* To text and back: the same runs. To pixels and back: the same pixels, from an outline too. */
static yolo_status there_and_back(const yolo_rle *rle) {
  static uint8_t pixels[256 * 256], traced[256 * 256];
  const size_t height = (size_t)rle->height, width = (size_t)rle->width;
  yolo_rle other = {0};
  yolo_text text = {0};
  yolo_outline outline = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_to_text(rle, &text));
  YOLO_TRY(yolo_rle_from_text(text.data, text.length, rle->height, rle->width, &other));
  fuzz_expect(other.count == rle->count && memcmp(other.runs, rle->runs, rle->count * sizeof *rle->runs) == 0, "other runs");
  yolo_rle_free(&other);
  yolo_rle_decode(rle, pixels, width, 1);
  YOLO_TRY(yolo_rle_encode(pixels, rle->height, rle->width, width, 1, &other));
  fuzz_expect(yolo_rle_area(&other) == yolo_rle_area(rle), "another area");
  YOLO_TRY(yolo_outline_from_rle(&outline, rle));
  YOLO_TRY(yolo_outline_fill(&outline, 0, 0, 1, rle->width, rle->height, traced));
  fuzz_expect(memcmp(pixels, traced, height * width) == 0, "another outline");
done:
  yolo_rle_free(&other);
  yolo_text_free(&text);
  yolo_outline_free(&outline);
  return st;
}

/* With its mirror image in runs, which has the same size. */
static yolo_status together(const yolo_rle *rle) {
  yolo_rle masks[3] = {*rle, {0}, *rle}, merged = {0};
  double iou[2], box[4];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_copy(rle, &masks[1]));
  for (size_t i = 0; i < rle->count; i++) masks[1].runs[i] = rle->runs[rle->count - 1 - i];
  YOLO_TRY(yolo_rle_iou(masks, 2, masks + 2, 1, NULL, iou));
  fuzz_expect(iou[0] >= 0 && iou[0] <= 1 && iou[1] >= 0 && iou[1] <= 1, "no overlap");
  for (int intersect = 0; intersect < 2; intersect++) {
    YOLO_TRY(yolo_rle_merge(masks, 3, intersect, &merged));
    yolo_rle_box(&merged, box);
    yolo_rle_free(&merged);
  }
done:
  yolo_rle_free(&masks[1]);
  return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  if (length < 3) return 0;
  yolo_rle rle = {0};
  yolo_error_clear();
  yolo_status st = read_mask(bytes + 3, length - 3, bytes[2] % 3, bytes[0], bytes[1], &rle);
  if (st == YOLO_OK) st = there_and_back(&rle);
  if (st == YOLO_OK) st = together(&rle);
  yolo_rle_free(&rle);
  fuzz_judge(st, live);
  return 0;
}
