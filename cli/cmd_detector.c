/* yolo detector train|test|map: Darknet's command line, options with one dash. The work is that of `yolo train`, `yolo detect`
 * and `yolo eval`; options that mean nothing here are accepted and said. */
#include <string.h>

#include "backbone/base/text.h"
#include "cli/detector.h"

#define AT(member) offsetof(detector_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option training[] = {
    {"map", 0, ARGS_FLAG, AT(map), 0, 0, NULL, "-map", "score the valid split while it trains (else once, at the end)"},
    {"mAP_epochs", 0, ARGS_INT, AT(map_epochs), 1, 100000, NULL, "-mAP_epochs N", "epochs between two scores (default 4)"},
    {"clear", 0, ARGS_FLAG, AT(clear), 0, 0, NULL, "-clear",
     "count iterations from 0, whatever WEIGHTS have seen: always done"},
    {"dir", 'o', ARGS_TEXT, AT(dir), 0, 0, NULL, "--dir DIR", "folder of the run (default runs/NAME, NAME-2, ...)"},
    {"resume", 0, ARGS_FLAG, AT(resume), 0, 0, NULL, "--resume", "go on with the run in that folder, bit for bit"},
    {"set", 0, ARGS_TEXTS, AT(sets), 0, 0, NULL, "--set SECTION.KEY=VALUE", "overrides what the cfg says (yolo help data.cfg)"},
    END};
static const args_option looking[] = {
    {"thresh", 0, ARGS_REAL, AT(thresh), 0, 1, NULL, "-thresh N", "test: confidence from which boxes are shown (default 0.25)"},
    {"ext_output", 0, ARGS_FLAG, AT(ext_output), 0, 0, NULL, "-ext_output", "test: the coordinates of boxes, as CSV"},
    {"out", 0, ARGS_TEXT, AT(out), 0, 0, NULL, "-out FILE.json", "test: detections as JSON"},
    {"save_labels", 0, ARGS_FLAG, AT(save_labels), 0, 0, NULL, "-save_labels", "test: detections as labels in YOLO's format"},
    {"letter_box", 0, ARGS_FLAG, AT(letter_box), 0, 0, NULL, "-letter_box", "test, map: keep the shape of images"},
    {"iou_thresh", 0, ARGS_REAL, AT(iou_thresh), 0.01, 1, NULL, "-iou_thresh N", "map: overlap of a hit (default: COCO's ten)"},
    {"points", 0, ARGS_INT, AT(points), 0, 101, NULL, "-points N",
     "map: 0 area under the curve, 11 VOC 2007, 101 COCO (default 0)"},
    END};
static const args_option others[] = {
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
    {"gpus", 0, ARGS_TEXT, AT(gpus), 0, 0, NULL, "-gpus, -i, -nogpu, -dont_show, -show_imgs, -chart, -mjpeg_port ...",
     "accepted; what has no meaning here is said"},
    {"gpu", 'i', ARGS_TEXT, AT(gpu), 0, 0, NULL, NULL, NULL},
    {"nogpu", 0, ARGS_FLAG, AT(nogpu), 0, 0, NULL, NULL, NULL},
    {"dont_show", 0, ARGS_FLAG, AT(dont_show), 0, 0, NULL, NULL, NULL},
    {"show_imgs", 0, ARGS_FLAG, AT(show_imgs), 0, 0, NULL, NULL, NULL},
    {"dontdraw_bbox", 0, ARGS_FLAG, AT(dontdraw_bbox), 0, 0, NULL, NULL, NULL},
    {"benchmark", 0, ARGS_FLAG, AT(benchmark), 0, 0, NULL, NULL, NULL},
    {"benchmark_layers", 0, ARGS_FLAG, AT(benchmark_layers), 0, 0, NULL, NULL, NULL},
    {"chart", 0, ARGS_TEXT, AT(chart), 0, 0, NULL, NULL, NULL},
    {"mjpeg_port", 0, ARGS_TEXT, AT(mjpeg_port), 0, 0, NULL, NULL, NULL},
    {"json_port", 0, ARGS_TEXT, AT(json_port), 0, 0, NULL, NULL, NULL},
    {"prefix", 0, ARGS_TEXT, AT(prefix), 0, 0, NULL, NULL, NULL},
    {"avgframes", 0, ARGS_TEXT, AT(avgframes), 0, 0, NULL, NULL, NULL},
    END};
static const args_group groups[] = {
    {"train", training, 0}, {"test and map", looking, 0}, {"Other", others, 0}, {NULL, NULL, 0}};

/* ---- verbs ---- */

enum { TRAIN = 1, TEST = 2, MAP = 4, MOST_ARGUMENTS = 256, MOST_WORD = 128 };

typedef struct verb {
  const char *name, *usage;
  int bit, least, most; /* words after the verb */
  int (*run)(const detector_call *call);
} verb;
static const verb verbs[] = {{"train", "yolo detector train DATA CFG [WEIGHTS]", TRAIN, 2, 3, detector_train},
                             {"test", "yolo detector test DATA CFG WEIGHTS [IMAGE]", TEST, 3, 4, detector_test},
                             {"map", "yolo detector map DATA CFG WEIGHTS", MAP, 3, 3, detector_map}};

/* Darknet's other verbs, and where their work is done. */
static const char *const elsewhere[][2] = {
    {"calc_anchors", "yolo data anchors DATA does it"},
    {"valid", "yolo detect IMAGES --coco-json FILE writes results; yolo eval scores them"},
    {"recall", "yolo eval DATA --weights FILE --cfg FILE prints recall"},
    {"demo", "there is no video: frames as images go through yolo detect"}};

/* ---- what means nothing ---- */

typedef struct idle {
  size_t at;
  args_kind kind;
  const char *name;
  int verbs; /* that it does mean something for */
  const char *why;
} idle;
static const idle idles[] = {
    {AT(gpus), ARGS_TEXT, "gpus", 0, "one device is used; training runs on the CPU"},
    {AT(gpu), ARGS_TEXT, "i", 0, "one device is used; training runs on the CPU"},
    {AT(dont_show), ARGS_FLAG, "dont_show", 0, "no window is opened anyway"},
    {AT(show_imgs), ARGS_FLAG, "show_imgs", 0, "yolo data preview DATA --augmented shows what training sees"},
    {AT(dontdraw_bbox), ARGS_FLAG, "dontdraw_bbox", 0, "yolo detect --no-images draws nothing"},
    {AT(benchmark), ARGS_FLAG, "benchmark", 0, "yolo bench measures"},
    {AT(benchmark_layers), ARGS_FLAG, "benchmark_layers", 0, "yolo bench --layers measures"},
    {AT(chart), ARGS_TEXT, "chart", 0, "the run's report.html has the curves"},
    {AT(mjpeg_port), ARGS_TEXT, "mjpeg_port", 0, "nothing is served; the run's report.html has the curves"},
    {AT(json_port), ARGS_TEXT, "json_port", 0, "nothing is served"},
    {AT(prefix), ARGS_TEXT, "prefix", 0, "there is no video"},
    {AT(avgframes), ARGS_TEXT, "avgframes", 0, "there is no video"},
    {AT(map), ARGS_FLAG, "map", TRAIN, "it belongs to train"},
    {AT(map_epochs), ARGS_INT, "mAP_epochs", TRAIN, "it belongs to train"},
    {AT(clear), ARGS_FLAG, "clear", TRAIN, "it belongs to train"},
    {AT(dir), ARGS_TEXT, "-dir", TRAIN, "it belongs to train"},
    {AT(resume), ARGS_FLAG, "-resume", TRAIN, "it belongs to train"},
    {AT(thresh), ARGS_REAL, "thresh", TEST, "it belongs to test: scores need every detection"},
    {AT(ext_output), ARGS_FLAG, "ext_output", TEST, "it belongs to test"},
    {AT(out), ARGS_TEXT, "out", TEST, "it belongs to test"},
    {AT(save_labels), ARGS_FLAG, "save_labels", TEST, "it belongs to test"},
    {AT(letter_box), ARGS_FLAG, "letter_box", TEST | MAP, "training reads letter_box of the cfg's [net]"},
    {AT(iou_thresh), ARGS_REAL, "iou_thresh", MAP, "it belongs to map"},
    {AT(points), ARGS_INT, "points", MAP, "it belongs to map"}};

static bool is_given(const detector_args *args, const idle *i) {
  const char *at = (const char *)args + i->at;
  switch (i->kind) {
    case ARGS_FLAG: return *(const bool *)at;
    case ARGS_INT: return *(const int *)at >= 0;
    case ARGS_REAL: return *(const double *)at >= 0;
    default: return *(const char *const *)at != NULL;
  }
}

static void say_idle(const detector_args *args, int bit) {
  for (size_t i = 0; i < sizeof idles / sizeof *idles; ++i) {
    if (is_given(args, &idles[i]) && !(idles[i].verbs & bit))
      cli_complain("-%s changes nothing: %s", idles[i].name, idles[i].why);
  }
}

/* ---- the command ---- */

/* Options of several letters with one dash get their second one; numbers and single letters stay. */
static int double_dashes(int argc, char **argv, char words[][MOST_WORD], char **out) {
  for (int i = 0; i < argc; ++i) {
    const char *word = argv[i];
    const bool one_dash = word[0] == '-' && word[1] != '-' && word[1] != '\0' && word[2] != '\0';
    out[i] = argv[i];
    if (!one_dash || strchr("0123456789.", word[1]) || strlen(word) + 2 > MOST_WORD) continue;
    snprintf(words[i], MOST_WORD, "-%s", word);
    out[i] = words[i];
  }
  return argc;
}

static const verb *find_verb(const char *name) {
  const char *names[sizeof verbs / sizeof *verbs];
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; ++i) {
    names[i] = verbs[i].name;
    if (strcmp(name, verbs[i].name) == 0) return &verbs[i];
  }
  for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; ++i) {
    if (strcmp(name, elsewhere[i][0]) != 0) continue;
    cli_complain("detector %s: %s", name, elsewhere[i][1]);
    return NULL;
  }
  const char *closest = yolo_closest(name, names, sizeof verbs / sizeof *verbs);
  cli_complain("there is no 'detector %s'%s%s%s; there are train, test and map", name, closest ? ". Did you mean '" : "",
               closest ? closest : "", closest ? "'?" : "");
  return NULL;
}

static int run_verb(const verb *v, const detector_args *args, const args_words *words) {
  const int n = words->count - 1;
  detector_call call = {.args = args};
  if (n < v->least || n > v->most) {
    cli_complain("%s where %d to %d are wanted: %s", cli_plural((unsigned)n, "file"), v->least, v->most, v->usage);
    return CLI_ERROR;
  }
  call.file = words->items[1];
  call.cfg = words->items[2];
  call.weights = n > 2 ? words->items[3] : NULL;
  call.image = n > 3 ? words->items[4] : NULL;
  say_idle(args, v->bit);
  const int code = yolo_darknet_data_load(call.file, NULL, &call.data) == YOLO_OK ? v->run(&call) : cli_fail();
  yolo_darknet_data_release(&call.data);
  return code;
}

static int run(const cli_command *self, int argc, char **argv) {
  detector_args args = {.thresh = -1, .iou_thresh = -1, .points = -1, .map_epochs = -1};
  char words[MOST_ARGUMENTS][MOST_WORD], *dashed[MOST_ARGUMENTS];
  args_words found;
  int code;
  if (argc > MOST_ARGUMENTS) {
    cli_complain("more than %d words", MOST_ARGUMENTS);
    return CLI_ERROR;
  }
  argc = double_dashes(argc, argv, words, dashed);
  if (!cli_parse(self, argc, dashed, &args, &found, &code)) return code;
  if (found.count == 0) {
    cli_print_help(self);
    return CLI_ERROR;
  }
  const verb *v = find_verb(found.items[0]);
  return v ? run_verb(v, &args, &found) : CLI_ERROR;
}

const cli_command cmd_detector = {
    .name = "detector",
    .summary = "Darknet's command line: train, test and map with .data and .cfg",
    .usage =
        "yolo detector train DATA CFG [WEIGHTS] [options]\n       yolo detector test DATA CFG WEIGHTS [IMAGE] [options]\n"
        "       yolo detector map DATA CFG WEIGHTS [options]",
    .about =
        "DATA: a Darknet .data file. [net] of the CFG says how it is trained. NAME_last, NAME_best and NAME_final.weights go\n"
        "into the backup folder of DATA. docs/darknet.md has the keys, one by one.",
    .groups = groups,
    .examples =
        "  yolo detector train obj.data yolov4-tiny-obj.cfg yolov4-tiny.conv.29 -map -dont_show\n"
        "  yolo detector test obj.data yolov4-tiny-obj.cfg backup/yolov4-tiny-obj_best.weights dog.jpg\n"
        "  yolo detector map obj.data yolov4-tiny-obj.cfg backup/yolov4-tiny-obj_best.weights",
    .run = run,
};
