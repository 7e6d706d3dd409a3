/* [net]: the input's size and everything about training; the keys that every layer understands; and the
 * sections of Darknet that are refused by name. */
#include <string.h>

#include "backbone/cfg/sections.h"

static const yolo_cfg_key net_keys[] = {
    YOLO_CFG_KEY("width", INT), YOLO_CFG_KEY("height", INT), YOLO_CFG_KEY("channels", INT), YOLO_CFG_KEY("inputs", INT),
    YOLO_CFG_KEY("letter_box", INT),
    /* batches and schedule */
    YOLO_CFG_TRAIN("batch", INT), YOLO_CFG_TRAIN("subdivisions", INT), YOLO_CFG_TRAIN("sequential_subdivisions", INT),
    YOLO_CFG_TRAIN("dynamic_minibatch", INT), YOLO_CFG_TRAIN("max_batches", INT), YOLO_CFG_TRAIN("burn_in", INT),
    YOLO_CFG_TRAIN("learning_rate", FLOAT), YOLO_CFG_TRAIN("learning_rate_min", FLOAT), YOLO_CFG_TRAIN("policy", TEXT),
    YOLO_CFG_TRAIN("power", FLOAT), YOLO_CFG_TRAIN("gamma", FLOAT), YOLO_CFG_TRAIN("step", INT), YOLO_CFG_TRAIN("scale", FLOAT),
    YOLO_CFG_TRAIN("steps", INTS), YOLO_CFG_TRAIN("scales", FLOATS), YOLO_CFG_TRAIN("seq_scales", FLOATS),
    YOLO_CFG_TRAIN("sgdr_cycle", INT), YOLO_CFG_TRAIN("sgdr_mult", INT),
    /* the optimiser */
    YOLO_CFG_TRAIN("momentum", FLOAT), YOLO_CFG_TRAIN("decay", FLOAT), YOLO_CFG_TRAIN("adam", INT), YOLO_CFG_TRAIN("B1", FLOAT),
    YOLO_CFG_TRAIN("B2", FLOAT), YOLO_CFG_TRAIN("eps", FLOAT), YOLO_CFG_TRAIN("ema_alpha", FLOAT),
    YOLO_CFG_TRAIN("clip", FLOAT), YOLO_CFG_TRAIN("loss_scale", FLOAT), YOLO_CFG_TRAIN("try_fix_nan", INT),
    YOLO_CFG_TRAIN("weights_reject_freq", INT), YOLO_CFG_TRAIN("equidistant_point", INT),
    YOLO_CFG_TRAIN("badlabels_rejection_percentage", FLOAT), YOLO_CFG_TRAIN("num_sigmas_reject_badlabels", FLOAT),
    YOLO_CFG_TRAIN("label_smooth_eps", FLOAT), YOLO_CFG_TRAIN("adversarial_lr", FLOAT), YOLO_CFG_TRAIN("attention", INT),
    /* augmentation */
    YOLO_CFG_TRAIN("angle", FLOAT), YOLO_CFG_TRAIN("aspect", FLOAT), YOLO_CFG_TRAIN("saturation", FLOAT),
    YOLO_CFG_TRAIN("exposure", FLOAT), YOLO_CFG_TRAIN("hue", FLOAT), YOLO_CFG_TRAIN("flip", INT), YOLO_CFG_TRAIN("blur", INT),
    YOLO_CFG_TRAIN("gaussian_noise", INT), YOLO_CFG_TRAIN("mixup", INT), YOLO_CFG_TRAIN("cutmix", INT),
    YOLO_CFG_TRAIN("mosaic", INT), YOLO_CFG_TRAIN("mosaic_bound", INT), YOLO_CFG_TRAIN("min_crop", INT),
    YOLO_CFG_TRAIN("max_crop", INT), YOLO_CFG_TRAIN("min_ratio", FLOAT), YOLO_CFG_TRAIN("max_ratio", FLOAT),
    YOLO_CFG_TRAIN("center", INT), YOLO_CFG_TRAIN("random", FLOAT), YOLO_CFG_TRAIN("notruth", INT),
    YOLO_CFG_TRAIN("resize_step", INT), YOLO_CFG_TRAIN("augment_speed", FLOAT),
    /* sequences, contrastive learning */
    YOLO_CFG_TRAIN("time_steps", INT), YOLO_CFG_TRAIN("track", INT), YOLO_CFG_TRAIN("contrastive", INT),
    YOLO_CFG_TRAIN("contrastive_jit_flip", INT), YOLO_CFG_TRAIN("contrastive_color", INT), YOLO_CFG_TRAIN("unsupervised", INT),
    /* Darknet's own memory and display */
    YOLO_CFG_TRAIN("optimized_memory", INT), YOLO_CFG_TRAIN("workspace_size_limit_MB", FLOAT),
    YOLO_CFG_TRAIN("use_cuda_graph", INT), YOLO_CFG_TRAIN("max_chart_loss", FLOAT),
    YOLO_CFG_TRAIN("show_receptive_field", FLOAT), YOLO_CFG_END};

const yolo_cfg_section_def yolo_section_net = {"net", {"network"}, net_keys, NULL};

/* dontload leaves a layer out of the weights file, so it is not a matter of training alone. */
const yolo_cfg_key yolo_cfg_common_keys[] = {YOLO_CFG_TRAIN("learning_rate", FLOAT),
                                             YOLO_CFG_TRAIN("clip", FLOAT),
                                             YOLO_CFG_TRAIN("onlyforward", INT),
                                             YOLO_CFG_TRAIN("dont_update", INT),
                                             YOLO_CFG_TRAIN("burnin_update", INT),
                                             YOLO_CFG_TRAIN("stopbackward", INT),
                                             YOLO_CFG_TRAIN("train_only_bn", INT),
                                             YOLO_CFG_ONLY("dontload", INT, "0"),
                                             YOLO_CFG_ONLY("dontloadscales", INT, "0"),
                                             YOLO_CFG_ONLY("dontsave", INT, "0"),
                                             YOLO_CFG_END};

/* Networks that read text have no image size either; then it is their recurrent layers that are worth naming. */
static yolo_status missing_size(const yolo_cfg *cfg) {
  const yolo_cfg_section *net = &cfg->sections[0];
  for (int i = 1; i < cfg->n_sections; i++) {
    const char *why = yolo_cfg_refused_section(cfg->sections[i].name);
    if (why) return yolo_cfg_fail(&cfg->sections[i], NULL, YOLO_EUNSUPPORTED, "%s", why);
  }
  return yolo_cfg_fail(net, NULL, YOLO_EINVAL, "width= and height= of the input are wanted, and '%s' is missing",
                       yolo_cfg_find(net, "width") ? "height" : "width");
}

yolo_status yolo_cfg_read_net(const yolo_cfg *cfg, yolo_cfg_net *out) {
  const yolo_cfg_section *net = &cfg->sections[0];
  yolo_status st = YOLO_OK;
  int letter_box = 0, inputs = 0;
  if (!yolo_cfg_find(net, "width") || !yolo_cfg_find(net, "height")) return missing_size(cfg);
  YOLO_TRY(yolo_cfg_int(net, "width", 0, 1, YOLO_CFG_MAX_SIDE, &out->width));
  YOLO_TRY(yolo_cfg_int(net, "height", 0, 1, YOLO_CFG_MAX_SIDE, &out->height));
  YOLO_TRY(yolo_cfg_int(net, "channels", 3, 1, 1024, &out->channels));
  YOLO_TRY(yolo_cfg_int(net, "letter_box", 0, 0, 1, &letter_box));
  YOLO_TRY(yolo_cfg_int(net, "inputs", 0, 0, 1 << 30, &inputs));
  if (inputs != 0 && inputs != (long long)out->width * out->height * out->channels)
    return yolo_cfg_fail(net, "inputs", YOLO_EUNSUPPORTED, "inputs=%d is not width x height x channels = %lld", inputs,
                         (long long)out->width * out->height * out->channels);
  out->letter_box = letter_box != 0;
done:
  return st;
}

const char *yolo_cfg_refused_section(const char *name) {
  static const char recurrent[] = "recurrent layers are not built";
  static const struct {
    const char *name, *why;
  } table[] = {{"rnn", recurrent},
               {"lstm", recurrent},
               {"gru", recurrent},
               {"crnn", recurrent},
               {"conv_lstm", recurrent},
               {"history", recurrent},
               {"crop", "cropping inside the network is not built; crop the images, or give their size in [net]"},
               {"deconvolutional", "transposed convolutions are not built"},
               {"deconv", "transposed convolutions are not built"},
               {"normalization", "local response normalisation is not built"},
               {"lrn", "local response normalisation is not built"},
               {"l2norm", "L2 normalisation is not built"},
               {"contrastive", "contrastive heads are not built"},
               {"iseg", "instance segmentation heads of this kind are not built"},
               {"logxent", "this loss layer is not built"},
               {"empty", "empty layers are not built; leave the section out and adapt the layer numbers"},
               {"silence", "empty layers are not built; leave the section out and adapt the layer numbers"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (strcmp(table[i].name, name) == 0) return table[i].why;
  }
  return NULL;
}
