/* Inside of the outline files. */
#ifndef YOLO_DATASETS_OUTLINE_ROOM_H
#define YOLO_DATASETS_OUTLINE_ROOM_H

#include "datasets/outline.h"

/* This many more points and rings fit afterwards. */
yolo_status yolo_outline_reserve(yolo_outline *outline, int points, int rings);

#endif
