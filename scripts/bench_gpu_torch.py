"""PyTorch's side of bench_gpu.py: a process that builds a network from a cfg and measures it in several ways.

    bench_gpu_torch.py cuda|cpu      (started by bench_gpu.py)
Requests and answers are one JSON line each:
  {"do": "setup", "cfg", "size", "batch", "precision"}   a network with random weights and its input, on the device
  {"do": "make", "variant"}                              builds, compiles or records it, and warms it up
  {"do": "run", "variant", "count"}                      the times of that many single calls, in ms
  {"do": "versions"}, {"do": "check"}                    what is installed; our reading of the cfg against torch_reference.py
An answer with "error" says why something could not be done.

As people run it: eval, no gradients, channels last, cudnn.benchmark, input resident on the device, one call at a
time between two synchronisations. The variants:
  eager      batch norm as a layer of its own        folded     batch norm inside the convolutions
  graph      folded, recorded as a CUDA graph        compile    folded, torch.compile(mode="reduce-overhead"): CUDA graphs
  max        folded, mode="max-autotune"             compile_bn eager's module, mode="reduce-overhead"
  torchvision, torchvision_compile                   the same network as torchvision writes it (resnet50)
"""
import gc
import json
import os
import sys
import time
import traceback

import torch
from torch import nn

from bench_lower import fold
from torch_reference import Network

ACTIVATIONS = {"linear": nn.Identity, "leaky": lambda: nn.LeakyReLU(0.1, inplace=True), "relu": lambda: nn.ReLU(inplace=True),
               "mish": lambda: nn.Mish(inplace=True), "swish": lambda: nn.SiLU(inplace=True), "logistic": nn.Sigmoid}
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def convolution(layer, folded):
    weight = layer.p["weights"]
    n, c = weight.shape[:2]
    with_bn = layer.bn and not folded
    conv = nn.Conv2d(c * layer.groups, n, layer.size, layer.stride, layer.pad, layer.dilation, layer.groups, bias=not with_bn)
    if not with_bn:
        conv.weight.data, conv.bias.data = fold(layer)
        return [conv]
    norm = nn.BatchNorm2d(n, eps=1e-5)
    conv.weight.data, norm.weight.data, norm.bias.data = weight.clone(), layer.p["scales"].clone(), layer.p["biases"].clone()
    norm.running_mean.data, norm.running_var.data = layer.p["mean"].clone(), layer.p["variance"].clone()
    return [conv, norm]


def pooling(layer, shape):
    """Darknet's window starts at -before; PyTorch's symmetric padding says the same wherever it gives as many outputs."""
    p, fits = layer.before, True
    for size, stride, out in zip(shape[1:], layer.stride, layer.shape[1:]):
        fits = fits and (size + 2 * p - layer.size) // stride + 1 == out
    if fits and 2 * p <= layer.size:
        return [nn.MaxPool2d(layer.size, layer.stride, p)]
    pads = (p, layer.after[1], p, layer.after[0])
    return [nn.ConstantPad2d(pads, float("-inf")), nn.MaxPool2d(layer.size, layer.stride)]


class Linear(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1))[:, :, None, None]


def step(layer, shape, folded):
    """The module of a layer that has one input; joins are in CfgModule."""
    kind, modules = layer.name, None
    if kind == "convolutional":
        modules = convolution(layer, folded)
    elif kind == "maxpool":
        modules = pooling(layer, shape)
    elif kind == "connected":
        modules = [Linear(layer.tensors["weights"][1], layer.tensors["weights"][0])]
        modules[0].weight.data, modules[0].bias.data = fold(layer)
    elif kind == "upsample":
        modules = [nn.Upsample(scale_factor=layer.factor, mode="nearest")]
    elif kind == "avgpool":
        modules = [nn.AdaptiveAvgPool2d(1)]
    elif kind == "softmax":
        modules = [nn.Softmax(1)]
    elif kind in ("route", "shortcut", "dropout", "cost", "yolo", "region"):
        modules = []
    else:
        raise ValueError(f"[{kind}] is not written for this measurement")
    if layer.act != "linear":
        modules.append(ACTIVATIONS[layer.act]())
    return nn.Sequential(*modules)


class CfgModule(nn.Module):
    """A network of torch_reference.py as modules; returns what the heads read, or the last output."""

    def __init__(self, network, folded):
        super().__init__()
        shapes = [(network.channels, network.height, network.width)] + [layer.shape for layer in network.layers]
        self.steps = nn.ModuleList(step(layer, shapes[i], folded) for i, layer in enumerate(network.layers))
        self.kinds = [layer.name for layer in network.layers]
        self.joins = [self.join_of(layer) for layer in network.layers]
        self.wanted = {i for join in self.joins if join for i in join[0]}

    @staticmethod
    def join_of(layer):
        if layer.name == "route":
            return list(layer.parts), layer.split, layer.part
        if layer.name == "shortcut":
            if layer.per:
                raise ValueError("weighted [shortcut] is not written for this measurement")
            return list(layer.others), 1, 0
        return None

    def forward(self, x):
        kept, heads = {}, []
        for i, module in enumerate(self.steps):
            kind = self.kinds[i]
            if kind == "route":
                parts, split, part = self.joins[i]
                tensors = [kept[k] if split == 1 else kept[k].chunk(split, 1)[part] for k in parts]
                x = tensors[0] if len(tensors) == 1 else torch.cat(tensors, 1)
            elif kind == "shortcut":
                for k in self.joins[i][0]:
                    x = x + kept[k]
            elif kind in ("yolo", "region"):
                heads.append(x)
            x = module(x)
            if i in self.wanted:
                kept[i] = x
        return heads or [x]


class Bench:
    def __init__(self, device):
        self.device, self.calls = device, {}
        self.network = self.input = self.dtype = None

    def sync(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def setup(self, cfg, size, batch, precision):
        self.calls.clear()
        self.input = None
        torch._dynamo.reset()
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        self.network = Network(cfg, (size, size)).random_weights()
        self.dtype = TYPES[precision]
        g = torch.Generator().manual_seed(1)
        self.input = self.place(torch.rand((batch, self.network.channels, size, size), generator=g))
        return {}

    def place(self, what):
        return what.to(device=self.device, dtype=self.dtype).contiguous(memory_format=torch.channels_last)

    def module(self, variant):
        if variant.startswith("torchvision"):
            import torchvision
            made = torchvision.models.resnet50(weights=None)
        else:
            made = CfgModule(self.network, variant not in ("eager", "compile_bn"))
        made = made.eval().requires_grad_(False).to(device=self.device, dtype=self.dtype)
        return made.to(memory_format=torch.channels_last)

    def record(self, module):
        """The pass as one CUDA graph: no launch costs."""
        if self.device != "cuda":
            raise ValueError("a CUDA graph needs a card")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(side):
            for _ in range(3):
                module(self.input)
        torch.cuda.current_stream().wait_stream(side)
        self.sync()
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            out = module(self.input)
        return lambda: (graph.replay(), out)

    def make(self, variant, seconds):
        module, x = self.module(variant), self.input
        if variant == "graph":
            call = self.record(module)
        elif variant in ("eager", "folded", "torchvision"):
            def call():
                with torch.inference_mode():
                    return module(x)
        else:
            mode = "max-autotune" if variant == "max" else "reduce-overhead"
            compiled = torch.compile(module, mode=mode, dynamic=False, fullgraph=True)

            def call():
                with torch.no_grad():
                    return compiled(x)
        began = time.perf_counter()
        call()
        self.sync()
        first = time.perf_counter() - began
        self.calls[variant] = call
        times = self.run(variant, 8)["ms"]
        self.run(variant, int(max(2, min(500, seconds * 1e3 / times[-1]))))
        return {"first_s": first, "ms": min(times)}

    def run(self, variant, count):
        call, times = self.calls[variant], []
        for _ in range(count):
            self.sync()
            began = time.perf_counter()
            call()
            self.sync()
            times.append((time.perf_counter() - began) * 1e3)
        return {"ms": times}

    def check(self):
        """Both modules against the independent reading, layer for layer the same arithmetic in fp32."""
        x = self.input.float().cpu().contiguous()
        outputs, layers = self.network.forward(x), self.network.layers
        wanted = [outputs[i - 1] for i, layer in enumerate(layers) if layer.name in ("yolo", "region")] or [outputs[-1]]
        worst = 0.0
        for folded in (False, True):
            with torch.no_grad():
                found = CfgModule(self.network, folded).eval()(x)
            for a, b in zip(found, wanted, strict=True):
                worst = max(worst, float((a.flatten() - b.flatten()).abs().max() / b.abs().max()))
        return {"worst": worst}

    def versions(self):
        found = {"torch": torch.__version__, "python": sys.version.split()[0]}
        if self.device == "cuda":
            found |= {"card": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
        return found


def main():
    pipe = os.fdopen(os.dup(1), "w")  # libraries may print; the pipe is ours
    os.dup2(2, 1)
    bench = Bench(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(bench, request.pop("do"))(**request)
        except (Exception, SystemExit) as problem:  # whatever the peer cannot do is an answer, not our end
            traceback.print_exc()
            answer = {"error": f"{type(problem).__name__}: {' '.join(str(problem).split())[:400]}"}
        print(json.dumps(answer), file=pipe, flush=True)


if __name__ == "__main__":
    main()
