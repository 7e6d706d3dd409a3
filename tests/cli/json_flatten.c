/* A reader for the tests of the program: prints every value of a JSON file on a line of its own, as
 * `.images[0].detections[2].class = dog`. Exit 1 with a sentence when the file is no JSON, or has something
 * behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

enum { MAX_PATH = 512 };

static void flatten(const cJSON *value, const char *path) {
  char below[MAX_PATH];
  int index = 0;
  if (cJSON_IsString(value)) printf("%s = %s\n", path, value->valuestring);
  if (cJSON_IsNumber(value)) printf("%s = %.9g\n", path, value->valuedouble);
  if (cJSON_IsBool(value)) printf("%s = %s\n", path, cJSON_IsTrue(value) ? "true" : "false");
  if (cJSON_IsNull(value)) printf("%s = null\n", path);
  for (const cJSON *child = value->child; child; child = child->next, ++index) {
    if (cJSON_IsArray(value)) {
      snprintf(below, sizeof below, "%s[%d]", path, index);
    } else {
      snprintf(below, sizeof below, "%s.%s", path, child->string);
    }
    flatten(child, below);
  }
  if (cJSON_IsArray(value)) printf("%s.length = %d\n", path, index);
}

static char *read_all(FILE *stream, size_t *length) {
  char *text = NULL;
  size_t capacity = 0, got = 1;
  for (*length = 0; got > 0; *length += got) {
    if (capacity - *length < 2) {
      char *grown = realloc(text, capacity = capacity * 2 + 65536);
      if (!grown) break;
      text = grown;
    }
    got = fread(text + *length, 1, capacity - *length - 1, stream);
  }
  if (text) text[*length] = '\0';
  return text;
}

int main(int argc, char **argv) {
  size_t length = 0;
  FILE *stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
  char *text = stream ? read_all(stream, &length) : NULL;
  cJSON *root = text ? cJSON_ParseWithLengthOpts(text, length + 1, NULL, 1) : NULL;
  int failed = root == NULL;
  if (failed) fprintf(stderr, "json_flatten: %s is not one JSON value\n", argc == 2 ? argv[1] : "(no file)");
  if (root) flatten(root, "");
  cJSON_Delete(root);
  free(text);
  if (stream) fclose(stream);
  return failed;
}
