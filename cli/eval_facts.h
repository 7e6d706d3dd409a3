/* What was scored and how, as names and texts: one source for the lines of `yolo eval` and for its page. */
#ifndef YOLO_CLI_EVAL_FACTS_H
#define YOLO_CLI_EVAL_FACTS_H

#include "train/report/html.h"

enum { EVAL_MOST_FACTS = 8 };
/* Zero-initialise; eval_facts_free. */
typedef struct eval_facts {
  const char *names[EVAL_MOST_FACTS]; /* static */
  yolo_text texts[EVAL_MOST_FACTS];
  int n;
} eval_facts;

yolo_status eval_facts_add(eval_facts *facts, const char *name, const char *format, ...) YOLO_PRINTF(3, 4);
void eval_facts_say(const eval_facts *facts);                                       /* "Name: text", a line each */
void eval_facts_list(const eval_facts *facts, yolo_html_fact out[EVAL_MOST_FACTS]); /* texts stay the facts' */
void eval_facts_free(eval_facts *facts);

#endif
