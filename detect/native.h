/* The native model file: what its metadata say, as text and back. Internal to detect/. */
#ifndef YOLO_DETECT_NATIVE_H
#define YOLO_DETECT_NATIVE_H

#include "backbone/base/text.h"
#include "detect/model.h"
#include "detect/names.h"

/* What the metadata of a native file hold. Texts point into the reader. */
typedef struct yolo_native {
  const char *model_cfg, *provenance; /* provenance may be NULL */
  yolo_names names;                   /* owned; count 0 when absent */
  yolo_preprocess preprocess;
  bool has_preprocess, has_header;
  int width, height; /* 0: the cfg's */
  yolo_darknet_header header;
} yolo_native;

/* `path` is for messages. */
yolo_status yolo_native_read(const yolo_safetensors_reader *reader, const char *path, yolo_native *out);
void yolo_native_release(yolo_native *native);

enum { YOLO_NATIVE_PAIRS = 7 };
/* The metadata of a model: fills pairs[YOLO_NATIVE_PAIRS], *count of them; `room` owns the texts (yolo_text_free). */
yolo_status yolo_native_write(const yolo_model_spec *spec, const yolo_darknet_header *header, yolo_text *room,
                              yolo_metadata *pairs, int *count);

#endif
