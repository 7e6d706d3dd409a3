/* Curves of a training over its epochs, from the text of its results.csv: scores, loss and its parts, learning rate, what the
 * predictions that answer for truths come to, the gradient. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "train/report/svg.h"
#include "train/report/train_page.h"

enum { MOST_COLUMNS = 64, FIELD_MAX = 64, MOST_POINTS = 500, MOST_LINES = 6 };

/* ---- the table ---- */

typedef struct table {
  char names[MOST_COLUMNS][FIELD_MAX];
  int columns, rows;
  double *values; /* (rows, columns), owned; NAN: an empty field */
} table;

/* Copies the field that begins at `from` and returns where the next begins; NULL: the line ends with it. */
static const char *take_field(const char *from, char to[FIELD_MAX]) {
  const size_t length = strcspn(from, ",\n");
  const size_t kept = length < FIELD_MAX ? length : FIELD_MAX - 1;
  memcpy(to, from, kept);
  to[kept] = '\0';
  return from[length] == ',' ? from + length + 1 : NULL;
}

static const char *next_line(const char *line) {
  line += strcspn(line, "\n");
  return *line ? line + 1 : line;
}

static void read_row(const char *line, int columns, double *to) {
  char field[FIELD_MAX];
  for (int i = 0; i < columns; ++i) {
    to[i] = NAN;
    if (!line) continue;
    line = take_field(line, field);
    yolo_parse_double(field, &to[i]);
  }
}

static yolo_status read_table(const char *csv, table *t) {
  for (const char *field = csv; field && t->columns < MOST_COLUMNS;) field = take_field(field, t->names[t->columns++]);
  csv = next_line(csv);
  size_t rows = 0;
  for (const char *line = csv; *line; line = next_line(line)) ++rows;
  t->values = yolo_alloc_array(rows * (size_t)t->columns, sizeof *t->values);
  if (!t->values) return YOLO_ENOMEM;
  for (const char *line = csv; *line; line = next_line(line)) read_row(line, t->columns, t->values + t->rows++ * t->columns);
  return YOLO_OK;
}

static int column_of(const table *t, const char *name) {
  for (int i = 0; i < t->columns; ++i) {
    if (strcmp(t->names[i], name) == 0) return i;
  }
  return -1;
}

static double at(const table *t, int row, int column) { return column < 0 ? NAN : t->values[row * t->columns + column]; }

/* ---- a chart ---- */

/* A line of a chart: a column, or the quotient of two. */
typedef struct line {
  const char *column, *over; /* over NULL: the column as it is */
  const char *name;
  int colour;
} line;

typedef struct chart {
  const char *title, *y_label;
  line lines[MOST_LINES]; /* ends with column NULL */
  bool share;             /* from 0 to 1 */
  bool may_be_log;        /* where the first line goes through more than one power of ten */
} chart;

static double value_of(const table *t, int row, const line *l) {
  const double value = at(t, row, column_of(t, l->column));
  return l->over ? value / at(t, row, column_of(t, l->over)) : value;
}

/* Is a value more than what rounding leaves of a difference, beside that of the chart's first line? */
static bool is_something(const table *t, int row, const line *first, double value) {
  const double scale = value_of(t, row, first);
  return fabs(value) > (isfinite(scale) ? 1e-6 * fabs(scale) : 0);
}

/* Finite values of a line over their epochs, at most MOST_POINTS of them and the last; none where all are zero. Returns how
 * many. */
static int collect(const table *t, const line *first, const line *l, double *x, double *y) {
  int n = 0, kept = 0;
  bool any = false;
  for (int row = 0; row < t->rows; ++row) {
    const double epoch = at(t, row, 0), value = value_of(t, row, l);
    if (!isfinite(epoch) || !isfinite(value)) continue;
    any |= is_something(t, row, first, value);
    x[n] = epoch;
    y[n++] = value;
  }
  const int stride = (n + MOST_POINTS - 1) / MOST_POINTS;
  for (int i = 0; i < n; ++i) {
    if ((n - 1 - i) % stride != 0) continue;
    x[kept] = x[i];
    y[kept++] = y[i];
  }
  return any ? kept : 0;
}

static bool spans_decades(const double *y, int n) {
  double low = INFINITY, high = 0;
  for (int i = 0; i < n; ++i) {
    if (y[i] > 0 && y[i] < low) low = y[i];
    if (y[i] > high) high = y[i];
  }
  return high > 20 * low;
}

static yolo_status put_chart(const table *t, const chart *c, const yolo_svg_mark *mark, yolo_text *to) {
  const size_t rows = (size_t)t->rows;
  yolo_svg_series series[MOST_LINES];
  yolo_svg_lines lines = {.title = c->title, .x_label = "epoch", .y_label = c->y_label, .whole_x = true, .series = series};
  yolo_status st = YOLO_OK;
  double *xy = yolo_alloc_array(2 * rows * MOST_LINES, sizeof *xy);
  if (!xy) return YOLO_ENOMEM;
  for (int i = 0; i < MOST_LINES && c->lines[i].column; ++i) {
    const line *l = &c->lines[i];
    double *x = xy + 2 * (size_t)i * rows, *y = x + rows;
    const int n = collect(t, c->lines, l, x, y);
    const bool again = i > 0 && lines.n_series > 0 && n == series[0].count && memcmp(y, series[0].y, n * sizeof *y) == 0;
    if (n > 0 && !again) /* a loss of one part is that part */
      series[lines.n_series++] = (yolo_svg_series){.name = l->name, .x = x, .y = y, .count = n, .colour = l->colour};
  }
  if (lines.n_series > 0) {
    lines.log_y = c->may_be_log && spans_decades(series[0].y, series[0].count);
    lines.y_range[1] = c->share ? 1 : 0;
    lines.marks = mark;
    lines.n_marks = mark != NULL;
    st = yolo_svg_put_lines(to, &lines);
  }
  yolo_free(xy);
  return st;
}

/* ---- the charts ---- */

static const chart scores = {.title = "Scores on the val split",
                             .lines = {{"AP", NULL, "mAP50-95", 0},
                                       {"AP50", NULL, "mAP50", 2},
                                       {"AP75", NULL, "mAP75", 1},
                                       {"top1", NULL, "top-1", 0},
                                       {"top5", NULL, "top-5", 2}},
                             .share = true};
static const chart others[] = {
    {.title = "Loss, mean over the images of an epoch",
     .y_label = "loss",
     .lines = {{"loss", NULL, "total", 0},
               {"box", NULL, "box", 1},
               {"objectness", NULL, "objectness", 2},
               {"class", NULL, "class", 3},
               {"other", NULL, "other parts", 4}},
     .may_be_log = true},
    {.title = "Learning rate of the last step", .y_label = "learning rate", .lines = {{"lr", NULL, "learning rate", 0}}},
    {.title = "Predictions that answer for a truth, training images",
     .lines = {{"recall50", NULL, "recall at IoU 0.5", 0}, {"mean_iou", NULL, "mean IoU", 1}},
     .share = true},
    {.title = "Predictions that answer for a truth, an image",
     .y_label = "positives an image",
     .lines = {{"positives", "images", "positives", 0}}},
    {.title = "Largest norm of the gradient in an epoch",
     .y_label = "norm",
     .lines = {{"gradient_norm", NULL, "norm", 0}},
     .may_be_log = true}};

/* The point of the best model. */
static bool find_best(const table *t, int best_epoch, char label[FIELD_MAX], yolo_svg_mark *out) {
  for (int row = 0; row < t->rows; ++row) {
    double score = at(t, row, column_of(t, "AP"));
    if (!isfinite(score)) score = at(t, row, column_of(t, "top1"));
    if (at(t, row, 0) != best_epoch || !isfinite(score)) continue;
    snprintf(label, FIELD_MAX, "best: %.4f, epoch %d", score, best_epoch);
    *out = (yolo_svg_mark){best_epoch, score, label};
    return true;
  }
  return false;
}

yolo_status yolo_train_section_curves(const char *csv, int best_epoch, yolo_text *to) {
  table t = {.columns = 0};
  yolo_svg_mark mark;
  char label[FIELD_MAX];
  yolo_status st = YOLO_OK;
  YOLO_TRY(read_table(csv, &t));
  if (t.rows == 0) goto done;
  YOLO_TRY(yolo_html_heading(to, "Training"));
  YOLO_TRY(yolo_html_row(to, true));
  YOLO_TRY(put_chart(&t, &scores, find_best(&t, best_epoch, label, &mark) ? &mark : NULL, to));
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i) YOLO_TRY(put_chart(&t, &others[i], NULL, to));
  YOLO_TRY(yolo_html_row(to, false));
  st = yolo_html_note(to, "A point an epoch; results.csv holds the numbers.");
done:
  yolo_free(t.values);
  return st;
}
