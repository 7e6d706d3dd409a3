/* One row a loss; loss_<name>.c defines `const yolo_loss_def yolo_loss_<name>`. The first that fits a head is its default.
 * Included many times, without a guard. */
YOLO_LOSS(yolov3)
YOLO_LOSS(yolov4)
YOLO_LOSS(yolov5)
YOLO_LOSS(region)
YOLO_LOSS(detection)
YOLO_LOSS(gaussian)
YOLO_LOSS(ssd)
YOLO_LOSS(softmax)
