/* The formats that can be read: YOLO_READER(name) for `const yolo_data_reader yolo_data_reader_<name>`. The first whose sniff
 * knows a source reads it. Included without a guard. */
YOLO_READER(coco)
YOLO_READER(darknet)
YOLO_READER(voc)
YOLO_READER(idx)
YOLO_READER(cifar)
YOLO_READER(masks)
YOLO_READER(yolo)
YOLO_READER(folders)
