/* Internal to the COCO reader: what its files share. */
#ifndef YOLO_DATASETS_READ_COCO_H
#define YOLO_DATASETS_READ_COCO_H

#include "datasets/id_map.h"
#include "datasets/json_scan.h"
#include "datasets/segments.h"

typedef struct yolo_coco_reader {
  const yolo_data_source *source;
  yolo_dataset_builder *builder;
  yolo_data_sink *sink;
  const char *file;        /* the JSON file */
  char *folder;            /* of the images; NULL until the first one is met */
  yolo_id_map categories;  /* category id -> class index + 1; 0: not among the classes that were asked for */
  yolo_id_map images;      /* image id -> index */
  yolo_id_map annotations; /* annotation ids that were met */
  struct yolo_coco_outline {
    yolo_polygons polygons; /* of the annotation at hand */
    const double **starts;  /* the same, as the builder takes them */
    size_t *lengths;
    size_t xy_room, n_room;
  } outline;
} yolo_coco_reader;

/* A visitor for "annotations" (coco_annotation.c): payload is the reader. */
yolo_status yolo_coco_annotation(void *payload, const cJSON *element, uint64_t place);

/* The JSON file of a source, which may be named by its folder (coco_paths.c). *out: yolo_free. */
yolo_status yolo_coco_json_path(const yolo_data_source *source, char **out);
/* Where the images lie: the folder that was named, else the first of the usual places that has the first image. */
yolo_status yolo_coco_images_folder(const yolo_data_source *source, const char *json, const char *first_image, char **out);
/* A file_name of the JSON as a path that opens. */
yolo_status yolo_coco_image_path(const char *folder, const char *name, char **out);
bool yolo_coco_sniff(const yolo_data_source *source);

#endif
