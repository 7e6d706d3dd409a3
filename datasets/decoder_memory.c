/* The capped door through which stb_image (and, without a cap, stb_image_write) allocates.
 *
 * A header of 8x8 pixels may be followed by data that inflates to gigabytes. The decoder therefore gets a
 * budget before it starts; what it holds at one time never exceeds it. The few live blocks stand in a table
 * a thread, which also means that nothing a decoder forgets on an error path is leaked, and that freeing
 * twice does no harm. Blocks are zeroed: a decoder that reads what it never wrote finds zeros, every run
 * the same, and not somebody's old memory. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/decoders.h"

enum { MAX_BLOCKS = 64 }; /* the greediest (progressive JPEG, four channels) holds 14 */

typedef struct ledger {
  struct {
    void *block;
    size_t size;
  } live[MAX_BLOCKS];
  int count;
  size_t held, budget;
  yolo_decoder_refusal refusal;
} ledger;

static _Thread_local ledger books;

static int find(const void *block) {
  int i = books.count;
  while (i > 0 && books.live[i - 1].block != block) i--;
  return i - 1;
}

static void strike(int i) {
  books.held -= books.live[i].size;
  books.live[i] = books.live[--books.count];
}

/* Would `more` bytes in place of `freed` ones keep within the budget? */
static bool affordable(size_t freed, size_t more) {
  if (more <= books.budget - (books.held - freed)) return true;
  books.refusal = YOLO_REFUSED_BY_BUDGET;
  return false;
}

void yolo_decoder_memory_begin(size_t budget) {
  memset(&books, 0, sizeof books);
  books.budget = budget;
}

yolo_decoder_refusal yolo_decoder_memory_end(void *keep) {
  while (books.count > 0) {
    void *block = books.live[books.count - 1].block;
    strike(books.count - 1);
    if (block != keep) yolo_free(block);
  }
  return books.refusal;
}

void *yolo_decoder_alloc(size_t size) {
  if (books.count == MAX_BLOCKS || !affordable(0, size)) return NULL;
  void *block = yolo_calloc(1, size);
  if (!block) {
    books.refusal = YOLO_REFUSED_BY_SYSTEM;
    return NULL;
  }
  books.live[books.count].block = block;
  books.live[books.count++].size = size;
  books.held += size;
  return block;
}

void *yolo_decoder_realloc(void *block, size_t size) {
  if (!block) return yolo_decoder_alloc(size);
  int i = find(block);
  if (i < 0 || !affordable(books.live[i].size, size)) return NULL;
  size_t old = books.live[i].size;
  void *moved = yolo_realloc(block, size);
  if (!moved) {
    books.refusal = YOLO_REFUSED_BY_SYSTEM;
    return NULL;
  }
  if (size > old) memset((char *)moved + old, 0, size - old);
  books.live[i].block = moved;
  books.live[i].size = size;
  books.held += size - old; /* unsigned arithmetic: right when it shrinks too */
  return moved;
}

void yolo_decoder_free(void *block) {
  int i = block ? find(block) : -1;
  if (i < 0) return;
  strike(i);
  yolo_free(block);
}
