/* A small stroke font. A glyph is a list of pen strokes on a grid of half-units: x is a digit 0..8, y a letter
 * from 'a' (top of capitals) over 'e' (top of small letters) and 'm' (base line) to 'q' (bottom of 'p').
 * A blank lifts the pen: "0m4a8m 1i7i" is an A.
 *
 * A pixel is covered by the clamped distance to the nearest stroke: cover = r + 1/2 - d, r being half the
 * width of the pen. That is anti-aliasing for free, at every size, with round ends and corners. */
#include "detect/font.h"

#include <math.h>
#include <string.h>

enum { FIRST = '!', LAST = '~', GRID_HEIGHT = 16, SPACE_WIDTH = 5, GAP = 3, MAX_SEGMENTS = 24 };

static const char *const strokes[LAST - FIRST + 1] = {
    "0a0i 0m0m",                           /* ! */
    "0a0d 3a3d",                           /* " */
    "3b2l 6b5l 0e8e 0i8i",                 /* # */
    "7c5b2b0c0e2f5g7h7j5k2k0j 4a3m",       /* $ */
    "0a3a3d0d0a 8a0m 5j8j8m5m5j",          /* % */
    "8m2e2b3a5a6b6d1h0i0k2m4m8i",          /* & */
    "0a0d",                                /* ' */
    "2a0d0k2n",                            /* ( */
    "0a2d2k0n",                            /* ) */
    "3b3h 0c6g 6c0g",                      /* * */
    "3f3l 0i6i",                           /* + */
    "1l1m0o",                              /* , */
    "0i4i",                                /* - */
    "0m0m",                                /* . */
    "0m5a",                                /* / */
    "2a5a7c7k5m2m0k0c2a",                  /* 0 */
    "0c3a3m 0m6m",                         /* 1 */
    "0c2a5a7c7e0m7m",                      /* 2 */
    "0b2a5a7c7d5f3f 5f7h7k5m2m0l",         /* 3 */
    "5m5a0i7i",                            /* 4 */
    "7a1a0g2e5e7g7k5m2m0k",                /* 5 */
    "6a3a0e0k2m5m7k7h5f2f0h",              /* 6 */
    "0a7a2m",                              /* 7 */
    "2a5a7c7d5f2f0d0c2a 2f0h0k2m5m7k7h5f", /* 8 */
    "7f5h2h0f0c2a5a7c7i4m1m",              /* 9 */
    "0f0f 0m0m",                           /* : */
    "1f1f 1l1m0o",                         /* ; */
    "6d0h6l",                              /* < */
    "0g6g 0j6j",                           /* = */
    "0d6h0l",                              /* > */
    "0c2a5a7c7e3h3i 3m3m",                 /* ? */
    "6j4j3h3f4e6e6j8i8d6a2a0d0k2n6n",      /* @ */
    "0m4a8m 1i7i",                         /* A */
    "0m0a5a7c7d5f0f 5f7h7k5m0m",           /* B */
    "7c5a2a0c0k2m5m7k",                    /* C */
    "0a4a7d7j4m0m0a",                      /* D */
    "6a0a0m6m 0f5f",                       /* E */
    "6a0a0m 0f5f",                         /* F */
    "7c5a2a0c0k2m5m7k7g4g",                /* G */
    "0a0m 7a7m 0f7f",                      /* H */
    "0a0m",                                /* I */
    "5a5k4m1m0l",                          /* J */
    "0a0m 7a0h 2f7m",                      /* K */
    "0a0m6m",                              /* L */
    "0m0a4h8a8m",                          /* M */
    "0m0a7m7a",                            /* N */
    "2a6a8c8k6m2m0k0c2a",                  /* O */
    "0m0a5a7c7e5g0g",                      /* P */
    "2a6a8c8k6m2m0k0c2a 5j8n",             /* Q */
    "0m0a5a7c7e5g0g 3g7m",                 /* R */
    "7c5a2a0c0d2f5f7h7k5m2m0k",            /* S */
    "0a8a 4a4m",                           /* T */
    "0a0k2m5m7k7a",                        /* U */
    "0a4m8a",                              /* V */
    "0a2m4d6m8a",                          /* W */
    "0a7m 7a0m",                           /* X */
    "0a4g8a 4g4m",                         /* Y */
    "0a7a0m7m",                            /* Z */
    "2a0a0n2n",                            /* [ */
    "0a5m",                                /* \ */
    "0a2a2n0n",                            /* ] */
    "0d3a6d",                              /* ^ */
    "0n7n",                                /* _ */
    "0a2c",                                /* ` */
    "6e6m 6g4e2e0g0k2m4m6k",               /* a */
    "0a0m 0g2e4e6g6k4m2m0k",               /* b */
    "6f5e2e0g0k2m5m6l",                    /* c */
    "6a6m 6g4e2e0g0k2m4m6k",               /* d */
    "0i6i6g4e2e0g0k2m5m6l",                /* e */
    "5a4a2b2m 0e5e",                       /* f */
    "6e6o4q1q0p 6g4e2e0g0k2m4m6k",         /* g */
    "0a0m 0g2e4e6g6m",                     /* h */
    "0e0m 0b0b",                           /* i */
    "2e2o1q0q 2b2b",                       /* j */
    "0a0m 5e0j 2h6m",                      /* k */
    "0a0k2m",                              /* l */
    "0e0m 0g1e3e4g4m 4g5e7e8g8m",          /* m */
    "0e0m 0g2e4e6g6m",                     /* n */
    "2e4e6g6k4m2m0k0g2e",                  /* o */
    "0e0q 0g2e4e6g6k4m2m0k",               /* p */
    "6e6q 6g4e2e0g0k2m4m6k",               /* q */
    "0e0m 0g2e4e",                         /* r */
    "6f5e1e0f0h1i5i6j6l5m1m0l",            /* s */
    "2b2k3m5m 0e5e",                       /* t */
    "0e0k2m4m6k 6e6m",                     /* u */
    "0e3m6e",                              /* v */
    "0e2m4f6m8e",                          /* w */
    "0e6m 6e0m",                           /* x */
    "0e3m 6e3m2p0q",                       /* y */
    "0e6e0m6m",                            /* z */
    "3a2a1b1f0g1h1m2n3n",                  /* { */
    "0a0o",                                /* | */
    "0a1a2b2f3g2h2m1n0n",                  /* } */
    "0i2g4i6g",                            /* ~ */
};

/* The letters of Western Europe, U+00C0 to U+00FF (in UTF-8 C3 80 to C3 BF), without their accents. */
static const char accents_off[] = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";

/* Steps over one character of UTF-8; ASCII comes back as it is, an accented letter bare, everything else as '?'. */
static int next_character(const char **text) {
  unsigned char c = (unsigned char)*(*text)++, second = (unsigned char)**text;
  if (c < 0x80) return c >= ' ' && c <= LAST ? c : '?';
  while (((unsigned char)**text & 0xC0) == 0x80) (*text)++;
  return c == 0xC3 && second >= 0x80 && second <= 0xBF ? accents_off[second - 0x80] : '?';
}

bool yolo_text_is_legible(const char *text) {
  int lost = 0, all = 0;
  for (; *text; all++) {
    const bool meant = *text == '?';
    lost += next_character(&text) == '?' && !meant;
  }
  return 2 * lost <= all;
}

static int glyph_width(int c) {
  int width = 0;
  if (c == ' ') return SPACE_WIDTH;
  for (const char *p = strokes[c - FIRST]; *p; p++)
    if (*p >= '0' && *p <= '8' && *p - '0' > width) width = *p - '0';
  return width;
}

static float pen_radius(float height) { return fmaxf(0.055f * height, 0.55f); }

float yolo_text_width(const char *text, float height) {
  int units = 0;
  for (const char *p = text; *p;) units += glyph_width(next_character(&p)) + GAP;
  return units ? (float)(units - GAP) * height / GRID_HEIGHT + 2 * pen_radius(height) : 0;
}

/* ---- one glyph ---- */

typedef struct segment {
  float x, y, dx, dy;
} segment;

/* The strokes of a glyph in pixels. A single point becomes a segment of length 0, a dot. */
static int glyph_segments(int c, float x, float y, float unit, segment *out) {
  int count = 0;
  bool down = false, drawn = false;
  float from_x = 0, from_y = 0;
  const char *p = strokes[c - FIRST];
  for (;; p++) {
    if (*p == ' ' || !*p) {
      if (down && !drawn && count < MAX_SEGMENTS) out[count++] = (segment){from_x, from_y, 0, 0};
      down = drawn = false;
      if (!*p) return count;
      continue;
    }
    float px = x + (float)(*p - '0') * unit, py = y + (float)(p[1] - 'a') * unit;
    if (down && count < MAX_SEGMENTS) {
      out[count++] = (segment){from_x, from_y, px - from_x, py - from_y};
      drawn = true;
    }
    from_x = px;
    from_y = py;
    down = true;
    p++;
  }
}

static float distance(const segment *s, float x, float y) {
  float px = x - s->x, py = y - s->y, length = s->dx * s->dx + s->dy * s->dy;
  float t = length > 0 ? (px * s->dx + py * s->dy) / length : 0;
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  px -= t * s->dx;
  py -= t * s->dy;
  return sqrtf(px * px + py * py);
}

static void blend(uint8_t *pixel, const uint8_t rgb[3], float cover) {
  for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)(pixel[c] + (rgb[c] - pixel[c]) * cover + 0.5f);
}

static int clamp_to(float v, int limit) { return v < 0 ? 0 : v > (float)limit ? limit : (int)v; }

static void draw_glyph(yolo_image *image, int c, float x, float y, float height, const uint8_t rgb[3]) {
  segment segments[MAX_SEGMENTS];
  float unit = height / GRID_HEIGHT, radius = pen_radius(height), reach = radius + 1;
  int count = glyph_segments(c, x, y, unit, segments);
  int right = clamp_to(x + (float)glyph_width(c) * unit + reach + 1, image->width);
  int bottom = clamp_to(y + GRID_HEIGHT * unit + reach + 1, image->height);
  for (int py = clamp_to(y - reach, image->height); py < bottom; py++)
    for (int px = clamp_to(x - reach, image->width); px < right; px++) {
      float nearest = reach;
      for (int i = 0; i < count; i++) nearest = fminf(nearest, distance(&segments[i], (float)px + 0.5f, (float)py + 0.5f));
      float cover = fminf(radius + 0.5f - nearest, 1);
      if (cover > 0) blend(&image->pixels[((size_t)py * (size_t)image->width + (size_t)px) * 3], rgb, cover);
    }
}

void yolo_text_draw(yolo_image *image, float x, float y, float height, const char *text, const uint8_t rgb[3]) {
  x += pen_radius(height);
  while (*text) {
    int c = next_character(&text);
    if (c != ' ') draw_glyph(image, c, x, y, height, rgb);
    x += (float)(glyph_width(c) + GAP) * height / GRID_HEIGHT;
  }
}
