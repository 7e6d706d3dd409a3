/* COCO files in memory and on disk, for the tests of the reader, the writer and the index. */
#ifndef YOLO_TESTS_UNIT_COCO_FIXTURE_H
#define YOLO_TESTS_UNIT_COCO_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/dataset.h"
#include "tests/unit/suite.h"

/* What was reported, one line an issue: "rule: byte: sentence". */
typedef struct issues {
  yolo_data_sink sink;
  yolo_text text;
} issues;

static inline void issues_note(void *payload, const yolo_data_issue *issue) {
  issues *all = payload;
  ck_assert_ptr_nonnull(issue->file);
  yolo_text_format(&all->text, "%s: %llu: %s\n", yolo_rules[issue->rule].name, (unsigned long long)issue->byte, issue->what);
}

static inline void issues_begin(issues *all) {
  memset(all, 0, sizeof *all);
  all->sink.report = issues_note;
  all->sink.payload = all;
  yolo_text_append(&all->text, "", 0);
}

/* A scratch folder; its path is the caller's buffer. */
static inline void coco_scratch(char folder[64]) {
  const char *where = getenv("TMPDIR");
  snprintf(folder, 64, "%s/yolo-test-XXXXXX", where && *where && strlen(where) < 40 ? where : P_tmpdir);
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void coco_remove(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(command), 0);
}

/* FOLDER/NAME with this text; the path is the caller's (yolo_free). */
static inline char *coco_put(const char *folder, const char *name, const char *text) {
  char *path = NULL;
  ck_assert_int_eq(yolo_path_join(folder, name, &path), YOLO_OK);
  ck_assert_int_eq(yolo_path_make_parent(path), YOLO_OK);
  ck_assert_int_eq(yolo_write_file(path, text, strlen(text)), YOLO_OK);
  return path;
}

static inline yolo_status coco_open(const char *path, issues *all, yolo_dataset **out) {
  yolo_data_source source = {"coco", path, NULL};
  yolo_data_open_options options = {.no_cache = true, .sink = all ? &all->sink : NULL};
  return yolo_dataset_open(&source, 1, &options, out);
}

/* One COCO writer. */
static inline const yolo_data_writer *coco_writer_row(void) {
  for (int i = 0; i < yolo_data_writer_count; i++)
    if (strcmp(yolo_data_writers[i]->name, "coco") == 0) return yolo_data_writers[i];
  return NULL;
}

/* One mask, whatever its kind: every number. */
static inline void coco_expect_equal_masks(const yolo_dataset *a, const yolo_annotation *x, const yolo_dataset *b,
                                           const yolo_annotation *y) {
  yolo_polygons p = {0}, q = {0};
  yolo_rle r = {0}, s = {0};
  if (x->kind == YOLO_SEGMENT_POLYGONS) {
    ck_assert_int_eq(yolo_annotation_polygons(a, x, &p), YOLO_OK);
    ck_assert_int_eq(yolo_annotation_polygons(b, y, &q), YOLO_OK);
    ck_assert(p.n == q.n && memcmp(p.ends, q.ends, p.n * sizeof *p.ends) == 0);
    ck_assert(memcmp(p.xy, q.xy, p.n_values * sizeof *p.xy) == 0);
  } else if (x->kind != YOLO_SEGMENT_NONE) {
    ck_assert_int_eq(yolo_annotation_rle(a, x, &r), YOLO_OK);
    ck_assert_int_eq(yolo_annotation_rle(b, y, &s), YOLO_OK);
    ck_assert(r.height == s.height && r.width == s.width && r.count == s.count);
    ck_assert(memcmp(r.runs, s.runs, r.count * sizeof *r.runs) == 0);
  }
  yolo_polygons_free(&p);
  yolo_polygons_free(&q);
  yolo_rle_free(&r);
  yolo_rle_free(&s);
}

/* Equal in everything but offsets. */
static inline void coco_expect_equal(const yolo_dataset *a, const yolo_dataset *b) {
  ck_assert_uint_eq(a->n_classes, b->n_classes);
  ck_assert_uint_eq(a->n_images, b->n_images);
  ck_assert_uint_eq(a->n_annotations, b->n_annotations);
  for (size_t i = 0; i < a->n_classes; i++) {
    ck_assert_int_eq(a->classes[i].id, b->classes[i].id);
    ck_assert_str_eq(yolo_dataset_text(a, a->classes[i].name), yolo_dataset_text(b, b->classes[i].name));
    ck_assert_str_eq(yolo_dataset_text(a, a->classes[i].group), yolo_dataset_text(b, b->classes[i].group));
  }
  for (size_t i = 0; i < a->n_images; i++) {
    const yolo_data_image *x = &a->images[i], *y = &b->images[i];
    ck_assert(x->id == y->id && x->width == y->width && x->height == y->height && x->first == y->first && x->count == y->count);
    ck_assert_str_eq(yolo_dataset_text(a, x->name), yolo_dataset_text(b, y->name));
  }
  for (size_t i = 0; i < a->n_annotations; i++) {
    const yolo_annotation *x = &a->annotations[i], *y = &b->annotations[i];
    ck_assert_int_eq(x->id, y->id);
    ck_assert(memcmp(&x->x, &y->x, 5 * sizeof(double)) == 0); /* x, y, width, height, area: every bit */
    ck_assert(x->image == y->image && x->class_index == y->class_index && x->kind == y->kind);
    const int made = YOLO_ANNOTATION_HAS_AREA | YOLO_ANNOTATION_HAS_BOX; /* are written even where they were made */
    ck_assert_int_eq(x->flags | made, y->flags | made);
    coco_expect_equal_masks(a, x, b, y);
  }
  ck_assert_uint_eq(a->n_segments, b->n_segments);
}

#endif
