/* Batches, rates and the optimiser of [net] as settings: see darknet_net.h.
 *
 * Darknet's update, with B = batch images whose gradients add up over the subdivisions:
 *
 *   u = momentum u - sum of gradients - decay B w;   w = w + (rate / B) u
 *
 * is ours with v = -u / B and gradients as means, so rate, momentum and decay stay as they are. decay is for weights of
 * convolutions and linear layers alone. The rate of iteration i, counted from 1:
 *
 *   i < burn_in   learning_rate (i / burn_in)^power
 *   constant      learning_rate
 *   step          learning_rate scale^floor(i / step)
 *   steps         learning_rate times the scales whose step is at most i
 *   exp           learning_rate gamma^i
 *   poly          learning_rate (1 - i / max_batches)^power
 *   sigmoid       learning_rate / (1 + exp(gamma (i - step)))
 *   sgdr          from learning_rate to learning_rate_min along a cosine (Loshchilov & Hutter 2017); one cycle here */
#include "train/darknet_net.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "train/optim/schedule.h"

enum { MOST_EPOCHS = 100000, MOST_BATCH = 4096 };

/* ---- settings and notes ---- */

void yolo_darknet_net_release(yolo_darknet_net *net) {
  for (int i = 0; i < net->sets.count; ++i) yolo_free(net->sets.items[i]);
  yolo_free(net->sets.items);
  yolo_text_free(&net->notes);
  *net = (yolo_darknet_net){0};
}

yolo_status yolo_darknet_net_set(yolo_darknet_net *net, const char *key, const char *value) {
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  char **more = yolo_realloc(net->sets.items, (size_t)(net->sets.count + 1) * sizeof *more);
  if (!more) return YOLO_ENOMEM;
  net->sets.items = more;
  st = yolo_text_format(&text, "%s=%s", key, value);
  if (st == YOLO_OK)
    more[net->sets.count++] = text.data;
  else
    yolo_text_free(&text);
  return st;
}

yolo_status yolo_darknet_net_set_number(yolo_darknet_net *net, const char *key, double value) {
  yolo_text text = {0};
  yolo_status st = yolo_text_number(&text, value);
  if (st == YOLO_OK) st = yolo_darknet_net_set(net, key, text.data);
  yolo_text_free(&text);
  return st;
}

yolo_status yolo_darknet_net_note(yolo_darknet_net *net, const yolo_cfg *cfg, const yolo_cfg_section *section, const char *key,
                                  const char *why) {
  const yolo_cfg_entry *entry = yolo_cfg_find(section, key);
  yolo_text mark = {0};
  yolo_status st = yolo_text_format(&mark, ": [%s]: %s: ", section->name, key);
  if (st == YOLO_OK && !(net->notes.data && strstr(net->notes.data, mark.data)))
    st = yolo_text_format(&net->notes, "%s:%d%s%s\n", cfg->file, entry ? entry->line : section->line, mark.data, why);
  yolo_text_free(&mark);
  return st;
}

/* ---- batches and iterations ---- */

/* Darknet cuts the batch into `subdivisions` parts of equal size, rounded down, and what is left over is not seen. */
static yolo_status read_batch(const yolo_cfg *cfg, yolo_darknet_net *out) {
  const yolo_cfg_section *net = &cfg->sections[0];
  int batch = 1, parts = 1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_int(net, "batch", 1, 1, MOST_BATCH, &batch));
  YOLO_TRY(yolo_cfg_int(net, "subdivisions", 1, 1, MOST_BATCH, &parts));
  if (parts > batch) {
    st = yolo_cfg_fail(net, "subdivisions", YOLO_EINVAL, "subdivisions = %d are more than the images of a batch (%d)", parts,
                       batch);
    goto done;
  }
  const int part = batch / parts;
  if (batch % parts != 0)
    YOLO_TRY(yolo_darknet_net_note(out, cfg, net, "subdivisions", "they do not divide batch: as in Darknet, the rest is left"));
  out->batch = part * parts;
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.batch", out->batch));
  st = yolo_darknet_net_set_number(out, "train.part", part);
done:
  return st;
}

static yolo_status read_iterations(const yolo_cfg *cfg, size_t images, yolo_darknet_net *out) {
  const yolo_cfg_section *net = &cfg->sections[0];
  yolo_status st = yolo_cfg_int(net, "max_batches", 0, 0, INT_MAX, &out->iterations);
  if (st != YOLO_OK) return st;
  if (out->iterations == 0)
    return yolo_cfg_fail(net, "max_batches", YOLO_EINVAL, "max_batches is wanted: after so many iterations training ends");
  if (images == 0) return yolo_fail(YOLO_EINVAL, "there is no image to train on");
  const size_t per_epoch = (images + (size_t)out->batch - 1) / (size_t)out->batch;
  const size_t epochs = ((size_t)out->iterations + per_epoch - 1) / per_epoch;
  if (epochs > MOST_EPOCHS || per_epoch > INT_MAX) {
    return yolo_cfg_fail(net, "max_batches", YOLO_EINVAL,
                         "max_batches = %d are %zu epochs, as %zu images are seen in %zu iterations; %d epochs are the most",
                         out->iterations, epochs, images, per_epoch, MOST_EPOCHS);
  }
  out->per_epoch = (int)per_epoch;
  out->epochs = (int)epochs;
  return yolo_darknet_net_set_number(out, "train.epochs", out->epochs);
}

static yolo_status set_epochs(yolo_darknet_net *out, const char *key, double iterations) {
  return yolo_darknet_net_set_number(out, key, iterations / out->per_epoch);
}

/* ---- rates ---- */

/* The list of `steps`, in epochs. */
static yolo_status read_steps(const yolo_cfg_section *net, yolo_darknet_net *out) {
  int *steps = NULL, count = 0;
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  const char *scales = yolo_cfg_text(net, "scales", NULL);
  YOLO_TRY(yolo_cfg_ints(net, "steps", &steps, &count));
  if (count == 0 || !scales) {
    st = yolo_cfg_fail(net, count ? "steps" : "policy", YOLO_EINVAL, "policy = steps wants steps and scales");
    goto done;
  }
  for (int i = 0; i < count; ++i) {
    YOLO_TRY(yolo_text_append(&text, ",", i > 0));
    YOLO_TRY(yolo_text_number(&text, (double)steps[i] / out->per_epoch));
  }
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "steps"));
  YOLO_TRY(yolo_darknet_net_set(out, "train.steps", text.data));
  st = yolo_darknet_net_set(out, "train.scales", scales);
done:
  yolo_free(steps);
  yolo_text_free(&text);
  return st;
}

/* `step`: one factor again and again. */
static yolo_status read_step(const yolo_cfg_section *net, yolo_darknet_net *out) {
  int step = 1;
  double scale = 1;
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_int(net, "step", 1, 1, INT_MAX, &step));
  YOLO_TRY(yolo_cfg_float(net, "scale", 1, &scale));
  const int count = (out->iterations - 1) / step;
  if (count > YOLO_SCHEDULE_MOST_STEPS) {
    st = yolo_cfg_fail(net, "step", YOLO_EUNSUPPORTED,
                       "the rate would change %d times, %d are the most; policy = exp falls with every iteration", count,
                       YOLO_SCHEDULE_MOST_STEPS);
    goto done;
  }
  if (count == 0) {
    st = yolo_darknet_net_set(out, "train.schedule", "constant");
    goto done;
  }
  for (int i = 1; i <= count; ++i) {
    YOLO_TRY(yolo_text_append(&text, ",", i > 1));
    YOLO_TRY(yolo_text_number(&text, (double)i * step / out->per_epoch));
  }
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "steps"));
  YOLO_TRY(yolo_darknet_net_set(out, "train.steps", text.data));
  st = yolo_darknet_net_set_number(out, "train.scales", scale);
done:
  yolo_text_free(&text);
  return st;
}

static yolo_status read_exp(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double gamma = 1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "gamma", 1, &gamma));
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "exp"));
  st = yolo_darknet_net_set_number(out, "train.gamma", pow(gamma, out->per_epoch));
done:
  return st;
}

static yolo_status read_sigmoid(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double gamma = 1;
  int step = 1;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "gamma", 1, &gamma));
  YOLO_TRY(yolo_cfg_int(net, "step", 1, 1, INT_MAX, &step));
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "sigmoid"));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.gamma", gamma * out->per_epoch));
  st = set_epochs(out, "train.middle", step);
done:
  return st;
}

static yolo_status read_poly(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double power = 4;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "power", 4, &power));
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "poly"));
  st = yolo_darknet_net_set_number(out, "train.power", power);
done:
  return st;
}

static yolo_status read_sgdr(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double rate = 0.001, least = 0.00001;
  int cycle = out->iterations;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "learning_rate", 0.001, &rate));
  YOLO_TRY(yolo_cfg_float(net, "learning_rate_min", 0.00001, &least));
  YOLO_TRY(yolo_cfg_int(net, "sgdr_cycle", out->iterations, 1, INT_MAX, &cycle));
  if (cycle < out->iterations) {
    st = yolo_cfg_fail(
        net, "sgdr_cycle", YOLO_EUNSUPPORTED,
        "restarts have no counterpart: sgdr_cycle = %d begins anew before max_batches = %d; without the key there "
        "is one cycle",
        cycle, out->iterations);
    goto done;
  }
  YOLO_TRY(yolo_darknet_net_set(out, "train.schedule", "cosine"));
  st = yolo_darknet_net_set_number(out, "train.lr_final", rate > 0 && least < rate ? least / rate : 1);
done:
  return st;
}

static yolo_status read_constant(const yolo_cfg_section *net, yolo_darknet_net *out) {
  (void)net;
  return yolo_darknet_net_set(out, "train.schedule", "constant");
}

static yolo_status read_policy(const yolo_cfg_section *net, yolo_darknet_net *out) {
  static const struct {
    const char *name;
    yolo_status (*read)(const yolo_cfg_section *net, yolo_darknet_net *out);
  } policies[] = {{"constant", read_constant}, {"steps", read_steps}, {"step", read_step},      {"exp", read_exp},
                  {"poly", read_poly},         {"sgdr", read_sgdr},   {"sigmoid", read_sigmoid}};
  const char *name = yolo_cfg_text(net, "policy", "constant");
  for (size_t i = 0; i < sizeof policies / sizeof *policies; ++i) {
    if (strcmp(name, policies[i].name) == 0) return policies[i].read(net, out);
  }
  return yolo_cfg_fail(net, "policy", YOLO_EUNSUPPORTED,
                       "policy = %s has no counterpart; constant, steps, step, exp, poly, sgdr and sigmoid have", name);
}

static yolo_status read_rates(const yolo_cfg *cfg, yolo_darknet_net *out) {
  const yolo_cfg_section *net = &cfg->sections[0];
  double rate = 0.001, power = 4;
  int burn_in = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "learning_rate", 0.001, &rate));
  YOLO_TRY(yolo_cfg_float(net, "power", 4, &power));
  YOLO_TRY(yolo_cfg_int(net, "burn_in", 0, 0, INT_MAX, &burn_in));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.lr", rate));
  YOLO_TRY(set_epochs(out, "train.warmup", burn_in));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.warmup_power", power));
  YOLO_TRY(yolo_darknet_net_set(out, "train.darknet_rates", "on"));
  st = read_policy(net, out);
done:
  return st;
}

/* ---- the optimiser ---- */

/* Darknet's Adam sees sums over the batch, ours means: its eps is so many times smaller here. */
static yolo_status read_adam(const yolo_cfg_section *net, yolo_darknet_net *out) {
  double b1 = 0.9, b2 = 0.999, eps = 1e-7;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "B1", 0.9, &b1));
  YOLO_TRY(yolo_cfg_float(net, "B2", 0.999, &b2));
  YOLO_TRY(yolo_cfg_float(net, "eps", 1e-7, &eps));
  YOLO_TRY(yolo_darknet_net_set(out, "train.optimizer", "adam"));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.beta1", b1));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.beta2", b2));
  st = yolo_darknet_net_set_number(out, "train.eps", eps / out->batch);
done:
  return st;
}

static yolo_status read_optimizer(const yolo_cfg *cfg, yolo_darknet_net *out) {
  static const char *const plain[][2] = {{"train.nesterov", "off"}, {"train.warmup_bias_lr", "0"}, {"train.clip", "0"},
                                         {"train.ema", "0"},        {"train.patience", "0"},       {"train.plain_epochs", "0"}};
  const yolo_cfg_section *net = &cfg->sections[0];
  double momentum = 0.9, decay = 0.0001;
  int adam = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_float(net, "momentum", 0.9, &momentum));
  YOLO_TRY(yolo_cfg_float(net, "decay", 0.0001, &decay));
  YOLO_TRY(yolo_cfg_int(net, "adam", 0, 0, 1, &adam));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.momentum", momentum));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.warmup_momentum", momentum));
  YOLO_TRY(yolo_darknet_net_set_number(out, "train.decay", decay));
  for (size_t i = 0; i < sizeof plain / sizeof *plain; ++i) YOLO_TRY(yolo_darknet_net_set(out, plain[i][0], plain[i][1]));
  st = adam ? read_adam(net, out) : yolo_darknet_net_set(out, "train.optimizer", "sgd");
done:
  return st;
}

yolo_status yolo_darknet_net_read(const yolo_cfg *cfg, size_t images, yolo_darknet_net *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_darknet_net){0};
  YOLO_TRY(read_batch(cfg, out));
  YOLO_TRY(read_iterations(cfg, images, out));
  YOLO_TRY(read_rates(cfg, out));
  YOLO_TRY(read_optimizer(cfg, out));
  YOLO_TRY(yolo_darknet_net_augment(cfg, out));
  YOLO_TRY(yolo_darknet_net_keys(cfg, out));
done:
  if (st != YOLO_OK) yolo_darknet_net_release(out);
  return st;
}
