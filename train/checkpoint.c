/* The state of a training in one file: see checkpoint.h. Memory holds one tensor beside the session. */
#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "train/checkpoint_facts.h"

/* ---- which tensors ---- */

/* The tensors of a session in the order of the file. */
typedef struct tensors {
  yolo_tensor_desc *descs; /* owned, with their names */
  const yolo_param **params;
  float **values; /* in the session */
  int count;
  float *room, *slab; /* for one tensor */
} tensors;

static void release_tensors(tensors *t) {
  for (int i = 0; i < t->count; i++) yolo_free((char *)t->descs[i].name);
  yolo_free(t->descs);
  yolo_free(t->params);
  yolo_free(t->values);
  yolo_free(t->room);
  yolo_free(t->slab);
  *t = (tensors){0};
}

static yolo_status add_tensor(tensors *t, const char *prefix, const yolo_param *param, float *values) {
  yolo_text name = {0};
  yolo_status st = yolo_text_format(&name, "%s%s", prefix, param->name);
  if (st != YOLO_OK) {
    yolo_text_free(&name);
    return st;
  }
  yolo_tensor_desc *desc = &t->descs[t->count];
  *desc = (yolo_tensor_desc){.name = name.data, .ndim = param->spec.ndim, .layer = param->layer};
  memcpy(desc->dims, param->spec.dims, sizeof desc->dims);
  t->params[t->count] = param;
  t->values[t->count++] = values;
  return YOLO_OK;
}

/* One array of the session, whose offsets are those of the trainer's values. */
static yolo_status add_array(tensors *t, const yolo_session *s, const char *prefix, float *array, bool learned_only) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  for (int i = 0; i < graph->n_params; i++) {
    yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
    if (learned_only && !p.grad) continue;
    yolo_status st = add_tensor(t, prefix, &graph->params[i], array + p.offset);
    if (st != YOLO_OK) return st;
  }
  return YOLO_OK;
}

static yolo_status make_room(tensors *t, const yolo_graph *graph) {
  size_t largest = 1, slab = 1;
  for (int i = 0; i < graph->n_params; i++) {
    const yolo_param_spec *spec = &graph->params[i].spec;
    size_t count = yolo_param_count(spec), part = (size_t)spec->b * (size_t)spec->s;
    if (count > largest) largest = count;
    if (part > slab) slab = part;
  }
  t->room = yolo_alloc_array(largest, sizeof *t->room);
  t->slab = yolo_alloc_array(slab, sizeof *t->slab);
  return t->room && t->slab ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status list_tensors(const yolo_session *s, tensors *t) {
  static const char *const prefixes[YOLO_OPTIMIZER_MOST_MOMENTS] = {"moment0.", "moment1."};
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  size_t most = (size_t)graph->n_params * (2 + YOLO_OPTIMIZER_MOST_MOMENTS) + 1;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(t->descs = yolo_calloc(most, sizeof *t->descs));
  YOLO_ENOMEM_IF_NULL(t->params = yolo_calloc(most, sizeof *t->params));
  YOLO_ENOMEM_IF_NULL(t->values = yolo_calloc(most, sizeof *t->values));
  YOLO_TRY(make_room(t, graph));
  YOLO_TRY(add_array(t, s, "", yolo_trainer_values(s->trainer, NULL), false));
  if (s->ema) YOLO_TRY(add_array(t, s, "ema.", s->ema, false));
  for (int k = 0; k < s->optimizer.n_moments; k++) YOLO_TRY(add_array(t, s, prefixes[k], s->optimizer.moments[k], true));
done:
  return st;
}

/* ---- the checksums: a flipped bit of a weight would go unnoticed otherwise ---- */

enum { CHECKSUM_DIGITS = 8 };

static void fact_checksum(const yolo_checkpoint_facts *facts, char *out) {
  uLong crc = crc32(0, NULL, 0);
  for (int i = 0; i < YOLO_CHECKPOINT_FACTS; i++)
    crc = crc32_z(crc, (const Bytef *)facts->values[i], strlen(facts->values[i]) + 1);
  snprintf(out, CHECKSUM_DIGITS + 1, "%08lx", (unsigned long)crc & 0xFFFFFFFFul);
}

static void value_checksum(const tensors *t, char *out) {
  uLong crc = crc32(0, NULL, 0);
  for (int i = 0; i < t->count; i++)
    crc = crc32_z(crc, (const Bytef *)t->values[i], yolo_tensor_desc_count(&t->descs[i]) * sizeof(float));
  snprintf(out, CHECKSUM_DIGITS + 1, "%08lx", (unsigned long)crc & 0xFFFFFFFFul);
}

static yolo_status check_sum(const char *path, const yolo_safetensors_reader *reader, const char *key, const char *sum) {
  const char *wanted = yolo_safetensors_metadata(reader, key);
  if (wanted && strcmp(wanted, sum) == 0) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s: its %s is not that of its contents", path, key);
}

/* ---- files ---- */

static yolo_status beside(const char *path, const char *ending, char **out) {
  yolo_text text = {0};
  yolo_status st = yolo_text_format(&text, "%s%s", path, ending);
  *out = text.data;
  return st;
}

/* What a killed save left: PATH.new, PATH.new.tmp-PID. A run's folder has one run at a time. */
static void sweep(const char *folder, const char *path) {
  const char *base = yolo_basename(path);
  size_t length = strlen(base);
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    const char *name = entry->d_name;
    if (strncmp(name, base, length) != 0) continue;
    const char *ending = name + length;
    bool left = strcmp(ending, ".new") == 0 || strncmp(ending, ".new.tmp-", 9) == 0 || strcmp(ending, ".prev.new") == 0;
    if (left) (void)unlinkat(dirfd(dir), name, 0);
  }
  closedir(dir);
}

static void sync_folder(const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

static yolo_status move_failed(const char *path) {
  return yolo_fail(YOLO_EIO, "%s: the new checkpoint cannot be put in its place: %s", path, strerror(errno));
}

/* PATH gets a second name, so that it never lacks its own; where a file system knows no second names, PATH is renamed, and
 * until the new one has its place PATH.prev is what a run goes on from. */
static yolo_status keep_previous(const char *path, const char *prev, const char *prev_new) {
  if (link(path, prev_new) == 0) {
    if (rename(prev_new, prev) != 0) return move_failed(path);
    (void)unlink(prev_new); /* still there where both were the same file */
    return YOLO_OK;
  }
  if (errno == ENOENT) return YOLO_OK;
  return rename(path, prev) == 0 ? YOLO_OK : move_failed(path);
}

/* ---- saving ---- */

static yolo_status write_tensors(yolo_safetensors_writer *writer, const tensors *t) {
  for (int i = 0; i < t->count; i++) {
    size_t count = yolo_tensor_desc_count(&t->descs[i]);
    memcpy(t->room, t->values[i], count * sizeof *t->room);
    yolo_param_to_disk(&t->params[i]->spec, t->room, t->slab);
    yolo_status st = yolo_safetensors_write(writer, t->room, count);
    if (st != YOLO_OK) return st;
  }
  return YOLO_OK;
}

static yolo_status write_file(const char *path, const yolo_session *session, const yolo_checkpoint_state *state) {
  yolo_checkpoint_facts facts = {0};
  yolo_metadata pairs[YOLO_CHECKPOINT_FACTS + 2];
  tensors t = {0};
  yolo_safetensors_writer *writer = NULL;
  char facts_sum[CHECKSUM_DIGITS + 1], values_sum[CHECKSUM_DIGITS + 1];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_checkpoint_facts_make(session, state, &facts));
  YOLO_TRY(list_tensors(session, &t));
  yolo_checkpoint_facts_list(&facts, pairs);
  fact_checksum(&facts, facts_sum);
  value_checksum(&t, values_sum);
  pairs[YOLO_CHECKPOINT_FACTS] = (yolo_metadata){"checksum", facts_sum};
  pairs[YOLO_CHECKPOINT_FACTS + 1] = (yolo_metadata){"tensor_checksum", values_sum};
  YOLO_TRY(yolo_safetensors_create(path, t.descs, t.count, pairs, YOLO_CHECKPOINT_FACTS + 2, &writer));
  YOLO_TRY(write_tensors(writer, &t));
  YOLO_TRY(yolo_safetensors_writer_finish(writer));
done:
  yolo_safetensors_writer_close(writer);
  release_tensors(&t);
  yolo_checkpoint_facts_release(&facts);
  return st;
}

yolo_status yolo_checkpoint_save(const char *path, const yolo_session *session, const yolo_checkpoint_state *state) {
  char *folder = NULL, *fresh = NULL, *prev = NULL, *prev_new = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_parent(path, &folder));
  YOLO_TRY(beside(path, ".new", &fresh));
  YOLO_TRY(beside(path, ".prev", &prev));
  YOLO_TRY(beside(path, ".prev.new", &prev_new));
  sweep(folder, path);
  YOLO_TRY(write_file(fresh, session, state));
  st = keep_previous(path, prev, prev_new);
  if (st == YOLO_OK && rename(fresh, path) != 0) st = move_failed(path);
  if (st != YOLO_OK) (void)unlink(fresh);
  sync_folder(folder);
done:
  yolo_free(folder);
  yolo_free(fresh);
  yolo_free(prev);
  yolo_free(prev_new);
  return st;
}

/* ---- loading ---- */

/* PATH, or PATH.prev where only that is there. */
static yolo_status choose_file(const char *path, char **out) {
  yolo_status st = beside(path, "", out);
  if (st != YOLO_OK || access(path, F_OK) == 0) return st;
  yolo_free(*out);
  st = beside(path, ".prev", out);
  if (st != YOLO_OK || access(*out, F_OK) == 0) return st;
  return yolo_fail(YOLO_EIO, "%s: there is no such checkpoint, so there is nothing to go on from", path);
}

bool yolo_checkpoint_exists(const char *path) {
  char *file = NULL;
  yolo_status st = choose_file(path, &file);
  yolo_free(file);
  if (st == YOLO_EIO) yolo_error_clear();
  return st == YOLO_OK;
}

static yolo_status read_tensors(const char *path, yolo_safetensors_reader *reader, const tensors *t) {
  if (yolo_safetensors_count(reader) != t->count)
    return yolo_fail(YOLO_EINVAL,
                     "%s: holds %d tensors, this run has %d: another part of the network learns (train.freeze); "
                     "resume with the settings it began with, or begin a new run",
                     path, yolo_safetensors_count(reader), t->count);
  for (int i = 0; i < t->count; i++) {
    size_t count = yolo_tensor_desc_count(&t->descs[i]);
    yolo_status st = yolo_safetensors_read(reader, &t->descs[i], t->room);
    if (st != YOLO_OK) return st;
    yolo_param_to_memory(&t->params[i]->spec, t->room, t->slab);
    memcpy(t->values[i], t->room, count * sizeof *t->room);
  }
  return YOLO_OK;
}

/* Only this program writes the file: what its reader does not know is damage too. */
static yolo_status as_damage(yolo_status st) { return st == YOLO_EUNSUPPORTED || st == YOLO_ESHAPE ? YOLO_EFORMAT : st; }

static yolo_status read_facts(const char *path, const yolo_safetensors_reader *reader, const yolo_session *session,
                              yolo_checkpoint_facts *out) {
  yolo_checkpoint_facts own = {0};
  yolo_checkpoint_state nothing = {0};
  char sum[CHECKSUM_DIGITS + 1];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_checkpoint_facts_read(path, reader, out));
  fact_checksum(out, sum);
  YOLO_TRY(check_sum(path, reader, "checksum", sum));
  YOLO_TRY(yolo_checkpoint_facts_make(session, &nothing, &own));
  YOLO_TRY(yolo_checkpoint_facts_compare(path, out, &own));
done:
  yolo_checkpoint_facts_release(&own);
  return st;
}

static yolo_status read_file(const char *path, yolo_session *session, yolo_checkpoint_state *out) {
  yolo_checkpoint_facts facts = {0};
  yolo_safetensors_reader *reader = NULL;
  tensors t = {0};
  char sum[CHECKSUM_DIGITS + 1];
  yolo_status st = YOLO_OK;
  YOLO_TRY(as_damage(yolo_safetensors_open(path, &reader)));
  YOLO_TRY(read_facts(path, reader, session, &facts));
  YOLO_TRY(list_tensors(session, &t));
  YOLO_TRY(as_damage(read_tensors(path, reader, &t)));
  value_checksum(&t, sum);
  YOLO_TRY(check_sum(path, reader, "tensor_checksum", sum));
  YOLO_TRY(yolo_checkpoint_facts_take(path, &facts, session, out));
  yolo_trainer_clear_gradients(session->trainer);
done:
  release_tensors(&t);
  yolo_checkpoint_facts_release(&facts);
  yolo_safetensors_close(reader);
  return st;
}

/* The reader's advice is about downloads: another one takes its place. *out is the caller's. */
static yolo_status damage_text(const char *file, char **out) {
  yolo_text text = {0};
  const char *what = yolo_error_message(), *last = strrchr(what, ';');
  size_t length = last && (size_t)(last - what) > strlen(file) ? (size_t)(last - what) : strlen(what);
  yolo_status st = yolo_text_format(&text, "%.*s; the checkpoint is damaged", (int)length, what);
  *out = text.data;
  return st;
}

/* PATH is damaged, as `damage` says. The one before it takes its place, so that the next save does not put the damaged one in
 * its. */
static yolo_status load_previous(const char *path, const char *damage, yolo_session *session, yolo_checkpoint_state *out) {
  char *prev = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(beside(path, ".prev", &prev));
  if (access(prev, F_OK) != 0) {
    st = yolo_fail(YOLO_EFORMAT, "%s, and there is none before it: begin a new run", damage);
    goto done;
  }
  st = read_file(prev, session, out);
  if (st == YOLO_EFORMAT) st = yolo_fail(st, "%s, and so is %s: begin a new run", damage, prev);
  if (st == YOLO_OK && rename(prev, path) != 0)
    st = yolo_fail(YOLO_EIO, "%s; the one before it cannot take its place: %s", damage, strerror(errno));
done:
  yolo_free(prev);
  return st;
}

yolo_status yolo_checkpoint_load(const char *path, yolo_session *session, yolo_checkpoint_state *out) {
  char *file = NULL, *damage = NULL;
  yolo_status st = YOLO_OK;
  *out = (yolo_checkpoint_state){.best_epoch = -1};
  YOLO_TRY(choose_file(path, &file));
  st = read_file(file, session, out);
  if (st != YOLO_EFORMAT) goto done;
  YOLO_TRY(damage_text(file, &damage));
  if (strcmp(file, path) == 0)
    st = load_previous(path, damage, session, out);
  else
    st = yolo_fail(YOLO_EFORMAT, "%s, and there is none before it: begin a new run", damage);
done:
  if (st == YOLO_OK) {
    out->damage = damage;
  } else {
    yolo_free(out->report);
    *out = (yolo_checkpoint_state){.best_epoch = -1};
    yolo_free(damage);
  }
  yolo_free(file);
  return st;
}
