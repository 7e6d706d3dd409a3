/* Run-length masks: from and to pixels, merge, area, box.
 *
 * The definition is the COCO API (Lin et al., "Microsoft COCO", 2014; common/maskApi.c): pixels in column order, runs that
 * alternate background and object, the first may be empty. Runs from elsewhere may be empty in the middle too; what the API
 * makes of those is kept. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/mask_runs.h"

void yolo_rle_free(yolo_rle *rle) {
  yolo_free(rle->runs);
  *rle = (yolo_rle){0};
}

yolo_status yolo_rle_copy(const yolo_rle *from, yolo_rle *out) {
  yolo_rle copy = *from;
  copy.runs = yolo_alloc_array(from->count, sizeof *copy.runs);
  if (!copy.runs) return YOLO_ENOMEM;
  if (from->count > 0) memcpy(copy.runs, from->runs, from->count * sizeof *copy.runs);
  *out = copy;
  return YOLO_OK;
}

yolo_status yolo_rle_check_size(int height, int width, uint32_t *pixels) {
  const uint64_t area = height < 0 || width < 0 ? UINT64_MAX : (uint64_t)height * (uint64_t)width;
  if (area > UINT32_MAX)
    return yolo_fail(YOLO_EINVAL, "a mask cannot have %d x %d pixels (width x height): at most 2^32 - 1 in all", width, height);
  *pixels = (uint32_t)area;
  return YOLO_OK;
}

/* ---- pixels to runs ---- */

typedef struct run_writer {
  uint32_t *runs;
  size_t count, room;
  uint32_t run; /* length so far of the run being written */
  bool inside;
} run_writer;

static yolo_status make_room(run_writer *w, size_t more) {
  if (w->room - w->count >= more) return YOLO_OK;
  const size_t room = w->count + more + w->room / 2;
  uint32_t *runs = yolo_realloc(w->runs, room * sizeof *runs);
  if (!runs) return YOLO_ENOMEM;
  w->runs = runs;
  w->room = room;
  return YOLO_OK;
}

/* How many bytes from p on are 0 (or: are not 0); eight at a time. */
static size_t same_bytes(const uint8_t *p, size_t n, bool inside) {
  const uint64_t ones = 0x0101010101010101u, highs = ones << 7;
  size_t i = 0;
  for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
    memcpy(&word, p + i, sizeof word);
    /* The right side is not 0 exactly where a byte of the word is. */
    if (inside ? ((word - ones) & ~word & highs) != 0 : word != 0) break;
  }
  while (i < n && (p[i] != 0) == inside) i++;
  return i;
}

/* Pixels that follow the ones written before; at most n + 1 runs, for which there is room. */
static void write_pixels(run_writer *w, const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n;) {
    const size_t same = same_bytes(p + i, n - i, w->inside);
    w->run += (uint32_t)same;
    if ((i += same) == n) return;
    w->runs[w->count++] = w->run;
    w->run = 0;
    w->inside = !w->inside;
  }
}

/* A picture in rows. A pixel that differs from the one above it starts a run, the first of a column where it differs from the
 * last of the column before. Found row by row, these are counted first, then put where their column begins. */
typedef struct row_scan {
  const uint8_t *mask;
  size_t height, width, y_stride, x_stride;
  uint32_t *next;   /* [width]: starts of runs in a column; when placing: where the column's next one goes */
  uint32_t *starts; /* NULL: count only */
} row_scan;

/* `row` and `above` point to the pixels of column `from`. */
static void compare_pixels(const row_scan *s, const uint8_t *row, const uint8_t *above, size_t y, size_t from, size_t to) {
  for (size_t x = from; x < to; x++) {
    const bool starts = (row[(x - from) * s->x_stride] != 0) != (above[(x - from) * s->x_stride] != 0);
    if (!s->starts)
      s->next[x] += starts;
    else if (starts)
      s->starts[s->next[x]++] = (uint32_t)(x * s->height + y);
  }
}

/* Where 32 bytes next to each other are those above, there is nothing to look at. */
static void compare_rows(const row_scan *s, const uint8_t *row, const uint8_t *above, size_t y) {
  const size_t pieces = s->x_stride == 1 ? s->width / 32 : 0;
  for (size_t i = 0; i < pieces; i++, row += 32, above += 32) {
    uint64_t a[4], b[4];
    memcpy(a, row, sizeof a);
    memcpy(b, above, sizeof b);
    if (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) != 0)
      compare_pixels(s, row, above, y, 32 * i, 32 * i + 32);
  }
  compare_pixels(s, row, above, y, 32 * pieces, s->width);
}

static void scan_rows(const row_scan *s) {
  const uint8_t *last = s->mask + (s->height - 1) * s->y_stride, background = 0;
  compare_pixels(s, s->mask, &background, 0, 0, 1);
  if (s->width > 1) compare_pixels(s, s->mask + s->x_stride, last, 0, 1, s->width);
  for (size_t y = 1; y < s->height; y++) compare_rows(s, s->mask + y * s->y_stride, s->mask + (y - 1) * s->y_stride, y);
}

static yolo_status write_rows(run_writer *w, const uint8_t *mask, size_t height, size_t width, size_t y_stride,
                              size_t x_stride) {
  row_scan scan = {mask, height, width, y_stride, x_stride, yolo_calloc(width, sizeof *scan.next), NULL};
  if (!scan.next) return YOLO_ENOMEM;
  scan_rows(&scan);
  size_t total = 0;
  for (size_t x = 0; x < width; x++) {
    const uint32_t here = scan.next[x];
    scan.next[x] = (uint32_t)total;
    total += here;
  }
  const yolo_status st = make_room(w, total + 1);
  if (st == YOLO_OK) {
    scan.starts = w->runs;
    scan_rows(&scan);
    w->run = (uint32_t)(height * width) - (total > 0 ? w->runs[total - 1] : 0);
    for (size_t i = total; i-- > 1;) w->runs[i] -= w->runs[i - 1];
    w->count = total;
  }
  yolo_free(scan.next);
  return st;
}

static yolo_status write_columns(run_writer *w, const uint8_t *mask, size_t height, size_t width, size_t x_stride) {
  yolo_status st = YOLO_OK;
  for (size_t x = 0; st == YOLO_OK && x < width; x++) {
    st = make_room(w, height + 1);
    if (st == YOLO_OK) write_pixels(w, mask + x * x_stride, height);
  }
  return st;
}

yolo_status yolo_rle_encode(const uint8_t *mask, int height, int width, size_t y_stride, size_t x_stride, yolo_rle *out) {
  run_writer w = {0};
  uint32_t pixels = 0;
  uint32_t *runs = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_check_size(height, width, &pixels));
  if (pixels > 0 && y_stride == 1)
    YOLO_TRY(write_columns(&w, mask, (size_t)height, (size_t)width, x_stride));
  else if (pixels > 0)
    YOLO_TRY(write_rows(&w, mask, (size_t)height, (size_t)width, y_stride, x_stride));
  YOLO_TRY(make_room(&w, 1));
  w.runs[w.count++] = w.run;
  runs = yolo_realloc(w.runs, w.count * sizeof *runs);
  YOLO_ENOMEM_IF_NULL(runs);
  w.runs = NULL;
  *out = (yolo_rle){height, width, w.count, runs};
done:
  yolo_free(w.runs);
  return st;
}

/* ---- runs to pixels ---- */

static void clear_pixels(uint8_t *mask, size_t height, size_t width, size_t y_stride, size_t x_stride) {
  const bool rows = x_stride == 1;
  const size_t lines = rows ? height : width, line_stride = rows ? y_stride : x_stride;
  for (size_t i = 0; i < lines; i++) {
    uint8_t *line = mask + i * line_stride;
    if (rows || y_stride == 1)
      memset(line, 0, rows ? width : height);
    else
      for (size_t y = 0; y < height; y++) line[y * y_stride] = 0;
  }
}

void yolo_rle_decode(const yolo_rle *rle, uint8_t *mask, size_t y_stride, size_t x_stride) {
  const size_t height = (size_t)rle->height, width = (size_t)rle->width, pixels = height * width;
  size_t position = 0;
  if (pixels == 0) return;
  clear_pixels(mask, height, width, y_stride, x_stride);
  for (size_t i = 0; i < rle->count && position < pixels; i++) {
    const size_t end = rle->runs[i] < pixels - position ? position + rle->runs[i] : pixels;
    size_t x = position / height, y = position % height;
    size_t left = i % 2 == 1 ? end - position : 0;
    while (left > 0) {
      const size_t length = left < height - y ? left : height - y;
      uint8_t *column = mask + x++ * x_stride + y * y_stride;
      if (y_stride == 1)
        memset(column, 1, length);
      else
        for (size_t k = 0; k < length; k++) column[k * y_stride] = 1;
      left -= length;
      y = 0;
    }
    position = end;
  }
}

/* ---- merge, area, box ---- */

/* Writes at most a->count + b->count runs, at least one. */
static size_t merge_two(const yolo_rle *a, const yolo_rle *b, bool intersect, uint32_t *runs) {
  yolo_run_cursor ca = yolo_run_start(a), cb = yolo_run_start(b);
  size_t count = 0;
  uint32_t run = 0, length;
  bool inside = false, more = true;
  while (more) {
    more = yolo_run_step(&ca, &cb, &length);
    run += length;
    const bool now = intersect ? ca.inside && cb.inside : ca.inside || cb.inside;
    if (now != inside || !more) {
      runs[count++] = run;
      run = 0;
    }
    inside = now;
  }
  return count;
}

yolo_status yolo_rle_merge(const yolo_rle *masks, size_t n, bool intersect, yolo_rle *out) {
  yolo_rle sum = {0};
  uint32_t *spare = NULL;
  size_t room = 1;
  yolo_status st = YOLO_OK;
  bool same_size = true;
  for (size_t i = 0; i < n; i++) {
    room += masks[i].count;
    same_size = same_size && masks[i].height == masks[0].height && masks[i].width == masks[0].width;
  }
  if (n == 0 || !same_size) n = 0;
  if (n == 1) return yolo_rle_copy(&masks[0], out);
  if (n > 0) sum = (yolo_rle){masks[0].height, masks[0].width, masks[0].count, NULL};
  sum.runs = yolo_alloc_array(room, sizeof *sum.runs);
  spare = yolo_alloc_array(room, sizeof *spare);
  if (!sum.runs || !spare) {
    st = YOLO_ENOMEM;
    goto done;
  }
  if (sum.count > 0) memcpy(sum.runs, masks[0].runs, sum.count * sizeof *sum.runs);
  for (size_t i = 1; i < n; i++) {
    const size_t count = merge_two(&sum, &masks[i], intersect, spare);
    uint32_t *merged = spare;
    spare = sum.runs;
    sum.runs = merged;
    sum.count = count;
  }
  *out = sum;
  sum.runs = NULL;
done:
  yolo_free(sum.runs);
  yolo_free(spare);
  return st;
}

uint32_t yolo_rle_area(const yolo_rle *rle) {
  uint32_t area = 0;
  for (size_t i = 1; i < rle->count; i += 2) area += rle->runs[i];
  return area;
}

typedef struct grid_place {
  uint32_t x, y;
} grid_place;

/* On by one run. Most runs end in the same column or the next one, so divisions are rare. */
static void move_on(grid_place *at, uint32_t run, uint32_t height) {
  const uint64_t y = (uint64_t)at->y + run;
  const uint64_t columns = y < height ? 0 : y < 2 * (uint64_t)height ? 1 : y / height;
  at->x += (uint32_t)columns;
  at->y = (uint32_t)(y - columns * height);
}

/* One pixel back, from behind a run that is not empty. */
static grid_place step_back(grid_place at, uint32_t height) {
  return at.y > 0 ? (grid_place){at.x, at.y - 1} : (grid_place){at.x - 1, height - 1};
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* The API's 32-bit numbers wrap where every run of the object is empty, and so do these. */
void yolo_rle_box(const yolo_rle *rle, double box[4]) {
  const uint32_t height = (uint32_t)rle->height, width = (uint32_t)rle->width;
  uint32_t x1 = width, y1 = height, x2 = 0, y2 = 0;
  grid_place at = {0, 0};
  memset(box, 0, 4 * sizeof *box);
  if (rle->count < 2 || height == 0) return;
  for (size_t i = 0; i + 1 < rle->count; i += 2) {
    move_on(&at, rle->runs[i], height);
    const grid_place first = at;
    if (rle->runs[i + 1] == 0) continue;
    move_on(&at, rle->runs[i + 1], height);
    const grid_place last = step_back(at, height);
    if (first.x < last.x) { /* a run over the end of a column touches the first and the last row */
      y1 = 0;
      y2 = height - 1;
    }
    x1 = least(x1, first.x);
    x2 = most(x2, last.x);
    y1 = least(y1, least(first.y, last.y));
    y2 = most(y2, most(first.y, last.y));
  }
  box[0] = x1;
  box[1] = y1;
  box[2] = (uint32_t)(x2 - x1 + 1);
  box[3] = (uint32_t)(y2 - y1 + 1);
}
