/* A JSON file of any size, one element at a time.
 *
 * The file is mapped; a scanner walks the members of the top-level object (or the elements of a top-level array) and hands
 * single elements to cJSON. A tree of all of instances_train2017.json would take several times the file's 450 MB. Pages behind
 * the scanner are given back. Strings are jumped over with their escapes; nesting is limited; a NUL byte or a cut file is a
 * sentence with the byte. */
#ifndef YOLO_DATASETS_JSON_SCAN_H
#define YOLO_DATASETS_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "backbone/base/status.h"

typedef struct yolo_json_file yolo_json_file;
yolo_status yolo_json_open(const char *path, yolo_json_file **out);
/* From bytes that stay the caller's; `name` is for messages. */
yolo_status yolo_json_open_bytes(const char *bytes, size_t length, const char *name, yolo_json_file **out);
void yolo_json_close(yolo_json_file *file);
const char *yolo_json_name(const yolo_json_file *file);
/* '{' or '[': what the file's top level is. */
char yolo_json_top(const yolo_json_file *file);

/* Calls back for every element of the array that is the top-level member `key` (NULL: the top level itself is the array).
 * `place` is the element's first byte, from 1. The tree is the scanner's. *found (may be NULL): was there such a member? */
typedef yolo_status (*yolo_json_visitor)(void *payload, const cJSON *element, uint64_t place);
yolo_status yolo_json_each(yolo_json_file *file, const char *key, yolo_json_visitor visitor, void *payload, int *found);
/* The same for those who read elements themselves: the text of each, not copied and not checked inside. */
typedef yolo_status (*yolo_json_text_visitor)(void *payload, const char *text, size_t length, uint64_t place);
yolo_status yolo_json_each_text(yolo_json_file *file, const char *key, yolo_json_text_visitor visitor, void *payload,
                                int *found);
/* The tree of such a text; the caller's (cJSON_Delete). */
yolo_status yolo_json_parse(const yolo_json_file *file, const char *text, size_t length, cJSON **out);
/* The raw text of a top-level member (not copied, valid until close); NULL when absent. */
yolo_status yolo_json_member(yolo_json_file *file, const char *key, const char **text, size_t *length);

/* Typed access to elements: false when the member is absent or of another type. */
int yolo_json_int64(const cJSON *object, const char *key, int64_t *out); /* whole numbers within 2^53 */
int yolo_json_double(const cJSON *object, const char *key, double *out);
const char *yolo_json_text(const cJSON *object, const char *key); /* NULL when absent or no string */

#endif
