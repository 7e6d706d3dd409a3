/* The one door for memory: malloc with counters and a switch that makes the n-th call fail.
 *
 * The counters are relaxed atomics: they order nothing, they only must not lose a count. */
#include "backbone/base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { CACHE_LINE = 64 };
static const size_t huge_page = (size_t)2 << 20;
static const size_t huge_from = (size_t)4 << 20; /* below it, alignment would waste more than it gains */

static atomic_long calls, live;
static atomic_long fail_countdown; /* 1: the next call fails; 0 or less: nothing planned */

/* Counts one call; true when the test asked for this very call to fail. */
static bool refused(void) {
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0) return false;
  return atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) == 1;
}

static void *keep(void *block, size_t size) {
  if (block)
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
  else
    yolo_fail(YOLO_ENOMEM, "out of memory: %zu bytes could not be had", size);
  return block;
}

/* False, with the sentence set, when count * size does not fit a size_t. */
static bool product(size_t count, size_t size, size_t *out) {
  if (size != 0 && count > SIZE_MAX / size) {
    yolo_fail(YOLO_ENOMEM, "out of memory: %zu elements of %zu bytes are more than this machine can address", count, size);
    return false;
  }
  *out = count * size;
  return true;
}

void *yolo_alloc(size_t size) { return keep(refused() ? NULL : malloc(size ? size : 1), size); }

void *yolo_calloc(size_t count, size_t size) {
  size_t bytes = 0;
  if (!product(count, size, &bytes)) return NULL;
  return keep(refused() ? NULL : calloc(bytes ? bytes : 1, 1), bytes);
}

void *yolo_alloc_array(size_t count, size_t size) {
  size_t bytes = 0;
  return product(count, size, &bytes) ? yolo_alloc(bytes) : NULL;
}

void *yolo_realloc(void *block, size_t size) {
  if (!block) return yolo_alloc(size);
  void *moved = refused() ? NULL : realloc(block, size ? size : 1);
  if (!moved) yolo_fail(YOLO_ENOMEM, "out of memory: %zu bytes could not be had", size);
  return moved;
}

char *yolo_strndup(const char *text, size_t length) {
  length = strnlen(text, length);
  char *copy = yolo_alloc(length + 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

char *yolo_strdup(const char *text) { return yolo_strndup(text, strlen(text)); }

void yolo_free(void *block) {
  if (!block) return;
  atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
  free(block);
}

/* Weights and activations are walked from end to end: with 4 KiB pages the address translation shows in
 * the profile. Only whole huge pages are asked for, so the neighbour of the block is left alone. */
void *yolo_alloc_arena(size_t size) {
  bool huge = size >= huge_from;
  void *block = NULL;
  if (refused() || posix_memalign(&block, huge ? huge_page : CACHE_LINE, size ? size : 1) != 0) block = NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (block && huge) (void)madvise(block, size & ~(huge_page - 1), MADV_HUGEPAGE);
#endif
  return keep(block, size);
}

yolo_memory_stats yolo_memory_get_stats(void) {
  yolo_memory_stats stats = {atomic_load_explicit(&calls, memory_order_relaxed),
                             atomic_load_explicit(&live, memory_order_relaxed)};
  return stats;
}

void yolo_memory_fail_at(long nth) { atomic_store_explicit(&fail_countdown, nth, memory_order_relaxed); }

void yolo_memory_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
