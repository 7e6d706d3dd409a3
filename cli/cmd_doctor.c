/* yolo doctor: what this program was built with, what this machine offers, and what is wrong, if anything. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backbone/backend/backend.h"
#include "backbone/backend/cpu/isa.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "cli/cli.h"
#include "cli/peak.h"
#include "datasets/image.h"
#include "detect/yolo.h"

#if defined(__clang__)
#define DOCTOR_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define DOCTOR_COMPILER "gcc " __VERSION__
#else
#define DOCTOR_COMPILER "unknown"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DOCTOR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DOCTOR_SANITIZED 1
#endif
#endif
#ifndef DOCTOR_SANITIZED
#define DOCTOR_SANITIZED 0
#endif

#if defined(__OPTIMIZE__)
#define DOCTOR_OPTIMISED 1
#else
#define DOCTOR_OPTIMISED 0
#endif

enum { DOCTOR_MAX_FINDINGS = 12, DOCTOR_FINDING = 512 };

typedef struct findings {
  char text[DOCTOR_MAX_FINDINGS][DOCTOR_FINDING];
  int count;
  bool broken; /* something does not work at all */
} findings;

static void YOLO_PRINTF(2, 3) note(findings *f, const char *format, ...) {
  va_list args;
  if (f->count == DOCTOR_MAX_FINDINGS) return;
  va_start(args, format);
  vsnprintf(f->text[f->count++], DOCTOR_FINDING, format, args);
  va_end(args);
}

static void examine_build(findings *f) {
  const char *build = DOCTOR_OPTIMISED ? "optimised" : "not optimised";
  cli_say("yolo          %s\n", yolo_version());
  cli_say("compiler      %s\n", DOCTOR_COMPILER);
  cli_say("build         %s%s\n", build, DOCTOR_SANITIZED ? ", with sanitizers" : "");
  if (!DOCTOR_OPTIMISED) note(f, "this build is not optimised and slow; configure with -DCMAKE_BUILD_TYPE=Release");
  if (DOCTOR_SANITIZED) note(f, "this build has sanitizers in it: good for finding mistakes, several times slower");
}

static void examine_threads(findings *f) {
  const char *runtime = yolo_threads_runtime();
  int threads = yolo_threads_available();
  cli_say("threads       %d usable; %s\n", threads, strcmp(runtime, "none") == 0 ? "no OpenMP" : runtime);
  if (strcmp(runtime, "none") == 0) note(f, "built without OpenMP: one core works, whatever --threads says");
}

/* One device, with what is free of its memory; false when it does not open. */
static bool say_device(const yolo_backend *backend, int index) {
  yolo_device_options options = {.index = index};
  yolo_device *device = NULL;
  size_t free_bytes = 0, total = 0;
  if (backend->open(&options, &device) != YOLO_OK) return false;
  cli_say("backend       %s: %s", backend->name, backend->describe(device));
  if (backend->memory && backend->memory(device, &free_bytes, &total) == YOLO_OK)
    cli_say(", %.1f of %.1f GB free", (double)free_bytes * 1e-9, (double)total * 1e-9);
  cli_say("\n");
  if (backend->hardware) cli_say("              %s\n", backend->hardware(device));
  backend->close(device);
  return true;
}

/* Sentences of a backend begin with its name, those of parts below it do not. */
static void note_closed(findings *f, const yolo_backend *backend, const char *what, const char *then) {
  const char *why = yolo_error_message();
  bool named = strncmp(why, backend->name, strlen(backend->name)) == 0;
  cli_say("backend       %s: %s\n", backend->name, what);
  note(f, "backend %s%s%s%s", named ? "" : backend->name, named ? "" : ": ", why, then);
}

/* A backend without its device is no fault: the next one is taken. One that answers has to open. */
static void examine_backend(findings *f, const yolo_backend *backend) {
  enum { MOST_DEVICES = 64 };
  int found = 0;
  if (backend->answers && backend->answers() != YOLO_OK) {
    note_closed(f, backend, "no device answers", "; the CPU is used");
  } else {
    while (found < MOST_DEVICES && say_device(backend, found)) ++found;
    if (found == 0) note_closed(f, backend, "does not open", "");
    f->broken |= found == 0;
  }
  if (backend->built && backend->built()) cli_say("              built with %s\n", backend->built());
  yolo_error_clear();
}

/* Variables that choose kernels, for measurements: forgotten ones slow everything down. */
static void examine_environment(findings *f) {
  const char *const names[] = {"YOLO_ISA", yolo_backend_count() > 1 ? "YOLO_CONV" : NULL};
  for (int i = 0; i < 2; ++i) {
    const char *value = names[i] ? getenv(names[i]) : NULL;
    if (value && *value)
      note(f, "the environment variable %s=%s decides about the kernels; unset it for the fastest", names[i], value);
  }
}

static void examine_processor(findings *f) {
  cli_say("processor     kernels for: %s\n", yolo_isa_list());
  if (strcmp(yolo_isa_list(), "portable") == 0)
    note(f, "no kernels for this processor's vector units: portable C is several times slower");
}

static void examine_libraries(findings *f) {
  const char *jpeg = yolo_image_jpeg_decoder();
  cli_say("libraries     JPEG: %s; other images: stb_image; JSON: cJSON %s\n", jpeg, cJSON_Version());
  if (strcmp(jpeg, "stb_image") == 0)
    note(f, "JPEG files are decoded by stb_image; libjpeg-turbo at build time would be faster");
}

static void examine_peak(findings *f) {
  int threads = yolo_threads_available();
  double one = yolo_peak_gflops(1), all = threads > 1 ? yolo_peak_gflops(threads) : one;
  cli_say("peak          %.1f GFLOP/s with 1 thread", one);
  if (threads > 1) cli_say(", %.1f with %d", all, threads);
  cli_say(" (fp32 multiply-adds in registers, measured now)\n");
  if (threads > 1 && all < 1.2 * one)
    note(f, "%d threads are hardly faster than one just now: other programs keep the cores busy", threads);
}

static int run(const cli_command *self, int argc, char **argv) {
  findings f = {.count = 0};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, NULL, &words, &code)) return code;
  if (words.count > 0) {
    cli_complain("the command takes no argument, but was given '%s'", words.items[0]);
    return CLI_ERROR;
  }
  examine_build(&f);
  examine_threads(&f);
  examine_processor(&f);
  for (int i = 0; i < yolo_backend_count(); ++i) examine_backend(&f, yolo_backend_at(i));
  examine_environment(&f);
  examine_libraries(&f);
  if (!f.broken) examine_peak(&f);
  cli_say("\n%s\n", f.count ? "To know:" : "All is well.");
  for (int i = 0; i < f.count; ++i) cli_say("  - %s\n", f.text[i]);
  return f.broken ? CLI_ERROR : CLI_OK;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .summary = "examine this build and this machine",
    .usage = "yolo doctor",
    .about = "Prints what this build is made of, what this machine can do, and what is wrong, if anything.",
    .examples = "  yolo doctor",
    .run = run,
};
