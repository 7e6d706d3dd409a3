/* Heat maps over pictures: see heatmap.h.
 *
 * The colour scale is a curve through Oklab (Ottosson, "A perceptual color space for image processing", 2020), whose L is
 * perceived lightness: L grows evenly from dark to bright while the hue turns from blue over red to yellow, so that more is
 * always brighter and equal steps look equal, in grey as well. Chroma is what the screen can show, at most 0.2:
 *   t in 0..1:   L = 0.12 + 0.83 t    h = 270 + 200 t degrees    a = C cos h    b = C sin h
 *   l = (L + 0.3963 a + 0.2158 b)^3   m = (L - 0.1056 a - 0.0639 b)^3   s = (L - 0.0895 a - 1.2915 b)^3
 * and linear RGB is a 3 x 3 matrix times (l, m, s). */
#include "detect/heatmap.h"

#include <math.h>
#include <string.h>

#include "detect/draw.h"

/* ---- the scale ---- */

static const double pi = 3.14159265358979323846;

static void oklab_to_rgb(double lightness, double a, double b, double rgb[3]) {
  const double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  rgb[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
  rgb[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
  rgb[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
}

static bool on_screen(const double rgb[3]) {
  for (int c = 0; c < 3; c++)
    if (!(rgb[c] >= 0 && rgb[c] <= 1)) return false;
  return true;
}

/* Linear light to the value of a screen (IEC 61966-2-1). */
static uint8_t screen_value(double v) {
  v = fmin(fmax(v, 0), 1);
  return (uint8_t)(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055) + 0.5);
}

static void colour_at(double t, uint8_t out[3]) {
  const double lightness = 0.12 + 0.83 * t, hue = (270 + 200 * t) / 180 * pi;
  double rgb[3], chroma = 0.2;
  oklab_to_rgb(lightness, chroma * cos(hue), chroma * sin(hue), rgb);
  while (!on_screen(rgb) && chroma > 0) {
    chroma -= 0.002;
    oklab_to_rgb(lightness, chroma * cos(hue), chroma * sin(hue), rgb);
  }
  for (int c = 0; c < 3; c++) out[c] = screen_value(rgb[c]);
}

void yolo_heat_scale_make(yolo_heat_scale *out) {
  for (int i = 0; i < 256; i++) colour_at(i / 255.0, out->rgb[i]);
}

static double share_of(double value, double low, double high) {
  const double t = high > low ? (value - low) / (high - low) : 0;
  return t > 0 ? fmin(t, 1) : 0; /* what is no number counts as 0 */
}

static const uint8_t *colour_of(const yolo_heat_scale *scale, double t) { return scale->rgb[(int)(255 * t + 0.5)]; }

/* ---- over a picture ---- */

/* Where pixel i of the picture lies between the cells of the map: the two nearest centres and the share of the second. */
static yolo_tap tap_of(int i, double scale, double offset, int cells, int input) {
  double s = ((i + 0.5) * scale + offset) * cells / input - 0.5;
  s = fmin(fmax(s, 0), cells - 1);
  const int low = (int)s;
  return (yolo_tap){low, low + 1 < cells ? low + 1 : low, (float)(s - low)};
}

static double interpolate(const yolo_heat *heat, yolo_tap y, yolo_tap x) {
  const float *upper = heat->values + (size_t)y.low * (size_t)heat->width;
  const float *lower = heat->values + (size_t)y.high * (size_t)heat->width;
  const double a = upper[x.low] + (double)(upper[x.high] - upper[x.low]) * x.weight;
  const double b = lower[x.low] + (double)(lower[x.high] - lower[x.low]) * x.weight;
  return a + (b - a) * y.weight;
}

/* The picture in grey under a colour that covers more where there is more heat; the objects stay recognisable. */
static void blend(uint8_t pixel[3], double t, const yolo_heat_scale *scale) {
  const double grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2], opacity = 0.35 + 0.35 * t;
  const uint8_t *rgb = colour_of(scale, t);
  for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)(grey * (1 - opacity) + rgb[c] * opacity + 0.5);
}

static yolo_status check_map(const float *values, int height, int width) {
  if (values && height > 0 && width > 0) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "there is no map to draw");
}

yolo_status yolo_heat_draw(yolo_image *image, const yolo_heat *heat, const yolo_heat_scale *scale) {
  yolo_status st = check_map(heat->values, heat->height, heat->width);
  if (st != YOLO_OK) return st;
  for (int y = 0; y < image->height; y++) {
    const yolo_tap ty = tap_of(y, heat->place.scale_y, heat->place.offset_y, heat->height, heat->input_height);
    uint8_t *row = &image->pixels[(size_t)y * (size_t)image->width * 3];
    for (int x = 0; x < image->width; x++) {
      const yolo_tap tx = tap_of(x, heat->place.scale_x, heat->place.offset_x, heat->width, heat->input_width);
      blend(&row[(size_t)x * 3], share_of(interpolate(heat, ty, tx), heat->low, heat->high), scale);
    }
  }
  return YOLO_OK;
}

/* ---- by itself ---- */

yolo_status yolo_heat_picture(const float *values, size_t stride, int height, int width, float low, float high, int most_width,
                              int most_height, const yolo_heat_scale *scale, yolo_image *out) {
  yolo_status st = check_map(values, height, width);
  if (st != YOLO_OK) return st;
  const int across = most_width / width, down = most_height / height, block = across < down ? across : down;
  const int size = block > 1 ? block : 1;
  st = yolo_image_new(width * size, height * size, out);
  for (int y = 0; y < height * size && st == YOLO_OK; y++)
    for (int x = 0; x < width * size; x++) {
      const float v = values[((size_t)(y / size) * (size_t)width + (size_t)(x / size)) * stride];
      memcpy(&out->pixels[((size_t)y * (size_t)out->width + (size_t)x) * 3], colour_of(scale, share_of(v, low, high)), 3);
    }
  return st;
}

/* ---- the legend ---- */

yolo_status yolo_heat_bar(yolo_image *image, const char *low, const char *high, const yolo_heat_scale *scale) {
  const int side = image->width < image->height ? image->width : image->height;
  const int thick = side / 40 > 6 ? side / 40 : 6, text = side / 38 > 12 ? side / 38 : 12;
  for (int y = image->height - thick > 0 ? image->height - thick : 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++)
      memcpy(&image->pixels[((size_t)y * (size_t)image->width + (size_t)x) * 3],
             colour_of(scale, image->width > 1 ? (double)x / (image->width - 1) : 0), 3);
  const int above = image->height - thick - text - text / 2;
  yolo_status st = yolo_draw_label(image, 0, above, (float)text, low, scale->rgb[0]);
  return st == YOLO_OK ? yolo_draw_label(image, image->width, above, (float)text, high, scale->rgb[255]) : st;
}
