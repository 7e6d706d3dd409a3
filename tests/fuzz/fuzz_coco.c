/* Bytes are a COCO JSON: scanned, read into a dataset with every fault reported, its masks drawn, written, and read again. */
#include "backbone/base/text.h"
#include "datasets/dataset.h"
#include "tests/fuzz/fuzz.h"

static void count_issue(void *payload, const yolo_data_issue *issue) { *(size_t *)payload += strlen(issue->what); }

static yolo_status read_bytes(const void *bytes, size_t length, yolo_data_sink *sink, yolo_dataset **out) {
  char path[64];
  int fd;
  yolo_data_source source = {"coco", fuzz_file(bytes, length, &fd, path), "/nowhere"};
  yolo_data_open_options options = {.no_cache = true, .sink = sink};
  yolo_status st = yolo_dataset_open(&source, 1, &options, out);
  close(fd);
  return st;
}

/* Huge images are legal; drawing them takes long and shows nothing new. */
static void draw_masks(const yolo_dataset *d) {
  for (size_t i = 0; i < d->n_annotations; i++) {
    const yolo_annotation *a = &d->annotations[i];
    const yolo_data_image *image = &d->images[a->image];
    yolo_rle rle = {0};
    if (a->kind == YOLO_SEGMENT_POLYGONS && ((int64_t)image->width * image->height > 1 << 20)) continue;
    if (yolo_annotation_rle(d, a, &rle) == YOLO_OK) fuzz_expect(rle.count == 0 || rle.runs != NULL, "a mask without its runs");
    yolo_rle_free(&rle);
  }
}

/* What was written is read without a fault, with as much in it. */
static void write_and_read(const yolo_dataset *d) {
  char path[64], *written = NULL;
  int fd;
  size_t length;
  yolo_dataset *again = NULL;
  const yolo_data_writer *writer = NULL;
  for (int i = 0; i < yolo_data_writer_count; i++)
    if (strcmp(yolo_data_writers[i]->name, "coco") == 0) writer = yolo_data_writers[i];
  fuzz_file("", 0, &fd, path);
  fuzz_expect(writer->write(d, path, NULL) == YOLO_OK, "a dataset that cannot be written");
  fuzz_expect(yolo_read_file(path, 1 << 28, &written, &length) == YOLO_OK, "a file that cannot be read");
  close(fd);
  yolo_data_sink sink = {0};
  fuzz_expect(read_bytes(written, length, &sink, &again) == YOLO_OK, "what was written is no COCO file");
  fuzz_expect(again->n_images == d->n_images && again->n_annotations == d->n_annotations, "something was lost");
  yolo_dataset_free(again);
  yolo_free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  size_t said = 0;
  yolo_data_sink sink = {.report = count_issue, .payload = &said};
  yolo_dataset *d = NULL;
  yolo_error_clear();
  yolo_status st = read_bytes(bytes, length, &sink, &d);
  if (st == YOLO_OK) draw_masks(d);
  if (st == YOLO_OK) write_and_read(d);
  yolo_dataset_free(d);
  fuzz_judge(st, live);
  return 0;
}
