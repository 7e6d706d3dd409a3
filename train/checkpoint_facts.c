/* The metadata of a checkpoint: see checkpoint_facts.h. */
#include "train/checkpoint_facts.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

enum { VERSION_KNOWN = 1, SHOWN = 72 };

enum {
  FORMAT,
  VERSION,
  MODEL_CFG,
  CLASS_NAMES,
  INPUT,
  SEED,
  OPTIMIZER,
  EMA,
  STEP,
  SEEN,
  NEXT_EPOCH,
  NEXT_BATCH,
  BEST_SCORE,
  BEST_EPOCH,
  WITHOUT_BETTER,
  REPORT
};
_Static_assert((int)REPORT + 1 == (int)YOLO_CHECKPOINT_FACTS, "one text a fact");

static const char *const keys[YOLO_CHECKPOINT_FACTS] = {
    "format", "format_version", "model_cfg",  "class_names", "input",      "seed",       "optimizer",      "ema",
    "step",   "seen",           "next_epoch", "next_batch",  "best_score", "best_epoch", "without_better", "report"};
static const char format_name[] = "yolo-checkpoint";

/* ---- making ---- */

static yolo_status make_names(const yolo_model_spec *spec, yolo_text *out) {
  yolo_status st = yolo_text_append(out, "[", 1);
  for (int i = 0; i < spec->n_names && st == YOLO_OK; i++) {
    st = yolo_text_append(out, ",", i > 0);
    if (st == YOLO_OK) st = yolo_text_json_string(out, spec->names[i]);
  }
  return st == YOLO_OK ? yolo_text_append(out, "]", 1) : st;
}

/* A safetensors header is UTF-8, which old cfgs need not be: what does not fit becomes U+FFFD here, as the writer does it, so
 * that what is read is what was made. */
static yolo_status make_text(const char *text, yolo_text *out) {
  yolo_status st = yolo_text_append(out, "", 0);
  for (; *text && st == YOLO_OK;) {
    int bytes = yolo_utf8_length(text);
    st = bytes > 0 ? yolo_text_append(out, text, (size_t)bytes) : yolo_text_append(out, "\xEF\xBF\xBD", 3);
    text += bytes > 0 ? bytes : 1;
  }
  return st;
}

static yolo_status make_fact(int fact, const yolo_session *s, const yolo_checkpoint_state *state, yolo_text *out) {
  static const char *const optimizers[] = {"sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"};
  switch (fact) {
    case FORMAT: return yolo_text_format(out, "%s", format_name);
    case VERSION: return yolo_text_format(out, "%d", VERSION_KNOWN);
    case MODEL_CFG: return make_text(s->spec->cfg->source, out);
    case CLASS_NAMES: return make_names(s->spec, out);
    case INPUT: return yolo_text_format(out, "%d x %d", s->width, s->height);
    case SEED: return yolo_text_format(out, "%d", s->settings->seed);
    case OPTIMIZER: return yolo_text_format(out, "%s", optimizers[s->optimizer.options.kind]);
    case EMA: return yolo_text_format(out, "%s", s->ema ? "on" : "off");
    case STEP: return yolo_text_format(out, "%" PRIu64, s->optimizer.steps);
    case SEEN: return yolo_text_format(out, "%" PRIu64, s->seen);
    case NEXT_EPOCH: return yolo_text_format(out, "%d", state->next_epoch);
    case NEXT_BATCH: return yolo_text_format(out, "%d", state->next_batch);
    case BEST_SCORE: return yolo_text_number(out, state->best_epoch < 0 ? 0 : state->best_score);
    case BEST_EPOCH: return yolo_text_format(out, "%d", state->best_epoch);
    case WITHOUT_BETTER: return yolo_text_format(out, "%d", state->without_better);
    default: return make_text(state->report ? state->report : "", out);
  }
}

yolo_status yolo_checkpoint_facts_make(const yolo_session *session, const yolo_checkpoint_state *state,
                                       yolo_checkpoint_facts *out) {
  *out = (yolo_checkpoint_facts){0};
  for (int i = 0; i < YOLO_CHECKPOINT_FACTS; i++) {
    yolo_text text = {0};
    yolo_status st = make_fact(i, session, state, &text);
    out->values[i] = text.data;
    if (st == YOLO_OK) continue;
    yolo_checkpoint_facts_release(out);
    return st;
  }
  return YOLO_OK;
}

void yolo_checkpoint_facts_release(yolo_checkpoint_facts *facts) {
  for (int i = 0; i < YOLO_CHECKPOINT_FACTS; i++) yolo_free(facts->values[i]);
  *facts = (yolo_checkpoint_facts){0};
}

void yolo_checkpoint_facts_list(const yolo_checkpoint_facts *facts, yolo_metadata *pairs) {
  for (int i = 0; i < YOLO_CHECKPOINT_FACTS; i++) pairs[i] = (yolo_metadata){keys[i], facts->values[i]};
}

/* ---- reading ---- */

static yolo_status check_format(const char *path, const yolo_safetensors_reader *reader) {
  const char *format = yolo_safetensors_metadata(reader, keys[FORMAT]);
  const char *version = yolo_safetensors_metadata(reader, keys[VERSION]);
  int number = 0;
  if (!format || strcmp(format, format_name) != 0)
    return yolo_fail(YOLO_EINVAL, "%s: holds weights but not the state of a training, so no run can go on from it", path);
  if (!version || !yolo_parse_int(version, &number) || number < 1)
    return yolo_fail(YOLO_EFORMAT, "%s: its format_version is no number", path);
  if (number > VERSION_KNOWN)
    return yolo_fail(YOLO_EUNSUPPORTED,
                     "%s: has format version %d, this program knows versions up to %d; a newer yolo is needed", path, number,
                     VERSION_KNOWN);
  return YOLO_OK;
}

yolo_status yolo_checkpoint_facts_read(const char *path, const yolo_safetensors_reader *reader, yolo_checkpoint_facts *out) {
  yolo_status st = check_format(path, reader);
  *out = (yolo_checkpoint_facts){0};
  for (int i = 0; i < YOLO_CHECKPOINT_FACTS && st == YOLO_OK; i++) {
    const char *value = yolo_safetensors_metadata(reader, keys[i]);
    if (!value)
      st = yolo_fail(YOLO_EFORMAT, "%s: the metadata '%s' is missing", path, keys[i]);
    else if (!(out->values[i] = yolo_strdup(value)))
      st = YOLO_ENOMEM;
  }
  if (st != YOLO_OK) yolo_checkpoint_facts_release(out);
  return st;
}

static bool parse_u64(const char *text, uint64_t *out) {
  uint64_t value = 0;
  if (!*text) return false;
  for (; *text; text++) {
    uint64_t digit = (uint64_t)(*text - '0');
    if (*text < '0' || *text > '9' || value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

static bool parse_count(const char *text, int least, int *out) { return yolo_parse_int(text, out) && *out >= least; }

yolo_status yolo_checkpoint_facts_take(const char *path, const yolo_checkpoint_facts *facts, yolo_session *session,
                                       yolo_checkpoint_state *out) {
  char *const *v = facts->values;
  int wrong = !parse_u64(v[STEP], &session->optimizer.steps)             ? STEP
              : !parse_u64(v[SEEN], &session->seen)                      ? SEEN
              : !parse_count(v[NEXT_EPOCH], 0, &out->next_epoch)         ? NEXT_EPOCH
              : !parse_count(v[NEXT_BATCH], 0, &out->next_batch)         ? NEXT_BATCH
              : !yolo_parse_double(v[BEST_SCORE], &out->best_score)      ? BEST_SCORE
              : !parse_count(v[BEST_EPOCH], -1, &out->best_epoch)        ? BEST_EPOCH
              : !parse_count(v[WITHOUT_BETTER], 0, &out->without_better) ? WITHOUT_BETTER
                                                                         : -1;
  if (wrong >= 0) return yolo_fail(YOLO_EFORMAT, "%s: the metadata '%s' is no number that can be", path, keys[wrong]);
  out->report = NULL;
  if (*v[REPORT] == '\0') return YOLO_OK;
  out->report = yolo_strdup(v[REPORT]);
  return out->report ? YOLO_OK : YOLO_ENOMEM;
}

/* ---- the same training? ---- */

/* The first line of a text for a message: not too long, nothing that a terminal would obey. */
static const char *shown(const char *text, char *out) {
  size_t length = 0;
  while (*text && *text != '\n' && *text != '\r' && length + 4 < SHOWN) {
    int bytes = yolo_utf8_length(text);
    bool plain = bytes > 0 && (unsigned char)*text >= 0x20 && *text != 0x7F;
    if (bytes == 0) bytes = 1;
    if (plain) memcpy(out + length, text, (size_t)bytes);
    if (!plain) out[length] = '?';
    length += plain ? (size_t)bytes : 1;
    text += bytes;
  }
  out[length] = '\0';
  return out;
}

static const char advice[] = "resume with what it began with, or begin a new run";

static yolo_status compare_cfg(const char *path, const char *there, const char *here) {
  char a[SHOWN], b[SHOWN];
  int line = 1;
  if (strcmp(there, here) == 0) return YOLO_OK;
  for (;; line++) {
    size_t n = strcspn(there, "\n"), m = strcspn(here, "\n");
    if (n != m || memcmp(there, here, n) != 0 || !there[n] || !here[m]) break;
    there += n + 1;
    here += m + 1;
  }
  return yolo_fail(YOLO_EINVAL, "%s: is of another network: line %d of its cfg is '%s', of this run's '%s'; %s", path, line,
                   shown(there, a), shown(here, b), advice);
}

static yolo_status compare_names(const char *path, const char *there, const char *here) {
  char a[SHOWN], b[SHOWN];
  if (strcmp(there, here) == 0) return YOLO_OK;
  cJSON *theirs = cJSON_Parse(there), *ours = cJSON_Parse(here);
  int n = cJSON_GetArraySize(theirs), m = cJSON_GetArraySize(ours), i = 0;
  const char *x = NULL, *y = NULL;
  for (; i < n && i < m; i++) {
    x = cJSON_GetStringValue(cJSON_GetArrayItem(theirs, i));
    y = cJSON_GetStringValue(cJSON_GetArrayItem(ours, i));
    if (!x || !y || strcmp(x, y) != 0) break;
  }
  yolo_status st = YOLO_OK;
  if (!theirs || !ours || (i < n && i < m && (!x || !y)))
    st = yolo_fail(YOLO_EFORMAT, "%s: the metadata 'class_names' is no list of texts", path);
  else if (i < n && i < m)
    st = yolo_fail(YOLO_EINVAL, "%s: is of other classes: class %d is '%s' there and '%s' in this run; %s", path, i,
                   shown(x, a), shown(y, b), advice);
  else
    st = yolo_fail(YOLO_EINVAL, "%s: is of other classes: it has %d, this run %d; %s", path, n, m, advice);
  cJSON_Delete(theirs);
  cJSON_Delete(ours);
  return st;
}

yolo_status yolo_checkpoint_facts_compare(const char *path, const yolo_checkpoint_facts *file,
                                          const yolo_checkpoint_facts *session) {
  static const struct {
    int fact;
    const char *words;
  } others[] = {{INPUT, "an input of"},
                {SEED, "train.seed ="},
                {OPTIMIZER, "train.optimizer ="},
                {EMA, "an average of weights (train.ema)"}};
  yolo_status st = YOLO_OK;
  char a[SHOWN], b[SHOWN];
  YOLO_TRY(compare_cfg(path, file->values[MODEL_CFG], session->values[MODEL_CFG]));
  YOLO_TRY(compare_names(path, file->values[CLASS_NAMES], session->values[CLASS_NAMES]));
  for (size_t i = 0; i < sizeof others / sizeof *others && st == YOLO_OK; i++) {
    const char *there = file->values[others[i].fact], *here = session->values[others[i].fact];
    if (strcmp(there, here) == 0) continue;
    st = yolo_fail(YOLO_EINVAL, "%s: is of a run with %s %s, but this run has %s; %s", path, others[i].words, shown(there, a),
                   shown(here, b), advice);
  }
done:
  return st;
}
