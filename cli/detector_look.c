/* yolo detector test and map: the same as `yolo detect` and `yolo eval`, which are called with the words they know. */
#include <stdio.h>

#include "backbone/base/text.h"
#include "cli/detector.h"

enum { MOST_WORDS = 32, NUMBER_ROOM = 32 };

/* A command line, word by word. */
typedef struct line {
  char *words[MOST_WORDS];
  char number[2][NUMBER_ROOM];
  int n, numbers;
} line;

static void add(line *l, const char *word) { l->words[l->n++] = (char *)word; }

static void add_pair(line *l, const char *option, const char *value) {
  if (!value) return;
  add(l, option);
  add(l, value);
}

static void add_number(line *l, const char *option, double value) {
  if (value < 0) return;
  char *text = l->number[l->numbers++];
  snprintf(text, NUMBER_ROOM, "%.9g", value);
  add_pair(l, option, text);
}

static void add_model(line *l, const detector_call *call) {
  if (yolo_has_suffix(call->weights, ".safetensors")) {
    add_pair(l, "--model", call->weights);
  } else {
    add_pair(l, "--weights", call->weights);
    add_pair(l, "--cfg", call->cfg);
    add_pair(l, "--names", call->data.names);
  }
  if (call->args->letter_box) add(l, "--letterbox");
  if (call->args->quiet) add(l, "--quiet");
}

int detector_test(const detector_call *call) {
  const detector_args *a = call->args;
  line l = {.n = 0};
  add(&l, call->image ? call->image : "-");
  add_model(&l, call);
  add_number(&l, "--conf", a->thresh);
  add_pair(&l, "--json", a->out);
  if (a->ext_output) add_pair(&l, "--csv", "-");
  if (a->save_labels) add(&l, "--save-txt");
  if (!call->image && !a->quiet) cli_complain("no image was named: paths are read from standard input, one a line");
  return cmd_detect.run(&cmd_detect, l.n, l.words);
}

int detector_map(const detector_call *call) {
  const detector_args *a = call->args;
  line l = {.n = 0};
  add(&l, call->file);
  add_model(&l, call);
  add_pair(&l, "--split", "val");
  add(&l, "--per-class");
  add_number(&l, "--iou", a->iou_thresh);
  if (a->points == 11) add(&l, "--voc07");
  if (a->points <= 0) add(&l, "--voc12");
  if (a->points > 0 && a->points != 11 && a->points != 101) {
    cli_complain("-points %d: 0 (area under the curve), 11 (VOC 2007) and 101 (COCO) are there", a->points);
    return CLI_ERROR;
  }
  return cmd_eval.run(&cmd_eval, l.n, l.words);
}
