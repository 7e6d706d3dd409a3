#!/usr/bin/env python3
"""Writes tests/golden/images.h: what PyTorch's bilinear resize makes of a small picture, and a small CMYK JPEG.

Run once by hand (needs torch, numpy, Pillow); the header is kept in the tree, so tests need no Python.
Usage: scripts/make_golden_images.py > tests/golden/images.h
"""
import io

import numpy as np
import torch
from PIL import Image

WIDTH, HEIGHT = 7, 5  # tests/unit/test_resize.c draws the same picture
CASES = [(11, 4), (3, 9), (7, 5), (1, 1), (2, 12)]  # output width, height


def picture():
    y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
    return ((37 * x + 101 * y + 59 * c + 13 * x * y * c) % 256).astype(np.float32)


def resized(width, height, align_corners):
    image = torch.from_numpy(picture()).permute(2, 0, 1)[None]
    out = torch.nn.functional.interpolate(image, size=(height, width), mode="bilinear", align_corners=align_corners)
    return (out[0].permute(1, 2, 0) / 255).numpy().ravel()


def print_list(values, form, per_line):
    for i in range(0, len(values), per_line):
        print("    " + " ".join(form.format(v) + "," for v in values[i:i + per_line]))
    print("};\n")


def print_resizes():
    names = []
    for align in (False, True):
        for width, height in CASES:
            names.append((f"golden_{'corners' if align else 'half'}_{width}x{height}", width, height, align))
            print(f"static const float {names[-1][0]}[] = {{ /* ({height}, {width}, 3) */")
            print_list(resized(width, height, align), "{:.8f}f", 9)
    print("static const struct golden_resize {\n  int width, height, align_corners;\n  const float *values;\n} golden_resizes[] = {")
    for name, width, height, align in names:
        print(f"    {{{width}, {height}, {int(align)}, {name}}},")
    print("};\n")


def print_cmyk():
    y, x = np.meshgrid(np.arange(16), np.arange(24), indexing="ij")
    inks = np.stack([x * 10, y * 15, (x + y) * 6, (x * y) % 97], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(buffer, "JPEG", quality=90, subsampling=0)
    print("/* 24 x 16, four channels, Adobe marker with transform 0 */")
    print("static const unsigned char golden_cmyk_jpeg[] = {")
    print_list(list(buffer.getvalue()), "{}", 22)


def main():
    print("/* Written by scripts/make_golden_images.py (PyTorch's interpolate, Pillow's JPEG writer); not by hand. */")
    print("#ifndef YOLO_TESTS_GOLDEN_IMAGES_H\n#define YOLO_TESTS_GOLDEN_IMAGES_H\n")
    print_resizes()
    print_cmyk()
    print("#endif")


if __name__ == "__main__":
    main()
