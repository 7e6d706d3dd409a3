/* The one door for memory. Every allocation of the library passes here, so that tests can fail the n-th
 * one, count what is alive, and prove that a step allocates nothing. */
#ifndef YOLO_BASE_MEMORY_H
#define YOLO_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

/* All return NULL when memory is short (and set the error sentence, YOLO_ENOMEM). Size 0 gives a valid
 * block of one byte. Every block is freed with yolo_free; yolo_free(NULL) does nothing. */
void *yolo_alloc(size_t size);
void *yolo_calloc(size_t count, size_t size);      /* zeroed; an overflowing product fails */
void *yolo_realloc(void *block, size_t size);      /* on failure the old block stays valid */
void *yolo_alloc_array(size_t count, size_t size); /* not zeroed; an overflowing product fails */
char *yolo_strdup(const char *text);
char *yolo_strndup(const char *text, size_t length);
void yolo_free(void *block);

/* Arenas: 64-byte aligned, not zeroed; at 4 MiB and above aligned to 2 MiB with huge pages asked for.
 * Freed with yolo_free. */
void *yolo_alloc_arena(size_t size);

/* Test hooks, process-wide. The counter includes every successful or refused call since the start. */
typedef struct yolo_memory_stats {
  long calls; /* allocations asked for */
  long live;  /* blocks alive */
} yolo_memory_stats;
yolo_memory_stats yolo_memory_get_stats(void);
void yolo_memory_fail_at(long nth); /* the nth allocation from now fails (1 = the next); 0 switches it off */

/* Bytes that this process could still take without swapping: the least of what the machine has (MemAvailable), what its control
 * groups leave (version 1 and 2, without the pages of files that could go) and what `ulimit -v` leaves. UINT64_MAX when nobody
 * says (memory_available.c). */
uint64_t yolo_memory_available(void);
/* Gives pages that only freed blocks lie on back to the system, where its allocator can (glibc): heaps of several threads keep
 * what their busiest moment took, and when that is depends on how they are scheduled. For the end of an epoch, not of a step.
 */
void yolo_memory_trim(void);
/* What `ulimit -v` alone leaves; UINT64_MAX: there is no such limit. It counts addresses, so that stacks and heaps of threads
 * that begin later take from it, filled or not. */
uint64_t yolo_memory_addresses(void);
/* yolo_memory_available for tests, with the files below `root` in the place of /proc and /sys. */
uint64_t yolo_memory_available_in(const char *root);

#define YOLO_ENOMEM_IF_NULL(p) \
  do {                         \
    if (!(p)) {                \
      st = YOLO_ENOMEM;        \
      goto done;               \
    }                          \
  } while (0)

#endif
