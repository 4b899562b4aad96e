"""Do the shipped encoders rank trainings as the probes do? Scores every training of a store of `runner` with both.

    python agree.py --probes ~/toyrun/probes/probes.pt --values ~/toyrun/data/values.json STORE...

The encoders are those of the repository unless told otherwise. Prints Markdown.
"""

import argparse
import csv
import itertools
import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from data.prompts import wanted
from data.tags import classes, predictions
from data.world import SHOWN
from models.probes import Probes, small
from stages.clip import Reader as Clip
from stages.dino import Reader as Dino
from study.scores import likeness_of_photos, read
from study.store import trainings

MODELS = Path(__file__).resolve().parents[2]
# Of the table: rank correlations, in how many pairs both agree, and the encoder's cosines.
COLUMNS = [
    *("store", "trainings", "identity, rank", "share of the way, rank", "pairs of one figurine", "inside one, rank"),
    *("following, rank", "held out to training photos", "among held out", "pictures", "base model"),
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("stores", nargs="+", type=Path, metavar="STORE")
    add("--probes", type=Path, required=True, help="the probes of a run: they are the judges")
    add("--values", type=Path, required=True, help="the values of the attributes, data/values.json of that run")
    add("--dino", type=Path, default=MODELS / "toyworld-dino")
    add("--clip", type=Path, default=MODELS / "toyworld-clip")
    add("--identifier", default="aawxbc")
    add("--csv", type=Path, help="write the scores of every training there")
    add("--threads", type=int, default=1)
    return parser.parse_args()


class Judge:
    """The probes and the two encoders; each picture is read once."""

    def __init__(self, options):
        self.values = json.loads(options.values.read_text())
        self.sizes = classes(self.values, SHOWN)
        self.probes = Probes(self.sizes).eval()
        state = torch.load(options.probes, map_location="cpu", weights_only=True)
        self.probes.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        self.dino, self.clip, self.identifier = Dino(options.dino), Clip(options.clip), options.identifier
        self.known = {}

    @torch.no_grad()
    def learn(self, files):
        """Reads files that are not known yet: {file: (probes' identity, probes' attributes, dino, clip)}."""
        new = [file for file in dict.fromkeys(files) if file not in self.known]
        if new:
            images = np.stack([read(file) for file in new])
            x = small(torch.from_numpy(images))
            faces = F.normalize(self.probes.identity(x), dim=1)
            seen = predictions(self.probes.attributes(x), self.sizes)
            self.known |= dict(zip(new, zip(faces, seen, self.dino(images), self.clip.images(images))))

    def column(self, files, which):
        self.learn(files)
        return torch.stack([self.known[file][which] for file in files])

    def text(self, prompt):
        """The feature of a prompt without the identifier."""
        words = re.sub(r"\s+", " ", prompt.replace(self.identifier, " ")).strip()
        if words not in self.known:
            self.known[words] = self.clip.texts([words])[0]
        return self.known[words]

    def identity(self, training, files):
        """By the probes: cosines with the mean of all photos. By the encoder: mean cosines with the held-out ones."""
        middle = F.normalize(self.column(training.photos, 0).mean(0), dim=0)
        others = self.column(training.held_out, 2)
        return (self.column(files, 0) @ middle).mean().item(), (self.column(files, 2) @ others.T).mean().item()

    def following(self, asked):
        """By the probes: the share of what prompts ask for that is shown. By the encoder: cosines with the text."""
        files = [file for _, file in asked]
        seen, features, right, alike = self.column(files, 1), self.column(files, 3), [], []
        for (prompt, _), row, feature in zip(asked, seen, features):
            hits = [row[SHOWN.index(n)] == self.values[n].index(v) + 1 for n, v in wanted(prompt).items()]
            if hits:
                right.append(np.mean(hits))
                alike.append((feature @ self.text(prompt)).item())
        return (np.mean(right), np.mean(alike)) if right else (np.nan, np.nan)

    def measure(self, training):
        held, learnt = self.column(training.held_out, 2), self.column(training.learnt, 2)
        apart = held @ held.T
        n = len(held)
        prompted, asked = training.pictures["prompt"], training.baseline["prompt"]
        files, base = [file for _, file in prompted], [file for _, file in asked]
        row = {"figurine": training.photos[0].parent.parent.name}
        row |= {"ceiling": (held @ learnt.T).mean().item(), "ceiling_held": ((apart.sum() - n) / (n * n - n)).item()}
        row["probes"], row["identity"] = self.identity(training, files)
        row["probes_base"], row["floor"] = self.identity(training, base)
        row["probes_ceiling"] = likeness_of_photos(self.column(training.photos, 0))
        row["share"] = share(row["identity"], row["floor"], row["ceiling"])
        row["probes_share"] = share(row["probes"], row["probes_base"], row["probes_ceiling"])
        row["right"], row["clip"] = self.following(prompted)
        row["right_base"], row["clip_base"] = self.following(asked)
        if drift := [file for _, file in training.pictures.get("drift", [])]:
            row["probes_class"], row["class"] = self.identity(training, drift)
        return row


def share(value, floor, ceiling):
    """How far of the way from the base model's pictures to real photos."""
    return (value - floor) / (ceiling - floor)


def rank(rows, a, b):
    """Spearman's correlation of two columns. Trainings whose prompts ask for nothing do not count."""
    return stats.spearmanr([row[a] for row in rows], [row[b] for row in rows], nan_policy="omit").statistic


def rank_with_interval(rows, a, b):
    """The correlation, and its 95 % interval with figurines drawn anew (bootstrap), where there are five or more."""
    groups = list(by_figurine(rows).values())
    value = f"{rank(rows, a, b):.3f}"
    if len(groups) < 5:
        return value
    rng = np.random.default_rng(0)
    drawn = [[row for i in rng.integers(len(groups), size=len(groups)) for row in groups[i]] for _ in range(2000)]
    low, high = np.nanquantile([rank(some, a, b) for some in drawn], [0.025, 0.975])
    return f"{value} ({low:.2f} to {high:.2f})"


def by_figurine(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["figurine"], []).append(row)
    return groups


def pairs_agree(rows, a, b):
    """In how many pairs of trainings of one figurine both columns prefer the same one, as "n of m"."""
    pairs = [pair for group in by_figurine(rows).values() for pair in itertools.combinations(group, 2)]
    same = sum((one[a] - other[a]) * (one[b] - other[b]) > 0 for one, other in pairs)
    return f"{same} of {len(pairs)}"


def rank_within(rows, a, b):
    """The mean of the correlations inside one figurine, where there are five trainings or more of it."""
    large = [group for group in by_figurine(rows).values() if len(group) >= 5]
    return (
        np.average([rank(group, a, b) for group in large], weights=[len(group) for group in large]) if large else np.nan
    )


def summary(store, rows):
    """A row of the table: how alike the rankings are, and the encoder's cosines of whom."""

    def cosine(name):
        values = [row[name] for row in rows]
        return f"{np.mean(values):.3f} ({min(values):.2f} to {max(values):.2f})"

    cells = [store, len(rows), rank_with_interval(rows, "identity", "probes")]
    cells += [rank_with_interval(rows, "share", "probes_share"), pairs_agree(rows, "identity", "probes")]
    cells += [f"{rank_within(rows, 'identity', 'probes'):.3f}", f"{rank(rows, 'clip', 'right'):.3f}"]
    cells += [cosine(name) for name in ("ceiling", "ceiling_held", "identity", "floor")]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    judge, every = Judge(options), []
    print("| " + " | ".join(COLUMNS) + " |\n|---|" + "---:|" * (len(COLUMNS) - 1))
    for store in options.stores:
        rows = [{"store": str(store)} | judge.measure(training) for training in trainings(store)]
        print(summary(store, rows), flush=True)
        every += rows
    if len(options.stores) > 1:
        print(summary("all", every))
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            table = csv.DictWriter(file, every[0])
            table.writeheader()
            table.writerows(every)


if __name__ == "__main__":
    main()
