/* Checkpoints that a run cannot go on from: of another training, damaged, no checkpoints at all; and too little memory. */
#include "tests/unit/checkpoint_fixture.h"

#include "weights/weights.h"

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

/* The one before it is read and takes its place; the next save keeps it as the one before. */
START_TEST(the_one_before_damage) {
  static const char *const damages[] = {"", "<html> 404 </html> and more of that"};
  pair p;
  yolo_checkpoint_state back;
  open_pair(&p, &sgd, toy_cfg, NULL);
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    for (int k = 0; k < 2; k++) MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
    put_text(file_path(), damages[i]);
    MUST(yolo_checkpoint_load(file_path(), &p.b, &back));
    expect_same_state(&p.a, &p.b);
    ck_assert_ptr_nonnull(strstr(back.damage, "last.ckpt: "));
    ck_assert_ptr_nonnull(strstr(back.damage, "; the checkpoint is damaged"));
    ck_assert_int_ne(access(prev_path(), F_OK), 0);
    yolo_free(back.damage);
    MUST(yolo_checkpoint_save(file_path(), &p.a, &nothing));
    MUST(yolo_checkpoint_load(prev_path(), &p.b, &back));
    ck_assert_ptr_null(back.damage);
  }
  put_text(file_path(), damages[1]);
  put_text(prev_path(), damages[1]);
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back),
               "last.ckpt: |damaged, and so is|last.ckpt.prev: begin a new run");
  remove(file_path());
  expect_words(yolo_checkpoint_load(file_path(), &p.b, &back), "last.ckpt.prev: |there is none before it: begin a new run");
  close_pair(&p);
  clean();
}
END_TEST

/* A safetensors file with metadata of the test's choice. */
static void write_facts(const char *const *key_values, int count) {
  yolo_metadata pairs[4];
  yolo_safetensors_writer *writer = NULL;
  static const yolo_tensor_desc desc = {"a", 1, {1}, 0, NULL, false};
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

static yolo_status attempt_load_previous(void) {
  yolo_checkpoint_state back;
  if (access(prev_path(), F_OK) != 0) MUST(rename(file_path(), prev_path()) == 0 ? YOLO_OK : YOLO_EIO);
  put_text(file_path(), "damaged");
  yolo_status st = yolo_checkpoint_load(file_path(), &hungry->b, &back);
  yolo_free(back.report);
  yolo_free(back.damage);
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
  MUST(yolo_checkpoint_save(file_path(), &p.a, &state));
  starve(attempt_load_previous, 30);
  expect_same_state(&p.a, &p.b);
  close_pair(&p);
  clean();
}
END_TEST

int main(void) {
  const TTest *const all[] = {another_training, another_size_or_freezing, damaged_files, the_one_before_damage,
                              other_files,      short_of_memory};
  return run_suite("checkpoint_trouble", all, sizeof all / sizeof *all);
}
