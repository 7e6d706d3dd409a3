#!/usr/bin/env python3
"""Reads an event file with the real TensorBoard and can compare it with a list.

    python3 scripts/check_tensorboard.py RUN_FOLDER              # prints tags, steps, last values; exit 1 where nothing is read
    python3 scripts/check_tensorboard.py RUN_FOLDER expected.tsv # lines "tag<TAB>step<TAB>value": all must be there, no more

Needs: pip install tensorboard. Run by hand, when train/tensorboard.c has changed.
"""
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    """{(tag, step): [values]} as TensorBoard sees them; 0: keep every event."""
    events = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            found.setdefault((tag, event.step), []).append(event.value)
            if event.wall_time != event.step:
                sys.exit(f"{tag}: wall time {event.wall_time} at step {event.step}")
    return found


def single(text):
    """The float32 nearest to a decimal."""
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    found = read(sys.argv[1])
    if not found:
        sys.exit(f"{sys.argv[1]}: TensorBoard reads no scalar there")
    for tag in sorted({tag for tag, _ in found}):
        steps = sorted(step for other, step in found if other == tag)
        print(f"{tag:30} {len(steps):6} steps, {steps[0]} to {steps[-1]}; last {found[tag, steps[-1]][-1]:.6g}")
    if len(sys.argv) == 3:
        with open(sys.argv[2], encoding="utf-8") as lines:
            wanted = {}
            for line in lines:
                tag, step, value = line.rstrip("\n").split("\t")
                wanted.setdefault((tag, int(step)), []).append(single(value))
        if found != wanted:
            wrong = [key for key in set(found) | set(wanted) if found.get(key) != wanted.get(key)]
            sys.exit(f"{len(wrong)} of {len(wanted)} differ, such as {wrong[0]}: "
                     f"{found.get(wrong[0])}, wanted {wanted.get(wrong[0])}")
        print(f"all {len(wanted)} scalars are there, bit for bit")


if __name__ == "__main__":
    main()
