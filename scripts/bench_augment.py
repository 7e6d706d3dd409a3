#!/usr/bin/env python3
"""Pictures a second of the yolov5 augmentation on one core, against the same pipeline in Python, in one run.

    python3 scripts/bench_augment.py BCCD [--build build/release] [--venv build/augment-venv] [--seconds 4] [--rounds 3] [--check]

BCCD: the data set in its VOC layout (Annotations/, JPEGImages/). The pipeline at 416: a mosaic of four, scale and translation, HSV,
flip, boxes clipped and filtered. Python twice: YOLOv5's own way (OpenCV and NumPy), and with albumentations behind the mosaic; the
faster of the two counts. Sources: decoded images in memory, and JPEG files. Everything on one thread; what is counted is
processor time, so that other work on the machine matters less. Sides take turns; the medians of the rounds are printed.
--check: exit status 1 unless this program is 2 times as fast from memory and 1.2 times from JPEG.

The packages (opencv-python-headless, albumentations, numpy) are installed into the folder --venv on the first run.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import time
import venv
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZE = 416


# ---- the Python side; runs inside the environment ----

def read_boxes(path):
    rows = []
    for item in ElementTree.parse(path).getroot().iter("object"):
        box = item.find("bndbox")
        rows.append([float(box.find(k).text) for k in ("xmin", "ymin", "xmax", "ymax")])
    return rows


class Images:
    """Images and boxes; decoded once or each time."""

    def __init__(self, folder, in_memory):
        import cv2
        import numpy as np
        self.cv2 = cv2
        names = sorted(f[:-4] for f in os.listdir(os.path.join(folder, "Annotations")) if f.endswith(".xml"))
        self.paths = [os.path.join(folder, "JPEGImages", n + ".jpg") for n in names]
        self.boxes = [np.array(read_boxes(os.path.join(folder, "Annotations", n + ".xml")), np.float32).reshape(-1, 4)
                      for n in names]
        self.pixels = [cv2.imread(p) for p in self.paths] if in_memory else None

    def __len__(self):
        return len(self.paths)

    def load(self, i):
        """As YOLOv5's load_image: the longer side becomes the input's."""
        image = self.pixels[i] if self.pixels else self.cv2.imread(self.paths[i])
        h, w = image.shape[:2]
        ratio = SIZE / max(h, w)
        if ratio != 1:
            image = self.cv2.resize(image, (int(w * ratio), int(h * ratio)), interpolation=self.cv2.INTER_LINEAR)
        return image, self.boxes[i] * ratio


def mosaic(images, index, np):
    """YOLOv5's load_mosaic: a canvas of two inputs, four images around a drawn point."""
    s = SIZE
    yc, xc = (int(random.uniform(s // 2, 2 * s - s // 2)) for _ in range(2))
    canvas = np.full((s * 2, s * 2, 3), 114, dtype=np.uint8)
    boxes = []
    order = [index] + random.choices(range(len(images)), k=3)
    random.shuffle(order)
    for k, i in enumerate(order):
        image, own = images.load(i)
        h, w = image.shape[:2]
        left, top = k % 2 == 0, k < 2
        x1a, x2a = (max(xc - w, 0), xc) if left else (xc, min(xc + w, s * 2))
        y1a, y2a = (max(yc - h, 0), yc) if top else (yc, min(yc + h, s * 2))
        x1b = w - (x2a - x1a) if left else 0
        y1b = h - (y2a - y1a) if top else 0
        canvas[y1a:y2a, x1a:x2a] = image[y1b:y1b + y2a - y1a, x1b:x1b + x2a - x1a]
        boxes.append(own + np.array([x1a - x1b, y1a - y1b] * 2, np.float32))
    boxes = np.concatenate(boxes)
    return canvas, np.clip(boxes, 0, 2 * s)


def stays(before, after, np):
    """YOLOv5's box_candidates."""
    w1, h1 = before[:, 2] - before[:, 0], before[:, 3] - before[:, 1]
    w2, h2 = after[:, 2] - after[:, 0], after[:, 3] - after[:, 1]
    aspect = np.maximum(w2 / (h2 + 1e-16), h2 / (w2 + 1e-16))
    return (w2 > 2) & (h2 > 2) & (w2 * h2 / (w1 * h1 + 1e-16) > 0.1) & (aspect < 100)


def opencv_picture(images, index):
    """random_perspective, augment_hsv and fliplr of YOLOv5."""
    import cv2
    import numpy as np
    canvas, boxes = mosaic(images, index, np)
    s, scale = SIZE, random.uniform(0.5, 1.5)
    tx, ty = random.uniform(0.4, 0.6) * s, random.uniform(0.4, 0.6) * s
    matrix = np.array([[scale, 0, tx - scale * s], [0, scale, ty - scale * s]])
    image = cv2.warpAffine(canvas, matrix, dsize=(s, s), borderValue=(114, 114, 114))
    moved = boxes * scale + np.array([tx - scale * s, ty - scale * s] * 2, np.float32)
    after = np.clip(moved, 0, s)
    boxes = after[stays(boxes * scale, after, np)]
    gains = np.random.uniform(-1, 1, 3) * [0.015, 0.7, 0.4] + 1
    hue, sat, val = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    x = np.arange(0, 256, dtype=gains.dtype)
    luts = ((x * gains[0]) % 180).astype(np.uint8), np.clip(x * gains[1], 0, 255).astype(np.uint8), \
        np.clip(x * gains[2], 0, 255).astype(np.uint8)
    hsv = cv2.merge((cv2.LUT(hue, luts[0]), cv2.LUT(sat, luts[1]), cv2.LUT(val, luts[2])))
    cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=image)
    if random.random() < 0.5:
        image = np.fliplr(image)
        boxes[:, [0, 2]] = s - boxes[:, [2, 0]]
    return np.ascontiguousarray(image), boxes


def albumentations_maker():
    import albumentations as A
    import numpy as np
    s = SIZE
    steps = A.Compose([
        A.Affine(scale=(0.5, 1.5), translate_percent=(-0.05, 0.05), fill=114, p=1),
        A.CenterCrop(s, s, p=1),
        A.HueSaturationValue(hue_shift_limit=3, sat_shift_limit=70, val_shift_limit=50, p=1),
        A.HorizontalFlip(p=0.5),
    ], bbox_params=A.BboxParams(format="pascal_voc", label_fields=["labels"], min_visibility=0.1, min_width=2, min_height=2,
                                clip=True, filter_invalid_bboxes=True))

    def make(images, index):
        canvas, boxes = mosaic(images, index, np)
        out = steps(image=canvas, bboxes=boxes, labels=list(range(len(boxes))))
        return out["image"], out["bboxes"]
    return make


def python_side(args):
    import cv2
    cv2.setNumThreads(1)
    random.seed(1)
    makers = {"opencv": opencv_picture, "albumentations": albumentations_maker()}
    for source in ("ram", "jpeg"):
        images = Images(args.data, source == "ram")
        for name, make in makers.items():
            made, start = 0, time.process_time()
            while time.process_time() - start < args.seconds:
                image, _ = make(images, made % len(images))
                assert image.shape == (SIZE, SIZE, 3)
                made += 1
            print(f"{source} {name} {made / (time.process_time() - start):.1f}", flush=True)


# ---- both sides ----

def environment(folder):
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import cv2, albumentations"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "-q", "install", "opencv-python-headless", "albumentations", "numpy"], check=True)
    return python


def rows(command, env):
    out = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line.split() for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "build", "augment-venv"))
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--python-side", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.python_side:
        return python_side(args)
    python = environment(args.venv)
    env = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    lab = os.path.join(args.build, "tests", "tools", "augment_lab")
    rates = {}
    for _ in range(args.rounds):
        for source, rate in rows([lab, args.data, f"size={SIZE}", f"seconds={args.seconds}"], env):
            rates.setdefault((source, "yolo"), []).append(float(rate))
        side = [python, os.path.abspath(__file__), args.data, "--python-side", "--seconds", str(args.seconds)]
        for source, name, rate in rows(side, env):
            rates.setdefault((source, name), []).append(float(rate))
    good = True
    for source, least in (("ram", 2.0), ("jpeg", 1.2)):
        own, cv, al = (statistics.median(rates[source, name]) for name in ("yolo", "opencv", "albumentations"))
        ratio = own / max(cv, al)
        good = good and ratio >= least
        print(f"{source:5} yolo {own:8.1f}  OpenCV {cv:8.1f}  albumentations {al:8.1f} pictures a second and core; "
              f"ratio {ratio:.2f} (at least {least})")
    return 1 if args.check and not good else 0


if __name__ == "__main__":
    sys.exit(main())
