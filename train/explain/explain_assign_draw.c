/* Who answers for what, as a picture. See explain_assign.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/draw.h"
#include "detect/sheet.h"
#include "train/explain/explain_assign.h"

enum { PANEL = 640, LEAST_CELL = 7, MOST_LEGEND = 60, LABEL = 96 };
static const float text_height = 13;
static const double fill_share = 0.5, line_share = 0.35, dim_share = 0.45;

/* ---- pixels ---- */

static void blend(uint8_t *pixel, const uint8_t rgb[3], double share) {
  for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)lround(pixel[c] + share * (rgb[c] - pixel[c]));
}

static int bounded(double at, int size) { return at < 0 ? 0 : at > size ? size : (int)lround(at); }

/* Corners as shares of the picture. */
static void tint(yolo_image *image, double x1, double y1, double x2, double y2, const uint8_t rgb[3], double share) {
  const int right = bounded(x2 * image->width, image->width), below = bounded(y2 * image->height, image->height);
  for (int y = bounded(y1 * image->height, image->height); y < below; y++)
    for (int x = bounded(x1 * image->width, image->width); x < right; x++)
      blend(&image->pixels[((size_t)y * (size_t)image->width + (size_t)x) * 3], rgb, share);
}

/* Grey and darker, so that what is drawn over it stands out. */
static void dim(yolo_image *image) {
  for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++) {
    uint8_t *p = &image->pixels[i * 3];
    const double grey = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
    for (int c = 0; c < 3; c++) p[c] = (uint8_t)lround(0.75 * (p[c] + dim_share * (grey - p[c])));
  }
}

static void draw_grid(yolo_image *image, int w, int h) {
  static const uint8_t white[3] = {255, 255, 255};
  const double px = 1.0 / image->width, py = 1.0 / image->height;
  if (image->width / w < LEAST_CELL || image->height / h < LEAST_CELL) return; /* there would be nothing but lines */
  for (int x = 1; x < w; x++) tint(image, (double)x / w, 0, (double)x / w + px, 1, white, line_share);
  for (int y = 1; y < h; y++) tint(image, 0, (double)y / h, 1, (double)y / h + py, white, line_share);
}

/* ---- boxes ---- */

typedef struct frames {
  yolo_drawn_box *items;
  char (*labels)[LABEL];
  uint8_t (*colours)[3];
  int count;
} frames;

static yolo_status frames_new(size_t most, frames *out) {
  *out = (frames){yolo_alloc_array(most, sizeof *out->items), yolo_alloc_array(most, sizeof *out->labels),
                  yolo_alloc_array(most, sizeof *out->colours), 0};
  return out->items && out->labels && out->colours ? YOLO_OK : YOLO_ENOMEM;
}

static void frames_release(frames *f) {
  yolo_free(f->items);
  yolo_free(f->labels);
  yolo_free(f->colours);
}

static yolo_drawn_box *add_frame(frames *f, const yolo_image *image, const yolo_centred *box, int truth) {
  yolo_drawn_box *to = &f->items[f->count];
  const double w = image->width, h = image->height;
  yolo_class_colour(truth, f->colours[f->count]);
  *to = (yolo_drawn_box){.x1 = (float)((box->x - box->w / 2) * w),
                         .y1 = (float)((box->y - box->h / 2) * h),
                         .x2 = (float)((box->x + box->w / 2) * w),
                         .y2 = (float)((box->y + box->h / 2) * h),
                         .class_id = truth,
                         .rgb = f->colours[f->count],
                         .thickness = 1};
  f->count++;
  return to;
}

static const char *class_name(const yolo_assign_scene *s, int truth) {
  const int k = s->sample->objects[truth].class_index;
  return k >= 0 && k < s->n_names ? s->names[k] : "?";
}

static bool is_ignored(const yolo_sample *sample, int i) {
  return (sample->objects[i].flags & (YOLO_ANNOTATION_CROWD | YOLO_ANNOTATION_DIFFICULT)) != 0;
}

/* The truths as frames with their numbers; named: and their classes. */
static void add_truths(const yolo_assign_scene *s, const yolo_image *image, bool named, frames *f) {
  for (int i = 0; i < s->sample->n_objects; i++) {
    const yolo_centred box = yolo_assign_truth(s->sample, i);
    char *label = f->labels[f->count];
    snprintf(label, LABEL, named ? "%d %s%s" : "%d", i + 1, class_name(s, i), is_ignored(s->sample, i) ? " (ignored)" : "");
    yolo_drawn_box *to = add_frame(f, image, &box, i);
    to->thickness = named ? 2 : 1;
    to->dashed = !named;
    to->text = label;
    to->rank = (float)(1 - box.w * box.h);
  }
}

/* ---- panels ---- */

/* The cells of a head, by its rows: YOLOv1 hands over a vector that says nothing of them. */
static yolo_shape grid_of(const yolo_assign_scene *s, int head) {
  yolo_shape grid = {1, 1, 1, 1};
  for (int i = 0; i < s->trace->n_rows; i++) {
    const yolo_loss_row *row = &s->trace->rows[i];
    if (row->head != head) continue;
    if (row->cx >= grid.w) grid.w = row->cx + 1;
    if (row->cy >= grid.h) grid.h = row->cy + 1;
  }
  return grid;
}

static yolo_status draw_truths(const yolo_assign_scene *s, yolo_image *image) {
  frames f;
  yolo_status st = frames_new((size_t)s->sample->n_objects + 1, &f);
  if (st == YOLO_OK) {
    add_truths(s, image, true, &f);
    st = yolo_draw_boxes(image, f.items, f.count, text_height, true);
  }
  frames_release(&f);
  return st;
}

/* A cell and a truth that some prediction of it answers for. */
typedef struct claim {
  int cx, cy, truth;
} claim;

static int by_cell(const void *left, const void *right) {
  const claim *a = left, *b = right;
  if (a->cy != b->cy) return a->cy < b->cy ? -1 : 1;
  if (a->cx != b->cx) return a->cx < b->cx ? -1 : 1;
  return (a->truth > b->truth) - (a->truth < b->truth);
}

static bool same_cell(const claim *a, const claim *b) { return a->cx == b->cx && a->cy == b->cy; }

/* The claims of a level, sorted, each once; how many. */
static int list_claims(const yolo_loss_trace *trace, int head, claim *to) {
  int all = 0, n = 0;
  for (int i = 0; i < trace->n_answers; i++) {
    const yolo_loss_row *row = &trace->rows[trace->answers[i].row];
    if (row->head == head) to[all++] = (claim){row->cx, row->cy, trace->answers[i].truth};
  }
  qsort(to, (size_t)all, sizeof *to, by_cell);
  for (int i = 0; i < all; i++)
    if (n == 0 || by_cell(&to[n - 1], &to[i]) != 0) to[n++] = to[i];
  return n;
}

/* Truths that share a cell stand in it side by side. */
static yolo_status fill_cells(const yolo_loss_trace *trace, int head, yolo_shape grid, yolo_image *image) {
  claim *claims = yolo_alloc_array((size_t)trace->n_answers + 1, sizeof *claims);
  const double w = 1.0 / grid.w, h = 1.0 / grid.h;
  if (!claims) return YOLO_ENOMEM;
  const int n = list_claims(trace, head, claims);
  for (int i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && same_cell(&claims[i], &claims[end]);) end++;
    for (int k = i; k < end; k++) {
      const double left = claims[k].cx * w, part = w / (end - i), top = claims[k].cy * h;
      uint8_t rgb[3];
      yolo_class_colour(claims[k].truth, rgb);
      tint(image, left + (k - i) * part, top, left + (k - i + 1) * part, top + h, rgb, fill_share);
    }
  }
  yolo_free(claims);
  return YOLO_OK;
}

/* Each anchor that answers for a truth once, where it stands nearest; the one that fits best has a thicker frame. */
static void add_anchors(const yolo_assign_scene *s, int head, const yolo_assign_link *links, const yolo_image *image,
                        frames *f) {
  const int count = s->trace->n_answers;
  for (int i = 0, end; i < count; i = end) {
    yolo_drawn_box *best = NULL;
    double best_iou = -1;
    for (end = i; end < count && links[end].truth == links[i].truth;) {
      const yolo_centred truth = yolo_assign_truth(s->sample, links[i].truth);
      const yolo_assign_group group = yolo_assign_group_at(s->trace, links, count, end, &truth);
      if (links[end].head == head) {
        yolo_drawn_box *frame = add_frame(f, image, &s->trace->rows[group.nearest].place, links[i].truth);
        if (group.shape_iou > best_iou) best = frame, best_iou = group.shape_iou;
      }
      end = group.end;
    }
    if (best) best->thickness = 3;
  }
}

static yolo_status draw_level(const yolo_assign_scene *s, int head, const yolo_assign_link *links, yolo_image *image) {
  const yolo_shape grid = grid_of(s, head);
  const int count = s->trace->n_answers;
  frames f;
  yolo_status st = frames_new((size_t)(s->sample->n_objects + count) + 1, &f);
  YOLO_TRY(st);
  dim(image);
  draw_grid(image, grid.w, grid.h);
  YOLO_TRY(fill_cells(s->trace, head, grid, image));
  add_anchors(s, head, links, image, &f);
  add_truths(s, image, false, &f);
  st = yolo_draw_boxes(image, f.items, f.count, text_height, true);
done:
  frames_release(&f);
  return st;
}

/* ---- captions ---- */

/* "13x13 cells of 32 pixels" and "anchors 81x82, 135x169: 5 of 507 predictions answer, 14 are left out". */
static yolo_status caption_level(const yolo_assign_scene *s, int head, yolo_text *caption, yolo_text *note) {
  const yolo_assign_counts c = yolo_assign_count(s->trace, head);
  const yolo_shape grid = grid_of(s, head);
  const double width = s->sample->image.width, height = s->sample->image.height;
  const yolo_loss_row *first = NULL;
  yolo_status st = YOLO_OK;
  int anchors = 0;
  for (int i = s->trace->n_rows - 1; i >= 0; i--) {
    const yolo_loss_row *row = &s->trace->rows[i];
    if (row->head != head || row->cx || row->cy) continue;
    first = row;
    anchors++;
  }
  YOLO_TRY(yolo_text_format(caption, "level %d: %dx%d cells of %.0fx%.0f pixels, %d %s a cell", head + 1, grid.w, grid.h,
                            width / grid.w, height / grid.h, anchors, anchors == 1 ? "prediction" : "predictions"));
  for (int i = 0; i < anchors && anchors <= 4; i++)
    YOLO_TRY(yolo_text_format(caption, "%s%.0fx%.0f", i ? ", " : ": ", first[i].place.w * width, first[i].place.h * height));
  YOLO_TRY(yolo_text_format(note, "%d of %d predictions answer, %d are background, %d are left out", c.answering, c.rows,
                            c.background, c.left_out));
done:
  return st;
}

static yolo_status put_panel(const yolo_assign_scene *s, yolo_sheet *sheet, int panel, const yolo_assign_link *links) {
  yolo_image image = {0};
  yolo_text caption = {0}, note = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_sheet_fit(sheet, &s->sample->image, &image));
  if (panel == 0) {
    YOLO_TRY(yolo_text_format(&caption, "the truths, as the network sees them: %dx%d", s->sample->image.width,
                              s->sample->image.height));
    YOLO_TRY(yolo_text_format(&note, "in the others: filled cells answer, frames are their anchors, dashed ones the truths"));
    YOLO_TRY(draw_truths(s, &image));
  } else {
    YOLO_TRY(caption_level(s, panel - 1, &caption, &note));
    YOLO_TRY(draw_level(s, panel - 1, links, &image));
  }
  st = yolo_sheet_put(sheet, panel, &image, caption.data, note.data);
done:
  yolo_text_free(&caption);
  yolo_text_free(&note);
  yolo_image_release(&image);
  return st;
}

static yolo_status finish(const yolo_assign_scene *s, yolo_sheet *sheet, yolo_image *out) {
  yolo_sheet_entry legend[MOST_LEGEND];
  char labels[MOST_LEGEND][LABEL];
  int n = s->sample->n_objects < MOST_LEGEND ? s->sample->n_objects : MOST_LEGEND;
  for (int i = 0; i < n; i++) {
    snprintf(labels[i], LABEL, "%d %s", i + 1, class_name(s, i));
    legend[i] = (yolo_sheet_entry){i, labels[i]};
  }
  return yolo_sheet_finish(sheet, legend, n, out);
}

yolo_status yolo_assign_draw(const yolo_assign_scene *s, yolo_image *out) {
  const int panels = 1 + s->group->n_heads;
  const double ratio = (double)s->sample->image.height / s->sample->image.width;
  const yolo_sheet_options options = {.columns = panels > 3 ? (panels + 1) / 2 : panels,
                                      .cell_width = ratio > 1 ? (int)lround(PANEL / ratio) : PANEL,
                                      .cell_height = ratio > 1 ? PANEL : (int)lround(PANEL * ratio),
                                      .title = s->title};
  yolo_sheet *sheet = NULL;
  yolo_assign_link *links = NULL;
  yolo_status st = YOLO_OK;
  *out = (yolo_image){0};
  YOLO_TRY(yolo_assign_links(s->trace, &links));
  YOLO_TRY(yolo_sheet_new(panels, &options, &sheet));
  for (int i = 0; i < panels; i++) YOLO_TRY(put_panel(s, sheet, i, links));
  st = finish(s, sheet, out);
done:
  yolo_free(links);
  yolo_sheet_free(sheet);
  return st;
}
