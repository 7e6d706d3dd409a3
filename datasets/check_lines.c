/* From bytes to lines: a JSON scanner knows where an element begins, people want the line. Newlines are counted once a file,
 * and only when something was found in it: how many stand before each block of 64 KiB. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/check_parts.h"

enum { BLOCK = 1 << 16 };

typedef struct line_file {
  char *name;
  uint32_t *before; /* newlines before block i; NULL: the file cannot be read */
  size_t n_blocks;
} line_file;

struct yolo_line_index {
  line_file *files;
  size_t count;
  uint8_t block[BLOCK];
};

yolo_status yolo_line_index_new(yolo_line_index **out) {
  *out = yolo_calloc(1, sizeof **out);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

void yolo_line_index_free(yolo_line_index *index) {
  if (!index) return;
  for (size_t i = 0; i < index->count; ++i) {
    yolo_free(index->files[i].name);
    yolo_free(index->files[i].before);
  }
  yolo_free(index->files);
  yolo_free(index);
}

static uint32_t count_newlines(const uint8_t *bytes, size_t length) {
  uint32_t n = 0;
  for (size_t i = 0; i < length; ++i) n += bytes[i] == '\n';
  return n;
}

/* A file that cannot be read, or memory that is short, leaves a file without lines. */
static void count_file(yolo_line_index *index, line_file *file) {
  FILE *stream = fopen(file->name, "rb");
  uint32_t lines = 0;
  size_t got, room = 0;
  if (!stream) return;
  while ((got = fread(index->block, 1, BLOCK, stream)) > 0) {
    if (file->n_blocks == room) {
      uint32_t *more = yolo_realloc(file->before, (room = room ? room * 2 : 16) * sizeof *more);
      if (!more) break;
      file->before = more;
    }
    file->before[file->n_blocks++] = lines;
    lines += count_newlines(index->block, got);
  }
  fclose(stream);
}

static line_file *find_file(yolo_line_index *index, const char *name) {
  for (size_t i = 0; i < index->count; ++i)
    if (strcmp(index->files[i].name, name) == 0) return &index->files[i];
  line_file *files = yolo_realloc(index->files, (index->count + 1) * sizeof *files);
  if (!files) return NULL;
  index->files = files;
  line_file *file = &files[index->count];
  *file = (line_file){.name = yolo_strdup(name)};
  if (!file->name) return NULL;
  index->count++;
  count_file(index, file);
  return file;
}

uint64_t yolo_line_of(yolo_line_index *index, const char *name, uint64_t byte) {
  line_file *file = find_file(index, name);
  size_t block = byte ? (size_t)((byte - 1) / BLOCK) : 0;
  if (!file || !byte || block >= file->n_blocks) return 0;
  FILE *stream = fopen(name, "rb");
  if (!stream) return 0;
  size_t before = (size_t)((byte - 1) % BLOCK), got = 0;
  if (fseek(stream, (long)(block * BLOCK), SEEK_SET) == 0) got = fread(index->block, 1, before, stream);
  fclose(stream);
  return 1 + file->before[block] + count_newlines(index->block, got < before ? got : before);
}
