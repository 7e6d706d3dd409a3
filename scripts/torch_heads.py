"""The two ends of a detector for torch_reference.py: from an image to the network's input, and from the heads'
tensors to boxes. As independent of the C code as the rest."""
import numpy as np
import torch
import torch.nn.functional as F


# ---- images ----
def resize(pixels, width, height):
    """Bilinear with half-pixel centres, in float: (H, W, 3) uint8 -> (1, 3, height, width) in 0..1."""
    x = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False, antialias=False)


def preprocess(pixels, width, height, letterbox=False):
    """Network input, and (scale_x, scale_y, offset_x, offset_y) from image to input pixels."""
    h, w = pixels.shape[:2]
    if not letterbox:
        return resize(pixels, width, height), (width / w, height / h, 0, 0)
    if width / w < height / h:
        new_w, new_h = width, h * width // w
    else:
        new_w, new_h = w * height // h, height
    x = torch.full((1, 3, height, width), 0.5)
    ox, oy = (width - new_w) // 2, (height - new_h) // 2
    x[:, :, oy:oy + new_h, ox:ox + new_w] = resize(pixels, new_w, new_h)
    return x, (new_w / w, new_h / h, ox, oy)


# ---- heads: candidates as rows (class, confidence, x1, y1, x2, y2) in network input pixels ----
def grid(t, anchors):
    """(A*E, H, W) -> (A, E, H, W) with cell numbers."""
    _, h, w = t.shape
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return t.view(anchors, -1, h, w), x[None], y[None]


def rows_above(cx, cy, bw, bh, confidence, limit):
    """confidence is (A, classes, H, W); every class above the limit is a candidate of its own."""
    a, k, y, x = torch.nonzero(confidence > limit, as_tuple=True)
    cx, cy, bw, bh = (v[a, y, x] for v in (cx, cy, bw, bh))
    return torch.stack([k.float(), confidence[a, k, y, x], cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2], 1)


def decode_yolo(layer, t, net_w, net_h, limit):
    s = layer.s
    mask = s.numbers("mask", int)
    anchors = torch.tensor(s.numbers("anchors")).view(-1, 2)[mask]
    t, gx, gy = grid(t, len(mask))
    _, _, h, w = t.shape
    scale = s.number("scale_x_y", 1)
    new_coords = s.integer("new_coords")
    xy, size, rest = t[:, :2], t[:, 2:4], t[:, 4:]
    if not new_coords:
        xy, rest = torch.sigmoid(xy), torch.sigmoid(rest)
    xy = xy * scale - 0.5 * (scale - 1)
    size = size * size * 4 if new_coords else torch.exp(size)
    cx, cy = (xy[:, 0] + gx) * net_w / w, (xy[:, 1] + gy) * net_h / h
    bw, bh = size[:, 0] * anchors[:, 0].view(-1, 1, 1), size[:, 1] * anchors[:, 1].view(-1, 1, 1)
    return rows_above(cx, cy, bw, bh, rest[:, :1] * rest[:, 1:], limit)


def decode_region(layer, t, net_w, net_h, limit):
    s = layer.s
    anchors = torch.tensor(s.numbers("anchors")).view(-1, 2)
    t, gx, gy = grid(t, s.integer("num", 1))
    _, _, h, w = t.shape
    xy, obj = torch.sigmoid(t[:, :2]), torch.sigmoid(t[:, 4:5])
    classes = torch.softmax(t[:, 5:], 1) if s.integer("softmax") else torch.sigmoid(t[:, 5:])
    cx, cy = (xy[:, 0] + gx) * net_w / w, (xy[:, 1] + gy) * net_h / h
    bw = torch.exp(t[:, 2]) * anchors[:, 0].view(-1, 1, 1) * net_w / w  # anchors are in grid cells
    bh = torch.exp(t[:, 3]) * anchors[:, 1].view(-1, 1, 1) * net_h / h
    return rows_above(cx, cy, bw, bh, obj * classes, limit)


def decode_gaussian(layer, t, net_w, net_h, limit):
    """Every coordinate comes with its own uncertainty, which the confidence pays for."""
    s = layer.s
    mask = s.numbers("mask", int)
    anchors = torch.tensor(s.numbers("anchors")).view(-1, 2)[mask]
    t, gx, gy = grid(t, len(mask))
    _, _, h, w = t.shape
    scale = s.number("scale_x_y", 1)
    centre = torch.sigmoid(t[:, (0, 2)]) * scale - 0.5 * (scale - 1)
    certain = 1 - torch.sigmoid(t[:, (1, 3, 5, 7)]).mean(1, keepdim=True)
    cx, cy = (centre[:, 0] + gx) * net_w / w, (centre[:, 1] + gy) * net_h / h
    bw, bh = torch.exp(t[:, 4]) * anchors[:, 0].view(-1, 1, 1), torch.exp(t[:, 6]) * anchors[:, 1].view(-1, 1, 1)
    return rows_above(cx, cy, bw, bh, torch.sigmoid(t[:, 8:9]) * torch.sigmoid(t[:, 9:]) * certain, limit)


def decode_detection(layer, t, net_w, net_h, limit):
    """YOLOv1: one vector, first all class scores, then all confidences, then all boxes."""
    s = layer.s
    side, num, classes = s.integer("side", 7), s.integer("num", 1), s.integer("classes", 1)
    scores, confidence, boxes = t.flatten().split([side * side * classes, side * side * num, side * side * num * 4])
    scores = scores.view(side, side, 1, classes)
    if s.integer("softmax"):
        scores = torch.softmax(scores, 3)
    confidence = confidence.view(side, side, num, 1).clamp(min=0)  # two negative numbers do not make an object
    x, y, w, h = boxes.view(side, side, num, 4).permute(3, 2, 0, 1)  # (num, row, column)
    if s.integer("sqrt"):
        w, h = w * w, h * h
    cell = torch.arange(side)
    cx, cy = (x + cell) / side * net_w, (y + cell.view(-1, 1)) / side * net_h
    return rows_above(cx, cy, w * net_w, h * net_h, (confidence * scores).permute(2, 3, 0, 1), limit)


def decode_ssd(layer, t, net_w, net_h, limit):
    """Default boxes, moved and stretched by offsets that are divided by variances; a softmax whose first class is the background."""
    s = layer.s
    small, large, classes = s.number("min_size"), s.number("max_size"), s.integer("classes", 20)
    sizes = [(small, small)] + ([((small * large) ** .5,) * 2] if large else [])
    for ratio in s.numbers("aspect_ratios"):
        sizes += [(small * ratio ** .5, small / ratio ** .5), (small / ratio ** .5, small * ratio ** .5)]
    dw, dh = torch.tensor(sizes).T[:, :, None, None]
    t, gx, gy = grid(t, len(sizes))
    _, _, h, w = t.shape
    step = s.number("step")
    dx, dy = (gx + s.number("offset", .5)) * (step or net_w / w), (gy + s.number("offset", .5)) * (step or net_h / h)
    if s.integer("clip"):
        x1, x2 = (dx - dw / 2).clamp(0, net_w), (dx + dw / 2).clamp(0, net_w)
        y1, y2 = (dy - dh / 2).clamp(0, net_h), (dy + dh / 2).clamp(0, net_h)
        dx, dy, dw, dh = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    v = s.numbers("variances") or [.1, .1, .2, .2]
    cx, cy = dx + t[:, 0] * v[0] * dw, dy + t[:, 1] * v[1] * dh
    bw, bh = dw * torch.exp(t[:, 2] * v[2]), dh * torch.exp(t[:, 3] * v[3])
    return rows_above(cx, cy, bw, bh, torch.softmax(t[:, 4:], 1)[:, 1:1 + classes], limit)


DECODERS = {"yolo": decode_yolo, "region": decode_region, "Gaussian_yolo": decode_gaussian, "detection": decode_detection,
            "ssd": decode_ssd}


def iou_one_to_many(box, boxes):
    low, high = torch.maximum(box[:2], boxes[:, :2]), torch.minimum(box[2:], boxes[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    return inter / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - inter)


def nms(rows, threshold):
    """Per class, highest confidence first; a box goes when its IoU with a kept one is above the threshold."""
    rows = rows[torch.argsort(rows[:, 1], descending=True, stable=True)]
    kept = torch.ones(len(rows), dtype=torch.bool)
    for i in range(len(rows)):
        if not kept[i]:
            continue
        later = torch.arange(len(rows)) > i
        hit = iou_one_to_many(rows[i, 2:], rows[:, 2:]) > threshold
        kept &= ~(later & hit & (rows[:, 0] == rows[i, 0]))
    return rows[kept]


def detections(network, outputs, place, image_size, names, conf=0.25, iou=0.45, limit=300):
    """Rows in image pixels, clipped, as dictionaries."""
    found = []
    for layer, out in zip(network.layers, outputs):
        if layer.name in DECODERS:
            found.append(DECODERS[layer.name](layer, out[0], network.width, network.height, conf))
    rows = nms(torch.cat(found), iou)[:limit]
    (sx, sy, ox, oy), (w, h) = place, image_size
    boxes = (rows[:, 2:] - torch.tensor([ox, oy, ox, oy])) / torch.tensor([sx, sy, sx, sy])
    boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([w, h, w, h]).float())
    return [{"class": names[int(r[0])] if int(r[0]) < len(names) else str(int(r[0])), "class_id": int(r[0]),
             "confidence": float(r[1]), "box": [float(v) for v in b]} for r, b in zip(rows, boxes)]
