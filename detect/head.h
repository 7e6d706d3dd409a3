/* Heads: what a network's output means. One file a head (head_yolo.c, head_region.c, head_detection.c,
 * head_gaussian.c, head_ssd.c, head_classify.c) and one row in head_list.h. A head brings its cfg section (keys,
 * checks) and the decoding of its tensor into candidate boxes; training will add its loss. */
#ifndef YOLO_DETECT_HEAD_H
#define YOLO_DETECT_HEAD_H

#include "backbone/cfg/cfg.h"
#include "backbone/graph/network.h"
#include "detect/box.h"

typedef struct yolo_head yolo_head;

typedef struct yolo_decode {
  int input_w, input_h; /* of the network */
  float confidence;     /* candidates need more than this */
  bool best_class;
} yolo_decode;

/* Where a row of values stands: anchor `row` of cell (x, y), whose size is in input pixels. */
typedef struct yolo_cell {
  int x, y, row;
  double width, height;
} yolo_cell;

typedef struct yolo_head_def {
  yolo_cfg_section_def section; /* name NULL: no section of its own (classifiers) */
  /* Reads the section (of a head without one: the layer it reads) into attributes (owned by the caller: yolo_free)
   * and checks them against the tensor it reads; sets classes and nms. Messages name file and line. */
  yolo_status (*parse)(const yolo_cfg_section *section, yolo_shape in, yolo_head *head);
  /* Appends the candidates of image n. Boxes are in network input pixels, not clipped. */
  yolo_status (*decode)(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out);
  /* Classifiers: writes `classes` scores; NULL for detectors. */
  yolo_status (*scores)(const yolo_head *head, const yolo_tensor *tensor, int n, float *out);
  /* Heads that read every row of values by itself; both NULL for others. rows: which of them can become candidates (all
   * of *out but the capacity); the rest is never decoded. decode_row: appends the candidates of one that can. */
  void (*rows)(const yolo_head *head, const yolo_decode *how, yolo_row_filter *out);
  yolo_status (*decode_row)(const yolo_head *head, const yolo_cell *cell, const float *values, const yolo_decode *how,
                            yolo_boxes *out);
} yolo_head_def;

struct yolo_head {
  const yolo_head_def *def;
  void *attrs; /* owned */
  int classes;
  yolo_nms nms;
  int node; /* of the source graph */
};

/* rows.c: the two ways to the rows of a head that has them, with the same candidates in the same order. All of a tensor
 * (this is `decode`), or those that a device has picked from a map of height x width, by ascending index. */
yolo_status yolo_head_decode_map(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how,
                                 yolo_boxes *out);
yolo_status yolo_head_decode_rows(const yolo_head *head, int height, int width, const yolo_row *rows, int count,
                                  const yolo_decode *how, yolo_boxes *out);

#define YOLO_HEAD(name) extern const yolo_head_def yolo_head_##name;
#include "detect/head_list.h"
#undef YOLO_HEAD

extern const yolo_head_def *const yolo_heads[];
int yolo_head_count(void);
const yolo_head_def *yolo_head_find(const char *section);
/* The head sections as yolo_cfg_to_graph and yolo_cfg_visit_training_keys want them: fills at most `room` entries,
 * returns how many there are. YOLO_HEAD_SECTIONS is room enough. */
int yolo_head_sections(yolo_cfg_section_def *out, int room);
enum { YOLO_HEAD_SECTIONS = 16 };

#endif
