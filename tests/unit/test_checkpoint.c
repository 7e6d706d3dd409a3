/* The state of a training on disk: back bit for bit, whatever kills the program, with the file before it; a full disk. */
#include "tests/unit/checkpoint_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "weights/weights.h"

/* ---- there and back ---- */

START_TEST(state_comes_back) {
  const yolo_train_settings kinds[] = {
      adam, sgd, {.optimizer = YOLO_OPTIMIZER_ADADELTA}, {.optimizer = YOLO_OPTIMIZER_ADAGRAD, .ema = 0.5}};
  char report[] = "{\"loss\":[0.1,\"M\xC3\xBCll\"],\"text\":\"a\\nb\"}\n\t\x01";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    pair p;
    yolo_checkpoint_state state = {41, 17, 0.1 + 0.2, 39, 2, report, NULL}, back;
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

/* A step with gradients that depend on its number alone. */
static void step(yolo_session *s) {
  float *grads = yolo_trainer_gradients(s->trainer);
  yolo_step_report report;
  yolo_rng rng = {3, s->optimizer.steps, 0};
  for (int i = 0; i < s->ranges.count; i++) {
    for (size_t j = 0; j < s->ranges.items[i].count; j++)
      grads[s->ranges.items[i].offset + j] = (float)(yolo_rng_u32(&rng) % 2001) / 1000 - 1;
  }
  MUST(yolo_session_update(s, &report));
  s->seen += 8;
}

/* Ten steps, and five, a checkpoint, a new session and five: the same bits. */
START_TEST(resumed_sessions_go_on_alike) {
  for (int kind = YOLO_OPTIMIZER_SGD; kind <= YOLO_OPTIMIZER_ADADELTA; kind++) {
    yolo_train_settings t = {.epochs = 2,
                             .batch = 8,
                             .optimizer = kind,
                             .lr = 0.01,
                             .momentum = 0.9,
                             .beta1 = 0.9,
                             .decay = 5e-4,
                             .schedule = YOLO_SCHEDULE_COSINE,
                             .lr_final = 0.01,
                             .warmup = 1,
                             .warmup_power = 1,
                             .warmup_momentum = 0.8,
                             .warmup_bias_lr = 0.1,
                             .clip = 10,
                             .ema = 0.99,
                             .ema_tau = 5,
                             .seed = 3,
                             .threads = 1};
    yolo_model_spec spec;
    yolo_session straight, before, after;
    yolo_checkpoint_state back;
    toy_spec(toy_cfg, NULL, &spec);
    MUST(yolo_session_new(&spec, &t, 5, &straight));
    MUST(yolo_session_new(&spec, &t, 5, &before));
    for (int i = 0; i < 5; i++) step(&before);
    MUST(yolo_checkpoint_save(file_path(), &before, &nothing));
    MUST(yolo_session_new(&spec, &t, 5, &after));
    MUST(yolo_checkpoint_load(file_path(), &after, &back));
    expect_same_state(&before, &after);
    for (int i = 0; i < 10; i++) step(&straight);
    for (int i = 0; i < 5; i++) step(&after);
    expect_same_state(&straight, &after);
    ck_assert(memcmp(straight.ema, before.ema, straight.n_values * sizeof(float)) != 0);
    yolo_session_release(&straight);
    yolo_session_release(&before);
    yolo_session_release(&after);
    yolo_model_spec_release(&spec);
  }
  clean();
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
  static const yolo_tensor_desc weight = {"ema.model.1.conv.weight", 4, {16, 8, 3, 3}, 0, NULL, false};
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

int main(void) {
  const TTest *const all[] = {state_comes_back, resumed_sessions_go_on_alike, nothing_validated_yet, layout_of_the_file,
                              cfg_in_latin_1,   previous_file_stays,          killed_at_any_moment,  full_disk};
  return run_suite("checkpoint", all, sizeof all / sizeof *all);
}
