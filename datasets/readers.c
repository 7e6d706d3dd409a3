/* The formats as tables, and opening: each source is given to its reader, all into one builder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "datasets/dataset.h"
#include "datasets/index_cache.h"

#define YOLO_READER(name) extern const yolo_data_reader yolo_data_reader_##name;
#include "datasets/reader_list.h"
#undef YOLO_READER
#define YOLO_WRITER(name) extern const yolo_data_writer yolo_data_writer_##name;
#include "datasets/writer_list.h"
#undef YOLO_WRITER

const yolo_data_reader *const yolo_data_readers[] = {
#define YOLO_READER(name) &yolo_data_reader_##name,
#include "datasets/reader_list.h"
#undef YOLO_READER
};
const int yolo_data_reader_count = sizeof yolo_data_readers / sizeof yolo_data_readers[0];

const yolo_data_writer *const yolo_data_writers[] = {
#define YOLO_WRITER(name) &yolo_data_writer_##name,
#include "datasets/writer_list.h"
#undef YOLO_WRITER
};
const int yolo_data_writer_count = sizeof yolo_data_writers / sizeof yolo_data_writers[0];

const yolo_data_reader *yolo_data_reader_find(const char *name) {
  for (int i = 0; i < yolo_data_reader_count; i++)
    if (strcmp(yolo_data_readers[i]->name, name) == 0) return yolo_data_readers[i];
  return NULL;
}

const yolo_data_writer *yolo_data_writer_find(const char *name) {
  for (int i = 0; i < yolo_data_writer_count; i++)
    if (strcmp(yolo_data_writers[i]->name, name) == 0) return yolo_data_writers[i];
  return NULL;
}

/* "coco, yolo, voc" */
static yolo_status list_readers(yolo_text *names) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < yolo_data_reader_count && st == YOLO_OK; i++)
    st = yolo_text_format(names, "%s%s", i ? ", " : "", yolo_data_readers[i]->name);
  return st;
}

static yolo_status choose_by_name(const yolo_data_source *source, const yolo_data_reader **out) {
  yolo_text names = {0};
  *out = yolo_data_reader_find(source->format);
  if (*out) return YOLO_OK;
  yolo_status st = list_readers(&names);
  if (st == YOLO_OK)
    st = yolo_fail(YOLO_EINVAL, "%s: no reader is called '%s'; there are: %s", source->labels, source->format, names.data);
  yolo_text_free(&names);
  return st;
}

static yolo_status choose_by_look(const yolo_data_source *source, const yolo_data_reader **out) {
  struct stat info;
  yolo_text names = {0};
  if (stat(source->labels, &info) != 0)
    return yolo_fail(YOLO_EIO, "%s: %s", source->labels, errno == ENOENT ? "there is no such file or folder" : strerror(errno));
  for (int i = 0; i < yolo_data_reader_count; i++) {
    *out = yolo_data_readers[i];
    if ((*out)->sniff(source)) return YOLO_OK;
  }
  yolo_status st = list_readers(&names);
  if (st == YOLO_OK)
    st = yolo_fail(YOLO_EFORMAT, "%s: this looks like no label format that is known (%s); name the format if it is one",
                   source->labels, names.data);
  yolo_text_free(&names);
  return st;
}

static yolo_status choose_reader(const yolo_data_source *source, const yolo_data_reader **out) {
  if (source->format && *source->format && strcmp(source->format, "auto") != 0) return choose_by_name(source, out);
  return choose_by_look(source, out);
}

static yolo_status read_all(const yolo_data_source *sources, const yolo_data_reader *const *readers, int n,
                            const yolo_data_open_options *options, bool *flawless, yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  yolo_dataset_builder *builder = NULL;
  YOLO_TRY(yolo_dataset_builder_new(options, &builder));
  for (int i = 0; i < n; i++) {
    YOLO_TRY(yolo_dataset_builder_source(builder, readers[i]->name, sources[i].labels));
    YOLO_TRY(readers[i]->read(&sources[i], builder));
  }
  const yolo_data_sink *sink = yolo_dataset_builder_sink(builder);
  *flawless = true;
  for (int i = 0; i < YOLO_RULE_COUNT; i++) *flawless &= sink->counts[i] == 0;
  YOLO_TRY(yolo_dataset_builder_finish(builder, out));
done:
  yolo_dataset_builder_free(builder);
  return st;
}

/* One large COCO file: its index is taken from the cache, or made and kept. A file with flaws is read anew each time, so that
 * they are reported each time. */
static yolo_status open_with_index(const yolo_data_source *source, const yolo_data_reader *const *readers,
                                   const yolo_data_open_options *options, yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  yolo_index *index = NULL;
  bool flawless = false;
  YOLO_TRY(yolo_index_find(source, options, &index));
  if (index) YOLO_TRY(yolo_index_load(index, source, out));
  if (*out) goto done;
  YOLO_TRY(read_all(source, readers, 1, options, &flawless, out));
  if (index && flawless) yolo_index_store(index, *out, options->log);
done:
  yolo_index_free(index);
  return st;
}

yolo_status yolo_dataset_open(const yolo_data_source *sources, int n, const yolo_data_open_options *options,
                              yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  const yolo_data_open_options defaults = {0};
  const yolo_data_reader **readers = NULL;
  bool flawless;
  *out = NULL;
  if (!options) options = &defaults;
  if (n < 1) return yolo_fail(YOLO_EINVAL, "a dataset needs at least one source");
  readers = yolo_alloc_array((size_t)n, sizeof *readers);
  YOLO_ENOMEM_IF_NULL(readers);
  for (int i = 0; i < n; i++) YOLO_TRY(choose_reader(&sources[i], &readers[i]));
  if (n == 1 && !options->no_cache && strcmp(readers[0]->name, "coco") == 0)
    st = open_with_index(sources, readers, options, out);
  else
    st = read_all(sources, readers, n, options, &flawless, out);
done:
  yolo_free(readers);
  return st;
}
