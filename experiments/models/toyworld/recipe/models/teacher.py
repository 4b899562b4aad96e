"""What teaches a new text encoder: an image tower that reads VAE latents, and heads that read the text."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from data.tags import match_loss
from data.world import GEOMETRY


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        half = lambda: (nn.GroupNorm(16, c), nn.SiLU(), nn.Conv2d(c, c, 3, 1, 1))  # noqa: E731
        self.body = nn.Sequential(*half(), *half())

    def forward(self, x):
        return x + self.body(x)


class ImageTower(nn.Module):
    """Scaled latents (n, 4, 16, 16) → embedding (n, width), attribute logits (n, outputs), geometry (n, 13)."""

    def __init__(self, width, outputs):
        super().__init__()
        down = lambda a, b: (nn.Conv2d(a, b, 3, 2, 1), Residual(b))  # noqa: E731
        self.trunk = nn.Sequential(
            nn.Conv2d(4, 64, 3, 1, 1), Residual(64), *down(64, 128), *down(128, 192), nn.GroupNorm(16, 192), nn.SiLU(),
            nn.Flatten(), nn.Linear(192 * 16, 384), nn.SiLU(),
        )  # fmt: skip
        self.projection = nn.Linear(384, width, bias=False)
        self.attributes = nn.Linear(384, outputs)
        self.geometry = nn.Linear(384, GEOMETRY)

    def forward(self, latents):
        x = self.trunk(latents)
        return self.projection(x), self.attributes(x), self.geometry(x)


class Heads(nn.Module):
    """What reads a text state: its projection into the space of the image tower, and the attributes it mentions."""

    def __init__(self, width, outputs):
        super().__init__()
        self.projection = nn.Linear(width, width, bias=False)
        self.attributes = nn.Linear(width, outputs)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def contrast(self, embedded, described):
        """The loss of telling which text belongs to which picture, and how often the right one comes first."""
        a, b = F.normalize(embedded.float(), dim=1), F.normalize(described.float(), dim=1)
        similar = self.log_scale.clamp(max=math.log(60)).exp() * a @ b.T
        hit = (similar.argmax(1) == torch.arange(len(a), device=a.device)).float().mean()
        return match_loss(similar), hit
