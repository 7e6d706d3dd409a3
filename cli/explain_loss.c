/* yolo explain --loss: the loss of a picture taken apart, truth by truth. */
#include "train/explain/explain_loss.h"

#include <stdio.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/outfile.h"

/* ---- the table ---- */

static void say_share(const yolo_loss_report *report, const yolo_loss_share *share) {
  for (int i = 0; i < report->n_parts; ++i) cli_say(" %11.4f", share->parts[i]);
  cli_say(" %11.4f %6.1f%%  %11d", share->total, report->total != 0 ? 100 * share->total / report->total : 0,
          share->predictions);
  if (share->best_iou >= 0 && share->predictions > 0) cli_say("  %8.2f", share->best_iou);
  cli_say("\n");
}

static void say_header(const yolo_loss_report *report) {
  cli_say("%5s  %-14s", "truth", "class");
  for (int i = 0; i < report->n_parts; ++i) cli_say(" %11s", report->parts[i].name);
  cli_say(" %11s %7s  %11s  %8s\n", "sum", "share", "predictions", "best IoU");
}

static void say_total(const yolo_loss_report *report) {
  cli_say("%-21s", "total");
  for (int i = 0; i < report->n_parts; ++i) cli_say(" %11.4f", report->parts[i].value);
  cli_say(" %11.4f\n", report->total);
}

static void say_shares(const explain_case *s, const yolo_loss_report *report, const yolo_loss_shares *shares) {
  char name[CLI_NAME_MAX], level[32];
  say_header(report);
  for (int t = 0; t < shares->n_truths; ++t) {
    cli_say("%5d  %-14.14s", t + 1, cli_printable(s->names[s->sample.objects[t].class_index], name));
    say_share(report, &shares->truths[t]);
  }
  for (int h = 0; h < shares->n_heads; ++h) {
    yolo_loss_share background = shares->background[h];
    background.best_iou = -1;
    snprintf(level, sizeof level, "background, level %d", h + 1);
    cli_say("%-21s", level);
    say_share(report, &background);
  }
  say_total(report);
  cli_say("\nbest IoU: of the predictions that answer for the truth.\n");
  if (shares->left_out > 0)
    cli_say("%s left out: they overlap a truth or were not chosen, and cost nothing.\n",
            cli_plural((unsigned)shares->left_out, "prediction"));
  if (shares->shared > 0)
    cli_say("%s more than one truth; the truths share the cost in equal parts.\n",
            shares->shared == 1 ? "1 prediction answers for" : "Some predictions answer for");
}

/* ---- the file ---- */

static yolo_status write_share(yolo_text *text, const yolo_loss_report *report, const yolo_loss_share *share) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(text, "\"sum\":"));
  YOLO_TRY(yolo_text_number(text, share->total));
  for (int i = 0; i < report->n_parts; ++i) {
    YOLO_TRY(yolo_text_format(text, ",\"%s\":", report->parts[i].name));
    YOLO_TRY(yolo_text_number(text, share->parts[i]));
  }
  YOLO_TRY(yolo_text_format(text, ",\"predictions\":%d", share->predictions));
done:
  return st;
}

static yolo_status write_truths(const explain_case *s, const yolo_loss_report *report, const yolo_loss_shares *shares,
                                yolo_text *text) {
  yolo_status st = YOLO_OK;
  for (int t = 0; t < shares->n_truths; ++t) {
    YOLO_TRY(yolo_text_format(text, "%s\n{\"truth\":%d,\"class\":", t ? "," : "", t + 1));
    YOLO_TRY(yolo_text_json_string(text, s->names[s->sample.objects[t].class_index]));
    YOLO_TRY(yolo_text_format(text, ","));
    YOLO_TRY(write_share(text, report, &shares->truths[t]));
    if (shares->truths[t].best_iou >= 0) {
      YOLO_TRY(yolo_text_format(text, ",\"best_iou\":"));
      YOLO_TRY(yolo_text_number(text, shares->truths[t].best_iou));
    }
    YOLO_TRY(yolo_text_format(text, "}"));
  }
done:
  return st;
}

static yolo_status write_group(const explain_case *s, int group, const yolo_loss_shares *shares, yolo_text *text) {
  const yolo_loss_report *report = &s->reports[group];
  yolo_loss_share total = {.total = report->total, .predictions = s->traces[group].n_rows};
  yolo_status st = YOLO_OK;
  for (int i = 0; i < report->n_parts; ++i) total.parts[i] = report->parts[i].value;
  YOLO_TRY(yolo_text_format(text, "{\"loss\":\"%s\",\"total\":{", s->session.groups[group].loss->name));
  YOLO_TRY(write_share(text, report, &total));
  YOLO_TRY(yolo_text_format(text, "},\n\"truths\":["));
  YOLO_TRY(write_truths(s, report, shares, text));
  YOLO_TRY(yolo_text_format(text, "],\n\"background\":["));
  for (int h = 0; h < shares->n_heads; ++h) {
    YOLO_TRY(yolo_text_format(text, "%s\n{\"level\":%d,", h ? "," : "", h + 1));
    YOLO_TRY(write_share(text, report, &shares->background[h]));
    YOLO_TRY(yolo_text_format(text, "}"));
  }
  YOLO_TRY(yolo_text_format(text, "],\"left_out\":%d}", shares->left_out));
done:
  return st;
}

/* ---- the mode ---- */

static yolo_status begin_file(const explain_case *s, outfile *file) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&file->text, "{\"image\":"));
  YOLO_TRY(yolo_text_json_string(&file->text, explain_case_file(s)));
  YOLO_TRY(yolo_text_format(&file->text, ",\"model\":"));
  YOLO_TRY(yolo_text_json_string(&file->text, s->model.choice.shown));
  YOLO_TRY(yolo_text_format(&file->text, ",\n\"losses\":["));
done:
  return st;
}

static yolo_status say_groups(const explain_job *job, const explain_case *s, outfile *file) {
  yolo_loss_shares shares = {0};
  yolo_status st = YOLO_OK;
  for (int g = 0; g < s->n_groups; ++g) {
    const yolo_session_group *group = &s->session.groups[g];
    YOLO_TRY(yolo_loss_shares_make(&s->traces[g], group->n_heads, s->sample.n_objects, &shares));
    explain_say_loss(job, group->loss, false);
    say_shares(s, &s->reports[g], &shares);
    if (file) {
      if (g > 0) YOLO_TRY(yolo_text_format(&file->text, ",\n"));
      YOLO_TRY(write_group(s, g, &shares, &file->text));
    }
    yolo_free(shares.truths);
    shares.truths = NULL;
  }
done:
  yolo_free(shares.truths);
  return st;
}

yolo_status explain_loss(const explain_job *job) {
  const char *json = job->args->json;
  explain_case s = {0};
  outfile file = {0};
  yolo_status st = YOLO_OK;
  if (json && outfile_is_stdout(json)) cli_data_on_stdout();
  YOLO_TRY(explain_case_open(job, &s));
  if (json) {
    YOLO_TRY(outfile_open(json, &file));
    YOLO_TRY(begin_file(&s, &file));
  }
  YOLO_TRY(say_groups(job, &s, json ? &file : NULL));
  if (json) {
    YOLO_TRY(yolo_text_format(&file.text, "]}\n"));
    st = outfile_commit(&file);
  }
done:
  outfile_close(&file);
  explain_case_close(&s);
  return st;
}
