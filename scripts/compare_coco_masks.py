#!/usr/bin/env python3
"""Compares the masks of datasets/mask.h with the real pycocotools, bit for bit.

    python3 scripts/compare_coco_masks.py [--cases 20000] [--seed 1] [--build build/release]

Random cases: pixels, polygons, boxes and runs, each with its text, area, box and pixels, their unions, intersections and IoU with
and without crowds. Then, where YOLO_TEST_DATA is set, every annotation of coco/annotations/instances_*.json and
nuclei/instances_*.json. Prints one line; exit 1 on any difference.
Needs pycocotools, numpy (scripts/setup_python.sh) and the program mask_lab of the build (YOLO_TESTS=ON).
"""
import argparse
import collections
import glob
import json
import math
import os
import struct
import subprocess
import sys
import time

import numpy as np
from pycocotools import mask as coco

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH = 400


class Lab:
    """Collects requests with the answers that pycocotools gives; ask() sends them and compares."""

    def __init__(self, program):
        self.program, self.masks, self.compared, self.differences = program, 0, 0, 0
        self.clear()

    def clear(self):
        self.requests, self.expected, self.case = bytearray(), [], []

    def request(self, kind, a, b, n, data=b""):
        self.requests += struct.pack("=4i", ord(kind), a, b, n) + data

    def add(self, kind, height, width, n, data, rle, what):
        self.request(kind, height, width, n, data)
        self.case.append((rle, what))

    def merge(self, first, n, intersect):
        rles = [rle for rle, _ in self.case[first:first + n]]
        self.request("M", first, int(intersect), n)
        self.case.append((coco.merge(rles, intersect), f"merge of {n}"))

    def overlap(self, n_dt, n_gt, crowd):
        rles = [rle for rle, _ in self.case]
        flags = [0] * n_gt if crowd is None else crowd
        iou = coco.iou(rles[:n_dt], rles[n_dt:n_dt + n_gt], flags)
        self.request("I", n_dt, n_gt, int(crowd is not None), b"" if crowd is None else bytes(crowd))
        self.expected.append(("iou", np.asarray(iou, dtype="=f8").tobytes(order="F"), "IoU of masks"))

    def box_overlap(self, dt, gt, crowd):
        iou = coco.iou(dt, gt, crowd)
        self.request("V", len(dt), len(gt), 1, dt.tobytes() + gt.tobytes() + bytes(crowd))
        self.expected.append(("iou", np.asarray(iou, dtype="=f8").tobytes(order="F"), "IoU of boxes"))

    def end_case(self):
        """Everything about every mask of this case."""
        self.request("D", 0, 0, 0)
        self.request("X", 0, 0, 0)
        for rle, what in self.case:
            self.expected.append(("mask", rle, what))
        self.masks += len(self.case)
        self.case = []

    def ask(self):
        done = subprocess.run([self.program], input=bytes(self.requests), capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"compare_coco_masks: {done.stderr.decode()}")
        out, at = done.stdout, 0
        for kind, value, what in self.expected:
            if kind == "iou":
                self.judge(out[at:at + len(value)], value, what)
                at += len(value)
            else:
                at = self.judge_mask(out, at, value, what)
        if at != len(out):
            sys.exit("compare_coco_masks: mask_lab said more than was asked")
        self.clear()

    def judge(self, ours, theirs, what, about=""):
        self.compared += 1
        if ours == theirs:
            return
        self.differences += 1
        if self.differences <= 10:
            print(f"DIFFERS: {what} {about}: {ours[:60]!r} and not {theirs[:60]!r}")

    def judge_mask(self, out, at, rle, what):
        height, width, length = struct.unpack_from("=3i", out, at)
        self.judge((height, width), tuple(rle["size"]), what, "size")
        at += 12
        self.judge(out[at:at + length], rle["counts"], what, f"text ({height} x {width})")
        at += length
        self.judge(out[at:at + 4], struct.pack("=I", int(coco.area(rle))), what, "area")
        if height * width > 0:  # pycocotools divides by the height
            self.judge(out[at + 4:at + 36], coco.toBbox(rle).astype("=f8").tobytes(), what, "box")
            self.judge_pixels(out[at + 36:at + 36 + height * width], rle, what)
        return at + 36 + height * width

    def judge_pixels(self, ours, rle, what):
        theirs = coco.decode(rle).tobytes(order="F")
        if ours != theirs:  # behind the last run pycocotools leaves what was in memory; for us it is background
            end = sum(runs_of(rle["counts"]))
            theirs = theirs[:end] + bytes(len(theirs) - end)
        self.judge(ours, theirs, what, "pixels")


def runs_of(text):
    """The runs of a compressed mask, slowly."""
    runs, value, shift = [], 0, 0
    for piece in (code - 48 for code in text):
        value |= (piece & 31) << shift
        shift += 5
        if piece & 32:
            continue
        if piece & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


# ---- random things ----

def random_side(rng):
    return int(rng.choice([0, 1, 1, 2, 3, 7, 8, 9, 16, 17, 33, 64, 90, 127])) if rng.random() < .7 else int(rng.integers(1, 200))


def random_pixels(rng, height, width):
    kind = rng.integers(5)
    if kind == 0:
        return (rng.random((height, width)) < rng.choice([0, .01, .1, .5, .9, .99, 1])).astype(np.uint8)
    if kind == 1:
        return np.full((height, width), rng.integers(2), np.uint8)
    y, x = np.mgrid[:height, :width]
    cy, cx, r = rng.uniform(-.2, 1.2) * height, rng.uniform(-.2, 1.2) * width, rng.uniform(0, .7) * max(height, width)
    disc = (x - cx) ** 2 + (y - cy) ** 2 < r * r
    if kind == 2:
        disc = disc ^ (rng.random((height, width)) < .02)
    if kind == 3:
        disc = disc | (x % 5 == 0)
    return disc.astype(np.uint8)


def random_polygon(rng, height, width):
    """3 to 40 points, now and then fewer; inside, across the border, far outside."""
    k = int(rng.choice([1, 2, 3, 3, 4, 5, 8, 13, 40]))
    kind = rng.integers(8)
    size = np.array([max(width, 1), max(height, 1)], float)
    if kind <= 1:  # star-shaped, convex for equal radii
        angle = np.sort(rng.uniform(0, 2 * np.pi, k))
        radius = rng.uniform(0, 1) * (1 if kind == 0 else rng.uniform(.2, 1, k))
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * np.reshape(radius, (-1, 1)) * size.max() / 2
        points += rng.uniform(-.3, 1.3, 2) * size
    elif kind == 2:
        points = rng.uniform(-.2, 1.2, (k, 2)) * size
    elif kind == 3:
        points = rng.uniform(-3, 4, (k, 2)) * size
    elif kind == 4:
        points = rng.integers(-3, 4 + int(size.max()), (k, 2)).astype(float)
    elif kind == 5:  # degenerate: few different points, repeated
        points = rng.uniform(0, 1, (3, 2))[rng.integers(0, 3, k)] * size
    elif kind == 6:  # everything on one line
        points = np.stack([np.full(k, rng.uniform(0, size[0])), rng.uniform(-5, 5 + size[1], k)], 1)
        points = points[:, ::-1] if rng.random() < .5 else points
    else:
        points = rng.uniform(-.5, 1.5, (min(k, 5), 2)) * size * rng.choice([10, 300])
    grid = rng.choice([0, 0, 1, 2, 5, 10])
    points = np.round(points * grid) / grid if grid else np.round(points, 2)
    if rng.random() < .2:
        points = np.clip(points, 0, size)
    return points.reshape(-1)


def add_pixels(lab, rng, height, width):
    pixels = random_pixels(rng, height, width)
    columns = np.asfortranarray(pixels)
    lab.add("E", height, width, 0, columns.tobytes(order="F"), coco.encode(columns), "pixels")


def add_polygon(lab, rng, height, width):
    points = random_polygon(rng, height, width)
    # A 2-point polygon would be read as a box: its first corner once more changes nothing.
    if len(points) == 4:
        points = np.concatenate([points, points[:2]])
    rle = coco.frPyObjects([points.tolist()], height, width)[0] if len(points) > 4 else None
    if rle is None:
        return add_pixels(lab, rng, height, width)
    lab.add("P", height, width, len(points) // 2, points.astype("=f8").tobytes(), rle, "polygon")


def add_box(lab, rng, height, width):
    box = np.concatenate([rng.uniform(-.5, 1.2, 2), rng.uniform(0, 1, 2)]) * [width, height, width, height]
    box = np.round(box * 2) / 2 if rng.random() < .5 else box
    rle = coco.frPyObjects(box.reshape(1, 4), height, width)[0]
    lab.add("B", height, width, 0, box.astype("=f8").tobytes(), rle, "box")


def add_runs(lab, rng, height, width):
    """Runs from elsewhere: empty ones in the middle. Not more than pixels: the API's merge has room for area + 1 runs."""
    area = height * width
    n = int(rng.integers(1, max(2, min(30, area - 2))))
    cuts = np.sort(rng.integers(0, area + 1, n - 1))
    counts = np.diff(np.concatenate([[0], cuts, [area]]))
    if rng.random() < .3 and area > 4:
        counts = np.insert(counts, rng.integers(0, n + 1), [0, 0])
    rle = coco.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    if rng.random() < .5:
        lab.add("C", height, width, len(counts), counts.astype("=f8").tobytes(), rle, "counts")
    else:
        lab.add("T", height, width, len(rle["counts"]), rle["counts"], rle, "text")


def random_case(lab, rng):
    height, width = random_side(rng), random_side(rng)
    ways = [add_pixels, add_pixels, add_polygon, add_polygon, add_polygon, add_box, add_runs]
    if width == 0:  # the API has no last column to stop at and writes outside the mask
        ways = [add_pixels, add_runs]
    n = int(rng.integers(1, 6))
    one = ways[rng.integers(len(ways))] if rng.random() < .6 else None
    for _ in range(n):
        (one or ways[rng.integers(len(ways))])(lab, rng, height, width)
    first = int(rng.integers(0, n))
    if height * width > 0:
        if rng.random() < .1:  # another size
            add_pixels(lab, rng, height + 1, width)
        n_dt = int(rng.integers(1, len(lab.case) + 1))
        n_gt = len(lab.case) - n_dt
        if n_gt > 0:
            lab.overlap(n_dt, n_gt, None if rng.random() < .3 else rng.integers(0, 2, n_gt).astype(np.uint8).tolist())
    if any(what in ("counts", "text") for _, what in lab.case[:n]):
        first = max(first, n - 2)  # the API may end the merge of empty runs early, and would then never end the next one
    for intersect in (False, True):
        lab.merge(first, n - first, intersect)
    if rng.random() < .3:
        gt = random_boxes(rng)
        lab.box_overlap(random_boxes(rng), gt, rng.integers(0, 2, len(gt)).astype(np.uint8).tolist())
    lab.end_case()


def random_boxes(rng):
    boxes = rng.uniform(-20, 100, (int(rng.integers(1, 6)), 4))
    boxes[:, 2:] = np.abs(boxes[:, 2:])
    if rng.random() < .5:
        boxes = np.round(boxes / 10) * 10
    if rng.random() < .1:
        boxes[0, rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf, 0, -5])
    return np.ascontiguousarray(boxes.astype("=f8"))


# ---- real annotations ----

def add_annotation(lab, annotation, height, width):
    """All masks of one annotation and, for polygons, their union; returns the index of the whole mask."""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, list):
        first = len(lab.case)
        for points in segmentation:
            rle = coco.frPyObjects([points], height, width)[0]
            lab.add("P", height, width, len(points) // 2, np.array(points, "=f8").tobytes(), rle, f"annotation {annotation['id']}")
        lab.merge(first, len(segmentation), False)
        return
    counts = segmentation["counts"]
    rle = coco.frPyObjects(segmentation, height, width) if isinstance(counts, list) else \
        {"size": segmentation["size"], "counts": counts.encode()}
    if isinstance(counts, list):
        lab.add("C", height, width, len(counts), np.array(counts, "=f8").tobytes(), rle, f"annotation {annotation['id']}")
    else:
        lab.add("T", height, width, len(counts), rle["counts"], rle, f"annotation {annotation['id']}")


def compare_file(lab, path):
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    sizes = {image["id"]: (image["height"], image["width"]) for image in data["images"]}
    by_image = collections.defaultdict(list)
    for annotation in data["annotations"]:
        by_image[annotation["image_id"]].append(annotation)
    for image, annotations in by_image.items():
        crowd = []
        for annotation in annotations:
            before = len(lab.case)
            add_annotation(lab, annotation, *sizes[image])
            crowd += [annotation.get("iscrowd", 0)] * (len(lab.case) - before)
        half = (len(lab.case) + 1) // 2
        lab.overlap(half, len(lab.case) - half, crowd[half:]) if len(lab.case) > half else None
        lab.end_case()
        lab.ask()
    return len(data["annotations"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    args = parser.parse_args()
    lab = Lab(os.path.join(args.build, "tests", "tools", "mask_lab"))
    if not os.path.exists(lab.program):
        sys.exit(f"compare_coco_masks: {lab.program} is not there; build the target mask_lab")
    rng = np.random.default_rng(args.seed)
    for case in range(args.cases):
        random_case(lab, rng)
        if case % BATCH == BATCH - 1 or case == args.cases - 1:
            lab.ask()
    annotations = 0
    folder = os.environ.get("YOLO_TEST_DATA")
    if not folder:
        print("SKIP: YOLO_TEST_DATA is not set; random cases only")
    else:
        for pattern in ("coco/annotations/instances_*.json", "nuclei/instances_*.json"):
            for path in sorted(glob.glob(os.path.join(folder, pattern))):
                annotations += compare_file(lab, path)
    print(f"compare_coco_masks: {args.cases} random cases, {annotations} annotations, {lab.masks} masks, {lab.compared} "
          f"comparisons, {lab.differences} differences")
    return 1 if lab.differences else 0


if __name__ == "__main__":
    sys.exit(main())
