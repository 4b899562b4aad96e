"""Is the effect of the number of photos real? Scores a `runner` report with the probes and tests the differences.

    runner experiments/effect.toml
    python effect.py --run ~/toyrun --report reports/effect --photos experiments/data/shinchan

The report must have `dataset.size` among its sweeps. Cells that share everything else are compared as pairs. Where
`dataset.images` is swept, too (people.toml), every cell is scored against its own photos, in a folder of --photos.
Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from data.world import rendered
from folder import Folder
from machine import Machine
from models import probes, vae
from run import Run
from settings import PRESETS
from study.report import cells, images_of, prompts_of
from study.scores import Scores, photos_in
from study.tables import by_size


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--run", required=True, help="the training folder of the base model: probes, VAE, validation renders")
    add("--report", required=True, type=Path, help="the folder of the report")
    add("--photos", required=True, type=Path, help="the subject's photos, or the folders of a swept dataset.images")
    add("--threads", type=int, default=2)
    return parser.parse_args()


def likeness(run, subjects, base):
    """The table that gives likeness a scale. `subjects` are the `Scores` of each subject."""
    others, autoencoder = rendered(run, "validation"), vae.load(run)
    figurines = others.figurines().numpy()
    alike = torch.cat([scores.identity(others.images[figurines]) for scores in subjects])
    back = torch.cat([s.identity(vae.round_trip_images(run, autoencoder, s.photos)) for s in subjects])
    photos, count = np.mean([s.of_photos for s in subjects]), sum(len(s.photos) for s in subjects)
    strangers = f"{alike.mean():.3f}; {alike.quantile(0.95):.3f}"
    return "\n".join(
        [
            "| identity score of | cosine |\n|---|---:|",
            f"| the {count} photos, each against the others of its subject | {photos:.3f} |",
            f"| the photos after the VAE's round trip | {back.mean():.3f} |",
            f"| {figurines.sum()} other figurines, mean; 95th percentile | {strangers} |",
            f"| the base model's pictures of the study's prompts | {base['identity']:.3f} |\n",
        ]
    )


def main():
    options = arguments()
    run = Run(Folder(options.run), Machine(threads=options.threads), PRESETS["cpu"])
    rows, prompts = cells(options.report), prompts_of(options.report)
    judge, values = probes.load(run), rendered(run, "validation").values
    of_row = [options.photos / row.get("dataset.images", "") for row in rows]
    subjects = {folder: Scores(run, judge, values, photos_in(folder)) for folder in dict.fromkeys(of_row)}
    for row, photos in zip(rows, of_row):
        row.update(subjects[photos].measure(images_of(options.report, row["cell"]), prompts))
    of_base = [scores.measure(options.report / "images/baseline", prompts) for scores in subjects.values()]
    base = {name: np.mean([row[name] for row in of_base]) for name in of_base[0]}
    print(likeness(run, list(subjects.values()), base))
    held_out = np.mean([float(row["baseline_probe_held_out"]) for row in rows])
    print(by_size(rows, {"probe_held_out": held_out, **base}))


if __name__ == "__main__":
    main()
