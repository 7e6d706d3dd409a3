/* A whole training that is stopped at every place where it looks whether it should, before each step and while an epoch is
 * judged: resumed, it ends with the bytes of the run that nobody stopped. */
#include <ftw.h>
#include <sys/stat.h>

#include "tests/unit/train_fixture.h"
#include "train/run.h"

enum { IMAGES = 5, SIDE = 32, EPOCHS = 2, MOST_STOPS = 200 };

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
  (void)info, (void)kind, (void)at;
  return remove(path);
}
static void remove_tree(const char *path) { nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* A grey square on black in each image; the first two of them are the validation split, too. */
static void make_set(void) {
  char name[64], label[64];
  unsigned char picture[13 + SIDE * SIDE * 3] = "P6\n32 32\n255\n";
  mkdir(in_folder("images"), 0700);
  mkdir(in_folder("labels"), 0700);
  for (int i = 0; i < IMAGES; ++i) {
    memset(picture + 13, 0, sizeof picture - 13);
    for (int y = 4 + i; y < 16 + i; ++y) memset(picture + 13 + (y * SIDE + 8) * 3, 160, 36);
    snprintf(name, sizeof name, "images/%d.ppm", i);
    put(in_folder(name), picture, sizeof picture);
    snprintf(name, sizeof name, "labels/%d.txt", i);
    snprintf(label, sizeof label, "0 0.4375 %f 0.375 0.375\n", (10 + i) / 32.);
    put_text(in_folder(name), label);
  }
  put_text(in_folder("val.txt"), "images/0.ppm\nimages/1.ppm\n");
  put_text(in_folder("net.cfg"),
           "[net]\nwidth=32\nheight=32\nchannels=3\n"
           "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=8\npad=1\nactivation=leaky\n"
           "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
           "[yolo]\nmask=0\nanchors=12,12\nclasses=1\nnum=1\n");
  put_text(in_folder("data.cfg"),
           "[data]\nformat = yolo\ntrain = images\nval = val.txt\nnames = square\n[model]\nfile = net.cfg\n"
           "[train]\nbatch = 2\nthreads = 1\n[output]\nsamples = 1\n");
}

/* Says yes from the nth time on that it is asked. */
typedef struct stopper {
  int asked, at;
} stopper;
static bool stop(void *payload) {
  stopper *s = payload;
  return ++s->asked >= s->at;
}

/* extra: one more setting, or NULL. */
static yolo_status train(const char *dir, bool resume, stopper *s, const char *extra) {
  char epochs[32], place[160];
  snprintf(epochs, sizeof epochs, "train.epochs=%d", EPOCHS);
  snprintf(place, sizeof place, "output.dir=%s", in_folder(dir));
  const char *sets[] = {epochs, place, "data.workers=1", extra};
  yolo_config config = {0};
  yolo_run *run = NULL;
  yolo_run_events events = {.payload = s, .stop = s ? stop : NULL};
  MUST(yolo_config_load(in_folder("data.cfg"), sets, extra ? 4 : 3, &config));
  yolo_status st = yolo_run_new(&config, resume, &events, &run);
  if (st == YOLO_OK) st = yolo_run_train(run);
  yolo_run_free(run);
  yolo_config_release(&config);
  return st;
}

static void expect_same_run(const char *one, const char *other) {
  static const char *const files[] = {"last.ckpt", "last.safetensors", "best.safetensors", "results.csv"};
  char a[64], b[64];
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    snprintf(a, sizeof a, "%s/%s", one, files[i]);
    snprintf(b, sizeof b, "%s/%s", other, files[i]);
    expect_same_file(in_folder(a), in_folder(b));
  }
}

START_TEST(stopped_anywhere_it_ends_with_the_same_bytes) {
  stopper count = {0, MOST_STOPS}, again = {0, 2};
  yolo_status st = YOLO_ECANCELLED;
  MUST(train("whole", false, &count, NULL));
  /* Each step asks, and each epoch's validation. */
  ck_assert_int_ge(count.asked, EPOCHS * ((IMAGES + 1) / 2 + 1));
  for (int at = 1; at <= count.asked; ++at) {
    stopper s = {0, at};
    ck_assert_int_eq(train("run", false, &s, NULL), YOLO_ECANCELLED);
    MUST(train("run", true, NULL, NULL));
    expect_same_run("whole", "run");
    remove_tree(in_folder("run"));
  }
  /* One that is stopped again and again, as soon as it got on by anything. */
  st = train("run", false, &again, NULL);
  for (int i = 0; st == YOLO_ECANCELLED && i < MOST_STOPS; ++i) {
    again = (stopper){0, 2 + i % 3};
    st = train("run", true, &again, NULL);
  }
  MUST(st);
  expect_same_run("whole", "run");
  remove_tree(in_folder("run"));
  remove_tree(in_folder("whole"));
}
END_TEST

/* Nothing learns at rate 0: the second validation is no better, and there the run ends; resuming it changes nothing. */
START_TEST(a_run_that_lost_patience_stays_ended) {
  static const char *const sets[] = {"train.patience=1", "train.patience=1"};
  size_t n = 0;
  put_text(in_folder("data.cfg"),
           "[data]\nformat = yolo\ntrain = images\nval = val.txt\nnames = square\n[model]\nfile = net.cfg\n"
           "[train]\nbatch = 2\nthreads = 1\nlr = 0\nvalidate_every = 1\nema = 0\nfreeze = bn\n");
  MUST(train("run", false, NULL, sets[0]));
  char *before = get(in_folder("run/results.csv"), &n);
  size_t rows = 0;
  for (size_t i = 0; i < n; ++i) rows += before[i] == '\n';
  ck_assert_uint_eq(rows, 1 + 2);
  MUST(train("run", true, NULL, sets[1]));
  size_t m = 0;
  char *after = get(in_folder("run/results.csv"), &m);
  ck_assert_uint_eq(n, m);
  ck_assert_int_eq(memcmp(before, after, n), 0);
  yolo_free(before);
  yolo_free(after);
  remove_tree(in_folder("run"));
}
END_TEST

START_TEST(end) {
  static const char *const made[] = {"images", "labels", "val.txt", "net.cfg", "data.cfg"};
  for (size_t i = 0; i < sizeof made / sizeof *made; ++i) remove_tree(in_folder(made[i]));
}
END_TEST

START_TEST(begin) { make_set(); }
END_TEST

int main(void) {
  const TTest *const all[] = {begin, stopped_anywhere_it_ends_with_the_same_bytes, a_run_that_lost_patience_stays_ended, end};
  return run_suite("run", all, sizeof all / sizeof *all);
}
