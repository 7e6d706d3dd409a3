/* Texts, paths and lists of settings: see setting_texts.h. */
#include "backbone/base/setting_texts.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* A line end or another character that no line of a file can hold. */
static bool is_control(char c) { return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F; }

/* ---- reading ---- */

/* Appends what stands in the quotes that open at *p, and steps behind them. */
static yolo_status take_quoted(const char **p, yolo_text *item) {
  for (++*p; **p; ++*p) {
    if (**p == '"' && *++*p != '"') return YOLO_OK;
    yolo_status st = yolo_text_append(item, *p, 1);
    if (st != YOLO_OK) return st;
  }
  return yolo_fail(YOLO_EINVAL, "a '\"' is not closed");
}

/* The next item up to one of `ends`; blanks around it are dropped. */
static yolo_status take_item(const char **p, const char *ends, yolo_text *item) {
  yolo_status st = yolo_text_append(item, "", 0);
  while (is_blank(**p)) ++*p;
  if (st == YOLO_OK && **p == '"') {
    st = take_quoted(p, item);
    while (st == YOLO_OK && is_blank(**p)) ++*p;
    if (st != YOLO_OK || **p == '\0' || strchr(ends, **p)) return st;
    return yolo_fail(YOLO_EINVAL, "'%.40s' stands behind the closing '\"'", *p);
  }
  size_t length = strcspn(*p, ends), used = length;
  while (used > 0 && is_blank((*p)[used - 1])) --used;
  if (st == YOLO_OK) st = yolo_text_append(item, *p, used);
  *p += length;
  return st;
}

/* The item as it is kept: a path is joined to the folder. *out: yolo_free. */
static yolo_status finish_item(const yolo_text *item, const char *folder, char **out) {
  for (const char *p = item->data; *p; ++p) {
    if (is_control(*p)) return yolo_fail(YOLO_EINVAL, "it holds a line end or another control character");
  }
  if (folder && *folder && *item->data && *item->data != '/') return yolo_path_join(folder, item->data, out);
  *out = yolo_strdup(item->data);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

yolo_status yolo_setting_read_text(const char *text, const char *folder, char **to) {
  yolo_status st = YOLO_OK;
  yolo_text item = {0};
  char *value = NULL;
  YOLO_TRY(take_item(&text, "", &item));
  if (item.length > 0) YOLO_TRY(finish_item(&item, folder, &value));
  yolo_free(*to);
  *to = value;
done:
  yolo_text_free(&item);
  return st;
}

static yolo_status add_item(yolo_setting_list *list, const char **p, const char *folder) {
  yolo_status st = YOLO_OK;
  yolo_text item = {0};
  YOLO_TRY(take_item(p, ",", &item));
  if (item.length == 0) {
    st = yolo_fail(YOLO_EINVAL, "item %d of the list is empty", list->count + 1);
    goto done;
  }
  char **items = yolo_realloc(list->items, ((size_t)list->count + 1) * sizeof *items);
  YOLO_ENOMEM_IF_NULL(items);
  list->items = items;
  YOLO_TRY(finish_item(&item, folder, &list->items[list->count]));
  list->count++;
done:
  yolo_text_free(&item);
  return st;
}

yolo_status yolo_setting_read_list(const char *text, const char *folder, yolo_setting_list *to) {
  yolo_status st = YOLO_OK;
  yolo_setting_list list = {0};
  const char *p = text;
  while (is_blank(*p)) ++p;
  while (*p) {
    YOLO_TRY(add_item(&list, &p, folder));
    if (*p == ',' && *++p == '\0') {
      st = yolo_fail(YOLO_EINVAL, "a comma ends the list");
      goto done;
    }
  }
  yolo_setting_list_free(to);
  *to = list;
  list = (yolo_setting_list){0};
done:
  yolo_setting_list_free(&list);
  return st;
}

void yolo_setting_list_free(yolo_setting_list *list) {
  for (int i = 0; i < list->count; ++i) yolo_free(list->items[i]);
  yolo_free(list->items);
  *list = (yolo_setting_list){0};
}

/* ---- showing ---- */

static bool wants_quotes(const char *text) {
  size_t length = strlen(text);
  return length == 0 || strpbrk(text, ",\"#;") || is_blank(text[0]) || is_blank(text[length - 1]);
}

yolo_status yolo_setting_show_text(const char *text, yolo_text *out) {
  if (!text) return YOLO_OK;
  if (!wants_quotes(text)) return yolo_text_append(out, text, strlen(text));
  yolo_status st = yolo_text_append(out, "\"", 1);
  for (const char *p = text; *p && st == YOLO_OK; ++p) {
    st = yolo_text_append(out, p, 1);
    if (st == YOLO_OK && *p == '"') st = yolo_text_append(out, p, 1);
  }
  return st == YOLO_OK ? yolo_text_append(out, "\"", 1) : st;
}

yolo_status yolo_setting_show_list(const yolo_setting_list *list, yolo_text *out) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < list->count && st == YOLO_OK; ++i) {
    if (i > 0) st = yolo_text_append(out, ", ", 2);
    if (st == YOLO_OK) st = yolo_setting_show_text(list->items[i], out);
  }
  return st;
}
