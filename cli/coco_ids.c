/* COCO's numbers: see coco_ids.h. */
#include "cli/coco_ids.h"

#include <ctype.h>
#include <string.h>

#include "backbone/base/text.h"

static const char *const coco_names[COCO_CLASSES] = {
    "person",         "bicycle",    "car",           "motorcycle",    "airplane",     "bus",           "train",
    "truck",          "boat",       "traffic light", "fire hydrant",  "stop sign",    "parking meter", "bench",
    "bird",           "cat",        "dog",           "horse",         "sheep",        "cow",           "elephant",
    "bear",           "zebra",      "giraffe",       "backpack",      "umbrella",     "handbag",       "tie",
    "suitcase",       "frisbee",    "skis",          "snowboard",     "sports ball",  "kite",          "baseball bat",
    "baseball glove", "skateboard", "surfboard",     "tennis racket", "bottle",       "wine glass",    "cup",
    "fork",           "knife",      "spoon",         "bowl",          "banana",       "apple",         "sandwich",
    "orange",         "broccoli",   "carrot",        "hot dog",       "pizza",        "donut",         "cake",
    "chair",          "couch",      "potted plant",  "bed",           "dining table", "toilet",        "tv",
    "laptop",         "mouse",      "remote",        "keyboard",      "cell phone",   "microwave",     "oven",
    "toaster",        "sink",       "refrigerator",  "book",          "clock",        "vase",          "scissors",
    "teddy bear",     "hair drier", "toothbrush"};

/* Darknet's coco.names took six words from Pascal VOC. */
static const char *const voc_spellings[][2] = {
    {"motorbike", "motorcycle"},     {"aeroplane", "airplane"},       {"sofa", "couch"},
    {"pottedplant", "potted plant"}, {"diningtable", "dining table"}, {"tvmonitor", "tv"}};

int coco_category_id(int index) {
  static const int missing[] = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83};
  int id = index + 1;
  for (size_t i = 0; i < sizeof missing / sizeof *missing; ++i) id += id >= missing[i];
  return id;
}

const char *coco_canonical_name(const char *name) {
  for (size_t i = 0; i < sizeof voc_spellings / sizeof *voc_spellings; ++i) {
    if (strcmp(name, voc_spellings[i][0]) == 0) return voc_spellings[i][1];
  }
  return name;
}

bool coco_names_match(const char *const *names, int count) {
  if (count != COCO_CLASSES) return false;
  for (int i = 0; i < count; ++i) {
    if (strcmp(coco_canonical_name(names[i]), coco_names[i]) != 0) return false;
  }
  return true;
}

bool coco_number_in_name(const char *path, int64_t *out) {
  const char *name = yolo_basename(path), *dot = strrchr(name, '.');
  const char *end = dot ? dot : name + strlen(name);
  while (end > name && !isdigit((unsigned char)end[-1])) --end;
  const char *start = end;
  while (start > name && isdigit((unsigned char)start[-1])) --start;
  if (start == end || end - start > 15) return false;
  *out = 0;
  for (; start < end; ++start) *out = *out * 10 + (*start - '0');
  return true;
}
