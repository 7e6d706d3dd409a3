#!/usr/bin/env python3
"""Compares this program with the PyTorch reading of the same cfg and weights (scripts/torch_reference.py).

For the five trained networks under $YOLO_TEST_DATA/weights on one photograph:
  layers   every layer's output, unfused and fused, and the results of a run as `yolo detect` plans it (in the fused
           column): max|a - b| <= 1e-4 max|b|. Torch starts from the very input tensor that our network read.
  input    that tensor against torch's own resize of the same pixels: within 1e-4, a fortieth of a grey level (torch
           computes source positions in fp32).
  boxes    `yolo detect` against torch's own resize, network, decoding and NMS: as many, each with a partner of
           its class at IoU >= 0.99 and a confidence within 0.001.
Pixels come from our JPEG decoder (tests/tools/dump_layers writes them as PPM): decoders differ by up to three
levels, which is not what is compared here.
With --zoo, every network of backbone/models with random weights, layers only. With --random N, N random networks
(random_networks.py), layers only: the whole dialect, in combinations nobody wrote by hand.

    python3 scripts/compare_torch.py [--build build/release] [--image FILE] [--letterbox] [--conf C] [--zoo | --random N]
Exit status 1 when anything disagrees.
"""
import argparse
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch

from random_networks import random_network
from torch_heads import detections, preprocess
from torch_reference import Network

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TRAINED = [("yolo-fastest-1.1-xl", "coco.names"), ("yolo-fastest-1.1", "coco.names"),
           ("MobileNetV2-YOLOv3-Nano-coco", "coco.names"), ("MobileNetV2-YOLO-Fastest-voc-v2", "voc.names"),
           ("yolo-lite-coco-trial6", "coco.names")]
LAYER_TOLERANCE, INPUT_TOLERANCE, IOU, CONFIDENCE = 1e-4, 1e-4, 0.99, 0.001


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare_torch: {' '.join(command)}\n{done.stdout}{done.stderr}")


def dump(args, cfg, weights, folder, mode):
    """Runs dump_layers; returns (input (H, W, C), pixels, {layer: (section, (H, W, C))})."""
    os.makedirs(folder, exist_ok=True)
    tool = os.path.join(args.build, "tests", "tools", "dump_layers")
    words = ([mode] if mode else []) + (["--letterbox"] if args.letterbox else [])
    run(tool, *words, "--cfg", cfg, weights, args.image, folder)

    def read(name, shape):
        return np.fromfile(os.path.join(folder, name), "<f4").reshape(shape)

    layers, net_input, pixels = {}, None, None
    for line in open(os.path.join(folder, "index.txt"), encoding="utf-8"):
        word = line.split()
        if word[0] == "input":
            net_input = read("input.f32", [int(v) for v in word[1:]])
        elif word[0] == "image":
            w, h = int(word[1]), int(word[2])
            raw = open(os.path.join(folder, "image.ppm"), "rb").read()
            pixels = np.frombuffer(raw[-3 * w * h:], np.uint8).reshape(h, w, 3)
        else:
            layers[int(word[1])] = (word[2], read(f"layer_{word[1]}.f32", [int(v) for v in word[3:]]))
    return net_input, pixels, layers


def compare_layers(layers, outputs, least):
    """(worst ratio, its layer, how many were compared). A map without a value above `least` is measured by that: what
    relu leaves of a sum that cancels says little."""
    worst, where = 0.0, "-"
    for index, (section, ours) in sorted(layers.items()):
        theirs = outputs[index][0].permute(1, 2, 0).numpy()
        if ours.shape != theirs.shape:
            return float("inf"), f"{index} {section}: shape {ours.shape} against {theirs.shape}", len(layers)
        difference = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), least))
        if not difference <= worst:  # a NaN is worst of all
            worst, where = difference, f"{index} {section}"
    return worst, where, len(layers)


def box_iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def compare_boxes(ours, theirs):
    """(least IoU, largest confidence difference) over pairs; a box without a partner gives IoU 0."""
    least, largest, free = 1.0, 0.0, list(ours)
    for t in theirs:
        partners = [o for o in free if o["class"] == t["class"]]
        if not partners:
            return 0.0, largest
        best = max(partners, key=lambda o: box_iou(o["box"], t["box"]))
        free.remove(best)
        least = min(least, box_iou(best["box"], t["box"]))
        largest = max(largest, abs(best["confidence"] - t["confidence"]))
    return (0.0 if free else least), largest


def compare_network(args, cfg, weights, scratch, least=1e-30):
    network = Network(cfg).read_weights(weights)
    rows, ok, cache = [], True, None
    for mode in ("", "--fused", "--planned"):
        net_input, pixels, layers = dump(args, cfg, weights, os.path.join(scratch, "run" + mode), mode)
        if cache is None or not np.array_equal(cache[0], net_input):
            cache = net_input, network.forward(torch.from_numpy(net_input).permute(2, 0, 1)[None].contiguous())
        worst, where, count = compare_layers(layers, cache[1], least)
        if count < (len(network.layers) if not mode else 1):
            worst, where = float("inf"), f"{count} layers of {len(network.layers)} were written"
        ok &= worst <= LAYER_TOLERANCE
        rows.append((worst, f"{count:4d} {worst:8.1e} ({where})"))
    return network, [rows[0][1], max(rows[1:])[1]], ok, net_input, pixels


def compare_trained(args, data, name, names_file, scratch):
    cfg, weights = (os.path.join(data, "weights", name + end) for end in (".cfg", ".weights"))
    names_path = os.path.join(data, "weights", names_file)
    network, row, ok, net_input, pixels = compare_network(args, cfg, weights, scratch)
    x, place = preprocess(pixels, network.width, network.height, args.letterbox)
    difference = float(np.abs(x[0].permute(1, 2, 0).numpy() - net_input).max())
    out = os.path.join(scratch, "found.json")
    run(os.path.join(args.build, "yolo"), "detect", args.image, "--model", weights, "--cfg", cfg, "--names", names_path,
        "--conf", str(args.conf), "--json", out, "--no-images", "--quiet",
        "--letterbox" if args.letterbox else "--stretch")
    ours = json.load(open(out, encoding="utf-8"))["images"][0]["detections"]
    names = open(names_path, encoding="utf-8").read().split("\n")
    theirs = detections(network, network.forward(x), place, (pixels.shape[1], pixels.shape[0]), names, args.conf)
    least, largest = compare_boxes(ours, theirs)
    ok &= least >= IOU and largest <= CONFIDENCE and difference <= INPUT_TOLERANCE
    print(f"{name:32s} {row[0]:36s} {row[1]:36s} {difference:8.1e} {len(ours):4d} {len(theirs):4d} "
          f"{least:8.5f} {largest:9.1e}  {'ok' if ok else 'DIFFERS'}", flush=True)
    return ok


def compare_zoo(args, cfg, scratch):
    weights = os.path.join(scratch, "random.weights")
    Network(cfg).random_weights().write_weights(weights)
    _, row, ok, _, _ = compare_network(args, cfg, weights, scratch)
    name = os.path.splitext(os.path.basename(cfg))[0]
    print(f"{name:32s} {row[0]:36s} {row[1]:36s} {'ok' if ok else 'DIFFERS'}", flush=True)
    return ok


def compare_random(args, seed, scratch):
    """Silent about a network that agrees; one that does not is kept for a look."""
    cfg = os.path.join(scratch, f"random-{seed}.cfg")
    with open(cfg, "w", encoding="utf-8") as file:
        file.write(random_network(random.Random(seed)))
    weights = os.path.join(scratch, "random.weights")
    network = Network(cfg).random_weights(seed)
    network.write_weights(weights)
    _, row, ok, _, _ = compare_network(args, cfg, weights, scratch, least=0.05)
    if not ok:
        kept = os.path.join(tempfile.gettempdir(), os.path.basename(cfg))
        shutil.copy(cfg, kept)
        print(f"{kept:32s} {row[0]:36s} {row[1]:36s} DIFFERS", flush=True)
    return ok, len(network.layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--image", help="default: dog.jpg of YOLO_TEST_DATA")
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--letterbox", action="store_true", help="instead of stretching")
    parser.add_argument("--zoo", action="store_true", help="the networks of backbone/models with random weights")
    parser.add_argument("--cfg", nargs="*", help="with --zoo: only these files")
    parser.add_argument("--random", type=int, metavar="N", help="N random networks with random weights")
    parser.add_argument("--seed", type=int, default=1, help="of the first random network")
    args = parser.parse_args()
    data = os.environ.get("YOLO_TEST_DATA")
    if not data and not ((args.zoo or args.random) and args.image):
        sys.exit("compare_torch: set YOLO_TEST_DATA (--zoo and --random with --image need none)")
    args.image = args.image or os.path.join(data, "images", "dog.jpg")
    all_ok = True
    with tempfile.TemporaryDirectory() as scratch:
        if args.zoo:
            print(f"{'network, random weights':32s} {'unfused: layers, worst max|a-b|/max|b|':36s} fused")
            for cfg in args.cfg or sorted(glob.glob(os.path.join(ROOT, "backbone", "models", "*.cfg"))):
                all_ok &= compare_zoo(args, cfg, scratch)
        elif args.random:
            results = [compare_random(args, args.seed + i, scratch) for i in range(args.random)]
            all_ok = all(ok for ok, _ in results)
            print(f"{args.random} random networks, {sum(layers for _, layers in results)} layers, unfused and fused")
        else:
            fit = "letterboxed" if args.letterbox else "stretched"
            print(f"{os.path.basename(args.image)}, {fit}, confidence above {args.conf}")
            print(f"{'network':32s} {'unfused: layers, worst ratio':36s} {'fused':36s} {'input':>8s} {'ours':>4s} {'torch':>5s}"
                  f" {'min IoU':>7s} {'max conf':>9s}")
            for name, names in TRAINED:
                all_ok &= compare_trained(args, data, name, names, scratch)
    print("all agree" if all_ok else "something differs")
    sys.exit(0 if all_ok else 1)


if __name__ == "__main__":
    main()
