"""The probes: classifiers and an identity score for toy world pictures."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from data.pictures import pixels
from data.tags import classes, predictions
from data.world import SHOWN, rendered

SIDE = 64


class Trunk(nn.Module):
    """float (n, 3, 64, 64) in -1..1 → (n, outputs)"""

    def __init__(self, outputs):
        super().__init__()
        layers, last = [nn.Conv2d(3, 32, 3, 1, 1), nn.GroupNorm(8, 32), nn.SiLU()], 32
        for c in (32, 64, 128, 192):
            for a, stride in ((last, 2), (c, 1)):
                layers += [nn.Conv2d(a, c, 3, stride, 1), nn.GroupNorm(8, c), nn.SiLU()]
            last = c
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(192 * 16, 256), nn.SiLU(), nn.Linear(256, outputs))

    def forward(self, x):
        return self.body(x)


class Probes(nn.Module):
    """Two networks: one tells the attributes, `sizes` classes of each; one tells figurines apart."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.attributes, self.identity = Trunk(sum(sizes)), Trunk(64)


def load(run):
    sizes = classes(rendered(run, "validation").values, SHOWN)
    probes = Probes(sizes).to(run.machine.device, memory_format=torch.channels_last)
    state = torch.load(run.folder.path("probes", "probes.pt"), map_location=run.machine.device, weights_only=True)
    probes.load_state_dict(state)
    return probes.eval()


def small(images):
    """uint8 (n, side, side, 3) → float (n, 3, 64, 64) in -1..1"""
    x = pixels(images)
    return F.avg_pool2d(x, x.shape[-1] // SIDE) if x.shape[-1] > SIDE else x


def flaws(run, n, generator):
    """Noise (n, 3, 64, 64), and which of n pictures are soft, so that neither is new in a generated picture."""
    much = 0.05 * torch.rand((n, 1, 1, 1), generator=generator)
    soft = torch.rand(n, generator=generator) < 0.4
    return run.machine.put(much) * run.rng.randn((n, 3, SIDE, SIDE), generator), soft


def parts(run, images):
    """uint8 pictures as the probes read them, 64 at a time."""
    put, device = run.machine.put, run.machine.device
    return (put(small(part.to(device))) for part in torch.from_numpy(np.array(images)).split(64))


@torch.no_grad()
def attributes(run, probes, images):
    """uint8 pictures → predicted tags, int64 (n, attributes)"""
    with run.machine.autocast():
        return torch.cat([predictions(probes.attributes(part).float(), probes.sizes) for part in parts(run, images)])


@torch.no_grad()
def identities(run, probes, images):
    """uint8 pictures → unit vectors (n, 64). Their cosine tells whether two pictures show the same figurine."""
    with run.machine.autocast():
        faces = [probes.identity(part).float().cpu() for part in parts(run, images)]
    return F.normalize(torch.cat(faces), dim=1)
