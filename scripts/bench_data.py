#!/usr/bin/env python3
"""Measures how labelled data is read, against the usual tools, in one run.

    python3 scripts/bench_data.py load [--build build/release] [--json FILE] [--annotations 1000000] [--rounds 3] [--check]

load: a COCO JSON of the size of instances_train2017 (made by scripts/make_big_coco.py in a scratch folder unless --json names
one): the first start of this program (no index yet), its second start (from the index), and Python's json.load of the same
file, by turns; wall time, processor time and peak memory of each, medians over rounds. --check: exit status 1 unless the first start
takes at most 1.5 times as long as json.load and 1.5 GB, and the second less than a second.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON_LOAD = "import json, sys; d = json.load(open(sys.argv[1])); print(json.dumps({'annotations': len(d['annotations'])}))"


def measured(command, env=None):
    """Runs a process: its last line as JSON, with wall and processor seconds and peak memory."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if process.returncode:
        sys.exit(f"bench_data.py: {command[0]} failed with status {process.returncode}")
    result = json.loads(text.strip().splitlines()[-1])
    result.update(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss / 1024)
    return result


def load_rounds(args, path, scratch):
    """One dictionary a round: first, second, python."""
    lab = os.path.join(args.build, "tests", "tools", "data_lab")
    rounds = []
    for i in range(args.rounds):
        cache = os.path.join(scratch, f"cache{i}")
        env = {**os.environ, "YOLO_CACHE": cache}
        one = {"python": measured([sys.executable, "-c", PYTHON_LOAD, path]), "first": measured([lab, path], env)}
        one["second"] = measured([lab, path], env)
        if one["first"]["mapped"] or not one["second"]["mapped"]:
            sys.exit("bench_data.py: the second start did not use an index, or the first did")
        keys = ("images", "annotations", "classes", "crowds", "polygons", "rle", "counts", "area")
        if any(one["first"][k] != one["second"][k] for k in keys):
            sys.exit("bench_data.py: the index holds something else than the file")
        if one["first"]["annotations"] != one["python"]["annotations"]:
            sys.exit("bench_data.py: not all annotations were read")
        one["index"] = sum(os.path.getsize(os.path.join(cache, f)) for f in os.listdir(cache)) / 1e6
        rounds.append(one)
    return rounds


def bench_load(args):
    with tempfile.TemporaryDirectory(prefix="yolo-bench-") as scratch:
        path = args.json or os.path.join(scratch, "instances_big.json")
        if not args.json:
            maker = os.path.join(ROOT, "scripts", "make_big_coco.py")
            subprocess.run([sys.executable, maker, path, "--annotations", str(args.annotations)], check=True)
            time.sleep(2.5)  # an index is kept of files that have rested
        rounds = load_rounds(args, path, scratch)
        size = os.path.getsize(path) / 1e6
    print(f"{size:.0f} MB, {rounds[0]['first']['annotations']} annotations, {rounds[0]['first']['images']} images; "
          f"index {rounds[0]['index']:.0f} MB; {os.cpu_count()} cores, Python {sys.version.split()[0]}, {args.rounds} rounds")
    print(f"{'':14}{'wall s':>9}{'cpu s':>9}{'peak MiB':>9}")
    median = lambda who, what: statistics.median(r[who][what] for r in rounds)
    for who, title in (("first", "first start"), ("second", "second start"), ("python", "json.load")):
        print(f"{title:14}{median(who, 'wall'):9.3f}{median(who, 'cpu'):9.3f}{median(who, 'peak'):9.0f}")
    ratio = statistics.median(r["first"]["wall"] / r["python"]["wall"] for r in rounds)
    print(f"first start / json.load: {ratio:.2f} (wall, median of the rounds' ratios)")
    good = ratio <= 1.5 and median("first", "peak") * 1024 * 1024 <= 1.5e9 and median("second", "wall") < 1
    print("within the limits" if good else "NOT within the limits")
    return 0 if good or not args.check else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["load"])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--json", help="a COCO JSON that is there already")
    parser.add_argument("--annotations", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit status 1 when a limit is missed")
    args = parser.parse_args()
    return bench_load(args)


sys.exit(main())
