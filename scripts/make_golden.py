#!/usr/bin/env python3
"""Writes tests/golden/ops.bin: what PyTorch computes for small cases of the ops, in double precision.

    python3 scripts/make_golden.py [FILE]        needs torch and numpy; the file is kept in the repository

tests/unit/test_golden_ops.c runs the plain loops of backbone/ops on the same numbers. The file is a sequence
of cases, text lines with raw little-endian float32 between them:

    case OP NAME key=value ...\\n
    tensor in N H W C\\n      then N*H*W*C floats, channels last; one or more
    tensor param 1 1 1 COUNT\\n   then COUNT floats in PyTorch's own order (the layout on disk); none or more
    tensor out N H W C\\n     then the result, channels last
    tensor up N H W C\\n      cases with a gradient: dL/d out, and then
    tensor gradin N H W C\\n  dL/d in, one an input
    tensor gradpar 1 1 1 COUNT\\n   dL/d param, one a learned parameter, laid out as that
    tensor after 1 1 1 COUNT\\n     running statistics after the pass, one a buffer
    end\\n
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(20240607)
out = bytearray()


def values(*shape, low=-2.0, high=2.0):
    """Numbers that float32 holds exactly, as a double tensor."""
    return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32)).double()


def tensor(role, t):
    """t: (N, C, H, W), or (N, C) for vectors."""
    if t.ndim == 2:
        t = t[:, :, None, None]
    n, c, h, w = t.shape
    out.extend(f"tensor {role} {n} {h} {w} {c}\n".encode())
    out.extend(t.detach().permute(0, 2, 3, 1).contiguous().numpy().astype("<f4").tobytes())


def vector(role, t):
    out.extend(f"tensor {role} 1 1 1 {t.numel()}\n".encode())
    out.extend(t.detach().contiguous().numpy().astype("<f4").tobytes())


def case(op, name, inputs, params, result, up=None, after=(), **attrs):
    """up: dL/d out of a case with gradients, whose inputs and learned parameters were made by learned()."""
    keys = "".join(f" {key}={int(value) if isinstance(value, bool) else value}" for key, value in attrs.items())
    out.extend(f"case {op} {name}{keys}\n".encode())
    for t in inputs:
        tensor("in", t)
    for p in params:
        vector("param", p)
    tensor("out", result)
    if up is not None:
        result.backward(up)
        tensor("up", up)
        for t in inputs:
            tensor("gradin", t.grad)
        for p in params:
            if p.requires_grad:
                vector("gradpar", p.grad)
    for p in after:
        vector("after", p)
    out.extend(b"end\n")


ACTIVATIONS = {
    "linear": lambda x: x,
    "leaky": lambda x: F.leaky_relu(x, 0.1),
    "relu": F.relu,
    "relu6": F.relu6,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "hardtan": F.hardtanh,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "mish": F.mish,
}


def conv(name, n, c, h, w, filters, k, stride=(1, 1), pads=(0, 0, 0, 0), dilation=1, groups=1, bias=True, act1="linear",
         act2="linear", residual=False):
    """pads: top, left, bottom, right."""
    x = values(n, c, h, w)
    weight = values(filters, c // groups, *k, low=-0.5, high=0.5)
    b = values(filters) if bias else None
    padded = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
    y = ACTIVATIONS[act1](F.conv2d(padded, weight, b, stride=stride, dilation=dilation, groups=groups))
    inputs = [x]
    if residual:
        inputs.append(values(*y.shape))
        y = y + inputs[1]
    case("conv2d", name, inputs, [weight] + ([b] if bias else []), ACTIVATIONS[act2](y), filters=filters, kernel_h=k[0],
         kernel_w=k[1], stride_h=stride[0], stride_w=stride[1], top=pads[0], left=pads[1], bottom=pads[2], right=pads[3],
         dilation=dilation, groups=groups, bias=bias, residual=residual, act1=act1, act2=act2)


def convolutions():
    conv("1x1", 2, 5, 4, 3, 7, (1, 1))
    conv("3x3", 1, 4, 7, 5, 6, (3, 3), pads=(1, 1, 1, 1), act1="leaky")
    conv("3x3_stride2", 2, 3, 7, 6, 5, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1), bias=False, act1="mish")
    conv("5x3_uneven", 1, 3, 8, 7, 4, (5, 3), stride=(2, 1), pads=(2, 0, 1, 3))
    conv("dilated", 1, 4, 9, 8, 3, (3, 3), pads=(2, 2, 2, 2), dilation=2, act1="relu")
    conv("groups", 1, 6, 5, 6, 9, (3, 3), pads=(1, 1, 1, 1), groups=3, act1="swish")
    conv("depthwise", 2, 8, 6, 5, 8, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1), groups=8, act1="relu6")
    conv("depthwise_twice", 1, 5, 6, 6, 10, (5, 5), pads=(2, 2, 2, 2), groups=5)
    conv("2x2_same", 1, 3, 5, 5, 4, (2, 2), pads=(0, 0, 1, 1), act1="elu")
    conv("residual", 1, 4, 5, 5, 6, (3, 3), pads=(1, 1, 1, 1), act1="leaky", act2="relu", residual=True)
    conv("whole_map", 1, 4, 3, 3, 6, (3, 3), act1="logistic")


def pools():
    for name, k, s, pads in [("2x2", (2, 2), (2, 2), (0, 0, 0, 0)), ("5x5_same", (5, 5), (1, 1), (2, 2, 2, 2)),
                             ("2x2_stride1", (2, 2), (1, 1), (0, 0, 1, 1)), ("3x2_uneven", (3, 2), (2, 1), (1, 0, 1, 1))]:
        x = values(2, 5, 7, 6)
        padded = F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=float("-inf"))
        case("maxpool", name, [x], [], F.max_pool2d(padded, k, s), kernel_h=k[0], kernel_w=k[1], stride_h=s[0],
             stride_w=s[1], top=pads[0], left=pads[1], bottom=pads[2], right=pads[3])
    x = values(2, 5, 7, 6)
    case("avgpool", "global", [x], [], x.mean((2, 3)), is_global=1)
    x = values(1, 4, 7, 6)
    case("avgpool", "3x3_pad", [x], [], F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), kernel_h=3, kernel_w=3,
         stride_h=2, stride_w=2, top=1, left=1, bottom=1, right=1)


def elementwise():
    for act, f in ACTIVATIONS.items():
        x = values(1, 3, 5, 4, low=-8, high=8)
        case("activation", act, [x], [], f(x), act=act)
    x, stats = values(2, 5, 4, 3), [values(5) for _ in range(3)] + [values(5, low=0.1, high=2)]
    y = F.batch_norm(x, stats[2], stats[3], stats[0], stats[1], training=False, eps=1e-3)
    case("batchnorm", "eps3", [x], stats, y, eps=1e-3)
    x, factors = values(2, 4, 3, 5), values(2, 4)
    case("scale_channels", "excitation", [x, factors], [], x * factors[:, :, None, None])
    x, other = values(1, 4, 3, 5), values(1, 4, 3, 5)
    case("multiply", "gate", [x, other], [], torch.sigmoid(x * other), act="logistic")
    x, other = values(2, 4, 3, 5), values(2, 4, 3, 5)
    case("shortcut", "plain", [x, other], [], F.leaky_relu(x + other, 0.1), act="leaky")


def shapes():
    x, a, b = values(1, 3, 4, 5), values(2, 3, 4, 5), values(2, 2, 4, 5)
    case("upsample", "nearest", [x], [], F.interpolate(x, scale_factor=2, mode="nearest"), factor=2, scale=1)
    case("concat", "two", [a, b], [], torch.cat([a, b], 1))
    case("slice", "middle", [a], [], a[:, 1:3], first=1, count=2)
    # reorg3d orders its channels (ky, kx, c), pixel_unshuffle (c, ky, kx).
    x = values(2, 3, 4, 6)
    deep = F.pixel_unshuffle(x, 2).reshape(2, 3, 4, 2, 3).transpose(1, 2).reshape(2, 12, 2, 3)
    case("reorg", "3d", [x], [], deep, stride=2, darknet=0, reverse=0)
    case("reorg", "3d_reverse", [deep], [], x, stride=2, darknet=0, reverse=1)


def vectors():
    x, weight, b = values(2, 3, 4, 5), values(7, 60, low=-0.3, high=0.3), values(7)
    case("linear", "map", [x], [weight, b], F.linear(x.flatten(1), weight, b), outputs=7, bias=1, act="linear")
    x, weight = values(3, 17), values(4, 17)
    case("linear", "vector", [x], [weight], torch.tanh(F.linear(x, weight)), outputs=4, bias=0, act="tanh")
    x = values(2, 12, low=-9, high=9)
    case("softmax", "vector", [x], [], F.softmax(x / 0.5, 1), groups=1, temperature=0.5)
    x = values(1, 6, 3, 2)
    y = F.softmax(x.reshape(1, 2, 3, 3, 2), 2).reshape(1, 6, 3, 2)
    case("softmax", "groups", [x], [], y, groups=2, temperature=1)
    y = F.softmax(x.flatten(1), 1).reshape(x.shape)
    case("softmax", "flatten", [x], [], y, groups=1, temperature=1, flatten=1)
    # A locally connected layer is a product per position on the unfolded patches (C, KH*KW).
    x, weight, b = values(2, 3, 3, 4), values(12, 6, 3, 9, low=-0.5, high=0.5), values(6, 3, 4)
    patches = F.unfold(x, 3, padding=1).reshape(2, 3, 9, 12)
    y = torch.einsum("nckp,pock->nop", patches, weight).reshape(2, 6, 3, 4) + b
    case("local", "3x3", [x], [weight, b], F.leaky_relu(y, 0.1), filters=6, kernel=3, stride=1, pad=1, act="leaky")


def darknet_reorg(x, s):
    """The permutation YOLOv2 was trained with: it walks a (C, H, W) map as if that had C / s^2 channels."""
    n, c, h, w = x.shape
    k, j, i = np.meshgrid(np.arange(c), np.arange(h), np.arange(w), indexing="ij")
    o = k // (c // s**2)
    source = i * s + o % s + w * s * (j * s + o // s + h * s * (k % (c // s**2)))
    return x.reshape(n, -1)[:, torch.from_numpy(source.reshape(-1))].reshape(n, c * s * s, h // s, w // s)


def weighted(x, others, weights, norm):
    """A weighted shortcut: one row of weights an input; norm 1 is relu, 2 softmax, both with 1e-4 in the sum."""
    w = weights if norm == 0 else F.relu(weights) if norm == 1 else torch.exp(weights - weights.max(0).values)
    w = w / (w.sum(0) + 1e-4) if norm else w
    return sum(t * w[i].view(1, -1, 1, 1) for i, t in enumerate([x] + others))


def dialect():
    """What only Darknet's language has."""
    x = values(1, 3, 5, 4, low=-4, high=4)
    case("activation", "ramp", [x], [], F.relu(x) + 0.1 * x, act="ramp")
    hard = torch.where(x > 0, x, torch.where(x > -2, x * x / 2 + x, torch.zeros_like(x)))
    case("activation", "hard_mish", [x], [], hard, act="hard_mish")
    x = values(2, 8, 4, 6)
    case("reorg", "darknet", [x], [], darknet_reorg(x, 2), stride=2, darknet=1, reverse=0)
    x, others = values(1, 4, 3, 5), [values(1, 4, 3, 5), values(1, 4, 3, 5)]
    for norm in (0, 1, 2):
        v = values(3)
        y = weighted(x, others, v.view(3, 1), norm)
        case("shortcut", f"per_layer_{norm}", [x] + others, [v], y, weights_per=1, norm=norm)
        v = values(3, 4)
        case("shortcut", f"per_channel_{norm}", [x] + others, [v], weighted(x, others, v, norm), weights_per=2, norm=norm)
    wide, thin = values(1, 6, 4, 6), values(1, 4, 4, 6)
    case("shortcut", "surplus_channels", [thin, wide], [], thin + wide[:, :4])
    case("shortcut", "missing_channels", [wide, thin], [], wide + F.pad(thin, (0, 0, 0, 0, 0, 2)))
    small, large = values(1, 6, 2, 3), wide
    case("shortcut", "every_second", [small, large], [], small + large[:, :, ::2, ::2], subsample=1)
    spread = torch.zeros_like(large)
    spread[:, :, ::2, ::2] = small
    case("shortcut", "to_every_second", [large, small], [], large + spread, subsample=1)
    plane = values(1, 1, 4, 6)
    case("scale_channels", "scale_wh", [wide, plane], [], torch.sigmoid(wide * plane), scale_wh=1, act="logistic")
    vector = values(5, 3)  # copied as a map of 5 channels, 3 rows, 1 column
    case("implicit", "atoms", [x], [vector], vector.view(1, 5, 3, 1), filters=5, atoms=3)


def learned(*shape, **limits):
    return values(*shape, **limits).requires_grad_()


def conv_gradient(name, shape, filters, k, stride=(1, 1), pads=(0, 0, 0, 0), dilation=1, groups=1, bias=True):
    x, weight = learned(*shape), learned(filters, shape[1] // groups, *k, low=-0.5, high=0.5)
    params = [weight] + ([learned(filters)] if bias else [])
    padded = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
    y = F.conv2d(padded, *params, stride=stride, dilation=dilation, groups=groups)
    case("conv2d", name, [x], params, y, up=values(*y.shape), filters=filters, kernel_h=k[0], kernel_w=k[1],
         stride_h=stride[0], stride_w=stride[1], top=pads[0], left=pads[1], bottom=pads[2], right=pads[3],
         dilation=dilation, groups=groups, bias=bias, residual=False)


def conv_gradients():
    conv_gradient("grad_1x1", (2, 5, 4, 3), 7, (1, 1))
    conv_gradient("grad_3x3", (2, 4, 7, 5), 6, (3, 3), pads=(1, 1, 1, 1), bias=False)
    conv_gradient("grad_stride2", (2, 3, 7, 6), 5, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
    conv_gradient("grad_uneven", (1, 3, 8, 7), 4, (5, 3), stride=(2, 1), pads=(2, 0, 1, 3))
    conv_gradient("grad_dilated", (1, 4, 9, 8), 3, (3, 3), pads=(2, 2, 2, 2), dilation=2)
    conv_gradient("grad_groups", (1, 6, 5, 6), 9, (3, 3), pads=(1, 1, 1, 1), groups=3, bias=False)
    conv_gradient("grad_depthwise", (2, 8, 6, 5), 8, (3, 3), stride=(2, 2), pads=(1, 1, 1, 1), groups=8, bias=False)


def norm_gradients():
    """In training: the batch's own statistics; the running ones move."""
    for act in ("linear", "leaky", "mish"):
        x, weight, b = learned(3, 5, 4, 3), learned(5), learned(5)
        mean, var = values(5), values(5, low=0.1, high=2)
        after = [mean.clone(), var.clone()]
        y = ACTIVATIONS[act](F.batch_norm(x, *after, weight, b, training=True, momentum=0.1, eps=1e-3))
        case("batchnorm", f"grad_{act}", [x], [weight, b, mean, var], y, up=values(*y.shape), after=after, eps=1e-3,
             act=act, training=1)
    x, weight, b = learned(2, 5, 4, 3), learned(5), learned(5)
    mean, var = values(5), values(5, low=0.1, high=2)
    y = F.leaky_relu(F.batch_norm(x, mean, var, weight, b, training=False, eps=1e-3), 0.1)
    case("batchnorm", "grad_frozen", [x], [weight, b, mean, var], y, up=values(*y.shape), after=[mean, var], eps=1e-3,
         act="leaky")


def pool_gradients():
    for name, k, s, pads in [("2x2", (2, 2), (2, 2), (0, 0, 0, 0)), ("5x5_same", (5, 5), (1, 1), (2, 2, 2, 2)),
                             ("3x2_uneven", (3, 2), (2, 1), (1, 0, 1, 1))]:
        x = learned(2, 5, 7, 6)
        y = F.max_pool2d(F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=float("-inf")), k, s)
        case("maxpool", f"grad_{name}", [x], [], y, up=values(*y.shape), training=1, kernel_h=k[0], kernel_w=k[1],
             stride_h=s[0], stride_w=s[1], top=pads[0], left=pads[1], bottom=pads[2], right=pads[3])
    x = learned(2, 5, 7, 6)
    y = x.mean((2, 3))
    case("avgpool", "grad_global", [x], [], y, up=values(*y.shape), is_global=1)
    x = learned(1, 4, 7, 6)
    y = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    case("avgpool", "grad_3x3_pad", [x], [], y, up=values(*y.shape), kernel_h=3, kernel_w=3, stride_h=2, stride_w=2, top=1,
         left=1, bottom=1, right=1)


def other_gradients():
    for act, f in ACTIVATIONS.items():
        x = learned(1, 3, 5, 4, low=-8, high=8)
        y = f(x)
        case("activation", f"grad_{act}", [x], [], y, up=values(*y.shape), act=act)
    x, weight, b = learned(2, 3, 4, 5), learned(7, 60, low=-0.3, high=0.3), learned(7)
    y = F.linear(x.flatten(1), weight, b)
    case("linear", "grad_map", [x], [weight, b], y, up=values(*y.shape), outputs=7, bias=1, act="linear")
    x = learned(2, 12, low=-3, high=3)
    y = F.softmax(x / 0.5, 1)
    case("softmax", "grad_vector", [x], [], y, up=values(*y.shape), groups=1, temperature=0.5)
    x, factors = learned(2, 4, 3, 5), learned(2, 4)
    y = x * factors[:, :, None, None]
    case("scale_channels", "grad_excitation", [x, factors], [], y, up=values(*y.shape))
    x, other = learned(2, 4, 3, 5), learned(2, 4, 3, 5)
    y = F.leaky_relu(x + other, 0.1)
    case("shortcut", "grad_leaky", [x, other], [], y, up=values(*y.shape), act="leaky")
    x = learned(1, 3, 4, 5)
    y = F.interpolate(x, scale_factor=2, mode="nearest")
    case("upsample", "grad_nearest", [x], [], y, up=values(*y.shape), factor=2, scale=1)


def main():
    convolutions()
    pools()
    elementwise()
    shapes()
    vectors()
    dialect()
    conv_gradients()
    norm_gradients()
    pool_gradients()
    other_gradients()
    path = sys.argv[1] if len(sys.argv) > 1 else "tests/golden/ops.bin"
    with open(path, "wb") as f:
        f.write(out)
    print(f"{path}: {len(out)} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
