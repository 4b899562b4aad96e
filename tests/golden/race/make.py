#!/usr/bin/env python3
"""Writes curves.csv: held-out losses of real trainings by optimizer step, for src/plan/race/tests/resampled.rs.

    python3 make.py rates=STORE grid=STORE sizes=STORE >curves.csv

STORE is a reports/.store folder. All trainings were made with runner on the shipped toy model and photos, on a CPU:

* rates: rates.toml beside this file, 32 trainings of 96 steps
* grid:  experiments/shinchan.toml with 12 steps, 4 class images and a probe every 6 steps; sweep: 3 sizes, ranks 4 and
         16, rates 1e-3, 4e-3 and 1e-2, seeds 0 and 1; 36 trainings
* sizes: experiments/shinchan.toml as it is, 9 trainings of 360 steps

A condition is size/rate/rank; a repeat is the seed. Trainings of other lengths in the same store are left out. Needs
Python 3.8 and nothing else.
"""
import csv
import json
import pathlib
import sys

STEPS = {"rates": 96, "grid": 12, "sizes": 360}


def trainings(store, steps):
    for folder in sorted((pathlib.Path(store) / "train").iterdir()):
        inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
        if inputs["train.steps"] != steps:
            continue
        condition = f"{len(inputs['photos'])}/{inputs['train.learning_rate']}/{inputs['train.rank']}"
        with open(folder / "probe.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "held_out"]
        yield condition, inputs["train.seed"], [(int(row["step"]), float(row["loss"])) for row in rows]


print("study,condition,repeat,step,loss")
for argument in sys.argv[1:]:
    study, store = argument.split("=", 1)
    for condition, repeat, curve in sorted(trainings(store, STEPS[study])):
        for step, loss in curve:
            print(f"{study},{condition},{repeat},{step},{loss:.7f}")
