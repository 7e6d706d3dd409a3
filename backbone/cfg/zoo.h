/* The networks of backbone/models, inside the program: `yolo train` needs no file to begin with. cmake/yoloModels.cmake makes
 * the table from the folder. */
#ifndef YOLO_CFG_ZOO_H
#define YOLO_CFG_ZOO_H

typedef struct yolo_zoo_model {
  const char *name; /* "yolov4-tiny" */
  const char *text; /* its cfg, terminated */
} yolo_zoo_model;

extern const yolo_zoo_model yolo_zoo[]; /* ends with name NULL; by name */
/* NULL: no such network. */
const char *yolo_zoo_text(const char *name);

#endif
