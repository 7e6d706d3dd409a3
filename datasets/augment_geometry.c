/* Matrices: all geometry of an image multiplied into one (YOLOv5's random_perspective; Hartley and Zisserman, section 2.4). */
#include <math.h>

#include "datasets/augment_parts.h"

static const double DEGREE = 3.14159265358979323846 / 180;

yolo_rect yolo_rect_meet(yolo_rect a, yolo_rect b) {
  return (yolo_rect){fmax(a.x1, b.x1), fmax(a.y1, b.y1), fmin(a.x2, b.x2), fmin(a.y2, b.y2)};
}

yolo_matrix yolo_matrix_product(const yolo_matrix *a, const yolo_matrix *b) {
  yolo_matrix out;
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++) {
      const double *row = a->m + i * 3;
      out.m[i * 3 + j] = row[0] * b->m[j] + row[1] * b->m[3 + j] + row[2] * b->m[6 + j];
    }
  }
  return out;
}

/* By cofactors. An affine matrix has an affine inverse, exactly: the zeros stay zeros. */
bool yolo_matrix_invert(const yolo_matrix *a, yolo_matrix *out) {
  const double *m = a->m;
  double c0 = m[4] * m[8] - m[5] * m[7], c1 = m[5] * m[6] - m[3] * m[8], c2 = m[3] * m[7] - m[4] * m[6];
  double det = m[0] * c0 + m[1] * c1 + m[2] * c2;
  if (!isfinite(det) || fabs(det) < 1e-12) return false;
  double cofactors[9] = {c0, m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                         c1, m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                         c2, m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  for (int i = 0; i < 9; i++) out->m[i] = cofactors[i] / det;
  return true;
}

/* Letterbox as `detect` does it (resize.c): the longer side fits, the other is cut to whole pixels, the rest halved down. */
yolo_rect yolo_augment_place(int fit, yolo_rect view, int width, int height) {
  double vw = view.x2 - view.x1, vh = view.y2 - view.y1, w = width, h = height;
  if (fit == YOLO_AUGMENT_LETTERBOX) {
    const double slack = 1e-9; /* so that exact quotients are not cut */
    if (width * vh < height * vw) {
      h = fmax(1, floor(vh * width / vw + slack));
    } else {
      w = fmax(1, floor(vw * height / vh + slack));
    }
  }
  double x = floor((width - w) / 2), y = floor((height - h) / 2);
  return (yolo_rect){x, y, x + w, y + h};
}

yolo_matrix yolo_augment_fit_matrix(yolo_rect view, yolo_rect dest, bool mirror_x, bool mirror_y) {
  double sx = (dest.x2 - dest.x1) / (view.x2 - view.x1), sy = (dest.y2 - dest.y1) / (view.y2 - view.y1);
  double tx = dest.x1 - view.x1 * sx, ty = dest.y1 - view.y1 * sy;
  if (mirror_x) sx = -sx, tx = dest.x1 + dest.x2 - tx;
  if (mirror_y) sy = -sy, ty = dest.y1 + dest.y2 - ty;
  return (yolo_matrix){{sx, 0, tx, 0, sy, ty, 0, 0, 1}};
}

static yolo_matrix shift(double x, double y) { return (yolo_matrix){{1, 0, x, 0, 1, y, 0, 0, 1}}; }

/* M = F T S R P C: the canvas' centre goes to the origin, perspective, rotation and scale, shear, shift, flips. */
yolo_matrix yolo_augment_geometry(const yolo_augment *a, yolo_rng *rng, double canvas_w, double canvas_h, int width, int height,
                                  bool flips) {
  yolo_matrix m = shift(-canvas_w / 2, -canvas_h / 2), step;
  double px = yolo_draw_between(rng, -1, 1), py = yolo_draw_between(rng, -1, 1);
  step = (yolo_matrix){{1, 0, 0, 0, 1, 0, px * a->perspective, py * a->perspective, 1}};
  m = yolo_matrix_product(&step, &m);
  double angle = yolo_draw_between(rng, -1, 1) * a->rotate * DEGREE;
  double size = yolo_draw_between(rng, a->scale[0], a->scale[1]), c = size * cos(angle), s = size * sin(angle);
  step = (yolo_matrix){{c, s, 0, -s, c, 0, 0, 0, 1}};
  m = yolo_matrix_product(&step, &m);
  double shear_x = yolo_draw_between(rng, -1, 1), shear_y = yolo_draw_between(rng, -1, 1);
  step = (yolo_matrix){{1, tan(shear_x * a->shear * DEGREE), 0, tan(shear_y * a->shear * DEGREE), 1, 0, 0, 0, 1}};
  m = yolo_matrix_product(&step, &m);
  double tx = 0.5 + yolo_draw_between(rng, -1, 1) * a->translate, ty = 0.5 + yolo_draw_between(rng, -1, 1) * a->translate;
  step = shift(tx * width, ty * height);
  m = yolo_matrix_product(&step, &m);
  bool mirror_x = yolo_draw_chance(rng, a->flip) && flips, mirror_y = yolo_draw_chance(rng, a->flip_vertical) && flips;
  yolo_rect all = {0, 0, width, height};
  step = yolo_augment_fit_matrix(all, all, mirror_x, mirror_y);
  return yolo_matrix_product(&step, &m);
}
