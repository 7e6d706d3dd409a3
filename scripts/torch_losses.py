"""The losses of train/ once more, in PyTorch and double, for compare_losses.py.

A mask (rows, truths) says who answers; where a loss is a function, autograd differentiates it; where Darknet defines its slopes, those are
written down as such. Every function takes a case (compare_losses.Case), heads and images and returns a Sum.
"""
import math

import torch

import numpy as np

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
        anchors = np.array(spec["anchors"], np.float32).astype(float).reshape(-1, 2)
        self.priors = torch.tensor(anchors) / torch.tensor(unit, dtype=torch.float64)
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
            plain = torch.nn.functional.binary_cross_entropy
            logits = lambda v, y, reduction: plain(v.clamp(1e-7, 1 - 1e-7), y, reduction=reduction)
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
            out.add("box", head.key("box_gain", .05) * k * (weight * (1 - ciou)).mean() * case.nominal)
            target = target.index_put(tuple(picked.T), torch.zeros(len(picked)))
            index = (((picked[:, 0] * head.h + picked[:, 1]) * head.w + picked[:, 2]) * head.n + picked[:, 3])
            target = target.reshape(-1).scatter_reduce(0, index, ciou.detach().clamp(min=0), "amax").reshape(target.shape)
            if head.classes > 1:
                eps = head.key("label_smooth_eps", 0)
                hot = torch.nn.functional.one_hot(cls, head.classes) * (1 - eps) + eps / 2
                bce = logits(rows[:, 5:], hot, reduction="none").mean(-1)
                out.add("class", head.key("cls_gain", .5) * head.classes / 80 * k * (weight * bce).mean() * case.nominal)
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
        gain_obj = head.key("obj_gain", 1) * k * case.width * case.height / 640 ** 2
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
