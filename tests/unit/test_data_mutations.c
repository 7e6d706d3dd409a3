/* 2,000 damaged variants each of a COCO JSON, a VOC XML, a YOLO label file, an IDX file and a mask PNG, opened as a user would:
 * a data set or one sentence, nothing left in memory, nothing that takes long. The damage is the same in every run. */
#include "tests/unit/damage.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

enum { VARIANTS = 2000, MOST_BYTES = 8192 };

/* Reads what was written to `file` as `format`; half the time with the checksums of a PNG made right again, so that damage gets
 * behind them. */
static void mend_png(uint8_t *bytes, size_t length) {
  for (size_t at = 8; at + 12 <= length;) {
    size_t n = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
    if (n > length - at - 12) return;
    uLong crc = crc32(crc32(0, NULL, 0), bytes + at + 4, (uInt)n + 4);
    for (int i = 0; i < 4; ++i) bytes[at + 8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    at += n + 12;
  }
}

typedef struct plan {
  const char *format, *labels; /* what is opened */
  const char *file;            /* what is damaged */
  bool png;
} plan;

static void put_quickly(const char *name, const uint8_t *bytes, size_t length) { /* no wait for the disk */
  (void)unlink(name); /* file systems flush what is cut to nothing and written anew */
  FILE *file = fopen(name, "wb");
  ck_assert(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* What was read must hold together. */
static void expect_whole(const yolo_dataset *d) {
  for (size_t i = 0; i < d->n_annotations; ++i) {
    ck_assert_uint_lt(d->annotations[i].image, d->n_images);
    ck_assert_int_ge(d->annotations[i].class_index, 0);
    ck_assert_uint_lt((size_t)d->annotations[i].class_index, d->n_classes);
  }
  for (size_t i = 0; i < d->n_images; ++i) {
    ck_assert_uint_le((size_t)d->images[i].first + d->images[i].count, d->n_annotations);
    ck_assert_uint_lt(d->images[i].file, d->n_texts);
    ck_assert_int_lt(d->images[i].label, (int)d->n_classes);
  }
}

static void open_variant(const plan *p, int *read, int *refused) {
  long live = yolo_memory_get_stats().live;
  findings found;
  yolo_dataset *d = NULL;
  yolo_status st = try_open(p->format, p->labels, NULL, &found, &d);
  if (st == YOLO_OK) {
    expect_whole(d);
    *read += 1;
  } else {
    ck_assert_uint_gt(strlen(yolo_error_message()), 10);
    *refused += 1;
  }
  yolo_dataset_free(d);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}

static void mutate(const plan *p) {
  static uint8_t copy[MOST_BYTES];
  char *valid = NULL;
  size_t length = 0;
  int read = 0, refused = 0;
  ck_assert_int_eq(yolo_read_file(p->file, MOST_BYTES, &valid, &length), YOLO_OK);
  for (uint64_t variant = 0; variant < VARIANTS; ++variant) {
    memcpy(copy, valid, length);
    size_t n = damage_some(variant, copy, length, sizeof copy);
    if (p->png && variant % 2) mend_png(copy, n);
    put_quickly(p->file, copy, n);
    open_variant(p, &read, &refused);
  }
  put_quickly(p->file, (const uint8_t *)valid, length);
  yolo_free(valid);
  printf("%s: %d read, %d refused\n", p->file, read, refused);
  ck_assert_int_eq(read + refused, VARIANTS);
  ck_assert_int_gt(read, 0); /* damage that leaves nothing readable would test little */
}

START_TEST(coco_json) {
  put_image("a.png", 8, 6);
  put_text("coco.json",
           "{\"info\":{\"year\":2017},\"licenses\":[],\"images\":[{\"id\":7,\"file_name\":\"a.png\",\"width\":8,\"height\":6},"
           "{\"id\":9,\"file_name\":\"b\\u00e9.png\",\"width\":8,\"height\":6}],\"annotations\":["
           "{\"id\":1,\"image_id\":7,\"category_id\":3,\"bbox\":[1,1.5,4,3],\"area\":12.25,\"iscrowd\":0,"
           "\"segmentation\":[[1,1,5,1,5,4.5],[2.5,2,3,2,3,3,2,3]]},"
           "{\"id\":2,\"image_id\":7,\"category_id\":90,\"bbox\":[0,0,8,6],\"area\":48,\"iscrowd\":1,"
           "\"segmentation\":{\"size\":[6,8],\"counts\":[0,6,36,6]}},"
           "{\"id\":3,\"image_id\":9,\"category_id\":3,\"bbox\":[0,0,1,6],\"area\":6,\"iscrowd\":0,"
           "\"segmentation\":{\"size\":[6,8],\"counts\":\"06Z1\"}}],"
           "\"categories\":[{\"id\":3,\"name\":\"x\",\"supercategory\":\"s\"},{\"id\":90,\"name\":\"y\"}]}\n");
  mutate(&(plan){"coco", "coco.json", "coco.json", false});
}
END_TEST

START_TEST(voc_xml) {
  put_image("v/JPEGImages/a.png", 8, 6);
  put_text("v/Annotations/a.xml",
           "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotation>\n<folder>v</folder><filename>a.png</filename>\n"
           "<size><width>8</width><height>6</height><depth>3</depth></size>\n<segmented>0</segmented>\n"
           "<object><name>x &amp; y</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>"
           "<bndbox>" BOX("1", "1.5", "8", "6") "</bndbox><part><name>p</name><bndbox>" BOX(
               "1", "1", "2", "2") "</bndbox></part></object>\n" OBJECT("z", BOX("2", "2", "3", "3")) "</annotation>\n");
  put_text("v/Annotations/b.xml", "<annotation></annotation>");
  mutate(&(plan){"voc", "v", "v/Annotations/a.xml", false});
}
END_TEST

START_TEST(yolo_txt) {
  put_image("y/images/a.png", 8, 6);
  put_text("y/labels/a.txt", "0 0.5 0.5 0.25 1e-1\r\n\r\n1 .1 .1 .9 .1 .9 .9\n2 0.500000001 0.25 1.0 1.5\n10 1 1 1 1\n");
  mutate(&(plan){"yolo", "y/images", "y/labels/a.txt", false});
  put_text("y/list.txt", "y/images/a.png\n./images/a.png\r\nimages\\a.png\n\nnowhere/b.jpg\n");
  mutate(&(plan){"yolo", "y/list.txt", "y/list.txt", false});
}
END_TEST

START_TEST(idx_files) {
  put_idx("i/a-images-idx3-ubyte", "i/a-labels-idx1-ubyte", 8);
  mutate(&(plan){"idx", "i", "i/a-images-idx3-ubyte", false});
  mutate(&(plan){"idx", "i", "i/a-labels-idx1-ubyte", false});
  gzFile zipped = gzopen("i/z-images-idx3-ubyte.gz", "wb"); /* the same, gzipped */
  char *bytes = NULL;
  size_t length = 0;
  ck_assert_int_eq(yolo_read_file("i/a-images-idx3-ubyte", MOST_BYTES, &bytes, &length), YOLO_OK);
  ck_assert_int_eq(gzwrite(zipped, bytes, (unsigned)length), (int)length);
  ck_assert_int_eq(gzclose(zipped), Z_OK);
  yolo_free(bytes);
  put_idx("i/spare", "i/z-labels-idx1-ubyte", 8);
  mutate(&(plan){"idx", "i/z-images-idx3-ubyte.gz", "i/z-images-idx3-ubyte.gz", false});
}
END_TEST

START_TEST(mask_png) {
  uint8_t values[96];
  for (int i = 0; i < 96; ++i) values[i] = (uint8_t)(i * i / 5 % 4);
  put_image("m/images/a.png", 12, 8);
  put_png("m/masks/a.png", 12, 8, 2, 3, values);
  mutate(&(plan){"masks", "m", "m/masks/a.png", true});
  put_png("m/masks/a.png", 12, 8, 8, 0, values);
  mutate(&(plan){"masks", "m", "m/masks/a.png", true});
}
END_TEST

int main(void) {
  Suite *suite = suite_create("data_mutations");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, coco_json);
  tcase_add_test(core, voc_xml);
  tcase_add_test(core, yolo_txt);
  tcase_add_test(core, idx_files);
  tcase_add_test(core, mask_png);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
