/* The table of losses and what their reports have in common. See loss.h. */
#include <string.h>

#include "train/loss.h"

static const yolo_loss_def *const losses[] = {
#define YOLO_LOSS(name) &yolo_loss_##name,
#include "train/loss_list.h"
#undef YOLO_LOSS
};

int yolo_loss_count(void) { return (int)(sizeof losses / sizeof losses[0]); }

const yolo_loss_def *yolo_loss_at(int index) { return index >= 0 && index < yolo_loss_count() ? losses[index] : NULL; }

const yolo_loss_def *yolo_loss_find(const char *name) {
  for (int i = 0; name && i < yolo_loss_count(); i++)
    if (strcmp(losses[i]->name, name) == 0) return losses[i];
  return NULL;
}

bool yolo_loss_fits(const yolo_loss_def *loss, const yolo_head_def *head) {
  const char *name = head->section.name ? head->section.name : "classify";
  for (int i = 0; i < 4 && loss->heads[i]; i++)
    if (strcmp(loss->heads[i], name) == 0) return true;
  return false;
}

const yolo_loss_def *yolo_loss_default(const yolo_head_def *head, const yolo_cfg_section *section) {
  for (int i = 0; section && i < yolo_loss_count(); i++)
    if (losses[i]->asked_by && yolo_loss_fits(losses[i], head) && yolo_cfg_find(section, losses[i]->asked_by)) return losses[i];
  for (int i = 0; i < yolo_loss_count(); i++)
    if (!losses[i]->asked_by && yolo_loss_fits(losses[i], head)) return losses[i];
  return NULL;
}

void yolo_loss_report_add(yolo_loss_report *sum, const yolo_loss_report *one) {
  const long images = sum->images + one->images;
  if (one->images <= 0) return;
  if (sum->images <= 0) {
    *sum = *one;
    return;
  }
  const double mine = (double)sum->images / (double)images, its = (double)one->images / (double)images;
  for (int i = 0; i < sum->n_parts && i < one->n_parts; i++)
    sum->parts[i].value = mine * sum->parts[i].value + its * one->parts[i].value;
  sum->total = mine * sum->total + its * one->total;
  sum->images = images;
  sum->truths += one->truths;
  sum->positives += one->positives;
  sum->iou += one->iou;
  sum->recalled50 += one->recalled50;
  sum->recalled75 += one->recalled75;
  sum->correct += one->correct;
}
