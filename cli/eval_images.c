/* yolo eval --image-ids: only some images of the truth are scored (COCOeval's imgIds). */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/eval_job.h"

enum { MOST_BYTES = 256 << 20 };

/* Numbers, commas and white space alone: a list. Else it names a file with such a list. */
static bool is_list(const char *text) { return text[strspn(text, "-0123456789, \t\n")] == '\0'; }

static yolo_status read_words(const char *ids, char **out) {
  size_t length;
  if (!is_list(ids)) return yolo_read_file(ids, MOST_BYTES, out, &length);
  return (*out = yolo_strdup(ids)) ? YOLO_OK : YOLO_ENOMEM;
}

static yolo_status keep_id(const yolo_eval_truths *t, const char *word, bool *keep) {
  double id; /* whole up to 2^53, as in any JSON file */
  if (!yolo_parse_double(word, &id) || !(fabs(id) <= 9007199254740992.0) || floor(id) != id)
    return yolo_fail(YOLO_EINVAL, "'%s' is no whole number", word);
  const int64_t index = yolo_id_map_get(&t->image_of_id, (int64_t)id);
  if (index < 0)
    return yolo_fail(YOLO_EINVAL, "the truth has no image of id %s; it has %s, such as %lld", word,
                     cli_plural(t->n_images, "image"), t->n_images ? (long long)yolo_eval_truths_image(t, 0)->id : 0LL);
  keep[index] = true;
  return YOLO_OK;
}

yolo_status eval_keep_images(eval_job *job, const char *ids) {
  yolo_eval_truths *t = &job->truths;
  char *words = NULL;
  bool *keep = NULL;
  size_t n = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(read_words(ids, &words));
  YOLO_ENOMEM_IF_NULL(keep = yolo_calloc(t->n_images, sizeof *keep));
  for (char *rest = words, *word; (word = strsep(&rest, ", \t\r\n")) != NULL;) {
    if (*word == '\0') continue;
    st = keep_id(t, word, keep);
    if (st != YOLO_OK) {
      char name[CLI_NAME_MAX];
      st = yolo_error_prefix(st, "--image-ids%s%s: ", is_list(ids) ? "" : " ", is_list(ids) ? "" : cli_printable(ids, name));
      goto done;
    }
    ++n;
  }
  st = n ? yolo_eval_truths_keep_images(t, keep) : yolo_fail(YOLO_EINVAL, "--image-ids '%s' names no image", ids);
done:
  yolo_free(words);
  yolo_free(keep);
  return st;
}
