#!/usr/bin/env python3
"""Writes a synthetic COCO JSON of the size and shape of instances_train2017.json, piece by piece.

    scripts/make_big_coco.py OUT.json [--annotations 1000000] [--images 118287] [--seed 1]

Polygons have about 25 points with two decimals, 1% of the annotations are crowds with an uncompressed RLE, "categories" comes
last, as in the real file. There are no image files. The polygons come from a pool, so that writing half a gigabyte takes seconds.
"""
import argparse
import json
import math
import random

POOL = 20000


def polygon(rng):
    """A star-shaped ring with its box and area, as text."""
    n = max(4, int(rng.gauss(25, 8)))
    cx, cy, r = rng.uniform(60, 580), rng.uniform(60, 420), rng.uniform(4, 60)
    xy = []
    for i in range(n):
        a, q = 2 * math.pi * i / n, r * rng.uniform(0.6, 1)
        xy += [round(cx + q * math.cos(a), 2), round(cy + q * math.sin(a), 2)]
    xs, ys = xy[0::2], xy[1::2]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(n))) / 2
    box = [min(xs), min(ys), round(max(xs) - min(xs), 2), round(max(ys) - min(ys), 2)]
    numbers = ",".join("%g" % v for v in xy)
    return '"segmentation": [[%s]],"area": %r,"iscrowd": 0,' % (numbers, area), '"bbox": [%s],' % ",".join("%g" % v for v in box)


def crowd(rng):
    """A crowd as an uncompressed RLE over 640 x 480."""
    counts, left = [], 640 * 480
    while left > 0:
        counts.append(min(left, rng.randrange(1, 4000)))
        left -= counts[-1]
    area = sum(counts[1::2])
    text = ", ".join(map(str, counts))
    return '"segmentation": {"counts": [%s],"size": [480,640]},"area": %d,"iscrowd": 1,' % (text, area), '"bbox": [0,0,640,480],'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--annotations", type=int, default=1000000)
    parser.add_argument("--images", type=int, default=118287)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    rng = random.Random(a.seed)
    pool = [polygon(rng) for _ in range(POOL)]
    crowds = [crowd(rng) for _ in range(50)]
    categories = [i for i in range(1, 91) if i not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]
    image_ids = rng.sample(range(1, 600000), a.images)
    with open(a.out, "w") as f:
        f.write('{"info": {"description": "synthetic","year": 2024},"licenses": [{"id": 1,"name": "none"}],"images": [')
        f.write(",".join('{"license": 1,"file_name": "%012d.jpg","coco_url": "http://localhost/train2017/%012d.jpg",'
                         '"height": 480,"width": 640,"date_captured": "2013-11-14 11:18:45","id": %d}' % (i, i, i)
                         for i in image_ids))
        f.write('],"annotations": [')
        for i in range(a.annotations):
            shape, box = rng.choice(pool if i % 100 else crowds)
            f.write('%s{%s"image_id": %d,%s"category_id": %d,"id": %d}' %
                    ("," if i else "", shape, rng.choice(image_ids), box, rng.choice(categories), 2 * i + 1))
        f.write('],"categories": %s}' % json.dumps([{"supercategory": "g%d" % (i % 12), "id": i, "name": "class %d" % i}
                                                    for i in categories]))


main()
