/* A picture maker: textured backgrounds with objects of fourteen kinds, their exact visible masks and boxes.
 *
 * The data set of the demo, of the tests and of a first-time learner: it needs no download, has no licence, and nobody can
 * have mislabelled it. A picture is a pure function of (seed, number, width, height): any of them can be made alone, in any
 * order, on any thread. What makes it less than trivial: free rotation, colours and textures shared by objects and background,
 * objects that cover each other or stick out of the picture, shadows, strokes that mean nothing, sensor noise. */
#ifndef YOLO_DATASETS_SYNTH_H
#define YOLO_DATASETS_SYNTH_H

#include <stdint.h>

#include "datasets/image.h"
#include "datasets/mask.h"

enum { YOLO_SYNTH_CLASSES = 14, YOLO_SYNTH_MOST_OBJECTS = 32, YOLO_SYNTH_LEAST_SIDE = 64, YOLO_SYNTH_MOST_SIDE = 4096 };
extern const char *const yolo_synth_names[YOLO_SYNTH_CLASSES];

typedef struct yolo_synth_object {
  int class_index;
  double box[4]; /* x y width height: the smallest around the mask */
  uint32_t area; /* pixels of the mask */
  yolo_rle mask; /* what can be seen of the object: pixels that it covers by half or more, and nothing later does */
} yolo_synth_object;

/* Zero-initialise; yolo_synth_release. */
typedef struct yolo_synth_picture {
  yolo_image image;
  yolo_synth_object objects[YOLO_SYNTH_MOST_OBJECTS]; /* in the order they were painted: later ones lie on top */
  int count;                                          /* at least 1 */
} yolo_synth_picture;

/* No object in it is hidden by more than 70%: what lies outside the picture counts as hidden. */
yolo_status yolo_synth_draw(uint64_t seed, uint64_t number, int width, int height, yolo_synth_picture *out);
void yolo_synth_release(yolo_synth_picture *picture);

#endif
