/* The worst and the best images of a run, by the F1 of each image alone: truth and detections side by side. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/report/eval_parts.h"

/* The report's images stand with the worst first. Worst: those with a mistake. Best: those with something found; equal F1: the
 * one where more was found. */
static bool is_better(const yolo_eval_image_score *a, const yolo_eval_image_score *b) {
  if (a->f1 != b->f1) return a->f1 > b->f1;
  if (a->right != b->right) return a->right > b->right;
  return a->image < b->image;
}

static size_t take_worst(const yolo_eval_report *r, size_t most, const yolo_eval_image_score **out) {
  size_t n = 0;
  while (n < most && n < r->set.n_images && r->images[n].f1 < 1) {
    out[n] = &r->images[n];
    ++n;
  }
  return n;
}

/* Images from `from` on: the worst are not the best, too. */
static size_t take_best(const yolo_eval_report *r, size_t from, size_t most, const yolo_eval_image_score **out) {
  size_t n = 0;
  for (size_t i = from; i < r->set.n_images; ++i) {
    const yolo_eval_image_score *image = &r->images[i];
    size_t at = n;
    if (image->right == 0) continue;
    while (at > 0 && is_better(image, out[at - 1])) --at;
    if (at >= most) continue;
    if (n < most) ++n;
    memmove(&out[at + 1], &out[at], (n - 1 - at) * sizeof *out);
    out[at] = image;
  }
  return n;
}

static yolo_status name_image(const yolo_eval_report *r, uint32_t index, yolo_text *to) {
  const yolo_data_image *image = yolo_eval_truths_image(r->truths, index);
  const char *name = yolo_dataset_text(r->truths->dataset, image->name);
  return *name ? yolo_text_format(to, "%s", name) : yolo_text_format(to, "image %lld", (long long)image->id);
}

/* ---- one image ---- */

static yolo_status put_pictures(const yolo_eval_report *r, const page_findings *f, const yolo_image *picture, const char *title,
                                const char *caption, yolo_text *to) {
  yolo_image truths = {0}, detections = {0};
  yolo_text names[2] = {{0}, {0}};
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_draw_truths(r, f, picture, &truths));
  YOLO_TRY(page_draw_detections(r, f, picture, &detections));
  YOLO_TRY(yolo_text_format(&names[0], "Truth: %zu", f->n_truths));
  YOLO_TRY(yolo_text_format(&names[1], "Detections from confidence %.4g: %zu", r->confidence, f->n_detections));
  const yolo_html_pair pair = {{&truths, &detections}, {names[0].data, names[1].data}, title, caption};
  st = yolo_html_put_pair(to, &pair);
done:
  yolo_image_release(&truths);
  yolo_image_release(&detections);
  yolo_text_free(&names[0]);
  yolo_text_free(&names[1]);
  return st;
}

/* What is gathered before the section is written. */
typedef struct gallery {
  yolo_text body;
  size_t shown, unread; /* images; those without a picture */
  yolo_text complaint;  /* why the first of them has none */
} gallery;

static void free_gallery(gallery *g) {
  yolo_text_free(&g->body);
  yolo_text_free(&g->complaint);
}

static yolo_status put_unread(gallery *g, const char *title, const char *caption) {
  yolo_status st = YOLO_OK;
  if (g->unread++ == 0) YOLO_TRY(yolo_text_format(&g->complaint, "%s", yolo_error_message()));
  yolo_error_clear();
  st = yolo_html_paragraph(&g->body, "%s. %s.", title, caption);
done:
  return st;
}

static yolo_status put_image(const yolo_eval_report *r, const yolo_eval_image_score *score, gallery *g) {
  page_findings findings = {0};
  yolo_image picture = {0};
  yolo_text title = {0}, caption = {0};
  yolo_status st = YOLO_OK;
  ++g->shown;
  YOLO_TRY(page_find(r, score->image, &findings));
  YOLO_TRY(name_image(r, score->image, &title));
  YOLO_TRY(yolo_text_format(&title, ": F1 %.3f", score->f1));
  YOLO_TRY(page_tell(r, &findings, &caption));
  st = yolo_dataset_load_image(r->truths->dataset, r->truths->images[score->image], &picture);
  if (st == YOLO_ENOMEM) goto done;
  st = st == YOLO_OK ? put_pictures(r, &findings, &picture, title.data, caption.data, &g->body)
                     : put_unread(g, title.data, caption.data);
done:
  page_findings_free(&findings);
  yolo_image_release(&picture);
  yolo_text_free(&title);
  yolo_text_free(&caption);
  return st;
}

static yolo_status put_group(const yolo_eval_report *r, const char *heading, const yolo_eval_image_score *const *images,
                             size_t n, gallery *g) {
  yolo_status st = YOLO_OK;
  if (n == 0) return YOLO_OK;
  YOLO_TRY(yolo_html_part(&g->body, heading));
  for (size_t i = 0; i < n; ++i) YOLO_TRY(put_image(r, images[i], g));
done:
  return st;
}

static yolo_status put_words(const yolo_eval_report *r, const gallery *g, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(
      yolo_html_note(to,
                     "By the F1 of each image alone: %s at IoU %.4g, detections from confidence %.4g on; equal: more mistakes "
                     "make it worse, more that was found makes it better.",
                     page_kind_names[r->main_kind], r->curves.iou, r->confidence));
  if (g->shown == 0) return yolo_html_paragraph(to, "There is no image with a truth or a detection.");
  if (g->unread == g->shown)
    return yolo_html_paragraph(to,
                               "There are no pictures, because the images could not be read (%s). --images DIR names their "
                               "folder.",
                               g->complaint.data);
  YOLO_TRY(
      yolo_html_note(to,
                     "Green: found. Orange, \"missed\": a truth that nothing found. Magenta, \"false\": a detection that is "
                     "wrong. Grey and dashed: not scored (crowds). Where labels would hide the picture, those of mistakes "
                     "come first."));
  if (g->unread > 0)
    st = yolo_html_paragraph(to, "%zu of the %zu pictures could not be read (%s).", g->unread, g->shown, g->complaint.data);
done:
  return st;
}

yolo_status yolo_eval_section_images(const yolo_eval_page *page, yolo_text *to) {
  const yolo_eval_report *r = page->report;
  const size_t most = (size_t)(page->pictures > 0 ? page->pictures : 0);
  const yolo_eval_image_score **images = NULL;
  gallery g = {.shown = 0};
  yolo_status st = YOLO_OK;
  if (most == 0) return YOLO_OK;
  YOLO_ENOMEM_IF_NULL(images = yolo_alloc_array(2 * most, sizeof *images));
  const size_t worst = take_worst(r, most, images), best = take_best(r, worst, most, images + most);
  YOLO_TRY(put_group(r, "Worst", images, worst, &g));
  YOLO_TRY(put_group(r, "Best", images + most, best, &g));
  YOLO_TRY(yolo_html_heading(to, "Images"));
  YOLO_TRY(put_words(r, &g, to));
  if (g.body.length) st = yolo_text_append(to, g.body.data, g.body.length);
done:
  yolo_free(images);
  free_gallery(&g);
  return st;
}
