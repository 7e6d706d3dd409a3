/* yolo data check: its arguments, and what it writes. See data_check.c. */
#ifndef YOLO_CLI_DATA_CHECK_H
#define YOLO_CLI_DATA_CHECK_H

#include "cli/cli.h"
#include "cli/data_args.h"
#include "datasets/check.h"

typedef struct check_args {
  data_args data;
  const char *json;
  int max;     /* findings of one rule that are shown; 0: all */
  int threads; /* 0: as data.cfg has it, else all */
  bool rules, no_images, quiet;
} check_args;

/* data_check_text.c: findings, one a line, grouped by rule; statistics as bars; the verdict. */
void check_say_findings(const yolo_check_report *report, int max);
void check_say_statistics(const yolo_check_report *report, const yolo_check_split *splits);
void check_say_verdict(const yolo_check_report *report);
void check_say_rules(void);

/* data_check_json.c */
yolo_status check_write_json(const char *path, const yolo_check_report *report, const yolo_check_split *splits);

static inline const char *check_severity_name(yolo_severity severity) {
  static const char *const names[] = {"note", "warning", "error"};
  return names[severity];
}
static inline bool check_is_clean(const yolo_check_report *report) {
  return report->severities[YOLO_SEVERITY_WARNING] + report->severities[YOLO_SEVERITY_ERROR] == 0;
}

#endif
