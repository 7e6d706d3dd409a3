/* --coco-json FILE: results as pycocotools reads them: [{"image_id":..,"category_id":..,"bbox":[x,y,w,h],
 * "score":..}], boxes clipped to the image, nine significant digits.
 *
 * Ids come from --coco-ref by file and class name. Without it an image's id is the number in its name (where
 * every image has one of its own, else its position from 1) and a class's id is COCO's when the names are
 * COCO's 80, else its index + 1. Which rule held is said. */
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/coco_ids.h"
#include "cli/out.h"
#include "cli/outfile.h"

typedef struct coco_writer {
  outfile file;
  coco_reference reference;
  const char *reference_path; /* NULL: ids by rule */
  bool number_in_name;
  int64_t *categories; /* class index -> id; -1: not in the reference */
  int n_categories;
  bool any;
  int unknown_images;
} coco_writer;

static void close_coco(void *state) {
  coco_writer *w = state;
  if (!w) return;
  outfile_close(&w->file);
  coco_reference_free(&w->reference);
  yolo_free(w->categories);
  yolo_free(w);
}

/* Has every image a number of its own? */
static yolo_status names_are_numbered(const source_list *sources, bool *out) {
  yolo_strmap seen = {0};
  char key[32];
  yolo_status st = YOLO_OK;
  *out = true;
  for (int i = 0; st == YOLO_OK && *out && i < sources->count; ++i) {
    int64_t number;
    bool was_there = true;
    if (coco_number_in_name(sources->items[i].path, &number)) {
      snprintf(key, sizeof key, "%lld", (long long)number);
      st = yolo_strmap_add(&seen, key, 0, &was_there);
    }
    *out = !was_there;
  }
  yolo_strmap_free(&seen);
  return st;
}

static void find_categories(const out_run *run, coco_writer *w, bool coco_names) {
  int unknown = 0;
  const char *first = NULL;
  for (int i = 0; i < w->n_categories; ++i) {
    const char *name = out_class_name(run, i);
    int64_t id = -1;
    if (!w->reference_path) {
      id = coco_names ? coco_category_id(i) : i + 1;
    } else if (!yolo_strmap_get(&w->reference.categories, name, &id) &&
               !yolo_strmap_get(&w->reference.categories, coco_canonical_name(name), &id)) {
      if (unknown++ == 0) first = name;
    }
    w->categories[i] = id;
  }
  if (unknown)
    cli_complain("%s has no category for %s (such as '%s'); their detections are left out of the COCO file", w->reference_path,
                 cli_plural((unsigned)unknown, "class"), first);
}

static yolo_status choose_ids(const out_run *run, coco_writer *w) {
  const yolo_model_spec *spec = &run->model->spec;
  bool coco = coco_names_match((const char *const *)spec->names, spec->n_names);
  yolo_status st = w->reference_path ? coco_reference_load(w->reference_path, &w->reference)
                                     : names_are_numbered(run->sources, &w->number_in_name);
  if (st != YOLO_OK) return st;
  w->n_categories = yolo_model_classes(run->model);
  w->categories = yolo_alloc_array((size_t)w->n_categories, sizeof *w->categories);
  if (!w->categories) return YOLO_ENOMEM;
  find_categories(run, w, coco);
  if (run->quiet) return YOLO_OK;
  if (w->reference_path) {
    cli_complain("COCO ids: images by file name and categories by class name, from %s", w->reference_path);
  } else {
    cli_complain("COCO ids: images by %s, categories by %s",
                 w->number_in_name ? "the number in the file name" : "position, from 1",
                 coco ? "COCO's table of 91 (the class names are COCO's 80)" : "class index + 1");
  }
  return YOLO_OK;
}

static yolo_status open_coco(const out_run *run, const void *arg, void **state) {
  const out_coco_arg *what = arg;
  coco_writer *w = yolo_calloc(1, sizeof *w);
  if (!w) return YOLO_ENOMEM;
  *state = w;
  w->reference_path = what->reference;
  yolo_status st = choose_ids(run, w);
  if (st == YOLO_OK) st = outfile_open(what->path, &w->file);
  return st == YOLO_OK ? yolo_text_format(&w->file.text, "[") : st;
}

static bool image_id(coco_writer *w, const out_image *image, int64_t *id) {
  if (w->reference_path) return yolo_strmap_get(&w->reference.images, yolo_basename(image->source->path), id);
  if (w->number_in_name) return coco_number_in_name(image->source->path, id);
  *id = image->index + 1;
  return true;
}

yolo_status out_coco_detection(yolo_text *to, int64_t image_id, int64_t category_id, const yolo_detection *d) {
  return yolo_text_format(to, "{\"image_id\":%lld,\"category_id\":%lld,\"bbox\":[%.9g,%.9g,%.9g,%.9g],\"score\":%.9g}",
                          (long long)image_id, (long long)category_id, (double)d->x1, (double)d->y1,
                          (double)d->x2 - (double)d->x1, (double)d->y2 - (double)d->y1, (double)d->confidence);
}

static yolo_status write_image(const out_run *run, void *state, const out_image *image) {
  (void)run;
  coco_writer *w = state;
  yolo_status st = YOLO_OK;
  int64_t id;
  if (!image_id(w, image, &id)) {
    if (w->unknown_images++ == 0) {
      cli_complain("%s has no image '%s'; such images are left out of the COCO file", w->reference_path,
                   yolo_basename(image->source->path));
    }
    return YOLO_OK;
  }
  for (int i = 0; i < image->result->count; ++i) {
    const yolo_detection *d = &image->result->detections[i];
    if (w->categories[d->class_id] < 0) continue;
    YOLO_TRY(yolo_text_append(&w->file.text, w->any ? ",\n" : "\n", w->any ? 2 : 1));
    YOLO_TRY(out_coco_detection(&w->file.text, id, w->categories[d->class_id], d));
    w->any = true;
  }
  st = outfile_flush(&w->file);
done:
  return st;
}

static yolo_status finish_coco(const out_run *run, void *state) {
  (void)run;
  coco_writer *w = state;
  if (w->unknown_images > 1) {
    cli_complain("%s were left out of the COCO file: %s does not name them", cli_plural((unsigned)w->unknown_images, "image"),
                 w->reference_path);
  }
  yolo_status st = yolo_text_format(&w->file.text, "\n]\n");
  return st == YOLO_OK ? outfile_commit(&w->file) : st;
}

const out_kind out_coco = {"COCO results", open_coco, write_image, finish_coco, close_coco, false};
