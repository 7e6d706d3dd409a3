#!/usr/bin/env python3
"""Compares every loss of train/ with an implementation in PyTorch that shares nothing with it.

    python3 scripts/compare_losses.py [--build build/release] [--seeds 6] [--loss NAME]

Random tensors and truths: several heads, images without objects, many objects, several in one cell, centres on the borders of cells,
ignored regions, shares of mixup, objects without area. Where the C code loops over rows and truths, here a mask (rows, truths) says who
answers; where a loss is a function, autograd differentiates it; where Darknet defines its slopes, those are written down as such. Parts,
counts and gradients must agree to 1e-5, and the answers of 1 and 3 threads to the last bit. Prints a line a loss; exit 1 on a difference.
Needs torch, numpy and the program loss_lab of the build (YOLO_TESTS=ON).
"""
import argparse
import math
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOUND = 1e-5
torch.set_default_dtype(torch.float64)
INF = float("inf")


# ---- boxes: (..., 4) of centre and size ----

def corners(b):
    return b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2


def overlap(kind, a, b, eps=0.0, eps_aspect=1e-6):
    (al, ah), (bl, bh) = corners(a), corners(b)
    shared = (torch.minimum(ah, bh) - torch.maximum(al, bl)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - shared + eps
    iou = shared / union
    span = torch.maximum(ah, bh) - torch.minimum(al, bl)
    if kind == "giou":
        area = span.prod(-1) + eps
        return iou - (area - union) / area
    if kind in ("diou", "ciou"):
        away = ((a[..., :2] - b[..., :2]) ** 2).sum(-1) / ((span ** 2).sum(-1) + eps)
        if kind == "diou":
            return iou - away
        v = 4 / math.pi ** 2 * (torch.atan(b[..., 2] / b[..., 3]) - torch.atan(a[..., 2] / a[..., 3])) ** 2
        alpha = (v / (v - iou + 1 + eps_aspect)).detach()
        return iou - away - alpha * v
    return iou


def shape_overlap(kind, a, b):
    zero = lambda s: torch.cat([torch.zeros_like(s), s], -1)
    return overlap(kind, zero(a), zero(b))


def covered(a, b):
    (al, ah), (bl, bh) = corners(a), corners(b)
    return (torch.minimum(ah, bh) - torch.maximum(al, bl)).clamp(min=0).prod(-1) / a[..., 2:].prod(-1)


def divergence(t, y):
    """Cross entropy of a logit less the entropy of its target."""
    return torch.nn.functional.softplus(t) - t * y - torch.special.entr(y) - torch.special.entr(1 - y)


# ---- heads over a grid ----

class Head:
    def __init__(self, case, i, tensor):
        spec = case.heads[i]
        self.spec, self.keys = spec, spec["keys"]
        self.spread = spec.get("spread", 1)
        self.classes = case.classes
        self.mask = spec["mask"]
        n, self.h, self.w, _ = tensor.shape
        self.n = len(self.mask)
        self.leaf = torch.tensor(tensor, dtype=torch.float64, requires_grad=True)
        self.rows = self.leaf.reshape(n, self.h, self.w, self.n, 4 * self.spread + 1 + self.classes)
        unit = (self.w, self.h) if spec["type"] == "region" else (case.width, case.height)
        self.priors = torch.tensor(np.array(spec["anchors"], np.float32).astype(float).reshape(-1, 2)) / torch.tensor(unit, dtype=torch.float64)
        self.scale = float(np.float32(self.keys.get("scale_x_y", 1)))
        self.plain = self.keys.get("new_coords", 0) == 1
        y, x = torch.meshgrid(torch.arange(self.h), torch.arange(self.w), indexing="ij")
        self.cell = torch.stack([x, y], -1)[:, :, None, :].double()
        self.grid = torch.tensor([self.w, self.h], dtype=torch.float64)

    def key(self, name, fallback):
        return self.keys.get(name, fallback)

    def probability(self, v):
        return v if self.plain else torch.sigmoid(v)

    def xy(self, v):
        return self.scale * self.probability(v) - (self.scale - 1) / 2

    def box(self, rows):
        s = self.spread
        size = rows[..., 2 * s:4 * s:s]
        size = (2 * size) ** 2 if self.plain else torch.exp(size)
        return torch.cat([(self.xy(rows[..., 0:2 * s:s]) + self.cell) / self.grid, size * self.priors[self.mask]], -1)

    def objectness(self, rows):
        return rows[..., 4 * self.spread]

    def class_(self, rows):
        return rows[..., 4 * self.spread + 1:]

    def miss(self, v, y):
        return (v - y) ** 2 / 2 if self.plain else divergence(v, y)


class Truths:
    def __init__(self, image):
        usable = [t for t in image["truths"] if t[2] > 0 and t[3] > 0 and 0 <= t[0] <= 1 and 0 <= t[1] <= 1]
        wanted = [t for t in usable if not t[6]]
        self.count = len(wanted)
        self.box = torch.tensor([[float(v) for v in t[:4]] for t in wanted]).reshape(-1, 4)
        self.ignored = torch.tensor([[float(v) for v in t[:4]] for t in usable if t[6]]).reshape(-1, 4)
        self.cls = torch.tensor([t[4] for t in wanted], dtype=torch.long)
        self.weight = torch.tensor([float(t[5]) for t in wanted])

    def cells(self, w, h):
        grid = torch.tensor([w, h])
        return torch.minimum((self.box[:, :2] * grid).long(), grid - 1)


def in_ignored(box, truths, share):
    if len(truths.ignored) == 0:
        return torch.zeros(box.shape[:-1], dtype=torch.bool)
    return (covered(box[..., None, :], truths.ignored) > share).any(-1)


class Sum:
    """Parts, the function whose derivative is wanted, and what is counted."""

    def __init__(self, *names):
        self.parts = {n: torch.tensor(0.0) for n in names}
        self.surrogate, self.best, self.truths, self.positives, self.iou, self.correct = torch.tensor(0.0), [], 0, 0, 0.0, 0

    def add(self, part, value, slope_of=None):
        self.parts[part] = self.parts[part] + value.detach()
        self.surrogate = self.surrogate + (value if slope_of is None else slope_of)

    def count(self, truths, bests, mask, iou):
        """mask, iou (rows, truths); bests: list over heads is closed by the caller."""
        self.positives += int(mask.sum())
        self.iou += float((iou * mask).sum())
        if truths.count:
            bests.append(torch.where(mask, iou, torch.tensor(-1.0)).reshape(-1, truths.count).max(0).values)

    def close(self, truths, bests):
        self.truths += truths.count
        if bests:
            self.best += torch.stack(bests).max(0).values.tolist()


# ---- Darknet's rule: yolov3, yolov4, gaussian ----

def darknet(case, heads, images, kind):
    out = Sum("box", "objectness", "class", *(["uncertainty"] if kind == "gaussian" else []))
    for n, image in enumerate(images):
        truths, bests = Truths(image), []
        for head in heads:
            darknet_head(case, head, head.rows[n], truths, out, bests, kind)
        out.close(truths, bests)
    return out


def darknet_head(case, head, rows, truths, out, bests, kind):
    v4 = kind != "yolov3"
    key = (lambda name, fallback: head.key(name, fallback)) if v4 else (lambda name, fallback: fallback)
    everything = key("delta_normalizer", 1)
    box = head.box(rows)
    flat = box.detach()
    cover = torch.zeros(rows.shape[:3] + (truths.count,), dtype=torch.bool)
    sure = (head.probability(head.class_(rows)) > 0.25).any(-1) if v4 else torch.ones(rows.shape[:3], dtype=torch.bool)
    iou = overlap("iou", flat[..., None, :], truths.box)
    target, used = torch.zeros(rows.shape[:3]), torch.ones(rows.shape[:3], dtype=torch.bool)
    if truths.count:
        fit = shape_overlap("iou", truths.box[:, None, 2:], head.priors)
        mine = torch.tensor(head.mask) == fit.argmax(1)[:, None]
        if key("iou_thresh", 1) < 1:
            kinds = shape_overlap(key("iou_thresh_kind", "iou"), head.priors[head.mask], truths.box[:, None, 2:])
            mine = mine | (kinds > key("iou_thresh", 1))
        cells = truths.cells(head.w, head.h)
        for t in range(truths.count):
            cover[cells[t, 1], cells[t, 0], :, t] = mine[t]
        near, which = iou.max(-1)
        asked = cover.any(-1)
        own = ~asked & (near > head.key("truth_thresh", 1))
        cover = cover | (own[..., None] & (torch.arange(truths.count) == which[..., None]))
        ignored = (near > head.key("ignore_thresh", .5)) & sure
    else:
        ignored = torch.zeros(rows.shape[:3], dtype=torch.bool)
        near = torch.zeros(rows.shape[:3])
    asked = cover.any(-1)
    if key("objectness_smooth", 0):
        target = torch.where(ignored, near, target)
        used = ~(in_ignored(flat, truths, head.key("ignore_thresh", .5)) & ~ignored)
    else:
        used = ~(ignored | in_ignored(flat, truths, head.key("ignore_thresh", .5)))
    counts = torch.tensor(key("counters_per_class", [1.0] * head.classes))
    rarity = (counts.max() / counts).float().double()
    number = cover.sum(-1).clamp(min=1)
    weight = torch.where(asked, (cover * truths.weight).sum(-1) / number, torch.tensor(1.0))
    heavy = torch.where(asked, (cover * (truths.weight * rarity[truths.cls])).sum(-1) / number, torch.tensor(1.0))
    target = torch.where(asked, torch.tensor(1.0), target)
    out.add("objectness", (everything * key("obj_normalizer", 1) * heavy * (used | asked) *
                           head.miss(head.objectness(rows), target)).sum())
    out.count(truths, bests, cover, iou)
    if not asked.any():
        return
    # classes
    hot = torch.nn.functional.one_hot(truths.cls, head.classes).bool()
    wanted = (cover[..., None] & hot).any(-2)
    factor = everything * key("cls_normalizer", 1) * weight[..., None] * torch.where(wanted, rarity, torch.tensor(1.0))
    smooth, logits = head.key("label_smooth_eps", 0), head.class_(rows)
    if key("focal_loss", 0):
        first = truths.cls[cover.double().argmax(-1)]
        p = head.probability(logits).gather(-1, first[..., None]).detach().clamp(min=1e-15)
        factor, smooth = factor * 0.5 * -(1 - p) * (2 * p * torch.log(p) + p - 1), 0
    miss = head.miss(logits, wanted * (1 - smooth) + smooth / 2)
    out.add("class", (factor * miss)[asked].sum())
    # boxes: one entry for every pair of a row and a truth that counts
    if not v4:
        last = cover.double() * torch.arange(1, truths.count + 1)
        cover = cover & (last == last.max(-1, keepdim=True).values)
        number = torch.ones_like(number)
    y, x, a, t = cover.nonzero(as_tuple=True)
    share = everything * truths.weight[t] * rarity[truths.cls[t]] / number[y, x, a]
    row, s = rows[y, x, a], head.spread
    prior = head.priors[head.mask][a]
    xy = truths.box[t, :2] * head.grid - torch.stack([x, y], -1)
    wh = truths.box[t, 2:] / prior
    wh = torch.sqrt(wh / 4) if head.plain else torch.log(wh)
    small = 2 - truths.box[t, 2:].prod(-1)
    loss = key("iou_loss", "mse")
    raw = row[:, 0:4 * s:s]
    norm = key("iou_normalizer", .75) if v4 else 1
    clip = lambda g: g.nan_to_num(0, 0, 0).clamp(-key("max_delta", INF), key("max_delta", INF))
    if loss != "mse":
        leaf = torch.cat([(head.xy(raw[:, :2]) + torch.stack([x, y], -1)) / head.grid,
                          ((2 * raw[:, 2:]) ** 2 if head.plain else torch.exp(raw[:, 2:])) * prior], -1).detach().requires_grad_()
        wanted_box = truths.box[t]
        value = overlap(loss, leaf, wanted_box)
        if loss == "ciou":  # the aspect term's slope lacks 1 / (w^2 + h^2)
            value = overlap("diou", leaf, wanted_box)
            slope = torch.autograd.grad(value.sum(), leaf)[0]
            iou_only = overlap("iou", leaf, wanted_box).detach()
            apart = torch.atan(wanted_box[:, 2] / wanted_box[:, 3]) - torch.atan(leaf[:, 2] / leaf[:, 3])
            v = (4 / math.pi ** 2 * apart ** 2).detach()
            alpha = v / (1 - iou_only + v + 1e-6)
            push = (alpha * 8 / math.pi ** 2 * apart).detach()
            slope = slope + torch.stack([torch.zeros_like(push), torch.zeros_like(push), push * leaf[:, 3].detach(), -push * leaf[:, 2].detach()], -1)
            value = value.detach() - alpha * v
        else:
            slope = torch.autograd.grad(value.sum(), leaf)[0]
        chain = torch.ones_like(raw) if head.plain else torch.cat([torch.ones_like(raw[:, :2]), torch.exp(raw[:, 2:])], -1)
        each = (norm * truths.weight[t] * rarity[truths.cls[t]])[:, None]
        slope = clip(-each * slope * chain.detach()) * (share / (each[:, 0] / norm))[:, None]
        out.add("box", (share * norm * (1 - value.detach())).sum(), (slope * raw).sum())
    elif kind != "gaussian":
        reached = ((xy + (head.scale - 1) / 2) / head.scale).clamp(0, 1)
        miss = head.scale * head.miss(raw[:, :2], reached).sum(-1)
        out.add("box", (share * norm * small * (miss + ((raw[:, 2:] - wh) ** 2).sum(-1) / 2)).sum())
    if kind == "gaussian":
        mean = torch.cat([head.xy(raw[:, :2]), raw[:, 2:]], -1).detach().requires_grad_()
        sd = torch.sigmoid(row[:, 1:8:2]).detach().requires_grad_()
        density = torch.exp(-((torch.cat([xy, wh], -1) - mean) / sd) ** 2 / 2) / (math.sqrt(2 * math.pi) * (sd + 0.3))
        nll = -torch.log(density + 1e-9) * small[:, None] / 2
        by_mean, by_sd = torch.autograd.grad(nll.sum(), [mean, sd])
        each = (truths.weight[t] * rarity[truths.cls[t]])[:, None]
        rest = (share / each[:, 0])[:, None]
        uc = key("uc_normalizer", 1)
        surrogate = (rest * clip(each * uc * by_sd) * row[:, 1:8:2]).sum()
        if loss == "mse":
            surrogate = surrogate + (rest * clip(each * norm * by_mean) * raw).sum()
        out.add("box" if loss == "mse" else "uncertainty", (share[:, None] * (norm if loss == "mse" else uc) * nll).sum(), surrogate)


# ---- YOLOv5: as its compute_loss, over the whole batch ----

def yolov5(case, heads, images):
    out = Sum("box", "objectness", "class")
    truths = [Truths(i) for i in images]
    bests = [[] for _ in images]
    nl = len(heads)
    order = sorted(range(nl), key=lambda i: (-heads[i].w * heads[i].h, i))
    balance = {3: [4, 1, .4]}.get(nl, [4, 1, .25, .06, .02])
    for i, head in enumerate(heads):
        gain = torch.tensor([head.w, head.h], dtype=torch.float64)
        logits = torch.nn.functional.binary_cross_entropy_with_logits
        if head.plain:
            logits = lambda v, y, reduction: torch.nn.functional.binary_cross_entropy(v.clamp(1e-7, 1 - 1e-7), y, reduction=reduction)
        target = torch.zeros(head.rows.shape[:-1])
        picked, wanted, cls, weight, owner = [], [], [], [], []
        for n, t in enumerate(truths):
            g = t.box * torch.cat([gain, gain])
            base = t.cells(head.w, head.h)
            ratio = t.box[:, None, 2:] / head.priors[head.mask]
            fits = torch.maximum(ratio, 1 / ratio).max(-1).values < 4
            inside = g[:, :2] - base
            inverse = gain - g[:, :2]
            reach = (head.scale - 1) / 2
            offsets = [(torch.ones(t.count, dtype=torch.bool), (0, 0))]
            for axis in (0, 1):
                step = [0, 0]
                step[axis] = -1
                offsets.append(((inside[:, axis] < .5) & (g[:, axis] > 1) & (inside[:, axis] + 1 <= 1 + reach), tuple(step)))
                step[axis] = 1
                offsets.append(((inside[:, axis] > .5) & (inverse[:, axis] > 1) & (inside[:, axis] - 1 >= -reach), tuple(step)))
            for use, step in offsets:
                ti, ai = (fits & use[:, None]).nonzero(as_tuple=True)
                cell = base[ti] + torch.tensor(step)
                picked.append(torch.stack([torch.full_like(ti, n), cell[:, 1], cell[:, 0], ai], -1))
                wanted.append(torch.cat([g[ti, :2] - cell, g[ti, 2:]], -1))
                cls.append(t.cls[ti])
                weight.append(t.weight[ti])
                owner.append(ti)
        picked, wanted, cls = torch.cat(picked), torch.cat(wanted), torch.cat(cls)
        weight, owner = torch.cat(weight), torch.cat(owner)
        k, scale = 3 / nl, case.nominal * len(images)
        if len(picked):
            rows = head.rows[tuple(picked.T)]
            size = rows[:, 2:4]
            size = ((2 * size) ** 2 if head.plain else torch.exp(size)) * head.priors[head.mask][picked[:, 3]] * gain
            ciou = overlap("ciou", torch.cat([head.xy(rows[:, :2]), size], -1), wanted, 1e-7, 1e-7)
            out.add("box", .05 * k * (weight * (1 - ciou)).mean() * case.nominal)
            target = target.index_put(tuple(picked.T), torch.zeros(len(picked)))
            index = (((picked[:, 0] * head.h + picked[:, 1]) * head.w + picked[:, 2]) * head.n + picked[:, 3])
            target = target.reshape(-1).scatter_reduce(0, index, ciou.detach().clamp(min=0), "amax").reshape(target.shape)
            if head.classes > 1:
                eps = head.key("label_smooth_eps", 0)
                hot = torch.nn.functional.one_hot(cls, head.classes) * (1 - eps) + eps / 2
                bce = logits(rows[:, 5:], hot, reduction="none").mean(-1)
                out.add("class", .5 * head.classes / 80 * k * (weight * bce).mean() * case.nominal)
        used = torch.ones(head.rows.shape[:-1], dtype=torch.bool)
        for n, t in enumerate(truths):
            box = head.box(head.rows[n]).detach()
            mask = torch.zeros(head.rows.shape[1:4] + (t.count,), dtype=torch.long)
            sel = picked[:, 0] == n
            mask.index_put_((picked[sel, 1], picked[sel, 2], picked[sel, 3], owner[sel]), torch.tensor(1), accumulate=True)
            used[n] = ~in_ignored(box, t, .5) | mask.bool().any(-1)
            iou = overlap("iou", box[..., None, :], t.box)
            out.count(t, bests[n], mask.bool(), iou)
            out.positives += int((mask - mask.bool().long()).sum())
        bce = logits(head.rows[..., 4], target, reduction="none") * used
        gain_obj = k * case.width * case.height / 640 ** 2
        out.add("objectness", balance[min(order.index(i), 4)] * gain_obj * bce.mean() * case.nominal)
    for t, b in zip(truths, bests):
        out.close(t, b)
    # means are over the batch already; the caller divides by the images
    for name in out.parts:
        out.parts[name] = out.parts[name] * len(images)
    out.surrogate = out.surrogate * len(images)
    return out


# ---- YOLOv2 ----

def region(case, heads, images):
    out = Sum("box", "objectness", "class", "prior")
    for n, image in enumerate(images):
        truths, bests = Truths(image), []
        for head in heads:
            rows, key = head.rows[n], head.key
            box = head.box(rows)
            iou = overlap("iou", box.detach()[..., None, :], truths.box)
            cover = torch.zeros(iou.shape, dtype=torch.bool)
            near = torch.zeros(rows.shape[:3])
            if truths.count:
                cells = truths.cells(head.w, head.h)
                shapes = box.detach()[cells[:, 1], cells[:, 0], :, 2:]
                if key("bias_match", 0):
                    shapes = head.priors.expand(truths.count, -1, -1)
                best = shape_overlap("iou", shapes, truths.box[:, None, 2:]).argmax(1)
                cover[cells[:, 1], cells[:, 0], best, torch.arange(truths.count)] = True
                near = iou.max(-1).values
            asked = cover.any(-1)
            out.count(truths, bests, cover, iou)
            free = ~asked & ~(near > key("thresh", .5)) & ~in_ignored(box.detach(), truths, key("thresh", .5))
            out.add("objectness", (key("noobject_scale", 1) * divergence(rows[..., 4], torch.tensor(0.0)))[free].sum())
            pull = lambda r, xy, wh: divergence(r[..., :2], xy).sum(-1) + ((r[..., 2:4] - wh) ** 2).sum(-1) / 2
            if case.seen < 12800:
                half, zero = torch.tensor(.5), torch.tensor(0.0)
                out.add("prior", (.01 * pull(rows, half, zero))[~asked].sum())
            if not asked.any():
                continue
            y, x, a = asked.nonzero(as_tuple=True)
            last = (cover[y, x, a].long() * torch.arange(1, truths.count + 1)).argmax(-1)
            row, wanted, weight = rows[y, x, a], truths.box[last], truths.weight[last]
            xy = wanted[:, :2] * head.grid - torch.stack([x, y], -1)
            wh = torch.log(wanted[:, 2:] / head.priors[a])
            out.add("box", (weight * key("coord_scale", 1) * (2 - wanted[:, 2:].prod(-1)) * pull(row, xy, wh)).sum())
            target = iou[y, x, a].gather(-1, last[:, None])[:, 0] if key("rescore", 0) else torch.ones(len(y))
            out.add("objectness", (weight * key("object_scale", 1) * divergence(row[:, 4], target)).sum())
            if key("softmax", 0):
                ce = torch.nn.functional.cross_entropy(row[:, 5:], truths.cls[last], reduction="none")
            else:
                hot = (cover[y, x, a][..., None] & torch.nn.functional.one_hot(truths.cls, head.classes).bool()).any(1)
                ce = divergence(row[:, 5:], hot.double()).sum(-1)
            out.add("class", (weight * key("class_scale", 1) * ce).sum())
        out.close(truths, bests)
    return out


# ---- YOLOv1 ----

def detection(case, heads, images):
    out = Sum("box", "objectness", "class")
    head = heads[0]
    keys = head["keys"]
    key = keys.get
    side, num, K = keys["side"], keys["num"], case.classes
    flat = head["leaf"].permute(0, 3, 1, 2).reshape(len(images), -1)
    cells = side * side
    classes = flat[:, :cells * K].reshape(-1, cells, K)
    conf = flat[:, cells * K:cells * (K + num)].reshape(-1, cells, num)
    raw = flat[:, cells * (K + num):].reshape(-1, cells, num, 4)
    place = torch.stack([torch.arange(cells) % side, torch.arange(cells) // side], -1)[:, None, :]
    size = raw[..., 2:] ** 2 if key("sqrt", 0) else raw[..., 2:]
    boxes = torch.cat([(raw[..., :2] + place) / side, size], -1)
    for n, image in enumerate(images):
        truths, seen, best = Truths(image), set(), torch.full((len(image["truths"]),), -1.0)
        free = ~in_ignored(boxes[n].detach(), truths, .5)
        at = truths.cells(side, side)
        for t in range(truths.count):
            cell = int(at[t, 1] * side + at[t, 0])
            if cell in seen:
                continue
            seen.add(cell)
            wanted, guess = truths.box[t], boxes[n, cell].detach()
            iou = overlap("iou", guess, wanted)
            if (guess[:, 2:] <= 0).any():
                iou = torch.where((guess[:, 2:] > 0).all(-1), iou, torch.tensor(0.0))
            rmse = ((guess - wanted) ** 2).sum(-1)
            b = int(iou.argmax()) if iou.max() > 0 else int(rmse.argmin())
            if key("forced", 0):
                b = 1 if wanted[2:].prod() < .1 and num > 1 else 0
            free[cell] = True
            free[cell, b] = False
            w = truths.weight[t]
            goal = torch.cat([wanted[:2] * side - at[t], torch.sqrt(wanted[2:]) if key("sqrt", 0) else wanted[2:]])
            out.add("box", w * key("coord_scale", 1) * ((raw[n, cell, b] - goal) ** 2).sum() / 2)
            out.add("objectness", w * key("object_scale", 1) * (conf[n, cell, b] - (iou[b] if key("rescore", 0) else 1)) ** 2 / 2)
            if key("softmax", 0):
                out.add("class", w * key("class_scale", 1) * torch.nn.functional.cross_entropy(classes[n, cell], truths.cls[t]))
            else:
                hot = torch.nn.functional.one_hot(truths.cls[t], K)
                out.add("class", w * key("class_scale", 1) * ((classes[n, cell] - hot) ** 2).sum() / 2)
            out.positives += 1
            out.iou += float(iou[b])
            best[t] = iou[b]
        out.truths += truths.count
        out.best += best[:truths.count].tolist()
        out.add("objectness", key("noobject_scale", 1) * (conf[n][free] ** 2).sum() / 2)
    return out


# ---- classifiers ----

def softmax(case, heads, images):
    out = Sum("class")
    leaf = heads[0]["leaf"]
    scores = leaf.reshape(len(images), -1)
    K, e = scores.shape[1], case.smoothing
    for n, image in enumerate(images):
        if image["label"] < 0:
            continue
        share = float(image["share"]) if image["label2"] >= 0 else 1.0
        hot = torch.zeros(K)
        hot[image["label"]] += share
        if image["label2"] >= 0:
            hot[image["label2"]] += 1 - share
        hot = (1 - e) * hot + e / K
        log_p = torch.log(scores[n]) if case.given else torch.log_softmax(scores[n], -1)
        out.add("class", -(hot * log_p).sum())
        out.correct += int(scores[n].argmax()) == image["label"]
    return out


# ---- cases ----

class Case:
    def __init__(self, loss, name, heads, classes=3, width=96, height=64, seen=0, nominal=8, smoothing=0.0, given=False, asked=None):
        self.loss, self.name, self.heads, self.classes = loss, name, heads, classes
        self.width, self.height, self.seen, self.nominal, self.smoothing, self.given = width, height, seen, nominal, smoothing, given
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
                text += f"[convolutional]\nfilters={len(head['mask']) * size}\nsize=1\nstride=1\nactivation=linear\n[{head['type']}]\n"
                text += f"classes={self.classes}\nnum={len(head['anchors']) // 2}\nanchors={','.join(map(str, head['anchors']))}\n"
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
            truths.append((f(at[0]), f(at[1]), f(size[0]), f(size[1]), int(rng.integers(case.classes)), f(weight), int(rng.integers(12) == 0)))
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
        heads = [Head(case, i, t) for i, t in enumerate(tensors)]
        leaves = [h.leaf for h in heads]
    else:
        leaves = [torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in tensors]
        heads = [{"leaf": leaf, "keys": h["keys"]} for leaf, h in zip(leaves, case.heads)]
    function = {"yolov5": yolov5, "region": region, "detection": detection, "softmax": softmax}.get(kind)
    out = function(case, heads, images) if function else darknet(case, heads, images, kind)
    grads = torch.autograd.grad(out.surrogate, leaves, allow_unused=True) if out.surrogate.requires_grad else [None] * len(leaves)
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
        answers = [subprocess.run([lab, cfg.name, case.asked, threads], input=sent, stdout=subprocess.PIPE, check=True).stdout for threads in ("1", "3")]
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
    value = max([apart(parts[k], want_parts[k]) for k in parts] + [apart(total, sum(want_parts.values())), apart(iou, out.iou)]) if not trouble else INF
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
        yield Case("yolov4", loss, yolo_heads(iou_loss=loss, scale_x_y=1.05, ignore_thresh=.3, iou_thresh=.213, iou_normalizer=.07), asked="default")
    yield Case("yolov4", "clip, kinds, truth_thresh", yolo_heads(iou_loss="ciou", max_delta=.02, iou_thresh=.1, iou_thresh_kind="giou", truth_thresh=.6, obj_normalizer=.5, cls_normalizer=.3, delta_normalizer=.8))
    yield Case("yolov4", "new_coords, smooth objectness", yolo_heads(iou_loss="ciou", new_coords=1, scale_x_y=2.0, objectness_smooth=1, ignore_thresh=.2, iou_thresh=.2, label_smooth_eps=.05))
    yield Case("yolov4", "new_coords, mse", yolo_heads(iou_loss="mse", new_coords=1, scale_x_y=2.0, iou_thresh=.3, iou_thresh_kind="diou"))
    yield Case("yolov4", "focal, counters", yolo_heads(iou_loss="giou", focal_loss=1, counters_per_class=[10., 55., 7.], iou_thresh=.3))
    yield Case("yolov5", "scale 2", yolo_heads(scale_x_y=2.0))
    yield Case("yolov5", "new_coords, scale 2", yolo_heads(scale_x_y=2.0, new_coords=1, label_smooth_eps=.1))
    yield Case("yolov5", "plain", yolo_heads())
    yield Case("yolov5", "scale 1.3, one class", yolo_heads(scale_x_y=1.3), classes=1)
    three = yolo_heads(scale_x_y=2.0) + [{"type": "yolo", "anchors": ANCHORS, "mask": [4, 5], "map": (2, 3), "keys": {"scale_x_y": 2.0}}]
    yield Case("yolov5", "three heads", [three[2], three[1], three[0]])
    yield Case("region", "prior pull, softmax", region_heads(softmax=1, bias_match=1, rescore=1, object_scale=5, thresh=.4))
    yield Case("region", "later", region_heads(softmax=1, coord_scale=2, noobject_scale=.5, class_scale=1.5), seen=12800)
    yield Case("region", "logistic classes", region_heads(bias_match=1, thresh=.2), seen=99999)
    yield Case("detection", "root", [{"type": "detection", "keys": {"side": 4, "num": 2, "sqrt": 1, "coord_scale": 5, "noobject_scale": .5}}])
    yield Case("detection", "softmax, rescore", [{"type": "detection", "keys": {"side": 3, "num": 3, "softmax": 1, "rescore": 1, "class_scale": 2}}])
    yield Case("detection", "forced", [{"type": "detection", "keys": {"side": 5, "num": 2, "forced": 1, "object_scale": 2}}])
    yield Case("gaussian", "likelihood", gaussian_heads(ignore_thresh=.3, iou_normalizer=.5, uc_normalizer=.8, obj_normalizer=.9), asked="default")
    yield Case("gaussian", "giou, clip, scale", gaussian_heads(iou_loss="giou", iou_thresh=.213, scale_x_y=1.1, max_delta=.3, uc_normalizer=.5))
    yield Case("softmax", "scores", [{"type": "classify", "keys": {}}], classes=7)
    yield Case("softmax", "smoothed", [{"type": "classify", "keys": {}}], classes=5, smoothing=.1, asked="default")
    yield Case("softmax", "probabilities", [{"type": "classify", "keys": {}}], classes=6, smoothing=.1, given=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    options.add_argument("--seeds", type=int, default=6)
    options.add_argument("--loss", default="")
    args = options.parse_args()
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
        print(f"{'DIFFERS' if failed else 'equal  '} {case.loss:10s} {case.name:32s} value {value:.1e}  gradient {gradient:.1e}  {trouble}", flush=True)
    print(f"{bad} differ" if bad else "all losses agree")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
