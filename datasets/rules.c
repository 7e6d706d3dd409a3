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

void yolo_data_forward(yolo_data_sink *sink, const yolo_data_issue *issue) {
  if (!sink) return;
  sink->counts[issue->rule]++;
  if (sink->report) sink->report(sink->payload, issue);
}

static void report(yolo_data_sink *sink, yolo_data_issue issue, const char *format, va_list args) {
  char what[SENTENCE_MAX];
  vsnprintf(what, sizeof what, format, args);
  issue.what = what;
  yolo_data_forward(sink, &issue);
}

void yolo_data_report(yolo_data_sink *sink, yolo_data_rule rule, const char *file, uint64_t line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  report(sink, (yolo_data_issue){.rule = rule, .file = file, .line = line}, format, args);
  va_end(args);
}

void yolo_data_report_byte(yolo_data_sink *sink, yolo_data_rule rule, const char *file, uint64_t byte, const char *format,
                           ...) {
  va_list args;
  va_start(args, format);
  report(sink, (yolo_data_issue){.rule = rule, .file = file, .byte = byte}, format, args);
  va_end(args);
}
