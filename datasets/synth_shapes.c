/* The shapes of the picture maker as distances to their border, negative inside.
 *
 * Polygons: the nearest of all edges, with the sign of the even-odd rule. Curved shapes are put together: the smaller of two
 * distances is their union, max(a, -b) takes b away, and a distance less r has its corners rounded by r. Unions and cuts give
 * at most the true distance, which is all the painter needs. */
#include <math.h>

#include "datasets/synth.h"
#include "datasets/synth_parts.h"

enum { MOST_CORNERS = 12, SQUARE = 2, BAR = 9 };

const char *const yolo_synth_names[YOLO_SYNTH_CLASSES] = {"disc",  "ring",     "square", "triangle", "star",
                                                          "cross", "crescent", "heart",  "arrow",    "bar",
                                                          "drop",  "bolt",     "flower", "hourglass"};

typedef struct outline {
  int count;
  float round; /* radius of the corners */
  float xy[2 * MOST_CORNERS];
} outline;

static const outline square = {4, 0.05f, {-0.65f, -0.65f, 0.65f, -0.65f, 0.65f, 0.65f, -0.65f, 0.65f}};
static const outline triangle = {3, 0.06f, {0, -0.93f, 0.81f, 0.47f, -0.81f, 0.47f}};
static const outline bar = {4, 0.05f, {-0.93f, -0.2f, 0.93f, -0.2f, 0.93f, 0.2f, -0.93f, 0.2f}};
static const outline cross = {
    12, 0.03f, {-0.22f, -0.92f, 0.22f,  -0.92f, 0.22f,  -0.22f, 0.92f,  -0.22f, 0.92f,  0.22f,  0.22f,  0.22f,
                0.22f,  0.92f,  -0.22f, 0.92f,  -0.22f, 0.22f,  -0.92f, 0.22f,  -0.92f, -0.22f, -0.22f, -0.22f}};
static const outline arrow = {
    7, 0.03f, {0, -0.95f, 0.66f, -0.18f, 0.22f, -0.18f, 0.22f, 0.9f, -0.22f, 0.9f, -0.22f, -0.18f, -0.66f, -0.18f}};
static const outline bolt = {6, 0.03f, {0.3f, -0.9f, -0.5f, 0.15f, -0.06f, 0.15f, -0.3f, 0.9f, 0.5f, -0.2f, 0.08f, -0.2f}};
static const outline hourglass = {6, 0.05f, {-0.62f, -0.7f, 0.62f, -0.7f, 0.1f, 0, 0.62f, 0.7f, -0.62f, 0.7f, -0.1f, 0}};
/* Ten corners on two circles, of radius 0.95 and 0.42; the first points up. */
static const outline star = {10, 0.04f, {0, -0.95f, 0.247f,  -0.340f, 0.904f,  -0.294f, 0.399f,  0.130f,  0.558f,  0.769f,
                                         0, 0.42f,  -0.558f, 0.769f,  -0.399f, 0.130f,  -0.904f, -0.294f, -0.247f, -0.340f}};
/* The heart's lower half: a square on its corner, whose upper edges carry two discs. */
static const outline heart = {4, 0, {0, -0.43f, 0.65f, 0.22f, 0, 0.87f, -0.65f, 0.22f}};
/* The drop's tip: from the point to where its lines touch the disc of radius 0.6 around (0, 0.35). */
static const outline drop_tip = {4, 0, {0, -0.97f, 0.5343f, 0.0773f, 0, 0.35f, -0.5343f, 0.0773f}};

static float polygon(const outline *o, float x, float y) {
  float nearest = 1e9f;
  bool inside = false;
  for (int i = 0, k = o->count - 1; i < o->count; k = i++) {
    const float ax = o->xy[2 * k], ay = o->xy[2 * k + 1], bx = o->xy[2 * i], by = o->xy[2 * i + 1];
    const float ex = bx - ax, ey = by - ay, px = x - ax, py = y - ay;
    float t = (px * ex + py * ey) / (ex * ex + ey * ey);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    const float dx = px - t * ex, dy = py - t * ey, d = dx * dx + dy * dy;
    if (d < nearest) nearest = d;
    if ((ay > y) != (by > y) && x < ax + ex * (y - ay) / ey) inside = !inside;
  }
  nearest = sqrtf(nearest);
  return (inside ? -nearest : nearest) - o->round;
}

static float disc(float x, float y, float radius) { return sqrtf(x * x + y * y) - radius; }

static float shape_disc(float x, float y) { return disc(x, y, 0.9f); }
static float shape_ring(float x, float y) { return fabsf(disc(x, y, 0.7f)) - 0.21f; }
static float shape_square(float x, float y) { return polygon(&square, x, y); }
static float shape_triangle(float x, float y) { return polygon(&triangle, x, y); }
static float shape_star(float x, float y) { return polygon(&star, x, y); }
static float shape_cross(float x, float y) { return polygon(&cross, x, y); }
static float shape_crescent(float x, float y) { return fmaxf(disc(x, y, 0.95f), -disc(x - 0.46f, y, 0.74f)); }
static float shape_heart(float x, float y) {
  const float lobe = disc(fabsf(x) - 0.325f, y + 0.105f, 0.46f);
  return fminf(polygon(&heart, x, y), lobe);
}
static float shape_arrow(float x, float y) { return polygon(&arrow, x, y); }
static float shape_bar(float x, float y) { return polygon(&bar, x, y); }
static float shape_drop(float x, float y) { return fminf(polygon(&drop_tip, x, y), disc(x, y - 0.35f, 0.6f)); }
static float shape_bolt(float x, float y) { return polygon(&bolt, x, y); }
static float shape_hourglass(float x, float y) { return polygon(&hourglass, x, y); }
static float shape_flower(float x, float y) {
  static const float centres[5][2] = {{0, -0.6f}, {0.571f, -0.185f}, {0.353f, 0.485f}, {-0.353f, 0.485f}, {-0.571f, -0.185f}};
  float nearest = disc(x, y, 0.4f);
  for (int i = 0; i < 5; i++) nearest = fminf(nearest, disc(x - centres[i][0], y - centres[i][1], 0.36f));
  return nearest;
}

float yolo_synth_distance(int class_index, float x, float y) {
  static float (*const shapes[YOLO_SYNTH_CLASSES])(float, float) = {
      shape_disc,  shape_ring,  shape_square, shape_triangle, shape_star, shape_cross,  shape_crescent,
      shape_heart, shape_arrow, shape_bar,    shape_drop,     shape_bolt, shape_flower, shape_hourglass};
  return shapes[class_index](x, y);
}

void yolo_synth_aspect_range(int class_index, float range[2]) {
  const bool tight = class_index == SQUARE || class_index == BAR;
  range[0] = tight ? 0.88f : 0.78f;
  range[1] = tight ? 1.14f : 1.28f;
}
