/* The conformance run: its command line and one line an op. See conformance.h.
 *
 *   conformance [op ...] [--backend NAME] [--isa NAME] [--precision NAME] [--conv NAME] [--case N] [--every N] [--list]
 *               [--gradients]
 *
 * --isa chooses among the engines of the CPU, --conv (own, cudnn, best) among those of CUDA; --every 7 takes each seventh
 * case. One line an op (on CUDA a second with every engine's worst error), a FAIL line for each variant that fails, the
 * first few of many. Exit status 1 when anything failed, or when nothing was run; 77 when no device of the wanted kind
 * is here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/gradient.h"

static const yolo_case_table *const tables[YOLO_OP_COUNT] = {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) [YOLO_OP_##name] = &yolo_cases_##name,
#include "backbone/ops/op_list.h"
#undef YOLO_OP
};

enum { SKIPPED = 77 };

typedef struct wishes {
  bool op[YOLO_OP_COUNT];
  yolo_engine_filter engines;
  int only;  /* one case; -1: all */
  int every; /* of all cases each n-th */
  bool list, gradients;
} wishes;

const yolo_case_table *yolo_case_table_of(yolo_op_id id) { return tables[id]; }

void yolo_case_title(yolo_op_id id, int index, char *text, size_t size) {
  const yolo_case *c = &tables[id]->cases[index];
  char attributes[128] = "", shapes[96] = "";
  if (tables[id]->describe) tables[id]->describe(c, attributes, sizeof attributes);
  for (int i = 0; i < c->n_in; i++) {
    size_t used = strlen(shapes);
    snprintf(shapes + used, sizeof shapes - used, "%s%dx%dx%dx%d", i ? ", " : "", c->in[i].n, c->in[i].h, c->in[i].w,
             c->in[i].c);
  }
  snprintf(text, size, "%s[%d] %s%son %s", yolo_op_get(id)->name, index, attributes, *attributes ? " " : "", shapes);
}

/* --- one op --- */

static void list_op(yolo_op_id id) {
  char title[256];
  for (int i = 0; i < tables[id]->count; i++) {
    yolo_case_title(id, i, title, sizeof title);
    printf("%s\n", title);
  }
}

static void say_what_is_missing(const yolo_engines *engines, yolo_op_id id) {
  for (int i = 0; i < engines->count; i++) {
    const yolo_engine *e = &engines->engine[i];
    if (e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_NONE && (i == 0 || engines->engine[i - 1].backend != e->backend))
      printf("SKIP %s on %s: not built\n", yolo_op_get(id)->name, e->backend->name);
  }
}

/* What each engine of a backend that has several arithmetics came to. */
static void print_engines(const yolo_engines *engines, const yolo_tally *tally) {
  int printed = 0;
  for (int i = 0; i < engines->count; i++) {
    const yolo_engine *e = &engines->engine[i];
    if (!*e->conv || tally->of[i].runs == 0) continue;
    const char *name = e->name + strlen(e->backend->name) + 1;
    if (printed++ == 0) printf("    %s: ", e->backend->name);
    printf("%s%s %.2g", printed > 1 ? ", " : "", name, tally->of[i].worst);
    if (tally->of[i].failures) printf(" (%d FAILED)", tally->of[i].failures);
  }
  if (printed) printf("\n");
}

static bool run_op(const yolo_engines *engines, yolo_op_id id, const wishes *w) {
  yolo_tally tally = {0};
  const int count = tables[id]->count, begin = w->only < 0 ? 0 : w->only, end = w->only < 0 ? count : begin + 1;
  say_what_is_missing(engines, id);
  for (int i = begin; i < end && i < count; i += w->every) {
    yolo_case_run(engines, id, i, &tally);
    if (w->gradients) yolo_gradient_run(engines, id, i, &tally);
  }
  if (tally.printed && tally.failures > tally.printed) printf("... and %d more\n", tally.failures - tally.printed);
  int wrong = tally.failures + (tables[id]->check && w->only < 0 ? tables[id]->check() : 0);
  const bool good = wrong == 0 && tally.runs > 0;
  printf("%-15s %4d cases %6d runs, worst error %.2g (%s): %s", yolo_op_get(id)->name, count, tally.runs, tally.worst,
         *tally.where ? tally.where : "none", good ? "ok" : "FAILED");
  if (wrong) printf(", %d", wrong);
  printf("\n");
  print_engines(engines, &tally);
  fflush(stdout);
  return good;
}

/* --- the command line --- */

static const char **text_option(wishes *w, const char *word) {
  if (strcmp(word, "--backend") == 0) return &w->engines.backend;
  if (strcmp(word, "--isa") == 0) return &w->engines.isa;
  if (strcmp(word, "--precision") == 0) return &w->engines.precision;
  if (strcmp(word, "--conv") == 0) return &w->engines.conv;
  return NULL;
}

static bool parse_word(wishes *w, const char *word, const char *value, bool *used_value) {
  const char **text = text_option(w, word);
  int *number = strcmp(word, "--case") == 0 ? &w->only : strcmp(word, "--every") == 0 ? &w->every : NULL;
  *used_value = text || number;
  if (*used_value && !value) return false;
  if (text) return *(*text = value) != 0;
  if (number) {
    char *end;
    *number = (int)strtol(value, &end, 10);
    return *value && !*end && *number >= (number == &w->every);
  }
  if (strcmp(word, "--list") == 0) return w->list = true;
  if (strcmp(word, "--gradients") == 0) return w->gradients = true;
  const yolo_op *op = yolo_op_find(word);
  for (int i = 0; i < YOLO_OP_COUNT; i++)
    if (yolo_op_get((yolo_op_id)i) == op) return w->op[i] = true;
  return false;
}

static bool parse(int argc, char **argv, wishes *w) {
  *w = (wishes){.only = -1, .every = 1};
  for (int i = 1; i < argc; i++) {
    bool used;
    if (!parse_word(w, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used)) {
      fprintf(stderr,
              "conformance: '%s' is no op, no option, or lacks its value\n"
              "usage: conformance [op ...] [--backend NAME] [--isa NAME] [--precision NAME] [--conv NAME] [--case N]\n"
              "                   [--every N] [--list] [--gradients]\n",
              argv[i]);
      return false;
    }
    i += used;
  }
  bool any = false;
  for (int i = 0; i < YOLO_OP_COUNT; i++) any |= w->op[i];
  for (int i = 0; i < YOLO_OP_COUNT; i++) w->op[i] |= !any;
  return true;
}

/* A name that nothing here has would choose no engine, and so test nothing. */
static bool check_names(const yolo_engine_filter *filter) {
  const yolo_backend *backend;
  yolo_precision precision;
  int index;
  if ((!filter->backend || yolo_backend_find(filter->backend, &backend, &index) == YOLO_OK) &&
      yolo_precision_find(filter->precision, &precision) == YOLO_OK)
    return true;
  fprintf(stderr, "conformance: %s\n", yolo_error_message());
  return false;
}

int main(int argc, char **argv) {
  wishes w;
  yolo_engines engines = {.count = 0};
  if (!parse(argc, argv, &w) || !check_names(&w.engines)) return 2;
  if (!w.list) yolo_engines_open(&w.engines, &engines);
  bool good = engines.failed == 0;
  const bool skip = engines.count == 0 && engines.skipped > 0 && good;
  for (int i = 0; i < YOLO_OP_COUNT && !skip; i++) {
    if (!w.op[i]) continue;
    if (w.list)
      list_op((yolo_op_id)i);
    else
      good &= run_op(&engines, (yolo_op_id)i, &w);
  }
  yolo_engines_close(&engines);
  return skip ? SKIPPED : good ? 0 : 1;
}
