/* Weights of another training as a beginning: see transfer.h. Memory holds one tensor of the file and one of the network. */
#include "train/transfer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backbone/base/memory.h"
#include "train/transfer_source.h"

enum { CLASSES_NAMED = 12 };

/* The rows of a head's tensors: for each anchor `before` of box and objectness, then one a class. */
typedef struct head_rows {
  int anchors, before; /* anchors 0: no tensor of a head */
} head_rows;

typedef struct transfer {
  yolo_trainer *trainer;
  const yolo_graph *graph;
  const yolo_model_spec *spec;
  const yolo_transfer_options *options;
  yolo_transfer_source source;
  head_rows *rows; /* n_params; owned */
  bool *found;     /* n_params; owned */
  int *from;       /* class here -> class of the file, -1: none; NULL: names are not known; owned */
  float *room, *own, *slab;
  yolo_transfer_report *report;
} transfer;

/* ---- heads ---- */

static head_rows rows_of(const yolo_graph *graph, const yolo_head *head) {
  static const struct {
    const char *head;
    int before; /* box, its spread, objectness or background */
  } kinds[] = {{"yolo", 5}, {"region", 5}, {"Gaussian_yolo", 9}, {"ssd", 5}};
  int channels = graph->nodes[head->node].shape.c;
  if (!head->def->section.name) return (head_rows){1, 0}; /* a classifier */
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int row = kinds[i].before + head->classes;
    if (strcmp(head->def->section.name, kinds[i].head) == 0) return (head_rows){channels / row, kinds[i].before};
  }
  return (head_rows){0, 0}; /* [detection] mixes cells and classes */
}

/* Marks the parameters of the layer that gives a head its values: the convolution and what stands between. */
static void mark_head(transfer *t, const yolo_head *head) {
  const yolo_graph *graph = t->spec->graph; /* the trainer's has other nodes, but the same parameters */
  head_rows rows = rows_of(graph, head);
  for (int at = head->node; at > 0; at = graph->nodes[at].in[0]) {
    const yolo_node *node = &graph->nodes[at];
    for (int k = 0; k < node->n_param; k++) {
      const yolo_param_spec *spec = &graph->params[node->param[k]].spec;
      if (spec->dims[0] == rows.anchors * (rows.before + head->classes)) t->rows[node->param[k]] = rows;
    }
    bool weighs = node->kind == YOLO_NODE_OP && (node->op == YOLO_OP_conv2d || node->op == YOLO_OP_linear);
    if (weighs || node->n_in != 1) return;
  }
}

/* Made-up names ("class 0") say nothing. */
static bool names_known(char *const *names, int count) {
  for (int i = 0; i < count; i++) {
    char number[24];
    snprintf(number, sizeof number, "class %d", i);
    if (strcmp(names[i], number) != 0) return true;
  }
  return false;
}

static bool same_names(const transfer *t) {
  const yolo_names *there = &t->source.names;
  if (there->count != t->spec->n_names) return false;
  for (int i = 0; i < there->count; i++) {
    if (strcasecmp(there->items[i], t->spec->names[i]) != 0) return false;
  }
  return true;
}

static yolo_status note_class(yolo_transfer_report *report, const char *name) {
  int n = report->classes_found++;
  if (n > CLASSES_NAMED) return YOLO_OK;
  return yolo_text_format(&report->class_names, "%s%s", n > 0 ? ", " : "", n < CLASSES_NAMED ? name : "...");
}

static yolo_status match_classes(transfer *t) {
  const yolo_model_spec *spec = t->spec;
  const yolo_names *there = &t->source.names;
  yolo_status st = YOLO_OK;
  if (!names_known(spec->names, spec->n_names) || !names_known(there->items, there->count) || same_names(t)) return YOLO_OK;
  t->from = yolo_alloc_array((size_t)spec->n_names, sizeof *t->from);
  if (!t->from) return YOLO_ENOMEM;
  for (int i = 0; i < spec->n_names && st == YOLO_OK; i++) {
    int k = 0;
    while (k < there->count && strcasecmp(there->items[k], spec->names[i]) != 0) k++;
    t->from[i] = k < there->count ? k : -1;
    if (k < there->count) st = note_class(t->report, spec->names[i]);
  }
  return st;
}

/* ---- the report ---- */

static yolo_status note_item(yolo_transfer_report *report, yolo_transfer_kind kind, const char *name,
                             const yolo_tensor_desc *there, const yolo_param_spec *here) {
  if (report->count == report->capacity) {
    int capacity = report->capacity ? 2 * report->capacity : 64;
    yolo_transfer_item *items = yolo_realloc(report->items, (size_t)capacity * sizeof *items);
    if (!items) return YOLO_ENOMEM;
    report->items = items;
    report->capacity = capacity;
  }
  yolo_transfer_item *item = &report->items[report->count];
  *item = (yolo_transfer_item){.kind = kind, .ndim = there ? there->ndim : -1, .ndim_here = here ? here->ndim : -1};
  if (there) memcpy(item->dims, there->dims, sizeof item->dims);
  if (here) memcpy(item->dims_here, here->dims, sizeof item->dims_here);
  if (!(item->name = yolo_strdup(name))) return YOLO_ENOMEM;
  report->count++;
  report->counts[kind]++;
  return YOLO_OK;
}

/* ---- one tensor ---- */

static bool same_dims(const yolo_tensor_desc *there, const yolo_param_spec *here, int from) {
  if (there->ndim != here->ndim) return false;
  for (int i = from; i < here->ndim; i++) {
    if (there->dims[i] != here->dims[i]) return false;
  }
  return true;
}

/* Can rows be taken by class? With names that the caller brought, tensors of a head must have them all. */
static yolo_status check_rows(const transfer *t, int param, const yolo_tensor_desc *desc, bool *by_class) {
  const head_rows *rows = &t->rows[param];
  const yolo_param_spec *here = &t->graph->params[param].spec;
  int count = t->source.names.count;
  *by_class = false;
  if (!t->from || rows->anchors == 0 || !same_dims(desc, here, 1)) return YOLO_OK;
  *by_class = desc->ndim > 0 && desc->dims[0] == (long long)rows->anchors * ((long long)rows->before + count);
  if (*by_class || !t->options->names) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "%s: %d class names, but the tensor '%s' of %s has %d rows, not %d x (%d + %d)",
                   t->options->names, count, desc->name, t->options->path, desc->dims[0], rows->anchors, rows->before, count);
}

static void store(transfer *t, int param, float *values) {
  yolo_trainer_param p = yolo_trainer_param_at(t->trainer, param);
  yolo_param_to_memory(&t->graph->params[param].spec, values, t->slab);
  memcpy(p.value, values, p.count * sizeof *values);
}

/* From room to own, both in disk layout. */
static void copy_rows(transfer *t, int param) {
  const head_rows *rows = &t->rows[param];
  const yolo_param_spec *spec = &t->graph->params[param].spec;
  size_t length = yolo_param_count(spec) / (size_t)spec->dims[0], bytes = length * sizeof(float);
  size_t classes = (size_t)t->spec->n_names, there = (size_t)t->source.names.count, before = (size_t)rows->before;
  for (size_t a = 0; a < (size_t)rows->anchors; a++) {
    float *to = t->own + a * (before + classes) * length;
    const float *from = t->room + a * (before + there) * length;
    memcpy(to, from, before * bytes);
    t->report->taken += before * length;
    for (size_t k = 0; k < classes; k++) {
      if (t->from[k] < 0) continue;
      memcpy(to + (before + k) * length, from + (before + (size_t)t->from[k]) * length, bytes);
      t->report->taken += length;
    }
  }
}

static yolo_status take_rows(transfer *t, int param) {
  yolo_trainer_view view = {t->trainer, yolo_trainer_values(t->trainer, NULL)};
  yolo_status st = yolo_trainer_fetch(&view, &t->graph->params[param], t->own);
  if (st != YOLO_OK) return st;
  copy_rows(t, param);
  store(t, param, t->own);
  return YOLO_OK;
}

static int find_param(const yolo_graph *graph, const char *name) {
  for (int i = 0; i < graph->n_params; i++) {
    if (strcmp(graph->params[i].name, name) == 0) return i;
  }
  return -1;
}

/* What is done with a tensor; its values are in room. */
static yolo_status take_tensor(transfer *t, int param, const yolo_tensor_desc *desc, bool by_class) {
  const yolo_param_spec *here = &t->graph->params[param].spec;
  yolo_transfer_kind kind = by_class ? YOLO_TRANSFER_BY_CLASS : YOLO_TRANSFER_TAKEN;
  yolo_status st = YOLO_OK;
  if (by_class) {
    st = take_rows(t, param);
  } else if (same_dims(desc, here, 0)) {
    store(t, param, t->room);
    t->report->taken += yolo_param_count(here);
  } else {
    kind = YOLO_TRANSFER_SHAPE;
  }
  return st == YOLO_OK ? note_item(t->report, kind, desc->name, desc, here) : st;
}

/* Tensors that are not wanted are read too where the file has no other way to the next one. */
static yolo_status next_tensor(transfer *t, int index, bool *ended) {
  yolo_tensor_desc desc = {0};
  bool known = true, by_class = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_transfer_source_at(&t->source, index, &desc, &known));
  if (!known || yolo_has_suffix(desc.name, ".num_batches_tracked")) goto done; /* a counter of PyTorch's */
  int param = find_param(t->graph, desc.name);
  if (param >= 0) YOLO_TRY(check_rows(t, param, &desc, &by_class));
  bool fits = param >= 0 && (by_class || same_dims(&desc, &t->graph->params[param].spec, 0));
  if (fits || !t->source.safetensors) {
    float *room = yolo_realloc(t->room, (yolo_tensor_desc_count(&desc) + 1) * sizeof *room);
    YOLO_ENOMEM_IF_NULL(room);
    t->room = room;
    YOLO_TRY(yolo_transfer_source_read(&t->source, &desc, room, ended));
  }
  if (*ended) goto done;
  if (param >= 0) {
    t->found[param] = true;
    YOLO_TRY(take_tensor(t, param, &desc, by_class));
  } else {
    YOLO_TRY(note_item(t->report, YOLO_TRANSFER_UNUSED, desc.name, &desc, NULL));
  }
done:
  return st;
}

/* ---- all of them ---- */

static yolo_status prepare(transfer *t) {
  size_t n = (size_t)t->graph->n_params, largest = 1, slab = 1;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < n; i++) {
    const yolo_param_spec *spec = &t->graph->params[i].spec;
    size_t count = yolo_param_count(spec), part = (size_t)spec->b * (size_t)spec->s;
    if (count > largest) largest = count;
    if (part > slab) slab = part;
    t->report->values += count;
  }
  YOLO_ENOMEM_IF_NULL(t->own = yolo_alloc_array(largest, sizeof *t->own));
  YOLO_ENOMEM_IF_NULL(t->slab = yolo_alloc_array(slab, sizeof *t->slab));
  YOLO_ENOMEM_IF_NULL(t->rows = yolo_calloc(n + 1, sizeof *t->rows));
  YOLO_ENOMEM_IF_NULL(t->found = yolo_calloc(n + 1, sizeof *t->found));
  YOLO_ENOMEM_IF_NULL(t->report->file = yolo_strdup(yolo_basename(t->options->path)));
  t->report->classes = t->spec->n_names;
  for (int h = 0; h < t->spec->n_heads; h++) mark_head(t, &t->spec->heads[h]);
done:
  return st;
}

static yolo_status take_all(transfer *t) {
  yolo_status st = YOLO_OK;
  bool ended = false;
  for (int i = 0; i < t->source.count && !ended; i++) YOLO_TRY(next_tensor(t, i, &ended));
  if (!ended) YOLO_TRY(yolo_transfer_source_finish(&t->source));
  for (int i = 0; i < t->graph->n_params; i++) {
    const yolo_param *param = &t->graph->params[i];
    if (!t->found[i]) YOLO_TRY(note_item(t->report, YOLO_TRANSFER_MISSING, param->name, NULL, &param->spec));
  }
  if (t->report->taken == 0)
    st = yolo_fail(YOLO_EINVAL, "%s: none of its tensors has the name and the shape of one of this network ('%s' ...)",
                   t->options->path, t->graph->n_params > 0 ? t->graph->params[0].name : "none");
done:
  return st;
}

yolo_status yolo_transfer(yolo_trainer *trainer, const yolo_model_spec *spec, const yolo_transfer_options *options,
                          yolo_transfer_report *out) {
  transfer t = {.trainer = trainer, .graph = yolo_trainer_graph(trainer), .spec = spec, .options = options, .report = out};
  yolo_status st = YOLO_OK;
  *out = (yolo_transfer_report){0};
  YOLO_TRY(yolo_transfer_source_open(spec, options, &t.source));
  YOLO_TRY(prepare(&t));
  YOLO_TRY(match_classes(&t));
  YOLO_TRY(take_all(&t));
done:
  yolo_transfer_source_close(&t.source);
  yolo_free(t.rows);
  yolo_free(t.found);
  yolo_free(t.from);
  yolo_free(t.room);
  yolo_free(t.own);
  yolo_free(t.slab);
  return st;
}

void yolo_transfer_report_release(yolo_transfer_report *report) {
  for (int i = 0; i < report->count; i++) yolo_free(report->items[i].name);
  yolo_free(report->items);
  yolo_free(report->file);
  yolo_text_free(&report->class_names);
  *report = (yolo_transfer_report){0};
}
