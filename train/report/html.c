/* Pages that stand alone: see html.h. */
#include "train/report/html.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"

/* Light and dark by the reader's choice; the eight colours of lines keep apart for colour-blind readers too. */
static const char *const style =
    ":root{--paper:#fff;--ink:#1d2430;--soft:#667085;--rule:#e4e7ec;--panel:#f7f8fa;--s0:#2563eb;--s1:#d97706;--s2:#059669;"
    "--s3:#c026d3;--s4:#dc2626;--s5:#0891b2;--s6:#65a30d;--s7:#7c3aed}"
    "@media(prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e6e9ef;--soft:#98a2b3;--rule:#2c323c;--panel:#1c2027;"
    "--s0:#60a5fa;--s1:#fbbf24;--s2:#34d399;--s3:#e879f9;--s4:#f87171;--s5:#22d3ee;--s6:#a3e635;--s7:#a78bfa}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1360px;margin:0 auto;padding:24px 20px 60px}h1{font-size:26px;margin:0 0 4px}"
    "h2{font-size:19px;margin:36px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}p{margin:6px 0;max-width:80ch}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:14px 0}.tile{background:var(--panel);border:1px solid var(--rule);"
    "border-radius:8px;padding:10px 16px;min-width:120px}.tile "
    "b{display:block;font-size:24px;font-variant-numeric:tabular-nums}"
    ".tile span{color:var(--soft);font-size:13px}.row{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}"
    "svg{max-width:100%;height:auto;background:var(--panel);border:1px solid var(--rule);border-radius:8px;margin:6px 0}"
    "figure{margin:6px 0;max-width:640px}figure img{display:block;max-width:100%;height:auto;border-radius:6px;border:1px "
    "solid "
    "var(--rule)}"
    "figcaption{color:var(--soft);font-size:13px;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:8px 0}"
    "th,td{padding:3px 12px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}"
    "svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .title{font-weight:600;font-size:14px}"
    "svg .tick{fill:var(--soft);font-size:11px}svg .label{fill:var(--soft)}svg .note{font-weight:600}"
    "svg .grid{stroke:var(--rule);stroke-width:1}svg .axis{stroke:var(--soft);fill:none}"
    "svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round}svg .thin{stroke-width:1;opacity:.45}"
    "svg .dashed{stroke-dasharray:5 4}svg .bar{fill:var(--s0)}svg .bar:hover{opacity:.7}svg .mark{fill:var(--ink)}"
    "svg .cell{fill:var(--s0);stroke:var(--rule)}svg .count{font-size:11px}svg .strong{fill:#fff}"
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

/* How many bytes the UTF-8 character at p has; 0 when it is none (or an overlong form, or a surrogate). */
static int utf8_length(const unsigned char *p) {
  int n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
  for (int i = 1; i < n; ++i) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  if (n == 3 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] >= 0xA0))) return 0;
  if (n == 4 && ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] >= 0x90))) return 0;
  return n;
}

static const char *entity(unsigned char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return c < 0x20 && c != '\n' && c != '\t' ? "&#65533;" : NULL;
  }
}

yolo_status yolo_html_text(yolo_text *page, const char *text) {
  yolo_status st = YOLO_OK;
  for (const unsigned char *p = (const unsigned char *)text; *p && st == YOLO_OK;) {
    int n = utf8_length(p);
    const char *instead = n == 0 ? "&#65533;" : entity(*p);
    st = instead ? yolo_text_append(page, instead, strlen(instead)) : yolo_text_append(page, (const char *)p, (size_t)n);
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

yolo_status yolo_html_paragraph(yolo_text *page, const char *format, ...) {
  char line[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  return put_element(page, "<p>", line, "</p>\n");
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

yolo_status yolo_html_table(yolo_text *page, const char *const *cells, int rows, int columns) {
  yolo_status st = yolo_text_format(page, "<div class=\"scroll\"><table>\n");
  for (int r = 0; r < rows && st == YOLO_OK; ++r) {
    YOLO_TRY(yolo_text_format(page, "<tr>"));
    for (int c = 0; c < columns; ++c) {
      YOLO_TRY(put_element(page, r == 0 ? "<th>" : "<td>", cells[r * columns + c], r == 0 ? "</th>" : "</td>"));
    }
    YOLO_TRY(yolo_text_format(page, "</tr>\n"));
  }
  if (st == YOLO_OK) st = yolo_text_format(page, "</table></div>\n");
done:
  return st;
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

yolo_status yolo_html_picture(yolo_text *page, const yolo_image *image, const char *caption) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_image_encode(image, "picture.jpg", &bytes, &length));
  YOLO_TRY(yolo_text_format(page, "<figure><img width=\"%d\" height=\"%d\" alt=\"", image->width, image->height));
  YOLO_TRY(yolo_html_text(page, caption));
  YOLO_TRY(yolo_text_format(page, "\" src=\"data:image/jpeg;base64,"));
  YOLO_TRY(put_base64(page, bytes, length));
  YOLO_TRY(put_element(page, "\"><figcaption>", caption, "</figcaption></figure>\n"));
done:
  yolo_free(bytes);
  return st;
}

yolo_status yolo_html_row(yolo_text *page, bool begin) {
  return yolo_text_format(page, begin ? "<div class=\"row\">\n" : "</div>\n");
}
