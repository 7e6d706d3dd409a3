/* Truths of a dataset for COCOeval: see truth.h. */
#include "train/eval/truth.h"

#include <stdlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"

void yolo_eval_truths_free(yolo_eval_truths *t) {
  for (size_t i = 0; t->masks && i < t->n; ++i) yolo_rle_free(&t->masks[i]);
  yolo_free(t->masks);
  yolo_free(t->items);
  yolo_free(t->annotations);
  yolo_free(t->images);
  yolo_free(t->classes);
  yolo_free(t->class_of);
  yolo_id_map_free(&t->image_of_id);
  yolo_id_map_free(&t->class_of_id);
  *t = (yolo_eval_truths){0};
}

const yolo_data_image *yolo_eval_truths_image(const yolo_eval_truths *t, uint32_t index) {
  return &t->dataset->images[t->images[index]];
}
const char *yolo_eval_truths_class_name(const yolo_eval_truths *t, int index) {
  return yolo_dataset_class_name(t->dataset, t->classes[index]);
}
int64_t yolo_eval_truths_class_id(const yolo_eval_truths *t, int index) { return t->dataset->classes[t->classes[index]].id; }

typedef struct id_key {
  int64_t id;
  size_t place;
} id_key;

static int by_id(const void *a, const void *b) {
  const id_key *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

static yolo_status order_images(yolo_eval_truths *t) {
  const yolo_dataset *d = t->dataset;
  yolo_status st = YOLO_OK;
  id_key *keys = NULL;
  if (d->n_images >= UINT32_MAX) return yolo_fail(YOLO_EINVAL, "%zu images are more than can be scored at once", d->n_images);
  t->n_images = (uint32_t)d->n_images;
  YOLO_ENOMEM_IF_NULL(keys = yolo_alloc_array(d->n_images, sizeof *keys));
  YOLO_ENOMEM_IF_NULL(t->images = yolo_alloc_array(d->n_images, sizeof *t->images));
  for (size_t i = 0; i < d->n_images; ++i) keys[i] = (id_key){d->images[i].id, i};
  qsort(keys, d->n_images, sizeof *keys, by_id);
  for (uint32_t i = 0; i < t->n_images; ++i) {
    bool was_there = false;
    t->images[i] = (uint32_t)keys[i].place;
    YOLO_TRY(yolo_id_map_add(&t->image_of_id, keys[i].id, i, &was_there));
    if (was_there) {
      st = yolo_fail(YOLO_EFORMAT, "two images have the id %lld: detections could not be told apart", (long long)keys[i].id);
      goto done;
    }
  }
done:
  yolo_free(keys);
  return st;
}

static yolo_status order_classes(yolo_eval_truths *t) {
  const yolo_dataset *d = t->dataset;
  yolo_status st = YOLO_OK;
  id_key *keys = NULL;
  t->n_classes = (int32_t)d->n_classes;
  YOLO_ENOMEM_IF_NULL(keys = yolo_alloc_array(d->n_classes, sizeof *keys));
  YOLO_ENOMEM_IF_NULL(t->classes = yolo_alloc_array(d->n_classes, sizeof *t->classes));
  YOLO_ENOMEM_IF_NULL(t->class_of = yolo_alloc_array(d->n_classes, sizeof *t->class_of));
  for (size_t i = 0; i < d->n_classes; ++i) keys[i] = (id_key){d->classes[i].id, i};
  qsort(keys, d->n_classes, sizeof *keys, by_id);
  for (int32_t i = 0; i < t->n_classes; ++i) {
    bool was_there = false;
    t->classes[i] = (int32_t)keys[i].place;
    t->class_of[keys[i].place] = i;
    YOLO_TRY(yolo_id_map_add(&t->class_of_id, keys[i].id, i, &was_there));
    if (was_there) {
      st = yolo_fail(YOLO_EFORMAT, "two classes have the id %lld: detections could not be told apart", (long long)keys[i].id);
      goto done;
    }
  }
done:
  yolo_free(keys);
  return st;
}

/* Of truths with one id, each becomes the last (in the file's order, which `place` tells where it can). */
static yolo_status repeat_ids(yolo_eval_truths *t) {
  yolo_status st = YOLO_OK;
  id_key *keys = NULL;
  YOLO_ENOMEM_IF_NULL(keys = yolo_alloc_array(t->n, sizeof *keys));
  for (size_t i = 0; i < t->n; ++i) keys[i] = (id_key){t->items[i].id, i};
  qsort(keys, t->n, sizeof *keys, by_id);
  for (size_t i = 0, end; i < t->n; i = end) {
    size_t last = keys[i].place;
    for (end = i + 1; end < t->n && keys[end].id == keys[i].id; ++end) {
      if (t->annotations[keys[end].place]->place >= t->annotations[last]->place) last = keys[end].place;
    }
    if (end - i > 1) t->repeated_ids += end - i;
    for (size_t j = i; j < end; ++j) {
      t->items[keys[j].place] = t->items[last];
      t->annotations[keys[j].place] = t->annotations[last];
    }
  }
done:
  yolo_free(keys);
  return st;
}

static yolo_eval_truth truth_of(const yolo_eval_truths *t, const yolo_annotation *a, uint32_t image) {
  return (yolo_eval_truth){.id = a->id,
                           .image = image,
                           .class_index = a->class_index < 0 ? -1 : t->class_of[a->class_index],
                           .box = {a->x, a->y, a->width, a->height},
                           .area = a->area,
                           .crowd = (a->flags & YOLO_ANNOTATION_CROWD) != 0,
                           .difficult = (a->flags & YOLO_ANNOTATION_DIFFICULT) != 0};
}

static yolo_status copy_truths(yolo_eval_truths *t) {
  const yolo_dataset *d = t->dataset;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(t->items = yolo_alloc_array(d->n_annotations, sizeof *t->items));
  YOLO_ENOMEM_IF_NULL(t->annotations = yolo_alloc_array(d->n_annotations, sizeof(void *)));
  for (uint32_t i = 0; i < t->n_images; ++i) {
    const yolo_data_image *image = yolo_eval_truths_image(t, i);
    for (uint32_t j = 0; j < image->count; ++j) {
      const yolo_annotation *a = &d->annotations[image->first + j];
      t->annotations[t->n] = a;
      t->without_area += !(a->flags & YOLO_ANNOTATION_HAS_AREA);
      t->zero_ids += a->id == 0;
      t->items[t->n++] = truth_of(t, a, i);
    }
  }
  st = repeat_ids(t);
done:
  return st;
}

yolo_status yolo_eval_truths_make(const yolo_dataset *dataset, yolo_eval_truths *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_truths){.dataset = dataset};
  YOLO_TRY(order_images(out));
  YOLO_TRY(order_classes(out));
  YOLO_TRY(copy_truths(out));
done:
  if (st != YOLO_OK) yolo_eval_truths_free(out);
  return st;
}

yolo_status yolo_eval_truths_keep_classes(yolo_eval_truths *t, const bool *keep) {
  yolo_status st = YOLO_OK;
  int32_t n = 0;
  yolo_id_map_free(&t->class_of_id);
  for (int32_t k = 0; k < t->n_classes; ++k) {
    int32_t of_dataset = t->classes[k];
    t->class_of[of_dataset] = keep[k] ? n : -1;
    if (!keep[k]) continue;
    t->classes[n] = of_dataset;
    YOLO_TRY(yolo_id_map_add(&t->class_of_id, t->dataset->classes[of_dataset].id, n++, NULL));
  }
  t->n_classes = n;
  for (size_t i = 0; i < t->n; ++i) {
    int32_t of_dataset = t->annotations[i]->class_index;
    t->items[i].class_index = of_dataset < 0 ? -1 : t->class_of[of_dataset];
  }
done:
  return st;
}

/* As in pycocotools, where two annotations share an id: an image has as many truths as it has ids, but each is the last of its
 * id, which may lie in another image. */
static void drop_truths(yolo_eval_truths *t, const bool *keep, const uint32_t *numbers) {
  size_t from = 0, n = 0;
  for (uint32_t i = 0; i < t->n_images; ++i) {
    for (uint32_t left = yolo_eval_truths_image(t, i)->count; left > 0; --left, ++from) {
      const yolo_eval_truth *item = &t->items[from];
      if (!keep[i] || !keep[item->image]) continue;
      t->annotations[n] = t->annotations[from];
      t->items[n] = *item;
      t->items[n].image = numbers[item->image];
      ++n;
    }
  }
  t->n = n;
}

yolo_status yolo_eval_truths_keep_images(yolo_eval_truths *t, const bool *keep) {
  yolo_status st = YOLO_OK;
  uint32_t n = 0, *numbers = yolo_alloc_array(t->n_images, sizeof *numbers);
  YOLO_ENOMEM_IF_NULL(numbers);
  yolo_id_map_free(&t->image_of_id);
  for (uint32_t i = 0; i < t->n_images; ++i) {
    numbers[i] = keep[i] ? n++ : YOLO_EVAL_NO_IMAGE;
    YOLO_TRY(yolo_id_map_add(&t->image_of_id, yolo_eval_truths_image(t, i)->id, numbers[i], NULL));
  }
  drop_truths(t, keep, numbers);
  n = 0;
  for (uint32_t i = 0; i < t->n_images; ++i) {
    if (keep[i]) t->images[n++] = t->images[i];
  }
  t->n_images = n;
done:
  yolo_free(numbers);
  return st;
}

/* ---- masks ---- */

enum { TASK_TRUTHS = 64 };

typedef struct mask_job {
  yolo_eval_truths *truths;
  yolo_status *status; /* of each task */
} mask_job;

static void mask_task(void *payload, int task, int thread) {
  (void)thread;
  mask_job *j = payload;
  size_t first = (size_t)task * TASK_TRUTHS, end = first + TASK_TRUTHS;
  for (size_t i = first; i < end && i < j->truths->n && j->status[task] == YOLO_OK; ++i) {
    j->status[task] = yolo_annotation_rle(j->truths->dataset, j->truths->annotations[i], &j->truths->masks[i]);
  }
}

/* The sentence of another thread is lost: the first that failed is done again here. */
static yolo_status first_failure(const mask_job *j) {
  for (size_t i = 0; i < j->truths->n; ++i) {
    const yolo_annotation *a = j->truths->annotations[i];
    if (j->status[i / TASK_TRUTHS] == YOLO_OK) continue;
    yolo_rle again = {0};
    yolo_status st = a->kind == YOLO_SEGMENT_NONE
                         ? yolo_fail(YOLO_EFORMAT, "it has no \"segmentation\", so masks cannot be scored")
                         : yolo_annotation_rle(j->truths->dataset, a, &again);
    yolo_rle_free(&again);
    if (st != YOLO_OK) return yolo_error_prefix(st, "annotation %lld: ", (long long)a->id);
  }
  return yolo_fail(YOLO_ENOMEM, "memory ran short while masks were drawn");
}

yolo_status yolo_eval_truths_make_masks(yolo_eval_truths *t, int threads) {
  mask_job j = {.truths = t};
  size_t tasks = (t->n + TASK_TRUTHS - 1) / TASK_TRUTHS;
  yolo_status st = YOLO_OK;
  if (t->masks) return YOLO_OK;
  if (tasks > YOLO_MOST_TASKS) return yolo_fail(YOLO_EINVAL, "%zu masks are more than can be scored at once", t->n);
  YOLO_ENOMEM_IF_NULL(t->masks = yolo_calloc(t->n, sizeof *t->masks));
  YOLO_ENOMEM_IF_NULL(j.status = yolo_calloc(tasks, sizeof *j.status));
  yolo_parallel(threads ? threads : yolo_threads_available(), (int)tasks, mask_task, &j);
  for (size_t i = 0; i < tasks && st == YOLO_OK; ++i) {
    if (j.status[i] != YOLO_OK) st = first_failure(&j);
  }
  for (size_t i = 0; i < t->n; ++i) t->items[i].mask = &t->masks[i];
done:
  yolo_free(j.status);
  return st;
}
