/* The whole page of a scoring run, and what its sections share: see eval_page.h. */
#include "train/report/eval_page.h"

#include "detect/yolo.h"
#include "train/report/eval_parts.h"

const char *const page_kind_names[2] = {"boxes", "masks"};
const char *const page_kind_headings[2] = {"Boxes", "Masks"};

const char *page_class_name(const yolo_eval_report *r, int k) {
  return r->options.params.class_agnostic ? "all classes" : yolo_eval_truths_class_name(r->truths, k);
}

int page_limit(const yolo_eval_params *p) {
  const int hundred = yolo_eval_limit_index(p, 100), third = p->n_limits < 3 ? p->n_limits - 1 : 2;
  return hundred >= 0 ? hundred : third;
}

yolo_status yolo_eval_page_sections(const yolo_eval_page *page, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_eval_section_scores(page, to));
  YOLO_TRY(yolo_eval_section_pace(page, to));
  YOLO_TRY(yolo_eval_section_curves(page, to));
  YOLO_TRY(yolo_eval_section_classes(page, to));
  YOLO_TRY(yolo_eval_section_mix_ups(page, to));
  YOLO_TRY(yolo_eval_section_sizes(page, to));
  st = yolo_eval_section_images(page, to);
done:
  return st;
}

yolo_status yolo_eval_page_write(const yolo_eval_page *page, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_begin(to, page->title));
  YOLO_TRY(yolo_html_facts(to, page->facts, page->n_facts));
  YOLO_TRY(yolo_eval_page_sections(page, to));
  YOLO_TRY(yolo_html_note(to, "Written by yolo %s.", yolo_version()));
  st = yolo_html_end(to);
done:
  return st;
}
