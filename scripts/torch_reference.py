#!/usr/bin/env python3
"""An independent reading of the Darknet dialect, in PyTorch: the judge of this project's own.

It builds a network from a .cfg, reads (or invents) its .weights, runs it layer by layer in NCHW and decodes
the boxes of every head (torch_heads.py). Nothing here comes from the C code: both were written from the same description
of the formats, so where they agree they are probably both right.

    torch_reference.py MODEL.cfg MODEL.weights IMAGE [--names FILE] [--conf C] [--iou T] [--letterbox]
prints detections as JSON in the form of `yolo detect --json`. As a module it serves compare_torch.py and
bench_peers.py. Needs torch, numpy and Pillow; the product itself never needs Python.
"""
import argparse
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

ALIASES = {"conv": "convolutional", "conn": "connected", "max": "maxpool", "avg": "avgpool", "soft": "softmax",
           "network": "net"}
BN_EPS = 1e-5  # AlexeyAB's, CPU and GPU


class Section(dict):
    """One [section]: its name and its keys, with typed access."""

    def __init__(self, name, line):
        super().__init__()
        self.name, self.line = name, line

    def integer(self, key, default=0):
        return int(self.get(key, default))

    def number(self, key, default=0.0):
        return float(self.get(key, default))

    def numbers(self, key, kind=float):
        return [kind(v) for v in self.get(key, "").split(",") if v.strip()]


def parse_cfg(path):
    """[net] first, then the layers."""
    sections = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#")[0].split(";")[0].strip()
            if line.startswith("["):
                name = line.strip("[] ")
                sections.append(Section(ALIASES.get(name, name), number))
            elif line:
                key, _, value = line.partition("=")
                sections[-1][key.strip()] = value.strip()
    return sections


def activate(x, name):
    table = {
        "linear": lambda v: v,
        "leaky": lambda v: F.leaky_relu(v, 0.1),
        "relu": F.relu,
        "relu6": F.relu6,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "hardtan": F.hardtanh,
        "ramp": lambda v: F.relu(v) + 0.1 * v,
        "elu": F.elu,
        "selu": F.selu,
        "gelu": lambda v: F.gelu(v, approximate="tanh"),
        "swish": F.silu,
        "mish": F.mish,
        "hard_mish": lambda v: torch.where(v > 0, v, torch.where(v > -2, v * v / 2 + v, torch.zeros_like(v))),
    }
    if name not in table:
        raise SystemExit(f"torch_reference: activation '{name}' is not known")
    return table[name](x)


class Layer:
    """A layer of the cfg. `tensors` lists its arrays in the order of a .weights file."""

    def __init__(self, section, index, shapes):
        self.s, self.index, self.name = section, index, section.name
        self.act = section.get("activation", "logistic" if self.name in ("convolutional", "connected", "local") else "linear")
        self.tensors = {}  # name -> shape, file order
        self.p = {}        # name -> torch tensor
        shape = shapes[-1]
        build = getattr(self, "build_" + self.name, None)
        if build is None:
            raise SystemExit(f"torch_reference: [{self.name}] (line {section.line}) is not known")
        self.shape = build(shape, shapes)

    def source(self, key):
        """Absolute indices of the layers a list of relative or absolute numbers names."""
        return [i if i >= 0 else self.index + i for i in self.s.numbers(key, int)]

    # ---- layers with parameters ----
    def bn_triple(self, c):
        for name in ("scales", "mean", "variance"):
            self.tensors[name] = (c,)

    def build_convolutional(self, shape, shapes):
        s, (c, h, w) = self.s, shape
        self.size, self.groups, self.dilation = s.integer("size", 1), s.integer("groups", 1), s.integer("dilation", 1)
        stride = s.integer("stride", 1)
        self.stride = (s.integer("stride_y", stride), s.integer("stride_x", stride))
        if self.size == 1:
            self.dilation = 1
        self.pad = (self.size // 2 if s.integer("pad") else s.integer("padding")) * self.dilation
        self.bn, n = s.integer("batch_normalize"), s.integer("filters", 1)
        self.tensors["biases"] = (n,)
        if self.bn:
            self.bn_triple(n)
        self.tensors["weights"] = (n, c // self.groups, self.size, self.size)
        reach = self.dilation * (self.size - 1) + 1
        return n, (h + 2 * self.pad - reach) // self.stride[0] + 1, (w + 2 * self.pad - reach) // self.stride[1] + 1

    def normalise(self, x):
        p, view = self.p, (1, -1) + (1,) * (x.dim() - 2)
        x = (x - p["mean"].view(view)) / torch.sqrt(p["variance"].view(view) + BN_EPS)
        return x * p["scales"].view(view) + p["biases"].view(view)

    def run_convolutional(self, x, outputs):
        p = self.p
        bias = None if self.bn else p["biases"]
        x = F.conv2d(x, p["weights"], bias, self.stride, self.pad, self.dilation, self.groups)
        return activate(self.normalise(x) if self.bn else x, self.act)

    def build_connected(self, shape, shapes):
        n, (c, h, w) = self.s.integer("output", 1), shape
        self.bn = self.s.integer("batch_normalize")
        self.tensors["biases"] = (n,)
        self.tensors["weights"] = (n, c * h * w)
        if self.bn:
            self.bn_triple(n)
        return n, 1, 1

    def run_connected(self, x, outputs):
        x = F.linear(x.flatten(1), self.p["weights"], None if self.bn else self.p["biases"])
        return activate(self.normalise(x) if self.bn else x, self.act)[:, :, None, None]

    def build_local(self, shape, shapes):
        s, (c, h, w) = self.s, shape
        self.size, self.stride = s.integer("size", 1), s.integer("stride", 1)
        self.pad = self.size // 2 if s.integer("pad") else 0
        n = s.integer("filters", 1)
        oh, ow = ((v + 2 * self.pad - self.size) // self.stride + 1 for v in (h, w))
        self.tensors["biases"] = (n, oh, ow)
        self.tensors["weights"] = (oh * ow, n, c, self.size * self.size)
        return n, oh, ow

    def run_local(self, x, outputs):
        columns = F.unfold(x, self.size, padding=self.pad, stride=self.stride)  # (B, C*K*K, L)
        weights = self.p["weights"].flatten(2)                                  # (L, N, C*K*K)
        y = torch.einsum("lnk,bkl->bnl", weights, columns)
        return activate(y.view(-1, *self.shape) + self.p["biases"], self.act)

    def build_batchnorm(self, shape, shapes):
        self.tensors["biases"] = (shape[0],)
        self.bn_triple(shape[0])
        return shape

    def run_batchnorm(self, x, outputs):
        return activate(self.normalise(x), self.act)

    def build_l2norm(self, shape, shapes):
        self.tensors["weights"] = (shape[0],)
        return shape

    def run_l2norm(self, x, outputs):
        length = torch.sqrt((x * x).sum(1, keepdim=True) + self.s.number("eps", 1e-10))
        return x / length * self.p["weights"].view(1, -1, 1, 1)

    def build_implicit(self, shape, shapes):
        self.n, self.atoms = self.s.integer("filters", 128), self.s.integer("atoms", 1)
        self.tensors["weights"] = (self.n, self.atoms)  # Darknet copies them as a map of n x atoms x 1
        return self.n, self.atoms, 1

    def run_implicit(self, x, outputs):
        return self.p["weights"].view(1, self.n, self.atoms, 1).expand(x.shape[0], -1, -1, -1)

    def build_shortcut(self, shape, shapes):
        self.others = self.source("from")
        self.per = {"": 0, "none": 0, "per_feature": 1, "per_layer": 1, "per_channel": 2}[self.s.get("weights_type", "")]
        if self.per:
            n = len(self.others) + 1
            self.tensors["weights"] = (n,) if self.per == 1 else (n, shape[0])
        return shape

    def run_shortcut(self, x, outputs):
        terms = [x] + [outputs[i] for i in self.others]
        if self.per:
            w = self.p["weights"].view(len(terms), -1)
            norm = self.s.get("weights_normalization", "none")
            if norm in ("relu", "avg_relu"):
                w = F.relu(w) / (F.relu(w).sum(0, keepdim=True) + 1e-4)
            elif norm == "softmax":
                e = torch.exp(w - w.max(0, keepdim=True).values)
                w = e / (e.sum(0, keepdim=True) + 1e-4)
            terms = [t[:, :x.shape[1]] for t in terms]
            terms = [t * w[i, :t.shape[1]].view(1, -1, 1, 1) if w.shape[1] > 1 else t * w[i] for i, t in enumerate(terms)]
        y = terms[0].clone()
        for t in terms[1:]:
            c = min(y.shape[1], t.shape[1])
            sy, sx = max(t.shape[2] // y.shape[2], 1), max(t.shape[3] // y.shape[3], 1)
            y[:, :c] += t[:, :c, ::sy, ::sx]
        return activate(y, self.act)

    # ---- layers without ----
    def build_maxpool(self, shape, shapes):
        s, (c, h, w) = self.s, shape
        stride = s.integer("stride", 1)
        self.stride = (s.integer("stride_y", stride), s.integer("stride_x", stride))
        self.size = s.integer("size", stride)
        pad = s.integer("padding", self.size - 1)
        out = [(v + pad - self.size) // st + 1 for v, st in zip((h, w), self.stride)]
        # The window starts at -(pad // 2); what is missing at the far side is padded, surplus is cut.
        self.before = pad // 2
        self.after = [max((o - 1) * st + self.size - self.before - v, 0) for o, st, v in zip(out, self.stride, (h, w))]
        return c, out[0], out[1]

    def run_maxpool(self, x, outputs):
        x = F.pad(x, (self.before, self.after[1], self.before, self.after[0]), value=float("-inf"))
        return F.max_pool2d(x, self.size, self.stride)[:, :, :self.shape[1], :self.shape[2]]

    def build_local_avgpool(self, shape, shapes):
        return self.build_maxpool(shape, shapes)

    def run_local_avgpool(self, x, outputs):
        pads = (self.before, self.after[1], self.before, self.after[0])
        total = F.avg_pool2d(F.pad(x, pads), self.size, self.stride, divisor_override=1)
        count = F.avg_pool2d(F.pad(torch.ones_like(x), pads), self.size, self.stride, divisor_override=1)
        return (total / count)[:, :, :self.shape[1], :self.shape[2]]

    def build_avgpool(self, shape, shapes):
        return shape[0], 1, 1

    def run_avgpool(self, x, outputs):
        return x.mean((2, 3), keepdim=True)

    def build_route(self, shape, shapes):
        self.parts = self.source("layers")
        self.split, self.part = self.s.integer("groups", 1), self.s.integer("group_id", 0)
        sizes = {shapes[i + 1][1:] for i in self.parts}
        if len(sizes) != 1:
            raise SystemExit(f"torch_reference: [route] line {self.s.line}: sizes differ: {sizes}")
        return (sum(shapes[i + 1][0] // self.split for i in self.parts),) + sizes.pop()

    def run_route(self, x, outputs):
        parts = [outputs[i] for i in self.parts]
        return torch.cat([t.chunk(self.split, 1)[self.part] for t in parts], 1)

    def build_upsample(self, shape, shapes):
        self.factor = self.s.integer("stride", 2)
        return shape[0], shape[1] * self.factor, shape[2] * self.factor

    def run_upsample(self, x, outputs):
        y = x.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)
        return y * self.s.number("scale", 1)

    def build_reorg(self, shape, shapes):
        self.stride = self.s.integer("stride", 1)
        return shape[0] * self.stride ** 2, shape[1] // self.stride, shape[2] // self.stride

    def run_reorg(self, x, outputs):
        """Darknet's permutation: it walks the input as if it had C / stride^2 channels of (H s, W s)."""
        b, c, h, w = x.shape
        s, d = self.stride, c // self.stride ** 2
        k, j, i = np.meshgrid(np.arange(c), np.arange(h), np.arange(w), indexing="ij")
        o = k // d
        source = (i * s + o % s) + w * s * ((j * s + o // s) + h * s * (k % d))
        return x.reshape(b, -1)[:, torch.from_numpy(source.reshape(-1))].reshape(b, c * s * s, h // s, w // s)

    build_reorg3d = build_reorg

    def run_reorg3d(self, x, outputs):
        s = self.stride
        return torch.cat([x[:, :, dy::s, dx::s] for dy in range(s) for dx in range(s)], 1)

    def build_scale_channels(self, shape, shapes):
        self.other = self.source("from")[0]
        return shapes[self.other + 1]

    def run_scale_channels(self, x, outputs):
        return activate(outputs[self.other] * x, self.act)  # x is (B, C, 1, 1), or (B, 1, H, W) with scale_wh

    def build_sam(self, shape, shapes):
        self.other = self.source("from")[0]
        return shape

    def run_sam(self, x, outputs):
        return activate(x * outputs[self.other], self.act)

    def run_softmax(self, x, outputs):
        groups, flat = self.s.integer("groups", 1), x.flatten(1)
        flat = flat.view(x.shape[0], groups, -1) / self.s.number("temperature", 1)
        return torch.softmax(flat, 2).view(x.shape)

    def run_activation(self, x, outputs):
        return activate(x, self.act)

    def build_same(self, shape, shapes):
        return shape

    def run_same(self, x, outputs):
        return x

    build_softmax = build_activation = build_dropout = build_cost = build_yolo = build_region = build_same
    build_detection = build_Gaussian_yolo = build_ssd = build_same
    run_dropout = run_cost = run_yolo = run_region = run_detection = run_Gaussian_yolo = run_ssd = run_same

    def run(self, x, outputs):
        return getattr(self, "run_" + self.name)(x, outputs)


class Network:
    """A cfg as a list of layers; shapes are (C, H, W)."""

    def __init__(self, cfg, size=None):
        sections = parse_cfg(cfg)
        net = sections[0]
        self.net = net
        self.width, self.height = size or (net.integer("width"), net.integer("height"))
        self.channels = net.integer("channels", 3)
        shapes = [(self.channels, self.height, self.width)]
        self.layers = []
        for index, section in enumerate(sections[1:]):
            layer = Layer(section, index, shapes)
            self.layers.append(layer)
            shapes.append(layer.shape)

    def read_weights(self, path):
        with open(path, "rb") as file:
            data = file.read()
        major, minor, _ = struct.unpack_from("<iii", data)
        at = 20 if major * 10 + minor >= 2 else 16  # `seen` became 64 bits wide in version 0.2
        values = np.frombuffer(data, "<f4", offset=at)
        used = 0
        for layer in self.layers:
            for name, shape in layer.tensors.items():
                count = int(np.prod(shape))
                if used + count > len(values):
                    raise SystemExit(f"torch_reference: {path} ends in layer {layer.index} [{layer.name}]")
                layer.p[name] = torch.from_numpy(values[used:used + count].reshape(shape).copy())
                used += count
        if used != len(values):
            raise SystemExit(f"torch_reference: {path} holds {len(values)} floats, the cfg asks for {used}")
        return self

    def random_weights(self, seed=1):
        """Weights that keep activations near 1, and statistics as a trained net has them (never 0 and 1)."""
        g = torch.Generator().manual_seed(seed)
        for layer in self.layers:
            later = [l.name for l in self.layers[layer.index + 1:] if l.name != "dropout"]
            gain = 0.3 if later[:1] == ["shortcut"] else 1.0 if layer.act in ("linear", "logistic") else 1.4
            for name, shape in layer.tensors.items():
                if name == "weights" and len(shape) > 1 and layer.name != "shortcut":
                    fan = int(np.prod(shape[1:]))
                    t = torch.randn(shape, generator=g) * gain / fan ** 0.5
                elif name in ("scales", "variance", "weights"):
                    t = torch.rand(shape, generator=g) * 0.5 + 0.75
                else:
                    t = torch.randn(shape, generator=g) * 0.1
                layer.p[name] = t
        return self

    def write_weights(self, path):
        with open(path, "wb") as file:
            file.write(struct.pack("<iiiQ", 0, 2, 5, 32013312))
            for layer in self.layers:
                for name in layer.tensors:
                    file.write(layer.p[name].numpy().astype("<f4").tobytes())

    @torch.no_grad()
    def forward(self, x):
        """The output of every layer, in order."""
        outputs = []
        for layer in self.layers:
            x = layer.run(x, outputs)
            outputs.append(x)
        return outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("image")
    parser.add_argument("--names")
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--iou", type=float, default=0.45)
    parser.add_argument("--letterbox", action="store_true")
    args = parser.parse_args()
    from PIL import Image
    from torch_heads import detections, preprocess
    pixels = np.asarray(Image.open(args.image).convert("RGB"))
    names = open(args.names, encoding="utf-8").read().split("\n") if args.names else []
    network = Network(args.cfg).read_weights(args.weights)
    x, place = preprocess(pixels, network.width, network.height, args.letterbox)
    size = (pixels.shape[1], pixels.shape[0])
    found = detections(network, network.forward(x), place, size, names, args.conf, args.iou)
    print(json.dumps({"images": [{"file": args.image, "width": size[0], "height": size[1], "detections": found}]}))


if __name__ == "__main__":
    main()
