"""Makes the golden numbers of the probe values with numpy, from docs/probe.md alone.

    /tmp/t18/venv/bin/python tests/golden/probe_values/make.py

numpy 2.4.6. Writes `probe_values.csv`, as a report has it, and `golden.json` beside itself.
"""

import csv
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20)
TIMES = [50.0 + 100 * i for i in range(10)]
PHOTOS = {"train": ["a1", "a2", "a3"], "held_out": ["b1", "b2", "b3", "b4", "b5"]}

rows = []
for step in (0, 400):
    for words in ("identifier", "class", "name")[: 3 if step == 0 else 2]:
        for split, photos in PHOTOS.items():
            for photo in photos:
                for time in TIMES:
                    loss = 0.3 - 0.0002 * time + rng.uniform(0, 0.05)
                    if step:
                        loss *= 0.8 if split == "train" else 0.93
                    rows.append((step, words, split, photo, time, float(loss)))
with open(HERE / "probe_values.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["cell", "step", "words", "split", "photo", "timestep", "loss"])
    writer.writerows(["dataset.size=3", *row] for row in rows)


def grid(step, words, split):
    """Losses by photo (rows) and time (columns)."""
    table = {(r[3], r[4]): r[5] for r in rows if r[:3] == (step, words, split)}
    return np.array([[table[photo, time] for time in TIMES] for photo in PHOTOS[split]])


def pair(before, after):
    return {
        "before": before.mean(),
        "after": after.mean(),
        "difference": (after - before).mean(1).mean(),
        "bands": [
            [b.mean(), a.mean()] for b, a in ((before[:, part], after[:, part]) for part in thirds(len(TIMES)))
        ],
    }


def thirds(count):
    """Which times lie in each third of the process; a time is the middle of one of `count` equal parts."""
    middle = (np.arange(count) + 0.5) / count
    return [np.flatnonzero((i / 3 <= middle) & (middle < (i + 1) / 3)) for i in range(3)]


def change(split):
    before, after = grid(0, "identifier", split).mean(), grid(400, "identifier", split).mean()
    return (after - before) / before


golden = {
    "train": pair(grid(0, "identifier", "train"), grid(400, "identifier", "train")),
    "held_out": pair(grid(0, "identifier", "held_out"), grid(400, "identifier", "held_out")),
    "class": pair(grid(0, "class", "held_out"), grid(400, "class", "held_out")),
    "name": pair(grid(0, "class", "held_out"), grid(0, "name", "held_out")),
    "memorisation_gap": change("train") - change("held_out"),
}
(HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
