/* yolo explain: what happens inside a network and its loss, one mode a question. Modes are explain_<mode>.c. */
#include "cli/cli.h"
#include "cli/explain.h"

#define AT(member) offsetof(explain_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option questions[] = {
    {"assign", 0, ARGS_FLAG, AT(assign), 0, 0, NULL, "--assign IMAGE",
     "which cells and anchors answer for which truth: a table, a picture"},
    {"loss", 0, ARGS_FLAG, AT(loss), 0, 0, NULL, "--loss IMAGE", "the loss taken apart, truth by truth, part by part"},
    {"gradcheck", 0, ARGS_FLAG, AT(gradcheck), 0, 0, NULL, "--gradcheck NETWORK",
     "are the gradients right? Layer by layer, against differences"},
    {"cam", 0, ARGS_FLAG, AT(cam), 0, 0, NULL, "--cam IMAGE",
     "what in the picture speaks for a detection or a class (Grad-CAM, Eigen-CAM)"},
    {"features", 0, ARGS_TEXT, AT(features), 0, 0, NULL, "--features LAYER IMAGE",
     "what the channels of a layer answer to the picture"},
    END};
static const args_option maps[] = {
    {"detection", 0, ARGS_INT, AT(detection), 0, 1000000, NULL, "--detection N", "which, from 0 (default: the best)"},
    {"class", 0, ARGS_TEXT, AT(class_name), 0, 0, NULL, "--class NAME", "its best detection; a classifier's class"},
    {"conf", 0, ARGS_REAL, AT(confidence), 0, 1, NULL, "--conf N", "detections above this (default 0.25)"},
    {"layer", 0, ARGS_TEXT, AT(layer), 0, 0, NULL, "--layer LAYER",
     "whose maps, by the number in 'yolo info' or a section's\nname (default: the last before the scores)"},
    {"channels", 0, ARGS_INT, AT(channels), 1, 9999, NULL, "--channels N", "how many, the most active first (default 48)"},
    {"in-order", 0, ARGS_FLAG, AT(in_order), 0, 0, NULL, "--in-order", "by their number"},
    END};
static const args_option model[] = {
    {"model", 'm', ARGS_TEXT, AT(model.model), 0, 0, NULL, "-m, --model NAME", "a .safetensors, a .cfg, or a name of the zoo"},
    {"weights", 0, ARGS_TEXT, AT(model.weights), 0, 0, NULL, "--weights FILE --cfg FILE", "or weights with their network"},
    {"cfg", 0, ARGS_TEXT, AT(model.cfg), 0, 0, NULL, NULL, NULL},
    {"names", 0, ARGS_TEXT, AT(model.names), 0, 0, NULL, "--names FILE", "class names, one a line (default: the model's own)"},
    {"imgsz", 0, ARGS_SIZE, AT(model.size), 1, 16384, NULL, "--imgsz N | WxH", "network input (default: the model's)"},
    {"threads", 0, ARGS_INT, AT(model.threads), 1, 1024, NULL, "--threads N", "CPU threads (default: every core)"},
    END};
static const args_option data[] = {{"data", 0, ARGS_TEXT, AT(data_file), 0, 0, NULL, "--data DATA",
                                    "a data.cfg or labels (default: a data.cfg above the picture)"},
                                   END};
static const args_option output[] = {
    {"out", 'o', ARGS_TEXT, AT(out), 0, 0, NULL, "-o, --out FILE", "the picture, .png or .jpg (default runs/explain/...)"},
    {"json", 0, ARGS_TEXT, AT(json), 0, 0, NULL, "--json FILE", "with --loss: the table as JSON; - is standard output"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "no equations, only what was found"},
    END};
static const args_group groups[] = {{"Questions", questions, 0},
                                    {"Of --cam and --features", maps, 0},
                                    {"Model", model, 0},
                                    {"What is on the picture", data, 0},
                                    {"", data_args_source, AT(data)},
                                    {"", data_args_split, AT(data)},
                                    {"Output", output, 0},
                                    {NULL, NULL, 0}};

/* ---- the modes ---- */

typedef struct explain_mode {
  bool wanted;
  bool draws; /* it writes a picture */
  yolo_status (*run)(const explain_job *job);
} explain_mode;
enum { MOST_MODES = 8 };

static int list_modes(const explain_args *a, explain_mode to[MOST_MODES]) {
  int n = 0;
  to[n++] = (explain_mode){a->assign, true, explain_assign};
  to[n++] = (explain_mode){a->loss, false, explain_loss};
  to[n++] = (explain_mode){a->gradcheck, false, explain_gradcheck};
  to[n++] = (explain_mode){a->cam, true, explain_cam};
  to[n++] = (explain_mode){a->features != NULL, true, explain_features};
  return n;
}

/* No option is taken and then ignored. */
static bool options_fit(const explain_args *a, int drawing) {
  const data_args *d = &a->data;
  const bool truths = a->assign || a->loss;
  const char *wrong = NULL;
  if (a->json && !a->loss) wrong = "--json goes with --loss: the other modes have no table in a file";
  if (!truths && (a->data_file || d->split || d->format || d->images))
    wrong = "--data, --split, --format and --images go with --assign and --loss, which ask what is on the picture";
  if (!truths && !a->gradcheck && d->sets.count > 0) wrong = "--set goes with --assign, --loss and --gradcheck";
  if (a->out && drawing == 0) wrong = "--out names a picture, and nothing is drawn; --json FILE takes the table of --loss";
  if (!a->cam && (a->detection >= 0 || a->class_name || a->confidence >= 0 || a->layer))
    wrong = "--detection, --class, --conf and --layer go with --cam";
  if (!a->features && (a->channels > 0 || a->in_order)) wrong = "--channels and --in-order go with --features";
  if (wrong) cli_complain("%s", wrong);
  return wrong == NULL;
}

static int run(const cli_command *self, int argc, char **argv) {
  explain_args args = {.confidence = -1, .detection = -1};
  explain_mode modes[MOST_MODES];
  args_words words;
  int code, wanted = 0;
  yolo_status st = YOLO_OK;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  explain_job job = {.args = &args, .word = words.count > 0 ? words.items[0] : NULL};
  if (words.count > 1) {
    cli_complain("one picture or network at a time: '%s' is one too many", words.items[1]);
    return CLI_ERROR;
  }
  const int n = list_modes(&args, modes);
  for (int i = 0; i < n; ++i) {
    wanted += modes[i].wanted;
    job.drawing += modes[i].wanted && modes[i].draws;
  }
  if (wanted == 0) {
    cli_complain("what should be explained? 'yolo explain --help' lists the modes");
    return CLI_ERROR;
  }
  if (!options_fit(&args, job.drawing)) return CLI_ERROR;
  if (args.confidence < 0) args.confidence = 0.25;
  if (args.detection < 0) args.detection = 0;
  if (args.channels == 0) args.channels = 48;
  for (int i = 0; i < n && st == YOLO_OK; ++i)
    if (modes[i].wanted) st = modes[i].run(&job);
  if (st == YOLO_ECANCELLED && cli_stop_signal()) return cli_stopped(yolo_error_message());
  return st == YOLO_OK ? CLI_OK : cli_fail();
}

const cli_command cmd_explain = {
    .name = "explain",
    .summary = "look inside: who answers for an object, what it costs, are gradients right",
    .usage = "yolo explain MODE IMAGE | NETWORK [options]",
    .about =
        "Each answer begins with its equation and the paper it is from. A network without weights answers as a training\n"
        "begins; --set train.loss=NAME looks with another loss (yolo train --losses).",
    .groups = groups,
    .examples =
        "  yolo explain --assign shapes/images/train/000001.jpg\n"
        "  yolo explain --loss dog.jpg --data data.cfg --model best.safetensors --json -\n"
        "  yolo explain --gradcheck yolov4-tiny\n"
        "  yolo explain --cam dog.jpg --model best.safetensors --class dog\n"
        "  yolo explain --features 10 dog.jpg --model best.safetensors",
    .run = run,
};
