"""Networks that say how alike two figurines are. They teach the encoder of stage `dino`, and judge nothing else."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from models.probes import SIDE, parts


class Network(nn.Module):
    """float (n, 3, 64, 64) in -1..1 → (n, outputs)"""

    def __init__(self, outputs):
        super().__init__()
        layers = [*block(3, 32, 2, 5), *block(32, 32)]
        for a, b in ((32, 64), (64, 128), (128, 192)):
            layers += [*block(a, b, 2), *block(b, b)]
        flat = 192 * (SIDE // 16) ** 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.SiLU(), nn.Linear(256, outputs))

    def forward(self, x):
        return self.body(x)


def block(a, b, stride=1, kernel=3):
    return nn.Conv2d(a, b, kernel, stride, kernel // 2), nn.GroupNorm(8, b), nn.SiLU()


class Teachers(nn.Module):
    """Networks whose unit features lie side by side: a cosine is the mean of theirs. They differ by their start."""

    def __init__(self, networks, width):
        super().__init__()
        self.networks = nn.ModuleList(Network(width // networks) for _ in range(networks))

    def apart(self, x):
        """The unit features (n, width / networks) of every network."""
        return [F.normalize(network(x).float(), dim=1) for network in self.networks]

    def forward(self, x):
        """float (n, 3, 64, 64) in -1..1 → unit vectors (n, width)"""
        return torch.cat(self.apart(x), 1) / len(self.networks) ** 0.5


@torch.no_grad()
def features(run, teachers, images):
    """uint8 pictures → unit vectors (n, width)"""
    with run.machine.autocast():
        return torch.cat([teachers(part).cpu() for part in parts(run, images)])
