#!/usr/bin/env python3
"""Measures this program on a card against PyTorch, on the same networks: latency at batch 1, throughput at batch 32.

    python3 scripts/bench_gpu.py --yolo build/cuda/yolo --out FILE.jsonl [--data DIR] [--quick] [--budget SECONDS]
                                 [--networks ...] [--variants ...] [--rounds N] [--write docs/performance.md]
    python3 scripts/bench_gpu.py --from FILE.jsonl [--write docs/performance.md]      the table again, without a card
Ours is `yolo bench`, the input resident on the device; PyTorch's variants are explained in bench_gpu_torch.py. Both
are timed by single passes between two synchronisations; a round is the median of at least 100 (30 where a pass takes more
than 50 ms), rounds of ours and theirs alternate, ratios are taken within a round (theirs / ours: above 1 is faster here),
and the table shows medians over rounds. Weights are random.
Every row is written to FILE as soon as it is measured, the important ones first, and when the budget is spent the rest is
named and dropped. `yolo detect` on a folder of --pictures JPEGs (those of --data over and over) says what sets its pace.
--quick: fp16 of the three networks that matter most, no autotuning. --dry: everything once, tiny, on the CPU.
"""
import argparse
import collections
import glob
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from bench_gpu_table import checks, tables, write_tables

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "scripts")
SIZES = {"yolov4-tiny": 416, "resnet50": 224, "yolov4": 416, "yolov3": 416, "yolov3-tiny": 416, "yolov4-csp": 512}
FIRST = ["yolov4-tiny", "resnet50", "yolov4"]
CHEAP, COMPILED, LAST = ["eager", "folded", "graph"], ["compile"], ["max", "compile_bn"]


class Clock:
    """What is left of the time for everything."""

    def __init__(self, budget):
        self.end = time.monotonic() + budget

    def left(self):
        return self.end - time.monotonic()


class Worker:
    """PyTorch in a process of its own, so that a compilation without end can be ended."""

    def __init__(self, device):
        self.device, self.process, self.ready = device, None, None

    def start(self):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "bench_gpu_torch.py"), self.device], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log(), "a"),
                                        start_new_session=True)
        self.ready = None

    def log(self):
        return os.path.join(tempfile.gettempdir(), f"bench_gpu_torch.{os.getpid()}.log")

    def last_words(self, count=12):
        with open(self.log(), encoding="utf-8", errors="replace") as file:
            return "".join("    " + line for line in file.readlines()[-count:])

    def ask(self, timeout, **request):
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            readable, _, _ = select.select([self.process.stdout], [], [], max(timeout, 0.1))
            line = self.process.stdout.readline() if readable else None
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self.close()
        return {"error": "PyTorch's process ended" if line == "" else f"no answer within {timeout:.0f} s"}

    def close(self):
        """Ends the process and what it started (compilers run beside it)."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def setup(self, case, timeout):
        """The network of a case, unless it is there already."""
        if self.process is not None and self.ready == case:
            return {}
        answer = self.ask(timeout, do="setup", cfg=case.cfg, size=case.size, batch=case.batch, precision=case.precision)
        self.ready = None if "error" in answer else case
        return answer


class Case:
    """One network at one size, batch and precision."""

    def __init__(self, network, size, batch, precision):
        self.network, self.size, self.batch, self.precision = network, size, batch, precision
        self.cfg = os.path.join(ROOT, "backbone", "models", network + ".cfg")
        self.guess = None  # ms of a pass, from the first variant of PyTorch

    def __str__(self):
        return f"{self.network} {self.size} batch {self.batch} {self.precision}"

    def count(self, args):
        """Passes a round: half a second, within bounds."""
        if args.dry:
            return 3
        guess = self.guess or 10
        return int(max(30 if guess > 50 else 100, min(1000, 500 / guess)))


class Run:
    def __init__(self, args):
        self.args, self.clock = args, Clock(args.budget)
        self.worker = Worker("cpu" if args.dry else "cuda")
        self.out = open(args.out, "w", encoding="utf-8")
        self.records = []

    def record(self, **values):
        self.records.append(values)
        print(json.dumps(values), file=self.out, flush=True)

    def say(self, text):
        print(f"[{self.args.budget - self.clock.left():5.0f} s] {text}", flush=True)

    def drop(self, what, why):
        self.record(dropped=str(what), why=why)
        self.say(f"DROPPED {what}: {why}")

    # ---- ours ----
    def ours(self, case, conv=None):
        """Median ms of one `yolo bench`; conv: only that path of convolutions."""
        count = case.count(self.args)
        command = [self.args.yolo, "bench", case.cfg, "--imgsz", str(case.size), "--batch", str(case.batch), "--json", "-",
                   "--iterations", str(count)]
        # On a card it warms up by itself, for half a second at least.
        command += ["--warmup", "1"] if self.args.dry else ["--device", "cuda", "--precision", case.precision]
        environment = {**os.environ, **({"YOLO_CONV": conv} if conv else {})}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=max(1, min(90, self.clock.left())),
                                  env=environment, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return {"error": "yolo bench did not end in time"}
        if done.returncode != 0:
            return {"error": (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}")[-300:]}
        try:
            found = json.loads(done.stdout)
            return {"ms": float(found["latency_ms"]["median"]), "device": found.get("device", "")}
        except (ValueError, KeyError) as problem:
            return {"error": f"yolo bench wrote no JSON that can be read ({problem}): {done.stdout[:200]}"}

    # ---- a case ----
    def make(self, case, variants, limit):
        """Those of the variants that could be made."""
        made = []
        answer = self.worker.setup(case, min(60, self.clock.left()))
        if "error" in answer:
            self.drop(f"{case}: PyTorch", answer["error"])
            return made
        for variant in variants:
            if self.clock.left() < 5:
                self.drop(f"{case}: {variant}", "no time left")
                continue
            if self.worker.setup(case, 60).get("error"):  # only after an earlier variant ended the process
                break
            answer = self.worker.ask(min(limit, self.clock.left()), do="make", variant=variant, seconds=self.args.warm)
            if "error" in answer:
                self.drop(f"{case}: {variant}", answer["error"])
                if not self.args.dry:
                    print(self.worker.last_words(), end="", flush=True)
                if self.worker.process is None:
                    made.clear()  # they went with it
                continue
            case.guess = case.guess or answer["ms"]
            self.say(f"{case}: {variant} made, first call {answer['first_s']:.1f} s")
            made.append(variant)
        return made

    def rounds(self, case, variants, count):
        """Ours and theirs in turn; {name: [ms per round]}, ours under "yolo"."""
        times = {name: [] for name in ["yolo", *variants]}
        for number in range(count):
            if number and self.clock.left() < 5:
                break
            found = self.ours(case)
            if "error" in found:
                self.drop(f"{case}: yolo", found["error"])
                return None
            times["yolo"].append(found["ms"])
            for variant in variants:
                got = self.worker.ask(min(90, self.clock.left()), do="run", variant=variant, count=case.count(self.args))
                times[variant].append(statistics.median(got["ms"]) if "ms" in got else float("nan"))
        return times

    def measure(self, job):
        case, paths = job.case, job.paths
        made = self.make(case, job.variants, job.limit)
        if not made and not paths:
            return
        times = self.rounds(case, made, min(job.rounds, self.args.rounds))
        if times is None:
            return
        for path in paths:
            found = self.ours(case, path)
            if "error" in found:
                self.drop(f"{case}: yolo, {path}", found["error"])
            else:
                times["yolo_" + path] = [found["ms"]]
        for name, values in list(times.items()):
            pairs = [(t, o) for t, o in zip(values, times["yolo"]) if t == t]  # a NaN is a round without an answer
            if not pairs:
                self.drop(f"{case}: {name}", "no round ended")
                times.pop(name)
                continue
            self.record(network=case.network, size=case.size, batch=case.batch, precision=case.precision, variant=name,
                        ms=statistics.median(t for t, _ in pairs), ratio=statistics.median(t / o for t, o in pairs), rounds=values,
                        ours=times["yolo"])
        words = [f"{name} {min(values):.3f}" for name, values in times.items()]
        self.say(f"{case}: best rounds: " + ", ".join(words) + " ms")

    # ---- a folder ----
    def detect(self):
        """`yolo detect` on many JPEGs: its own summary says what sets the pace."""
        args = self.args
        weights = os.path.join(args.data or "", "weights", "yolo-fastest-1.1-xl.weights")
        pictures = sorted(glob.glob(os.path.join(args.data or "", "coco", "val2017", "*.jpg")))
        if not args.data or not pictures or not os.path.exists(weights):
            self.drop("yolo detect on a folder", "no pictures or weights: --data names none")
            return
        with tempfile.TemporaryDirectory(prefix="yolo-bench-") as folder:
            for i in range(args.pictures):
                source = os.path.abspath(pictures[i % len(pictures)])
                os.symlink(source, os.path.join(folder, f"{i:05d}.jpg"))
            for precision in ["fp32"] if args.dry else ["fp16", "fp32"]:
                device = [] if args.dry else ["--device", "cuda", "--precision", precision]
                command = [args.yolo, "detect", folder, "--weights", weights, "--batch", "16", "--no-images", *device,
                           "--names", os.path.join(args.data, "weights", "coco.names")]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                          timeout=max(1, min(120, self.clock.left())))
                except subprocess.TimeoutExpired:
                    self.drop(f"yolo detect on {args.pictures} pictures, {precision}", "it did not end in time")
                    continue
                summary = self.summary_of(done.stdout + done.stderr)
                self.record(detect=summary, pictures=args.pictures, precision=precision, batch=16, status=done.returncode)
                self.say("\n    ".join([f"yolo detect, {args.pictures} pictures, {precision}, exit {done.returncode}:", *summary]))

    @staticmethod
    def summary_of(text):
        """What the program says at its end: from its "2,000 images, ..." on."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        starts = [i for i, line in enumerate(lines) if re.match(r"[\d,]+ images?, ", line)]
        return lines[starts[-1]:][:8] if starts else lines[-4:]


Job = collections.namedtuple("Job", "case variants limit rounds paths")


def all_cases(args):
    """(first the ones that matter, then the rest)."""
    batches = [1, 2] if args.dry else [1, 32]
    size = (lambda name: 64) if args.dry else SIZES.get
    chosen = args.networks or (FIRST if args.quick else list(SIZES))
    half = "fp32" if args.dry else "fp16"
    first = [Case(n, size(n), b, half) for b in batches for n in chosen if n in FIRST]
    rest = [Case(n, size(n), b, half) for b in batches for n in chosen if n not in FIRST]
    if not args.quick:
        rest += [Case(n, size(n), b, p) for p in (["fp32"] if args.dry else ["tf32", "fp32"]) for b in batches
                 for n in chosen if n in FIRST]
    return first, rest


def all_jobs(args):
    """What is measured, the important first: (jobs before the folder of pictures, jobs after it)."""
    first, rest = all_cases(args)
    wanted = args.variants or (CHEAP + COMPILED if args.quick else CHEAP + COMPILED + LAST)
    paths = [] if args.dry else ["own", "cudnn"]

    def jobs(cases, names, limit, rounds, also=None, paths=()):
        names = [n for n in names if n in wanted]
        made = [Job(c, names + ([also] if also and c.network == "resnet50" else []), limit, rounds, paths) for c in cases]
        return made if names else []

    alike = [c for c in rest if c.precision == first[0].precision] if first else rest
    after = jobs(first, COMPILED, 150, 2, "torchvision_compile") + jobs(rest, CHEAP, 60, 2)
    after += jobs(first, LAST, 180, 2) + jobs(alike, COMPILED, 150, 2)
    return jobs(first, CHEAP, 60, 3, "torchvision", paths), after


def measure_all(run):
    before, after = all_jobs(run.args)
    left = collections.deque([*before, None, *after])
    while left and run.clock.left() >= 10:
        job = left.popleft()
        if job is None:
            run.detect()
        else:
            run.measure(job)
    for job in left:
        run.drop(f"{job.case}: {', '.join(job.variants)}" if job else "yolo detect on a folder", "no time left")


def machine(run):
    """Card, driver and versions, for the head of the table."""
    found = run.worker.ask(120, do="versions")
    try:
        words = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True,
                               text=True, timeout=20).stdout.strip().splitlines()
        if words:
            found["card"], found["driver"] = [word.strip() for word in words[0].split(",")][:2]
    except (OSError, subprocess.TimeoutExpired, ValueError):
        pass
    return found


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yolo", default=os.path.join(ROOT, "build", "cuda", "yolo"))
    parser.add_argument("--data", default=os.environ.get("YOLO_TEST_DATA"), help="weights/ and coco/val2017/ of the pictures")
    parser.add_argument("--out", help="where the rows go, one JSON line each")
    parser.add_argument("--from", dest="read", metavar="FILE", help="measure nothing: the table of these rows")
    parser.add_argument("--write", metavar="FILE", help="put the table between the markers of this file")
    parser.add_argument("--networks", nargs="*", choices=list(SIZES))
    parser.add_argument("--variants", nargs="*", choices=CHEAP + COMPILED + LAST)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=400, help="seconds for everything")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dry", action="store_true", help="the whole way on the CPU, tiny: says nothing about speed")
    args = parser.parse_args()
    if not args.read and not args.out:
        parser.error("--out FILE is needed (or --from FILE)")
    args.warm = 0.01 if args.dry else 0.4
    if args.dry:
        args.rounds, args.pictures = min(args.rounds, 2), min(args.pictures, 20)
    return args


def main():
    args = parse()
    if args.read:
        records = [json.loads(line) for line in open(args.read, encoding="utf-8") if line.strip()]
    else:
        run = Run(args)
        try:
            run.record(machine=machine(run), rounds=args.rounds)
            if args.dry:
                for name in args.networks or SIZES:
                    run.worker.setup(Case(name, 64, 1, "fp32"), 60)
                    print(f"{name}: our modules against torch_reference.py: {run.worker.ask(60, do='check')}", flush=True)
            measure_all(run)
        finally:
            run.worker.close()
            if os.path.exists(run.worker.log()):
                os.remove(run.worker.log())
        records = run.records
    text = tables(records)
    print("\n" + text)
    for line in checks(records):
        print(line)
    if args.write:
        write_tables(args.write, text)
    sys.exit(0 if any("variant" in r for r in records) else 1)


if __name__ == "__main__":
    main()
