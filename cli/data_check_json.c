/* --json FILE of `yolo data check`: everything that was found and counted.
 *
 *   {"clean":false, "errors":1, "warnings":0, "notes":2,
 *    "findings":[{"rule":..,"severity":..,"split":..,"file":..,"line":..,"byte":..,"what":..}],
 *    "rules":{"box-outside":1, ...}, "splits":[{"name":..,"images":..,...}], "classes":[{"name":..,"objects":..,"images":..}],
 *    "sizes":{..}, "sides":{..}, "aspects":{..}, "objects_per_image":{..}}
 *
 * "line" and "byte" are left out where there is none; "rules" has those that found something. */
#include "cli/data_check.h"
#include "cli/outfile.h"

static yolo_status add_pair(yolo_text *t, const char *name, const char *value) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, "\"%s\":", name));
  YOLO_TRY(yolo_text_json_string(t, value));
done:
  return st;
}

static yolo_status add_finding(yolo_text *t, const yolo_check_report *r, const yolo_check_split *splits,
                               const yolo_check_finding *f) {
  const yolo_rule_info *rule = &yolo_rules[f->rule];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, "{\"rule\":\"%s\",\"severity\":\"%s\",", rule->name, check_severity_name(rule->severity)));
  YOLO_TRY(add_pair(t, "split", splits[f->split].name));
  YOLO_TRY(yolo_text_format(t, ","));
  YOLO_TRY(add_pair(t, "file", yolo_check_text(r, f->file)));
  if (f->line) YOLO_TRY(yolo_text_format(t, ",\"line\":%llu", (unsigned long long)f->line));
  if (f->byte) YOLO_TRY(yolo_text_format(t, ",\"byte\":%llu", (unsigned long long)f->byte));
  YOLO_TRY(yolo_text_format(t, ","));
  YOLO_TRY(add_pair(t, "what", yolo_check_text(r, f->what)));
  YOLO_TRY(yolo_text_format(t, "}"));
done:
  return st;
}

static yolo_status add_findings(outfile *file, const yolo_check_report *r, const yolo_check_split *splits) {
  yolo_status st = yolo_text_format(&file->text, "\"findings\":[");
  for (size_t i = 0; i < r->n_findings && st == YOLO_OK; ++i) {
    YOLO_TRY(yolo_text_format(&file->text, i ? ",\n" : "\n"));
    YOLO_TRY(add_finding(&file->text, r, splits, &r->findings[i]));
    YOLO_TRY(outfile_flush(file));
  }
  if (st == YOLO_OK) st = yolo_text_format(&file->text, "],\n");
done:
  return st;
}

static yolo_status add_histogram(yolo_text *t, const char *title, const char *const *names, const uint64_t *counts, int n) {
  yolo_status st = yolo_text_format(t, ",\"%s\":{", title);
  for (int i = 0; i < n && st == YOLO_OK; ++i) {
    YOLO_TRY(yolo_text_format(t, "%s\"%s\":%llu", i ? "," : "", names[i], (unsigned long long)counts[i]));
  }
  if (st == YOLO_OK) st = yolo_text_format(t, "}");
done:
  return st;
}

static yolo_status add_counts(yolo_text *t, const yolo_check_counts *c) {
  static const char *const sizes[3] = {"small", "medium", "large"};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(t, "\"images\":%llu,\"labelled\":%llu,\"objects\":%llu,\"masks\":%llu,\"crowds\":%llu",
                            (unsigned long long)c->images, (unsigned long long)c->labelled, (unsigned long long)c->objects,
                            (unsigned long long)c->masks, (unsigned long long)c->crowds));
  YOLO_TRY(add_histogram(t, "sizes", sizes, c->sizes, 3));
  YOLO_TRY(add_histogram(t, "sides", yolo_check_side_names, c->sides, YOLO_CHECK_SIDES));
  YOLO_TRY(add_histogram(t, "aspects", yolo_check_aspect_names, c->aspects, YOLO_CHECK_ASPECTS));
  YOLO_TRY(add_histogram(t, "objects_per_image", yolo_check_crowd_names, c->crowd, YOLO_CHECK_CROWDS));
done:
  return st;
}

static yolo_status add_splits(yolo_text *t, const yolo_check_report *r, const yolo_check_split *splits) {
  yolo_status st = yolo_text_format(t, "\"splits\":[");
  for (int i = 0; i < r->n_splits && st == YOLO_OK; ++i) {
    YOLO_TRY(yolo_text_format(t, i ? ",\n{" : "\n{"));
    YOLO_TRY(add_pair(t, "name", splits[i].name));
    YOLO_TRY(yolo_text_format(t, ","));
    YOLO_TRY(add_counts(t, &r->splits[i]));
    YOLO_TRY(yolo_text_format(t, "}"));
  }
  if (st == YOLO_OK) st = yolo_text_format(t, "],\n");
done:
  return st;
}

static yolo_status add_classes(yolo_text *t, const yolo_check_report *r) {
  yolo_status st = yolo_text_format(t, "\"classes\":[");
  for (size_t i = 0; i < r->n_classes && st == YOLO_OK; ++i) {
    const yolo_check_class *c = &r->classes[i];
    YOLO_TRY(yolo_text_format(t, i ? ",\n{" : "\n{"));
    YOLO_TRY(add_pair(t, "name", yolo_check_text(r, c->name)));
    YOLO_TRY(yolo_text_format(t, ",\"objects\":%llu,\"images\":%llu}", (unsigned long long)c->objects,
                              (unsigned long long)c->images));
  }
  if (st == YOLO_OK) st = yolo_text_format(t, "],\n");
done:
  return st;
}

static yolo_status add_rules(yolo_text *t, const yolo_check_report *r) {
  yolo_status st = yolo_text_format(t, "\"rules\":{");
  int any = 0;
  for (int rule = 0; rule < YOLO_RULE_COUNT && st == YOLO_OK; ++rule) {
    if (r->counts[rule]) st = yolo_text_format(t, "%s\"%s\":%zu", any++ ? "," : "", yolo_rules[rule].name, r->counts[rule]);
  }
  return st == YOLO_OK ? yolo_text_format(t, "},\n") : st;
}

yolo_status check_write_json(const char *path, const yolo_check_report *r, const yolo_check_split *splits) {
  outfile file = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(outfile_open(path, &file));
  YOLO_TRY(yolo_text_format(&file.text, "{\"clean\":%s,\"errors\":%zu,\"warnings\":%zu,\"notes\":%zu,\n",
                            check_is_clean(r) ? "true" : "false", r->severities[YOLO_SEVERITY_ERROR],
                            r->severities[YOLO_SEVERITY_WARNING], r->severities[YOLO_SEVERITY_NOTE]));
  YOLO_TRY(add_findings(&file, r, splits));
  YOLO_TRY(add_rules(&file.text, r));
  YOLO_TRY(add_splits(&file.text, r, splits));
  YOLO_TRY(add_classes(&file.text, r));
  YOLO_TRY(yolo_text_format(&file.text, "\"all\":{"));
  YOLO_TRY(add_counts(&file.text, &r->all));
  YOLO_TRY(yolo_text_format(&file.text, "}}\n"));
  YOLO_TRY(outfile_commit(&file));
done:
  outfile_close(&file);
  return st;
}
