/* yolo data anchors: anchors for a data set, and how well they cover its boxes. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "cli/data_args.h"
#include "detect/model.h"
#include "train/anchors.h"

enum { MOST_STRIDES = 8, SHOWN_FINDINGS = 5, DEFAULT_SIDE = 416 };

typedef struct anchors_args {
  data_args data;
  int clusters, size[2], seed, threads;
  const char *strides;
} anchors_args;

#define AT(member) offsetof(anchors_args, member)

static const args_option options[] = {
    {"clusters", 'k', ARGS_INT, AT(clusters), 1, YOLO_MOST_ANCHORS, NULL, "-k, --clusters N", "anchors (default 9)"},
    {"imgsz", 0, ARGS_SIZE, AT(size), 1, 16384, NULL, "--imgsz N | WxH",
     "network input (default: [model] imgsz, the model's own, 416)"},
    {"strides", 0, ARGS_TEXT, AT(strides), 0, 0, NULL, "--strides LIST", "of the network's heads (default 8,16,32)"},
    {"seed", 0, ARGS_INT, AT(seed), 0, 2147483647, NULL, "--seed N", "another seed, other starts (default 0)"},
    {"threads", 't', ARGS_INT, AT(threads), 1, 1024, NULL, "-t, --threads N", "threads (default: every core it may use)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {
    {"Data", data_args_source, 0}, {"", data_args_split, 0}, {"Anchors", options, 0}, {NULL, NULL, 0}};

/* ---- the network's input ---- */

typedef struct input {
  int width, height;
  bool letterbox;
} input;

/* What is named wins over the model's own, and that over 416. */
static yolo_status find_input(const anchors_args *args, const yolo_config *config, input *out) {
  yolo_model_spec spec = {0};
  yolo_status st = YOLO_OK;
  const int *size = args->size[0] ? args->size : config->model.size;
  *out = (input){size[0], size[1], config->augment.fit != YOLO_AUGMENT_STRETCH};
  if (config->model.file) {
    YOLO_TRY(yolo_model_spec_load(config->model.file, &(yolo_model_options){0}, &spec));
    if (!out->width) *out = (input){spec.width, spec.height, out->letterbox};
    if (config->model.fit == YOLO_CONFIG_FIT_AUTO) out->letterbox = spec.preprocess.fit == YOLO_FIT_LETTERBOX;
  }
  if (!out->width) out->width = out->height = DEFAULT_SIDE;
done:
  yolo_model_spec_release(&spec);
  return st;
}

/* ---- the boxes, as the network sees them ---- */

typedef struct sizes {
  yolo_box_size *items;
  size_t count, images, without_size;
} sizes;

static yolo_box_size scale_box(const yolo_annotation *box, const yolo_data_image *image, const input *in) {
  double x = (double)in->width / image->width, y = (double)in->height / image->height;
  if (in->letterbox) x = y = x < y ? x : y;
  return (yolo_box_size){box->width * x, box->height * y};
}

/* Crowds are no objects; an image whose size is not known cannot be scaled. */
static yolo_status collect(const yolo_dataset *data, const input *in, sizes *out) {
  out->items = yolo_alloc_array(data->n_annotations, sizeof *out->items);
  if (!out->items) return YOLO_ENOMEM;
  out->images = data->n_images;
  for (size_t i = 0; i < data->n_annotations; ++i) {
    const yolo_annotation *box = &data->annotations[i];
    const yolo_data_image *image = &data->images[box->image];
    if ((box->flags & YOLO_ANNOTATION_CROWD) || !(box->width > 0 && box->height > 0)) continue;
    if (image->width <= 0 || image->height <= 0) {
      out->without_size++;
      continue;
    }
    out->items[out->count++] = scale_box(box, image, in);
  }
  return YOLO_OK;
}

static yolo_status load_sizes(const yolo_config *config, yolo_data_split split, const input *in, sizes *out) {
  yolo_dataset *raw = NULL, *clean = NULL;
  data_sink sink;
  yolo_status st = YOLO_OK;
  data_args_sink(&sink, SHOWN_FINDINGS);
  yolo_data_open_options how = {.sink = &sink.sink};
  YOLO_TRY(yolo_config_open_split(config, yolo_split_names[split], &how, &raw));
  YOLO_TRY(yolo_dataset_clean(raw, &sink.sink, &clean));
  data_args_say_rest(&sink);
  YOLO_TRY(collect(clean, in, out));
  if (out->without_size)
    cli_complain("%s left out: the size of the image is not known", cli_plural(out->without_size, "object"));
done:
  yolo_dataset_free(clean);
  yolo_dataset_free(raw);
  return st;
}

/* ---- strides ---- */

static yolo_status parse_strides(const char *list, int strides[MOST_STRIDES], int *count) {
  *count = 0;
  for (const char *p = list; *p;) {
    char item[16];
    size_t n = strcspn(p, ",");
    snprintf(item, sizeof item, "%.*s", (int)n, p);
    int before = *count ? strides[*count - 1] : 0;
    if (n >= sizeof item || *count == MOST_STRIDES || !yolo_parse_int(item, &strides[*count]) || strides[*count] <= before) {
      return yolo_fail(YOLO_EINVAL, "--strides wants up to %d rising numbers such as 8,16,32, not '%s'", MOST_STRIDES, list);
    }
    ++*count;
    p += n + (p[n] == ',');
  }
  return YOLO_OK;
}

/* ---- what is said ---- */

/* Tenths of a pixel are exact enough, and what is judged is what is printed. */
static void round_sizes(yolo_box_size *anchors, int n) {
  for (int i = 0; i < n; ++i) {
    anchors[i].width = (double)(long long)(anchors[i].width * 10 + 0.5) / 10;
    anchors[i].height = (double)(long long)(anchors[i].height * 10 + 0.5) / 10;
    if (anchors[i].width <= 0) anchors[i].width = 0.1;
    if (anchors[i].height <= 0) anchors[i].height = 0.1;
  }
}

static void say_sizes(const yolo_box_size *anchors, int n) {
  for (int i = 0; i < n; ++i) {
    char w[CLI_NUMBER_MAX], h[CLI_NUMBER_MAX];
    cli_say("%s%s,%s", i ? ", " : "", cli_number((float)anchors[i].width, w), cli_number((float)anchors[i].height, h));
  }
}

/* Heads take equal parts of the anchors, the smallest at the finest stride. */
static void say_strides(const yolo_box_size *anchors, int n, const yolo_anchor_fit *fit, const int *strides, int n_strides) {
  cli_say("stride   boxes  anchors\n");
  for (int s = 0; s < n_strides; ++s) {
    int first = n * s / n_strides, end = n * (s + 1) / n_strides;
    double share = 0;
    for (int i = first; i < end; ++i) share += fit->shares[i];
    cli_say("%6d %6.1f%%  ", strides[s], 100 * share);
    say_sizes(anchors + first, end - first);
    cli_say("\n");
  }
}

static void say_result(const yolo_box_size *anchors, int n, const yolo_anchor_fit *fit) {
  cli_say("anchors = ");
  say_sizes(anchors, n);
  cli_say("\naverage IoU of a box with its best anchor: %.4f\n", fit->average_iou);
  cli_say("best possible recall: %.2f%% (sides within a factor of 4), %.2f%% (IoU above 0.5)\n", 100 * fit->ratio_recall,
          100 * fit->iou_recall);
}

static void say_input(const yolo_config *config, yolo_data_split split, const sizes *boxes, const input *in) {
  char file[CLI_NAME_MAX];
  cli_say("%s, %s: %s in %s, %s %dx%d\n", cli_printable(config->file, file), yolo_split_names[split],
          cli_plural(boxes->count, "object"), cli_plural(boxes->images, "image"),
          in->letterbox ? "letterboxed into" : "stretched to", in->width, in->height);
}

static yolo_status find(const anchors_args *args, const args_words *words, const char *usage) {
  yolo_config config = {0};
  sizes boxes = {0};
  input in;
  yolo_data_split split;
  yolo_box_size anchors[YOLO_MOST_ANCHORS];
  yolo_anchor_fit fit;
  int strides[MOST_STRIDES], n_strides = 0;
  yolo_anchor_search how = {.clusters = args->clusters, .seed = (uint64_t)args->seed, .threads = args->threads};
  yolo_status st = YOLO_OK;
  YOLO_TRY(parse_strides(args->strides, strides, &n_strides));
  YOLO_TRY(data_args_load_one(&args->data, words, usage, &config));
  YOLO_TRY(data_args_choose_split(&args->data, &config, YOLO_SPLIT_TRAIN, &split));
  YOLO_TRY(find_input(args, &config, &in));
  YOLO_TRY(load_sizes(&config, split, &in, &boxes));
  say_input(&config, split, &boxes, &in);
  YOLO_TRY(yolo_anchors_find(boxes.items, boxes.count, &how, anchors));
  round_sizes(anchors, how.clusters);
  yolo_anchors_judge(boxes.items, boxes.count, anchors, how.clusters, &fit);
  say_result(anchors, how.clusters, &fit);
  say_strides(anchors, how.clusters, &fit, strides, n_strides);
done:
  yolo_free(boxes.items);
  yolo_config_release(&config);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  anchors_args args = {.clusters = 9, .strides = "8,16,32"};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  return find(&args, &words, self->usage) == YOLO_OK ? CLI_OK : cli_fail();
}

const cli_command data_anchors = {
    .name = "data anchors",
    .summary = "find anchors for its boxes (k-means with IoU)",
    .usage = "yolo data anchors data.cfg [options]",
    .about =
        "Clusters the sizes of the boxes by 1 - IoU (YOLO9000, section 2), as the network sees them, and says how many boxes\n"
        "such anchors can reach. The line 'anchors = ...' goes into the network's cfg, its parts to the heads by stride.",
    .groups = groups,
    .examples =
        "  yolo data anchors shapes/data.cfg\n"
        "  yolo data anchors instances_train2017.json --clusters 6 --imgsz 320 --strides 16,32",
    .run = run,
};
