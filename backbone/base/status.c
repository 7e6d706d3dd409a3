/* Errors are values: the sentence of the last failure, one buffer a thread.
 *
 * The buffer has a fixed size on purpose: reporting that memory is short must not need memory. Every
 * sentence is first written to the stack, because its arguments may point into the buffer itself
 * (`yolo_fail(code, "%s: %s", path, yolo_error_message())` is a natural thing to write). */
#include "backbone/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_SIZE = 1024 };

static _Thread_local char sentence[SENTENCE_SIZE];

/* The longest prefix of text[0..length) that does not end inside a UTF-8 sequence. */
static size_t whole_characters(const char *text, size_t length) {
  size_t start = length;
  while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
  if (start == 0) return length;
  unsigned char lead = (unsigned char)text[start - 1];
  size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  return wanted > 1 && length - (start - 1) < wanted ? start - 1 : length;
}

/* Ends `text` where vsnprintf had to cut it, not in the middle of a character. */
static void cut_cleanly(char *text, int wanted) {
  if (wanted < 0) text[0] = '\0';
  if (wanted >= SENTENCE_SIZE) text[whole_characters(text, SENTENCE_SIZE - 1)] = '\0';
}

yolo_status yolo_fail(yolo_status code, const char *format, ...) {
  char fresh[SENTENCE_SIZE];
  va_list args;
  va_start(args, format);
  cut_cleanly(fresh, vsnprintf(fresh, sizeof fresh, format, args));
  va_end(args);
  memcpy(sentence, fresh, strlen(fresh) + 1);
  return code;
}

yolo_status yolo_error_prefix(yolo_status code, const char *format, ...) {
  char prefix[SENTENCE_SIZE];
  va_list args;
  va_start(args, format);
  cut_cleanly(prefix, vsnprintf(prefix, sizeof prefix, format, args));
  va_end(args);
  return yolo_fail(code, "%s%s", prefix, sentence);
}

void yolo_error_clear(void) { sentence[0] = '\0'; }

YOLO_API const char *yolo_error_message(void) { return sentence; }
