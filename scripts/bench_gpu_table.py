"""The rows of bench_gpu.py as tables, and what they say about the goals."""
import sys

MARKS = ("<!-- bench_gpu: begin -->", "<!-- bench_gpu: end -->")
TITLES = {"yolo": "yolo", "yolo_own": "own kernels", "yolo_cudnn": "cuDNN", "eager": "eager", "folded": "eager, BN folded",
          "graph": "CUDA graph", "compile": "torch.compile", "max": "max-autotune", "compile_bn": "torch.compile, BN apart",
          "torchvision": "torchvision", "torchvision_compile": "torchvision compiled"}


def grouped(records):
    """{(network, size, batch, precision): {variant: record}}; a later row replaces an earlier one, but for ours the first
    stays, the one that stood beside the eager variants."""
    cases = {}
    for r in records:
        if "variant" in r:
            variants = cases.setdefault((r["network"], r["size"], r["batch"], r["precision"]), {})
            if r["variant"] != "yolo" or "yolo" not in variants:
                variants[r["variant"]] = r
    return cases


def cell(record, name):
    if record is None:
        return "-"
    if name == "yolo":
        return f"**{record['ms']:.3f}** ({record['batch'] / record['ms'] * 1e3:.0f}/s)"
    if name.startswith("yolo_") or record["ratio"] is None:
        return f"{record['ms']:.3f}"
    return f"{record['ms']:.3f} ({record['ratio']:.2f})"


def head(records):
    """What was measured on; an appended file may hold several runs, the last one counts."""
    found = [r["machine"] for r in records if "machine" in r]
    m = found[-1] if found else {}
    cudnn = m.get("cudnn")
    words = [f"{m.get('card', 'no card')}", f"driver {m['driver']}" if "driver" in m else None,
             f"PyTorch {m.get('torch')} with CUDA {m['cuda']}, cuDNN {cudnn}" if "cuda" in m else f"PyTorch {m.get('torch')}"]
    return "Measured by `scripts/bench_gpu.py` on " + ", ".join(w for w in words if w) + "."


def tables(records):
    cases = grouped(records)
    used = [name for name in TITLES if any(name in variants for variants in cases.values())]
    lines = [head(records) + " Milliseconds a pass (images a second); peers: milliseconds (theirs / ours).", ""]
    titles = ["network", "batch", "precision"] + [TITLES[name] for name in used]
    lines += ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for (network, size, batch, precision), variants in cases.items():
        cells = [cell(variants.get(name), name) for name in used]
        lines.append(f"| {network} {size} | {batch} | {precision} | " + " | ".join(cells) + " |")
    for r in records:
        if "detect" in r:
            lines += ["", f"`yolo detect` on {r['pictures']} JPEGs, {r['precision']}, batch {r['batch']}: " + " ".join(r["detect"])]
    late = [r["dropped"] for r in records if r.get("why") == "no time left"]
    dropped = [f"{r['dropped']} ({r['why']})" for r in records if "dropped" in r and r["dropped"] not in late]
    dropped += [f"for want of time {', '.join(late)}"] if late else []
    if dropped:
        lines += ["", "Not measured: " + "; ".join(dropped) + "."]
    return "\n".join(lines)


def checks(records):
    """The goals: batch 1 at least twice as fast as eager and no slower than compiled with CUDA graphs; batch 32 no slower
    than any of PyTorch's variants."""
    found = []
    for (network, size, batch, precision), variants in grouped(records).items():
        if precision != "fp16":
            continue
        for name, r in variants.items():
            if name.startswith("yolo") or r["ratio"] is None:
                continue
            least = 2.0 if batch == 1 and name in ("eager", "torchvision") else 1.0
            verdict = "reached" if r["ratio"] >= least else "MISSED"
            found.append(f"goal: {network} {size} batch {batch} {precision}: {name} / yolo = {r['ratio']:.2f} "
                         f"(at least {least:.0f}): {verdict}")
    return found


def write_tables(file, text):
    with open(file, encoding="utf-8") as old:
        content = old.read()
    if MARKS[0] not in content or MARKS[1] not in content:
        sys.exit(f"bench_gpu: {file} lacks its markers {MARKS}")
    before, after = content.split(MARKS[0])[0], content.split(MARKS[1])[1]
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")
