/* All splits of a data.cfg below one folder, and the data.cfg that names them:
 *
 *   OUT/data.cfg
 *   OUT/annotations/instances_train.json ...    coco
 *   OUT/train/ ...                              the formats that are folders */
#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "cli/data_convert.h"

/* Below OUT. */
static yolo_status put_place(const conversion *c, yolo_data_split split, yolo_text *to) {
  const char *name = yolo_split_names[split];
  if (c->writer->wants_file) return yolo_text_format(to, "annotations/instances_%s.json", name);
  return yolo_text_format(to, "%s", name);
}

yolo_status convert_place(const conversion *c, yolo_data_split split, char **out) {
  yolo_text below = {0};
  yolo_status st = YOLO_OK;
  *out = NULL;
  if (c->all) {
    YOLO_TRY(put_place(c, split, &below));
    st = yolo_path_join(c->out, below.data, out);
  } else {
    YOLO_ENOMEM_IF_NULL(*out = yolo_strdup(c->out));
  }
done:
  yolo_text_free(&below);
  return st;
}

yolo_status convert_config_place(const conversion *c, char **out) { return yolo_path_join(c->out, "data.cfg", out); }

yolo_status convert_describe(const conversion *c) {
  const char *list = c->writer->lists;
  yolo_text text = {0};
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&text, "# Written by 'yolo data convert'. Paths begin in this folder.\n[data]\nformat = %s\n",
                            c->writer->name));
  for (int i = 0; i < c->count; ++i) {
    YOLO_TRY(yolo_text_format(&text, "%s = ", yolo_split_names[c->splits[i].number]));
    YOLO_TRY(put_place(c, c->splits[i].number, &text));
    YOLO_TRY(yolo_text_format(&text, "%s%s\n", list ? "/" : "", list ? list : ""));
  }
  YOLO_TRY(convert_config_place(c, &path));
  st = yolo_write_file(path, text.data, text.length);
done:
  yolo_text_free(&text);
  yolo_free(path);
  return st;
}
