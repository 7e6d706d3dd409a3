/* yolo detect: finds objects in images. The options; the work is in detect_setup.c and detect_loop.c. */
#include "cli/detect_job.h"

#define AT(member) offsetof(detect_args, member)
#define END \
  { NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL }

static const args_option keep[] = {
    {"conf", 0, ARGS_REAL, AT(confidence), 0, 1, NULL, "--conf N",
     "keep detections with more confidence than this (default 0.25)"},
    {"iou", 0, ARGS_REAL, AT(iou), 0, 1, NULL, "--iou N", "of two boxes that overlap more, keep the better (default 0.45)"},
    {"nms-kind", 0, ARGS_CHOICE, AT(nms_kind), 0, 0, "iou|diou|none", "--nms-kind KIND",
     "iou | diou | none (default: the model's)"},
    {"agnostic", 0, ARGS_FLAG, AT(agnostic), 0, 0, NULL, "--agnostic", "compare overlaps across classes too"},
    {"best-class", 0, ARGS_FLAG, AT(best_class), 0, 0, NULL, "--best-class",
     "one class a box (default: every class above --conf)"},
    {"max-det", 0, ARGS_INT, AT(max_detections), 0, 1000000, NULL, "--max-det N",
     "per image, 0 = all (default 300; with --coco-json: 0)"},
    {"classes", 0, ARGS_TEXT, AT(classes), 0, 0, NULL, "--classes LIST", "only these, by name or index: dog,cat,7"},
    END};

static const args_option batch[] = {
    {"batch", 0, ARGS_INT, AT(batch), 1, 1024, NULL, "--batch N", "images in one pass of the network (default 1)"},
    {"decoders", 0, ARGS_INT, AT(decoders), 1, PREFETCH_MOST_THREADS, NULL, "--decoders N",
     "threads that decode images ahead (default: the cores that are free, 1 to 8)"},
    END};

static const args_option output[] = {
    {"out", 'o', ARGS_TEXT, AT(folder), 0, 0, NULL, "-o, --out DIR",
     "folder for what is written (default runs/detect, detect-2 ...)"},
    {"no-images", 0, ARGS_FLAG, AT(no_images), 0, 0, NULL, "--no-images", "draw no pictures"},
    {"save-txt", 0, ARGS_FLAG, AT(save_txt), 0, 0, NULL, "--save-txt | --crops",
     "DIR/labels/*.txt (YOLO) | DIR/crops/CLASS/*.jpg"},
    {"crops", 0, ARGS_FLAG, AT(crops), 0, 0, NULL, NULL, NULL},
    {"json", 0, ARGS_TEXT, AT(json), 0, 0, NULL, "--json FILE | --csv FILE",
     "all detections in one file; - is standard output"},
    {"csv", 0, ARGS_TEXT, AT(csv), 0, 0, NULL, NULL, NULL},
    {"coco-json", 0, ARGS_TEXT, AT(coco_json), 0, 0, NULL, "--coco-json FILE", "results for COCO evaluation, with the ids of"},
    {"coco-ref", 0, ARGS_TEXT, AT(coco_ref), 0, 0, NULL, "  --coco-ref FILE",
     "this instances_*.json (default: by number in file name)"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
    END};

static const args_group groups[] = {{"Model", model_args_files, 0},
                                    {"Input", model_args_input, 0},
                                    {"Run", model_args_run, 0},
                                    {"", batch, 0},
                                    {"Keep", keep, 0},
                                    {"Write", output, 0},
                                    {NULL, NULL, 0}};

static int run(const cli_command *self, int argc, char **argv) {
  detect_args args = {.confidence = 0.25, .iou = 0.45, .max_detections = -1, .batch = 1};
  args_words words;
  detect_job job = {0};
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (detect_setup(&job, &args, words.items, words.count) == YOLO_OK) {
    code = detect_loop(&job);
  } else {
    code = cli_fail();
  }
  detect_job_free(&job);
  return code;
}

const cli_command cmd_detect = {
    .name = "detect",
    .summary = "find objects in images",
    .usage = "yolo detect SOURCE... [--model FILE] [options]",
    .about =
        "SOURCE: an image, a folder (searched through), 'a pattern*.jpg', a list (.txt, or - for standard input).\n"
        "Without a model it is yolo-nano, which knows blood cells.",
    .groups = groups,
    .examples =
        "  yolo detect dog.jpg --weights yolov3.weights --cfg yolov3.cfg --names coco.names\n"
        "  yolo detect photos/ -m yolov3.safetensors --classes dog,cat --json found.json --no-images",
    .run = run,
};
