#!/usr/bin/env python3
"""Scores models on the COCO images of $YOLO_TEST_DATA/coco/val2017 with the real pycocotools.

Runs `yolo detect FOLDER --coco-json`, stretched and letterboxed, and prints AP and AP50.

    python3 scripts/coco_score.py [MODEL...] [--build build/release] [--conf 0.001 ...]
MODEL: a .safetensors, or a .weights with the .cfg beside it; default: the COCO networks of YOLO_TEST_DATA.
Needs pycocotools.
"""
import argparse
import contextlib
import glob
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT = ["yolo-fastest-1.1-xl", "yolo-fastest-1.1", "MobileNetV2-YOLOv3-Nano-coco", "yolo-lite-coco-trial6"]


def annotations(data):
    files = glob.glob(os.path.join(data, "coco", "annotations", "instances_val*.json"))
    if len(files) != 1:
        sys.exit(f"coco_score: expected one instances_val*.json, found {files}")
    return files[0]


def detect(build, data, model, conf, letterbox, truth, out, extra):
    command = [os.path.join(build, "yolo"), "detect", os.path.join(data, "coco", "val2017"), "--model", model,
               "--conf", str(conf), "--coco-json", out, "--coco-ref", truth, "--no-images", "--quiet",
               "--letterbox" if letterbox else "--stretch", *extra]
    if model.endswith(".weights"):
        stem = model[:-len(".weights")]
        own = stem + ".names"
        names = own if os.path.exists(own) else os.path.join(os.path.dirname(model), "coco.names")
        command += ["--cfg", stem + ".cfg", "--names", names]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"coco_score: {' '.join(command)}\n{done.stdout}{done.stderr}")


def score(truth, found):
    """(AP, AP50, images); pycocotools prints a lot, which is swallowed."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(truth)
        results = coco.loadRes(found)
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1], len(coco.getImgIds())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--conf", type=float, nargs="+", default=[0.001], help="boxes below are not scored (default: 0.001)")
    parser.add_argument("--extra", default="", help="more words for yolo detect, e.g. '--iou 0.6'")
    args = parser.parse_args()
    data = os.environ.get("YOLO_TEST_DATA")
    if not data:
        sys.exit("coco_score: set YOLO_TEST_DATA")
    truth = annotations(data)
    models = args.models or [os.path.join(data, "weights", name + ".weights") for name in DEFAULT]
    print(f"{'model':34s} {'input':10s} {'conf':>6s} {'AP':>7s} {'AP50':>7s} {'images':>7s} {'boxes':>8s} {'s':>6s}")
    for model, conf, letterbox in itertools.product(models, args.conf, (False, True)):
        with tempfile.TemporaryDirectory() as scratch:
            out, began = os.path.join(scratch, "found.json"), time.time()
            detect(args.build, data, model, conf, letterbox, truth, out, args.extra.split())
            seconds = time.time() - began
            with open(out, encoding="utf-8") as file:
                boxes = len(json.load(file))
            ap, ap50, images = score(truth, out)
        name = os.path.splitext(os.path.basename(model))[0]
        print(f"{name:34s} {'letterbox' if letterbox else 'stretch':10s} {conf:6g} {ap:7.4f} {ap50:7.4f} {images:7d} "
              f"{boxes:8d} {seconds:6.1f}", flush=True)


if __name__ == "__main__":
    main()
