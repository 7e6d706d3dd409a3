#!/usr/bin/env python3
"""Measures training against PyTorch on the same networks, weights and pictures, in one call.

    python3 scripts/bench_train.py [--build build/release] [--networks ...] [--rounds 7] [--write docs/performance.md]

A step is forward, backward and update (SGD with momentum and weight decay), fp32, two cores by affinity; ours is
`yolo bench --train` and has its loss in it, PyTorch (bench_train_worker.py) is given the gradient at a detector's heads. It runs once as
NCHW and once as channels_last, in processes of their own; the better of the two counts. Rounds are interleaved (A B C,
B C A ...), ratios are taken within a round, the table shows medians over rounds. Before anything is timed, the losses of three steps and
the gradient of every parameter in the first are compared. Nobody else should be using the machine. Debian's `darknet` trains
yolov3-tiny where it is installed, by the seconds that its own log names. Needs PyTorch: scripts/setup_python.sh --torch.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_peers import ROOT, Worker, find_cfg, machine, write_cfg, write_tables

NETWORKS = {"yolov3-tiny": (416, 8), "yolov4-tiny": (416, 8), "resnet18": (224, 16)}
MARKS = ("<!-- bench_train: begin -->", "<!-- bench_train: end -->")
LAYOUTS = ("nchw", "channels_last")
OBJECTS, LR, MOMENTUM, DECAY = 5, 1e-4, 0.9, 5e-4  # as cli/bench_train.h has them
BOUND, PARAMETER_BOUND = 1e-4, 1e-2
WIDE = (1 << 32) - 1


# ---- the batch of cli/bench_train.c ----

def philox(key, stream, blocks):
    """Philox4x32-10 of backbone/base/rng.c: (blocks, 4) words."""
    import numpy as np
    wide = np.uint64(WIDE)
    x = [blocks & wide, blocks >> np.uint64(32), np.full_like(blocks, stream & WIDE), np.full_like(blocks, stream >> 32)]
    k = [key & WIDE, key >> 32]
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = [(right >> np.uint64(32)) ^ x[1] ^ np.uint64(k[0]), right & wide, (left >> np.uint64(32)) ^ x[3] ^ np.uint64(k[1]), left & wide]
        k = [(k[0] + 0x9E3779B9) & WIDE, (k[1] + 0xBB67AE85) & WIDE]
    return np.stack(x, 1).astype(np.uint32)


def draw_batch(size, batch, classes):
    import numpy as np
    count = batch * size * size * 3
    words = philox(1, 0, np.arange((count + 15) // 16, dtype=np.uint64))
    pixels = words.astype("<u4").view(np.uint8).reshape(-1)[:count].reshape(batch, size, size, 3)
    f, truths, labels = np.float32, [], []
    for n in range(batch):
        draws = iter((philox(1, n + 1, np.arange(16, dtype=np.uint64)).reshape(-1) >> 8).astype(f) * f(2.0 ** -24))
        image = []
        for _ in range(OBJECTS):
            w, h = ((f(0.05) + f(0.45) * next(draws)) * f(size) for _ in range(2))
            x, y = (f(size) - w) * next(draws), (f(size) - h) * next(draws)
            x2, y2, c = x + w, y + h, int(next(draws) * f(classes))
            wide = f(size)
            box = (x + x2) / (2 * wide), (y + y2) / (2 * wide), (x2 - x) / wide, (y2 - y) / wide
            image.append([float(v) for v in box] + [c, 1.0, 0])
        truths.append(image)
        labels.append(int(next(draws) * f(classes)))
    return pixels, truths, labels


def prepare(name, folder):
    """Fills a folder with everything the workers of one network read. In a process of its own: the parent stays small."""
    import numpy as np
    from torch_reference import Network
    size, batch = NETWORKS[name]
    own, weights = os.path.join(folder, name + ".cfg"), os.path.join(folder, name + ".weights")
    write_cfg(find_cfg(name), own, {"width": size, "height": size})
    network = Network(own).random_weights()
    network.write_weights(weights)
    heads = [layer for layer in network.layers if layer.name == "yolo"]
    classes = heads[0].s.integer("classes") if heads else network.layers[-1].shape[0]
    pixels, truths, labels = draw_batch(size, batch, classes)
    np.save(os.path.join(folder, "pixels.npy"), pixels)
    bn = [bool(getattr(layer, "bn", False)) for layer in network.layers]
    meta = {"cfg": own, "weights": weights, "size": size, "batch": batch, "truths": truths, "labels": labels, "bn": bn, "lr": LR,
            "momentum": MOMENTUM, "decay": DECAY, "loss": "yolov4" if heads and "iou_loss" in heads[0].s else "yolov3"}
    with open(os.path.join(folder, "meta.json"), "w", encoding="utf-8") as out:
        json.dump(meta, out)


# ---- ours ----

class Yolo:
    """`yolo bench --train`: a process for each request."""
    peer = "yolo"

    def __init__(self, build, folder, meta, cpus):
        self.meta, self.json = meta, os.path.join(folder, "yolo.json")
        self.command = ["taskset", "-c", ",".join(map(str, cpus)), os.path.join(os.path.abspath(build), "yolo"), "bench", "--train",
                        "--weights", meta["weights"], "--cfg", meta["cfg"], "--batch", str(meta["batch"]),
                        "--threads", str(len(cpus)), "--json", self.json]

    def bench(self, *more):
        done = subprocess.run(self.command + list(more), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench_train: {done.stderr}")
        return json.load(open(self.json, encoding="utf-8")), done.stdout

    def ask(self, request):
        word = request.split()
        found, _ = self.bench("--iterations", word[1] if word[0] == "run" else "1")
        if word[0] == "run":
            return {"ms": [found["step_ms"]["median"]]}
        if word[0] == "memory":
            return {"peak": found["peak_rss_mb"]}
        names = {"conv.weight": "weights", "fc.weight": "weights", "linear.weight": "weights", "conv.bias": "biases", "fc.bias": "biases",
                 "linear.bias": "biases", "bn.weight": "scales", "bn.bias": "biases"}
        norms = {}
        for name, norm in found["gradients"].items():
            _, layer, what = name.split(".", 2)
            norms[f"{layer} {names[what]}"] = norm
        return {"losses": found["losses"], "gradients": norms}

    def close(self):
        pass


def check(answers):
    """Everybody must have computed the same thing, or the times mean nothing. Returns the largest relative difference of a loss or
    the whole gradient. The norm of one parameter's gradient may be apart by more: rounding turns over maxima and kinks, and
    PyTorch's two layouts differ by as much."""
    mine, worst = answers["yolo"], 0.0
    whole = lambda a: sum(v * v for v in a["gradients"].values()) ** 0.5
    for peer in LAYOUTS:
        theirs = answers[peer]
        if set(mine["gradients"]) != set(theirs["gradients"]):
            sys.exit(f"bench_train: other parameters: {set(mine['gradients']) ^ set(theirs['gradients'])}")
        pairs = [(a, b, BOUND) for a, b in zip(mine["losses"] + [whole(mine)], theirs["losses"] + [whole(theirs)], strict=True)]
        pairs += [(mine["gradients"][k], v, PARAMETER_BOUND) for k, v in theirs["gradients"].items()]
        for a, b, bound in pairs:
            apart = abs(a - b) / abs(b)
            if not apart <= bound:
                sys.exit(f"bench_train: {peer} has {b}, yolo {a}: {mine} {theirs}")
            worst = max(worst, apart if bound == BOUND else 0)
    return worst


# ---- darknet ----

def run_darknet(build, folder, cpus):
    """Seconds of one step of yolov3-tiny, batch 8, as its log says; None where it cannot."""
    program, (size, batch) = shutil.which("darknet"), NETWORKS["yolov3-tiny"]
    if not program:
        return None
    yolo, data = os.path.join(os.path.abspath(build), "yolo"), os.path.join(folder, "darknet")
    drawn = os.path.join(folder, "shapes")
    for command in (["synth", drawn, "--images", "24", "--quiet"],
                    ["convert", drawn + "/data.cfg", data, "--to", "yolo", "--split", "train"]):
        subprocess.run([yolo, "data", *command], check=True, stdout=subprocess.DEVNULL)
    images = sorted(os.path.join(at, f) for at, _, names in os.walk(data, followlinks=True) for f in names if f.endswith((".jpg", ".png")))
    cfg = os.path.join(folder, "darknet.cfg")
    write_cfg(find_cfg("yolov3-tiny"), cfg, {"width": size, "height": size, "batch": batch, "subdivisions": 1, "max_batches": 3,
                                             "burn_in": 1000})
    text = re.sub(r"(?m)^random\s*=.*$", "random=0", open(cfg, encoding="utf-8").read())
    lists = f"train={folder}/train.txt\nvalid={folder}/train.txt\nnames={folder}/names\nbackup={folder}\n"
    for name, value in (("darknet.cfg", text), ("train.txt", "\n".join(images) + "\n"), ("obj.data", "classes=80\n" + lists),
                        ("names", "\n".join(f"c{i}" for i in range(80)))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(value)
    done = subprocess.run(["taskset", "-c", ",".join(map(str, cpus)), program, "detector", "train", os.path.join(folder, "obj.data"), cfg],
                          cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seconds = [float(v) for v in re.findall(r"rate, ([0-9.]+) seconds", done.stdout)]
    if not seconds:
        print(f"darknet said: {(done.stderr or done.stdout)[-300:]}", file=sys.stderr)
        return None
    return min(seconds)


# ---- the table ----

def measure(args, name, folder, cpus):
    meta = json.load(open(os.path.join(folder, "meta.json"), encoding="utf-8"))
    workers = [Yolo(args.build, folder, meta, cpus)]
    try:
        workers += [Worker(layout, folder, cpus, "bench_train_worker.py") for layout in LAYOUTS]
        apart = check({w.peer: w.ask("check") for w in workers})
        count, rounds = {}, {w.peer: [] for w in workers}
        for w in workers:
            count[w.peer] = max(2, min(50, int(args.seconds * 1e3 / statistics.median(w.ask("run 2")["ms"]))))
        for number in range(args.rounds):
            for w in workers[number % 3:] + workers[:number % 3]:
                time.sleep(0.05)
                rounds[w.peer].append(statistics.median(w.ask(f"run {count[w.peer]}")["ms"]))
        memory = {w.peer: w.ask("memory") for w in workers}
        layers = workers[0].bench("--layers", "--seconds", "1")[1] if args.layers else ""
        return meta, apart, rounds, memory, layers
    finally:
        for w in workers:
            w.close()


def row_of(name, meta, apart, rounds, memory, darknet):
    size, batch = meta["size"], meta["batch"]
    mine = statistics.median(rounds["yolo"])
    ratio = lambda peer: statistics.median(t / o for t, o in zip(rounds[peer], rounds["yolo"]))
    best = min(LAYOUTS, key=lambda peer: statistics.median(rounds[peer]))
    cells = [f"{mine:.0f}", f"{batch / mine * 1e3:.1f}"]
    for peer in LAYOUTS:
        cells.append(f"{statistics.median(rounds[peer]):.0f} ({ratio(peer):.2f})")
    cells.append(f"**{ratio(best):.2f}**")
    cells.append(f"{darknet * 1e3:.0f} ({darknet * 1e3 / mine:.0f})" if darknet else "-")
    theirs = min(memory[peer]["peak"] for peer in LAYOUTS)
    imports = min(memory[peer]["imports"] for peer in LAYOUTS)
    cells.append(f"{memory['yolo']['peak']:.0f}")
    cells.append(f"{theirs:.0f} ({imports:.0f})")
    cells.append(f"{apart:.0e}")
    return f"| {name} | {size}, {batch} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each side in each round")
    parser.add_argument("--layers", action="store_true", help="print our table by layer too")
    parser.add_argument("--no-darknet", action="store_true")
    parser.add_argument("--write", metavar="FILE", help="put the table into this document, between its markers")
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare:
        prepare(*args.prepare)
        return
    from importlib.metadata import version
    cpus = sorted(os.sched_getaffinity(0))[:args.threads]
    head = ["network", "size, batch", "yolo, ms a step", "images/s", "PyTorch NCHW, ms (ratio)", "channels_last, ms (ratio)",
            "best PyTorch / yolo", "Debian's darknet, ms (ratio)", "yolo, peak MB", "PyTorch, peak MB (of which imports)", "differ by"]
    lines = [f"Measured by `scripts/bench_train.py` on {machine()}, {len(cpus)} threads; torch {version('torch')}; "
             f"{args.rounds} interleaved rounds.", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    print("\n".join(lines), flush=True)
    for name in args.networks:
        with tempfile.TemporaryDirectory(prefix="yolo-bench-") as folder:
            subprocess.run([sys.executable, os.path.abspath(__file__), "--prepare", name, folder], check=True)
            meta, apart, rounds, memory, layers = measure(args, name, folder, cpus)
            darknet = run_darknet(args.build, folder, cpus) if name == "yolov3-tiny" and not args.no_darknet else None
            lines.append(row_of(name, meta, apart, rounds, memory, darknet))
            print(lines[-1], layers, sep="\n", flush=True)
    if args.write:
        write_tables("\n".join(lines), args.write, MARKS)


if __name__ == "__main__":
    main()
