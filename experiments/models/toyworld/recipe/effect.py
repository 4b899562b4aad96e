"""Is the effect of the number of photos real? Scores the images of a `runner` report with the probes, and tests the differences.

    runner experiments/effect.toml
    python effect.py --run ~/toyrun --report reports/effect --photos experiments/data/shinchan

The report must have `dataset.size` among its sweeps; cells that share everything else are compared as pairs. Where `dataset.images` is swept, too
(people.toml), every cell is scored against its own photos, in a folder of --photos. Prints Markdown.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from scipy import stats

import count
import probes
import vae
from run import Run
from settings import PRESETS
from world import SHOWN, rendered

SIDE = 128


def read(path):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize((SIDE, SIDE)))


def photos_in(folder):
    return np.stack([read(path) for path in sorted(folder.iterdir()) if path.suffix in (".jpg", ".jpeg", ".png")])


class Scores:
    """Identity (cosine with the mean of the subject's photos) and attributes of pictures."""

    def __init__(self, run, judge, values, photos):
        self.run, self.judge, self.values, self.photos = run, judge, values, photos
        faces = probes.identities(run, self.judge, photos)
        self.middle = F.normalize(faces.mean(0), dim=0)
        # A photo against the mean of the others, as a picture would be.
        rest = F.normalize(faces.sum(0) - faces, dim=1)
        self.of_photos = (faces * rest).sum(1).mean().item()

    def identity(self, images):
        return probes.identities(self.run, self.judge, images) @ self.middle

    def shows(self, images, name, value):
        """Which pictures show `value`; with None, any value."""
        column = probes.attributes(self.run, self.judge, images)[:, SHOWN.index(name)]
        return (column > 0 if value is None else column == self.values[name].index(value) + 1).float()


def wanted(prompt):
    """What a prompt asks for, read from its words: {attribute: value}"""
    asked = {name: phrase for name, phrase in count.PLACES.items() if phrase in prompt}
    labels = {"place": next(iter(asked))} if asked else {}
    for things, name, verb in ((count.HEADWEAR, "headwear", "wearing"), (count.HELD, "held", "holding")):
        for thing in things:
            if f"{verb} a {thing}" in prompt:
                labels[name] = thing
    return labels


def pictures(folder, kind):
    """{prompt number: pictures}, of `p` (prompts) or `drift_p`."""
    found = {}
    for path in sorted(folder.glob(f"{kind}[0-9][0-9]_s*.png")):
        found.setdefault(int(path.stem.rsplit("_s", 1)[0][len(kind) :]), []).append(read(path))
    return {number: np.stack(images) for number, images in found.items()}


def measure(scores, folder, prompts):
    shown = pictures(folder, "p")
    row = {"identity": scores.identity(np.concatenate(list(shown.values()))).mean().item()}
    hits = {}
    for number, images in shown.items():
        for name, value in wanted(prompts[number]).items():
            hits.setdefault(name, []).append(scores.shows(images, name, value))
    row |= {name: torch.cat(parts).mean().item() for name, parts in hits.items()}
    drift = pictures(folder, "drift_p")
    if drift:
        row["class_identity"] = scores.identity(np.concatenate(list(drift.values()))).mean().item()
    return row


def test(large, small, photos):
    """The mean difference and p, two-sided: paired t test, Wilcoxon's signed ranks, and the t test of one number for each choice of
    `photos`: trainings on the same photos with other seeds resemble each other."""
    difference = np.array(large) - np.array(small)
    means = [difference[[other == choice for other in photos]].mean() for choice in dict.fromkeys(photos)]
    by_photos = stats.ttest_1samp(means, 0).pvalue if len(means) > 1 else np.nan
    return difference.mean(), stats.ttest_rel(large, small).pvalue, stats.wilcoxon(difference).pvalue, by_photos


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="the training folder of the base model: probes, VAE, validation renders")
    parser.add_argument("--report", required=True, type=Path)
    parser.add_argument("--photos", required=True, type=Path, help="the subject's photos, or where the folders of a swept dataset.images lie")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    run = Run(options.run, PRESETS["cpu"], threads=options.threads)
    rows = list(csv.DictReader(open(options.report / "cells.csv")))
    prompts = prompts_of(options.report)
    judge, others = probes.load(run), rendered(run, "validation")
    of_row = [options.photos / row.get("dataset.images", "") for row in rows]
    subjects = {folder: Scores(run, judge, others.values, photos_in(folder)) for folder in dict.fromkeys(of_row)}
    for row, photos in zip(rows, of_row):
        folder = options.report / "images" / row["cell"].replace("=", "-").replace(" ", "-").replace("/", "-")
        row.update(measure(subjects[photos], folder, prompts))
    of_base = [measure(scores, options.report / "images/baseline", prompts) for scores in subjects.values()]
    base = {name: np.mean([row[name] for row in of_base]) for name in of_base[0]}

    figurines = (others.labels[:, SHOWN.index("kind")] == others.values["kind"].index("figurine") + 1).numpy()
    alike = torch.cat([scores.identity(others.images[figurines]) for scores in subjects.values()])
    autoencoder = vae.load(run)
    back = torch.cat([s.identity(vae.round_trip_images(run, autoencoder, s.photos)) for s in subjects.values()])
    count_photos = sum(len(scores.photos) for scores in subjects.values())
    print("| identity score of | cosine |\n|---|---:|")
    print(f"| the {count_photos} photos, each against the others of its subject | {np.mean([s.of_photos for s in subjects.values()]):.3f} |")
    print(f"| the photos after the VAE's round trip | {back.mean():.3f} |")
    print(f"| {figurines.sum()} other figurines, mean; 95th percentile | {alike.mean():.3f}; {alike.quantile(0.95):.3f} |")
    print(f"| the base model's pictures of the study's prompts | {base['identity']:.3f} |\n")

    names = {
        "identity": "likeness (identity)",
        "class_identity": "likeness of class pictures",
        "probe_held_out": "held-out loss",
        "probe_train": "loss on its photos",
        "drift_rmse": "drift of class pictures",
        "place": "right place",
        "headwear": "hat when asked",
        "held": "cup when asked",
    }
    sizes = sorted({int(row["dataset.size"]) for row in rows})
    other = [key for key in ("dataset.images", "dataset.seed", "train.seed") if key in rows[0]]
    value = {name: {} for name in names}
    for row in rows:
        key = tuple(row[part] for part in other)
        for name in names:
            value[name].setdefault(int(row["dataset.size"]), {})[key] = float(row[name])
    baseline = {"probe_held_out": np.mean([float(r["baseline_probe_held_out"]) for r in rows]), **base}
    print(f"Mean ± standard deviation over {len(value['identity'][sizes[0]])} trainings per size.\n")
    head = [f"{size} photos" for size in sizes] + [f"{sizes[-1]} − {sizes[0]}", "t test, p", "Wilcoxon, p", "by choice of photos, p"]
    print("| | base model | " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) + 1))
    for name, title in names.items():
        cells = [f"{baseline[name]:.3f}" if name in baseline else ""]
        for size in sizes:
            numbers = list(value[name][size].values())
            cells.append(f"{np.mean(numbers):.3f} ± {np.std(numbers, ddof=1):.3f}" if len(numbers) > 1 else f"{numbers[0]:.3f}")
        keys = sorted(value[name][sizes[-1]])
        if len(keys) > 1:
            last, first = ([value[name][size][key] for key in keys] for size in (sizes[-1], sizes[0]))
            if np.ptp(np.array(last) - np.array(first)) == 0:
                cells += [f"{last[0] - first[0]:+.3f}", "", "", ""]
            else:
                photos = [tuple(part for axis, part in zip(other, key) if axis != "train.seed") for key in keys]
                difference, *chances = test(last, first, photos)
                cells += [f"{difference:+.4f}", *(f"{p:.2g}" for p in chances)]
        print(f"| {title} | " + " | ".join(cells) + " |")


def prompts_of(report):
    """The prompts, from the table of settings in report.md."""
    for line in (report / "report.md").read_text().splitlines():
        if line.startswith("| generate.prompts |"):
            return [part.strip() for part in line.split("|")[2].replace("\\_", "_").split("; ")]
    raise SystemExit("report.md does not list generate.prompts")


if __name__ == "__main__":
    main()
