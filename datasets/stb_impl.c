/* The one place where the code of stb_image and stb_image_write is compiled.
 *
 * stb_image allocates through the capped door of decoder_memory.c. Its assertions are switched off, since a
 * library does not abort: what they guard is checked before (datasets/decode_*.c) and by fuzzing. The formats
 * left out are those whose reader overlooks errors (PNM: our own reads it) or which nobody meets (PIC, HDR).
 * stb_image_write compresses PNG with zlib: its own compressor writes past its buffer when memory is short. */
#include <limits.h>
#include <zlib.h>

#include "backbone/base/memory.h"
#include "datasets/decoders.h"

/* What stb_image_write calls to compress: a zlib stream in a block of its own, NULL on failure. */
static unsigned char *deflate_block(unsigned char *data, int length, int *out_length, int quality) {
  uLong bound = compressBound((uLong)length);
  unsigned char *block = yolo_alloc(bound);
  if (!block) return NULL;
  if (compress2(block, &bound, data, (uLong)length, quality > 6 ? 6 : quality) != Z_OK || bound > INT_MAX - 64) {
    yolo_free(block);
    return NULL;
  }
  *out_length = (int)bound;
  return block;
}

#define STBI_MALLOC(size)         yolo_decoder_alloc(size)
#define STBI_REALLOC(block, size) yolo_decoder_realloc(block, size)
#define STBI_FREE(block)          yolo_decoder_free(block)
#define STBI_ASSERT(condition)    ((void)(condition))
#define STBI_MAX_DIMENSIONS       YOLO_IMAGE_MAX_SIDE
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_PNM
#define STB_IMAGE_IMPLEMENTATION

#define STBIW_MALLOC(size)                                     yolo_alloc(size)
#define STBIW_REALLOC(block, size)                             yolo_realloc(block, size)
#define STBIW_FREE(block)                                      yolo_free(block)
#define STBIW_ASSERT(condition)                                ((void)(condition))
#define STBIW_ZLIB_COMPRESS(data, length, out_length, quality) deflate_block(data, length, out_length, quality)
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-value"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop
