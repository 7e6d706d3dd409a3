/* Ids after several sources were joined: see builder_ids.h. The ids of a single source are left as they are, twins included:
 * whoever reads the file has reported them, and a conversion must not hide them. */
#include "datasets/builder_ids.h"

#include "datasets/id_map.h"

/* A class whose id an earlier one has gets the next number above all ids. */
static yolo_status unique_classes(yolo_dataset *d) {
  yolo_status st = YOLO_OK;
  yolo_id_map ids = {0};
  int64_t highest = 0;
  bool taken;
  for (size_t i = 0; i < d->n_classes; i++)
    if (d->classes[i].id > highest) highest = d->classes[i].id;
  for (size_t i = 0; i < d->n_classes; i++) {
    YOLO_TRY(yolo_id_map_add(&ids, d->classes[i].id, (int64_t)i, &taken));
    if (taken) d->classes[i].id = ++highest;
  }
done:
  yolo_id_map_free(&ids);
  return st;
}

static yolo_status unique_images(yolo_dataset *d) {
  yolo_status st = YOLO_OK;
  yolo_id_map ids = {0};
  bool taken = false;
  for (size_t i = 0; i < d->n_images && !taken; i++) YOLO_TRY(yolo_id_map_add(&ids, d->images[i].id, (int64_t)i, &taken));
  for (size_t i = 0; taken && i < d->n_images; i++) d->images[i].id = (int64_t)i + 1;
done:
  yolo_id_map_free(&ids);
  return st;
}

static yolo_status unique_annotations(yolo_dataset *d) {
  yolo_status st = YOLO_OK;
  yolo_id_map ids = {0};
  bool taken = false;
  for (size_t i = 0; i < d->n_annotations && !taken; i++)
    YOLO_TRY(yolo_id_map_add(&ids, d->annotations[i].id, (int64_t)i, &taken));
  for (size_t i = 0; taken && i < d->n_annotations; i++) d->annotations[i].id = (int64_t)i + 1;
done:
  yolo_id_map_free(&ids);
  return st;
}

yolo_status yolo_unique_ids(yolo_dataset *dataset) {
  yolo_status st = unique_classes(dataset);
  if (dataset->n_sources < 2) return st;
  if (st == YOLO_OK) st = unique_images(dataset);
  if (st == YOLO_OK) st = unique_annotations(dataset);
  return st;
}
