"""A rendered set of toy world pictures, read through a memory map, with captions and labels as small integers."""

import functools
import json

import numpy as np
import torch

# Attributes that a caption may mention, and after them those that only a picture shows.
# Value 0 of an attribute means that it is absent or not mentioned.
MENTIONED = [
    *("kind", "place", "color", "backdrop", "headwear", "headwear_color", "held", "held_color", "sunglasses"),
    *("scarf", "scarf_color", "cape", "cape_color", "shirt", "stripes", "pants", "hair", "hair_color", "skin"),
    *("brows", "mouth", "pose"),
]
SHOWN = [*MENTIONED, "blush", "ears", "eyes"]
# Numbers of a figurine's build and face.
GEOMETRY = 13


def samples(path):
    """The lines of a `samples.jsonl`."""
    with open(path) as file:
        for line in file:
            yield json.loads(line)


@functools.cache
def rendered(run, name):
    """A set is read once for all stages: the labels of 200,000 pictures take a while."""
    return World(run.folder, name)


class World:
    """One rendered set.

    `images` is a memory map, uint8 (n, side, side, 3). `mentions` and `labels` are int16 (n, attributes): what the
    captions mention, and what the pictures show. `geometry` is float (n, 13), NaN for objects. `faces` is float (n, 4):
    x0, y0, x1, y1 of the head in fractions of the side, zeros where there is none.
    """

    def __init__(self, folder, name):
        own = folder.path("data", name)
        self.images = np.load(own / "images.npy", mmap_mode="r")
        self.values = json.loads(folder.path("data", "values.json").read_text())
        lookup = {name: {value: i + 1 for i, value in enumerate(values)} for name, values in self.values.items()}
        self.captions, mentions, labels, geometry, faces = [], [], [], [], []
        for sample in samples(own / "samples.jsonl"):
            self.captions.append(sample["caption"])
            mentions.append([lookup[n].get(sample["mentions"].get(n), 0) for n in MENTIONED])
            labels.append([lookup[n].get(sample["labels"].get(n), 0) for n in SHOWN])
            geometry.append(sample["geometry"] or [float("nan")] * GEOMETRY)
            faces.append(sample["face"] or [0.0] * 4)
        self.mentions = torch.tensor(mentions, dtype=torch.int16)
        self.labels = torch.tensor(labels, dtype=torch.int16)
        self.geometry = torch.tensor(geometry)
        self.faces = torch.tensor(faces)

    def __len__(self):
        return len(self.captions)

    def pictures(self, indices):
        """uint8 (n, side, side, 3)"""
        return torch.from_numpy(self.images[np.asarray(indices)])

    def label(self, name):
        """The values of one attribute, int16 (n)."""
        return self.labels[:, SHOWN.index(name)]

    def figurines(self):
        """Which pictures show a figurine, bool (n)."""
        return self.label("kind") == self.values["kind"].index("figurine") + 1
