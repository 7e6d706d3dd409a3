/* Detecting objects in an image through the C library, start to finish.
 *
 *   cc example_detect.c $(pkg-config --cflags --libs yolo) -o example_detect
 *   ./example_detect model.safetensors dog.jpg
 *
 * The model file is made once: yolo convert yolov4-tiny.weights --cfg yolov4-tiny.cfg --names coco.names
 * model.safetensors. For Darknet files directly, put their cfg and names into yolo_model_options. */
#include <stdio.h>
#include <yolo.h>

int main(int argc, char **argv) {
  yolo_model *model = NULL;          /* the network: shared by all threads, never changes */
  yolo_context *context = NULL;      /* one a thread */
  yolo_result *result = NULL;        /* one an image */
  yolo_detect_options options = {0}; /* zero means the default */
  int status = 1;
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL IMAGE\n", argv[0]);
    return 1;
  }
  options.confidence = 0.4f;
  if (yolo_model_load(argv[1], NULL, &model) != YOLO_OK) goto done;
  if (yolo_context_new(model, &context) != YOLO_OK) goto done;
  if (yolo_detect_file(context, argv[2], &options, &result) != YOLO_OK) goto done;
  printf("%s: %d x %d pixels, %d objects\n", argv[2], result->width, result->height, result->count);
  for (int i = 0; i < result->count; i++) {
    const yolo_detection *d = &result->detections[i];
    printf("%-12s %.3f  from (%.0f, %.0f) to (%.0f, %.0f)\n", yolo_model_class_name(model, d->class_id), d->confidence, d->x1,
           d->y1, d->x2, d->y2);
  }
  status = 0;
done:
  if (status) fprintf(stderr, "%s\n", yolo_error_message()); /* one sentence that says what is wrong */
  yolo_result_free(result);
  yolo_context_free(context);
  yolo_model_free(model);
  return status;
}
