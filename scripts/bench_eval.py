#!/usr/bin/env python3
"""Speed and memory of `yolo eval` against pycocotools, on a synthetic set of COCO's size, in one run.

    python3 scripts/bench_eval.py [--images 5000] [--truths 7] [--detections 100] [--build build/release] [--masks] [--alone]

Both read the same two files and give the twelve numbers; they are compared. Each runs as a process of its own, whose time (of the
wall, and of all cores together) and largest memory (resident) are measured. The program runs with 1 thread, 2 threads, and
2 threads without the bootstrap that pycocotools does not have either.
Needs numpy and pycocotools. pycocotools takes a minute and a half for 500,000 detections.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLASSES = 80

PYCOCOTOOLS = """
import contextlib, io, json, sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(sys.argv[1])
    evaluation = COCOeval(truth, truth.loadRes(sys.argv[2]), sys.argv[3])
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
json.dump([float(v) for v in evaluation.stats], open(sys.argv[4], "w"))
"""


def make_files(args, truth_path, results_path):
    """Half of the detections lie near a truth of their class, half anywhere; scores have 17 digits, as Python writes them."""
    rng = np.random.default_rng(1)
    truth = {"images": [{"id": i + 1, "file_name": f"{i + 1:012}.jpg", "width": 640, "height": 480} for i in range(args.images)],
             "categories": [{"id": k + 1, "name": f"class {k + 1}"} for k in range(CLASSES)], "annotations": []}
    results = []
    for image in truth["images"]:
        n = rng.poisson(args.truths)
        boxes = np.column_stack([rng.uniform(0, 560, n), rng.uniform(0, 400, n), np.exp(rng.uniform(2, 5.5, (n, 2)))]).round(2)
        classes = np.minimum(rng.geometric(0.06, n), CLASSES)
        for box, k in zip(boxes.tolist(), classes.tolist()):
            annotation = {"id": len(truth["annotations"]) + 1, "image_id": image["id"], "category_id": k, "bbox": box,
                          "area": box[2] * box[3], "iscrowd": int(rng.random() < 0.01)}
            x, y, w, h = box
            annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
            truth["annotations"].append(annotation)
        for _ in range(args.detections):
            if n and rng.random() < 0.5:
                at = rng.integers(n)
                box, k = (boxes[at] + rng.normal(0, 0.1, 4) * np.tile(boxes[at][2:], 2)).tolist(), int(classes[at])
                box[2:] = [max(v, 1.0) for v in box[2:]]
            else:
                box = [float(v) for v in (*rng.uniform(0, 400, 2), *np.exp(rng.uniform(2, 5.5, 2)))]
                k = int(min(rng.geometric(0.06), CLASSES))
            result = {"image_id": image["id"], "category_id": k, "score": float(rng.random() ** 3)}
            result["bbox"] = [round(v, 3) for v in box]
            results.append(result)
    for path, what in ((truth_path, truth), (results_path, results)):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(what, file)
    return len(truth["annotations"]), len(results)


# A process's largest memory counts what it was forked from, so a small one starts it.
MEASURE = """
import json, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def measure(command):
    """(seconds, seconds of all cores, MiB)"""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True)
    code, *numbers = json.loads(done.stdout)
    if code != 0:
        sys.exit(f"bench_eval: {' '.join(command)} ended with {code}")
    return numbers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--truths", type=float, default=7, help="an image, on average")
    parser.add_argument("--detections", type=int, default=100, help="an image")
    parser.add_argument("--masks", action="store_true", help="score masks (of boxes) instead of boxes")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--alone", action="store_true", help="without pycocotools")
    args = parser.parse_args()
    program = os.path.join(args.build, "yolo")
    kind = "segm" if args.masks else "bbox"
    with tempfile.TemporaryDirectory() as folder:
        truth, results, theirs, ours = (os.path.join(folder, name) for name in ("truth.json", "results.json", "theirs", "ours"))
        n_truths, n_results = make_files(args, truth, results)
        print(f"{args.images} images, {n_truths} truths, {n_results} detections ({os.path.getsize(results) >> 20} MiB), {kind}")
        os.environ["YOLO_CACHE"] = os.path.join(folder, "cache")
        base = [program, "eval", "--gt", truth, "--dt", results, "--json", ours, "--mask" if args.masks else "--box"]
        rows, numbers = [], []
        for name, extra in (("yolo, 1 thread", ["--threads", "1"]), ("yolo, 2 threads", ["--threads", "2"]),
                            ("yolo, 2 threads, no bootstrap", ["--threads", "2", "--bootstrap", "0"])):
            rows.append((name, *measure(base + extra)))
            with open(ours, encoding="utf-8") as file:
                numbers.append(list(json.load(file)[kind].values()))
        if not args.alone:
            rows.append(("pycocotools", *measure([sys.executable, "-c", PYCOCOTOOLS, truth, results, kind, theirs])))
            with open(theirs, encoding="utf-8") as file:
                numbers.append(json.load(file))
    _, seconds, busy, mib = rows[-1]
    print(f"{'':30s} {'s':>8s} {'cores s':>8s} {'MiB':>7s} {'faster':>8s} {'by work':>8s} {'memory':>8s}")
    for name, s, c, m in rows:
        print(f"{name:30s} {s:8.2f} {c:8.2f} {m:7.0f} {seconds / s:7.1f}x {busy / c:7.1f}x {m / mib:8.3f}")
    same = all(n == numbers[0] for n in numbers)
    print("the twelve numbers are equal, bit for bit" if same else f"NUMBERS DIFFER: {numbers}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
