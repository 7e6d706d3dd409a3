/* The findings of `yolo data check` as lines that grep and editors understand, its statistics as bars of text. */
#include <string.h>

#include "cli/data_check.h"

enum { BAR_WIDTH = 40, CLASS_LINES = 40, SENTENCE_MAX = 1100 };

/* ---- findings ---- */

/* Texts of other people's files: nothing in them shall steer the terminal. */
static const char *tame(const char *text, char to[SENTENCE_MAX]) {
  size_t n = 0;
  for (; *text && n < SENTENCE_MAX - 1; ++text) {
    unsigned char c = (unsigned char)*text;
    to[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
  }
  to[n] = '\0';
  return to;
}

static void say_finding(const yolo_check_report *r, const yolo_check_finding *f) {
  char file[CLI_NAME_MAX], what[SENTENCE_MAX];
  cli_say("%s:", cli_printable(yolo_check_text(r, f->file), file));
  if (f->line) cli_say("%llu:", (unsigned long long)f->line);
  cli_say(" %s: %s", yolo_rules[f->rule].name, tame(yolo_check_text(r, f->what), what));
  if (f->byte && f->line <= 1) cli_say(" (byte %llu)", (unsigned long long)f->byte); /* a file of one line */
  cli_say("\n");
}

static void say_rule(const yolo_check_report *r, int rule, int max) {
  size_t shown = 0;
  char number[CLI_COUNT_MAX];
  for (size_t i = 0; i < r->n_findings && (max == 0 || shown < (size_t)max); ++i) {
    if ((int)r->findings[i].rule != rule) continue;
    say_finding(r, &r->findings[i]);
    shown++;
  }
  if (shown < r->counts[rule]) {
    cli_say("... %s more of %s; --max 0 shows all\n", cli_count(r->counts[rule] - shown, number), yolo_rules[rule].name);
  }
}

void check_say_findings(const yolo_check_report *report, int max) {
  for (int rule = 0; rule < YOLO_RULE_COUNT; ++rule) {
    if (report->counts[rule]) say_rule(report, rule, max);
  }
  if (report->n_findings) cli_say("\n");
}

/* ---- statistics ---- */

static uint64_t largest(const uint64_t *counts, int n) {
  uint64_t most = 1;
  for (int i = 0; i < n; ++i) most = counts[i] > most ? counts[i] : most;
  return most;
}

static void say_bar(const char *name, int width, uint64_t count, uint64_t most) {
  static const char marks[] = "########################################";
  char number[CLI_COUNT_MAX];
  int length = (int)((double)count / (double)most * BAR_WIDTH + 0.5);
  if (count && !length) length = 1;
  cli_say("  %-*s %10s  %.*s\n", width, name, cli_count(count, number), length, marks);
}

static void say_bars(const char *title, const char *const *names, const uint64_t *counts, int n) {
  uint64_t most = largest(counts, n);
  cli_say("%s\n", title);
  for (int i = 0; i < n; ++i) say_bar(names[i], 14, counts[i], most);
}

static void say_splits(const yolo_check_report *r, const yolo_check_split *splits) {
  cli_say("Splits\n");
  for (int i = 0; i < r->n_splits; ++i) {
    const yolo_check_counts *c = &r->splits[i];
    char name[CLI_NAME_MAX];
    cli_say("  %-14s %s, %s labelled, %s", cli_printable(splits[i].name, name), cli_plural(c->images, "image"),
            cli_plural(c->labelled, "image"), cli_plural(c->objects, "object"));
    if (c->masks) cli_say(", %s", cli_plural(c->masks, "mask"));
    if (c->crowds) cli_say(", %s", cli_plural(c->crowds, "crowd"));
    cli_say("\n");
  }
}

static void say_classes(const yolo_check_report *r) {
  uint64_t most = 1;
  int width = 14;
  char name[CLI_NAME_MAX];
  for (size_t i = 0; i < r->n_classes; ++i) {
    int length = (int)strlen(yolo_check_text(r, r->classes[i].name));
    most = r->classes[i].objects > most ? r->classes[i].objects : most;
    width = length > width ? length : width;
  }
  if (width > 32) width = 32;
  cli_say("Objects of each class\n");
  for (size_t i = 0; i < r->n_classes && i < CLASS_LINES; ++i) {
    say_bar(cli_printable(yolo_check_text(r, r->classes[i].name), name), width, r->classes[i].objects, most);
  }
  if (r->n_classes > CLASS_LINES) cli_say("  ... %s more; --json has all\n", cli_plural(r->n_classes - CLASS_LINES, "class"));
}

void check_say_statistics(const yolo_check_report *r, const yolo_check_split *splits) {
  static const char *const sizes[3] = {"below 32x32", "32x32 - 96x96", "96x96 and more"};
  say_splits(r, splits);
  if (r->n_classes) say_classes(r);
  if (!r->all.objects) return;
  say_bars("Area of the objects in pixels (COCO's small, medium, large)", sizes, r->all.sizes, 3);
  say_bars("Side of the boxes against that of their image", yolo_check_side_names, r->all.sides, YOLO_CHECK_SIDES);
  say_bars("Width : height of the boxes", yolo_check_aspect_names, r->all.aspects, YOLO_CHECK_ASPECTS);
  say_bars("Images by the number of their objects", yolo_check_crowd_names, r->all.crowd, YOLO_CHECK_CROWDS);
}

/* ---- the end ---- */

void check_say_verdict(const yolo_check_report *r) {
  size_t errors = r->severities[YOLO_SEVERITY_ERROR], warnings = r->severities[YOLO_SEVERITY_WARNING];
  size_t notes = r->severities[YOLO_SEVERITY_NOTE];
  cli_say("%s: %s, %s, ", check_is_clean(r) ? "clean" : "not clean", cli_plural(r->all.images, "image"),
          cli_plural(r->all.objects, "object"));
  cli_say("%s, %s, %s", cli_plural(errors, "error"), cli_plural(warnings, "warning"), cli_plural(notes, "note"));
  for (int rule = 0, any = 0; rule < YOLO_RULE_COUNT; ++rule) {
    char number[CLI_COUNT_MAX];
    if (!r->counts[rule]) continue;
    cli_say("%s%s %s", any++ ? ", " : " (", yolo_rules[rule].name, cli_count(r->counts[rule], number));
  }
  cli_say("%s\n", r->n_findings ? ")" : "");
}

void check_say_rules(void) {
  for (int rule = 0; rule < YOLO_RULE_COUNT; ++rule) {
    cli_say("%-16s %-8s %s\n", yolo_rules[rule].name, check_severity_name(yolo_rules[rule].severity), yolo_rules[rule].meaning);
  }
}
