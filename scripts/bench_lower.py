"""Turns a network of torch_reference.py into the small vocabulary all peers share, and writes it for them.

A lowered graph is a list of nodes (kind, inputs, output, values), batch norm folded into the convolutions as
every engine does when it loads a network:
  conv      weight, bias, stride (y, x), pad, dilation, groups, act
  maxpool   size, stride (y, x), pads (top, left, bottom, right)
  avgpool   over the whole map            upsample  factor            linear  weight, bias, act
  concat    slice  first, last (channels) add       mul               act     act
Outputs are what the heads read (or the last layer before the softmax): decoding is no engine's business here.
"""
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from torch_reference import BN_EPS, activate


@dataclass
class Node:
    kind: str
    inputs: list
    output: str
    shape: tuple  # (C, H, W) of the output
    v: dict = field(default_factory=dict)


def fold(layer):
    """Weight and bias with the batch norm inside."""
    p = {name: t.double() for name, t in layer.p.items()}
    if not getattr(layer, "bn", 0):
        return layer.p["weights"], layer.p["biases"]
    scale = p["scales"] / torch.sqrt(p["variance"] + BN_EPS)
    weight = p["weights"] * scale.view((-1,) + (1,) * (p["weights"].dim() - 1))
    return weight.float(), (p["biases"] - p["mean"] * scale).float()


def lower_layer(layer, source, made, add):
    """Adds the nodes of one layer; returns the name of its output. `made` are the outputs of earlier layers."""
    kind = layer.name
    if kind == "convolutional":
        weight, bias = fold(layer)
        return add("conv", [source], layer.shape, weight=weight, bias=bias, stride=layer.stride, pad=layer.pad,
                   dilation=layer.dilation, groups=layer.groups, act=layer.act)
    if kind == "connected":
        weight, bias = fold(layer)
        return add("linear", [source], layer.shape, weight=weight, bias=bias, act=layer.act)
    if kind == "maxpool":
        pads = (layer.before, layer.before, layer.after[0], layer.after[1])
        return add("maxpool", [source], layer.shape, size=layer.size, stride=layer.stride, pads=pads)
    if kind in ("avgpool", "upsample"):
        return add(kind, [source], layer.shape, factor=getattr(layer, "factor", 0))
    if kind == "route":
        parts = [made[i][0] for i in layer.parts]
        if layer.split > 1:
            cut = []
            for i in layer.parts:
                name, (c, h, w) = made[i]
                size = c // layer.split
                cut.append(add("slice", [name], (size, h, w), first=layer.part * size, last=(layer.part + 1) * size))
            parts = cut
        return parts[0] if len(parts) == 1 else add("concat", parts, layer.shape)
    if kind in ("shortcut", "scale_channels"):
        if kind == "shortcut":
            name = source
            for i in layer.others:
                if made[i][1] != layer.shape or layer.per:
                    raise SystemExit(f"bench_lower: layer {layer.index}: this kind of [shortcut] is not lowered")
                name = add("add", [name, made[i][0]], layer.shape)
        else:
            name = add("mul", [made[layer.other][0], source], layer.shape)
        return name if layer.act == "linear" else add("act", [name], layer.shape, act=layer.act)
    if kind in ("dropout", "cost", "softmax", "yolo", "region"):
        return source
    raise SystemExit(f"bench_lower: [{kind}] is not lowered")


def lower(network):
    """(nodes, names of the outputs, input shape)."""
    nodes, made, outputs = [], [], []
    source, shape = "data", (network.channels, network.height, network.width)

    def add(kind, inputs, node_shape, **values):
        nodes.append(Node(kind, inputs, f"t{len(nodes)}", tuple(node_shape), values))
        return nodes[-1].output

    for layer in network.layers:
        if layer.name in ("yolo", "region"):
            outputs.append(source)
        source = lower_layer(layer, source, made, add)
        made.append((source, layer.shape))
    return nodes, outputs or [source], shape


def run_torch(nodes, outputs, x):
    """The lowered graph, eager; also the judge of the two writers below."""
    t = {"data": x}
    for n in nodes:
        a, v = [t[name] for name in n.inputs], n.v
        if n.kind == "conv":
            y = activate(F.conv2d(a[0], v["weight"], v["bias"], v["stride"], v["pad"], v["dilation"], v["groups"]), v["act"])
        elif n.kind == "linear":
            y = activate(F.linear(a[0].flatten(1), v["weight"], v["bias"]), v["act"])[:, :, None, None]
        elif n.kind == "maxpool":
            top, left, bottom, right = v["pads"]
            y = a[0]
            if top == left == bottom == right and top * 2 <= v["size"]:
                y = F.max_pool2d(y, v["size"], v["stride"], top)
            else:
                y = F.max_pool2d(F.pad(y, (left, right, top, bottom), value=float("-inf")), v["size"], v["stride"])
        elif n.kind == "avgpool":
            y = a[0].mean((2, 3), keepdim=True)
        elif n.kind == "upsample":
            y = F.interpolate(a[0], scale_factor=v["factor"], mode="nearest")
        elif n.kind == "concat":
            y = torch.cat(a, 1)
        elif n.kind == "slice":
            y = a[0][:, v["first"]:v["last"]]
        elif n.kind == "add":
            y = a[0] + a[1]
        elif n.kind == "mul":
            y = a[0] * a[1]
        else:
            y = activate(a[0], v["act"])
        t[n.output] = y
    return [t[name] for name in outputs]


def write_onnx(nodes, outputs, shape, path):
    """Opset 18 (the first with Mish), batch 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    ops, arrays = [], []

    def constant(name, values, kind=np.float32):
        arrays.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(values, dtype=kind)), name))
        return name

    def op(kind, inputs, output, **attributes):
        ops.append(helper.make_node(kind, inputs, [output], name=f"{kind}_{len(ops)}", **attributes))

    def activation(name, source, target):
        simple = {"relu": "Relu", "logistic": "Sigmoid", "tanh": "Tanh", "mish": "Mish"}
        if name == "leaky":
            op("LeakyRelu", [source], target, alpha=0.1)
        elif name == "swish":
            op("Sigmoid", [source], target + "_s")
            op("Mul", [source, target + "_s"], target)
        elif name in simple:
            op(simple[name], [source], target)
        else:
            raise SystemExit(f"bench_lower: no ONNX for activation '{name}'")

    for n in nodes:
        v, out = n.v, n.output
        act = v.get("act", "linear")
        raw = out if act == "linear" else out + "_raw"
        if n.kind == "conv":
            parameters = [constant(out + "_w", v["weight"].numpy()), constant(out + "_b", v["bias"].numpy())]
            op("Conv", n.inputs + parameters, raw, kernel_shape=list(v["weight"].shape[2:]), strides=list(v["stride"]),
               pads=[v["pad"]] * 4, dilations=[v["dilation"]] * 2, group=v["groups"])
        elif n.kind == "linear":
            op("Flatten", n.inputs, out + "_flat", axis=1)
            op("Gemm", [out + "_flat", constant(out + "_w", v["weight"].numpy()), constant(out + "_b", v["bias"].numpy())],
               raw, transB=1)
        elif n.kind == "maxpool":
            op("MaxPool", n.inputs, out, kernel_shape=[v["size"]] * 2, strides=list(v["stride"]), pads=list(v["pads"]))
        elif n.kind == "avgpool":
            op("GlobalAveragePool", n.inputs, out)
        elif n.kind == "upsample":
            scales = constant(out + "_scales", [1, 1, v["factor"], v["factor"]])
            op("Resize", [n.inputs[0], "", scales], out, mode="nearest", coordinate_transformation_mode="asymmetric",
               nearest_mode="floor")
        elif n.kind == "slice":
            cut = [constant(f"{out}_{what}", [value], np.int64)
                   for what, value in (("first", v["first"]), ("last", v["last"]), ("axis", 1))]
            op("Slice", n.inputs + cut, out)
        elif n.kind == "concat":
            op("Concat", n.inputs, out, axis=1)
        elif n.kind in ("add", "mul"):
            op(n.kind.capitalize(), n.inputs, out)
        if n.kind == "act":
            activation(act, n.inputs[0], out)
        elif raw != out:
            activation(act, raw, out)
    made = {n.output: [1, n.shape[0]] if n.kind == "linear" else [1, *n.shape] for n in nodes}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, made[name]) for name in outputs]
    start = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, *shape])
    graph = helper.make_graph(ops, "net", [start], ends, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


NCNN_FUSED = {"linear": "", "relu": " 9=1", "leaky": " 9=2 -23310=1,1.000000e-01", "logistic": " 9=4", "mish": " 9=5"}
NCNN_LAYER = {"swish": "Swish", "relu": "ReLU", "mish": "Mish", "logistic": "Sigmoid"}


def write_ncnn(nodes, outputs, shape, param, binary):
    """ncnn's text graph and raw weights. Every blob has one reader there: more readers need a Split. What
    ncnnoptimize would fuse (activations of convolutions) is written fused."""
    readers = {}
    for n in nodes:
        for name in n.inputs:
            readers[name] = readers.get(name, 0) + 1
    for name in outputs:
        readers[name] = readers.get(name, 0) + 1
    lines, blobs, taken = [], set(), {}

    def layer(kind, inputs, outs, values=""):
        blobs.update(outs)
        lines.append(f"{kind} l{len(lines)} {len(inputs)} {len(outs)} {' '.join(list(inputs) + list(outs))}{values}")

    def finish(name):
        if readers.get(name, 0) > 1:
            layer("Split", [name], [f"{name}_{i}" for i in range(readers[name])])

    def take(name):
        if readers[name] <= 1:
            return name
        taken[name] = taken.get(name, 0) + 1
        return f"{name}_{taken[name] - 1}"

    layer("Input", [], ["data"], f" 0={shape[2]} 1={shape[1]} 2={shape[0]}")
    finish("data")
    with open(binary, "wb") as out:
        for n in nodes:
            v, ins = n.v, [take(name) for name in n.inputs]
            act = v.get("act", "linear")
            fused = act in NCNN_FUSED
            target = n.output if fused or n.kind == "act" else n.output + "_raw"
            if n.kind in ("conv", "linear"):
                out.write(b"\0\0\0\0" + v["weight"].numpy().astype("<f4").tobytes() + v["bias"].numpy().astype("<f4").tobytes())
            if n.kind == "conv":
                (o, _, kh, kw), (sy, sx) = v["weight"].shape, v["stride"]
                values = (f" 0={o} 1={kw} 11={kh} 2={v['dilation']} 3={sx} 13={sy} 4={v['pad']} 5=1 6={v['weight'].numel()}"
                          + (f" 7={v['groups']}" if v["groups"] > 1 else "") + (NCNN_FUSED[act] if fused else ""))
                layer("ConvolutionDepthWise" if v["groups"] > 1 else "Convolution", ins, [target], values)
            elif n.kind == "linear":
                layer("InnerProduct", ins, [target], f" 0={v['weight'].shape[0]} 1=1 2={v['weight'].numel()}"
                      + (NCNN_FUSED[act] if fused else ""))
            elif n.kind == "maxpool":
                top, left, bottom, right = v["pads"]
                layer("Pooling", ins, [n.output], f" 0=0 1={v['size']} 2={v['stride'][1]} 12={v['stride'][0]} 3={left} 14={right}"
                      f" 13={top} 15={bottom} 5=1")
            elif n.kind == "avgpool":
                layer("Pooling", ins, [n.output], " 0=1 4=1")
            elif n.kind == "upsample":
                layer("Interp", ins, [n.output], f" 0=1 1={v['factor']:.6e} 2={v['factor']:.6e}")
            elif n.kind == "slice":
                layer("Crop", ins, [n.output], f" 2={v['first']} 3={n.shape[2]} 4={n.shape[1]} 5={n.shape[0]}")
            elif n.kind == "concat":
                layer("Concat", ins, [n.output], " 0=0")
            elif n.kind in ("add", "mul"):
                layer("BinaryOp", ins, [n.output], f" 0={0 if n.kind == 'add' else 2}")
            if n.kind == "act":
                target = ins[0]
            if target != n.output:
                layer("ReLU" if act == "leaky" else NCNN_LAYER[act], [target], [n.output], " 0=0.1" if act == "leaky" else "")
            finish(n.output)
    with open(param, "w", encoding="utf-8") as out:
        out.write(f"7767517\n{len(lines)} {len(blobs)}\n" + "\n".join(lines) + "\n")
    return [take(name) for name in outputs]
