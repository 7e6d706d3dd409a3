/* Keys of a Darknet cfg that have no counterpart in training, by name, and layers that do not learn: see darknet_net.h. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/head.h"
#include "train/darknet_net.h"

/* What becomes of a key whose value is not the harmless one. */
typedef struct fate {
  const char *key;
  double harmless; /* NAN: none is */
  bool refused;    /* else noted */
  const char *why;
} fate;

#define CLASSIFIERS "Darknet uses it for classifiers only"
#define DISPLAY     "is about Darknet's own memory and display"
#define SEQUENCES   "training on sequences of frames has no counterpart"

static const fate of_net[] = {
    {"time_steps", 1, true, SEQUENCES},
    {"track", 0, true, SEQUENCES},
    {"contrastive", 0, true, "contrastive learning has no counterpart"},
    {"unsupervised", 0, true, "training without labels has no counterpart"},
    {"adversarial_lr", 0, true, "adversarial training has no counterpart"},
    {"attention", 0, true, "adversarial training has no counterpart"},
    {"sequential_subdivisions", NAN, false, SEQUENCES},
    {"seq_scales", NAN, false, SEQUENCES},
    {"augment_speed", NAN, false, SEQUENCES},
    {"contrastive_jit_flip", NAN, false, "belongs to contrastive learning"},
    {"contrastive_color", NAN, false, "belongs to contrastive learning"},
    {"angle", 0, false, "Darknet turns images of classifiers only; augment.rotate turns those of detectors"},
    {"aspect", 1, false, CLASSIFIERS},
    {"min_crop", NAN, false, CLASSIFIERS},
    {"max_crop", NAN, false, CLASSIFIERS},
    {"min_ratio", NAN, false, CLASSIFIERS},
    {"max_ratio", NAN, false, CLASSIFIERS},
    {"center", 0, false, CLASSIFIERS},
    {"label_smooth_eps", 0, false, CLASSIFIERS "; [yolo] has its own"},
    {"cutmix", 0, false, "Darknet ignores it for detectors, and so does this; augment.cutmix does it"},
    {"mosaic_bound", 0, false, "has no counterpart: mosaics are cut anywhere from 20% to 80%"},
    {"blur", 0, false, "Darknet blurs around objects or all; augment.blur is the second"},
    {"random", 0, false, "stands in [yolo], where it is read"},
    {"notruth", NAN, false, "has no counterpart: images without objects are trained on"},
    {"resize_step", 32, false, "has no counterpart: sizes are multiples of the largest stride"},
    {"dynamic_minibatch", 0, false, "has no counterpart: parts of a batch keep their number of images"},
    {"ema_alpha", 0, false, "Darknet averages weights in the second half only; train.ema does it from the beginning"},
    {"clip", 0, false, "has no counterpart; train.clip limits the gradient"},
    {"loss_scale", 1, false, "belongs to half precision; training is in single precision"},
    {"try_fix_nan", 0, false, "a number that is not finite ends the training and names its place"},
    {"weights_reject_freq", 0, false, "has no counterpart: no weight is set to zero"},
    {"equidistant_point", 0, false, "has no counterpart"},
    {"badlabels_rejection_percentage", 0, false, "has no counterpart: every label counts"},
    {"num_sigmas_reject_badlabels", 0, false, "has no counterpart: every label counts"},
    {"optimized_memory", NAN, false, DISPLAY},
    {"workspace_size_limit_MB", NAN, false, DISPLAY},
    {"use_cuda_graph", NAN, false, DISPLAY},
    {"max_chart_loss", NAN, false, DISPLAY},
    {"show_receptive_field", NAN, false, DISPLAY}};

static const fate of_layers[] = {
    {"learning_rate", 1, true, "rates of single layers have no counterpart; train.freeze stops a layer"},
    {"burnin_update", 0, true,
     "layers that stop learning later have no counterpart; train.freeze stops one from the beginning"},
    {"train_only_bn", 0, true, "has no counterpart; train.freeze takes names of parameters, such as model.3.conv"},
    {"onlyforward", 0, true, "has no counterpart; train.freeze stops layers"},
    {"clip", 0, false, "has no counterpart: weights are not limited"},
    {"max", NAN, false, "every object of an image counts"},
    {"map", NAN, true, "trees of classes have no counterpart"},
    {"track", 0, true, SEQUENCES},
    {"track_history_size", NAN, false, SEQUENCES},
    {"track_ciou_norm", NAN, false, SEQUENCES},
    {"sim_thresh", NAN, false, SEQUENCES},
    {"dets_for_track", NAN, false, SEQUENCES},
    {"dets_for_show", NAN, false, SEQUENCES},
    {"show_details", 0, false, DISPLAY}};

typedef struct search {
  const yolo_cfg *cfg;
  yolo_darknet_net *out;
  yolo_text freeze;
  yolo_status status; /* of the first key that failed */
} search;

static const fate *find_fate(bool net, const char *key) {
  const fate *rows = net ? of_net : of_layers;
  const size_t n = net ? sizeof of_net / sizeof *of_net : sizeof of_layers / sizeof *of_layers;
  for (size_t i = 0; i < n; ++i) {
    if (strcmp(rows[i].key, key) == 0) return &rows[i];
  }
  return NULL;
}

static bool is_harmless(const fate *f, const char *value) {
  double number;
  return yolo_parse_double(value, &number) && number == f->harmless;
}

static yolo_status freeze(search *s, int from, int to) {
  const char *comma = s->freeze.length ? "," : "";
  return from < to ? yolo_text_format(&s->freeze, "%s%d-%d", comma, from, to) : yolo_text_format(&s->freeze, "%s%d", comma, to);
}

/* stopbackward = 1: no gradient reaches this layer or those before it. dont_update = 1: this one alone stays. */
static yolo_status take_frozen(search *s, const yolo_cfg_section *section, const char *key) {
  const bool all = strcmp(key, "stopbackward") == 0;
  const int layer = (int)(section - s->cfg->sections) - 1;
  int value = 0;
  yolo_status st = yolo_cfg_int(section, key, 0, 0, 1 << 30, &value);
  if (st != YOLO_OK || value == 0) return st;
  if (value != 1) {
    return yolo_cfg_fail(section, key, YOLO_EUNSUPPORTED,
                         "%s = %d holds for so many iterations, which has no counterpart; 1 holds for all", key, value);
  }
  return freeze(s, all ? 0 : layer, layer);
}

static void look(void *payload, const yolo_cfg_section *section, const yolo_cfg_entry *entry) {
  search *s = payload;
  const bool net = section == s->cfg->sections;
  const char *key = entry->key;
  const fate *f = find_fate(net, key);
  if (s->status != YOLO_OK) return;
  if (!net && (strcmp(key, "stopbackward") == 0 || strcmp(key, "dont_update") == 0)) {
    s->status = take_frozen(s, section, key);
  } else if (f && !is_harmless(f, entry->value)) {
    s->status = f->refused ? yolo_cfg_fail(section, key, YOLO_EUNSUPPORTED, "%s = %.60s: %s", key, entry->value, f->why)
                           : yolo_darknet_net_note(s->out, s->cfg, section, key, f->why);
  }
}

yolo_status yolo_darknet_net_keys(const yolo_cfg *cfg, yolo_darknet_net *out) {
  yolo_cfg_section_def heads[YOLO_HEAD_SECTIONS];
  search s = {.cfg = cfg, .out = out};
  yolo_cfg_visit_training_keys(cfg, heads, yolo_head_sections(heads, YOLO_HEAD_SECTIONS), look, &s);
  if (s.status == YOLO_OK && s.freeze.length) s.status = yolo_darknet_net_set(out, "train.freeze", s.freeze.data);
  yolo_text_free(&s.freeze);
  return s.status;
}
