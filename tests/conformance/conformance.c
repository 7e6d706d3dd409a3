/* The conformance run: its command line and its devices. See conformance.h.
 *
 *   conformance [op ...] [--isa NAME] [--case N] [--list]
 *
 * One line an op, one FAIL line for each variant that fails; exit status 1 when anything failed, or when
 * nothing was run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

static const yolo_case_table *const tables[YOLO_OP_COUNT] = {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) [YOLO_OP_##name] = &yolo_cases_##name,
#include "backbone/ops/op_list.h"
#undef YOLO_OP
};

static const char *const isas[] = {"reference", "portable", "avx2", "avx512"};
enum { ISAS = sizeof isas / sizeof isas[0], MAX_THREADS = 3 };

typedef struct wishes {
  bool op[YOLO_OP_COUNT];
  const char *isa; /* NULL: all */
  int only;        /* one case; -1: all */
  bool list;
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

/* --- devices --- */

static bool open_one(yolo_engines *engines, const yolo_backend *backend, const char *isa, int threads) {
  yolo_device_options options = {.threads = threads, .isa = *isa ? isa : NULL};
  yolo_engine *e = &engines->engine[engines->count];
  *e = (yolo_engine){backend, NULL, isa, threads};
  if (backend->open(&options, &e->device) == YOLO_OK) {
    engines->count++;
    return true;
  }
  printf("SKIP %s %s: %s\n", backend->name, isa, yolo_error_message());
  return false;
}

static void open_cpu(yolo_engines *engines, const yolo_backend *backend, const char *wanted) {
  for (int i = 0; i < ISAS; i++)
    for (int threads = 1; threads <= MAX_THREADS && (!wanted || strcmp(wanted, isas[i]) == 0); threads++)
      if (!open_one(engines, backend, isas[i], threads)) break;
}

static void open_engines(yolo_engines *engines, const char *isa) {
  for (int i = 0; i < yolo_backend_count(); i++) {
    const yolo_backend *backend = yolo_backend_at(i);
    if (strcmp(backend->name, "cpu") == 0)
      open_cpu(engines, backend, isa);
    else if (!isa)
      open_one(engines, backend, "", 1);
  }
}

static void close_engines(yolo_engines *engines) {
  for (int i = 0; i < engines->count; i++) engines->engine[i].backend->close(engines->engine[i].device);
}

/* --- one op --- */

static void list_op(yolo_op_id id) {
  char title[256];
  for (int i = 0; i < tables[id]->count; i++) {
    yolo_case_title(id, i, title, sizeof title);
    printf("%s\n", title);
  }
}

static bool run_op(const yolo_engines *engines, yolo_op_id id, int only) {
  yolo_tally tally = {0};
  const char *name = yolo_op_get(id)->name;
  for (int i = 0; i < engines->count; i++) {
    const yolo_engine *e = &engines->engine[i];
    if (e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_NONE && (i == 0 || engines->engine[i - 1].backend != e->backend))
      printf("SKIP %s on %s: not built\n", name, e->backend->name);
  }
  int begin = only < 0 ? 0 : only, end = only < 0 ? tables[id]->count : only + 1;
  for (int i = begin; i < end && i < tables[id]->count; i++) yolo_case_run(engines, id, i, &tally);
  int wrong = tables[id]->check && only < 0 ? tables[id]->check() : 0;
  printf("%-15s %4d cases %6d runs, worst error %.2g (%s): %s", name, tables[id]->count, tally.runs, tally.worst,
         *tally.where ? tally.where : "none", tally.failures + wrong == 0 && tally.runs > 0 ? "ok" : "FAILED");
  if (tally.failures + wrong) printf(", %d", tally.failures + wrong);
  printf("\n");
  fflush(stdout);
  return tally.failures + wrong == 0 && tally.runs > 0;
}

/* --- the command line --- */

static bool parse_word(wishes *w, const char *word, const char *value, bool *used_value) {
  *used_value = false;
  if (strcmp(word, "--list") == 0) return w->list = true;
  if (strcmp(word, "--isa") == 0 || strcmp(word, "--case") == 0) {
    if (!value) return false;
    *used_value = true;
    char *end;
    if (word[2] == 'i') {
      w->isa = value;
      return true;
    }
    w->only = (int)strtol(value, &end, 10);
    return *value && !*end && w->only >= 0;
  }
  const yolo_op *op = yolo_op_find(word);
  for (int i = 0; i < YOLO_OP_COUNT; i++)
    if (yolo_op_get((yolo_op_id)i) == op) return w->op[i] = true;
  return false;
}

static bool parse(int argc, char **argv, wishes *w) {
  *w = (wishes){.only = -1};
  for (int i = 1; i < argc; i++) {
    bool used;
    if (!parse_word(w, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used)) {
      fprintf(stderr,
              "conformance: '%s' is no op, no option, or lacks its value\n"
              "usage: conformance [op ...] [--isa NAME] [--case N] [--list]\n",
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

int main(int argc, char **argv) {
  wishes w;
  yolo_engines engines = {.count = 0};
  bool good = true;
  if (!parse(argc, argv, &w)) return 2;
  if (!w.list) open_engines(&engines, w.isa);
  for (int i = 0; i < YOLO_OP_COUNT; i++) {
    if (!w.op[i]) continue;
    if (w.list)
      list_op((yolo_op_id)i);
    else
      good &= run_op(&engines, (yolo_op_id)i, w.only);
  }
  close_engines(&engines);
  return good ? 0 : 1;
}
