/* Writes what the fuzzers start from: make_seeds FOLDER fills FOLDER/cfg, data_cfg, weights, safetensors, image, ops, coco,
 * voc, yolo_txt, idx, mask_png, mask and results with small valid files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/image.h"
#include "detect/model.h"
#include "tests/fuzz/small_net.h"
#include "train/config.h"

static const char *folder;

static const char *place(const char *name) {
  static char paths[8][512];
  static int next;
  char *path = paths[next = (next + 1) % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static yolo_status write_weights(const yolo_model_spec *spec, const char *path) {
  const yolo_darknet_header header = {0, 2, 5, 64};
  yolo_darknet_writer *writer = NULL;
  float *values = NULL;
  uint64_t seed = 1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_darknet_create(path, &header, &writer));
  for (int i = 0; i < spec->graph->n_order; i++) {
    const yolo_param *param = &spec->graph->params[spec->graph->order[i]];
    yolo_free(values);
    values = yolo_alloc_array(yolo_param_count(&param->spec), sizeof *values);
    YOLO_ENOMEM_IF_NULL(values);
    YOLO_TRY(yolo_fetch_random(&seed, param, values));
    YOLO_TRY(yolo_darknet_write(writer, values, yolo_param_count(&param->spec)));
  }
  YOLO_TRY(yolo_darknet_writer_finish(writer));
done:
  yolo_darknet_writer_close(writer);
  yolo_free(values);
  return st;
}

static yolo_status write_models(void) {
  const char *cfg = place("cfg/small.cfg"), *weights = place("weights/small.weights");
  const yolo_model_options options = {.cfg = cfg};
  yolo_model_spec bare = {0}, whole = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_write_file(cfg, small_net, strlen(small_net)));
  YOLO_TRY(yolo_model_spec_load(cfg, NULL, &bare));
  YOLO_TRY(write_weights(&bare, weights));
  YOLO_TRY(yolo_model_spec_load(weights, &options, &whole));
  YOLO_TRY(yolo_model_convert(&whole, weights, &options, place("safetensors/small.safetensors")));
done:
  yolo_model_spec_release(&bare);
  yolo_model_spec_release(&whole);
  return st;
}

static yolo_status write_images(void) {
  static const char *const names[] = {"image/a.jpg", "image/a.png", "image/a.bmp", "image/a.tga"};
  static const char ppm[] = "P6 2 2 255\n0123456789ab", pgm[] = "P5\n# grey\n2 2\n65535\n01234567";
  /* One black pixel: code size 2, the codes clear, 0, end. */
  static const unsigned char gif[] = "GIF89a\1\0\1\0\200\0\0\0\0\0\377\377\377,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
  yolo_image image = {0};
  yolo_status st = yolo_image_new(24, 17, &image);
  for (int i = 0; st == YOLO_OK && i < 24 * 17 * 3; i++) image.pixels[i] = (uint8_t)(i * i / 7);
  for (size_t i = 0; st == YOLO_OK && i < sizeof names / sizeof *names; i++) st = yolo_image_save(&image, place(names[i]));
  if (st == YOLO_OK) st = yolo_write_file(place("image/a.ppm"), ppm, sizeof ppm - 1);
  if (st == YOLO_OK) st = yolo_write_file(place("image/a.pgm"), pgm, sizeof pgm - 1);
  if (st == YOLO_OK) st = yolo_write_file(place("image/a.gif"), gif, sizeof gif - 1);
  yolo_image_release(&image);
  return st;
}

/* Any bytes describe an op; a few long rows save the fuzzer the search for length. */
static yolo_status write_ops(void) {
  yolo_status st = YOLO_OK;
  for (int k = 0; k < 26 && st == YOLO_OK; k++) {
    unsigned char bytes[48];
    char name[32];
    for (int i = 0; i < 48; i++) bytes[i] = (unsigned char)(i == 0 ? k : (i * 73 + k * 151) >> 2);
    snprintf(name, sizeof name, "ops/%d", k);
    st = yolo_write_file(place(name), bytes, sizeof bytes);
  }
  return st;
}

static yolo_status write_coco(void) {
  static const char coco[] =
      "{\"info\":{\"a\":1},\"images\":[{\"id\":1,\"file_name\":\"a.jpg\",\"width\":5,\"height\":4}],\"categories\":[{\"id\":3,"
      "\"name\":\"cat\"}],\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":3,\"bbox\":[1.5,2,3,1e0],\"segmentation\":"
      "[[1,1,4,1,4.25,3]]},{\"id\":2,\"image_id\":1,\"category_id\":3,\"iscrowd\":1,\"area\":3,\"segmentation\":{\"size\":[4,5]"
      ","
      "\"counts\":[2,3,15]}},{\"id\":3,\"image_id\":1,\"category_id\":3,\"segmentation\":{\"size\":[4,5],\"counts\":\"23?\"}}]"
      "}";
  return yolo_write_file(place("coco/a.json"), coco, sizeof coco - 1);
}

/* All settings, and some as a person writes them. */
static yolo_status write_data_cfg(void) {
  static const char some[] =
      "# a set\n[data]\ntrain = a, /b, \"c, d\"\nnames = dog, \"big cat\"\n[model]\nimgsz = 608x352\n[train]\nsteps = 8, 16\n"
      "lr = 1e-3\n[augment]\npreset = yolov5\nscale = 0.5, 1.5\n";
  static const char sets[] = "data.train=a\naugment.preset=ssd\ntrain.optimizer=adam\nmodel.imgsz=64\n";
  yolo_config config = {0};
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_defaults(&config));
  YOLO_TRY(yolo_config_print(&config, &text));
  YOLO_TRY(yolo_write_file(place("data_cfg/all.cfg"), text.data, text.length));
  YOLO_TRY(yolo_write_file(place("data_cfg/some.cfg"), some, sizeof some - 1));
  YOLO_TRY(yolo_write_file(place("data_cfg/sets"), sets, sizeof sets - 1));
done:
  yolo_config_release(&config);
  yolo_text_free(&text);
  return st;
}

static yolo_status write_results(void) {
  static const char boxes[] =
      "[{\"image_id\":1,\"category_id\":1,\"bbox\":[5,5,20.25,1e1],\"score\":0.9},\n {\"image_id\":7,\"category_id\":18,"
      "\"bbox\":[0.0,10,30,20.5],\"score\":0.1234567890123456789}]";
  static const char masks[] =
      "[{\"image_id\":1,\"category_id\":1,\"segmentation\":{\"size\":[30,40],\"counts\":[155,10,1035]},\"score\":0.5},"
      "{\"image_id\":7,\"category_id\":18,\"segmentation\":{\"size\":[4,5],\"counts\":\"23?\"},\"score\":-1},"
      "{\"image_id\":7,\"category_id\":1,\"segmentation\":[[1,1,40,1,4.25,30]],\"bbox\":[1,2,3,4],\"score\":1}]";
  yolo_status st = yolo_write_file(place("results/boxes.json"), boxes, sizeof boxes - 1);
  return st == YOLO_OK ? yolo_write_file(place("results/masks.json"), masks, sizeof masks - 1) : st;
}

static yolo_status write_labels(void) {
  static const char voc[] =
      "<?xml version=\"1.0\"?><annotation><filename>a.jpg</filename><size><width>4</width><height>3</height></size>"
      "<object><name>x &amp; y</name><difficult>1</difficult><truncated>0</truncated><bndbox><xmin>1</xmin><ymin>1.5</ymin>"
      "<xmax>4</xmax><ymax>3</ymax></bndbox></object></annotation>";
  static const char txt[] = "0 .5 .5 .2 1e-1\r\n\r\n1 0.1 0.1 0.9 0.1 0.5 0.9\nbad\n";
  static const char idx[] = "\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\1\7\10", labels[] = "\0\0\10\1\0\0\0\2\1";
  /* 3 x 2 pixels of two bits, with a palette */
  static const unsigned char mask[] = {137, 80,  78,  71, 13, 10, 26,  10, 0,   0,   0,   13,  73,  72,  68,  82,  0,  0,   0,
                                       3,   0,   0,   0,  2,  2,  3,   0,  0,   0,   224, 26,  142, 137, 0,   0,   0,  12,  80,
                                       76,  84,  69,  10, 20, 30, 200, 0,  0,   0,   200, 0,   0,   0,   200, 183, 83, 145, 45,
                                       0,   0,   0,   12, 73, 68, 65,  84, 120, 156, 99,  144, 96,  184, 0,   0,   1,  28,  0,
                                       233, 252, 149, 73, 10, 0,  0,   0,  0,   73,  69,  78,  68,  174, 66,  96,  130};
  static const unsigned char grey[] = {0, 1, 2, 255};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_write_file(place("voc/a.xml"), voc, sizeof voc - 1));
  YOLO_TRY(yolo_write_file(place("yolo_txt/a.txt"), txt, sizeof txt - 1));
  YOLO_TRY(yolo_write_file(place("yolo_txt/list.txt"), "a.pgm\nb\\c.jpg\n", 15));
  YOLO_TRY(yolo_write_file(place("idx/images"), idx, sizeof idx - 1));
  YOLO_TRY(yolo_write_file(place("idx/labels"), labels, sizeof labels));
  YOLO_TRY(yolo_write_file(place("mask_png/palette.png"), mask, sizeof mask));
  YOLO_TRY(yolo_grey_save(grey, 2, 2, place("mask_png/grey.png")));
done:
  return st;
}

/* Text, counts and a polygon. */
static yolo_status write_masks(void) {
  static const char text[] = "\12\12\0;284L1OO2M2O1Oc0", counts[] = "\3\4\1\2\0\3\0\7";
  static const char polygon[] = "\40\40\2\0\0\0\0@\1\20\0@\0@\1";
  yolo_status st = yolo_write_file(place("mask/text"), text, sizeof text - 1);
  if (st == YOLO_OK) st = yolo_write_file(place("mask/counts"), counts, sizeof counts);
  if (st == YOLO_OK) st = yolo_write_file(place("mask/polygon"), polygon, sizeof polygon - 1);
  return st;
}

int main(int argc, char **argv) {
  static const char *const kinds[] = {"",    "cfg",      "weights", "safetensors", "image", "ops",     "coco",
                                      "voc", "yolo_txt", "idx",     "mask_png",    "mask",  "results", "data_cfg"};
  if (argc != 2) return fprintf(stderr, "make_seeds FOLDER\n"), 1;
  folder = argv[1];
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) (void)mkdir(place(kinds[i]), 0777);
  yolo_status st = write_models();
  if (st == YOLO_OK) st = write_images();
  if (st == YOLO_OK) st = write_ops();
  if (st == YOLO_OK) st = write_coco();
  if (st == YOLO_OK) st = write_data_cfg();
  if (st == YOLO_OK) st = write_results();
  if (st == YOLO_OK) st = write_labels();
  if (st == YOLO_OK) st = write_masks();
  if (st != YOLO_OK) fprintf(stderr, "make_seeds: %s\n", yolo_error_message());
  return st == YOLO_OK ? 0 : 1;
}
