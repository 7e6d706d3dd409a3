#!/usr/bin/env python3
"""Two files of `yolo detect --json`: does a device find what the CPU finds?

    gpu_compare.py CPU.json DEVICE.json --iou LEAST --confidence MOST [--floor 0.3]
Every detection with at least the floor's confidence, in either file, needs a partner of its class in the other, with an IoU
of at least LEAST and a confidence that differs by at most MOST. (Both were made with a lower --conf, so that one at the
floor has its partner.) One line; exit status 1 when one has none, or when there was nothing to compare.
"""
import argparse
import json
import sys


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else float(a == b)


def read(path):
    """{file: detections}."""
    with open(path, encoding="utf-8") as file:
        return {image["file"]: image["detections"] for image in json.load(file)["images"]}


def partners(some, others, floor):
    """(detection, its partner or None) for those above the floor; a partner serves once."""
    free = list(others)
    for d in sorted(some, key=lambda d: -d["confidence"]):
        alike = [o for o in free if o["class_id"] == d["class_id"]]
        best = max(alike, key=lambda o: iou(d["box"], o["box"]), default=None)
        if best is not None:
            free.remove(best)
        if d["confidence"] >= floor:
            yield d, best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cpu")
    parser.add_argument("device")
    parser.add_argument("--iou", type=float, required=True)
    parser.add_argument("--confidence", type=float, required=True)
    parser.add_argument("--floor", type=float, default=0.3)
    args = parser.parse_args()
    cpu, device = read(args.cpu), read(args.device)
    if cpu.keys() != device.keys():
        sys.exit(f"gpu_compare: the files name different images: {sorted(cpu.keys() ^ device.keys())}")
    compared, bad, least, most = 0, [], 1.0, 0.0
    for image in cpu:
        for some, others in ((cpu[image], device[image]), (device[image], cpu[image])):
            for d, partner in partners(some, others, args.floor):
                overlap = iou(d["box"], partner["box"]) if partner else 0.0
                difference = abs(d["confidence"] - partner["confidence"]) if partner else 1.0
                compared, least, most = compared + 1, min(least, overlap), max(most, difference)
                if not (overlap >= args.iou and difference <= args.confidence):
                    bad.append(f"{image}: {d['class']} {d['confidence']:.4f}: IoU {overlap:.5f}, confidence off by {difference:.1e}")
    print(f"{compared} detections: least IoU {least:.6f} (bound {args.iou}), largest difference of confidence {most:.1e} "
          f"(bound {args.confidence})")
    for line in bad[:10]:
        print("  " + line)
    sys.exit(1 if bad or compared == 0 else 0)


if __name__ == "__main__":
    main()
