/* The formats that can be written: YOLO_WRITER(name) for `const yolo_data_writer yolo_data_writer_<name>`. Included without a
 * guard. */
YOLO_WRITER(coco)
YOLO_WRITER(yolo)
YOLO_WRITER(voc)
YOLO_WRITER(masks)
