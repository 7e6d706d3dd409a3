/* One row a loss; loss_<name>.c defines `const yolo_loss_def yolo_loss_<name>`. The first that fits a head is its default.
 * Included many times, without a guard. */
