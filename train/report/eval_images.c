/* The worst and the best images of a run, by the F1 of each image alone: truth and detections side by side. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
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

static yolo_status copy(const yolo_image *from, yolo_image *out) {
  yolo_status st = yolo_image_new(from->width, from->height, out);
  if (st == YOLO_OK) memcpy(out->pixels, from->pixels, (size_t)from->width * (size_t)from->height * 3);
  return st;
}

static yolo_status put_pictures(const yolo_eval_report *r, const page_findings *f, const yolo_image *picture, const char *title,
                                const char *caption, yolo_text *to) {
  yolo_image ground = {0}, truths = {0}, detections = {0};
  yolo_text names[2] = {{0}, {0}};
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_fit(picture, &ground));
  const page_scale scale = {(double)ground.width / picture->width, (double)ground.height / picture->height};
  YOLO_TRY(copy(&ground, &truths));
  YOLO_TRY(page_draw_truths(r, f, scale, &truths));
  detections = ground;
  ground = (yolo_image){0};
  YOLO_TRY(page_draw_detections(r, f, scale, &detections));
  YOLO_TRY(yolo_text_format(&names[0], "Truth: %zu", f->n_truths));
  YOLO_TRY(yolo_text_format(&names[1], "Detections from confidence %.4g: %zu", r->confidence, f->n_detections));
  const yolo_html_pair pair = {{&truths, &detections}, {names[0].data, names[1].data}, title, caption};
  st = yolo_html_put_pair(to, &pair);
done:
  yolo_image_release(&ground);
  yolo_image_release(&truths);
  yolo_image_release(&detections);
  yolo_text_free(&names[0]);
  yolo_text_free(&names[1]);
  return st;
}

/* An image of the section. They are made side by side, each by one thread. */
typedef struct plate {
  const yolo_eval_image_score *score;
  yolo_text html;
  char *complaint; /* why it has no picture; NULL: it has one */
  yolo_status st;
  char *problem; /* the sentence of st: it belongs to the thread that failed */
} plate;

typedef struct gallery {
  const yolo_eval_report *report;
  plate *plates;
  size_t worst, best; /* so many of each, in this order */
  size_t unread;      /* those without a picture */
} gallery;

static void free_gallery(gallery *g) {
  for (size_t i = 0; g->plates && i < g->worst + g->best; ++i) {
    yolo_text_free(&g->plates[i].html);
    yolo_free(g->plates[i].complaint);
    yolo_free(g->plates[i].problem);
  }
  yolo_free(g->plates);
}

static yolo_status put_unread(plate *p, const char *title, const char *caption) {
  if (!(p->complaint = yolo_strdup(yolo_error_message()))) return YOLO_ENOMEM;
  yolo_error_clear();
  return yolo_html_paragraph(&p->html, "%s. %s.", title, caption);
}

static yolo_status make_plate(const yolo_eval_report *r, plate *p) {
  page_findings findings = {0};
  yolo_image picture = {0};
  yolo_text title = {0}, caption = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(page_find(r, p->score->image, &findings));
  YOLO_TRY(name_image(r, p->score->image, &title));
  YOLO_TRY(yolo_text_format(&title, ": F1 %.3f", p->score->f1));
  YOLO_TRY(page_tell(r, &findings, &caption));
  st = yolo_dataset_load_image(r->truths->dataset, r->truths->images[p->score->image], &picture);
  if (st == YOLO_ENOMEM) goto done;
  st = st == YOLO_OK ? put_pictures(r, &findings, &picture, title.data, caption.data, &p->html)
                     : put_unread(p, title.data, caption.data);
done:
  page_findings_free(&findings);
  yolo_image_release(&picture);
  yolo_text_free(&title);
  yolo_text_free(&caption);
  return st;
}

static void plate_task(void *payload, int i, int thread) {
  gallery *g = payload;
  plate *p = &g->plates[i];
  (void)thread;
  p->st = make_plate(g->report, p);
  if (p->st != YOLO_OK) p->problem = yolo_strdup(yolo_error_message());
}

static yolo_status make_plates(gallery *g) {
  const int threads = g->report->options.params.threads, n = (int)(g->worst + g->best);
  yolo_parallel(threads ? threads : yolo_threads_available(), n, plate_task, g);
  for (int i = 0; i < n; ++i) {
    const plate *p = &g->plates[i];
    if (p->st != YOLO_OK) return yolo_fail(p->st, "%s", p->problem ? p->problem : "no memory");
    g->unread += p->complaint != NULL;
  }
  return YOLO_OK;
}

static yolo_status put_group(const char *heading, const plate *plates, size_t n, yolo_text *to) {
  yolo_status st = YOLO_OK;
  if (n == 0) return YOLO_OK;
  YOLO_TRY(yolo_html_part(to, heading));
  for (size_t i = 0; i < n; ++i) YOLO_TRY(yolo_text_append(to, plates[i].html.data, plates[i].html.length));
done:
  return st;
}

static const char *first_complaint(const gallery *g) {
  for (size_t i = 0; i < g->worst + g->best; ++i) {
    if (g->plates[i].complaint) return g->plates[i].complaint;
  }
  return "";
}

static yolo_status put_words(const gallery *g, yolo_text *to) {
  const yolo_eval_report *r = g->report;
  const size_t shown = g->worst + g->best;
  yolo_status st = YOLO_OK;
  YOLO_TRY(
      yolo_html_note(to,
                     "By the F1 of each image alone: %s at IoU %.4g, detections from confidence %.4g on; equal: more mistakes "
                     "make it worse, more that was found makes it better.",
                     page_kind_names[r->main_kind], r->curves.iou, r->confidence));
  if (shown == 0) return yolo_html_paragraph(to, "There is no image with a truth or a detection.");
  if (g->unread == shown)
    return yolo_html_paragraph(to,
                               "There are no pictures, because the images could not be read (%s). --images DIR names their "
                               "folder.",
                               first_complaint(g));
  YOLO_TRY(
      yolo_html_note(to,
                     "Green: found. Orange, \"missed\": a truth that nothing found. Magenta, \"false\": a detection that is "
                     "wrong. Grey and dashed: not scored (crowds). Where labels would hide the picture, those of mistakes "
                     "come first."));
  if (g->unread > 0)
    st = yolo_html_paragraph(to, "%zu of the %zu pictures could not be read (%s).", g->unread, shown, first_complaint(g));
done:
  return st;
}

/* The images of the section, the worst first. */
static yolo_status choose(gallery *g, size_t most) {
  const yolo_eval_image_score **images = yolo_alloc_array(2 * most, sizeof *images);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(images);
  YOLO_ENOMEM_IF_NULL(g->plates = yolo_calloc(2 * most, sizeof *g->plates));
  g->worst = take_worst(g->report, most, images);
  g->best = take_best(g->report, g->worst, most, images + g->worst);
  for (size_t i = 0; i < g->worst + g->best; ++i) g->plates[i].score = images[i];
done:
  yolo_free(images);
  return st;
}

yolo_status yolo_eval_section_images(const yolo_eval_page *page, yolo_text *to) {
  const size_t most = (size_t)(page->pictures > 0 ? page->pictures : 0);
  gallery g = {.report = page->report};
  yolo_status st = YOLO_OK;
  if (most == 0) return YOLO_OK;
  YOLO_TRY(choose(&g, most));
  YOLO_TRY(make_plates(&g));
  YOLO_TRY(yolo_html_heading(to, "Images"));
  YOLO_TRY(put_words(&g, to));
  YOLO_TRY(put_group("Worst", g.plates, g.worst, to));
  st = put_group("Best", g.plates + g.worst, g.best, to);
done:
  free_gallery(&g);
  return st;
}
