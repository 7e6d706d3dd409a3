/* What the fuzz targets share. A target is one file with one LLVMFuzzerTestOneInput: libFuzzer hands it bytes until
 * something crashes, leaks, hangs or trips a sanitizer. What the bytes mean is said at the top of each file. */
#ifndef YOLO_TESTS_FUZZ_H
#define YOLO_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Stops the run; libFuzzer keeps the input that led here. */
static inline void fuzz_expect(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "fuzz: %s (last sentence: %s)\n", what, yolo_error_message());
  abort();
}

/* Every failure leaves a sentence, and whatever happened, nothing stays allocated. */
static inline void fuzz_judge(yolo_status st, long live_before) {
  fuzz_expect(st == YOLO_OK || strlen(yolo_error_message()) > 10, "a failure without a sentence");
  fuzz_expect(yolo_memory_get_stats().live == live_before, "a block is still alive");
}

/* A file in memory, for readers that want a path; *fd is closed by the caller. */
static inline const char *fuzz_file(const void *bytes, size_t length, int *fd, char path[64]) {
  *fd = memfd_create("fuzz", 0);
  fuzz_expect(*fd >= 0 && write(*fd, bytes, length) == (ssize_t)length, "no file in memory");
  snprintf(path, 64, "/proc/self/fd/%d", *fd);
  return path;
}

#endif
