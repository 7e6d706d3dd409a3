/* Texts, paths and lists of settings: what is owned, and the quotes around it. Internal to settings. */
#ifndef YOLO_BASE_SETTING_TEXTS_H
#define YOLO_BASE_SETTING_TEXTS_H

#include "backbone/base/settings.h"

/* One text ("" is NULL) or a comma-separated list; relative paths are joined to `folder` (NULL: texts as they are). What *to
 * held before is freed when all went well. */
yolo_status yolo_setting_read_text(const char *text, const char *folder, char **to);
yolo_status yolo_setting_read_list(const char *text, const char *folder, yolo_setting_list *to);
yolo_status yolo_setting_show_text(const char *text, yolo_text *out); /* NULL: nothing */
yolo_status yolo_setting_show_list(const yolo_setting_list *list, yolo_text *out);
void yolo_setting_list_free(yolo_setting_list *list);

#endif
