"""PyTorch training one network in one memory format, in one process: loads once, then answers requests.

    bench_train_worker.py LAYOUT FOLDER CPU[,CPU...]     (started by bench_train.py, which fills FOLDER; LAYOUT: nchw, channels_last)
"check" answers with the losses of the first three steps and the norms of the first step's gradients, "run K" with the ms of K steps,
"memory" with the peak in MB. The network is the one that torch_reference.py reads from the cfg, written as PyTorch
programs are: batch norm by F.batch_norm, activations in place, nothing kept that no later layer reads, and of its three
SGDs the fastest here. A step is forward, backward and update. The gradient at a detector's heads is computed once, with
torch_darknet.py: what a loss costs is up to the program, so this side is spared it.
"""
import json
import os
import sys
import time

LAYOUT, FOLDER, CPUS = sys.argv[1], sys.argv[2], [int(c) for c in sys.argv[3].split(",")]
os.sched_setaffinity(0, CPUS)
os.environ["OMP_NUM_THREADS"] = str(len(CPUS))

import numpy as np  # noqa: E402  (the mask and the thread count must come first)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from torch_reference import BN_EPS, Network  # noqa: E402

torch.set_num_threads(len(CPUS))
META = json.load(open(os.path.join(FOLDER, "meta.json"), encoding="utf-8"))
LR, MOMENTUM, DECAY, LOSSES = META["lr"], META["momentum"], META["decay"], 3
HEADS = ("yolo", "softmax")


def activate(x, name):
    """In place: neither batch norm nor a convolution needs its output to go back."""
    if name == "leaky":
        return F.leaky_relu_(x, 0.1)
    if name == "relu":
        return F.relu_(x)
    if name == "linear":
        return x
    raise SystemExit(f"bench_train_worker: activation {name}")


class Training:
    def __init__(self):
        self.layout = torch.channels_last if LAYOUT == "channels_last" else torch.contiguous_format
        self.network = Network(META["cfg"]).read_weights(META["weights"])
        decayed, plain = [], []
        for layer in self.network.layers:
            for name, t in layer.p.items():
                if name not in ("mean", "variance"):
                    if t.dim() == 4:
                        t = t.contiguous(memory_format=self.layout)
                    layer.p[name] = t.requires_grad_()
                    (decayed if name == "weights" else plain).append(layer.p[name])
        pixels = np.load(os.path.join(FOLDER, "pixels.npy"))
        self.data = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255).contiguous(memory_format=self.layout)
        self.labels = torch.tensor(META["labels"])
        self.groups = lambda: [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0}]
        self.optimizer = torch.optim.SGD(self.groups(), lr=LR, momentum=MOMENTUM)
        self.kept = {i for layer in self.network.layers for i in getattr(layer, "parts", []) + getattr(layer, "others", [])}
        self.head_gradients = None

    def layer(self, layer, x, outputs):
        p, name = layer.p, layer.name
        if name == "convolutional":
            x = F.conv2d(x, p["weights"], None if layer.bn else p["biases"], layer.stride, layer.pad, layer.dilation, layer.groups)
            if layer.bn:
                x = F.batch_norm(x, p["mean"], p["variance"], p["scales"], p["biases"], True, 0.1, BN_EPS)
            return activate(x, layer.act)
        if name == "connected":
            return F.linear(x.flatten(1), p["weights"], p["biases"])
        if name == "maxpool":
            before, after = layer.before, layer.after
            if max(after) <= before <= layer.size // 2:
                return F.max_pool2d(x, layer.size, layer.stride, before)
            return F.max_pool2d(F.pad(x, (before, after[1], before, after[0]), value=float("-inf")), layer.size, layer.stride)
        if name == "shortcut":
            return activate(x + outputs[layer.others[0]], layer.act)
        if name == "route":
            parts = [outputs[i] for i in layer.parts]
            if layer.split > 1:
                parts = [t.chunk(layer.split, 1)[layer.part] for t in parts]
            return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        if name == "upsample":
            return F.interpolate(x, scale_factor=layer.factor, mode="nearest")
        if name == "avgpool":
            return x.mean((2, 3))
        if name in HEADS:
            return x
        raise SystemExit(f"bench_train_worker: [{name}] is not written here")

    def forward(self):
        """What the heads see: [(layer, tensor)]."""
        x, outputs, heads = self.data, {}, []
        for layer in self.network.layers:
            x = self.layer(layer, x, outputs)
            if layer.name in HEADS:
                heads.append((layer, x))
            if layer.index in self.kept:
                outputs[layer.index] = x
        return heads

    def backward(self, heads):
        if heads[0][0].name == "softmax":
            F.cross_entropy(heads[0][1], self.labels).backward()
        else:
            torch.autograd.backward([t for _, t in heads], self.head_gradients)

    def step(self):
        self.optimizer.zero_grad()
        self.backward(self.forward())
        self.optimizer.step()

    # ---- what is compared ----

    def loss(self, heads):
        if heads[0][0].name == "softmax":
            return float(F.cross_entropy(heads[0][1], self.labels).detach())
        import torch_darknet
        from torch_losses import Head
        case = Case(heads)
        made = [Head(case, i, t.detach().permute(0, 2, 3, 1).contiguous().numpy()) for i, (_, t) in enumerate(heads)]
        out = torch_darknet.darknet(case, made, [{"truths": t} for t in META["truths"]], META["loss"])
        found = torch.autograd.grad(out.surrogate, [h.leaf for h in made])
        torch.set_default_dtype(torch.float32)
        count = len(META["truths"])
        self.head_gradients = [(g / count).float().permute(0, 3, 1, 2).contiguous(memory_format=self.layout) for g in found]
        return float(sum(out.parts.values())) / count

    def check(self):
        losses, norms = [], {}
        for i in range(LOSSES):
            self.optimizer.zero_grad()
            heads = self.forward()
            losses.append(self.loss(heads))
            self.backward(heads)
            del heads
            if i == 0:
                for layer in self.network.layers:
                    for name, t in layer.p.items():
                        if t.requires_grad:
                            norms[f"{layer.index} {name}"] = float(t.grad.double().norm())
            self.optimizer.step()
        self.choose_optimizer()
        return {"losses": losses, "gradients": norms}

    def choose_optimizer(self):
        """The rate is 0 from here on, so that nothing grows however long it is measured; the work is the same."""
        best = None
        for how in ({"foreach": False}, {"foreach": True}, {"fused": True}):
            optimizer = torch.optim.SGD(self.groups(), lr=0.0, momentum=MOMENTUM, **how)
            optimizer.step()
            took = min(timed(optimizer.step) for _ in range(3))
            if best is None or took < best[0]:
                best = took, optimizer
        self.optimizer = best[1]


class Case:
    """What torch_losses.Head asks of compare_losses.Case."""

    def __init__(self, heads):
        self.heads, self.seen, self.nominal = [], 0, len(META["truths"])
        self.width, self.height = META["size"], META["size"]
        for layer, _ in heads:
            keys = {}
            for key, text in layer.s.items():
                try:
                    keys[key] = float(text)
                except ValueError:
                    keys[key] = text
            self.classes = layer.s.integer("classes")
            self.heads.append({"type": "yolo", "keys": keys, "mask": layer.s.numbers("mask", int), "anchors": layer.s.numbers("anchors")})


def timed(call):
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def peak_mb():
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def main():
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        print(json.dumps(value), file=pipe, flush=True)

    imports = peak_mb()
    training = Training()
    answer("ready")
    for line in sys.stdin:
        word = line.split()
        if word[0] == "check":
            answer(training.check())
        elif word[0] == "run":
            answer({"ms": [timed(training.step) for _ in range(int(word[1]))]})
        elif word[0] == "memory":
            answer({"peak": peak_mb(), "imports": imports})
        else:
            break


if __name__ == "__main__":
    main()
