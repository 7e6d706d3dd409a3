/* Explanations: traces of losses change nothing and add up; a wrong gradient is found where it is; every loss has its words. */
#include "tests/unit/loss_fixture.h"
#include "tests/unit/session_fixture.h"
#include "tests/unit/suite.h"
#include "train/config.h"
#include "train/explain/explain_assign.h"
#include "train/explain/explain_loss.h"
#include "train/explain/explain_text.h"
#include "train/explain/gradcheck.h"

/* ---- traces ---- */

static void expect_sums(const lab *l, const yolo_loss_trace *traces) {
  double parts[YOLO_LOSS_MOST_PARTS] = {0};
  long answers = 0;
  for (int n = 0; n < l->batch.count; n++) {
    answers += traces[n].n_answers;
    for (int i = 0; i < traces[n].n_rows; i++)
      for (int k = 0; k < YOLO_LOSS_MOST_PARTS; k++) parts[k] += traces[n].rows[i].cost[k];
  }
  for (int k = 0; k < l->report.n_parts; k++)
    ck_assert_double_eq_tol(parts[k], l->report.parts[k].value, 1e-9 * (1 + fabs(l->report.parts[k].value)));
  ck_assert_int_eq(answers, l->report.positives);
}

START_TEST(traces_change_no_bit_and_add_up) {
  for (int i = 0; i < ALL - 2; i++) { /* softmax has no predictions */
    lab l;
    yolo_loss_trace traces[LAB_IMAGES] = {{0}};
    open_any(&l, i, 4);
    lab_run(&l);
    const yolo_loss_report plain = l.report;
    float *grad = yolo_alloc(lab_floats(&l, 0) * sizeof *grad);
    ck_assert_ptr_nonnull(grad);
    memcpy(grad, l.heads[0].grad.data, lab_floats(&l, 0) * sizeof *grad);
    l.batch.traces = traces;
    for (int again = 0; again < 2; again++) { /* a second run begins anew */
      lab_run(&l);
      ck_assert_mem_eq(grad, l.heads[0].grad.data, lab_floats(&l, 0) * sizeof *grad);
      ck_assert_double_eq(l.report.total, plain.total);
      ck_assert_int_eq(l.report.positives, plain.positives);
      ck_assert_int_gt(traces[1].n_answers, 0);
      expect_sums(&l, traces);
    }
    for (int n = 0; n < 4; n++) yolo_loss_trace_release(&traces[n]);
    yolo_free(grad);
    lab_close(&l);
  }
}
END_TEST

START_TEST(shares_are_the_whole) {
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    yolo_loss_trace traces[2] = {{0}};
    yolo_loss_shares shares;
    double sum = 0;
    open_any(&l, i, 2);
    l.images[0] = l.images[1];
    l.batch.count = 1;
    for (int h = 0; h < l.batch.n_heads; h++) l.heads[h].value.shape.n = l.heads[h].grad.shape.n = 1;
    l.batch.traces = traces;
    lab_run(&l);
    ck_assert_int_eq(yolo_loss_shares_make(&traces[0], l.batch.n_heads, l.images[0].count, &shares), YOLO_OK);
    for (int t = 0; t < shares.n_truths; t++) {
      sum += shares.truths[t].total;
      ck_assert((shares.truths[t].predictions > 0) == (shares.truths[t].best_iou >= 0));
      if (l.images[0].items[t].ignore) ck_assert_int_eq(shares.truths[t].predictions, 0);
    }
    for (int h = 0; h < shares.n_heads; h++) sum += shares.background[h].total;
    ck_assert_double_eq_tol(sum, l.report.total, 1e-9 * (1 + l.report.total));
    const yolo_assign_counts c = yolo_assign_count(&traces[0], -1);
    ck_assert_int_eq(c.rows, c.answering + c.background + c.left_out);
    ck_assert_int_eq(c.rows, traces[0].n_rows);
    ck_assert_int_eq(c.left_out, shares.left_out);
    yolo_free(shares.truths);
    yolo_loss_trace_release(&traces[0]);
    lab_close(&l);
  }
}
END_TEST

static lab starved;
static yolo_status traced_run(void) {
  yolo_loss_trace traces[1] = {{0}};
  starved.batch.traces = traces;
  yolo_status st = starved.loss->run(starved.attrs, &starved.batch, &starved.report);
  yolo_loss_trace_release(&traces[0]);
  return st;
}

START_TEST(starved_traces_are_failures) {
  open_any(&starved, 0, 1);
  starve(traced_run, 2);
  lab_close(&starved);
}
END_TEST

START_TEST(links_are_grouped_by_anchor) {
  yolo_loss_row rows[] = {{.head = 0, .cx = 1, .anchor = 0, .place = {0.25, 0.5, 0.2, 0.4}},
                          {.head = 0, .cx = 2, .anchor = 0, .place = {0.5, 0.5, 0.2, 0.4}},
                          {.head = 0, .cx = 2, .anchor = 1, .place = {0.5, 0.5, 0.1, 0.1}}};
  yolo_loss_answer answers[] = {{2, 1, 0.3}, {1, 0, 0.5}, {0, 0, 0.7}, {2, 0, 0.1}};
  const yolo_loss_trace trace = {.rows = rows, .n_rows = 3, .answers = answers, .n_answers = 4};
  const yolo_centred truth = {0.45, 0.5, 0.2, 0.2};
  yolo_assign_link *links = NULL;
  ck_assert_int_eq(yolo_assign_links(&trace, &links), YOLO_OK);
  yolo_assign_group group = yolo_assign_group_at(&trace, links, 4, 0, &truth);
  ck_assert_int_eq(group.end, 2);
  ck_assert_int_eq(group.nearest, 1);
  ck_assert_double_eq_tol(group.shape_iou, 0.5, 1e-12);
  ck_assert_double_eq(group.best_iou, 0.7);
  group = yolo_assign_group_at(&trace, links, 4, 2, &truth);
  ck_assert_int_eq(group.end, 3);
  ck_assert_double_eq(group.best_iou, 0.1);
  ck_assert_int_eq(links[3].truth, 1);
  yolo_free(links);
}
END_TEST

/* ---- words ---- */

START_TEST(every_loss_has_its_words) {
  for (int i = 0; i < yolo_loss_count(); i++) {
    const yolo_explain_text *text = yolo_explain_text_of(yolo_loss_at(i)->name);
    ck_assert_msg(text && text->paper && text->equation && text->answers, "%s", yolo_loss_at(i)->name);
  }
  ck_assert_ptr_null(yolo_explain_text_of("no such loss"));
}
END_TEST

/* ---- gradients ---- */

typedef struct tally {
  int rows, failed, failed_layer, most;
} tally;

static bool count(void *payload, const yolo_gradcheck_row *row) {
  tally *t = payload;
  t->rows++;
  ck_assert_uint_gt(row->checked, 0);
  if (row->verdict == YOLO_GRADCHECK_FAIL) {
    t->failed++;
    t->failed_layer = row->layer;
  }
  return t->rows != t->most;
}

static const char deep[] = TOY_NET TOY_BODY
    "[maxpool]\nsize=2\nstride=1\n"
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\nactivation=mish\n"
    "[shortcut]\nfrom=-2\nactivation=linear\n" TOY_HEAD "loss=yolov3\n";
static const char classifier[] = TOY_NET TOY_BODY "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n";

/* spoiled: layer whose gradient is made a little too long; -1: none. most: it is stopped after so many rows; 0: it is not. */
static tally check_rows(const char *cfg, int spoiled, int most) {
  yolo_model_spec spec;
  yolo_config config;
  yolo_session session;
  yolo_gradcheck *check = NULL;
  tally t = {0, 0, -1, most};
  toy_spec(cfg, NULL, &spec);
  MUST(yolo_config_defaults(&config));
  config.train.ema = 0;
  config.train.threads = 1;
  MUST(yolo_session_new(&spec, &config.train, 1, &session));
  MUST(yolo_gradcheck_new(&session, &(yolo_gradcheck_options){.width = 64, .height = 64, .batch = 4, .seed = 3}, &check));
  for (int i = 1; i < spec.graph->n_nodes; i++) {
    const yolo_node *node = &spec.graph->nodes[i];
    for (int k = 0; node->layer == spoiled && k < node->n_param; k++) {
      const yolo_trainer_param p = yolo_trainer_param_at(session.trainer, node->param[k]);
      for (size_t j = 0; p.grad && j < p.count; j++) yolo_gradcheck_gradients(check)[p.offset + j] *= 1.1f;
    }
  }
  size_t n;
  const float *values = yolo_trainer_values(session.trainer, &n);
  float *before = yolo_alloc(n * sizeof *before);
  const yolo_trainer_param first = yolo_trainer_param_at(session.trainer, 0);
  memcpy(before, first.value, first.count * sizeof *before);
  ck_assert_int_eq(yolo_gradcheck_run(check, count, &t), most ? YOLO_ECANCELLED : YOLO_OK);
  ck_assert_mem_eq(before, values + first.offset, first.count * sizeof *before); /* moved and put back */
  yolo_free(before);
  yolo_gradcheck_free(check);
  yolo_session_release(&session);
  yolo_config_release(&config);
  yolo_model_spec_release(&spec);
  return t;
}

static tally check(const char *cfg, int spoiled) { return check_rows(cfg, spoiled, 0); }

START_TEST(right_gradients_pass) {
  tally t = check(deep, -1);
  ck_assert_int_eq(t.failed, 0);
  ck_assert_int_eq(t.rows, 5); /* a head, four convolutions */
  t = check(classifier, -1);
  ck_assert_int_eq(t.failed, 0);
  ck_assert_int_eq(t.rows, 4);
}
END_TEST

START_TEST(a_check_can_be_stopped) {
  ck_assert_int_eq(check_rows(deep, -1, 1).rows, 1); /* in the heads */
  ck_assert_int_eq(check_rows(deep, -1, 3).rows, 3);
}
END_TEST

START_TEST(a_wrong_gradient_is_found) {
  for (int layer = 0; layer < 6; layer++) {
    if (layer == 2 || layer == 4) continue; /* maxpool, shortcut: nothing learned */
    const tally t = check(deep, layer);
    ck_assert_msg(t.failed == 1 && t.failed_layer == layer, "layer %d: %d failed, the last %d", layer, t.failed,
                  t.failed_layer);
  }
}
END_TEST

int main(void) {
  const TTest *const all_tests[] = {traces_change_no_bit_and_add_up, shares_are_the_whole,     starved_traces_are_failures,
                                    links_are_grouped_by_anchor,     every_loss_has_its_words, right_gradients_pass,
                                    a_wrong_gradient_is_found,       a_check_can_be_stopped};
  return run_suite("explain", all_tests, sizeof all_tests / sizeof *all_tests);
}
