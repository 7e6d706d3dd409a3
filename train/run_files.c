/* The folder of a training: see run.h. Files that grow are kept as text and written anew, whole or not at all. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "detect/draw_sample.h"
#include "detect/sheet.h"
#include "train/run_parts.h"

enum { MOST_RUNS = 100000, FILE_BYTES = 64 << 20 };

/* ---- the folder ---- */

static bool exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

/* runs/NAME, runs/NAME-2 ...: the first that is free; when resuming, the last that is there. */
static yolo_status choose_folder(yolo_run *run, bool resume, yolo_text *out) {
  yolo_status st = YOLO_OK;
  yolo_text before = {0};
  for (int i = 1; i < MOST_RUNS && st == YOLO_OK; ++i) {
    out->length = 0;
    st = i == 1 ? yolo_text_format(out, "runs/%s", run->model_name) : yolo_text_format(out, "runs/%s-%d", run->model_name, i);
    if (st != YOLO_OK || !exists(out->data)) break;
    before.length = 0;
    st = yolo_text_append(&before, out->data, out->length);
  }
  if (st == YOLO_OK && resume && before.length > 0) {
    out->length = 0;
    st = yolo_text_append(out, before.data, before.length);
  }
  yolo_text_free(&before);
  return st;
}

yolo_status yolo_run_make_folder(yolo_run *run, bool resume) {
  const char *wanted = run->config->output.dir;
  char *checkpoint = NULL;
  yolo_text folder = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(wanted && *wanted ? yolo_text_append(&folder, wanted, strlen(wanted)) : choose_folder(run, resume, &folder));
  run->folder = folder.data;
  folder.data = NULL;
  YOLO_TRY(yolo_path_make_folder(run->folder));
  YOLO_TRY(yolo_run_path(run, "last.ckpt", &checkpoint));
  if (!resume && exists(checkpoint)) {
    st = yolo_fail(YOLO_EINVAL, "%s holds a training already; --resume goes on with it, another output.dir begins a new one",
                   run->folder);
  }
done:
  yolo_free(checkpoint);
  yolo_text_free(&folder);
  return st;
}

yolo_status yolo_run_explain_trouble(const yolo_run *run, yolo_status st) {
  char *checkpoint = NULL, what[1024];
  if (st != YOLO_EIO && st != YOLO_EFORMAT) return st;
  snprintf(what, sizeof what, "%s", yolo_error_message());
  if (yolo_run_path(run, "last.ckpt", &checkpoint) != YOLO_OK) return st;
  if (yolo_checkpoint_exists(checkpoint))
    st = yolo_fail(st, "%s; once that is mended, --dir %s --resume goes on, and loses at most this epoch", what, run->folder);
  else
    st = yolo_fail(st, "%s; nothing was saved yet: mend that, or name another folder (--dir), and begin again", what);
  yolo_free(checkpoint);
  return st;
}

/* The same for a reader of train.log. */
static yolo_status log_epoch(yolo_run *run) {
  const yolo_epoch_report *r = &run->now;
  yolo_status st = yolo_text_format(&run->log, "epoch %d/%d: loss %.6g, learning rate %.6g, gradient at most %.4g",
                                    r->epoch + 1, r->epochs, r->loss.total, r->lr, r->gradient_norm);
  if (st == YOLO_OK && r->validated && r->validation.classifier)
    st = yolo_text_format(&run->log, ", top-1 %.4f, top-5 %.4f", r->validation.top1, r->validation.top5);
  if (st == YOLO_OK && r->validated && !r->validation.classifier)
    st = yolo_text_format(&run->log, ", AP %.4f, AP50 %.4f", r->validation.numbers[0], r->validation.numbers[1]);
  return st == YOLO_OK ? yolo_text_format(&run->log, "%s\n", r->best ? ", the best so far" : "") : st;
}

static yolo_status write_text(const yolo_run *run, const char *name, const yolo_text *text) {
  char *path = NULL;
  yolo_status st = yolo_run_path(run, name, &path);
  if (st == YOLO_OK) st = yolo_write_file(path, text->data ? text->data : "", text->length);
  yolo_free(path);
  return st;
}

/* ---- results.csv ---- */

static yolo_status csv_header(yolo_run *run) {
  return yolo_text_format(&run->csv,
                          "epoch,images,lr,gradient_norm,loss,box,objectness,class,other,positives,mean_iou,recall50,"
                          "AP,AP50,AP75,AR100,top1,top5\n");
}

/* The rows of a run that went on begin with those of its first part, up to the epoch that comes next. */
static yolo_status keep_rows(yolo_run *run, const char *text) {
  yolo_status st = YOLO_OK;
  for (const char *line = text; *line && st == YOLO_OK;) {
    size_t length = strcspn(line, "\n");
    int epoch = 0;
    bool row = sscanf(line, "%d,", &epoch) == 1;
    if (line[length] != '\n') break; /* half a line */
    if (row && epoch <= run->state.next_epoch) st = yolo_text_append(&run->csv, line, length + 1);
    line += length + 1;
  }
  return st;
}

static double part_named(const yolo_loss_report *loss, const char *name) {
  for (int i = 0; i < loss->n_parts; ++i) {
    if (strcmp(loss->parts[i].name, name) == 0) return loss->parts[i].value;
  }
  return 0;
}

static yolo_status csv_row(yolo_run *run) {
  const yolo_epoch_report *r = &run->now;
  const yolo_loss_report *loss = &r->loss;
  double box = part_named(loss, "box"), objectness = part_named(loss, "objectness"), classes = part_named(loss, "class");
  double positives = loss->positives > 0 ? (double)loss->positives : 1, truths = loss->truths > 0 ? (double)loss->truths : 1;
  yolo_status st =
      yolo_text_format(&run->csv, "%d,%ld,%.9g,%.6g,%.9g,%.9g,%.9g,%.9g,%.9g,%ld,%.6g,%.6g", r->epoch + 1, loss->images, r->lr,
                       r->gradient_norm, loss->total, box, objectness, classes, loss->total - box - objectness - classes,
                       loss->positives, loss->iou / positives, (double)loss->recalled50 / truths);
  if (st != YOLO_OK) return st;
  if (!r->validated) return yolo_text_format(&run->csv, ",,,,,,\n");
  const double *n = r->validation.numbers;
  if (r->validation.classifier)
    return yolo_text_format(&run->csv, ",,,,,%.17g,%.17g\n", r->validation.top1, r->validation.top5);
  return yolo_text_format(&run->csv, ",%.17g,%.17g,%.17g,%.17g,,\n", n[0], n[1], n[2], n[8]);
}

/* ---- TensorBoard ---- */

static yolo_status board_row(yolo_run *run) {
  const yolo_epoch_report *r = &run->now;
  int64_t step = (int64_t)run->session.optimizer.steps;
  yolo_status st = YOLO_OK;
  char tag[64];
  for (int i = 0; i < r->loss.n_parts; ++i) {
    snprintf(tag, sizeof tag, "loss/%s", r->loss.parts[i].name);
    YOLO_TRY(yolo_tensorboard_scalar(run->board, tag, step, r->loss.parts[i].value));
  }
  YOLO_TRY(yolo_tensorboard_scalar(run->board, "loss/total", step, r->loss.total));
  YOLO_TRY(yolo_tensorboard_scalar(run->board, "lr", step, r->lr));
  if (!r->validated) goto done;
  if (r->validation.classifier) {
    YOLO_TRY(yolo_tensorboard_scalar(run->board, "val/top1", step, r->validation.top1));
  } else {
    YOLO_TRY(yolo_tensorboard_scalar(run->board, "val/AP", step, r->validation.numbers[0]));
    YOLO_TRY(yolo_tensorboard_scalar(run->board, "val/AP50", step, r->validation.numbers[1]));
  }
done:
  return st;
}

/* ---- opening and writing ---- */

static yolo_status read_rows(yolo_run *run) {
  char *path = NULL, *text = NULL;
  size_t length = 0;
  yolo_status st = yolo_run_path(run, "results.csv", &path);
  if (st == YOLO_OK && run->state.next_epoch > 0 && exists(path)) {
    st = yolo_read_file(path, FILE_BYTES, &text, &length);
    if (st == YOLO_OK) st = keep_rows(run, text);
  }
  yolo_free(path);
  yolo_free(text);
  return st;
}

/* Lines about epochs that are done again are left out. */
static yolo_status keep_lines(const yolo_run *run, const char *text, yolo_text *out) {
  yolo_status st = YOLO_OK;
  for (const char *line = text; *line && st == YOLO_OK;) {
    size_t length = strcspn(line, "\n");
    int epoch = 0;
    if (line[length] != '\n') break; /* half a line */
    if (sscanf(line, "epoch %d/", &epoch) != 1 || epoch <= run->state.next_epoch) st = yolo_text_append(out, line, length + 1);
    line += length + 1;
  }
  return st;
}

/* The log of a run that goes on begins with what there is. */
static yolo_status read_log(yolo_run *run) {
  char *path = NULL, *text = NULL;
  size_t length = 0;
  yolo_text log = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_path(run, "train.log", &path));
  if ((run->state.next_epoch == 0 && run->state.next_batch == 0) || !exists(path)) goto done;
  YOLO_TRY(yolo_read_file(path, FILE_BYTES, &text, &length));
  YOLO_TRY(keep_lines(run, text, &log));
  YOLO_TRY(yolo_text_append(&log, run->log.data ? run->log.data : "", run->log.length));
  yolo_text_free(&run->log);
  run->log = log;
  log = (yolo_text){0};
done:
  yolo_free(path);
  yolo_free(text);
  yolo_text_free(&log);
  return st;
}

yolo_status yolo_run_open_files(yolo_run *run) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_sweep(run));
  YOLO_TRY(yolo_run_path(run, "data.cfg", &path));
  YOLO_TRY(yolo_config_write(run->config, path));
  YOLO_TRY(csv_header(run));
  YOLO_TRY(read_rows(run));
  YOLO_TRY(read_log(run));
  int64_t step = run->state.next_epoch > 0 ? (int64_t)run->state.next_epoch * run->steps : -1;
  YOLO_TRY(yolo_tensorboard_open(run->folder, step, &run->board));
done:
  yolo_free(path);
  return st;
}

yolo_status yolo_run_write_epoch(yolo_run *run) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(csv_row(run));
  YOLO_TRY(write_text(run, "results.csv", &run->csv));
  YOLO_TRY(log_epoch(run));
  YOLO_TRY(write_text(run, "train.log", &run->log));
  YOLO_TRY(board_row(run));
done:
  return st;
}

yolo_status yolo_run_save_state(yolo_run *run) {
  char *path = NULL;
  yolo_status st = yolo_run_path(run, "last.ckpt", &path);
  if (st == YOLO_OK) st = yolo_checkpoint_save(path, &run->session, &run->state);
  yolo_free(path);
  return st;
}

yolo_status yolo_run_save_model(yolo_run *run, const float *values, const char *name) {
  yolo_trainer_view view = {run->session.trainer, values};
  char *path = NULL;
  yolo_status st = yolo_run_note_origin(run, strcmp(name, "best.safetensors") == 0);
  if (st == YOLO_OK) st = yolo_run_path(run, name, &path);
  if (st == YOLO_OK) st = yolo_model_save(&run->spec, yolo_trainer_fetch, &view, path);
  yolo_free(path);
  return st;
}

/* ---- a batch as a picture ---- */

static yolo_status put_sample(const yolo_run *run, yolo_sheet *sheet, int index, const yolo_sample *sample) {
  yolo_image picture = {0};
  yolo_status st = yolo_sheet_fit(sheet, &sample->image, &picture);
  if (st == YOLO_OK) st = yolo_draw_sample(&picture, sample, (const char *const *)run->spec.names, run->spec.n_names);
  const yolo_data_image *image = &run->train->images[sample->index];
  if (st == YOLO_OK)
    st = yolo_sheet_put(sheet, index, &picture, yolo_basename(yolo_dataset_text(run->train, image->name)), NULL);
  yolo_image_release(&picture);
  return st;
}

yolo_status yolo_run_save_batch(yolo_run *run, const yolo_batch *batch, const char *name, char **path) {
  yolo_sheet_options options = {.cell_width = batch->width, .cell_height = batch->height, .title = "the images of the batch"};
  yolo_sheet *sheet = NULL;
  yolo_image picture = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_path(run, name, path));
  YOLO_TRY(yolo_sheet_new(batch->count, &options, &sheet));
  for (int i = 0; i < batch->count; ++i) YOLO_TRY(put_sample(run, sheet, i, &batch->samples[i]));
  YOLO_TRY(yolo_sheet_finish(sheet, NULL, 0, &picture));
  YOLO_TRY(yolo_image_save(&picture, *path));
done:
  yolo_sheet_free(sheet);
  yolo_image_release(&picture);
  return st;
}

/* ---- the sums of an unfinished epoch ---- */

yolo_status yolo_run_report_text(const yolo_epoch_report *r, char **out) {
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&text,
                            "{\"images\":%ld,\"truths\":%ld,\"positives\":%ld,\"recalled50\":%ld,\"recalled75\":%ld,"
                            "\"correct\":%ld,\"iou\":%.17g,\"total\":%.17g,\"norm\":%.17g,\"lr\":%.17g,\"parts\":{",
                            r->loss.images, r->loss.truths, r->loss.positives, r->loss.recalled50, r->loss.recalled75,
                            r->loss.correct, r->loss.iou, r->loss.total, r->gradient_norm, r->lr));
  for (int i = 0; i < r->loss.n_parts; ++i)
    YOLO_TRY(yolo_text_format(&text, "%s\"%s\":%.17g", i ? "," : "", r->loss.parts[i].name, r->loss.parts[i].value));
  YOLO_TRY(yolo_text_format(&text, "}}"));
  *out = text.data;
  text.data = NULL;
done:
  yolo_text_free(&text);
  return st;
}

static double number(const cJSON *json, const char *key) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
  return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

void yolo_run_report_read(const char *text, yolo_epoch_report *out) {
  cJSON *json = cJSON_Parse(text);
  const cJSON *part;
  yolo_loss_report *loss = &out->loss;
  *out = (yolo_epoch_report){0};
  loss->images = (long)number(json, "images");
  loss->truths = (long)number(json, "truths");
  loss->positives = (long)number(json, "positives");
  loss->recalled50 = (long)number(json, "recalled50");
  loss->recalled75 = (long)number(json, "recalled75");
  loss->correct = (long)number(json, "correct");
  loss->iou = number(json, "iou");
  loss->total = number(json, "total");
  out->gradient_norm = number(json, "norm");
  out->lr = number(json, "lr");
  cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(json, "parts")) {
    if (loss->n_parts == YOLO_LOSS_MOST_PARTS) break;
    yolo_loss_part *to = &loss->parts[loss->n_parts++];
    snprintf(to->name, sizeof to->name, "%s", part->string ? part->string : "part");
    to->value = part->valuedouble;
  }
  cJSON_Delete(json);
}
