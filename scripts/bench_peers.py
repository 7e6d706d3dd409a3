#!/usr/bin/env python3
"""Measures this program against other engines on the same networks and weights, in one call.

    python3 scripts/bench_peers.py [--build build/release] [--venv DIR] [--networks ...] [--threads 1 2]
                                   [--rounds 15] [--write]
Peers: ONNX Runtime, ncnn, OpenCV dnn, PyTorch eager (PyPI, in a throw-away virtual environment or the one --venv
names) and Debian's `darknet` where it is installed (yolov3 family, one run: it is some twenty times slower).
Batch 1, fp32, random weights, equal for all. Every engine is a process of its own that loads once; rounds are
interleaved (A B C ... A B C ...), each round a fresh median, ratios are taken within a round, and the table shows
medians over rounds. One and two threads mean one and two cores by affinity, for all alike. Nobody else should be
using the machine. Then: process start to the first result, and peak memory. --write puts the tables into
docs/performance.md between its markers.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "scripts")
PACKAGES = ["numpy", "torch", "onnx", "onnxruntime", "ncnn", "opencv-python-headless"]
NETWORKS = {"yolov3-tiny": 416, "yolov4-tiny": 416, "yolov3": 416, "yolov4": 416, "resnet18": 224,
            "yolo-fastest-1.1-xl": 320}
PEERS = ["yolo", "onnxruntime", "ncnn", "opencv", "torch"]
TITLES = {"yolo": "yolo", "onnxruntime": "ONNX Runtime", "ncnn": "ncnn", "opencv": "OpenCV", "torch": "PyTorch",
          "darknet": "Debian's darknet"}
MARKS = ("<!-- bench_peers: begin -->", "<!-- bench_peers: end -->")


def ensure_environment(args):
    """Restarts itself inside the virtual environment, making it first where needed."""
    if os.environ.get("YOLO_BENCH_INSIDE"):
        return
    folder = args.venv or tempfile.mkdtemp(prefix="yolo-bench-")
    python = os.path.join(folder, "bin", "python")
    try:
        if not os.path.exists(python):
            print(f"installing {' '.join(PACKAGES)} into {folder} ...", flush=True)
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        code = subprocess.run([python, os.path.abspath(__file__), *sys.argv[1:]],
                              env={**os.environ, "YOLO_BENCH_INSIDE": "1"}).returncode
    finally:
        if not args.venv:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


def find_cfg(name):
    data = os.environ.get("YOLO_TEST_DATA", "")
    for folder in (os.path.join(ROOT, "backbone", "models"), os.path.join(data, "weights")):
        candidate = os.path.join(folder, name + ".cfg")
        if os.path.exists(candidate):
            return candidate
    return None


def write_cfg(cfg, to, net):
    """A copy of a cfg with other values in [net]: one cfg for all, at the size that is measured."""
    lines, section, left = [], "", dict(net)
    for line in open(cfg, encoding="utf-8"):
        if line.strip().startswith("["):
            if section == "[net]":
                lines += [f"{key}={value}\n" for key, value in left.items()]
            section = line.strip()
        key = line.split("=")[0].strip()
        if section == "[net]" and key in net:
            line = f"{key}={net[key]}\n"
            left.pop(key, None)
        lines.append(line)
    with open(to, "w", encoding="utf-8") as out:
        out.writelines(lines)


def prepare(args, name, folder):
    """Fills a folder with everything the workers of one network read."""
    import numpy as np
    from bench_lower import lower, write_ncnn, write_onnx
    from torch_reference import Network
    cfg, size = find_cfg(name), NETWORKS[name]
    if cfg is None:
        return None
    own = os.path.join(folder, name + ".cfg")
    write_cfg(cfg, own, {"width": size, "height": size})
    weights = os.path.join(folder, name + ".weights")
    network = Network(own).random_weights()
    network.write_weights(weights)
    nodes, outputs, shape = lower(network)
    write_onnx(nodes, outputs, shape, os.path.join(folder, "net.onnx"))
    ncnn_outputs = write_ncnn(nodes, outputs, shape, os.path.join(folder, "net.param"), os.path.join(folder, "net.bin"))
    pixels = np.random.default_rng(1).integers(0, 256, (1, *shape), dtype=np.uint8)
    np.save(os.path.join(folder, "input.npy"), pixels.astype(np.float32) / 255)
    with open(os.path.join(folder, "image.ppm"), "wb") as out:
        out.write(b"P6\n%d %d\n255\n" % (shape[2], shape[1]) + pixels[0].transpose(1, 2, 0).tobytes())
    flops = sum(2 * n.v["weight"].numel() * n.shape[1] * n.shape[2] for n in nodes if "weight" in n.v)
    meta = {"cfg": own, "weights": weights, "outputs": outputs, "ncnn_outputs": ncnn_outputs, "flops": flops, "size": size,
            "libyolo": os.path.join(os.path.abspath(args.build), "libyolo.so.0")}
    with open(os.path.join(folder, "meta.json"), "w", encoding="utf-8") as out:
        json.dump(meta, out)
    return meta


class Worker:
    def __init__(self, peer, folder, cpus, script="bench_worker.py"):
        self.peer = peer
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, script), peer, folder, ",".join(map(str, cpus))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the worker of {self.peer} ended (status {self.process.wait()})")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def check_outputs(workers):
    """All engines must have computed the same thing, or their times mean nothing."""
    digests = {w.peer: w.ask("outputs") for w in workers if w.peer != "yolo"}
    if not digests:
        return
    judge = "onnxruntime" if "onnxruntime" in digests else next(iter(digests))
    for peer, found in digests.items():
        for ours, theirs in zip(found, digests[judge], strict=True):
            worst = max(abs(a - b) for a, b in zip(ours["values"], theirs["values"]))
            if ours["count"] != theirs["count"] or worst > 1e-3 * theirs["scale"]:
                sys.exit(f"bench_peers: {peer} and {judge} disagree: {ours} {theirs}")


def measure(args, folder, cpus):
    """{peer: list over rounds of the round's median ms}, and our whole call."""
    workers = [Worker(peer, folder, cpus) for peer in args.peers]
    try:
        check_outputs(workers)
        per_round = {}
        for w in workers:
            once = statistics.median(w.ask("run 2")["ms"])
            per_round[w.peer] = args.iterations or max(2, min(50, int(args.seconds * 1e3 / once)))
        rounds, whole = {w.peer: [] for w in workers}, []
        for number in range(args.rounds):
            order = workers[number % len(workers):] + workers[:number % len(workers)]
            for w in order:
                time.sleep(0.03)  # whoever spun after its last run sleeps by now
                got = w.ask(f"run {per_round[w.peer]}")
                rounds[w.peer].append(statistics.median(got["ms"]))
                if got["whole"]:
                    whole.append(statistics.median(got["whole"]))
        return rounds, whole
    finally:
        for w in workers:
            w.close()


def run_darknet(meta, cpu):
    """Seconds that Debian's program reports for one image, in ms; None where it cannot."""
    program = shutil.which("darknet")
    if not program:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        os.makedirs(os.path.join(scratch, "cfg"))
        with open(os.path.join(scratch, "cfg", "coco.data"), "w", encoding="utf-8") as out:
            out.write(f"classes=80\nnames={scratch}/names\n")
        with open(os.path.join(scratch, "names"), "w", encoding="utf-8") as out:
            out.write("\n".join(f"c{i}" for i in range(80)))
        image = os.path.join(os.path.dirname(meta["cfg"]), "image.ppm")
        # With -out it opens no window.
        command = ["taskset", "-c", str(cpu), program, "detector", "test", "cfg/coco.data", meta["cfg"], meta["weights"], image,
                   "-thresh", "0.999", "-out", "found"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    for line in done.stdout.splitlines():
        if "Predicted in" in line:
            return float(line.split("Predicted in")[1].split()[0]) * 1e3
    print(f"darknet said: {(done.stderr or done.stdout)[-200:]}", file=sys.stderr)
    return None


ORT_PROGRAM = """
import sys, numpy as np, onnxruntime as ort
o = ort.SessionOptions(); o.intra_op_num_threads = int(sys.argv[2])
s = ort.InferenceSession(sys.argv[1] + "/net.onnx", o, providers=["CPUExecutionProvider"])
s.run(None, {"data": np.load(sys.argv[1] + "/input.npy")})
"""


# A process of its own and small: a child's peak memory starts at what its parent held.
TIMER_PROGRAM = """
import os, sys, time
cpus, times, command = [int(c) for c in sys.argv[1].split(",")], int(sys.argv[2]), sys.argv[3:]
os.sched_setaffinity(0, cpus)
for _ in range(times):
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit("status %d: %s" % (status, " ".join(command)))
    print(time.perf_counter() - began, usage.ru_maxrss / 1024)
"""


def first_result(command, cpus, times=5):
    """Median seconds from process start to its end, and the largest peak RSS in MB."""
    done = subprocess.run([sys.executable, "-S", "-c", TIMER_PROGRAM, ",".join(map(str, cpus)), str(times), *command],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench_peers: {done.stderr}")
    pairs = [[float(v) for v in line.split()] for line in done.stdout.splitlines()]
    return statistics.median(p[0] for p in pairs), max(p[1] for p in pairs)


def measure_start(args, folder, meta, cpus):
    yolo = os.path.join(os.path.abspath(args.build), "yolo")
    ours = [yolo, "detect", os.path.join(folder, "image.ppm"), "--weights", meta["weights"], "--cfg", meta["cfg"], "--conf", "0.999",
            "--threads", str(len(cpus)), "--no-images", "--quiet"]
    theirs = [sys.executable, "-c", ORT_PROGRAM, folder, str(len(cpus))]
    empty = [sys.executable, "-c", "import sys, numpy, onnxruntime"]
    return {"yolo": first_result(ours, cpus), "ONNX Runtime": first_result(theirs, cpus),
            "Python and imports alone": first_result(empty, cpus)}


def row_of(name, threads, rounds, whole, flops, darknet):
    base = rounds["yolo"]
    mine = statistics.median(base)
    others = [p for p in rounds if p != "yolo"]
    cells = [f"{mine:.1f} ({flops / mine / 1e6:.0f} GFLOP/s)", f"{statistics.median(whole):.1f}"]
    ratios = {}
    for peer in others:
        ratios[peer] = statistics.median(t / o for t, o in zip(rounds[peer], base))
        cells.append(f"{statistics.median(rounds[peer]):.1f} ({ratios[peer]:.2f})")
    if darknet is not None:
        cells.append(f"{darknet[0]:.0f} ({darknet[0] / mine:.0f})" if darknet[0] else "-")
    best = min(ratios, key=ratios.get) if ratios else None
    cells.append(f"{ratios[best]:.2f} ({TITLES[best]})" if best else "-")
    return f"| {name} | {threads} | " + " | ".join(cells) + " |"


def write_tables(text, file=os.path.join(ROOT, "docs", "performance.md"), marks=MARKS):
    old = open(file, encoding="utf-8").read()
    if marks[0] not in old or marks[1] not in old:
        sys.exit(f"{file} lacks its markers {marks}")
    head, tail = old.split(marks[0])[0], old.split(marks[1])[1]
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"{head}{marks[0]}\n{text}\n{marks[1]}{tail}")


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores"


def versions():
    from importlib.metadata import version
    return ", ".join(f"{p} {version(p)}" for p in PACKAGES[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--venv", help="a virtual environment to use and keep")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--threads", nargs="*", type=int, default=[2, 1])
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each engine in each round")
    parser.add_argument("--iterations", type=int, default=0, help="runs a round, instead of --seconds")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    args = parser.parse_args()
    if "yolo" not in args.peers:
        parser.error("ratios need the peer 'yolo'")
    ensure_environment(args)
    cores = sorted(os.sched_getaffinity(0))
    with_darknet = shutil.which("darknet") is not None
    others = [TITLES[p] for p in args.peers if p != "yolo"] + ([TITLES["darknet"]] if with_darknet else [])
    head = ["network", "threads", "yolo, ms", "whole call, ms"] + [f"{o}, ms (ratio)" for o in others] + ["fastest peer / yolo"]
    lines = [f"Measured by `scripts/bench_peers.py` on {machine()}; {versions()}; {args.rounds} interleaved rounds.", "",
             "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    print("\n".join(lines), flush=True)
    start = []
    for name in args.networks:
        with tempfile.TemporaryDirectory(prefix="yolo-bench-") as folder:
            meta = prepare(args, name, folder)
            if meta is None:
                print(f"SKIP {name}: no cfg (its cfg lies under YOLO_TEST_DATA)", flush=True)
                continue
            for threads in args.threads:
                if threads > len(cores):
                    print(f"SKIP {name} with {threads} threads: this process may use {len(cores)} cores", flush=True)
                    continue
                rounds, whole = measure(args, folder, cores[:threads])
                darknet = None
                if with_darknet:
                    slow = name in ("yolov3-tiny", "yolov3") and threads == 1
                    darknet = (run_darknet(meta, cores[0]) if slow else None,)
                lines.append(row_of(name, threads, rounds, whole, meta["flops"], darknet))
                print(lines[-1], flush=True)
            if name in ("yolov4-tiny", "yolov3"):
                for what, (seconds, peak) in measure_start(args, folder, meta, cores[:max(args.threads)]).items():
                    start.append(f"| {name} | {what} | {seconds:.3f} | {peak:.0f} |")
    if start:
        lines += ["", "Process start to end with one image (the first result), and peak memory:", "",
                  "| network | program | s | peak RSS, MB |", "|---|---|---|---|"] + start
        print("\n".join(lines[-len(start) - 4:]), flush=True)
    if args.write:
        write_tables("\n".join(lines))


if __name__ == "__main__":
    main()
