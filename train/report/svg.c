/* Line charts as SVG: see svg.h. */
#include "train/report/svg.h"

#include <math.h>
#include <string.h>

#include "train/report/html.h"
#include "train/report/svg_parts.h"

enum { WIDTH = 640, HEIGHT = 360, LEFT = 62, RIGHT = 18, TOP = 40, BOTTOM = 46, LEGEND_MOST = 8, TICKS = 6 };

double yolo_nice_step(double span, int wanted) {
  if (!(span > 0) || !isfinite(span)) return 1;
  double raw = span / wanted, power = pow(10, floor(log10(raw))), part = raw / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* From values to places on the paper. */
typedef struct scale {
  double low, high;
  bool log;
  double from, to; /* pixels */
} scale;

static double place(const scale *s, double value) {
  double low = s->log ? log10(s->low) : s->low, high = s->log ? log10(s->high) : s->high;
  double t = ((s->log ? log10(value) : value) - low) / (high - low);
  return s->from + (s->to - s->from) * t;
}

static bool shows(const scale *s, double value) { return isfinite(value) && (!s->log || value > 0); }

static void stretch(double range[2], double value) {
  if (value < range[0]) range[0] = value;
  if (value > range[1]) range[1] = value;
}

/* The range of an axis: what was asked for, or what the data need, rounded outward to ticks. */
static void settle(scale *s, const double wanted[2], const yolo_svg_lines *chart, bool is_y) {
  double range[2] = {INFINITY, -INFINITY};
  for (int i = 0; i < chart->n_series; ++i) {
    const yolo_svg_series *line = &chart->series[i];
    for (int k = 0; k < line->count; ++k) {
      double value = is_y ? line->y[k] : line->x[k];
      if (shows(s, value)) stretch(range, value);
    }
  }
  if (wanted[0] < wanted[1]) {
    range[0] = wanted[0];
    range[1] = wanted[1];
  } else if (s->log && range[0] <= range[1]) {
    range[0] = pow(10, floor(log10(range[0])));
    range[1] = pow(10, ceil(log10(range[1])));
  } else if (is_y && range[0] <= range[1]) {
    double step = yolo_nice_step(range[1] - range[0], TICKS);
    range[0] = floor(range[0] / step) * step;
    range[1] = ceil(range[1] / step) * step;
  }
  if (!(range[0] <= range[1])) range[0] = s->log ? 0.1 : 0, range[1] = 1;
  if (range[0] == range[1]) range[1] = s->log ? range[0] * 10 : range[0] + 1;
  s->low = range[0];
  s->high = range[1];
}

static yolo_status put_tick(yolo_text *out, const scale *s, double value, bool is_y) {
  double at = place(s, value);
  char label[SVG_NUMBER_MAX];
  svg_number(value, label);
  if (is_y) {
    return yolo_text_format(out,
                            "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/><text class=\"tick\" x=\"%d\" "
                            "y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                            LEFT, at, WIDTH - RIGHT, at, LEFT - 8, at + 4, label);
  }
  return yolo_text_format(out,
                          "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/><text class=\"tick\" x=\"%.1f\" "
                          "y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                          at, TOP, at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 18, label);
}

static yolo_status put_axis(yolo_text *out, const scale *s, bool is_y, bool whole) {
  yolo_status st = YOLO_OK;
  if (s->log) {
    for (double v = s->low; v <= s->high * 1.0001 && st == YOLO_OK; v *= 10) st = put_tick(out, s, v, is_y);
    return st;
  }
  double step = yolo_nice_step(s->high - s->low, TICKS);
  if (whole && step < 1) step = 1;
  double first = ceil(s->low / step - 1e-9);
  for (int i = 0; st == YOLO_OK && (first + i) * step <= s->high + step * 1e-6; ++i) {
    st = put_tick(out, s, (first + i) * step, is_y);
  }
  return st;
}

/* A path of one point shows nothing: it becomes a dot. */
static bool is_alone(const yolo_svg_series *line, int i, const scale *x, const scale *y) {
  int before = i - 1, after = i + 1;
  return (before < 0 || !shows(x, line->x[before]) || !shows(y, line->y[before])) &&
         (after >= line->count || !shows(x, line->x[after]) || !shows(y, line->y[after]));
}

static yolo_status put_series(yolo_text *out, const yolo_svg_series *line, const scale *x, const scale *y) {
  yolo_status st = YOLO_OK;
  bool open = false;
  double before = 0;
  YOLO_TRY(yolo_text_format(out, "<path class=\"line s%d%s%s\" d=\"", line->colour % YOLO_SVG_COLOURS,
                            line->thin ? " thin" : "", line->dashed ? " dashed" : ""));
  for (int i = 0; i < line->count; ++i) {
    if (!shows(x, line->x[i]) || !shows(y, line->y[i])) {
      open = false;
      continue;
    }
    double px = place(x, line->x[i]), py = place(y, line->y[i]);
    if (open && line->steps) YOLO_TRY(yolo_text_format(out, "L%.1f %.1f", px, before));
    YOLO_TRY(yolo_text_format(out, "%c%.1f %.1f%s", open ? 'L' : 'M', px, py, is_alone(line, i, x, y) ? "h0" : ""));
    open = true;
    before = py;
  }
  YOLO_TRY(yolo_text_format(out, "\"><title>"));
  YOLO_TRY(yolo_html_text(out, line->name ? line->name : ""));
  YOLO_TRY(yolo_text_format(out, "</title></path>\n"));
done:
  return st;
}

static yolo_status put_mark(yolo_text *out, const yolo_svg_mark *mark, const scale *x, const scale *y) {
  if (!shows(x, mark->x) || !shows(y, mark->y)) return YOLO_OK;
  double px = place(x, mark->x), py = place(y, mark->y);
  bool left = px > WIDTH * 2 / 3;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(out,
                            "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/><text class=\"note\" x=\"%.1f\" y=\"%.1f\""
                            " text-anchor=\"%s\">",
                            px, py, px + (left ? -8 : 8), py - 8 < TOP + 10 ? py + 18 : py - 8, left ? "end" : "start"));
  YOLO_TRY(yolo_html_text(out, mark->label));
  YOLO_TRY(yolo_text_format(out, "</text>\n"));
done:
  return st;
}

/* Names of the lines above the picture, for those that are not one of many. */
static yolo_status put_legend(yolo_text *out, const yolo_svg_lines *chart) {
  yolo_status st = YOLO_OK;
  int shown = 0;
  double at = LEFT;
  for (int i = 0; i < chart->n_series; ++i) shown += !chart->series[i].thin && chart->series[i].name;
  if (shown < 2) return YOLO_OK;
  for (int i = 0, n = 0; i < chart->n_series && n < LEGEND_MOST && st == YOLO_OK; ++i) {
    const yolo_svg_series *line = &chart->series[i];
    if (line->thin || !line->name) continue;
    YOLO_TRY(yolo_text_format(out,
                              "<line class=\"line s%d%s\" x1=\"%.0f\" y1=\"30\" x2=\"%.0f\" y2=\"30\"/><text class=\"tick\" "
                              "x=\"%.0f\" y=\"34\">",
                              line->colour % YOLO_SVG_COLOURS, line->dashed ? " dashed" : "", at, at + 18, at + 23));
    YOLO_TRY(yolo_html_text(out, line->name));
    YOLO_TRY(yolo_text_format(out, "</text>\n"));
    at += 40 + 6.3 * (double)strlen(line->name);
    ++n;
  }
done:
  return st;
}

yolo_status yolo_svg_put_lines(yolo_text *out, const yolo_svg_lines *chart) {
  scale x = {.from = LEFT, .to = WIDTH - RIGHT}, y = {.from = HEIGHT - BOTTOM, .to = TOP, .log = chart->log_y};
  yolo_status st = YOLO_OK;
  settle(&x, chart->x_range, chart, false);
  settle(&y, chart->y_range, chart, true);
  YOLO_TRY(svg_begin(out, WIDTH, HEIGHT, chart->title));
  YOLO_TRY(put_axis(out, &x, false, chart->whole_x));
  YOLO_TRY(put_axis(out, &y, true, false));
  YOLO_TRY(yolo_text_format(out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT));
  YOLO_TRY(svg_label(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, 0, chart->x_label));
  YOLO_TRY(svg_label(out, 14, (TOP + HEIGHT - BOTTOM) / 2.0, -90, chart->y_label));
  for (int pass = 0; pass < 2; ++pass) { /* the many behind, the few in front */
    for (int i = 0; i < chart->n_series; ++i) {
      if (chart->series[i].thin == (pass == 0)) YOLO_TRY(put_series(out, &chart->series[i], &x, &y));
    }
  }
  for (int i = 0; i < chart->n_marks; ++i) YOLO_TRY(put_mark(out, &chart->marks[i], &x, &y));
  YOLO_TRY(put_legend(out, chart));
  YOLO_TRY(yolo_text_format(out, "</svg>\n"));
done:
  return st;
}
