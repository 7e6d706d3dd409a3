/* The rules of `yolo data check` as a table, and the one door through which readers and checks report. */
#include <stdarg.h>
#include <stdio.h>

#include "datasets/dataset.h"

const yolo_rule_info yolo_rules[YOLO_RULE_COUNT] = {
#define YOLO_RULE(name, text, severity, meaning) {text, YOLO_SEVERITY_##severity, meaning},
#include "datasets/rule_list.h"
#undef YOLO_RULE
};

/* Names and values of other people's files go into the sentence: it is cut, never grown. */
enum { SENTENCE_MAX = 1024 };

void yolo_data_report(yolo_data_sink *sink, yolo_data_rule rule, const char *file, uint64_t line, const char *format, ...) {
  char what[SENTENCE_MAX];
  va_list args;
  if (!sink) return;
  sink->counts[rule]++;
  if (!sink->report) return;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  sink->report(sink->payload, &(yolo_data_issue){rule, file, line, what});
}
