#!/usr/bin/env python3
"""Compares every loss of train/ with an implementation in PyTorch that shares nothing with it.

    python3 scripts/compare_losses.py [--build build/release] [--seeds 6] [--loss NAME]
    python3 scripts/compare_losses.py --golden

Random tensors and truths: several heads, images without objects, many objects, several in one cell, centres on the borders of cells,
ignored regions, shares of mixup, objects without area. torch_losses.py and torch_darknet.py have the other implementation. Parts, counts
and gradients must agree to 1e-5, and the answers of 1 and 3 threads to the last bit. Prints a line a case; exit 1 on a difference.
Needs torch, numpy and the program loss_lab of the build (YOLO_TESTS=ON).
"""
import argparse
import math
import os
import struct
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import torch

import torch_darknet
import torch_losses as losses
from torch_losses import INF

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOUND = 1e-5


# ---- cases ----

class Case:
    def __init__(self, loss, name, heads, classes=3, seen=0, nominal=8, smoothing=0.0, given=False, asked=None):
        self.loss, self.name, self.heads, self.classes = loss, name, heads, classes
        self.width, self.height, self.seen, self.nominal, self.smoothing, self.given = 96, 64, seen, nominal, smoothing, given
        self.asked = asked or loss

    def cfg(self):
        text = f"[net]\nwidth={self.width}\nheight={self.height}\nchannels=3\n"
        for i, head in enumerate(self.heads):
            if head["type"] == "classify":
                text += f"[convolutional]\nfilters={self.classes}\nsize=1\nstride=8\nactivation=linear\n[avgpool]\n"
                text += "[softmax]\n" if self.given else ""
                continue
            if i:
                text += "[route]\nlayers=0\n"
            if head["type"] == "detection":
                keys = head["keys"]
                outputs = keys["side"] ** 2 * (self.classes + 5 * keys["num"])
                text += f"[connected]\noutput={outputs}\nactivation=linear\n[detection]\nclasses={self.classes}\n"
            else:
                size = 4 * head.get("spread", 1) + 1 + self.classes
                text += f"[convolutional]\nfilters={len(head['mask']) * size}\nsize=1\nstride=1\nactivation=linear\n"
                text += f"[{head['type']}]\nclasses={self.classes}\nnum={len(head['anchors']) // 2}\n"
                text += f"anchors={','.join(map(str, head['anchors']))}\n"
                if head["type"] != "region":
                    text += f"mask={','.join(map(str, head['mask']))}\n"
            for k, v in head["keys"].items():
                text += f"{k}={','.join(f'{c:g}' for c in v) if isinstance(v, list) else v}\n"
        if self.heads[0]["type"] not in ("classify",):
            text = text.replace("channels=3\n", "channels=3\n[convolutional]\nfilters=4\nsize=1\nstride=8\nactivation=linear\n", 1)
        return text

    def tensors(self, rng, count):
        result = []
        for i, head in enumerate(self.heads):
            if head["type"] == "classify":
                v = rng.normal(0, 2, (count, 1, 1, self.classes))
                if self.given:
                    v = np.exp(v) / np.exp(v).sum(-1, keepdims=True)
            elif head["type"] == "detection":
                keys = head["keys"]
                v = rng.uniform(0, 1, (count, 1, 1, keys["side"] ** 2 * (self.classes + 5 * keys["num"])))
            else:
                h, w = head["map"]
                size = 4 * head.get("spread", 1) + 1 + self.classes
                v = rng.normal(0, 1.2, (count, h, w, len(head["mask"]) * size))
                if head["keys"].get("new_coords"):
                    v = 1 / (1 + np.exp(-v))
            result.append(v.astype(np.float32))
        return result


def draw_images(rng, case, count):
    images = []
    for n in range(count):
        many = [0, 1, 4, 25, 60][rng.integers(5)] if n else 6
        truths = []
        for _ in range(many):
            size = np.clip(np.exp(rng.normal(-1.7, .7, 2)), .01, .98)
            at = rng.uniform(0, 1, 2)
            roll = rng.integers(10)
            if roll == 0:
                at = rng.integers(0, 9, 2) / 8  # borders of cells, 0 and 1 among them
            if roll == 1 and truths:
                at = truths[-1][:2]
                size = np.clip(np.array(truths[-1][2:4]) * rng.uniform(.8, 1.2, 2), .01, .98)
            if roll == 2:
                size[rng.integers(2)] = 0
            weight = float(rng.uniform(.2, 1)) if rng.integers(4) == 0 else 1.0
            f = lambda v: float(np.float32(v))
            truths.append((f(at[0]), f(at[1]), f(size[0]), f(size[1]), int(rng.integers(case.classes)), f(weight),
                           int(rng.integers(12) == 0)))
        label = int(rng.integers(-1, case.classes))
        label2 = int(rng.integers(-1, case.classes))
        images.append({"truths": truths, "label": label, "label2": label2, "share": np.float32(rng.uniform())})
    return images


def request(case, images, tensors, scale):
    data = struct.pack("=5i2d", len(images), case.nominal, case.seen, case.width, case.height, scale, case.smoothing)
    for image in images:
        data += struct.pack("=3if", len(image["truths"]), image["label"], image["label2"], image["share"])
        for t in image["truths"]:
            data += struct.pack("=4fifi", *t)
    for tensor in tensors:
        data += struct.pack("=2i", tensor.shape[1], tensor.shape[2]) + tensor.tobytes()
    return data


def read_answer(data, tensors):
    name = data[:32].rstrip(b"\0").decode()
    at = 32
    n_parts, = struct.unpack_from("=i", data, at)
    at += 4
    parts = {}
    for _ in range(n_parts):
        parts[data[at:at + 16].rstrip(b"\0").decode()], = struct.unpack_from("=d", data, at + 16)
        at += 24
    total, iou = struct.unpack_from("=2d", data, at)
    counts = struct.unpack_from("=5i", data, at + 16)
    at += 36
    grads = []
    for tensor in tensors:
        grads.append(np.frombuffer(data, np.float32, tensor.size, at).reshape(tensor.shape))
        at += tensor.nbytes
    assert at == len(data)
    return name, parts, total, iou, counts, grads


def reference(case, images, tensors, scale):
    kind = case.loss
    if kind in ("yolov3", "yolov4", "gaussian", "yolov5", "region"):
        heads = [losses.Head(case, i, t) for i, t in enumerate(tensors)]
        leaves = [h.leaf for h in heads]
    else:
        leaves = [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in tensors]
        heads = [{"leaf": leaf, "keys": h["keys"]} for leaf, h in zip(leaves, case.heads)]
    if kind in ("yolov3", "yolov4", "gaussian"):
        out = torch_darknet.darknet(case, heads, images, kind)
    else:
        out = getattr(losses, kind)(case, heads, images)
    grads = [None] * len(leaves)
    if out.surrogate.requires_grad:
        grads = torch.autograd.grad(out.surrogate, leaves, allow_unused=True)
    grads = [np.zeros(t.shape) if g is None else g.numpy() * scale / len(images) for g, t in zip(grads, tensors)]
    return {k: float(v) / len(images) for k, v in out.parts.items()}, out, grads


def apart(a, b):
    """Largest relative difference; what is below a thousandth of the largest number counts as that."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        return INF
    return float((np.abs(a - b) / np.maximum(np.abs(b), max(1e-3 * np.abs(b).max(), 1e-300))).max()) if a.size else 0.0


def check(case, seed, lab):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    images, tensors = draw_images(rng, case, count), case.tensors(rng, count)
    scale = float(np.float32(count / case.nominal)) if seed % 2 else 1.0
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as cfg:
        cfg.write(case.cfg())
        cfg.flush()
        sent = request(case, images, tensors, scale)
        answers = [subprocess.run([lab, cfg.name, case.asked, threads], input=sent, stdout=subprocess.PIPE, check=True).stdout
                   for threads in ("1", "3")]
    if answers[0] != answers[1]:
        return INF, INF, "1 and 3 threads differ"
    name, parts, total, iou, counts, grads = read_answer(answers[0], tensors)
    want_parts, out, want_grads = reference(case, images, tensors, scale)
    best = np.array(out.best)
    want_counts = (out.truths, out.positives, int((best >= .5).sum()), int((best >= .75).sum()), out.correct)
    trouble = ""
    if name != case.loss:
        trouble = f"the loss is {name}"
    if list(parts) != list(want_parts):
        trouble = f"parts {list(parts)}"
    elif counts != want_counts:
        trouble = f"counts {counts}, expected {want_counts}"
    value = INF
    if not trouble:
        value = max([apart(parts[k], want_parts[k]) for k in parts] + [apart(total, sum(want_parts.values())), apart(iou, out.iou)])
    gradient = max(apart(g, w) for g, w in zip(grads, want_grads))
    return value, gradient, trouble


ANCHORS = [10, 14, 23, 27, 37, 58, 40, 25, 60, 60, 80, 40]


def yolo_heads(**keys):
    return [{"type": "yolo", "anchors": ANCHORS, "mask": [3, 4, 5], "map": (4, 6), "keys": keys},
            {"type": "yolo", "anchors": ANCHORS, "mask": [0, 1, 2], "map": (8, 12), "keys": keys}]


def gaussian_heads(**keys):
    return [dict(h, type="Gaussian_yolo", spread=2) for h in yolo_heads(**keys)]


def region_heads(**keys):
    return [{"type": "region", "anchors": [0.7, 0.9, 1.4, 1.1, 2.2, 2.5, 3.1, 1.2], "mask": [0, 1, 2, 3], "map": (5, 7), "keys": keys}]


def cases():
    yield Case("yolov3", "plain", yolo_heads(), asked="default")
    yield Case("yolov3", "thresholds, smoothing", yolo_heads(ignore_thresh=.3, truth_thresh=.55, label_smooth_eps=.1))
    yield Case("yolov3", "new_coords, scale 2", yolo_heads(ignore_thresh=.4, new_coords=1, scale_x_y=2.0))
    yield Case("yolov3", "scale 1.05, one class", yolo_heads(scale_x_y=1.05, iou_loss="ciou"), classes=1)
    for loss in ("mse", "iou", "giou", "diou", "ciou"):
        keys = {"iou_loss": loss, "scale_x_y": 1.05, "ignore_thresh": .3, "iou_thresh": .213, "iou_normalizer": .07}
        yield Case("yolov4", loss, yolo_heads(**keys), asked="default")
    yield Case("yolov4", "clip, kinds, truth_thresh", yolo_heads(iou_loss="ciou", max_delta=.02, iou_thresh=.1,
               iou_thresh_kind="giou", truth_thresh=.6, obj_normalizer=.5, cls_normalizer=.3, delta_normalizer=.8))
    yield Case("yolov4", "new_coords, smooth objectness", yolo_heads(iou_loss="ciou", new_coords=1, scale_x_y=2.0,
               objectness_smooth=1, ignore_thresh=.2, iou_thresh=.2, label_smooth_eps=.05))
    yield Case("yolov4", "new_coords, mse", yolo_heads(iou_loss="mse", new_coords=1, scale_x_y=2.0, iou_thresh=.3,
               iou_thresh_kind="diou"))
    yield Case("yolov4", "focal, counters", yolo_heads(iou_loss="giou", focal_loss=1, counters_per_class=[10., 55.,
               7.], iou_thresh=.3))
    yield Case("yolov5", "scale 2", yolo_heads(scale_x_y=2.0))
    yield Case("yolov5", "new_coords, scale 2", yolo_heads(scale_x_y=2.0, new_coords=1, label_smooth_eps=.1))
    yield Case("yolov5", "plain", yolo_heads())
    yield Case("yolov5", "gains", yolo_heads(scale_x_y=2.0, box_gain=.2, obj_gain=.7, cls_gain=3))
    yield Case("yolov5", "scale 1.3, one class", yolo_heads(scale_x_y=1.3), classes=1)
    three = yolo_heads(scale_x_y=2.0) + [{"type": "yolo", "anchors": ANCHORS, "mask": [4, 5], "map": (2, 3), "keys": {"scale_x_y": 2.0}}]
    yield Case("yolov5", "three heads", [three[2], three[1], three[0]])
    yield Case("region", "prior pull, softmax", region_heads(softmax=1, bias_match=1, rescore=1, object_scale=5, thresh=.4))
    yield Case("region", "later", region_heads(softmax=1, coord_scale=2, noobject_scale=.5, class_scale=1.5), seen=12800)
    yield Case("region", "logistic classes", region_heads(bias_match=1, thresh=.2), seen=99999)
    yield Case("detection", "root", [{"type": "detection", "keys": {"side": 4, "num": 2, "sqrt": 1, "coord_scale": 5,
               "noobject_scale": .5}}])
    yield Case("detection", "softmax, rescore", [{"type": "detection", "keys": {"side": 3, "num": 3, "softmax": 1,
               "rescore": 1, "class_scale": 2}}])
    yield Case("detection", "forced", [{"type": "detection", "keys": {"side": 5, "num": 2, "forced": 1, "object_scale": 2}}])
    yield Case("gaussian", "likelihood", gaussian_heads(ignore_thresh=.3, iou_normalizer=.5, uc_normalizer=.8,
               obj_normalizer=.9), asked="default")
    yield Case("gaussian", "giou, clip, scale", gaussian_heads(iou_loss="giou", iou_thresh=.213, scale_x_y=1.1,
               max_delta=.3, uc_normalizer=.5))
    yield Case("softmax", "scores", [{"type": "classify", "keys": {}}], classes=7)
    yield Case("softmax", "smoothed", [{"type": "classify", "keys": {}}], classes=5, smoothing=.1, asked="default")
    yield Case("softmax", "probabilities", [{"type": "classify", "keys": {}}], classes=6, smoothing=.1, given=True)


# ---- numbers for the unit tests: tests/unit/loss_golden.inc ----

SOME = [(0.3, 0.4, 0.25, 0.35, 1, 1, 0), (0.8, 0.7, 0.1, 0.2, 0, 0.5, 0), (0.31, 0.41, 0.2, 0.3, 0, 1, 0), (1, 1, 0.3, 0.3, 1, 1, 0),
        (0.5, 0.5, 0.5, 0.6, 0, 1, 0), (0.7, 0.2, 0.4, 0.2, 9, 1, 1), (0.25, 0.75, 0, 0.5, 1, 1, 0), (0.55, 0.1, 0.15, 0.1, 1, 1, 0)]


def golden_cases():
    def heads(kind="yolo", spread=1, **keys):
        anchors = [12, 12, 24, 24, 48, 40]
        return [{"type": kind, "anchors": anchors, "mask": mask, "map": size, "spread": spread, "keys": keys}
                for mask, size in (([1, 2], (2, 3)), ([0], (4, 6)))]
    yield Case("yolov3", "", heads(ignore_thresh=.3, truth_thresh=.6, label_smooth_eps=.1))
    yield Case("yolov4", "", heads(iou_loss="ciou", ignore_thresh=.2, iou_thresh=.2, scale_x_y=1.05, counters_per_class=[4., 9.]))
    yield Case("yolov5", "", heads(scale_x_y=2.0, label_smooth_eps=.1))
    yield Case("gaussian", "", heads("Gaussian_yolo", 2, ignore_thresh=.3, iou_normalizer=.5, uc_normalizer=.8))
    yield Case("region", "", [{"type": "region", "anchors": [.7, .9, 1.5, 1.2], "mask": [0, 1], "map": (2, 3),
                               "keys": {"softmax": 1, "rescore": 1, "thresh": .3, "object_scale": 5}}])
    yield Case("detection", "", [{"type": "detection", "keys": {"side": 3, "num": 2, "sqrt": 1, "coord_scale": 5, "noobject_scale": .5}}])


def write_golden():
    """A row a loss: the text of its heads, the parts, and the length of the gradient. Values are 1.2 sin(0.7 k + 1 + head)."""
    images = [{"truths": [tuple(np.float32(v) if i < 4 else v for i, v in enumerate(t)) for t in SOME]}, {"truths": []}]
    rows = "/* Written by scripts/compare_losses.py --golden: losses and the lengths of their gradients, by PyTorch. */\n"
    for case in golden_cases():
        case.classes, case.nominal, text, tensors = 2, 2, ["[net]"], []
        for i, head in enumerate(case.heads):
            flat = head["type"] == "detection"
            size = 4 * head.get("spread", 1) + 3
            channels = head["keys"]["side"] ** 2 * (2 + 5 * head["keys"]["num"]) if flat else len(head["mask"]) * size
            keys = dict(head["keys"], classes=2, lab_channels=channels)
            if not flat:
                keys.update(num=len(head["anchors"]) // 2, anchors=head["anchors"])
            if head["type"] not in ("detection", "region"):
                keys["mask"] = head["mask"]
            text.append(f"[{head['type']}]")
            text += [f"{k}={','.join(map(str, v)) if isinstance(v, list) else v}" for k, v in keys.items()]
            shape = (2,) + ((1, 1) if flat else head["map"]) + (channels,)
            tensors.append((1.2 * np.sin(.7 * np.arange(np.prod(shape)) + 1 + i)).astype(np.float32).reshape(shape))
        parts, _, grads = reference(case, images, tensors, 1.0)
        length = math.sqrt(sum(float((g ** 2).sum()) for g in grads))
        literal = textwrap.fill(" ".join(f'"{line}\\n"' for line in text), 120, initial_indent=" ", subsequent_indent=" ")
        rows += f'{{"{case.loss}",\n{literal},\n {{{", ".join(f"{v:.12g}" for v in parts.values())}}},\n {length:.12g}}},\n'
    with open(os.path.join(ROOT, "tests/unit/loss_golden.inc"), "w") as file:
        file.write(rows)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options.add_argument("--seeds", type=int, default=6)
    options.add_argument("--loss", default="")
    options.add_argument("--golden", action="store_true", help="write tests/unit/loss_golden.inc instead")
    args = options.parse_args()
    if args.golden:
        write_golden()
        return
    lab = os.path.join(args.build, "tests/tools/loss_lab")
    bad = 0
    for case in cases():
        if args.loss not in ("", case.loss):
            continue
        results = [check(case, seed, lab) for seed in range(args.seeds)]
        value, gradient = max(r[0] for r in results), max(r[1] for r in results)
        trouble = next((r[2] for r in results if r[2]), "")
        failed = not (value <= BOUND and gradient <= BOUND) or trouble
        bad += bool(failed)
        verdict = "DIFFERS" if failed else "equal  "
        print(f"{verdict} {case.loss:10s} {case.name:32s} value {value:.1e}  gradient {gradient:.1e}  {trouble}", flush=True)
    print(f"{bad} differ" if bad else "all losses agree")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
