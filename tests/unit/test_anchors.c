/* Anchors: planted clusters are found, real boxes are clustered as well as a plain search can, threads change nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "datasets/dataset.h"
#include "tests/unit/suite.h"
#include "train/anchors.h"

static double draw(yolo_rng *rng) { return (double)yolo_rng_u32(rng) / 4294967296.0; }

/* ---- planted ---- */

START_TEST(planted_clusters_are_found) {
  static const yolo_box_size centres[] = {{10, 14}, {33, 23}, {30, 61}, {116, 90}, {156, 198}, {373, 326}};
  enum { K = 6, EACH = 400 };
  yolo_box_size boxes[K * EACH], anchors[K];
  yolo_rng rng = {.key = 5};
  for (int i = 0; i < K * EACH; ++i) { /* up to 8% off */
    boxes[i].width = centres[i % K].width * (1 + 0.16 * (draw(&rng) - 0.5));
    boxes[i].height = centres[i % K].height * (1 + 0.16 * (draw(&rng) - 0.5));
  }
  for (uint64_t seed = 0; seed < 10; ++seed) {
    yolo_anchor_search how = {.clusters = K, .seed = seed};
    yolo_anchor_fit fit;
    ck_assert_int_eq(yolo_anchors_find(boxes, K * EACH, &how, anchors), YOLO_OK);
    yolo_anchors_judge(boxes, K * EACH, anchors, K, &fit);
    for (int k = 0; k < K; ++k) { /* both lists rise by area */
      ck_assert_double_eq_tol(anchors[k].width / centres[k].width, 1, 0.01);
      ck_assert_double_eq_tol(anchors[k].height / centres[k].height, 1, 0.01);
      ck_assert_double_eq_tol(fit.shares[k], 1.0 / K, 1e-12);
    }
    ck_assert_double_eq_tol(fit.ratio_recall, 1, 1e-12);
    ck_assert_double_eq_tol(fit.iou_recall, 1, 1e-12);
    ck_assert_double_gt(fit.average_iou, 0.9);
  }
}
END_TEST

START_TEST(one_cluster_is_the_mean) {
  static const yolo_box_size boxes[] = {{10, 20}, {20, 40}, {30, 60}};
  yolo_box_size anchor;
  yolo_anchor_search how = {.clusters = 1};
  yolo_anchor_fit fit;
  ck_assert_int_eq(yolo_anchors_find(boxes, 3, &how, &anchor), YOLO_OK);
  ck_assert_double_eq_tol(anchor.width, 20, 1e-9);
  ck_assert_double_eq_tol(anchor.height, 40, 1e-9);
  yolo_anchors_judge(boxes, 3, &anchor, 1, &fit);
  ck_assert_double_eq_tol(fit.average_iou, (200.0 / 800 + 1 + 800.0 / 1800) / 3, 1e-12);
  ck_assert_double_eq_tol(fit.iou_recall, 1.0 / 3, 1e-12);
  ck_assert_double_eq_tol(fit.ratio_recall, 1, 1e-12);
}
END_TEST

START_TEST(limits_of_recall) {
  static const yolo_box_size boxes[] = {{40, 10}, {39.9, 10}, {10, 2.5}, {10, 2.6}, {10, 5}, {10, 5.1}}, anchor = {10, 10};
  yolo_anchor_fit fit;
  yolo_anchors_judge(boxes, 6, &anchor, 1, &fit);
  ck_assert_double_eq_tol(fit.ratio_recall, 4.0 / 6, 1e-12); /* a factor of 4 is too much */
  ck_assert_double_eq_tol(fit.iou_recall, 1.0 / 6, 1e-12);   /* an IoU of 0.5 is not enough */
}
END_TEST

START_TEST(impossible_wishes) {
  static const yolo_box_size boxes[] = {{10, 20}, {20, 40}, {10, 20}};
  yolo_box_size anchors[YOLO_MOST_ANCHORS];
  yolo_anchor_search how = {.clusters = 3};
  ck_assert_int_eq(yolo_anchors_find(boxes, 3, &how, anchors), YOLO_EINVAL);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "only 2 different box sizes"));
  how.clusters = 2;
  ck_assert_int_eq(yolo_anchors_find(boxes, 3, &how, anchors), YOLO_OK);
  ck_assert_double_eq_tol(anchors[1].height, 40, 1e-9);
  ck_assert_int_eq(yolo_anchors_find(boxes, 0, &how, anchors), YOLO_EINVAL);
  how.clusters = YOLO_MOST_ANCHORS + 1;
  ck_assert_int_eq(yolo_anchors_find(boxes, 3, &how, anchors), YOLO_EINVAL);
}
END_TEST

/* ---- many boxes: a sample, several chunks ---- */

static yolo_box_size *random_boxes(size_t n) {
  yolo_box_size *boxes = malloc(n * sizeof *boxes);
  yolo_rng rng = {.key = 77};
  for (size_t i = 0; boxes && i < n; ++i) {
    double side = exp(1 + 4.5 * draw(&rng)), aspect = exp(1.6 * (draw(&rng) - 0.5));
    boxes[i] = (yolo_box_size){side * aspect, side / aspect};
  }
  return boxes;
}

START_TEST(threads_and_seeds) {
  enum { N = 60000, K = 9 };
  yolo_box_size *boxes = random_boxes(N), one[K], other[K];
  yolo_anchor_fit first, second;
  ck_assert_ptr_nonnull(boxes);
  ck_assert_int_eq(yolo_anchors_find(boxes, N, &(yolo_anchor_search){.clusters = K, .restarts = 4, .threads = 1}, one),
                   YOLO_OK);
  yolo_anchors_judge(boxes, N, one, K, &first);
  for (int threads = 2; threads <= 7; threads += 5) {
    yolo_anchor_search how = {.clusters = K, .restarts = 4, .threads = threads};
    ck_assert_int_eq(yolo_anchors_find(boxes, N, &how, other), YOLO_OK);
    ck_assert_mem_eq(one, other, sizeof one);
  }
  ck_assert_int_eq(yolo_anchors_find(boxes, N, &(yolo_anchor_search){.clusters = K, .restarts = 4, .seed = 1}, other), YOLO_OK);
  yolo_anchors_judge(boxes, N, other, K, &second);
  ck_assert_int_ne(memcmp(one, other, sizeof one), 0);
  ck_assert_double_eq_tol(first.average_iou, second.average_iou, 0.005);
  free(boxes);
}
END_TEST

/* ---- against a plain search ---- */

/* Lloyd's rounds from k boxes drawn at random, the plainest way; the best average IoU of any round. */
static double plain_search(const yolo_box_size *boxes, size_t n, int k, yolo_rng *rng) {
  yolo_box_size anchors[YOLO_MOST_ANCHORS];
  double best = 0;
  for (int i = 0; i < k; ++i) anchors[i] = boxes[(size_t)(draw(rng) * (double)n)];
  for (int round = 0; round < 60; ++round) {
    double sum = 0, w[YOLO_MOST_ANCHORS] = {0}, h[YOLO_MOST_ANCHORS] = {0}, count[YOLO_MOST_ANCHORS] = {0};
    for (size_t i = 0; i < n; ++i) {
      int nearest = 0;
      double most = -1;
      for (int j = 0; j < k; ++j) {
        double inner = fmin(boxes[i].width, anchors[j].width) * fmin(boxes[i].height, anchors[j].height);
        double iou = inner / (boxes[i].width * boxes[i].height + anchors[j].width * anchors[j].height - inner);
        if (iou > most) {
          most = iou;
          nearest = j;
        }
      }
      sum += most;
      w[nearest] += boxes[i].width;
      h[nearest] += boxes[i].height;
      count[nearest] += 1;
    }
    if (sum / (double)n > best) best = sum / (double)n;
    for (int j = 0; j < k; ++j)
      if (count[j] > 0) anchors[j] = (yolo_box_size){w[j] / count[j], h[j] / count[j]};
  }
  return best;
}

START_TEST(bccd_is_clustered_well) {
  const char *folder = getenv("YOLO_TEST_DATA");
  char labels[1024], images[1024];
  yolo_dataset *data = NULL;
  if (!folder) {
    printf("SKIP: YOLO_TEST_DATA is not set; anchors of real boxes were not tested\n");
    return;
  }
  snprintf(labels, sizeof labels, "%s/bccd/Annotations", folder);
  snprintf(images, sizeof images, "%s/bccd/JPEGImages", folder);
  yolo_data_source source = {"voc", labels, images};
  yolo_status st = yolo_dataset_open(&source, 1, &(yolo_data_open_options){.no_cache = true}, &data);
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  yolo_box_size *boxes = malloc(data->n_annotations * sizeof *boxes), anchors[9];
  size_t n = 0;
  for (size_t i = 0; i < data->n_annotations; ++i) {
    const yolo_annotation *a = &data->annotations[i];
    if (a->width > 0 && a->height > 0) boxes[n++] = (yolo_box_size){a->width * 0.65, a->height * 0.65};
  }
  ck_assert_uint_gt(n, 4800);
  for (int k = 3; k <= 9; k += 3) {
    yolo_rng rng = {.key = 9, .stream = (uint64_t)k};
    yolo_anchor_fit fit;
    double plain = 0;
    for (int i = 0; i < 40; ++i) plain = fmax(plain, plain_search(boxes, n, k, &rng));
    ck_assert_int_eq(yolo_anchors_find(boxes, n, &(yolo_anchor_search){.clusters = k}, anchors), YOLO_OK);
    yolo_anchors_judge(boxes, n, anchors, k, &fit);
    printf("bccd, %d anchors: average IoU %.4f; plain search, best of 40: %.4f\n", k, fit.average_iou, plain);
    ck_assert_double_ge(fit.average_iou, plain - 0.001);
  }
  free(boxes);
  yolo_dataset_free(data);
}
END_TEST

START_TEST(no_memory) {
  static const yolo_box_size boxes[] = {{10, 20}, {20, 40}, {30, 60}};
  yolo_box_size anchors[2];
  yolo_anchor_search how = {.clusters = 2, .restarts = 2, .threads = 1};
  long live = yolo_memory_get_stats().live;
  for (long n = 1;; ++n) {
    yolo_memory_fail_at(n);
    yolo_status st = yolo_anchors_find(boxes, 3, &how, anchors);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) {
      ck_assert_int_gt(n, 5);
      break;
    }
    ck_assert_int_eq(st, YOLO_ENOMEM);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("anchors");
  TCase *tc = tcase_create("anchors");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, planted_clusters_are_found);
  tcase_add_test(tc, one_cluster_is_the_mean);
  tcase_add_test(tc, limits_of_recall);
  tcase_add_test(tc, impossible_wishes);
  tcase_add_test(tc, threads_and_seeds);
  tcase_add_test(tc, bccd_is_clustered_well);
  tcase_add_test(tc, no_memory);
  suite_add_tcase(suite, tc);
  return suite_run(suite);
}
