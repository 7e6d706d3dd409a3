/* One row a head; head_<name>.c defines `const yolo_head_def yolo_head_<name>`. Included many times. */
YOLO_HEAD(yolo)
YOLO_HEAD(region)
YOLO_HEAD(detection)
YOLO_HEAD(gaussian)
YOLO_HEAD(ssd)
YOLO_HEAD(classify)
