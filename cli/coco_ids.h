/* COCO's numbers: category ids with their holes, and the ids of a reference file (instances_*.json). */
#ifndef YOLO_CLI_COCO_IDS_H
#define YOLO_CLI_COCO_IDS_H

#include "backbone/base/strmap.h"

enum { COCO_CLASSES = 80 };

/* 0..79 -> 1..90: COCO left out ten of its 90 ids (and numbers from 1). */
int coco_category_id(int index);
/* COCO's name of a class, whatever of the two usual spellings is given ("motorbike" -> "motorcycle"). */
const char *coco_canonical_name(const char *name);
/* Are these COCO's 80 names in COCO's order? */
bool coco_names_match(const char *const *names, int count);

/* Zero-initialise; coco_reference_free. */
typedef struct coco_reference {
  yolo_strmap images;     /* base name of the file -> id */
  yolo_strmap categories; /* name -> id */
} coco_reference;

yolo_status coco_reference_load(const char *path, coco_reference *out);
void coco_reference_free(coco_reference *reference);

/* The last number in a file's name ("COCO_val2014_000000391895.jpg" -> 391895); false when there is none or
 * it is too long. */
bool coco_number_in_name(const char *path, int64_t *out);

#endif
