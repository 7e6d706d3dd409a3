/* 2,000 damaged variants each of a data.cfg and of a checkpoint, opened as a user would: what was meant, or one sentence,
 * nothing left in memory. A checkpoint's checksums would stop nearly all of them at once, so its facts are read without them as
 * well. */
#include "tests/unit/checkpoint_fixture.h"
#include "tests/unit/damage.h"
#include "train/checkpoint_facts.h"
#include "train/config.h"

enum { VARIANTS = 2000, MOST_BYTES = 1 << 16 };

/* The file of that name, damaged in one way after the other and put back. */
static void mutate(const char *name, yolo_status (*attempt)(void), int least_read) {
  static uint8_t copy[MOST_BYTES];
  char path[128]; /* in_folder's own is soon another one */
  size_t length = 0;
  int read = 0;
  snprintf(path, sizeof path, "%s", in_folder(name));
  char *whole = get(path, &length);
  ck_assert_uint_lt(length, MOST_BYTES);
  for (uint64_t variant = 0; variant < VARIANTS; ++variant) {
    memcpy(copy, whole, length);
    put(path, copy, damage_some(variant, copy, length, sizeof copy));
    long live = yolo_memory_get_stats().live;
    yolo_error_clear();
    yolo_status st = attempt();
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    ck_assert_msg(st == YOLO_OK || strlen(yolo_error_message()) > 10, "variant %d: no sentence", (int)variant);
    read += st == YOLO_OK;
  }
  put(path, whole, length);
  yolo_free(whole);
  printf("%s: %d read, %d refused\n", name, read, VARIANTS - read);
  ck_assert_int_ge(read, least_read); /* damage that leaves nothing readable would test little */
  ck_assert_int_lt(read, VARIANTS);
}

/* ---- data.cfg ---- */

static const char *config_path(void) { return in_folder("data.cfg"); }

/* What is understood can be written, and the file means the same. */
static yolo_status attempt_config(void) {
  yolo_config config = {0}, again = {0};
  yolo_text one = {0}, two = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_load(config_path(), NULL, 0, &config));
  MUST(yolo_config_write(&config, in_folder("again.cfg")));
  MUST(yolo_config_load(in_folder("again.cfg"), NULL, 0, &again));
  MUST(yolo_config_print(&again, &one));
  MUST(yolo_config_write(&again, in_folder("again.cfg")));
  yolo_config_release(&again);
  MUST(yolo_config_load(in_folder("again.cfg"), NULL, 0, &again));
  MUST(yolo_config_print(&again, &two));
  ck_assert_str_eq(one.data, two.data);
done:
  yolo_config_release(&config);
  yolo_config_release(&again);
  yolo_text_free(&one);
  yolo_text_free(&two);
  return st;
}

START_TEST(data_cfg) {
  put_text(
      config_path(),
      "# a set\n[data]\ntrain = a, /b, \"c, d\"\ntrain_images = e\nval = v\nnames = dog, \"big cat\"\nworkers = 3\n"
      "cache = disk\nindex = off\n[model]\nfile = net.cfg\nimgsz = 608x352\nfit = stretch\n[train]\nepochs = 20\n"
      "batch = 8\noptimizer = adamw\nlr = 1e-3\nschedule = steps\nsteps = 8, 16\nscales = .1\nema = 0.99\nfreeze = 0-3, bn\n"
      "loss = yolov5\nseed = 7\n[augment]\npreset = yolov5\nhue = 0.2\nscale = 0.5, 1.5\nmosaic = 0.5\n[output]\ndir = r\n"
      "samples = 2\n");
  mutate("data.cfg", attempt_config, 100);
  remove(config_path());
  remove(in_folder("again.cfg"));
}
END_TEST

/* ---- a checkpoint ---- */

static pair *both;

/* Never another state than the one that was saved. */
static yolo_status attempt_checkpoint(void) {
  yolo_checkpoint_state back;
  yolo_status st = yolo_checkpoint_load(file_path(), &both->b, &back);
  if (st == YOLO_OK) expect_same_state(&both->a, &both->b);
  if (st != YOLO_OK) ck_assert_ptr_nonnull(strstr(yolo_error_message(), "last.ckpt"));
  yolo_free(back.report);
  yolo_free(back.damage);
  return st;
}

/* Behind the checksum. */
static yolo_status attempt_facts(void) {
  yolo_checkpoint_facts facts = {0}, own = {0};
  yolo_checkpoint_state back = {0};
  yolo_safetensors_reader *reader = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_safetensors_open(file_path(), &reader));
  YOLO_TRY(yolo_checkpoint_facts_read(file_path(), reader, &facts));
  MUST(yolo_checkpoint_facts_make(&both->b, &nothing, &own));
  (void)yolo_checkpoint_facts_compare(file_path(), &facts,
                                      &own); /* both ways are right, and what follows is read all the same */
  YOLO_TRY(yolo_checkpoint_facts_take(file_path(), &facts, &both->b, &back));
done:
  yolo_free(back.report);
  yolo_checkpoint_facts_release(&facts);
  yolo_checkpoint_facts_release(&own);
  yolo_safetensors_close(reader);
  return st;
}

START_TEST(checkpoint) {
  pair p;
  yolo_checkpoint_state state = {.next_epoch = 3, .next_batch = 2, .best_score = 0.25, .best_epoch = 1, .without_better = 1};
  char report[] = "{\"images\":24,\"truths\":31,\"total\":1.25,\"parts\":[0.5,0.75]}";
  state.report = report;
  open_pair(&p, &sgd, toy_cfg, "dog\nbig cat\n");
  both = &p;
  MUST(yolo_checkpoint_save(file_path(), &p.a, &state));
  mutate("last.ckpt", attempt_checkpoint, 1);
  mutate("last.ckpt", attempt_facts, 100);
  close_pair(&p);
  clean();
}
END_TEST

int main(void) {
  const TTest *const all[] = {data_cfg, checkpoint};
  return run_suite("train_mutations", all, sizeof all / sizeof *all);
}
