#!/usr/bin/env python3
"""COCOeval against the real pycocotools: every number of precision, recall, scores and the summary, on random cases.

    python3 scripts/compare_coco_eval.py [--cases 300] [--first 0] [--build build/release]

Cases have what data sets have and what breaks evaluators: equal scores, equal boxes, crowds, classes without truths, ids with
holes, id 0, an id for two, more than 100 detections of a class in an image, areas on the edges of the size classes, images
without anything, detections of unknown categories, other limits, no classes at all. Half of a run's cases are scored with 1
thread, half with 2. A third as many are scored by `yolo eval` itself, with other recalls and some of the images (recThrs, imgIds).
Then the example of the COCO API, where YOLO_TEST_DATA has it.
Needs numpy and pycocotools (scripts/setup_python.sh), and yolo and tests/tools/eval_lab of the build.
"""
import argparse
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools import mask as mask_utils
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIDES = [0.5, 8, 32, 33, 64, 96, 97, 150]


# ---- random cases ----

def draw_box(rng, width, height):
    """Sides on the edges of the size classes more often than chance would have it."""
    w, h = (float(rng.choice(SIDES)) if rng.random() < 0.5 else float(rng.uniform(1, 160)) for _ in range(2))
    x, y = rng.uniform(-5, width - 4), rng.uniform(-5, height - 4)
    return [float(round(v, 2)) if rng.random() < 0.7 else float(v) for v in (x, y, w, h)]


def near(rng, box):
    jitter = rng.normal(0, rng.choice([0, 0.02, 0.1, 0.3]), 4)
    return [float(box[0] + jitter[0] * box[2]), float(box[1] + jitter[1] * box[3]),
            float(max(box[2] * (1 + jitter[2]), 0.1)), float(max(box[3] * (1 + jitter[3]), 0.1))]


def polygon_of(rng, box):
    """An ellipse of a few points in the box, as lists of x, y."""
    turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
    x = box[0] + box[2] / 2 * (1 + np.cos(turns))
    y = box[1] + box[3] / 2 * (1 + np.sin(turns))
    return [float(v) for pair in zip(x, y) for v in pair]


def rle_of(rng, box, image):
    """Compressed RLE of a polygon, sometimes with holes punched in it."""
    width, height = image["width"], image["height"]
    rle = mask_utils.merge(mask_utils.frPyObjects([polygon_of(rng, box)], height, width))
    if rng.random() < 0.3:
        pixels = mask_utils.decode(rle) & (rng.random((height, width)) < 0.8)
        rle = mask_utils.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": [int(v) for v in rle["size"]], "counts": rle["counts"].decode()}


def uncompressed(rle):
    flat = mask_utils.decode({"size": rle["size"], "counts": rle["counts"].encode()}).flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    return {"size": rle["size"], "counts": ([0] if flat[0] else []) + counts}


def draw_images(rng):
    ids = rng.choice(500, rng.integers(1, 9), replace=False)
    return [{"id": int(i), "file_name": f"{i}.jpg", "width": int(rng.integers(40, 220)), "height": int(rng.integers(40, 220))}
            for i in ids]


def draw_truth(rng, image, category, masks):
    box = draw_box(rng, image["width"], image["height"])
    truth = {"image_id": image["id"], "category_id": category, "iscrowd": int(rng.random() < 0.12), "bbox": box}
    truth["area"] = float(rng.choice([0, 1024, 9216, 1024.0001, 9215.9])) if rng.random() < 0.15 else box[2] * box[3]
    if masks:
        rle = rle_of(rng, box, image)
        truth["segmentation"] = uncompressed(rle) if truth["iscrowd"] else rle if rng.random() < 0.4 else \
            [polygon_of(rng, box) for _ in range(int(rng.integers(1, 3)))]
        truth["area"] = float(rng.choice([truth["area"], 500, 1024]))
    return truth


def draw_score(rng):
    return float(rng.choice([0.1, 0.5, 0.5, 0.9, 1.0, 0])) if rng.random() < 0.4 else float(rng.random())


def draw_case(seed, masks):
    rng = np.random.default_rng(seed)
    images = draw_images(rng)
    categories = [{"id": int(i), "name": f"class {i}"} for i in rng.choice(100, rng.integers(1, 6), replace=False)]
    used = categories if len(categories) == 1 or rng.random() < 0.5 else categories[:-1]
    truths, results = [], []
    for image in images:
        for _ in range(int(rng.choice([0, 1, 3, 12]))):
            truths.append(draw_truth(rng, image, used[rng.integers(len(used))]["id"], masks))
    ids = rng.choice(100000, len(truths), replace=False) + 1
    for truth, i in zip(truths, ids):
        truth["id"] = int(i)
    if truths and rng.random() < 0.5:
        truths[rng.integers(len(truths))]["id"] = 0
    if truths and rng.random() < 0.3:  # an exact twin: equal overlaps
        truths.append(dict(copy.deepcopy(truths[0]), id=100001))
    if len(truths) > 1 and rng.random() < 0.1:  # one id for two, anywhere
        truths[-1]["id"] = truths[0]["id"]
    order = rng.permutation(len(truths))
    truths = [truths[i] for i in order]
    for image in images:
        own = [t for t in truths if t["image_id"] == image["id"]]
        for _ in range(int(rng.choice([0, 2, 10, 40, 260], p=[0.15, 0.25, 0.3, 0.2, 0.1]))):
            like = own[rng.integers(len(own))] if own and rng.random() < 0.7 else None
            box = near(rng, like["bbox"]) if like else draw_box(rng, image["width"], image["height"])
            category = like["category_id"] if like and rng.random() < 0.8 else categories[rng.integers(len(categories))]["id"]
            if rng.random() < 0.02:
                category = 777
            result = {"image_id": image["id"], "category_id": category, "score": draw_score(rng)}
            if masks:
                same = like and isinstance(like["segmentation"], dict) and isinstance(like["segmentation"]["counts"], str)
                result["segmentation"] = like["segmentation"] if same and rng.random() < 0.4 else rle_of(rng, box, image)
            if not masks or seed % 7 == 0:
                result["bbox"] = box
            results.append(result)
    if not results:  # loadRes fails on an empty list
        return draw_case(seed + 1000003, masks)
    results = [results[i] for i in rng.permutation(len(results))]
    return {"images": images, "categories": categories, "annotations": truths}, results


# ---- both sides ----

def by_pycocotools(truth, results, kind, limits, agnostic, recalls=None, images=None):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(truth)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), kind)
        evaluation.params.maxDets = limits
        evaluation.params.useCats = 0 if agnostic else 1
        if recalls is not None:
            evaluation.params.recThrs = np.array(recalls)
        if images is not None:
            evaluation.params.imgIds = images
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    parts = [evaluation.eval[key] for key in ("precision", "recall", "scores")]
    return [np.ascontiguousarray(part) for part in parts] + [np.array(evaluation.stats)]


def by_us(lab, truth_path, results_path, kind, limits, agnostic, threads, out):
    command = [lab, truth_path, results_path, kind, out, str(threads), ",".join(map(str, limits))]
    done = subprocess.run(command + (["agnostic"] if agnostic else []), capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    values = np.fromfile(out)
    t, r, k, a, m = (int(v) for v in values[:5])
    shapes = [(t, r, k, a, m), (t, k, a, m), (t, r, k, a, m), (12,)]
    parts, at = [], 5
    for shape in shapes:
        n = int(np.prod(shape))
        parts.append(values[at:at + n].reshape(shape))
        at += n
    return parts


def difference(theirs, ours):
    """(numbers, how many are not equal bit for bit, the largest difference)"""
    if isinstance(ours, str):
        return 0, 1, ours
    count, unequal, worst = 0, 0, 0.0
    for a, b in zip(theirs, ours):
        if a.shape != b.shape:
            return count, 1, f"shapes {a.shape} and {b.shape}"
        count += a.size
        unequal += int((a != b).sum())
        worst = max(worst, float(np.abs(a - b).max()) if a.size else 0.0)
    return count, unequal, worst


def run_cases(args, lab, masks, folder):
    kind = "segm" if masks else "bbox"
    total, unequal, worst, failed = 0, 0, 0.0, 0
    for seed in range(args.first, args.first + args.cases):
        truth, results = draw_case(seed * 2 + masks, masks)
        limits = [[1, 10, 100], [1, 10, 100], [2, 30, 100], [1, 100, 300]][seed % 4]
        agnostic = seed % 10 == 9
        paths = [os.path.join(folder, name) for name in ("truth.json", "results.json", "out")]
        for path, what in zip(paths, (truth, results)):
            with open(path, "w", encoding="utf-8") as file:
                json.dump(what, file)
        theirs = by_pycocotools(truth, results, kind, limits, agnostic)
        n, off, most = difference(theirs, by_us(lab, *paths[:2], kind, limits, agnostic, 1 + seed % 2, paths[2]))
        total += n
        unequal += off
        if isinstance(most, str) or most > 1e-12:
            failed += 1
            print(f"{kind} case {seed}: {most}", flush=True)
        else:
            worst = max(worst, most)
    print(f"{kind}: {args.cases} cases, {total} numbers, {unequal} not equal bit for bit, largest difference {worst:.3g}, "
          f"{failed} cases failed", flush=True)
    return failed == 0


# ---- recalls and images, on the command line ----

RECALLS = [("0:0.1:1", np.linspace(0, 1, 11)), ("0:0.01:1", np.linspace(0, 1, 101)), ("0.5", [0.5]),
           ("0.9,0.25,0,0.3333", [0, 0.25, 0.3333, 0.9]), ("0.2:0.05:0.8", np.linspace(0.2, 0.8, 13))]


def by_program(program, paths, kind, recalls, ids, agnostic):
    command = [program, "eval", "--gt", paths[0], "--dt", paths[1], "--mask" if kind == "segm" else "--box", "--json", "-",
               "--quiet", "--bootstrap", "0", "--recall-thresholds", recalls, "--image-ids", ids]
    done = subprocess.run(command + (["--one-class"] if agnostic else []), capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    return [np.array(list(json.loads(done.stdout)[kind].values()))]


def run_choices(args, program, masks, folder):
    kind = "segm" if masks else "bbox"
    total, failed = 0, 0
    paths = [os.path.join(folder, name) for name in ("truth.json", "results.json", "ids.txt")]
    for seed in range(args.first, args.first + args.cases // 3):
        truth, results = draw_case(seed * 2 + masks + 500000, masks)
        rng = np.random.default_rng(seed)
        text, recalls = RECALLS[seed % len(RECALLS)]
        every = [image["id"] for image in truth["images"]]
        images = [int(i) for i in rng.permutation(every)[:rng.integers(1, len(every) + 1)]]
        for path, what in zip(paths, (json.dumps(truth), json.dumps(results), "\n".join(map(str, images)))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(what)
        agnostic = seed % 4 == 3
        theirs = by_pycocotools(truth, results, kind, [1, 10, 100], agnostic, recalls, images)[3:]
        ours = by_program(program, paths, kind, text, paths[2] if seed % 2 else ",".join(map(str, images)), agnostic)
        n, off, most = difference(theirs, ours)
        total += n
        if off:
            failed += 1
            print(f"{kind} choice {seed}: {off} numbers differ, {most}", flush=True)
    print(f"{kind}: {args.cases // 3} choices of recalls and images, {total} numbers, {failed} cases not equal bit for bit",
          flush=True)
    return failed == 0


def run_example(lab, folder):
    data = os.environ.get("YOLO_TEST_DATA")
    if not data:
        print("SKIP: YOLO_TEST_DATA is not set; the example of the COCO API was not scored")
        return True
    good = True
    truth_path = os.path.join(data, "cocoeval", "instances_val2014_100.json")
    with open(truth_path, encoding="utf-8") as file:
        truth = json.load(file)
    for kind in ("bbox", "segm"):
        results_path = os.path.join(data, "cocoeval", f"instances_val2014_fake{kind}100_results.json")
        with open(results_path, encoding="utf-8") as file:
            results = json.load(file)
        theirs = by_pycocotools(truth, results, kind, [1, 10, 100], False)
        ours = by_us(lab, truth_path, results_path, kind, [1, 10, 100], False, 2, os.path.join(folder, "out"))
        n, off, most = difference(theirs, ours)
        print(f"cocoeval {kind}: {n} numbers, {off} not equal bit for bit, {most}", flush=True)
        good = good and off == 0
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300, help="of each kind (default 300)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    args = parser.parse_args()
    lab, program = os.path.join(args.build, "tests", "tools", "eval_lab"), os.path.join(args.build, "yolo")
    for tool in (lab, program):
        if not os.path.exists(tool):
            sys.exit(f"compare_coco_eval: '{tool}' is not built")
    with tempfile.TemporaryDirectory() as folder:
        good = [run_cases(args, lab, masks, folder) for masks in (False, True)]
        good += [run_choices(args, program, masks, folder) for masks in (False, True)] + [run_example(lab, folder)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
