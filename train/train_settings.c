/* The rows of [train] and [output]. Defaults are YOLOv5's (Jocher et al. 2020, hyp.scratch-low.yaml) where it has one. */
#include "train/train_settings.h"

#include <stddef.h>

#define ROW(field, type, fallback, low, high, choices, help) \
  { #field, YOLO_SETTING_##type, offsetof(yolo_train_settings, field), fallback, low, high, choices, help }
#define END \
  { NULL, YOLO_SETTING_BOOL, 0, NULL, 0, 0, NULL, NULL }

static const yolo_setting train_rows[] = {
    ROW(epochs, INT, "100", 1, 100000, NULL, "how often every image is seen"),
    ROW(batch, INT, "16", 1, 4096, NULL, "images of one step"),
    ROW(part, INT, "0", 0, 4096, NULL, "images in memory at a time, whose gradients add up to a step; 0: as many as fit"),
    ROW(optimizer, CHOICE, "sgd", 0, 0, "sgd|adam|adamw|rmsprop|adagrad|adadelta", "how gradients change the weights"),
    ROW(lr, REAL, "0.01", 0, 100, NULL, "learning rate, after warm-up"),
    ROW(momentum, REAL, "0.937", 0, 0.9999, NULL, "of sgd and rmsprop"),
    ROW(nesterov, BOOL, "on", 0, 0, NULL, "sgd looks ahead along its momentum"),
    ROW(beta1, REAL, "0.9", 0, 0.9999, NULL, "of adam and adamw: mean of gradients"),
    ROW(beta2, REAL, "0", 0, 0.999999, NULL, "mean of squared gradients; 0: 0.999, rmsprop 0.99, adadelta 0.9"),
    ROW(eps, REAL, "0", 0, 1, NULL, "keeps quotients finite; 0: 1e-8, adagrad 1e-10, adadelta 1e-6"),
    ROW(decay, REAL, "0.0005", 0, 1, NULL, "weight decay, of weights only: not of biases and batch norm"),
    ROW(schedule, CHOICE, "cosine", 0, 0, "constant|steps|exp|poly|sigmoid|linear|cosine|one-cycle", "of the learning rate"),
    ROW(lr_final, REAL, "0.01", 0, 1, NULL, "linear, cosine, one-cycle: the last rate, as a share of lr"),
    ROW(steps, LIST, "", 0, 0, NULL, "steps: epochs after which the rate is multiplied by a scale"),
    ROW(scales, LIST, "", 0, 0, NULL, "steps: those factors; one: for all"),
    ROW(gamma, REAL, "0.95", 0, 100, NULL, "exp: factor of an epoch; sigmoid: steepness an epoch"),
    ROW(middle, REAL, "0", 0, 100000, NULL, "sigmoid: the epoch of half the rate; 0: in the middle"),
    ROW(power, REAL, "4", 0, 100, NULL, "poly: (1 - done)^power"),
    ROW(rise, REAL, "0.3", 0.001, 0.999, NULL, "one-cycle: share of the training in which the rate grows"),
    ROW(div, REAL, "25", 1, 100000, NULL, "one-cycle: it begins at lr / div"),
    ROW(warmup, REAL, "3", 0, 1000, NULL, "epochs in which the rate grows from 0"),
    ROW(warmup_power, REAL, "1", 0.1, 10, NULL, "1: along a line; 4: Darknet's burn-in"),
    ROW(warmup_momentum, REAL, "0.8", 0, 0.9999, NULL, "momentum at the beginning of the warm-up"),
    ROW(warmup_bias_lr, REAL, "0", 0, 100, NULL, "rate of biases at the beginning of the warm-up, from where it falls to lr"),
    ROW(darknet_rates, BOOL, "off", 0, 0, NULL,
        "rates as Darknet counts them: from 1, a warm-up of any length, in which the schedule waits"),
    ROW(clip, REAL, "10", 0, 1e9, NULL, "largest norm of all gradients together; 0: any"),
    ROW(label_smoothing, REAL, "0", 0, 0.999, NULL, "classifiers: this share of a label is spread over all classes"),
    ROW(ema, REAL, "0.9999", 0, 0.999999, NULL, "decay of the average of the weights that is judged and kept; 0: none"),
    ROW(ema_tau, REAL, "2000", 0, 1e9, NULL, "steps in which that decay comes up to its value"),
    ROW(seed, INT, "0", 0, 2147483647, NULL, "of initial weights, order, augmentation and dropout"),
    ROW(threads, INT, "0", 0, 1024, NULL, "of the network; 0: every core it may use"),
    ROW(freeze, LIST, "", 0, 0, NULL,
        "what does not learn: layers (0-10), the begin of names (model.3.conv), bn (statistics too)"),
    ROW(loss, TEXT, "", 0, 0, NULL, "another loss than the head's own; 'yolo train --losses' lists them"),
    ROW(validate_every, INT, "1", 1, 100000, NULL, "epochs between two validations"),
    ROW(patience, INT, "0", 0, 100000, NULL, "validations without a better one after which training ends; 0: never"),
    ROW(plain_epochs, INT, "10", 0, 100000, NULL, "last epochs without mosaic, mixup and cutmix"),
    END};
const yolo_setting_section yolo_train_section = {"train", "how the network is trained", train_rows, 0};

static const yolo_setting output_rows[] = {
    {"dir", YOLO_SETTING_PATH, offsetof(yolo_output_settings, dir), "", 0, 0, NULL,
     "folder of the run, exactly; empty: runs/NAME of the network, NAME-2, NAME-3 where that is taken"},
    {"samples", YOLO_SETTING_INT, offsetof(yolo_output_settings, samples), "8", 0, 1000, NULL,
     "images of the validation split whose detections are saved as pictures"},
    END};
const yolo_setting_section yolo_output_section = {"output", "what a run writes", output_rows, 0};
