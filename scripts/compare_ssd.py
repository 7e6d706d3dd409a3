#!/usr/bin/env python3
"""Compares SSD's loss (train/loss_ssd.c) with an implementation in PyTorch that shares nothing with it.

    python3 scripts/compare_ssd.py [--build build/release] [--seeds 8]

Here default boxes are a table made at once, overlaps a matrix (boxes, truths), the first matching strikes rows and columns out of that
matrix, negatives come from a stable sort of a tensor, and autograd differentiates. Random tensors and truths: images without objects,
truths on top of each other, ignored regions, shares of mixup, objects without area; maps of all sizes, steps, clipped boxes, other
variances and keys. Parts, counts and gradients must agree to 1e-5, and the answers of 1 and 3 threads to the last bit. Prints a line a
case; exit 1 on a difference. Needs torch, numpy and the program loss_lab of the build (YOLO_TESTS=ON).
"""
import argparse
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

from compare_losses import BOUND, ROOT, apart, read_answer, request

torch.set_default_dtype(torch.float64)


class Case:
    """A network of one 1x1 convolution a head; maps may be of any size, the program is told."""
    nominal, seen, smoothing = 64, 0, 0.0

    def __init__(self, name, heads, classes=3, width=96, height=64, **keys):
        self.name, self.heads, self.classes, self.width, self.height, self.keys = name, heads, classes, width, height, keys

    def row(self):
        return 5 + self.classes

    def cfg(self):
        text = f"[net]\nwidth={self.width}\nheight={self.height}\nchannels=3\n"
        for i, head in enumerate(self.heads):
            if i:
                text += "[route]\nlayers=0\n"
            text += f"[convolutional]\nfilters={len(self.sizes(head)) * self.row()}\nsize=1\nactivation=linear\n"
            text += f"stride={8 if i == 0 else 1}\n"
            text += f"[ssd]\nclasses={self.classes}\n"
            for key, value in list(head.items()) + list(self.keys.items()):
                if key != "map":
                    text += f"{key}={','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}\n"
        return text

    @staticmethod
    def sizes(head):
        small = head["min_size"]
        boxes = [(small, small)]
        if "max_size" in head:
            boxes.append((math.sqrt(small * head["max_size"]),) * 2)
        for ratio in head.get("aspect_ratios", []):
            ratio = float(np.float32(ratio))
            boxes += [(small * math.sqrt(ratio), small / math.sqrt(ratio)), (small / math.sqrt(ratio), small * math.sqrt(ratio))]
        return boxes

    def defaults(self):
        """(boxes, 8): centre and size in pixels, variances."""
        table = []
        for head in self.heads:
            h, w = head["map"]
            step = head.get("step", 0)
            offset = head.get("offset", .5)
            variances = [float(np.float32(v)) for v in head.get("variances", (.1, .1, .2, .2))]
            if "variances" not in head:
                variances = [.1, .1, .2, .2]
            sx, sy = (step, step) if step else (self.width / w, self.height / h)
            for y in range(h):
                for x in range(w):
                    for bw, bh in self.sizes(head):
                        cx, cy = (x + offset) * sx, (y + offset) * sy
                        if head.get("clip"):
                            x1, x2 = np.clip([cx - bw / 2, cx + bw / 2], 0, self.width)
                            y1, y2 = np.clip([cy - bh / 2, cy + bh / 2], 0, self.height)
                            cx, cy, bw, bh = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
                        table.append([cx, cy, bw, bh] + variances)
        return torch.tensor(table)


def intersections(a, b):
    low = torch.maximum(a[:, None, :2] - a[:, None, 2:] / 2, b[None, :, :2] - b[None, :, 2:] / 2)
    high = torch.minimum(a[:, None, :2] + a[:, None, 2:] / 2, b[None, :, :2] + b[None, :, 2:] / 2)
    return (high - low).clamp(min=0).prod(-1)


def overlaps(a, b):
    shared = intersections(a, b)
    union = a[:, None, 2:].prod(-1) + b[None, :, 2:].prod(-1) - shared
    return torch.where(shared > 0, shared / union.clamp(min=1e-300), torch.zeros(()))


def assign(defaults, truths, regions, threshold, unit):
    """For each default box the index of its truth, -1 for none, -2 for ignored."""
    owner = torch.full((len(defaults),), -1)
    if len(truths):
        table = overlaps(defaults[:, :4], truths)
        best, who = table.max(1)
        owner[best >= threshold] = who[best >= threshold]
        left = table.clone()
        for _ in range(len(truths)):
            column = int(left.max(0)[0].argmax())
            top = left[:, column].max()
            if top <= 0:
                break
            # a small truth lies within several boxes of one area: the nearest, then the first
            away = (((defaults[:, :2] - truths[column, :2]) / unit) ** 2).sum(1)
            away[left[:, column] < top - 1e-9] = math.inf
            row = int((away < away.min() + 1e-9).nonzero()[0, 0])
            owner[row] = column
            left[row] = -1
            left[:, column] = -1
    if len(regions):
        share = intersections(defaults[:, :4], regions) / defaults[:, None, 2:4].prod(-1)
        owner[(owner < 0) & (share > .5).any(1)] = -2
    return owner


def pixels(case, truths):
    scale = torch.tensor([case.width, case.height, case.width, case.height], dtype=torch.float64)
    return torch.tensor([t[:4] for t in truths], dtype=torch.float64).reshape(-1, 4) * scale


def reference(case, images, tensors, scale):
    leaves = [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in tensors]
    defaults = case.defaults()
    usable = lambda t: t[2] > 0 and t[3] > 0
    location, classes = torch.zeros(()), torch.zeros(())
    counts, iou, best = [0, 0], 0.0, []
    for n, image in enumerate(images):
        values = torch.cat([leaf[n].reshape(-1, case.row()) for leaf in leaves])
        wanted = [t for t in image["truths"] if not t[6] and usable(t)]
        boxes = pixels(case, wanted)
        owner = assign(defaults, boxes, pixels(case, [t for t in image["truths"] if t[6] and usable(t)]),
                       case.keys.get("overlap_threshold", .5), torch.tensor([case.width, case.height]))
        rows = (owner >= 0).nonzero()[:, 0]
        counts[0] += len(wanted)
        counts[1] += len(rows)
        cost = F.cross_entropy(values[:, 4:], torch.zeros(len(values), dtype=torch.long), reduction="none")
        candidates = (owner == -1).nonzero()[:, 0]
        order = cost[candidates].sort(descending=True, stable=True)[1]
        negatives = candidates[order[:int(case.keys.get("neg_pos_ratio", 3) * len(rows))]]
        classes = classes + cost[negatives].sum()
        if not len(rows):
            best += [-1.0] * len(wanted)
            continue
        mine, d = boxes[owner[rows]], defaults[rows]
        weight = torch.tensor([wanted[int(k)][5] for k in owner[rows]])
        target = torch.cat([(mine[:, :2] - d[:, :2]) / d[:, 2:4] / d[:, 4:6], (mine[:, 2:] / d[:, 2:4]).log() / d[:, 6:]], 1)
        smooth = F.smooth_l1_loss(values[rows, :4], target, reduction="none").sum(1)
        location = location + case.keys.get("loc_weight", 1) * (weight * smooth).sum()
        labels = torch.tensor([1 + wanted[int(k)][4] for k in owner[rows]])
        classes = classes + (weight * F.cross_entropy(values[rows, 4:], labels, reduction="none")).sum()
        v = values[rows].detach()
        decoded = torch.cat([d[:, :2] + v[:, :2] * d[:, 4:6] * d[:, 2:4], d[:, 2:4] * (v[:, 2:4] * d[:, 6:]).exp()], 1)
        each = torch.diagonal(overlaps(decoded, mine))
        iou += float(each.sum())
        for k in range(len(wanted)):
            own = each[owner[rows] == k]
            best.append(float(own.max()) if len(own) else -1.0)
    positives = max(1, counts[1])
    parts = {"location": location / positives, "class": classes / positives}
    total = parts["location"] + parts["class"]
    grads = [np.zeros(t.shape) for t in tensors]
    if total.requires_grad:
        grads = [g.numpy() * scale for g in torch.autograd.grad(total, leaves)]
    best = np.array(best)
    recalled = (int((best >= .5).sum()), int((best >= .75).sum()), 0)
    return {k: float(v.detach()) for k, v in parts.items()}, tuple(counts) + recalled, iou, grads


def draw_images(rng, case, count):
    images = []
    for n in range(count):
        truths = []
        for _ in range([0, 1, 4, 25][rng.integers(4)] if n else 6):
            size, at = np.clip(np.exp(rng.normal(-1.5, .6, 2)), .01, .9), rng.uniform(.02, .98, 2)
            roll = rng.integers(8)
            if roll == 1 and truths:
                at, size = np.array(truths[-1][:2]) + rng.uniform(-.004, .004, 2), np.array(truths[-1][2:4]) * rng.uniform(.9, 1.1, 2)
            if roll == 2:
                size[rng.integers(2)] = 0
            f = lambda v: float(np.float32(np.clip(v, 0, 1)))
            weight = rng.uniform(.2, 1) if rng.integers(4) == 0 else 1.0
            truths.append((f(at[0]), f(at[1]), f(size[0]), f(size[1]), int(rng.integers(case.classes)), f(weight),
                           int(rng.integers(8) == 0)))
        images.append({"truths": truths, "label": -1, "label2": -1, "share": np.float32(0)})
    return images


def check(case, seed, lab):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    images = draw_images(rng, case, count)
    tensors = [rng.normal(0, 1.5, (count, *h["map"], len(case.sizes(h)) * case.row())).astype(np.float32) for h in case.heads]
    scale = float(np.float32(count / case.nominal)) if seed % 2 else 1.0
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as cfg:
        cfg.write(case.cfg())
        cfg.flush()
        sent = request(case, images, tensors, scale)
        answers = [subprocess.run([lab, cfg.name, name, threads], input=sent, stdout=subprocess.PIPE, check=True).stdout
                   for name, threads in (("ssd", "1"), ("default", "3"))]
    if answers[0] != answers[1]:
        return math.inf, math.inf, 0, "1 and 3 threads differ"
    name, parts, total, iou, counts, grads = read_answer(answers[0], tensors)
    want, want_counts, want_iou, want_grads = reference(case, images, tensors, scale)
    trouble = ""
    if name != "ssd" or list(parts) != list(want):
        trouble = f"{name}: parts {list(parts)}"
    elif tuple(counts) != want_counts:
        trouble = f"counts {counts}, expected {want_counts}"
    if trouble:
        return math.inf, math.inf, 0, trouble
    value = max([apart(parts[k], want[k]) for k in parts] + [apart(total, sum(want.values())), apart(iou, want_iou)])
    return value, max(apart(g, w) for g, w in zip(grads, want_grads)), counts[1], ""


def cases():
    maps = [{"map": (8, 12), "min_size": 9, "max_size": 20, "aspect_ratios": [2]},
            {"map": (4, 6), "min_size": 20, "max_size": 40, "aspect_ratios": [2, 3]},
            {"map": (1, 1), "min_size": 52, "max_size": 80, "aspect_ratios": [2]}]
    yield Case("three maps", maps)
    yield Case("one class", maps[:2], classes=1)
    yield Case("many classes", maps, classes=80)
    yield Case("one map, square only", [{"map": (7, 5), "min_size": 25}], width=80, height=112)
    yield Case("steps, offset, clipped", [dict(maps[0], step=8, offset=.25, clip=1), dict(maps[1], step=17, clip=1)])
    yield Case("variances", [dict(maps[0], variances=[.2, .1, .3, .05]), dict(maps[1], variances=[1, 1, 1, 1])])
    yield Case("keys", maps, overlap_threshold=.35, neg_pos_ratio=1.5, loc_weight=.4)
    yield Case("negatives run out", maps[1:], neg_pos_ratio=1000)
    ssd300 = [(38, 21, 45, [2], 8), (19, 45, 99, [2, 3], 16), (10, 99, 153, [2, 3], 32), (5, 153, 207, [2, 3], 64),
              (3, 207, 261, [2], 100), (1, 261, 315, [2], 300)]
    yield Case("SSD300, 8732 boxes", [{"map": (m, m), "min_size": s, "max_size": l, "aspect_ratios": r, "step": step}
                                      for m, s, l, r, step in ssd300], classes=20, width=300, height=300)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options.add_argument("--seeds", type=int, default=8)
    args = options.parse_args()
    lab = os.path.join(args.build, "tests/tools/loss_lab")
    bad = 0
    for case in cases():
        results = [check(case, seed, lab) for seed in range(args.seeds)]
        value, gradient = max(r[0] for r in results), max(r[1] for r in results)
        trouble = next((r[3] for r in results if r[3]), "")
        failed = not (value <= BOUND and gradient <= BOUND) or trouble
        bad += bool(failed)
        print(f"{'DIFFERS' if failed else 'equal  '} {case.name:24s} {sum(r[2] for r in results):5d} positives  value {value:.1e}  "
              f"gradient {gradient:.1e}  {trouble}", flush=True)
    print(f"{bad} differ" if bad else "SSD's loss agrees")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
