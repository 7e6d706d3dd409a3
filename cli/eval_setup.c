/* Setting up `yolo eval`: parameters and truth. See eval_job.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/coco_ids.h"
#include "cli/eval_job.h"

/* ---- lists of numbers ---- */

static int ascending_real(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
static int ascending_int(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

typedef struct real_list {
  double *items;
  int n, most;
} real_list;

/* "0.5:0.05:0.95": first, step, last. */
static bool read_range(char *text, real_list *to) {
  double v[3];
  int n = 0;
  for (char *rest = text, *word; (word = strsep(&rest, ":")) != NULL;) {
    if (n == 3 || !yolo_parse_double(word, &v[n++])) return false;
  }
  if (n != 3 || !(v[1] > 0) || !(v[2] >= v[0])) return false;
  double steps = floor((v[2] - v[0]) / v[1] + 0.5);
  if (steps >= to->most) return false;
  to->n = (int)steps + 1;
  yolo_eval_linspace(v[0], v[2], to->n, to->items);
  return true;
}

/* Ascending, each once. */
static bool read_reals(char *text, real_list *to) {
  to->n = 0;
  if (strchr(text, ':')) return read_range(text, to);
  for (char *rest = text, *word; (word = strsep(&rest, ",")) != NULL;) {
    if (to->n == to->most || !yolo_parse_double(word, &to->items[to->n++])) return false;
  }
  qsort(to->items, (size_t)to->n, sizeof *to->items, ascending_real);
  for (int i = 1; i < to->n; ++i) {
    if (!(to->items[i] > to->items[i - 1])) return false;
  }
  return true;
}

static bool read_ious(char *text, yolo_eval_params *p) {
  real_list list = {p->ious, 0, YOLO_EVAL_MOST_THRESHOLDS};
  if (!read_reals(text, &list)) return false;
  p->n_ious = list.n;
  return p->ious[0] > 0 && p->ious[list.n - 1] <= 1;
}

static bool read_recalls(char *text, yolo_eval_params *p) {
  real_list list = {p->recalls, 0, YOLO_EVAL_MOST_RECALLS};
  if (!read_reals(text, &list)) return false;
  p->n_recalls = list.n;
  return p->recalls[0] >= 0 && p->recalls[list.n - 1] <= 1;
}

static bool read_limits(char *text, yolo_eval_params *p) {
  p->n_limits = 0;
  for (char *rest = text, *word; (word = strsep(&rest, ",")) != NULL;) {
    if (p->n_limits == YOLO_EVAL_MOST_LIMITS || !yolo_parse_int(word, &p->limits[p->n_limits++])) return false;
  }
  qsort(p->limits, (size_t)p->n_limits, sizeof *p->limits, ascending_int);
  for (int i = 0; i < p->n_limits; ++i) {
    if (p->limits[i] <= (i ? p->limits[i - 1] : 0)) return false;
  }
  return true;
}

/* "name:from:to,...". Names stay in `text`. "all" is added in front, as the scores speak of it. */
static bool read_areas(char *text, yolo_eval_params *p) {
  bool has_all = strncmp(text, "all:", 4) == 0;
  p->n_areas = has_all ? 0 : 1;
  for (char *rest = text, *word; (word = strsep(&rest, ",")) != NULL; ++p->n_areas) {
    char *name = strsep(&word, ":"), *low = strsep(&word, ":");
    if (p->n_areas == YOLO_EVAL_MOST_AREAS || !*name || !low || !word) return false;
    double *area = p->areas[p->n_areas];
    if (!yolo_parse_double(low, &area[0]) || !yolo_parse_double(word, &area[1]) || area[1] < area[0]) return false;
    p->area_names[p->n_areas] = name;
    for (int a = 0; a < p->n_areas; ++a) {
      if (strcmp(name, p->area_names[a]) == 0) return false;
    }
  }
  return true;
}

typedef bool (*list_reader)(char *text, yolo_eval_params *p);

/* *kept: the copy, where the parameters point into it. */
static yolo_status read_list(const char *option, const char *text, list_reader reader, const char *wanted, yolo_eval_params *p,
                             char **kept) {
  if (!text) return YOLO_OK;
  char *copy = yolo_strdup(text);
  if (!copy) return YOLO_ENOMEM;
  bool good = reader(copy, p);
  if (kept) {
    *kept = copy;
  } else {
    yolo_free(copy);
  }
  return good ? YOLO_OK : yolo_fail(YOLO_EINVAL, "%s wants %s, not '%s'", option, wanted, text);
}

yolo_status eval_read_params(eval_job *job) {
  const eval_args *a = job->args;
  yolo_eval_params *p = &job->params;
  yolo_status st = YOLO_OK;
  yolo_eval_params_coco(p, YOLO_EVAL_BOX);
  p->class_agnostic = a->one_class;
  p->threads = a->detect.model.threads;
  YOLO_TRY(read_list("--iou", a->ious, read_ious, "up to 32 numbers above 0 and up to 1, or FIRST:STEP:LAST", p, NULL));
  YOLO_TRY(read_list("--recall-thresholds", a->recalls, read_recalls, "up to 1001 numbers from 0 to 1, or FIRST:STEP:LAST", p,
                     NULL));
  YOLO_TRY(read_list("--max-dets", a->limits, read_limits, "up to 8 whole numbers above 0, such as 1,10,100", p, NULL));
  YOLO_TRY(read_list("--area", a->areas, read_areas, "up to 7 of NAME:FROM:TO, such as small:0:1024,large:9216:1e10", p,
                     &job->area_names));
done:
  return st;
}

/* ---- truth ---- */

/* --classes: the others are scored no more. */
static yolo_status keep_classes(eval_job *job, const char *list) {
  yolo_eval_truths *t = &job->truths;
  char *copy = yolo_strdup(list);
  bool *keep = yolo_calloc((size_t)t->n_classes, sizeof *keep);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(copy);
  YOLO_ENOMEM_IF_NULL(keep);
  for (char *rest = copy, *word; (word = strsep(&rest, ",")) != NULL;) {
    int found = -1;
    word += strspn(word, " ");
    for (size_t n = strlen(word); n > 0 && word[n - 1] == ' ';) word[--n] = '\0';
    for (int k = 0; k < t->n_classes; ++k) {
      if (strcmp(yolo_eval_truths_class_name(t, k), word) == 0) found = k;
    }
    if (found < 0) {
      st = yolo_fail(YOLO_EINVAL, "--classes: the truth has no class '%s'; it has %s, such as '%s'", word,
                     cli_plural((unsigned)t->n_classes, "class"), t->n_classes ? yolo_eval_truths_class_name(t, 0) : "");
      goto done;
    }
    keep[found] = true;
  }
  st = yolo_eval_truths_keep_classes(t, keep);
done:
  yolo_free(copy);
  yolo_free(keep);
  return st;
}

static void say_oddities(const eval_job *job) {
  const yolo_eval_truths *t = &job->truths;
  if (t->without_area)
    cli_complain("%s without \"area\": it is taken from the mask or the box (pycocotools would fail)",
                 cli_plural(t->without_area, "annotation"));
  if (t->repeated_ids)
    cli_complain("%s share an id with another: as in pycocotools, the last of them counts as often as its id occurs",
                 cli_plural(t->repeated_ids, "annotation"));
  if (t->zero_ids) cli_complain("an annotation has the id 0, which COCOeval takes for 'no match': whoever finds it is wrong");
}

/* Two categories with one name become one class, which would merge what pycocotools keeps apart. */
static yolo_status check_merged(const data_sink *sink) {
  if (sink->sink.counts[YOLO_RULE_CLASS_DUPLICATE] == 0) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "the truth has two categories of one name or id; give each its own, or scores would mix them");
}

/* Labels that were named themselves have none. */
static bool has_splits(const yolo_config *config) {
  return yolo_has_suffix(config->file, ".cfg") || yolo_has_suffix(config->file, ".data");
}

yolo_status eval_open_truth(eval_job *job, const args_words *words) {
  const eval_args *a = job->args;
  data_sink sink;
  yolo_data_split split;
  yolo_status st = YOLO_OK;
  job->truth_name = a->gt ? a->gt : words->items[0];
  data_args_sink(&sink, 5);
  const yolo_data_open_options options = {.sink = &sink.sink};
  YOLO_TRY(data_args_load(&a->data, job->truth_name, &job->config));
  YOLO_TRY(data_args_choose_split(&a->data, &job->config, YOLO_SPLIT_VAL, &split));
  if (has_splits(&job->config)) job->split = yolo_split_names[split];
  YOLO_TRY(yolo_config_open_split(&job->config, yolo_split_names[split], &options, &job->dataset));
  data_args_say_rest(&sink);
  YOLO_TRY(check_merged(&sink));
  YOLO_TRY(yolo_eval_truths_make(job->dataset, &job->truths));
  if (a->image_ids) YOLO_TRY(eval_keep_images(job, a->image_ids));
  if (a->classes) YOLO_TRY(keep_classes(job, a->classes));
  /* Only COCO JSON could have said "area"; and only there its absence is odd. */
  bool coco =
      job->dataset->n_sources > 0 && strcmp(yolo_dataset_text(job->dataset, job->dataset->sources[0].format), "coco") == 0;
  if (coco) say_oddities(job);
done:
  return st;
}

void eval_job_free(eval_job *job) {
  yolo_eval_report_free(&job->report);
  yolo_eval_results_free(&job->results);
  yolo_eval_truths_free(&job->truths);
  yolo_dataset_free(job->dataset);
  yolo_config_release(&job->config);
  yolo_free(job->area_names);
  yolo_free(job->model_line);
  eval_facts_free(&job->facts);
  outfile_close(&job->page);
}
