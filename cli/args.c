/* The option parser: see args.h. */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "backbone/base/text.h"

enum { ARGS_MAX_NAMES = 96, ARGS_MAX_NAME = 64 };

/* The option called `name` (length bytes), or with that letter; *base gets the struct its value lives in. */
static const args_option *find(const args_group *groups, const char *name, size_t length, char letter, char *to, char **base) {
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name; ++o) {
      bool same = letter ? o->letter == letter : strlen(o->name) == length && memcmp(o->name, name, length) == 0;
      if (!same) continue;
      *base = to + g->offset;
      return o;
    }
  }
  return NULL;
}

static yolo_status fail_unknown(const args_group *groups, const char *arg) {
  const char *names[ARGS_MAX_NAMES] = {"help"};
  char word[ARGS_MAX_NAME];
  int count = 1;
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name && count < ARGS_MAX_NAMES; ++o) names[count++] = o->name;
  }
  const char *start = arg + strspn(arg, "-");
  snprintf(word, sizeof word, "%.*s", (int)strcspn(start, "="), start);
  const char *closest = yolo_closest(word, names, count);
  if (closest) return yolo_fail(YOLO_EINVAL, "there is no option '%s'. Did you mean '--%s'?", arg, closest);
  return yolo_fail(YOLO_EINVAL, "there is no option '%s'", arg);
}

static yolo_status set_int(const args_option *o, const char *value, int *to) {
  int number;
  if (!yolo_parse_int(value, &number) || number < o->min || number > o->max) {
    return yolo_fail(YOLO_EINVAL, "--%s wants a whole number from %.0f to %.0f, not '%s'", o->name, o->min, o->max, value);
  }
  *to = number;
  return YOLO_OK;
}

static yolo_status set_real(const args_option *o, const char *value, double *to) {
  double number;
  if (!yolo_parse_double(value, &number) || number < o->min || number > o->max) {
    return yolo_fail(YOLO_EINVAL, "--%s wants a number from %g to %g, not '%s'", o->name, o->min, o->max, value);
  }
  *to = number;
  return YOLO_OK;
}

static yolo_status set_choice(const args_option *o, const char *value, int *to) {
  size_t length = strlen(value);
  int index = 1;
  for (const char *p = o->choices; *p; ++index) {
    size_t n = strcspn(p, "|");
    if (n == length && memcmp(p, value, n) == 0) {
      *to = index;
      return YOLO_OK;
    }
    p += n + (p[n] == '|');
  }
  return yolo_fail(YOLO_EINVAL, "--%s wants one of %s, not '%s'", o->name, o->choices, value);
}

static yolo_status set_size(const args_option *o, const char *value, int *to) {
  char first[16], second[16];
  size_t n = strcspn(value, "xX");
  bool pair = value[n] != '\0';
  int size[2];
  snprintf(first, sizeof first, "%.*s", (int)n, value);
  snprintf(second, sizeof second, "%s", pair ? value + n + 1 : first);
  if (n >= sizeof first || strlen(value) >= sizeof first + sizeof second || !yolo_parse_int(first, &size[0]) ||
      !yolo_parse_int(second, &size[1]) || size[0] < o->min || size[1] < o->min || size[0] > o->max || size[1] > o->max) {
    return yolo_fail(YOLO_EINVAL, "--%s wants a size such as 416 or 608x352 (width x height, %.0f to %.0f), not '%s'", o->name,
                     o->min, o->max, value);
  }
  memcpy(to, size, sizeof size);
  return YOLO_OK;
}

static yolo_status set_text(const args_option *o, const char *value, const char **to) {
  if (!*value) return yolo_fail(YOLO_EINVAL, "--%s was given an empty value", o->name);
  *to = value;
  return YOLO_OK;
}

static yolo_status add_text(const args_option *o, const char *value, args_texts *to) {
  if (to->count == ARGS_MOST_TEXTS)
    return yolo_fail(YOLO_EINVAL, "--%s was given more than %d times", o->name, ARGS_MOST_TEXTS);
  yolo_status st = set_text(o, value, &to->items[to->count]);
  if (st == YOLO_OK) to->count++;
  return st;
}

static yolo_status set(const args_option *o, const char *value, char *base) {
  void *to = base + o->offset;
  switch (o->kind) {
    case ARGS_FLAG: *(bool *)to = true; return YOLO_OK;
    case ARGS_INT: return set_int(o, value, to);
    case ARGS_REAL: return set_real(o, value, to);
    case ARGS_CHOICE: return set_choice(o, value, to);
    case ARGS_SIZE: return set_size(o, value, to);
    case ARGS_TEXT: return set_text(o, value, to);
    case ARGS_TEXTS: return add_text(o, value, to);
  }
  return YOLO_OK;
}

/* One option at argv[*i]; takes the next argument too when the value stands there. */
static yolo_status take_option(const args_group *groups, int argc, char **argv, int *i, void *to) {
  char *arg = argv[*i], *base = NULL;
  bool is_long = arg[1] == '-';
  size_t length = is_long ? strcspn(arg + 2, "=") : 0;
  const char *value = is_long && arg[2 + length] == '=' ? arg + 3 + length : NULL;
  if (!is_long && arg[2] != '\0') return fail_unknown(groups, arg);
  const args_option *o = find(groups, arg + 2, length, is_long ? 0 : arg[1], to, &base);
  if (!o) return fail_unknown(groups, arg);
  if (o->kind == ARGS_FLAG && value) return yolo_fail(YOLO_EINVAL, "--%s takes no value, but was given '%s'", o->name, value);
  if (o->kind != ARGS_FLAG && !value) {
    if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0) {
      return yolo_fail(YOLO_EINVAL, "--%s needs a value: %s", o->name, o->show ? o->show : o->name);
    }
    value = argv[++*i];
  }
  return set(o, value, base);
}

yolo_status args_parse(const args_group *groups, int argc, char **argv, void *to, args_words *words) {
  bool only_words = false;
  *words = (args_words){argv, 0, false};
  for (int i = 0; i < argc; ++i) {
    if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
      argv[words->count++] = argv[i];
    } else if (strcmp(argv[i], "--") == 0) {
      only_words = true;
    } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      words->help = true;
      return YOLO_OK;
    } else {
      yolo_status st = take_option(groups, argc, argv, &i, to);
      if (st != YOLO_OK) return st;
    }
  }
  return YOLO_OK;
}
