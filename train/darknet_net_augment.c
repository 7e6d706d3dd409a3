/* The augmentation of a Darknet cfg as settings: see darknet_net.h. The preset `darknet` has what no key says (where mosaics
 * are cut, which boxes stay); the keys have the rest, with Darknet's defaults.
 *
 * Mosaic and mixup are done to half of the batches, and a flip to half of the images, where they are switched on. jitter,
 * resize and random stand in the head; Darknet takes those of the last layer. */
#include <math.h>

#include "train/darknet_net.h"

enum { SIZE_EVERY = 10 }; /* iterations between two draws of the input's size */

static yolo_status set_chance(const yolo_cfg_section *net, const char *key, int fallback, const char *setting,
                              yolo_darknet_net *out) {
  double on = 0;
  yolo_status st = yolo_cfg_float(net, key, fallback, &on);
  return st == YOLO_OK ? yolo_darknet_net_set_number(out, setting, on != 0 ? 0.5 : 0) : st;
}

/* Factors go from 1/x to x: 0.67 and 1.5 say the same. */
static double factor(double x) { return x > 0 && x < 1 ? 1 / x : x <= 0 ? 1 : x; }

static yolo_status read_colours(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double hue = 0, saturation = 1, exposure = 1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "hue", 0, &hue));
  YOLO_TRY(yolo_cfg_float(net, "saturation", 1, &saturation));
  YOLO_TRY(yolo_cfg_float(net, "exposure", 1, &exposure));
  YOLO_TRY(yolo_darknet_net_set_number(out, "augment.hue", fabs(hue)));
  YOLO_TRY(yolo_darknet_net_set_number(out, "augment.saturation_factor", factor(saturation)));
  st = yolo_darknet_net_set_number(out, "augment.exposure", factor(exposure));
done:
  return st;
}

/* key = least,most */
static yolo_status set_range(yolo_darknet_net *out, const char *key, double least, double most) {
  yolo_text range = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_number(&range, least));
  YOLO_TRY(yolo_text_append(&range, ",", 1));
  YOLO_TRY(yolo_text_number(&range, most));
  st = yolo_darknet_net_set(out, key, range.data);
done:
  yolo_text_free(&range);
  return st;
}

/* The size is drawn from 1/1.4 to 1.4 with random = 1, from 1/random to random with other values, in steps of 32 pixels. */
static yolo_status read_random(const yolo_cfg_section *head, yolo_darknet_net *out) {
  double most = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(head, "random", 0, &most));
  most = most == 1 ? 1.4 : factor(most);
  YOLO_TRY(set_range(out, "augment.multi_scale", 1 / most, most));
  st = yolo_darknet_net_set_number(out, "augment.multi_scale_every", SIZE_EVERY);
done:
  return st;
}

/* resize = 1.5: images are drawn 1/1.5 to 1.5 times as large; below 1 they only become smaller. */
static yolo_status read_resize(const yolo_cfg_section *head, yolo_darknet_net *out) {
  double resize = 1;
  yolo_status st = yolo_cfg_float(head, "resize", 1, &resize);
  if (st != YOLO_OK) return st;
  return set_range(out, "augment.scale", resize > 1 ? 1 / resize : resize, resize > 1 ? resize : 1);
}

static yolo_status read_noise(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double noise = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "gaussian_noise", 0, &noise));
  if (noise <= 0) goto done;
  YOLO_TRY(yolo_darknet_net_set_number(out, "augment.noise", 0.5));
  st = yolo_darknet_net_set_number(out, "augment.noise_most", (noise < 127 ? noise : 127) / 255);
done:
  return st;
}

yolo_status yolo_darknet_net_augment(const yolo_cfg *cfg, yolo_darknet_net *out) {
  const yolo_cfg_section *net = &cfg->sections[0], *head = &cfg->sections[cfg->n_sections - 1];
  double jitter = 0.2;
  int letter_box = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_darknet_net_set(out, "augment.preset", "darknet"));
  YOLO_TRY(read_colours(net, out));
  YOLO_TRY(set_chance(net, "flip", 1, "augment.flip", out));
  YOLO_TRY(set_chance(net, "mosaic", 0, "augment.mosaic", out));
  YOLO_TRY(set_chance(net, "mixup", 0, "augment.mixup", out));
  YOLO_TRY(read_noise(net, out));
  YOLO_TRY(yolo_cfg_float(head, "jitter", 0.2, &jitter));
  YOLO_TRY(yolo_darknet_net_set_number(out, "augment.jitter", jitter));
  YOLO_TRY(read_resize(head, out));
  YOLO_TRY(read_random(head, out));
  YOLO_TRY(yolo_cfg_int(net, "letter_box", 0, 0, 1, &letter_box));
  st = yolo_darknet_net_set(out, "augment.fit", letter_box ? "letterbox" : "stretch");
done:
  return st;
}
