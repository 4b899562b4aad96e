"""What the probes say of a cell's pictures: likeness to the subject, and whether they show what was asked."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from data.prompts import wanted
from data.world import SHOWN
from models import probes

SIDE = 128


def read(path):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize((SIDE, SIDE)))


def photos_in(folder):
    """uint8 (n, 128, 128, 3)"""
    return np.stack([read(path) for path in sorted(folder.iterdir()) if path.suffix in (".jpg", ".jpeg", ".png")])


def pictures(folder, kind):
    """{prompt number: pictures}, where `kind` is `p` (the study's prompts) or `drift_p` (those of the class)."""
    found = {}
    for path in sorted(folder.glob(f"{kind}[0-9][0-9]_s*.png")):
        found.setdefault(int(path.stem.rsplit("_s", 1)[0][len(kind) :]), []).append(read(path))
    return {number: np.stack(images) for number, images in found.items()}


def likeness_of_photos(faces):
    """The mean cosine of each photo (n, d) with the mean of the others: each is compared as a picture would be."""
    return (faces * F.normalize(faces.sum(0) - faces, dim=1)).sum(1).mean().item()


class Scores:
    """Scores pictures against the photos of one subject. `values` are the words of every attribute."""

    def __init__(self, run, judge, values, photos):
        self.run, self.judge, self.values, self.photos = run, judge, values, photos
        faces = probes.identities(run, self.judge, photos)
        self.middle = F.normalize(faces.mean(0), dim=0)
        self.of_photos = likeness_of_photos(faces)

    def identity(self, images):
        """Cosines with the mean of the subject's photos."""
        return probes.identities(self.run, self.judge, images) @ self.middle

    def shows(self, images, name, value):
        """Which pictures show this value of an attribute, 0 or 1."""
        column = probes.attributes(self.run, self.judge, images)[:, SHOWN.index(name)]
        return (column == self.values[name].index(value) + 1).float()

    def measure(self, folder, prompts):
        """The scores of all pictures in a cell's folder: {name: mean}"""
        shown = pictures(folder, "p")
        row = {"identity": self.identity(np.concatenate(list(shown.values()))).mean().item()}
        hits = {}
        for number, images in shown.items():
            for name, value in wanted(prompts[number]).items():
                hits.setdefault(name, []).append(self.shows(images, name, value))
        row |= {name: torch.cat(parts).mean().item() for name, parts in hits.items()}
        drift = pictures(folder, "drift_p")
        if drift:
            row["class_identity"] = self.identity(np.concatenate(list(drift.values()))).mean().item()
        return row
