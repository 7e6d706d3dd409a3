/* TensorBoard's event files: bytes, resuming, damage, a full disk. That the real TensorBoard reads them is checked by
 * scripts/check_tensorboard.py. */
#include "tests/unit/train_fixture.h"

#include "train/tensorboard.h"

enum { VERSION_RECORD = 40, MOST = 1 << 16 };

static const char *file_path(void) { return in_folder(YOLO_TENSORBOARD_FILE); }

static double value_at(int64_t step, int tag) { return (double)step * 0.37 - tag; }

/* Two tags a step. */
static void write_steps(int64_t kept, int64_t first, int64_t last) {
  yolo_tensorboard *events = NULL;
  MUST(yolo_tensorboard_open(folder, kept, &events));
  for (int64_t step = first; step <= last; step++) {
    MUST(yolo_tensorboard_scalar(events, "loss/box", step, value_at(step, 0)));
    MUST(yolo_tensorboard_scalar(events, "mAP50-95", step, value_at(step, 1)));
  }
  yolo_tensorboard_close(events);
}

/* The check values of CRC-32C: RFC 3720, appendix B.4, and the nine digits that every catalogue has. */
START_TEST(checksum) {
  unsigned char bytes[32] = {0};
  ck_assert_uint_eq(yolo_crc32c(0, bytes, 32), 0x8A9136AAu);
  memset(bytes, 0xFF, 32);
  ck_assert_uint_eq(yolo_crc32c(0, bytes, 32), 0x62A8AB43u);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  ck_assert_uint_eq(yolo_crc32c(0, bytes, 32), 0x46DD794Eu);
  ck_assert_uint_eq(yolo_crc32c(0, "123456789", 9), 0xE3069283u);
  ck_assert_uint_eq(yolo_crc32c(yolo_crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
}
END_TEST

/* The first record as TensorFlow writes it, but for the time; then one number. */
START_TEST(bytes_of_events) {
  static const unsigned char begin[] = {0x18, 0, 0, 0, 0, 0, 0, 0, 0xA3, 0x7F, 0x4B, 0x22,
                                        0x09, 0, 0, 0, 0, 0, 0, 0, 0,    0x1A, 13};
  static const unsigned char event[] = {0x09, 0,    0,    0,   0,   0,   0xC0, 0x72, 0x40,              /* wall time 300.0 */
                                        0x10, 0xAC, 0x02,                                               /* step 300 */
                                        0x2A, 13,   0x0A, 11,                                           /* summary, value */
                                        0x0A, 4,    'l',  'o', 's', 's', 0x15, 0,    0,    0x20, 0x40}; /* tag, 2.5 */
  yolo_tensorboard *events = NULL;
  size_t length = 0;
  MUST(yolo_tensorboard_open(folder, -1, &events));
  MUST(yolo_tensorboard_scalar(events, "loss", 300, 2.5));
  yolo_tensorboard_close(events);
  char *bytes = get(file_path(), &length);
  ck_assert_uint_eq(length, VERSION_RECORD + 12 + sizeof event + 4);
  ck_assert_int_eq(memcmp(bytes, begin, sizeof begin), 0);
  ck_assert_int_eq(memcmp(bytes + sizeof begin, "brain.Event:2", 13), 0);
  ck_assert_int_eq(bytes[VERSION_RECORD], (int)sizeof event);
  ck_assert_int_eq(memcmp(bytes + VERSION_RECORD + 12, event, sizeof event), 0);
  yolo_free(bytes);
  remove(file_path());
}
END_TEST

/* However a run was interrupted, its file is that of an uninterrupted one. */
START_TEST(resumed_runs_write_the_same_file) {
  size_t length = 0, four = 0;
  write_steps(-1, 1, 4);
  yolo_free(get(file_path(), &four));
  write_steps(-1, 1, 12);
  char *whole = get(file_path(), &length);
  put(in_folder("whole"), whole, length);
  for (size_t cut = 0; cut <= length; cut++) { /* killed anywhere, with a checkpoint of step 4 or of none */
    int64_t kept = cut < four ? 0 : 4;
    put(file_path(), whole, cut);
    write_steps(kept, kept + 1, 12);
    expect_same_file(file_path(), in_folder("whole"));
  }
  write_steps(-1, 1, 12); /* begun anew */
  expect_same_file(file_path(), in_folder("whole"));
  write_steps(12, 13, 12); /* nothing to add */
  expect_same_file(file_path(), in_folder("whole"));
  yolo_free(whole);
  remove(in_folder("whole"));
  remove(file_path());
}
END_TEST

/* A byte that changed ends the file there: what stays are whole events of the beginning. */
START_TEST(damaged_files) {
  size_t length = 0, left = 0;
  write_steps(-1, 1, 5);
  char *whole = get(file_path(), &length);
  for (size_t at = 0; at < length; at++) {
    yolo_tensorboard *events = NULL;
    whole[at] ^= 0x41;
    put(file_path(), whole, length);
    whole[at] ^= 0x41;
    MUST(yolo_tensorboard_open(folder, 100, &events));
    yolo_tensorboard_close(events);
    char *rest = get(file_path(), &left);
    ck_assert_uint_ge(left, VERSION_RECORD);
    ck_assert(left <= at || left == VERSION_RECORD);
    ck_assert_int_eq(memcmp(rest, whole, left), 0);
    yolo_free(rest);
  }
  yolo_free(whole);
  remove(file_path());
}
END_TEST

/* Records with right checksums but other contents: endless varints, lengths beyond the end, unknown wire types. */
START_TEST(hostile_records) {
  static const struct {
    const char *bytes;
    size_t length;
    bool stays;
  } table[] = {{"", 0, true},
               {"\x10\x03", 2, true},
               {"\x10\x63", 2, false}, /* step 99: later than what stays */
               {"\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12, false},
               {"\x10", 1, false},
               {"\x2A\x7F\x01", 3, false},
               {"\x2A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, false},
               {"\x09\x01\x02", 3, false},
               {"\x15\x01\x02\x03\x04\x10\x02", 7, true},
               {"\x0B", 1, false}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    unsigned char record[64];
    size_t length = 0, n = table[i].length;
    yolo_tensorboard *events = NULL;
    write_steps(-1, 1, 0);
    for (int k = 0; k < 8; k++) record[length++] = (unsigned char)(k == 0 ? n : 0);
    for (int part = 0; part < 2; part++) {
      uint32_t crc = part ? yolo_crc32c(0, record + 12, n) : yolo_crc32c(0, record, 8);
      crc = (crc >> 15 | crc << 17) + 0xA282EAD8u;
      if (part == 1) length += n;
      for (int k = 0; k < 4; k++) record[length++] = (unsigned char)(crc >> (8 * k));
      if (part == 0) memcpy(record + length, table[i].bytes, n);
    }
    FILE *file = fopen(file_path(), "ab");
    ck_assert_uint_eq(fwrite(record, 1, length, file), length);
    fclose(file);
    MUST(yolo_tensorboard_open(folder, 50, &events));
    yolo_tensorboard_close(events);
    yolo_free(get(file_path(), &n));
    ck_assert_msg(n == VERSION_RECORD + (table[i].stays ? length : 0), "row %zu leaves %zu bytes", i, n);
  }
  put_text(file_path(), "somebody else's text, which is no event file at all");
  write_steps(50, 1, 0);
  size_t left = 0;
  yolo_free(get(file_path(), &left));
  ck_assert_uint_eq(left, VERSION_RECORD);
  remove(file_path());
}
END_TEST

/* The event that does not fit is gone as a whole; later ones follow what was there. */
START_TEST(full_disk) {
  yolo_tensorboard *events = NULL;
  size_t length = 0;
  MUST(yolo_tensorboard_open(folder, -1, &events));
  MUST(yolo_tensorboard_scalar(events, "loss", 1, 1));
  char *before = get(file_path(), &length);
  limit_files(length + 20);
  yolo_status st = yolo_tensorboard_scalar(events, "loss", 2, 2);
  limit_files(RLIM_INFINITY);
  expect_words(st, YOLO_TENSORBOARD_FILE "|cannot be written|File too large");
  size_t after = 0;
  yolo_free(get(file_path(), &after));
  ck_assert_uint_eq(after, length);
  MUST(yolo_tensorboard_scalar(events, "loss", 2, 2));
  yolo_tensorboard_close(events);
  yolo_free(before);
  before = get(file_path(), &length);
  put(in_folder("lost"), before, length);
  MUST(yolo_tensorboard_open(folder, -1, &events));
  for (int64_t step = 1; step <= 2; step++) MUST(yolo_tensorboard_scalar(events, "loss", step, (double)step));
  yolo_tensorboard_close(events);
  expect_same_file(file_path(), in_folder("lost"));
  yolo_free(before);
  remove(in_folder("lost"));
  remove(file_path());
}
END_TEST

START_TEST(refused) {
  char tag[300];
  yolo_tensorboard *events = NULL;
  expect_words(yolo_tensorboard_open(in_folder("nowhere"), -1, &events), "nowhere|cannot be opened for writing");
  ck_assert_ptr_null(events);
  MUST(yolo_tensorboard_open(folder, -1, &events));
  memset(tag, 'x', sizeof tag);
  tag[256] = '\0';
  expect_words(yolo_tensorboard_scalar(events, tag, 1, 1), "255 bytes");
  tag[255] = '\0';
  MUST(yolo_tensorboard_scalar(events, tag, INT64_MAX, 1));
  expect_words(yolo_tensorboard_scalar(events, "", 1, 1), "255 bytes");
  expect_words(yolo_tensorboard_scalar(events, "a", -1, 1), "negative");
  yolo_tensorboard_close(events);
  yolo_tensorboard_close(NULL);
  remove(file_path());
}
END_TEST

static yolo_status attempt(void) {
  yolo_tensorboard *events = NULL;
  yolo_status st = yolo_tensorboard_open(folder, 3, &events);
  if (st == YOLO_OK) st = yolo_tensorboard_scalar(events, "loss", 1, 1);
  yolo_tensorboard_close(events);
  return st;
}

START_TEST(short_of_memory) {
  starve(attempt, 3);
  remove(file_path());
}
END_TEST

int main(void) {
  const TTest *const all[] = {checksum,      bytes_of_events, resumed_runs_write_the_same_file,
                              damaged_files, hostile_records, full_disk,
                              refused,       short_of_memory};
  return run_suite("tensorboard", all, sizeof all / sizeof *all);
}
