/* The page of a training: see train_page.h. */
#include "train/report/train_page.h"

#include <string.h>

#include "detect/yolo.h"

static yolo_status put_judged(const yolo_train_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  if (!p->judged) return YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "The best model on the val split"));
  YOLO_TRY(yolo_html_paragraph(to,
                               "best.safetensors, of epoch %d. It was chosen by this split, so a split that it never saw is "
                               "the fairer judge: yolo eval DATA --split test --model best.safetensors.",
                               p->best_epoch));
  st = yolo_text_append(to, p->judged, strlen(p->judged));
done:
  return st;
}

yolo_status yolo_train_page_write(const yolo_train_page *p, yolo_text *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_html_begin(to, p->title));
  YOLO_TRY(yolo_html_facts(to, p->facts, p->n_facts));
  YOLO_TRY(yolo_train_section_curves(p->csv, p->best_epoch, to));
  YOLO_TRY(put_judged(p, to));
  YOLO_TRY(yolo_html_note(to, "Written by yolo %s.", yolo_version()));
  st = yolo_html_end(to);
done:
  return st;
}
