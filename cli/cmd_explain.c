/* yolo explain: what happens inside a network and its loss, one mode a question. Modes are explain_<mode>.c. */
#include "cli/cli.h"
#include "cli/explain.h"

#define AT(member) offsetof(explain_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option modes_of_help[] = {{"gradcheck", 0, ARGS_FLAG, AT(gradcheck), 0, 0, NULL, "--gradcheck NETWORK",
                                             "are the gradients right? Layer by layer, against differences"},
                                            END};
static const args_option model[] = {
    {"model", 'm', ARGS_TEXT, AT(model.model), 0, 0, NULL, "-m, --model NAME", "a .safetensors, a .cfg, or a name of the zoo"},
    {"weights", 0, ARGS_TEXT, AT(model.weights), 0, 0, NULL, "--weights FILE --cfg FILE", "or weights with their network"},
    {"cfg", 0, ARGS_TEXT, AT(model.cfg), 0, 0, NULL, NULL, NULL},
    {"names", 0, ARGS_TEXT, AT(model.names), 0, 0, NULL, "--names FILE", "class names, one a line (default: the model's own)"},
    {"imgsz", 0, ARGS_SIZE, AT(model.size), 1, 16384, NULL, "--imgsz N | WxH", "network input (default: the model's)"},
    {"threads", 0, ARGS_INT, AT(model.threads), 1, 1024, NULL, "--threads N", "CPU threads (default: every core)"},
    END};
static const args_option output[] = {
    {"out", 'o', ARGS_TEXT, AT(out), 0, 0, NULL, "-o, --out FILE", "the picture, .png or .jpg (default runs/explain/...)"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "no equation, only what was found"},
    END};
static const args_group groups[] = {
    {"What to explain", modes_of_help, 0}, {"Model", model, 0}, {"Output", output, 0}, {NULL, NULL, 0}};

/* ---- the modes ---- */

typedef struct explain_mode {
  bool wanted;
  bool draws; /* it writes a picture */
  yolo_status (*run)(const explain_job *job);
} explain_mode;
enum { MOST_MODES = 8 };

static int list_modes(const explain_args *a, explain_mode to[MOST_MODES]) {
  int n = 0;
  to[n++] = (explain_mode){a->gradcheck, false, explain_gradcheck};
  return n;
}

static int run(const cli_command *self, int argc, char **argv) {
  explain_args args = {0};
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
  for (int i = 0; i < n && st == YOLO_OK; ++i)
    if (modes[i].wanted) st = modes[i].run(&job);
  return st == YOLO_OK ? CLI_OK : cli_fail();
}

const cli_command cmd_explain = {
    .name = "explain",
    .summary = "look into a network and its loss: gradients, who answers for what",
    .usage = "yolo explain MODE IMAGE | NETWORK [options]",
    .about = "Every mode says which equation and paper it shows.",
    .groups = groups,
    .examples = "  yolo explain --gradcheck yolov4-tiny",
    .run = run,
};
