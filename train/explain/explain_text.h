/* What is shown, in words: for each loss its equation, who answers for a truth, and where that is written. */
#ifndef YOLO_TRAIN_EXPLAIN_TEXT_H
#define YOLO_TRAIN_EXPLAIN_TEXT_H

#include <stdbool.h>

#include "train/loss.h"

typedef struct yolo_explain_text {
  const char *loss;
  const char *paper;    /* authors, title, year, section */
  const char *equation; /* lines, each with its end */
  const char *answers;  /* who answers for a truth; lines */
} yolo_explain_text;

/* NULL: not a loss of the list. */
const yolo_explain_text *yolo_explain_text_of(const char *loss);
extern const char yolo_explain_gradcheck_text[];

#endif
