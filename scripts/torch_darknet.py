"""Darknet's rule in PyTorch - yolov3, yolov4, gaussian - for compare_losses.py. See torch_losses.py."""
import math

import torch

from torch_losses import INF, Sum, Truths, in_ignored, overlap, shape_overlap


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
    boxes(head, rows, truths, out, cover, number, kind, key, everything, rarity)


def boxes(head, rows, truths, out, cover, number, kind, key, everything, rarity):
    """One entry for every pair of a row and a truth that counts."""
    if kind == "yolov3":
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
    norm = key("iou_normalizer", .75 if kind != "yolov3" else 1)
    clip = lambda g: g.nan_to_num(0, 0, 0).clamp(-key("max_delta", INF), key("max_delta", INF))
    if loss != "mse":
        size = ((2 * raw[:, 2:]) ** 2 if head.plain else torch.exp(raw[:, 2:])) * prior
        leaf = torch.cat([(head.xy(raw[:, :2]) + torch.stack([x, y], -1)) / head.grid, size], -1).detach().requires_grad_()
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
            none, size = torch.zeros_like(push), leaf[:, 2:].detach()
            slope = slope + torch.stack([none, none, push * size[:, 1], -push * size[:, 0]], -1)
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
        gaussian(head, row, raw, torch.cat([xy, wh], -1), small, out, share, truths.weight[t] * rarity[truths.cls[t]], key, clip)


def gaussian(head, row, raw, target, small, out, share, weight, key, clip):
    mean = torch.cat([head.xy(raw[:, :2]), raw[:, 2:]], -1).detach().requires_grad_()
    sd = torch.sigmoid(row[:, 1:8:2]).detach().requires_grad_()
    density = torch.exp(-((target - mean) / sd) ** 2 / 2) / (math.sqrt(2 * math.pi) * (sd + 0.3))
    nll = -torch.log(density + 1e-9) * small[:, None] / 2
    by_mean, by_sd = torch.autograd.grad(nll.sum(), [mean, sd])
    each, loss, norm = weight[:, None], key("iou_loss", "mse"), key("iou_normalizer", .75)
    rest = (share / each[:, 0])[:, None]
    uc = key("uc_normalizer", 1)
    surrogate = (rest * clip(each * uc * by_sd) * row[:, 1:8:2]).sum()
    if loss == "mse":
        surrogate = surrogate + (rest * clip(each * norm * by_mean) * raw).sum()
    out.add("box" if loss == "mse" else "uncertainty", (share[:, None] * (norm if loss == "mse" else uc) * nll).sum(), surrogate)
