/* Building a dataset: readers add classes, images and annotations in any order; finish() groups the annotations by image. */
#include <limits.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/strmap.h"
#include "datasets/builder_ids.h"
#include "datasets/segments.h"

struct yolo_dataset_builder {
  yolo_dataset *d;
  yolo_data_open_options options;
  yolo_data_sink sink; /* what readers report to: counts here, goes on to options.sink */
  yolo_strmap class_names;
  bool *class_has_id; /* a source has named it, and so given it its id */
  struct {
    size_t classes, images, annotations, segments, texts, pixels, sources, class_has_id;
  } room;
  int64_t last_image_id, last_annotation_id;
};

/* Room for `more` elements behind the `used` ones. */
static yolo_status reserve(void *array, size_t *room, size_t used, size_t more, size_t size) {
  if (more <= *room - used) return YOLO_OK;
  if (more > SIZE_MAX / 2 / size - used) return yolo_fail(YOLO_ENOMEM, "out of memory: a dataset of this size");
  size_t wanted = used + more;
  size_t grown = *room + *room / 2 + 64;
  if (grown < wanted) grown = wanted;
  if (grown > SIZE_MAX / size) return yolo_fail(YOLO_ENOMEM, "out of memory: a dataset of this size");
  void *moved, *old;
  memcpy(&old, array, sizeof old);
  if (!(moved = yolo_realloc(old, grown * size))) return YOLO_ENOMEM;
  memcpy(array, &moved, sizeof moved);
  *room = grown;
  return YOLO_OK;
}

static void forward_issue(void *payload, const yolo_data_issue *issue) {
  yolo_dataset_builder *builder = payload;
  yolo_data_forward(builder->options.sink, issue);
}

static yolo_status add_class(yolo_dataset_builder *b, const char *name, const char *group, int64_t id, bool has_id) {
  yolo_dataset *d = b->d;
  yolo_data_class c = {.id = id};
  yolo_status st = YOLO_OK;
  if (d->n_classes >= INT_MAX) return yolo_fail(YOLO_EFORMAT, "a dataset has at most %d classes", INT_MAX);
  YOLO_TRY(yolo_dataset_builder_text(b, name, &c.name));
  if (group && *group) YOLO_TRY(yolo_dataset_builder_text(b, group, &c.group));
  YOLO_TRY(reserve(&d->classes, &b->room.classes, d->n_classes, 1, sizeof c));
  YOLO_TRY(reserve(&b->class_has_id, &b->room.class_has_id, d->n_classes, 1, sizeof(bool)));
  YOLO_TRY(yolo_strmap_add(&b->class_names, name, (int64_t)d->n_classes, NULL));
  b->class_has_id[d->n_classes] = has_id;
  d->classes[d->n_classes++] = c;
done:
  return st;
}

static yolo_status add_named_classes(yolo_dataset_builder *b) {
  yolo_status st = YOLO_OK;
  for (int i = 0; b->options.names && i < b->options.n_names; i++) {
    if (yolo_strmap_get(&b->class_names, b->options.names[i], NULL))
      return yolo_fail(YOLO_EINVAL, "the class '%s' is named twice", b->options.names[i]);
    YOLO_TRY(add_class(b, b->options.names[i], NULL, i, false));
  }
done:
  return st;
}

yolo_status yolo_dataset_builder_new(const yolo_data_open_options *options, yolo_dataset_builder **out) {
  yolo_status st = YOLO_OK;
  yolo_dataset_builder *b = yolo_calloc(1, sizeof *b);
  uint64_t empty;
  YOLO_ENOMEM_IF_NULL(b);
  if (options) b->options = *options;
  b->sink = (yolo_data_sink){.report = forward_issue, .payload = b};
  b->d = yolo_calloc(1, sizeof *b->d);
  YOLO_ENOMEM_IF_NULL(b->d);
  YOLO_TRY(yolo_dataset_builder_text(b, "", &empty));
  YOLO_TRY(add_named_classes(b));
  *out = b;
  b = NULL;
done:
  yolo_dataset_builder_free(b);
  return st;
}

void yolo_dataset_builder_free(yolo_dataset_builder *builder) {
  if (!builder) return;
  yolo_dataset_free(builder->d);
  yolo_strmap_free(&builder->class_names);
  yolo_free(builder->class_has_id);
  yolo_free(builder);
}

yolo_data_sink *yolo_dataset_builder_sink(yolo_dataset_builder *builder) { return &builder->sink; }
const yolo_log *yolo_dataset_builder_log(const yolo_dataset_builder *builder) { return builder->options.log; }

const char *const *yolo_dataset_builder_names(const yolo_dataset_builder *builder, int *n) {
  *n = builder->options.names ? builder->options.n_names : 0;
  return builder->options.names;
}

int yolo_dataset_builder_class_count(const yolo_dataset_builder *builder) { return (int)builder->d->n_classes; }

yolo_status yolo_dataset_builder_source(yolo_dataset_builder *builder, const char *format, const char *labels) {
  yolo_dataset *d = builder->d;
  yolo_data_source_info source = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_dataset_builder_text(builder, format, &source.format));
  YOLO_TRY(yolo_dataset_builder_text(builder, labels, &source.labels));
  YOLO_TRY(reserve(&d->sources, &builder->room.sources, d->n_sources, 1, sizeof source));
  d->sources[d->n_sources++] = source;
done:
  return st;
}

yolo_status yolo_dataset_builder_text(yolo_dataset_builder *builder, const char *text, uint64_t *offset) {
  yolo_dataset *d = builder->d;
  size_t size = strlen(text) + 1;
  yolo_status st = reserve(&d->texts, &builder->room.texts, d->n_texts, size, 1);
  if (st != YOLO_OK) return st;
  if (size == 1 && d->n_texts > 0) {
    *offset = 0;
    return YOLO_OK;
  }
  memcpy(d->texts + d->n_texts, text, size);
  *offset = d->n_texts;
  d->n_texts += size;
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_class(yolo_dataset_builder *builder, const char *name, const char *group, int64_t id,
                                       int *index) {
  int64_t known;
  yolo_status st = YOLO_OK;
  *index = -1;
  if (yolo_strmap_get(&builder->class_names, name, &known)) {
    yolo_data_class *c = &builder->d->classes[known];
    *index = (int)known;
    if (builder->class_has_id[known]) return YOLO_OK;
    builder->class_has_id[known] = true;
    c->id = id;
    return group && *group ? yolo_dataset_builder_text(builder, group, &c->group) : YOLO_OK;
  }
  if (builder->options.names) return YOLO_OK;
  YOLO_TRY(add_class(builder, name, group, id, true));
  *index = (int)builder->d->n_classes - 1;
done:
  return st;
}

yolo_status yolo_dataset_builder_image(yolo_dataset_builder *builder, const yolo_data_image *image, size_t *index) {
  yolo_dataset *d = builder->d;
  if (d->n_sources == 0) return yolo_fail(YOLO_EINVAL, "an image before its source");
  if (d->n_images >= UINT32_MAX) return yolo_fail(YOLO_EFORMAT, "a dataset has at most %u images", UINT32_MAX);
  yolo_status st = reserve(&d->images, &builder->room.images, d->n_images, 1, sizeof *image);
  if (st != YOLO_OK) return st;
  yolo_data_image *added = &d->images[d->n_images];
  *added = *image;
  added->first = added->count = 0;
  added->source = (uint32_t)(d->n_sources - 1);
  if (added->id == YOLO_DATA_RUNNING_ID) added->id = ++builder->last_image_id;
  *index = d->n_images++;
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_annotation(yolo_dataset_builder *builder, const yolo_annotation *annotation) {
  yolo_dataset *d = builder->d;
  if (annotation->image >= d->n_images) return yolo_fail(YOLO_EINVAL, "an annotation of an image that is not there");
  if (annotation->class_index < 0 || (size_t)annotation->class_index >= d->n_classes)
    return yolo_fail(YOLO_EINVAL, "an annotation of a class that is not there");
  if (d->n_annotations >= UINT32_MAX) return yolo_fail(YOLO_EFORMAT, "a dataset has at most %u annotations", UINT32_MAX);
  yolo_status st = reserve(&d->annotations, &builder->room.annotations, d->n_annotations, 1, sizeof *annotation);
  if (st != YOLO_OK) return st;
  yolo_annotation *added = &d->annotations[d->n_annotations++];
  *added = *annotation;
  if (added->id == YOLO_DATA_RUNNING_ID) added->id = ++builder->last_annotation_id;
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_pixels(yolo_dataset_builder *builder, const uint8_t *bytes, size_t length, int channels,
                                        uint64_t *offset) {
  yolo_dataset *d = builder->d;
  if (channels != 1 && channels != 3) return yolo_fail(YOLO_EINVAL, "embedded images have 1 or 3 channels, not %d", channels);
  if (d->pixel_channels && d->pixel_channels != channels)
    return yolo_fail(YOLO_EUNSUPPORTED, "grey and coloured embedded images cannot be joined in one dataset");
  yolo_status st = reserve(&d->pixels, &builder->room.pixels, d->n_pixels, length, 1);
  if (st != YOLO_OK) return st;
  if (length) memcpy(d->pixels + d->n_pixels, bytes, length);
  *offset = d->n_pixels;
  d->n_pixels += length;
  d->pixel_channels = channels;
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_polygons(yolo_dataset_builder *builder, const double *const *xy, const size_t *lengths,
                                          size_t n, uint64_t *segment) {
  yolo_dataset *d = builder->d;
  yolo_status st = reserve(&d->segments, &builder->room.segments, d->n_segments, yolo_segment_polygons_bound(lengths, n), 1);
  if (st != YOLO_OK) return st;
  *segment = d->n_segments;
  d->n_segments += yolo_segment_pack_polygons(xy, lengths, n, d->segments + d->n_segments);
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_rle(yolo_dataset_builder *builder, const yolo_rle *rle, uint64_t *segment) {
  yolo_dataset *d = builder->d;
  yolo_status st = YOLO_OK;
  yolo_text text = {0};
  YOLO_TRY(yolo_rle_to_text(rle, &text));
  YOLO_TRY(reserve(&d->segments, &builder->room.segments, d->n_segments, yolo_segment_rle_bound(text.length), 1));
  *segment = d->n_segments;
  d->n_segments += yolo_segment_pack_rle(rle->height, rle->width, text.data, text.length, d->segments + d->n_segments);
done:
  yolo_text_free(&text);
  return st;
}

yolo_status yolo_dataset_builder_info(yolo_dataset_builder *builder, const char *json) {
  if (builder->d->info) return YOLO_OK; /* the first source's */
  builder->d->info = yolo_strdup(json);
  return builder->d->info ? YOLO_OK : YOLO_ENOMEM;
}

/* A stable counting sort: the annotations of an image keep the order of the file. */
static yolo_status group_by_image(yolo_dataset *d) {
  yolo_annotation *sorted = yolo_alloc_array(d->n_annotations, sizeof *sorted);
  uint32_t next = 0;
  if (!sorted) return YOLO_ENOMEM;
  for (size_t i = 0; i < d->n_annotations; i++) d->images[d->annotations[i].image].count++;
  for (size_t i = 0; i < d->n_images; i++) {
    d->images[i].first = next;
    next += d->images[i].count;
    d->images[i].count = 0;
  }
  for (size_t i = 0; i < d->n_annotations; i++) {
    yolo_data_image *image = &d->images[d->annotations[i].image];
    sorted[image->first + image->count++] = d->annotations[i];
  }
  yolo_free(d->annotations);
  d->annotations = sorted;
  return YOLO_OK;
}

yolo_status yolo_dataset_builder_finish(yolo_dataset_builder *builder, yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_unique_ids(builder->d));
  YOLO_TRY(group_by_image(builder->d));
  *out = builder->d;
  builder->d = NULL;
done:
  return st;
}
