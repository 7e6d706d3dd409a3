/* Bars and matrices as SVG, and what all charts share: see svg.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/report/html.h"
#include "train/report/svg.h"
#include "train/report/svg_parts.h"

enum { WIDTH = 640, HEIGHT = 320, LEFT = 62, RIGHT = 18, TOP = 40, BOTTOM = 48, TICKS = 5, ROW = 20, CHARACTER = 7 };
static const double tick_character = 7; /* in letters of 11 pixels */
enum { LONGEST_NAME = 28, NAME_BYTES = 4 * LONGEST_NAME + 4, FEW_BARS = 16 };

yolo_status svg_begin(yolo_text *out, int width, int height, const char *title) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"", width,
                            height, width, height));
  YOLO_TRY(yolo_html_text(out, title));
  YOLO_TRY(yolo_text_format(out, "\">\n<text class=\"title\" x=\"8\" y=\"16\">"));
  YOLO_TRY(yolo_html_text(out, title));
  YOLO_TRY(yolo_text_format(out, "</text>\n"));
done:
  return st;
}

yolo_status svg_label(yolo_text *out, double x, double y, int degrees, const char *label) {
  yolo_status st = YOLO_OK;
  if (!label || !*label) return YOLO_OK;
  YOLO_TRY(yolo_text_format(out, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"", x, y));
  if (degrees) YOLO_TRY(yolo_text_format(out, " transform=\"rotate(%d %.1f %.1f)\"", degrees, x, y));
  YOLO_TRY(yolo_text_format(out, ">"));
  YOLO_TRY(yolo_html_text(out, label));
  YOLO_TRY(yolo_text_format(out, "</text>\n"));
done:
  return st;
}

void svg_number(double value, char to[SVG_NUMBER_MAX]) {
  double size = fabs(value);
  if (size < 1e-12) value = 0; /* the last bits of a sum of steps */
  snprintf(to, SVG_NUMBER_MAX, size >= 1e6 || (size > 0 && size < 1e-3) ? "%.3g" : "%.6g", value);
}

static double largest(const double *values, int count) {
  double most = 0;
  for (int i = 0; i < count; ++i) {
    if (isfinite(values[i]) && values[i] > most) most = values[i];
  }
  return most;
}

/* Bytes of the character at p; a byte that is no UTF-8 is one, too. */
static int bytes_of(const char *p) {
  const int n = yolo_utf8_length(p);
  return n > 0 ? n : 1;
}

static int characters(const char *name) {
  int n = 0;
  for (const char *p = name; *p; p += bytes_of(p)) ++n;
  return n;
}

/* A name as it fits beside a chart: long ones end in dots. Elements carry a <title> with all of it. */
static const char *shorten(const char *name, char to[NAME_BYTES]) {
  if (characters(name) <= LONGEST_NAME) return name;
  const char *end = name;
  for (int i = 0; i < LONGEST_NAME - 1; ++i) end += bytes_of(end);
  snprintf(to, NAME_BYTES, "%.*s\xE2\x80\xA6", (int)(end - name), name);
  return to;
}

/* ---- bars ---- */

static yolo_status put_name(yolo_text *out, double x, double y, const char *anchor, int degrees, const char *name) {
  char cut[NAME_BYTES];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"", x, y, anchor));
  if (degrees) YOLO_TRY(yolo_text_format(out, " transform=\"rotate(%d %.1f %.1f)\"", degrees, x, y));
  YOLO_TRY(yolo_text_format(out, ">"));
  YOLO_TRY(yolo_html_text(out, shorten(name, cut)));
  YOLO_TRY(yolo_text_format(out, "</text>"));
done:
  return st;
}

static yolo_status put_bar(yolo_text *out, double x, double y, double width, double height, const char *name, double value) {
  char number[SVG_NUMBER_MAX];
  yolo_status st = YOLO_OK;
  svg_number(value, number);
  if (!isfinite(value)) snprintf(number, sizeof number, "-");
  YOLO_TRY(yolo_text_format(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", x, y,
                            width, height));
  YOLO_TRY(yolo_html_text(out, name ? name : ""));
  YOLO_TRY(yolo_text_format(out, "%s%s</title></rect>\n", name ? ": " : "", number));
done:
  return st;
}

/* The number beside a bar: a count, or a share with three digits. */
static yolo_status put_value(yolo_text *out, double x, double y, const char *anchor, double value) {
  char number[SVG_NUMBER_MAX];
  if (value == floor(value) || fabs(value) >= 100) {
    svg_number(value, number);
  } else {
    snprintf(number, sizeof number, "%.3f", value);
  }
  return yolo_text_format(out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
                          number);
}

static int longest_name(const char *const *names, int count) {
  int longest = 0;
  for (int i = 0; names && i < count; ++i) {
    const int length = characters(names[i]);
    if (length > longest) longest = length;
  }
  return longest < LONGEST_NAME ? longest : LONGEST_NAME;
}

/* Where upright bars stand: names that are too wide for their bar are turned, and need room below. */
typedef struct upright {
  double top, pitch; /* the value at the upper end; pixels a bar */
  int floor, height; /* pixels */
  bool turned;
} upright;

static upright lay_upright(const yolo_svg_bars *chart, double step) {
  const double most = largest(chart->values, chart->count), longest = longest_name(chart->names, chart->count) * tick_character;
  upright u = {.top = ceil((most > 0 ? most : 1) / step - 1e-9) * step,
               .pitch = (double)(WIDTH - LEFT - RIGHT) / (chart->count > 0 ? chart->count : 1),
               .floor = HEIGHT - BOTTOM,
               .height = HEIGHT};
  u.turned = longest > u.pitch;
  if (u.turned) u.height += (int)(longest * 0.6);
  return u;
}

static yolo_status put_scale(yolo_text *out, const upright *u, double step) {
  char number[SVG_NUMBER_MAX];
  yolo_status st = YOLO_OK;
  for (double v = 0; v <= u->top * 1.0001 && st == YOLO_OK; v += step) {
    const double y = u->floor - (u->floor - TOP) * v / u->top;
    svg_number(v, number);
    YOLO_TRY(
        yolo_text_format(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, WIDTH - RIGHT, y));
    YOLO_TRY(put_name(out, LEFT - 8, y + 4, "end", 0, number));
  }
done:
  return st;
}

static yolo_status put_upright_bar(yolo_text *out, const yolo_svg_bars *chart, const upright *u, int i) {
  const double value = chart->values[i], height = isfinite(value) ? (u->floor - TOP) * value / u->top : 0;
  const double x = LEFT + u->pitch * i;
  const char *name = chart->names ? chart->names[i] : NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(put_bar(out, x + u->pitch * 0.08, u->floor - height, u->pitch * 0.84, height, name, value));
  if (chart->count <= FEW_BARS && isfinite(value))
    YOLO_TRY(put_value(out, x + u->pitch / 2, u->floor - height - 4, "middle", value));
  if (name) st = put_name(out, x + u->pitch / 2, u->floor + 16, u->turned ? "end" : "middle", u->turned ? -35 : 0, name);
done:
  return st;
}

static yolo_status put_upright(yolo_text *out, const yolo_svg_bars *chart) {
  const double most = largest(chart->values, chart->count), step = yolo_nice_step(most > 0 ? most : 1, TICKS);
  const upright u = lay_upright(chart, step);
  yolo_status st = YOLO_OK;
  YOLO_TRY(svg_begin(out, WIDTH, u.height, chart->title));
  YOLO_TRY(put_scale(out, &u, step));
  for (int i = 0; i < chart->count; ++i) YOLO_TRY(put_upright_bar(out, chart, &u, i));
  YOLO_TRY(svg_label(out, (LEFT + WIDTH - RIGHT) / 2.0, u.height - 8, 0, chart->x_label));
  YOLO_TRY(svg_label(out, 14, (TOP + u.floor) / 2.0, -90, chart->y_label));
  YOLO_TRY(yolo_text_format(out, "</svg>\n"));
done:
  return st;
}

/* Room for the longest name, within reason. */
static int name_room(const char *const *names, int count) {
  const int longest = longest_name(names, count);
  return (longest > 4 ? longest : 4) * CHARACTER + 12;
}

static yolo_status put_sideways(yolo_text *out, const yolo_svg_bars *chart) {
  double most = largest(chart->values, chart->count);
  int left = name_room(chart->names, chart->count), height = TOP + ROW * chart->count + 12;
  double room = WIDTH - left - 80;
  yolo_status st = YOLO_OK;
  YOLO_TRY(svg_begin(out, WIDTH, height, chart->title));
  for (int i = 0; i < chart->count; ++i) {
    double width = most > 0 && isfinite(chart->values[i]) ? room * chart->values[i] / most : 0, y = TOP + ROW * i;
    const char *name = chart->names ? chart->names[i] : NULL;
    if (name) YOLO_TRY(put_name(out, left - 6, y + 14, "end", 0, name));
    YOLO_TRY(put_bar(out, left, y + 3, width, ROW - 6, name, chart->values[i]));
    if (isfinite(chart->values[i])) YOLO_TRY(put_value(out, left + width + 5, y + 14, "start", chart->values[i]));
  }
  YOLO_TRY(yolo_text_format(out, "</svg>\n"));
done:
  return st;
}

yolo_status yolo_svg_put_bars(yolo_text *out, const yolo_svg_bars *chart) {
  return chart->sideways ? put_sideways(out, chart) : put_upright(out, chart);
}

/* ---- matrices ---- */

static yolo_status put_cell(yolo_text *out, const yolo_svg_matrix *m, int row, int column, double sum, double x, double y,
                            double side) {
  double value = m->values[(size_t)row * (size_t)m->count + (size_t)column], share = sum > 0 ? value / sum : 0;
  char number[SVG_NUMBER_MAX];
  yolo_status st = YOLO_OK;
  svg_number(value, number);
  YOLO_TRY(yolo_text_format(
      out, "<rect class=\"cell\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\"><title>", x, y,
      side, side, share > 0 && share < 0.03 ? 0.03 : share));
  YOLO_TRY(yolo_html_text(out, m->names[row]));
  YOLO_TRY(yolo_text_format(out, " &#8594; "));
  YOLO_TRY(yolo_html_text(out, m->names[column]));
  YOLO_TRY(yolo_text_format(out, ": %s (%.1f%%)</title></rect>", number, 100 * share));
  const bool small = side < 2 * CHARACTER; /* there is room for two digits */
  if (value > 0 && (double)strlen(number) * (small ? 5.5 : CHARACTER) + 2 <= side) {
    YOLO_TRY(yolo_text_format(out, "<text class=\"count%s%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
                              share > 0.55 ? " strong" : "", small ? " small" : "", x + side / 2,
                              y + side / 2 + (small ? 3 : 4), number));
  }
  YOLO_TRY(yolo_text_format(out, "\n"));
done:
  return st;
}

/* Many classes leave most cells empty: those are then not drawn one by one. */
enum { ALL_CELLS = 20, LARGEST_CELL = 44, SMALLEST_CELL = 13, WIDEST_MATRIX = 1216 };

static yolo_status put_rows(yolo_text *out, const yolo_svg_matrix *m, double left, double side) {
  yolo_status st = YOLO_OK;
  for (int row = 0; row < m->count; ++row) {
    const double *values = &m->values[(size_t)row * (size_t)m->count];
    double sum = 0, y = TOP + side * row;
    for (int column = 0; column < m->count; ++column) sum += values[column];
    YOLO_TRY(put_name(out, left - 6, y + side / 2 + 4, "end", 0, m->names[row]));
    for (int column = 0; column < m->count; ++column) {
      if (m->count > ALL_CELLS && !(values[column] > 0)) continue;
      YOLO_TRY(put_cell(out, m, row, column, sum, left + side * column, y, side));
    }
  }
done:
  return st;
}

yolo_status yolo_svg_put_matrix(yolo_text *out, const yolo_svg_matrix *m) {
  const int left = name_room(m->names, m->count) + 24;
  double side = (double)(WIDEST_MATRIX - left - 10) / (m->count > 0 ? m->count : 1);
  if (side > LARGEST_CELL) side = LARGEST_CELL;
  if (side < SMALLEST_CELL) side = SMALLEST_CELL;
  int width = (int)(left + side * m->count) + 10, height = (int)(TOP + side * m->count) + left + 4;
  yolo_status st = YOLO_OK;
  if (width < 320) width = 320;
  YOLO_TRY(svg_begin(out, width, height, m->title));
  if (m->count > ALL_CELLS)
    YOLO_TRY(yolo_text_format(out, "<rect class=\"ground\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%.1f\"/>\n", left, TOP,
                              side * m->count, side * m->count));
  YOLO_TRY(put_rows(out, m, left, side));
  for (int column = 0; column < m->count; ++column) {
    double x = left + side * (column + 0.5);
    YOLO_TRY(put_name(out, x + 4, TOP + side * m->count + 10, "end", -60, m->names[column]));
  }
  YOLO_TRY(svg_label(out, 12, TOP + side * m->count / 2, -90, m->row_label));
  YOLO_TRY(svg_label(out, left + side * m->count / 2, height - 6, 0, m->column_label));
  YOLO_TRY(yolo_text_format(out, "</svg>\n"));
done:
  return st;
}
