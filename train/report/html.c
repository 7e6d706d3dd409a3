/* Pages that stand alone: see html.h. */
#include "train/report/html.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"

/* Light and dark by the reader's choice; the eight colours of lines keep apart for colour-blind readers too. */
static const char *const style =
    ":root{--paper:#fff;--ink:#1d2430;--soft:#5b6472;--rule:#e0e4ea;--panel:#f7f8fa;--wash:#2563eb24;"
    "--s0:#2563eb;--s1:#d97706;--s2:#059669;--s3:#c026d3;--s4:#dc2626;--s5:#0891b2;--s6:#65a30d;--s7:#7c3aed}"
    "@media(prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e6e9ef;--soft:#a3acbb;--rule:#323944;--panel:#1c2027;"
    "--wash:#60a5fa3a;--s0:#60a5fa;--s1:#fbbf24;--s2:#34d399;--s3:#e879f9;--s4:#f87171;--s5:#22d3ee;--s6:#a3e635;"
    "--s7:#a78bfa}}"
    ":root{color-scheme:light dark}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1360px;margin:0 auto;padding:24px 20px 60px}h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}"
    "h2{font-size:19px;margin:36px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}"
    "h3{font-size:15px;margin:18px 0 4px}p{margin:6px 0;max-width:90ch;overflow-wrap:anywhere}"
    "p.note{color:var(--soft);font-size:13px;max-width:110ch}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:10px 0}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:14px 0}.tile{background:var(--panel);border:1px solid var(--rule);"
    "border-radius:8px;padding:10px 16px;min-width:120px}"
    ".tile b{display:block;font-size:24px;font-variant-numeric:tabular-nums}"
    ".tile span{color:var(--soft);font-size:13px}.row{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:flex-start}"
    ".row>svg{flex:1 1 480px;min-width:0;max-width:640px}"
    "svg{max-width:100%;height:auto;background:var(--panel);border:1px solid var(--rule);border-radius:8px;margin:6px 0}"
    "figure{margin:6px 0;max-width:640px}"
    "figure img{display:block;max-width:100%;height:auto;border-radius:6px;border:1px solid var(--rule)}"
    "figure.pair{max-width:none;margin:14px 0 26px}"
    ".pair>div{display:flex;gap:6px 16px}.pair>div>div{flex:0 1 auto;min-width:0}"
    "@media(max-width:760px){.pair>div{flex-direction:column}}"
    ".pair b{overflow-wrap:anywhere}.pair span{color:var(--soft);font-size:13px}"
    "figcaption{color:var(--soft);font-size:13px;overflow-wrap:anywhere}.pair figcaption{margin-top:4px;max-width:130ch}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:8px 0}"
    "th,td{padding:3px 8px;font-size:14px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;max-width:36ch;min-width:15ch}"
    "th{color:var(--soft);font-weight:600}tr:hover td{background:var(--panel)}"
    "td.bar{background:linear-gradient(var(--wash),var(--wash)) left/var(--v) 100% no-repeat}"
    "svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .title{font-weight:600;font-size:14px}"
    "svg .tick{fill:var(--soft);font-size:11px}svg .label{fill:var(--soft)}svg .value{font-size:11px}"
    "svg .note{font-weight:600}svg .note,svg "
    ".value{paint-order:stroke;stroke:var(--panel);stroke-width:5px;stroke-linejoin:round}"
    "svg .grid{stroke:var(--rule);stroke-width:1}svg .axis{stroke:var(--soft);fill:none}"
    "svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}svg .thin{stroke-width:1;opacity:.45}"
    "svg .dashed{stroke-dasharray:5 4}svg .bar{fill:var(--s0)}svg .bar:hover{opacity:.7}svg .mark{fill:var(--ink)}"
    "svg .cell{fill:var(--s0);stroke:var(--rule)}svg .ground{fill:none;stroke:var(--rule)}svg .count{font-size:11px}svg "
    ".count.small{font-size:8.5px}"
    "svg .strong{fill:#fff}@media(prefers-color-scheme:dark){svg .strong{fill:#10131a}}"
    "svg .s0{stroke:var(--s0)}svg .s1{stroke:var(--s1)}svg .s2{stroke:var(--s2)}svg .s3{stroke:var(--s3)}"
    "svg .s4{stroke:var(--s4)}svg .s5{stroke:var(--s5)}svg .s6{stroke:var(--s6)}svg .s7{stroke:var(--s7)}";

yolo_status yolo_html_begin(yolo_text *page, const char *title) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>"));
  YOLO_TRY(yolo_html_text(page, title));
  /* An empty icon: without one a browser asks for /favicon.ico. */
  YOLO_TRY(yolo_text_format(page,
                            "</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                            "<link rel=\"icon\" href=\"data:,\">\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>",
                            style));
  YOLO_TRY(yolo_html_text(page, title));
  YOLO_TRY(yolo_text_format(page, "</h1>\n"));
done:
  return st;
}

yolo_status yolo_html_end(yolo_text *page) { return yolo_text_format(page, "</main>\n</body>\n</html>\n"); }

static const char *entity(unsigned char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ? "&#65533;" : NULL;
  }
}

yolo_status yolo_html_text(yolo_text *page, const char *text) {
  yolo_status st = YOLO_OK;
  for (const char *p = text; *p && st == YOLO_OK;) {
    int n = yolo_utf8_length(p);
    const char *instead = n == 0 ? "&#65533;" : entity((unsigned char)*p);
    st = instead ? yolo_text_append(page, instead, strlen(instead)) : yolo_text_append(page, p, (size_t)n);
    p += n ? n : 1;
  }
  return st;
}

static yolo_status put_element(yolo_text *page, const char *open, const char *text, const char *close) {
  yolo_status st = yolo_text_append(page, open, strlen(open));
  if (st == YOLO_OK) st = yolo_html_text(page, text);
  return st == YOLO_OK ? yolo_text_append(page, close, strlen(close)) : st;
}

yolo_status yolo_html_heading(yolo_text *page, const char *text) { return put_element(page, "<h2>", text, "</h2>\n"); }
yolo_status yolo_html_part(yolo_text *page, const char *text) { return put_element(page, "<h3>", text, "</h3>\n"); }

static yolo_status put_formatted(yolo_text *page, const char *open, const char *format, va_list args) {
  va_list again;
  char *line = NULL;
  yolo_status st = YOLO_OK;
  va_copy(again, args);
  const int length = vsnprintf(NULL, 0, format, args);
  if (length < 0) {
    st = yolo_fail(YOLO_EINVAL, "'%s' cannot be formatted", format);
    goto done;
  }
  YOLO_ENOMEM_IF_NULL(line = yolo_alloc((size_t)length + 1));
  vsnprintf(line, (size_t)length + 1, format, again);
  st = put_element(page, open, line, "</p>\n");
done:
  va_end(again);
  yolo_free(line);
  return st;
}

yolo_status yolo_html_paragraph(yolo_text *page, const char *format, ...) {
  va_list args;
  va_start(args, format);
  yolo_status st = put_formatted(page, "<p>", format, args);
  va_end(args);
  return st;
}

yolo_status yolo_html_note(yolo_text *page, const char *format, ...) {
  va_list args;
  va_start(args, format);
  yolo_status st = put_formatted(page, "<p class=\"note\">", format, args);
  va_end(args);
  return st;
}

yolo_status yolo_html_facts(yolo_text *page, const yolo_html_fact *facts, int count) {
  yolo_status st = yolo_text_format(page, "<dl>\n");
  for (int i = 0; i < count && st == YOLO_OK; ++i) {
    YOLO_TRY(put_element(page, "<dt>", facts[i].name, "</dt>"));
    YOLO_TRY(put_element(page, "<dd>", facts[i].text, "</dd>\n"));
  }
  if (st == YOLO_OK) st = yolo_text_format(page, "</dl>\n");
done:
  return st;
}

yolo_status yolo_html_tiles(yolo_text *page, bool begin) {
  return yolo_text_format(page, begin ? "<div class=\"tiles\">\n" : "</div>\n");
}

yolo_status yolo_html_tile(yolo_text *page, const char *name, const char *value, const char *note) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put_element(page, "<div class=\"tile\"><span>", name, "</span>"));
  YOLO_TRY(put_element(page, "<b>", value, "</b>"));
  YOLO_TRY(put_element(page, "<span>", note ? note : "", "</span></div>\n"));
done:
  return st;
}

static yolo_status put_cell(yolo_text *page, const char *text, bool head, double bar) {
  char open[64];
  if (!(bar >= 0)) return put_element(page, head ? "<th>" : "<td>", text, head ? "</th>" : "</td>");
  const int permille = bar < 1 ? (int)(bar * 1000 + 0.5) : 1000; /* by hand: "%f" obeys the locale */
  snprintf(open, sizeof open, "<td class=\"bar\" style=\"--v:%d.%d%%\">", permille / 10, permille % 10);
  return put_element(page, open, text, "</td>");
}

yolo_status yolo_html_table_bars(yolo_text *page, const char *const *cells, int rows, int columns, int bar_column,
                                 const double *bars) {
  yolo_status st = yolo_text_format(page, "<div class=\"scroll\"><table>\n");
  for (int r = 0; r < rows && st == YOLO_OK; ++r) {
    YOLO_TRY(yolo_text_format(page, "<tr>"));
    for (int c = 0; c < columns; ++c) {
      const bool barred = bars && r > 0 && c == bar_column;
      YOLO_TRY(put_cell(page, cells[(size_t)r * (size_t)columns + (size_t)c], r == 0, barred ? bars[r] : -1));
    }
    YOLO_TRY(yolo_text_format(page, "</tr>\n"));
  }
  if (st == YOLO_OK) st = yolo_text_format(page, "</table></div>\n");
done:
  return st;
}

yolo_status yolo_html_table(yolo_text *page, const char *const *cells, int rows, int columns) {
  return yolo_html_table_bars(page, cells, rows, columns, -1, NULL);
}

/* Base64 (RFC 4648, section 4). */
static yolo_status put_base64(yolo_text *page, const uint8_t *bytes, size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char four[4];
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < length && st == YOLO_OK; i += 3) {
    size_t n = length - i < 3 ? length - i : 3;
    uint32_t word = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0u);
    for (int k = 0; k < 4; ++k) four[k] = (size_t)k <= n ? digits[word >> (18 - 6 * k) & 63] : '=';
    st = yolo_text_append(page, four, sizeof four);
  }
  return st;
}

static yolo_status put_image(yolo_text *page, const yolo_image *image, const char *words) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_image_encode(image, "picture.jpg", &bytes, &length));
  YOLO_TRY(yolo_text_format(page, "<img width=\"%d\" height=\"%d\" alt=\"", image->width, image->height));
  YOLO_TRY(yolo_html_text(page, words));
  YOLO_TRY(yolo_text_format(page, "\" src=\"data:image/jpeg;base64,"));
  YOLO_TRY(put_base64(page, bytes, length));
  YOLO_TRY(yolo_text_format(page, "\">"));
done:
  yolo_free(bytes);
  return st;
}

yolo_status yolo_html_picture(yolo_text *page, const yolo_image *image, const char *caption) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(page, "<figure>"));
  YOLO_TRY(put_image(page, image, caption));
  YOLO_TRY(put_element(page, "<figcaption>", caption, "</figcaption></figure>\n"));
done:
  return st;
}

yolo_status yolo_html_put_pair(yolo_text *page, const yolo_html_pair *pair) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(put_element(page, "<figure class=\"pair\"><b>", pair->title, "</b>\n<div>"));
  for (int i = 0; i < 2; ++i) {
    YOLO_TRY(put_element(page, "<div><span>", pair->names[i], "</span>"));
    YOLO_TRY(put_image(page, pair->images[i], pair->names[i]));
    YOLO_TRY(yolo_text_format(page, "</div>\n"));
  }
  YOLO_TRY(put_element(page, "</div><figcaption>", pair->caption, "</figcaption></figure>\n"));
done:
  return st;
}

yolo_status yolo_html_row(yolo_text *page, bool begin) {
  return yolo_text_format(page, begin ? "<div class=\"row\">\n" : "</div>\n");
}
