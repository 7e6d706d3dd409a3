/* The borders between the pixels of a mask as rings: exact, holes included.
 *
 * The mask is swept column by column. Where the borders on the vertical line between two columns begin, end or turn, there is a
 * corner of a ring. Going down the line, corners are paired by the vertical borders between them; from line to line, those on
 * one height are paired by the horizontal ones. Then the pairs are followed. Every ring is run through with the object on the
 * same hand, so that areas of holes have the other sign. Pixels that touch only at a corner belong to different turns there. */
#include <limits.h>

#include "backbone/base/memory.h"
#include "datasets/outline_room.h"

enum { LONGEST_SIDE = 1 << 24 /* whole numbers up to here are exact in a float */ };

typedef struct corner {
  int x, y;
  int down_line; /* the other end of its vertical border, */
  int along_row; /* of its horizontal border */
  bool starts;   /* its vertical border leads away from it; false too once the ring is written */
} corner;

typedef struct tracing {
  corner *corners;
  int count, room;
  int *open;               /* [height+1]: the corner whose border goes right on this height */
  int *ends[2], n_ends[2]; /* where the object begins and ends in the left and the right column, top to bottom */
  const yolo_rle *rle;
  size_t run;    /* the next of rle->runs */
  uint64_t left; /* pixels of the run in hand that are not yet in a column */
  bool inside;
} tracing;

/* Pixels of the next run; the last one never ends. */
static void next_run(tracing *t) {
  const bool has = t->run < t->rle->count;
  t->left = has ? t->rle->runs[t->run] : UINT64_MAX;
  t->inside = has && t->run % 2 == 1;
  t->run++;
}

/* Takes the next column from the runs. Ends that meet cancel each other. */
static void next_column(tracing *t, int *ends, int *n_ends) {
  const uint64_t height = (uint64_t)t->rle->height;
  int n = 0;
  for (uint64_t y = 0; y < height;) {
    const uint64_t length = t->left < height - y ? t->left : height - y;
    if (t->inside && length > 0) {
      if (n > 0 && ends[n - 1] == (int)y)
        n--;
      else
        ends[n++] = (int)y;
      ends[n++] = (int)(y + length);
    }
    y += length;
    t->left -= length;
    if (t->left == 0) next_run(t);
  }
  *n_ends = n;
}

/* What meets in one point of the grid: the borders above and below it, left and right of it. */
typedef struct crossing {
  bool up, down, left, right;
  bool up_starts, down_starts; /* the vertical border is run through away from here */
} crossing;

static int add_corner(tracing *t, int x, int y, bool starts) {
  t->corners[t->count] = (corner){x, y, -1, -1, starts};
  return t->count++;
}

static void pair_on_line(tracing *t, int *above, int c) {
  if (*above >= 0) {
    t->corners[c].down_line = *above;
    t->corners[*above].down_line = c;
    *above = -1;
  } else {
    *above = c;
  }
}

static void pair_on_row(tracing *t, int c, bool from_left) {
  int *open = &t->open[t->corners[c].y];
  if (from_left) {
    t->corners[c].along_row = *open;
    t->corners[*open].along_row = c;
  } else {
    *open = c;
  }
}

/* The corners of one point: none where a border goes straight on, two where two pixels touch. `diagonal`: upper left and
 * lower right, whose borders are (up, left) and (down, right); else (up, right) and (down, left). */
static void add_point(tracing *t, int x, int y, const crossing *p, bool diagonal, int *above) {
  if (p->up && p->down) {
    if (!p->left) return;
    const int upper = add_corner(t, x, y, p->up_starts), lower = add_corner(t, x, y, p->down_starts);
    pair_on_line(t, above, upper);
    pair_on_line(t, above, lower);
    pair_on_row(t, diagonal ? upper : lower, true);
    pair_on_row(t, diagonal ? lower : upper, false);
  } else if (p->up || p->down) {
    const int c = add_corner(t, x, y, p->up ? p->up_starts : p->down_starts);
    pair_on_line(t, above, c);
    pair_on_row(t, c, p->left);
  }
}

/* Room for the corners of one more line: at most two a point, which are at most as many as ends. */
static yolo_status make_room(tracing *t, int more) {
  if (more <= t->room - t->count) return YOLO_OK;
  if (t->count > INT_MAX / 4 - more) return yolo_fail(YOLO_EUNSUPPORTED, "a mask with more than %d corners", INT_MAX / 4);
  const int room = t->count + more + t->room / 2;
  corner *corners = yolo_realloc(t->corners, (size_t)room * sizeof *corners);
  if (!corners) return YOLO_ENOMEM;
  t->corners = corners;
  t->room = room;
  return YOLO_OK;
}

/* Goes down the line left of column x. */
static yolo_status trace_line(tracing *t, int x) {
  const int *left = t->ends[0], *right = t->ends[1];
  int i = 0, j = 0, above = -1;
  bool in_left = false, in_right = false;
  const yolo_status st = make_room(t, 2 * (t->n_ends[0] + t->n_ends[1]));
  if (st != YOLO_OK) return st;
  while (i < t->n_ends[0] || j < t->n_ends[1]) {
    const int y_left = i < t->n_ends[0] ? left[i] : INT_MAX, y_right = j < t->n_ends[1] ? right[j] : INT_MAX;
    const int y = y_left < y_right ? y_left : y_right;
    crossing p = {.up = in_left != in_right, .left = y_left == y, .right = y_right == y, .up_starts = in_left};
    const bool upper_left = in_left;
    if (p.left) in_left = !in_left, i++;
    if (p.right) in_right = !in_right, j++;
    p.down = in_left != in_right;
    p.down_starts = in_right;
    add_point(t, x, y, &p, upper_left, &above);
  }
  return YOLO_OK;
}

static void write_ring(tracing *t, int start, yolo_outline *outline) {
  yolo_ring *ring = &outline->rings[outline->n_rings++];
  *ring = (yolo_ring){outline->n_points, 0, outline->n_parts, false};
  for (int c = start; t->corners[c].starts;) {
    corner *a = &t->corners[c], *b = &t->corners[a->down_line];
    float *to = outline->xy + 2 * (size_t)outline->n_points;
    to[0] = to[2] = (float)a->x;
    to[1] = (float)a->y;
    to[3] = (float)b->y;
    outline->n_points += 2;
    ring->count += 2;
    a->starts = false;
    c = b->along_row;
  }
}

static yolo_status write_rings(tracing *t, yolo_outline *outline) {
  if (t->count == 0) return YOLO_OK;
  for (int i = 0; i < t->count; i++) {
    if (!t->corners[i].starts) continue;
    const yolo_status st = yolo_outline_reserve(outline, t->count, 1);
    if (st != YOLO_OK) return st;
    write_ring(t, i, outline);
  }
  outline->n_parts++;
  return YOLO_OK;
}

yolo_status yolo_outline_from_rle(yolo_outline *outline, const yolo_rle *rle) {
  tracing t = {.rle = rle};
  yolo_status st = YOLO_OK;
  const size_t ends = (size_t)rle->height + 2;
  const int points_before = outline->n_points, rings_before = outline->n_rings;
  if (rle->height > LONGEST_SIDE || rle->width > LONGEST_SIDE)
    return yolo_fail(YOLO_EUNSUPPORTED, "a mask of %d x %d pixels is too large for an outline", rle->width, rle->height);
  if (yolo_rle_area(rle) == 0) return YOLO_OK;
  t.open = yolo_alloc_array(3 * ends, sizeof *t.open);
  YOLO_ENOMEM_IF_NULL(t.open);
  t.ends[0] = t.open + ends;
  t.ends[1] = t.ends[0] + ends;
  next_run(&t);
  for (int x = 0; x <= rle->width; x++) {
    if (x < rle->width)
      next_column(&t, t.ends[1], &t.n_ends[1]);
    else
      t.n_ends[1] = 0;
    YOLO_TRY(trace_line(&t, x));
    int *passed = t.ends[0];
    t.ends[0] = t.ends[1];
    t.n_ends[0] = t.n_ends[1];
    t.ends[1] = passed;
  }
  YOLO_TRY(write_rings(&t, outline));
done:
  if (st != YOLO_OK) {
    outline->n_points = points_before;
    outline->n_rings = rings_before;
  }
  yolo_free(t.open);
  yolo_free(t.corners);
  return st;
}
