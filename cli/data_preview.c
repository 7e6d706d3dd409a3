/* yolo data preview: contact sheets of a labelled data set, as its labels have it or as the network will see it. */
#include "cli/data_preview.h"

#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/rng.h"
#include "cli/cli.h"

#define AT(member) offsetof(preview_args, member)

static const args_option what[] = {
    {"count", 'n', ARGS_INT, AT(count), 1, 10000, NULL, "-n, --count N", "images to show, chosen by chance (default 16)"},
    {"seed", 0, ARGS_INT, AT(seed), 0, 2147483647, NULL, "--seed K", "another number, other images (default 1)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_option how[] = {
    {"augmented", 0, ARGS_FLAG, AT(augmented), 0, 0, NULL, "--augmented",
     "as the network will see them: as [augment] says; where that is empty, only resized"},
    {"imgsz", 0, ARGS_SIZE, AT(size), 32, 4096, NULL, "--imgsz S | WxH",
     "with --augmented: the network's input (default: [model] imgsz, or 416)"},
    {"columns", 0, ARGS_INT, AT(columns), 1, 100, NULL, "--columns N", "pictures side by side (default: a squarish sheet)"},
    {"cell", 0, ARGS_INT, AT(cell), 64, 4096, NULL, "--cell N", "width of one picture on the sheet (default 320)"},
    {"per-sheet", 0, ARGS_INT, AT(per_sheet), 1, 1000, NULL, "--per-sheet N",
     "pictures on one sheet; more make several (default 36)"},
    {"out", 'o', ARGS_TEXT, AT(out), 0, 0, NULL, "-o, --out FILE", ".png or .jpg (default runs/preview.png)"},
    {"quiet", 'q', ARGS_FLAG, AT(quiet), 0, 0, NULL, "-q, --quiet", "say nothing but complaints"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {
    {"Data", data_args_source, AT(data)}, {"", data_args_split, AT(data)}, {"", what, 0}, {"Sheet", how, 0}, {NULL, NULL, 0}};

/* ---- what is shown ---- */

/* So many of all, each with the same chance, in ascending order (Knuth, volume 2, section 3.4.2, algorithm S). */
static yolo_status choose_images(preview_job *job) {
  const size_t all = job->dataset->n_images;
  yolo_rng rng = {.key = (uint64_t)job->args->seed};
  size_t wanted = (size_t)job->args->count < all ? (size_t)job->args->count : all;
  job->chosen = yolo_alloc_array(wanted, sizeof *job->chosen);
  if (!job->chosen) return YOLO_ENOMEM;
  for (size_t i = 0; i < all && wanted > 0; ++i) {
    if ((double)yolo_rng_uniform(&rng) * (double)(all - i) >= (double)wanted) continue;
    job->chosen[job->count++] = (uint32_t)i;
    --wanted;
  }
  return YOLO_OK;
}

static yolo_status name_classes(preview_job *job) {
  const size_t n = job->dataset->n_classes;
  job->names = yolo_alloc_array(n, sizeof *job->names);
  if (!job->names) return YOLO_ENOMEM;
  for (size_t i = 0; i < n; ++i) job->names[i] = yolo_dataset_class_name(job->dataset, (int)i);
  job->n_names = (int)n;
  return YOLO_OK;
}

static void choose_size(preview_job *job, const yolo_config *config) {
  const int *from = job->args->size[0] > 0 ? job->args->size : config->model.size;
  for (int i = 0; i < 2; ++i) job->size[i] = from[i] > 0 ? from[i] : 416;
}

/* ---- where it goes ---- */

/* FILE.png, FILE-2.png ... */
static yolo_status sheet_path(const char *out, int number, yolo_text *to) {
  const char *base = yolo_basename(out), *dot = strrchr(base, '.');
  const int stem = (int)(dot ? dot - out : (ptrdiff_t)strlen(out));
  to->length = 0;
  if (number == 1) return yolo_text_format(to, "%s", out);
  return yolo_text_format(to, "%.*s-%d%s", stem, out, number, dot ? dot : "");
}

static yolo_status check_out(const char *out) {
  if (yolo_has_suffix(out, ".png") || yolo_has_suffix(out, ".jpg") || yolo_has_suffix(out, ".jpeg")) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "'%s': a sheet is written as .png or .jpg, which the name must say", out);
}

static yolo_status draw_sheets(preview_job *job, const char *shown, const char *out) {
  const int most = job->args->per_sheet, sheets = (job->count + most - 1) / most;
  yolo_status st = YOLO_OK;
  yolo_text path = {0}, title = {0};
  yolo_image image = {0};
  YOLO_TRY(yolo_path_make_parent(out));
  for (int i = 0; i < sheets; ++i) {
    const int begin = i * most, end = begin + most < job->count ? begin + most : job->count;
    title.length = 0;
    YOLO_TRY(yolo_text_format(&title, "%s: %d of %zu images%s", shown, job->count, job->dataset->n_images,
                              job->augmenter ? ", augmented" : ""));
    if (sheets > 1) YOLO_TRY(yolo_text_format(&title, " (sheet %d of %d)", i + 1, sheets));
    YOLO_TRY(preview_draw_sheet(job, begin, end, title.data, &image));
    YOLO_TRY(sheet_path(out, i + 1, &path));
    YOLO_TRY(yolo_image_save(&image, path.data));
    if (!job->args->quiet)
      cli_say("%s: %s, %dx%d pixels\n", path.data, cli_plural((unsigned)(end - begin), "image"), image.width, image.height);
    yolo_image_release(&image);
  }
done:
  cli_clear_bar();
  yolo_image_release(&image);
  yolo_text_free(&path);
  yolo_text_free(&title);
  return st;
}

/* ---- the run ---- */

static yolo_status draw(preview_job *job, const yolo_config *config, const char *word, const char *split, const char *out) {
  const yolo_sample_source source = {yolo_sample_load, job->dataset->n_images, (void *)job->dataset};
  yolo_text shown = {0};
  int splits = 0;
  yolo_status st = YOLO_OK;
  if (job->dataset->n_images == 0) return yolo_fail(YOLO_EINVAL, "%s: the split '%s' has no image", word, split);
  YOLO_TRY(choose_images(job));
  YOLO_TRY(name_classes(job));
  choose_size(job, config);
  if (job->args->augmented) YOLO_TRY(yolo_augmenter_new(&config->augment, &source, (uint64_t)job->args->seed, &job->augmenter));
  for (int s = 0; s < YOLO_SPLIT_COUNT; ++s) splits += yolo_config_has_split(config, (yolo_data_split)s);
  YOLO_TRY(yolo_text_format(&shown, "%s%s%s", word, splits > 1 ? " " : "", splits > 1 ? split : ""));
  progress_start(&job->bar, job->count, !job->args->quiet);
  st = draw_sheets(job, shown.data, out);
done:
  yolo_text_free(&shown);
  return st;
}

static yolo_status preview(const preview_args *args, const args_words *words, const char *usage, int *failed) {
  enum { PROBLEMS_SHOWN = 3 };
  yolo_config config = {0};
  yolo_dataset *dataset = NULL;
  data_sink sink;
  preview_job job = {.args = args};
  yolo_data_split split;
  const char *out = args->out ? args->out : "runs/preview.png";
  yolo_status st = YOLO_OK;
  data_args_sink(&sink, PROBLEMS_SHOWN);
  YOLO_TRY(check_out(out));
  if (args->augmented && words->count == 1)
    YOLO_TRY(data_args_load_recipe(&args->data, words->items[0], &config)); /* as `yolo train` would */
  else
    YOLO_TRY(data_args_load_one(&args->data, words, usage, &config));
  YOLO_TRY(data_args_choose_split(&args->data, &config, YOLO_SPLIT_TRAIN, &split));
  YOLO_TRY(yolo_config_open_split(&config, yolo_split_names[split], &(yolo_data_open_options){.sink = &sink.sink}, &dataset));
  data_args_say_rest(&sink);
  job.dataset = dataset;
  st = draw(&job, &config, words->items[0], yolo_split_names[split], out);
done:
  *failed = job.failed;
  yolo_augmenter_free(job.augmenter);
  yolo_free(job.names);
  yolo_free(job.chosen);
  yolo_dataset_free(dataset);
  yolo_config_release(&config);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  preview_args args = {.count = 16, .per_sheet = 36, .cell = 320, .seed = 1};
  args_words words;
  int code, failed = 0;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (args.size[0] > 0 && !args.augmented) {
    cli_complain("--imgsz goes with --augmented: images are shown in their own size otherwise");
    return CLI_ERROR;
  }
  cli_catch_interrupts();
  yolo_status st = preview(&args, &words, self->usage, &failed);
  if (st == YOLO_ECANCELLED && cli_stop_signal()) return cli_stopped(yolo_error_message());
  if (st != YOLO_OK) return cli_fail();
  return failed ? CLI_SOME_FAILED : CLI_OK;
}

const cli_command data_preview = {
    .name = "data preview",
    .summary = "a contact sheet: images with their boxes, masks and names",
    .usage = "yolo data preview DATA [options]",
    .about = "DATA: a data.cfg, or labels of any format (instances.json, a folder of .txt or .xml files ...).",
    .groups = groups,
    .examples =
        "  yolo data preview shapes/data.cfg\n"
        "  yolo data preview shapes/data.cfg --augmented --set augment.preset=yolov5\n"
        "  yolo data preview instances_val2017.json --images val2017 --count 60 --out val.jpg",
    .run = run,
};
