/* Images that occur twice: within a split they count double, in two splits they make scores too good. And images that lie
 * beside the others but that no label speaks of. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/strmap.h"
#include "backbone/base/text.h"
#include "datasets/check_parts.h"
#include "datasets/folder.h"

/* ---- the same content twice ---- */

typedef struct leak_row {
  yolo_hash content;
  int part;
  size_t index;
} leak_row;

static int compare_content(const void *left, const void *right) {
  const leak_row *a = left, *b = right;
  int order = yolo_hash_compare(a->content, b->content);
  if (order) return order;
  if (a->part != b->part) return a->part - b->part;
  return a->index < b->index ? -1 : a->index > b->index;
}

/* Each row is held against the first of its content in the same split, and against the first of all in an earlier one. */
typedef struct leak_pair {
  const leak_row *row, *other;
} leak_pair;

static int compare_pairs(const void *left, const void *right) {
  const leak_pair *a = left, *b = right;
  if (a->row->part != b->row->part) return a->row->part - b->row->part;
  if (a->row->index != b->row->index) return a->row->index < b->row->index ? -1 : 1;
  return b->other->part - a->other->part;
}

static const yolo_data_image *image_of(const yolo_check_run *run, const leak_row *row) {
  return &run->parts[row->part].dataset->images[row->index];
}

/* The path of its own file; NULL: it is a record of an IDX or CIFAR file. */
static const char *path_of(const yolo_check_run *run, const leak_row *row) {
  const yolo_data_image *image = image_of(run, row);
  return image->pixels == UINT64_MAX ? yolo_dataset_text(run->parts[row->part].dataset, image->file) : NULL;
}

static bool is_same_file(const yolo_check_run *run, const leak_pair *pair) {
  const char *a = path_of(run, pair->row), *b = path_of(run, pair->other);
  return a && b && strcmp(a, b) == 0;
}

/* An image as its labels call it; by its path, where the other of the pair has the same name in another folder. */
static const char *name_of(const yolo_check_run *run, const leak_row *row, const leak_row *other) {
  const char *name = yolo_dataset_text(run->parts[row->part].dataset, image_of(run, row)->name);
  const char *twin = yolo_dataset_text(run->parts[other->part].dataset, image_of(run, other)->name);
  const char *path = path_of(run, row), *twin_path = path_of(run, other);
  return path && twin_path && strcmp(name, twin) == 0 && strcmp(path, twin_path) != 0 ? path : name;
}

/* Records of IDX and CIFAR files have numbers instead of names. */
static void say_pair(yolo_check_run *run, const leak_pair *pair) {
  const yolo_check_part *part = &run->parts[pair->row->part], *other = &run->parts[pair->other->part];
  const yolo_data_image *image = image_of(run, pair->row);
  const char *name = name_of(run, pair->row, pair->other), *twin = name_of(run, pair->other, pair->row);
  yolo_check_place place = yolo_check_image_place(run, part->dataset, image);
  bool listed_twice = part->images[pair->row->index].is_path || is_same_file(run, pair);
  const char *how = listed_twice ? "is the same file as" : "has the very pixels of";
  run->split = part->index;
  if (part == other) {
    yolo_data_report(&run->sink, YOLO_RULE_IMAGE_DUPLICATE, place.file, place.line, "%s %s %s of this split", name, how, twin);
  } else {
    yolo_data_report(&run->sink, YOLO_RULE_SPLIT_LEAK, place.file, place.line, "%s %s %s in split '%s'", name, how, twin,
                     other->split->name);
  }
}

static size_t collect_rows(const yolo_check_run *run, leak_row *rows) {
  size_t n = 0;
  for (int p = 0; p < run->n_parts; ++p) {
    const yolo_check_part *part = &run->parts[p];
    for (size_t i = 0; i < part->dataset->n_images; ++i)
      if (part->images[i].hashed) rows[n++] = (leak_row){part->images[i].content, p, i};
  }
  return n;
}

static size_t collect_pairs(const leak_row *rows, size_t n, leak_pair *pairs) {
  size_t count = 0, first = 0, first_of_part = 0;
  for (size_t i = 1; i < n; ++i) {
    if (yolo_hash_compare(rows[first].content, rows[i].content) != 0) first = first_of_part = i;
    if (rows[first_of_part].part != rows[i].part) first_of_part = i;
    if (rows[first].part != rows[i].part) pairs[count++] = (leak_pair){&rows[i], &rows[first]};
    if (first_of_part != i) pairs[count++] = (leak_pair){&rows[i], &rows[first_of_part]};
  }
  return count;
}

yolo_status yolo_check_leaks(yolo_check_run *run) {
  yolo_status st = YOLO_OK;
  leak_row *rows = NULL;
  leak_pair *pairs = NULL;
  size_t total = 0;
  for (int p = 0; p < run->n_parts; ++p) total += run->parts[p].dataset->n_images;
  YOLO_ENOMEM_IF_NULL(rows = yolo_alloc_array(total + 1, sizeof *rows));
  YOLO_ENOMEM_IF_NULL(pairs = yolo_alloc_array(2 * total + 1, sizeof *pairs));
  size_t n = collect_rows(run, rows);
  qsort(rows, n, sizeof *rows, compare_content);
  n = collect_pairs(rows, n, pairs);
  qsort(pairs, n, sizeof *pairs, compare_pairs);
  for (size_t i = 0; i < n; ++i) say_pair(run, &pairs[i]);
done:
  yolo_free(pairs);
  yolo_free(rows);
  return st;
}

/* ---- images that nothing speaks of ---- */

typedef struct folder_look {
  yolo_strmap files;   /* absolute paths of all images and masks of all splits */
  yolo_strmap folders; /* absolute folder -> the image that was met first in it, as index * n_parts + part */
  yolo_strmap broken;  /* stems of label files with findings: images may have been lost with them */
} folder_look;

/* image: as folders has it; -1: a mask. */
static yolo_status note_file(folder_look *look, const char *file, int64_t image) {
  char *absolute = NULL, *folder = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_absolute(file, &absolute));
  YOLO_TRY(yolo_strmap_add(&look->files, absolute, 0, NULL));
  if (image < 0) goto done;
  YOLO_TRY(yolo_path_parent(absolute, &folder));
  YOLO_TRY(yolo_strmap_add(&look->folders, folder, image, NULL));
done:
  yolo_free(folder);
  yolo_free(absolute);
  return st;
}

/* The reader of masks has named the images without one. */
static bool names_unlisted(const yolo_dataset *d, const yolo_data_image *image) {
  return strcmp(yolo_dataset_text(d, d->sources[image->source].format), "masks") == 0;
}

static yolo_status note_part(folder_look *look, const yolo_check_part *part, int n_parts) {
  const yolo_dataset *d = part->dataset;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    if (image->pixels != UINT64_MAX) continue;
    int64_t number = names_unlisted(d, image) ? -1 : (int64_t)i * n_parts + part->index;
    YOLO_TRY(note_file(look, yolo_dataset_text(d, image->file), number));
    if (image->mask_file) YOLO_TRY(note_file(look, yolo_dataset_text(d, image->mask_file), -1));
  }
done:
  return st;
}

static yolo_status stem_of(const char *path, char **out) {
  const char *base = yolo_basename(path), *dot = strrchr(base, '.');
  *out = yolo_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status note_broken(folder_look *look, const yolo_strmap *blamed) {
  char *stem = NULL;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < blamed->capacity && st == YOLO_OK; ++i) {
    if (!blamed->slots[i].key) continue;
    YOLO_TRY(stem_of(blamed->slots[i].key, &stem));
    st = yolo_strmap_add(&look->broken, stem, 0, NULL);
    yolo_free(stem);
  }
done:
  return st;
}

/* Is a label missing for this file, and does no other finding explain why? */
static yolo_status is_unlisted(const folder_look *look, const char *path, bool *unlisted) {
  char *stem = NULL;
  *unlisted = false;
  if (yolo_strmap_get(&look->files, path, NULL)) return YOLO_OK;
  yolo_status st = stem_of(path, &stem);
  if (st == YOLO_OK) *unlisted = !yolo_strmap_get(&look->broken, stem, NULL);
  yolo_free(stem);
  return st;
}

static int compare_slots(const void *left, const void *right) {
  const yolo_strmap_slot *const *a = left, *const *b = right;
  return yolo_natural_compare((*a)->key, (*b)->key);
}

/* The folder is said as the path of that image has it. */
static yolo_status say_unlisted(yolo_check_run *run, int64_t image, const char *file) {
  const yolo_dataset *d = run->parts[image % run->n_parts].dataset;
  char *folder = NULL, *shown = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_parent(yolo_dataset_text(d, d->images[image / run->n_parts].file), &folder));
  YOLO_TRY(yolo_path_join(folder, yolo_basename(file), &shown));
  yolo_data_report(&run->sink, YOLO_RULE_IMAGE_UNLISTED, shown, 0, "no label speaks of this image");
done:
  yolo_free(folder);
  yolo_free(shown);
  return st;
}

/* A folder that is not there has no images: what is missing in it has been said. */
static yolo_status look_into(yolo_check_run *run, const folder_look *look, const yolo_strmap_slot *folder) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name, .depth = 1};
  yolo_file_list list = {0};
  yolo_status st = YOLO_OK;
  if (!yolo_is_folder(folder->key)) return YOLO_OK;
  YOLO_TRY(yolo_folder_files(folder->key, &options, &list));
  run->split = (int)(folder->value % run->n_parts);
  run->kind = YOLO_PLACE_LINE;
  for (size_t i = 0; i < list.count; ++i) {
    bool unlisted = false;
    YOLO_TRY(is_unlisted(look, list.paths[i], &unlisted));
    if (unlisted) YOLO_TRY(say_unlisted(run, folder->value, list.paths[i]));
  }
done:
  yolo_file_list_free(&list);
  return st;
}

yolo_status yolo_check_unlisted(yolo_check_run *run) {
  folder_look look = {0};
  const yolo_strmap_slot **folders = NULL;
  yolo_status st = YOLO_OK;
  size_t n = 0;
  for (int p = 0; p < run->n_parts; ++p) YOLO_TRY(note_part(&look, &run->parts[p], run->n_parts));
  YOLO_TRY(note_broken(&look, &run->blamed));
  YOLO_ENOMEM_IF_NULL(folders = yolo_alloc_array(look.folders.count + 1, sizeof *folders));
  for (size_t i = 0; i < look.folders.capacity; ++i)
    if (look.folders.slots[i].key) folders[n++] = &look.folders.slots[i];
  qsort(folders, n, sizeof *folders, compare_slots);
  for (size_t i = 0; i < n; ++i) YOLO_TRY(look_into(run, &look, folders[i]));
done:
  yolo_free(folders);
  yolo_strmap_free(&look.files);
  yolo_strmap_free(&look.folders);
  yolo_strmap_free(&look.broken);
  return st;
}
