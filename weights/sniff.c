/* What kind of file is this? By content, never by name.
 *
 * Darknet's format has no magic number: it is what remains when the three version numbers are small and
 * nothing else fits. So the usual accidents are recognised first: an error page saved as weights, a model of
 * another program, an archive. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "weights/stream.h"

enum { HEAD = 512, SHOWN = 40 };

typedef struct head {
  unsigned char bytes[HEAD + 1]; /* terminated, for searching in texts */
  size_t length;
  uint64_t file_size;
} head;

static const struct {
  size_t at;
  const char *magic;
  size_t length;
  const char *what;
} foreign[] = {
    {0, "PK\x03\x04", 4, "a zip archive, most likely a PyTorch model (.pt, .pth); export it as safetensors"},
    {0, "\x80\x02", 2, "a Python pickle, most likely an old PyTorch model (.pt, .pth); export it as safetensors"},
    {0, "\x80\x03", 2, "a Python pickle; export its tensors as safetensors"},
    {0, "\x80\x04", 2, "a Python pickle; export its tensors as safetensors"},
    {0, "\x80\x05", 2, "a Python pickle; export its tensors as safetensors"},
    {0, "\x1F\x8B", 2, "compressed with gzip; unpack it first"},
    {0, "BZh", 3, "compressed with bzip2; unpack it first"},
    {0,
     "\xFD"
     "7zXZ",
     5, "compressed with xz; unpack it first"},
    {0, "\x28\xB5\x2F\xFD", 4, "compressed with zstd; unpack it first"},
    {0, "\x89HDF", 4, "an HDF5 file (Keras); export it as safetensors"},
    {4, "TFL3", 4, "a TensorFlow Lite model; export it as safetensors"},
    {0, "GGUF", 4, "a GGUF model, which holds no detector known here"},
    {0, "\x89PNG", 4, "a PNG picture"},
    {0, "\xFF\xD8\xFF", 3, "a JPEG picture"},
};

static const char *foreign_kind(const head *h) {
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    if (h->length >= foreign[i].at + foreign[i].length &&
        memcmp(h->bytes + foreign[i].at, foreign[i].magic, foreign[i].length) == 0)
      return foreign[i].what;
  }
  return NULL;
}

/* An ONNX file is a protobuf message: field 1 (ir_version, a small number), then a field that is one of
 * producer name, version, domain, graph or opset. */
static bool is_onnx(const head *h) {
  return h->length > 16 && h->bytes[0] == 0x08 && h->bytes[1] >= 1 && h->bytes[1] <= 32 && h->bytes[2] != 0 &&
         strchr("\x12\x1A\x22\x28\x32\x3A\x42", h->bytes[2]) != NULL;
}

/* Eight bytes of length, then JSON. A header longer than the file is a cut file: it passes, so that the
 * reader can say so, if the JSON begins like one. */
static bool is_safetensors(const head *h) {
  if (h->length < 9 || h->bytes[8] != '{') return false;
  uint64_t header = yolo_little_u64(h->bytes);
  return header <= h->file_size || (header < (uint64_t)1 << 32 && h->length > 9 && h->bytes[9] == '"');
}

/* No control character but white space. Darknet's version numbers alone hold nine zero bytes. */
static bool is_text(const head *h) {
  for (size_t i = 0; i < h->length; i++) {
    unsigned char c = h->bytes[i];
    if ((c < 0x20 && !strchr("\t\n\r\f", c)) || c == 0x7F || c == 0) return false;
  }
  return true;
}

/* Three version numbers that somebody might have written; above 1000 they are flags (transposed matrices). */
static bool is_darknet(const head *h) {
  if (h->length < 16) return false;
  for (int i = 0; i < 3; i++) {
    if (yolo_little_u32(h->bytes + (size_t)4 * (size_t)i) > 10000) return false;
  }
  return true;
}

/* The first printable ASCII characters, white space squeezed. */
static void first_words(const head *h, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < h->length && n < SHOWN; i++) {
    unsigned char c = h->bytes[i];
    bool blank = c <= ' ' || c >= 0x7F;
    if (blank && (n == 0 || out[n - 1] == ' ')) continue;
    out[n++] = blank ? ' ' : (char)c;
  }
  out[n] = '\0';
}

static yolo_status refuse_text(const char *path, const head *h) {
  char words[SHOWN + 1];
  first_words(h, words);
  if (words[0] == '<')
    return yolo_fail(YOLO_EFORMAT, "%s: is a web page, not weights (\"%s\"); the download failed, fetch the file itself", path,
                     words);
  if (strstr((const char *)h->bytes, "git-lfs"))
    return yolo_fail(YOLO_EFORMAT, "%s: is only a Git LFS pointer (\"%s\"); fetch the file with git lfs pull", path, words);
  return yolo_fail(YOLO_EFORMAT, "%s: is a text, not weights (\"%s\"); the download failed, or another file was meant", path,
                   words);
}

static yolo_status refuse_unknown(const char *path, const head *h) {
  char bytes[3 * 12 + 1] = "";
  for (size_t i = 0; i < h->length && i < 12; i++) snprintf(bytes + 3 * i, sizeof bytes - 3 * i, " %02x", h->bytes[i]);
  if (h->length < 16)
    return yolo_fail(YOLO_EFORMAT, "%s: has only %zu bytes (%s), too short for weights; fetch it again", path, h->length,
                     bytes + 1);
  return yolo_fail(YOLO_EFORMAT, "%s: is neither Darknet weights nor safetensors (it begins with the bytes%s)", path, bytes);
}

yolo_status yolo_stream_sniff(yolo_stream *stream, yolo_weights_kind *out) {
  yolo_status st = YOLO_OK;
  const char *path = yolo_stream_path(stream), *what = NULL;
  head h = {.file_size = yolo_stream_size(stream)};
  h.length = h.file_size < HEAD ? (size_t)h.file_size : HEAD;
  *out = YOLO_WEIGHTS_UNKNOWN;
  if (h.length == 0) return yolo_fail(YOLO_EFORMAT, "%s: is empty; the download failed, or the disk was full", path);
  yolo_stream_seek(stream, 0);
  if ((st = yolo_stream_read(stream, h.bytes, h.length)) != YOLO_OK) return st;
  yolo_stream_seek(stream, 0);

  if (is_safetensors(&h)) {
    *out = YOLO_WEIGHTS_SAFETENSORS;
    return YOLO_OK;
  }
  if ((what = foreign_kind(&h)) != NULL) return yolo_fail(YOLO_EFORMAT, "%s: is not weights but %s", path, what);
  if (is_text(&h)) return refuse_text(path, &h);
  if (is_onnx(&h))
    return yolo_fail(YOLO_EFORMAT, "%s: looks like an ONNX model, which cannot be read; export it as safetensors", path);
  if (!is_darknet(&h)) return refuse_unknown(path, &h);
  *out = YOLO_WEIGHTS_DARKNET;
  return YOLO_OK;
}

yolo_status yolo_weights_sniff(const char *path, yolo_weights_kind *out) {
  yolo_stream *stream = NULL;
  yolo_status st = yolo_stream_open(path, &stream);
  if (st == YOLO_OK) st = yolo_stream_sniff(stream, out);
  yolo_stream_close(stream);
  return st;
}
