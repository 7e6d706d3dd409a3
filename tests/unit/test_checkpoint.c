/* The state of a training on disk: back bit for bit, whatever kills the program; another training, damage, a full disk. */
#include "tests/unit/session_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "train/checkpoint.h"
#include "weights/weights.h"

static const yolo_train_settings adam = {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.999};
static const yolo_train_settings sgd = {.seed = 7, .optimizer = YOLO_OPTIMIZER_SGD};

static const char *file_path(void) { return in_folder("last.ckpt"); }
static const char *prev_path(void) { return in_folder("last.ckpt.prev"); }

static void clean(void) {
  remove(file_path());
  remove(prev_path());
}

typedef struct pair { /* two sessions of one training */
  yolo_model_spec spec;
  yolo_session a, b;
} pair;

static void open_pair(pair *p, const yolo_train_settings *settings, const char *cfg, const char *names) {
  toy_spec(cfg, names, &p->spec);
  toy_session(&p->spec, settings, NULL, &p->a);
  toy_session(&p->spec, settings, NULL, &p->b);
  toy_fill(&p->a, 1);
}

static void close_pair(pair *p) {
  toy_release(&p->a);
  toy_release(&p->b);
  yolo_model_spec_release(&p->spec);
}

static const yolo_checkpoint_state nothing = {.best_epoch = -1};

/* ---- there and back ---- */

START_TEST(state_comes_back) {
  static const yolo_train_settings kinds[] = {
      adam, sgd, {.optimizer = YOLO_OPTIMIZER_ADADELTA}, {.optimizer = YOLO_OPTIMIZER_ADAGRAD, .ema = 0.5}};
  char report[] = "{\"loss\":[0.1,\"M\xC3\xBCll\"],\"text\":\"a\\nb\"}\n\t\x01";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    pair p;
    yolo_checkpoint_state state = {41, 17, 0.1 + 0.2, 39, 2, report}, back;
    open_pair(&p, &kinds[i], toy_cfg, "dog\nm\xC3\xBCll \"x\"\n");
    p.a.optimizer.steps = UINT64_MAX;
    p.a.seen = UINT64_MAX - 1;
    MUST(yolo_checkpoint_save(file_path(), &p.a, &state));
    MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
    expect_same_state(&p.a, &p.b);
    ck_assert_int_eq(back.next_epoch, 41);
    ck_assert_int_eq(back.next_batch, 17);
    ck_assert(back.best_score == 0.1 + 0.2);
    ck_assert_int_eq(back.best_epoch, 39);
    ck_assert_int_eq(back.without_better, 2);
    ck_assert_str_eq(back.report, report);
    state.report = back.report;
    MUST(yolo_checkpoint_save(in_folder("again.ckpt"), &p.b, &state)); /* equal states write equal bytes */
    expect_same_file(file_path(), in_folder("again.ckpt"));
    remove(in_folder("again.ckpt"));
    yolo_free(back.report);
    close_pair(&p);
    clean();
  }
}
END_TEST

START_TEST(nothing_validated_yet) {
  pair p;
  yolo_checkpoint_state state = {.best_score = -INFINITY, .best_epoch = -1}, back;
  open_pair(&p, &sgd, toy_cfg, NULL);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &state));
  MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
  ck_assert_int_eq(back.best_epoch, -1);
  ck_assert(back.best_score == 0);
  ck_assert_ptr_null(back.report);
  close_pair(&p);
  clean();
}
END_TEST

/* Weights, buffers and the average under PyTorch's names and in its layout; moments of what learns. */
START_TEST(layout_of_the_file) {
  yolo_model_spec spec;
  yolo_session s;
  yolo_safetensors_reader *reader = NULL;
  static const yolo_tensor_desc weight = {"ema.model.1.conv.weight", 4, {16, 8, 3, 3}, 0, NULL};
  static float read[16 * 8 * 9];
  bool learns[16];
  for (int i = 0; i < 16; i++) learns[i] = i >= 5; /* the first layer is frozen */
  toy_spec(toy_cfg, NULL, &spec);
  toy_session(&spec, &adam, learns, &s);
  toy_fill(&s, 1);
  for (size_t i = 0; i < s.n_values; i++) s.ema[i] = (float)i;
  MUST(yolo_checkpoint_save(file_path(), &s, &nothing));
  MUST(yolo_safetensors_open(file_path(), &reader));
  int n = spec.graph->n_params; /* two layers of conv.weight and four of bn, one of weight and bias */
  ck_assert_int_eq(n, 12);
  ck_assert_int_eq(yolo_safetensors_count(reader), 2 * n + 2 * (n - 5 - 2));
  ck_assert_str_eq(yolo_safetensors_metadata(reader, "format"), "yolo-checkpoint");
  ck_assert_str_eq(yolo_safetensors_metadata(reader, "step"), "1");
  ck_assert_str_eq(yolo_safetensors_metadata(reader, "model_cfg"), toy_cfg);
  MUST(yolo_safetensors_read(reader, &weight, read));
  const yolo_graph *graph = yolo_trainer_graph(s.trainer);
  int at = 0;
  while (strcmp(graph->params[at].name, "model.1.conv.weight") != 0) at++;
  float first = (float)yolo_trainer_param_at(s.trainer, at).offset;
  ck_assert(read[0] == first);
  ck_assert(read[1] == first + 8); /* the next of a row: eight channels further in memory */
  ck_assert(read[9] == first + 1); /* the next channel */
  yolo_safetensors_close(reader);
  toy_release(&s);
  yolo_model_spec_release(&spec);
  clean();
}
END_TEST

/* A cfg of an editor that knew no UTF-8, from Windows. */
START_TEST(cfg_in_latin_1) {
  pair p;
  yolo_checkpoint_state back;
  open_pair(&p, &sgd,
            "# Gr\xF6\xDF"
            "e\r\n" TOY_NET TOY_BODY TOY_HEAD,
            NULL);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
  expect_same_state(&p.a, &p.b);
  close_pair(&p);
  clean();
}
END_TEST

/* ---- the file before ---- */

START_TEST(previous_file_stays) {
  pair p;
  yolo_checkpoint_state back;
  open_pair(&p, &adam, toy_cfg, NULL);
  ck_assert(!yolo_checkpoint_exists(file_path()));
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "last.ckpt: there is no such checkpoint");
  for (uint64_t step = 1; step <= 3; step++) {
    toy_fill(&p.a, step);
    MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
    ck_assert(yolo_checkpoint_exists(file_path()));
    MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
    ck_assert_uint_eq(p.b.optimizer.steps, step);
    if (step == 1) continue;
    MUST(yolo_checkpoint_load(prev_path(), &p.b, &back));
    ck_assert_uint_eq(p.b.optimizer.steps, step - 1);
  }
  remove(file_path()); /* a file system without second names, killed between two renames */
  ck_assert(yolo_checkpoint_exists(file_path()));
  MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
  ck_assert_uint_eq(p.b.optimizer.steps, 2);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  ck_assert_int_eq(link(file_path(), in_folder("last.ckpt.prev.new")), 0); /* killed between others */
  remove(prev_path());
  ck_assert_int_eq(link(file_path(), prev_path()), 0);
  put_text(in_folder("last.ckpt.new"), "half");
  put_text(in_folder("last.ckpt.new.tmp-123"), "half");
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  MUST(yolo_checkpoint_load(prev_path(), &p.b, &back));
  close_pair(&p);
  clean(); /* and the suite sees that nothing else is left */
}
END_TEST

/* Saves for ever; tells the parent each step that is on disk. */
static void save_until_killed(yolo_session *s, uint64_t step, int pipe_end) {
  for (;; step++) {
    toy_fill(s, step);
    if (yolo_checkpoint_save(file_path(), s, &nothing) != YOLO_OK) _exit(1);
    if (write(pipe_end, &step, sizeof step) != sizeof step) _exit(1);
  }
}

/* SIGKILL at random moments: what the program said is on disk is there, whole, and so is the one before it. */
START_TEST(killed_at_any_moment) {
  pair p;
  yolo_checkpoint_state back;
  yolo_rng rng = {5, 0, 0};
  uint64_t saved = 0, acknowledged = 0;
  int left_overs = 0;
  open_pair(&p, &adam, toy_cfg, NULL);
  for (int round = 0; round < 40; round++) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) save_until_killed(&p.a, saved + 1, ends[1]);
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged); /* at least one */
    usleep(yolo_rng_u32(&rng) % 12000);
    kill(child, SIGKILL);
    while (read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) continue;
    close(ends[0]);
    waitpid(child, NULL, 0);
    left_overs += access(in_folder("last.ckpt.new"), F_OK) == 0;
    MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
    ck_assert_uint_ge(p.b.optimizer.steps, acknowledged);
    ck_assert_uint_le(p.b.optimizer.steps, acknowledged + 1);
    saved = p.b.optimizer.steps;
    toy_fill(&p.a, saved);
    expect_same_state(&p.a, &p.b);
    if (access(prev_path(), F_OK) == 0) {
      MUST(yolo_checkpoint_load(prev_path(), &p.b, &back));
      ck_assert_uint_ge(p.b.optimizer.steps + 1, saved);
    }
  }
  printf("killed 40 times at step 1 to %d; a finished file without its place %d times\n", (int)saved, left_overs);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing)); /* sweeps */
  close_pair(&p);
  clean();
}
END_TEST

START_TEST(full_disk) {
  pair p;
  yolo_checkpoint_state back;
  struct stat info;
  open_pair(&p, &adam, toy_cfg, NULL);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  ck_assert_int_eq(stat(file_path(), &info), 0);
  toy_fill(&p.a, 2);
  for (int i = 0; i < 4; i++) { /* in the header, in the tensors, at the last byte */
    limit_files((rlim_t)(i == 0 ? 0 : i == 1 ? 100 : i == 2 ? info.st_size / 2 : info.st_size - 1));
    yolo_status st = yolo_checkpoint_save(file_path(), &p.a, &nothing);
    limit_files(RLIM_INFINITY);
    expect_words(st, "last.ckpt.new|cannot be written|File too large");
    MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
    ck_assert_uint_eq(p.b.optimizer.steps, 1);
  }
  ck_assert(access(prev_path(), F_OK) != 0);
  expect_words(yolo_checkpoint_save(in_folder("nowhere/last.ckpt"), &p.a, &nothing), "nowhere/last.ckpt.new|cannot be written");
  close_pair(&p);
  clean();
}
END_TEST

/* ---- another training ---- */

START_TEST(another_training) {
  static const struct {
    const char *cfg, *names;
    yolo_train_settings settings;
    const char *words;
  } table[] = {
      {TOY_NET TOY_BODY "#\n" TOY_HEAD,
       "a\nb\n",
       {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.9},
       "last.ckpt: is of another network: line 19 of its cfg is '[convolutional]', of this run's '#'; resume with"},
      {TOY_NET TOY_BODY TOY_HEAD "jitter=.3\n",
       "a\nb\n",
       {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.9},
       "line 28 of its cfg is '', of this run's 'jitter=.3'"},
      {toy_cfg,
       "a\nc\n",
       {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.9},
       "is of other classes: class 1 is 'b' there and 'c' in this run"},
      {toy_cfg,
       "a\nb\n",
       {.seed = 8, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.9},
       "is of a run with train.seed = 7, but this run has 8"},
      {toy_cfg,
       "a\nb\n",
       {.seed = 7, .optimizer = YOLO_OPTIMIZER_SGD, .ema = 0.9},
       "train.optimizer = adam, but this run has sgd"},
      {toy_cfg, "a\nb\n", {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM}, "(train.ema) on, but this run has off"},
  };
  pair p;
  open_pair(&p, &adam, toy_cfg, "a\nb\n");
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model_spec spec;
    yolo_session s;
    yolo_checkpoint_state back;
    toy_spec(table[i].cfg, table[i].names, &spec);
    toy_session(&spec, &table[i].settings, NULL, &s);
    yolo_status st = yolo_checkpoint_load(file_path(), &s, &back);
    expect_words(st, table[i].words);
    ck_assert_int_eq(st, YOLO_EINVAL);
    toy_release(&s);
    yolo_model_spec_release(&spec);
  }
  close_pair(&p);
  clean();
}
END_TEST

START_TEST(another_size_or_freezing) {
  pair p;
  yolo_session s;
  yolo_checkpoint_state back;
  bool learns[16] = {false};
  open_pair(&p, &adam, toy_cfg, NULL);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  p.b.width = 64;
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "an input of 32 x 32, but this run has 64 x 32");
  learns[11] = true;
  toy_session(&p.spec, &adam, learns, &s);
  expect_words(yolo_checkpoint_load(file_path(), &s, &back), "tensors|another part of the network learns (train.freeze)");
  toy_release(&s);
  close_pair(&p);
  clean();
}
END_TEST

/* ---- damage ---- */

/* Any byte, any cut: a sentence, and never another state than the one that was saved. */
START_TEST(damaged_files) {
  pair p;
  yolo_checkpoint_state back;
  size_t length = 0;
  int unnoticed = 0;
  open_pair(&p, &sgd, toy_cfg, NULL);
  MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  char *bytes = get(file_path(), &length);
  long live = yolo_memory_get_stats().live;
  for (size_t at = 0; at < length; at += at < 4200 ? 7 : 331) {
    for (int kind = 0; kind < 2; kind++) {
      bytes[at] ^= kind ? 0x10 : 0;
      put(file_path(), bytes, kind ? length : at);
      bytes[at] ^= kind ? 0x10 : 0;
      yolo_error_clear();
      yolo_status st = yolo_checkpoint_load(file_path(), &p.b, &back);
      if (st == YOLO_OK) expect_same_state(&p.a, &p.b);
      if (st == YOLO_OK) unnoticed++; /* a blank of the header became another one */
      if (st != YOLO_OK) expect_words(st, "last.ckpt");
      if (st == YOLO_EFORMAT) expect_words(st, "; the checkpoint is damaged, and there is none before it: begin a new run");
      ck_assert(st == YOLO_OK || st == YOLO_EFORMAT || (kind == 1 && (st == YOLO_EINVAL || st == YOLO_EUNSUPPORTED)));
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
    }
  }
  ck_assert_int_lt(unnoticed, 3);
  yolo_free(bytes);
  close_pair(&p);
  clean();
}
END_TEST

START_TEST(what_to_do_about_damage) {
  pair p;
  yolo_checkpoint_state back;
  char words[512];
  open_pair(&p, &sgd, toy_cfg, NULL);
  for (int i = 0; i < 2; i++) MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
  snprintf(words, sizeof words, "; the checkpoint is damaged. To go on from the one before it: mv '%s' '%s'", prev_path(),
           file_path());
  put(file_path(), "", 0);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "last.ckpt: is empty; the checkpoint is damaged");
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), words);
  put_text(file_path(), "<html> 404 </html> and more of that");
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), words);
  remove(file_path());
  put_text(prev_path(), "<html> 404 </html> and more of that");
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "last.ckpt.prev|there is none before it: begin a new run");
  close_pair(&p);
  clean();
}
END_TEST

/* A safetensors file with metadata of the test's choice. */
static void write_facts(const char *const *key_values, int count) {
  yolo_metadata pairs[4];
  yolo_safetensors_writer *writer = NULL;
  static const yolo_tensor_desc desc = {"a", 1, {1}, 0, NULL};
  static const float one = 1;
  for (int i = 0; i < count; i++) pairs[i] = (yolo_metadata){key_values[2 * i], key_values[2 * i + 1]};
  MUST(yolo_safetensors_create(file_path(), &desc, 1, pairs, count, &writer));
  MUST(yolo_safetensors_write(writer, &one, 1));
  MUST(yolo_safetensors_writer_finish(writer));
  yolo_safetensors_writer_close(writer);
}

START_TEST(other_files) {
  pair p;
  yolo_checkpoint_state back;
  const char *const model[] = {"format", "yolo", "format_version", "1"};
  const char *const newer[] = {"format", "yolo-checkpoint", "format_version", "2"};
  const char *const poor[] = {"format", "yolo-checkpoint", "format_version", "1", "model_cfg", "[net]"};
  const char *const odd[] = {"format", "yolo-checkpoint", "format_version", "x"};
  open_pair(&p, &sgd, toy_cfg, NULL);
  write_facts(model, 2);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "holds weights but not the state of a training");
  write_facts(newer, 2);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "has format version 2|a newer yolo is needed");
  write_facts(poor, 3);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "'class_names' is missing; the checkpoint is damaged");
  write_facts(odd, 2);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "format_version is no number; the checkpoint is damaged");
  close_pair(&p);
  clean();
}
END_TEST

/* ---- memory ---- */

static pair *hungry;

static yolo_status attempt_save(void) { return yolo_checkpoint_save(file_path(), &hungry->a, &nothing); }

static yolo_status attempt_load(void) {
  yolo_checkpoint_state back;
  yolo_status st = yolo_checkpoint_load(file_path(), &hungry->b, &back);
  yolo_free(back.report);
  return st;
}

START_TEST(short_of_memory) {
  pair p;
  yolo_checkpoint_state state = nothing;
  char report[] = "{}";
  open_pair(&p, &adam, toy_cfg, NULL);
  hungry = &p;
  state.report = report;
  MUST(yolo_checkpoint_save(file_path(), &p.a, &state));
  starve(attempt_save, 30);
  starve(attempt_load, 30);
  expect_same_state(&p.a, &p.b);
  close_pair(&p);
  clean();
}
END_TEST

int main(void) {
  const TTest *const all[] = {state_comes_back, nothing_validated_yet,   layout_of_the_file,
                              cfg_in_latin_1,   previous_file_stays,     killed_at_any_moment,
                              full_disk,        another_training,        another_size_or_freezing,
                              damaged_files,    what_to_do_about_damage, other_files,
                              short_of_memory};
  return run_suite("checkpoint", all, sizeof all / sizeof *all);
}
