/* Sizes of images from their headers, against the decoders. */
#include "datasets/probe.h"
#include "datasets/folder.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

/* Header and decoder say the same; where the decoder finds an image, so does the probe. */
static bool agree(const char *path) {
  yolo_image_header header;
  yolo_image image;
  yolo_status probed = yolo_image_probe(path, &header);
  if (yolo_image_load(path, &image) != YOLO_OK) return false;
  ck_assert_msg(probed == YOLO_OK, "%s", yolo_error_message());
  ck_assert_int_eq(yolo_upright_width(&header), image.width);
  ck_assert_int_eq(yolo_upright_height(&header), image.height);
  ck_assert_int_eq(header.orientation, image.orientation);
  ck_assert_str_eq(header.format, image.format);
  yolo_image_release(&image);
  return true;
}

START_TEST(formats_agree_with_their_decoders) {
  static const char *const names[] = {"p.jpg", "p.png", "p.bmp", "p.tga"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    put_image(names[i], 37, 21);
    ck_assert(agree(names[i]));
  }
  put_text("p.ppm", "P6 # a comment 9 9\n2\n# 7\n 2 255\n0123456789ab");
  ck_assert(agree("p.ppm"));
  put_bytes("p.gif", "GIF89a\1\0\1\0\200\0\0\0\0\0\377\377\377,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", 35);
  ck_assert(agree("p.gif"));
}
END_TEST

/* An orientation tag (6: turn clockwise) in front of everything else, pushed far behind by another segment. */
START_TEST(the_tag_turns_the_size) {
  static const uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                 0,    1,    1, 18, 0,   3,   0,   0,   0, 1, 0,   6,   0, 0,  0, 0, 0, 0};
  char *jpeg = NULL;
  size_t length = 0;
  yolo_image_header header;
  put_image("turn.jpg", 40, 30);
  ck_assert_int_eq(yolo_read_file("turn.jpg", 1 << 20, &jpeg, &length), YOLO_OK);
  for (int padding = 0; padding < 2; ++padding) {
    yolo_text text = {0};
    ck_assert_int_eq(yolo_text_append(&text, jpeg, 2), YOLO_OK);
    for (int i = 0; i < padding * 6; ++i) { /* colour profiles: 6 x 60000 bytes */
      ck_assert_int_eq(yolo_text_append(&text, "\xFF\xE2\xEA\x60", 4), YOLO_OK);
      ck_assert_int_eq(yolo_text_format(&text, "%059998d", 0), YOLO_OK);
    }
    ck_assert_int_eq(yolo_text_append(&text, (const char *)exif, sizeof exif), YOLO_OK);
    ck_assert_int_eq(yolo_text_append(&text, jpeg + 2, length - 2), YOLO_OK);
    put_bytes("turned.jpg", text.data, text.length);
    yolo_text_free(&text);
    ck_assert_msg(yolo_image_probe("turned.jpg", &header) == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_eq(header.orientation, 6);
    ck_assert_int_eq(header.width, 40);
    ck_assert_int_eq(yolo_upright_width(&header), 30);
    ck_assert(agree("turned.jpg"));
  }
  yolo_free(jpeg);
}
END_TEST

START_TEST(what_is_no_image_is_refused) {
  static const char *const texts[] = {"", "no image", "\x89PNG\r\n\x1a\n", "\xFF\xD8\xFF\xE0", "P6 99999999 2 255\n", "BM"};
  yolo_image_header header;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    put_text("none.jpg", texts[i]);
    ck_assert_int_ne(yolo_image_probe("none.jpg", &header), YOLO_OK);
    ck_assert_ptr_nonnull(strstr(yolo_error_message(), "none.jpg"));
  }
  ck_assert_int_eq(yolo_image_probe("nowhere.jpg", &header), YOLO_EIO);
  ck_assert_int_eq(yolo_image_probe(".", &header), YOLO_EIO);
}
END_TEST

START_TEST(real_images) {
  const char *data = getenv("YOLO_TEST_DATA");
  const yolo_folder_options options = {.wanted = yolo_image_file_name};
  static const char *const folders[] = {"robust", "images", "nuclei/images"};
  size_t images = 0;
  if (!data) {
    printf("SKIP: YOLO_TEST_DATA is not set; real images were not probed\n");
    return;
  }
  for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i) {
    char path[512];
    yolo_file_list files = {0};
    snprintf(path, sizeof path, "%s/%s", data, folders[i]);
    ck_assert_int_eq(yolo_folder_files(path, &options, &files), YOLO_OK);
    for (size_t k = 0; k < files.count; ++k) images += agree(files.paths[k]);
    yolo_file_list_free(&files);
  }
  ck_assert_uint_gt(images, 500);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("probe");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, formats_agree_with_their_decoders);
  tcase_add_test(core, the_tag_turns_the_size);
  tcase_add_test(core, what_is_no_image_is_refused);
  tcase_add_test(core, real_images);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
