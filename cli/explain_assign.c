/* yolo explain --assign: which predictions answer for which truth, as a table and a picture. */
#include "train/explain/explain_assign.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/explain.h"

/* ---- the table ---- */

static void say_truth(const explain_case *s, int truth) {
  char name[CLI_NAME_MAX], size[32];
  const yolo_object *o = &s->sample.objects[truth];
  snprintf(size, sizeof size, "%.0fx%.0f", (double)o->x2 - (double)o->x1, (double)o->y2 - (double)o->y1);
  cli_say("%5d  %-14.14s %9s", truth + 1, cli_printable(s->names[o->class_index], name), size);
}

/* Columns and rows of the cells of one anchor: "11,10 11,11 12,11". */
static void list_cells(const yolo_loss_trace *trace, const yolo_assign_link *links, int n, char *to, size_t room) {
  enum { MOST_CELLS = 4 };
  size_t at = 0;
  for (int i = 0; i < n && i < MOST_CELLS && at < room; ++i) {
    const yolo_loss_row *row = &trace->rows[links[i].row];
    at += (size_t)snprintf(to + at, room - at, "%s%d,%d", i ? " " : "", row->cx, row->cy);
  }
  if (n > MOST_CELLS && at < room) snprintf(to + at, room - at, " and %d more", n - MOST_CELLS);
}

static void say_group(const explain_case *s, const yolo_loss_trace *trace, const yolo_assign_group *group,
                      const yolo_assign_link *links, int n) {
  const yolo_loss_row *row = &trace->rows[group->nearest];
  char cells[96], anchor[32];
  list_cells(trace, links, n, cells, sizeof cells);
  snprintf(anchor, sizeof anchor, "%.0fx%.0f", row->place.w * s->sample.image.width, row->place.h * s->sample.image.height);
  cli_say("  %5d  %9s  %9.2f  %8.2f  %s\n", row->head + 1, anchor, group->shape_iou, group->best_iou, cells);
}

static const char *why_nobody(const explain_case *s, int truth) {
  const yolo_object *o = &s->sample.objects[truth];
  if (o->flags & (YOLO_ANNOTATION_CROWD | YOLO_ANNOTATION_DIFFICULT)) return "ignored: neither wanted nor punished";
  return "nobody answers: its anchors or cells belong to others, or none fits";
}

static void say_answers(const explain_case *s, const yolo_loss_trace *trace, const yolo_assign_link *links) {
  int at = 0;
  cli_say("%5s  %-14s %9s  %5s  %9s  %9s  %8s  %s\n", "truth", "class", "size", "level", "anchor", "shape IoU", "box IoU",
          "cells (column,row)");
  for (int t = 0; t < s->sample.n_objects; ++t) {
    const yolo_centred truth = yolo_assign_truth(&s->sample, t);
    say_truth(s, t);
    if (at == trace->n_answers || links[at].truth != t) cli_say("  %s\n", why_nobody(s, t));
    for (bool first = true; at < trace->n_answers && links[at].truth == t; first = false) {
      const yolo_assign_group group = yolo_assign_group_at(trace, links, trace->n_answers, at, &truth);
      if (!first) cli_say("%31s", "");
      say_group(s, trace, &group, &links[at], group.end - at);
      at = group.end;
    }
  }
}

static void say_counts(const yolo_session_group *group, const yolo_loss_trace *trace) {
  cli_say("\n%5s  %11s  %6s  %10s  %8s\n", "level", "predictions", "answer", "background", "left out");
  for (int h = 0; h < group->n_heads; ++h) {
    const yolo_assign_counts c = yolo_assign_count(trace, h);
    cli_say("%5d  %11d  %6d  %10d  %8d\n", h + 1, c.rows, c.answering, c.background, c.left_out);
  }
}

/* ---- the picture ---- */

static yolo_status draw(const explain_job *job, const explain_case *s, int group) {
  yolo_text path = {0}, title = {0};
  char mode[32];
  yolo_image image = {0};
  yolo_status st = YOLO_OK;
  snprintf(mode, sizeof mode, s->n_groups > 1 ? "assign-%s" : "assign", s->session.groups[group].loss->name);
  YOLO_TRY(explain_out_path(job, mode, &path));
  YOLO_TRY(yolo_text_format(&title, "%s: who answers for what (loss %s, network %s)", explain_case_file(s),
                            s->session.groups[group].loss->name, yolo_basename(s->model.choice.shown)));
  const yolo_assign_scene scene = {.group = &s->session.groups[group],
                                   .trace = &s->traces[group],
                                   .sample = &s->sample,
                                   .names = s->names,
                                   .n_names = s->n_names,
                                   .title = title.data};
  YOLO_TRY(yolo_assign_draw(&scene, &image));
  YOLO_TRY(yolo_image_save(&image, path.data));
  cli_say("\n%s: %dx%d pixels\n", path.data, image.width, image.height);
done:
  yolo_image_release(&image);
  yolo_text_free(&path);
  yolo_text_free(&title);
  return st;
}

yolo_status explain_assign(const explain_job *job) {
  explain_case s;
  yolo_assign_link *links = NULL;
  yolo_status st = explain_case_open(job, &s);
  YOLO_TRY(st);
  if (s.sample.n_objects == 0) {
    st = yolo_fail(YOLO_EINVAL, "the data say that nothing is on '%s', so nobody answers; name a picture with objects",
                   job->word);
    goto done;
  }
  for (int g = 0; g < s.n_groups; ++g) {
    YOLO_TRY(yolo_assign_links(&s.traces[g], &links));
    explain_say_loss(job, s.session.groups[g].loss, true);
    say_answers(&s, &s.traces[g], links);
    say_counts(&s.session.groups[g], &s.traces[g]);
    YOLO_TRY(draw(job, &s, g));
    yolo_free(links);
    links = NULL;
  }
done:
  yolo_free(links);
  explain_case_close(&s);
  return st;
}
