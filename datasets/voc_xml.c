/* Pascal VOC annotations (VOC2012 development kit, section 3), read with expat.
 *
 *   <annotation>
 *     <filename>a.jpg</filename>
 *     <size><width>640</width><height>480</height><depth>3</depth></size>
 *     <object>
 *       <name>cat</name> <difficult>0</difficult> <truncated>0</truncated>
 *       <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>640</xmax><ymax>480</ymax></bndbox>
 *     </object> ...
 *   </annotation>
 *
 * Elements count only where they stand in this tree: the bndbox of a <part> is not that of its object. Whatever else there is
 * (pose, source, polygon ...) is passed over. Files that declare entities are refused: a kilobyte of them can unfold to
 * gigabytes. Expat gets its memory through base/memory.h. */
#include "datasets/voc_xml.h"

#include <expat.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

enum { DEEPEST = 5, MOST_DEPTH = 1000, TEXT_ROOM = YOLO_VOC_TEXT_MAX * 4 };

/* Where we are: elements by depth, as far as they matter. */
typedef enum element {
  OTHER,
  ANNOTATION,
  FILENAME,
  SIZE,
  WIDTH,
  HEIGHT,
  OBJECT,
  NAME,
  DIFFICULT,
  TRUNCATED,
  BNDBOX,
  CORNER
} element;

typedef struct parser {
  XML_Parser expat;
  yolo_voc_file *file;
  element path[DEEPEST]; /* path[d]: the open element of depth d; 0: the root */
  int depth, corner;
  char text[TEXT_ROOM];
  size_t length;
  bool too_long;
  yolo_status st;
} parser;

static void stop(parser *p, yolo_status st) {
  p->st = st;
  (void)XML_StopParser(p->expat, XML_FALSE);
}

static const struct rule {
  element parent;
  const char *name;
  element element;
  int corner;
} rules[] = {
    {ANNOTATION, "filename", FILENAME, 0}, {ANNOTATION, "size", SIZE, 0},       {SIZE, "width", WIDTH, 0},
    {SIZE, "height", HEIGHT, 0},           {ANNOTATION, "object", OBJECT, 0},   {OBJECT, "name", NAME, 0},
    {OBJECT, "difficult", DIFFICULT, 0},   {OBJECT, "truncated", TRUNCATED, 0}, {OBJECT, "bndbox", BNDBOX, 0},
    {BNDBOX, "xmin", CORNER, 0},           {BNDBOX, "ymin", CORNER, 1},         {BNDBOX, "xmax", CORNER, 2},
    {BNDBOX, "ymax", CORNER, 3},
};

static element recognise(parser *p, const char *name) {
  if (p->depth == 0) return strcmp(name, "annotation") == 0 ? ANNOTATION : OTHER;
  if (p->depth >= DEEPEST) return OTHER;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) {
    if (rules[i].parent != p->path[p->depth - 1] || strcmp(rules[i].name, name) != 0) continue;
    p->corner = rules[i].corner;
    return rules[i].element;
  }
  return OTHER;
}

static yolo_voc_object *last_object(parser *p) { return &p->file->objects[p->file->count - 1]; }

static yolo_status begin_object(parser *p) {
  yolo_voc_file *file = p->file;
  if (file->count == file->room) {
    size_t room = file->room ? file->room * 2 : 16;
    yolo_voc_object *objects = yolo_realloc(file->objects, room * sizeof *objects);
    if (!objects) return YOLO_ENOMEM;
    file->objects = objects;
    file->room = room;
  }
  file->objects[file->count++] = (yolo_voc_object){.line = (uint64_t)XML_GetCurrentLineNumber(p->expat)};
  return YOLO_OK;
}

static void XMLCALL on_start(void *payload, const XML_Char *name, const XML_Char **attributes) {
  parser *p = payload;
  (void)attributes;
  if (p->st != YOLO_OK) return;
  element e = recognise(p, name);
  if (p->depth == 0 && e != ANNOTATION) {
    stop(p, yolo_fail(YOLO_EFORMAT, "the root element is <%.40s>, that of a Pascal VOC file <annotation>", name));
    return;
  }
  if (p->depth >= MOST_DEPTH) {
    stop(p, yolo_fail(YOLO_EFORMAT, "elements are nested more than %d deep", MOST_DEPTH));
    return;
  }
  if (p->depth < DEEPEST) p->path[p->depth] = e;
  p->depth++;
  p->length = 0;
  p->too_long = false;
  if (e == OBJECT) {
    yolo_status st = begin_object(p);
    if (st != YOLO_OK) stop(p, st);
  }
  if (e == BNDBOX) last_object(p)->present |= 16;
}

static void XMLCALL on_text(void *payload, const XML_Char *text, int length) {
  parser *p = payload;
  size_t n = length > 0 ? (size_t)length : 0, room = sizeof p->text - 1 - p->length;
  if (n > room) {
    n = room;
    p->too_long = true;
  }
  memcpy(p->text + p->length, text, n);
  p->length += n;
}

/* Without the blanks at both ends. */
static char *trimmed(parser *p) {
  char *start = p->text, *end = p->text + p->length;
  while (end > start && strchr(" \t\r\n", end[-1])) --end;
  *end = '\0';
  return start + strspn(start, " \t\r\n");
}

static void set_text(parser *p, char *to, size_t room, bool *bad) {
  const char *text = trimmed(p);
  size_t length = strlen(text);
  if (p->too_long || length >= room) {
    if (bad) *bad = true;
    length = 0;
  }
  memcpy(to, text, length);
  to[length] = '\0';
}

static bool number(parser *p, double *out) { return !p->too_long && yolo_parse_double(trimmed(p), out); }

static void take_corner(parser *p) {
  yolo_voc_object *object = last_object(p);
  if (number(p, &object->corners[p->corner]))
    object->present |= 1u << p->corner;
  else
    object->bad = true;
}

/* What a closed element says. Flags are 0 or 1; anything else counts as 0. */
static void take(parser *p, element e) {
  double value = 0;
  switch (e) {
    case FILENAME: set_text(p, p->file->filename, sizeof p->file->filename, NULL); break;
    case WIDTH: p->file->width = number(p, &value) ? value : 0; break;
    case HEIGHT: p->file->height = number(p, &value) ? value : 0; break;
    case NAME: set_text(p, last_object(p)->name, YOLO_VOC_TEXT_MAX, &last_object(p)->bad); break;
    case DIFFICULT: last_object(p)->difficult = number(p, &value) && value == 1; break;
    case TRUNCATED: last_object(p)->truncated = number(p, &value) && value == 1; break;
    case CORNER: take_corner(p); break;
    default: break;
  }
}

static void XMLCALL on_end(void *payload, const XML_Char *name) {
  parser *p = payload;
  (void)name;
  if (p->st != YOLO_OK) return; /* a stopped parser still ends an <empty/> element, which was not begun */
  p->depth--;
  if (p->depth < DEEPEST) take(p, p->path[p->depth]);
  p->length = 0;
}

static void XMLCALL on_entity(void *payload, const XML_Char *name, int parameter, const XML_Char *value, int length,
                              const XML_Char *base, const XML_Char *system, const XML_Char *public_id,
                              const XML_Char *notation) {
  (void)name, (void)parameter, (void)value, (void)length, (void)base, (void)system, (void)public_id, (void)notation;
  stop(payload, yolo_fail(YOLO_EFORMAT, "the file declares entities, which no label file needs; it is refused"));
}

void yolo_voc_file_release(yolo_voc_file *file) {
  yolo_free(file->objects);
  *file = (yolo_voc_file){0};
}

static yolo_status explain(parser *p) {
  enum XML_Error code = XML_GetErrorCode(p->expat);
  if (p->st != YOLO_OK) return p->st;
  if (code == XML_ERROR_NO_MEMORY) return yolo_fail(YOLO_ENOMEM, "out of memory while reading XML");
  return yolo_fail(YOLO_EFORMAT, "this is no well-formed XML: %s (column %lu)", XML_ErrorString(code),
                   (unsigned long)XML_GetCurrentColumnNumber(p->expat));
}

yolo_status yolo_voc_parse(const char *bytes, size_t length, yolo_voc_file *out, uint64_t *line) {
  static const XML_Memory_Handling_Suite memory = {yolo_alloc, yolo_realloc, yolo_free};
  parser *p = yolo_calloc(1, sizeof *p);
  yolo_status st = YOLO_OK;
  *line = 0;
  YOLO_ENOMEM_IF_NULL(p);
  YOLO_ENOMEM_IF_NULL(p->expat = XML_ParserCreate_MM(NULL, &memory, NULL));
  p->file = out;
  XML_SetUserData(p->expat, p);
  XML_SetElementHandler(p->expat, on_start, on_end);
  XML_SetCharacterDataHandler(p->expat, on_text);
  XML_SetEntityDeclHandler(p->expat, on_entity);
  if (XML_Parse(p->expat, bytes, (int)length, XML_TRUE) != XML_STATUS_OK) {
    st = explain(p);
    *line = (uint64_t)XML_GetCurrentLineNumber(p->expat);
  }
done:
  if (p && p->expat) XML_ParserFree(p->expat);
  yolo_free(p);
  return st;
}
