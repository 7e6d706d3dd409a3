/* Runs as text: COCO's compressed form, and plain lists of counts.
 *
 * A number is cut into pieces of 5 bits, lowest first, one character a piece: the piece, plus 32 where more follow, plus 48
 * ('0'). Bit 4 of the last piece is the sign. From the fourth run on the difference to the run two before is written. */
#include <inttypes.h>
#include <math.h>

#include "backbone/base/memory.h"
#include "datasets/mask_runs.h"

enum { FIRST_CHARACTER = 48, MORE = 32, SIGN = 16, PIECE_BITS = 5, LONGEST = 7 /* 33 bits with the sign */ };

static int write_number(int64_t value, char *out) {
  int n = 0;
  for (bool more = true; more; n++) {
    const int piece = (int)(value & 31);
    value = value < 0 ? ~(~value >> PIECE_BITS) : value >> PIECE_BITS;
    more = value != ((piece & SIGN) ? -1 : 0);
    out[n] = (char)(piece + (more ? MORE : 0) + FIRST_CHARACTER);
  }
  return n;
}

yolo_status yolo_rle_to_text(const yolo_rle *rle, yolo_text *out) {
  char piece[256];
  int used = 0;
  yolo_status st = YOLO_OK;
  if (rle->count == 0) return yolo_text_append(out, "", 0);
  for (size_t i = 0; st == YOLO_OK && i < rle->count; i++) {
    const int64_t before = i > 2 ? rle->runs[i - 2] : 0;
    used += write_number((int64_t)rle->runs[i] - before, piece + used);
    if (used + LONGEST > (int)sizeof piece || i + 1 == rle->count) {
      st = yolo_text_append(out, piece, (size_t)used);
      used = 0;
    }
  }
  return st;
}

/* Characters used; 0: bad. */
static size_t read_number(const char *text, size_t length, int64_t *value) {
  uint64_t bits = 0;
  for (size_t n = 0; n < length && n < LONGEST; n++) {
    const int piece = (int)(unsigned char)text[n] - FIRST_CHARACTER;
    if (piece < 0 || piece > 63) return 0;
    bits |= (uint64_t)(piece & 31) << (PIECE_BITS * n);
    if (piece & MORE) continue;
    *value = (int64_t)bits - ((piece & SIGN) ? (int64_t)1 << (PIECE_BITS * (n + 1)) : 0);
    return n + 1;
  }
  return 0;
}

static yolo_status bad_character(const char *text, size_t length, size_t at) {
  for (size_t i = at; i < length && i < at + LONGEST; i++)
    if (text[i] < '0' || text[i] > 'o')
      return yolo_fail(YOLO_EFORMAT, "compressed mask: character %zu has code %d; only '0' to 'o' occur", i + 1,
                       (int)(unsigned char)text[i]);
  if (length - at < LONGEST) return yolo_fail(YOLO_EFORMAT, "compressed mask: the text ends within a number");
  return yolo_fail(YOLO_EFORMAT, "compressed mask: the number at character %zu is longer than 32 bits", at + 1);
}

/* A run of `value` pixels when `left` are left. */
static yolo_status check_run(int64_t value, size_t index, int64_t left, int height, int width) {
  if (value < 0) return yolo_fail(YOLO_EFORMAT, "mask: run %zu is negative (%" PRId64 ")", index + 1, value);
  if (value > left)
    return yolo_fail(YOLO_EFORMAT, "mask: run %zu reaches beyond the %d x %d pixels (width x height) of its size", index + 1,
                     width, height);
  return YOLO_OK;
}

/* The runs become the caller's if they fill the mask. */
static yolo_status finish(uint32_t *runs, size_t count, int64_t left, int height, int width, yolo_rle *out) {
  if (left > 0)
    return yolo_fail(YOLO_EFORMAT, "mask: its runs end %" PRId64 " pixels before its size of %d x %d (width x height) does",
                     left, width, height);
  *out = (yolo_rle){height, width, count, runs};
  return YOLO_OK;
}

yolo_status yolo_rle_from_text(const char *text, size_t length, int height, int width, yolo_rle *out) {
  uint32_t *runs = NULL, pixels = 0;
  size_t count = 0, numbers = 0, at = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_check_size(height, width, &pixels));
  int64_t left = pixels;
  for (size_t i = 0; i < length; i++) numbers += !(((unsigned char)text[i] - (unsigned)FIRST_CHARACTER) & MORE);
  runs = yolo_alloc_array(numbers + 1, sizeof *runs);
  YOLO_ENOMEM_IF_NULL(runs);
  while (at < length) {
    int64_t value;
    const size_t used = read_number(text + at, length - at, &value);
    if (used == 0) {
      st = bad_character(text, length, at);
      goto done;
    }
    if (count > 2) value += runs[count - 2];
    YOLO_TRY(check_run(value, count, left, height, width));
    runs[count++] = (uint32_t)value;
    left -= value;
    at += used;
  }
  YOLO_TRY(finish(runs, count, left, height, width, out));
  runs = NULL;
done:
  yolo_free(runs);
  return st;
}

yolo_status yolo_rle_from_counts(const double *counts, size_t n, int height, int width, yolo_rle *out) {
  uint32_t *runs = NULL, pixels = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_check_size(height, width, &pixels));
  int64_t left = pixels;
  runs = yolo_alloc_array(n, sizeof *runs);
  YOLO_ENOMEM_IF_NULL(runs);
  for (size_t i = 0; i < n; i++) {
    if (!(fabs(counts[i]) <= 1e15) || floor(counts[i]) != counts[i]) {
      st = yolo_fail(YOLO_EFORMAT, "mask: count %zu (%.17g) is not a whole number of pixels", i + 1, counts[i]);
      goto done;
    }
    YOLO_TRY(check_run((int64_t)counts[i], i, left, height, width));
    runs[i] = (uint32_t)counts[i];
    left -= runs[i];
  }
  YOLO_TRY(finish(runs, n, left, height, width, out));
  runs = NULL;
done:
  yolo_free(runs);
  return st;
}
