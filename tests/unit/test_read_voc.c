/* The reader of Pascal VOC XML. */
#include "datasets/voc_xml.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

START_TEST(voc_objects) {
  findings found;
  put_image("v/JPEGImages/a.png", 30, 20);
  put_text("v/Annotations/a.xml",
           "<?xml version=\"1.0\"?>\n<annotation><folder>x</folder><filename>old\\a.png</filename>\n"
           "<size><width>30</width><height>20</height><depth>3</depth></size><segmented>0</segmented>\n"
           "<object><name> cat &amp; dog </name><pose>Left</pose><truncated>1</truncated><difficult>1</difficult>\n"
           "<part><name>head</name><bndbox>" BOX("7", "7", "8", "8") "</bndbox></part>\n"
           "<bndbox>" BOX("1", "2", "10", "20") "</bndbox></object>\n" OBJECT("bird", BOX("1.5", "1", "1.5", "1"))
           OBJECT("", BOX("1", "1", "2", "2")) OBJECT("bird", "<xmin>1</xmin>") OBJECT("bird", BOX("1", "one", "2", "2"))
           "<object><name>bird</name></object>\n</annotation>\n");
  put_text("v/Annotations/broken.xml", "<annotation>\n<object>\n");
  put_text("v/ImageSets/Main/train.txt", "a  1\nmissing\n");
  yolo_dataset *d = open_set(NULL, "v", NULL, &found);
  ck_assert_str_eq(yolo_dataset_text(d, d->sources[0].format), "voc");
  ck_assert_uint_eq(d->n_images, 1);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), "v/JPEGImages/a.png");
  ck_assert_str_eq(image_name(d, 0), "old\\a.png");
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].label_file), "v/Annotations/a.xml");
  ck_assert_uint_eq(d->n_annotations, 2);
  ck_assert_str_eq(yolo_dataset_class_name(d, 0), "cat & dog");
  expect_box(&d->annotations[0], 0, 1, 10, 19);
  ck_assert_int_eq(d->annotations[0].flags, YOLO_ANNOTATION_HAS_BOX | YOLO_ANNOTATION_DIFFICULT | YOLO_ANNOTATION_TRUNCATED);
  expect_box(&d->annotations[1], 0.5, 0, 1, 1);
  static const uint64_t lines[] = {8, 9, 10, 11};
  ck_assert_int_eq(found.count, 5);
  for (int i = 0; i < 4; ++i) {
    ck_assert_int_eq((int)found.items[i].rule, YOLO_RULE_LABEL_SYNTAX);
    ck_assert_uint_eq(found.items[i].line, lines[i]);
  }
  ck_assert_str_eq(found.items[4].file, "v/Annotations/broken.xml");
  yolo_dataset_free(d);
  d = open_set(NULL, "v/ImageSets/Main/train.txt", NULL, &found);
  ck_assert_uint_eq(d->n_images, 1);
  ck_assert_int_eq((int)found.items[found.count - 1].rule, YOLO_RULE_LABEL_ORPHAN);
  ck_assert_uint_eq(found.items[found.count - 1].line, 2);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(voc_files_that_are_refused) {
  static const struct {
    const char *xml, *sentence;
  } rows[] = {
      {"", "XML"},
      {"no xml", "XML"},
      {"<annotation>", "XML"},
      {"<html></html>", "root element"},
      {"<html/>", "root element"},
      {"<annotation><object></annotation>", "XML"},
      {"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'boom'>]><annotation><filename>&x;</filename></annotation>", "entities"},
      {"<!DOCTYPE a [<!ENTITY a '0'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><annotation>&b;</annotation>", "entities"},
      {"<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><annotation></annotation>", "entities"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    yolo_dataset *d = NULL;
    long live = yolo_memory_get_stats().live;
    put_text("refused.xml", rows[i].xml);
    ck_assert_int_eq(try_open("voc", "refused.xml", NULL, NULL, &d), YOLO_EFORMAT);
    ck_assert_msg(strstr(yolo_error_message(), rows[i].sentence) != NULL, "%s", yolo_error_message());
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
}
END_TEST

START_TEST(voc_deep_and_long_elements) {
  yolo_text xml = {0};
  yolo_voc_file file = {0};
  uint64_t line = 0;
  for (int i = 0; i < 2000; ++i) ck_assert_int_eq(yolo_text_format(&xml, i ? "<a>" : "<annotation>"), YOLO_OK);
  ck_assert_int_eq(yolo_voc_parse(xml.data, xml.length, &file, &line), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "deep"));
  yolo_voc_file_release(&file);
  xml.length = 0;
  ck_assert_int_eq(yolo_text_format(&xml, "<annotation><object><name>%0*d</name></object></annotation>", 5000, 1), YOLO_OK);
  ck_assert_int_eq(yolo_voc_parse(xml.data, xml.length, &file, &line), YOLO_OK);
  ck_assert_uint_eq(file.count, 1);
  ck_assert(file.objects[0].bad);
  yolo_voc_file_release(&file);
  yolo_text_free(&xml);
}
END_TEST

START_TEST(voc_images_are_found_by_the_name_of_the_file) {
  findings found;
  put_image("w/one.png", 9, 9); /* a flat folder; the tag still has an old name */
  put_text("w/one.xml", "<annotation><filename>IMG_1.png</filename>" OBJECT("x", BOX("1", "1", "9", "9")) "</annotation>");
  put_image("w/else.png", 9, 9);
  put_text("w/two.xml", "<annotation><filename>else.png</filename></annotation>");
  put_text("w/three.xml", "<annotation></annotation>");
  yolo_dataset *d = open_set(NULL, "w", NULL, &found);
  ck_assert_uint_eq(d->n_images, 3);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), "w/one.png");
  ck_assert_int_eq(d->images[0].width, 9); /* no <size>: the image's */
  ck_assert_str_eq(yolo_dataset_text(d, d->images[1].file), "w/three");
  ck_assert_str_eq(yolo_dataset_text(d, d->images[2].file), "w/else.png");
  yolo_dataset_free(d);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("read_voc");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, voc_objects);
  tcase_add_test(core, voc_files_that_are_refused);
  tcase_add_test(core, voc_deep_and_long_elements);
  tcase_add_test(core, voc_images_are_found_by_the_name_of_the_file);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
