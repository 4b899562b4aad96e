"""Random views of pictures: what a photo or a generated picture may do to a render without showing another thing."""

import math

import torch
import torch.nn.functional as F

from data.pictures import pixels, soften


class Views:
    """Views of `side` pixels: moved, turned, mirrored, brighter, tinted, noisy, soft.

    `share` is the share of the picture's side that an unmoved view shows: that of the finished encoder's centre crop.
    """

    def __init__(self, run, side, share):
        self.run, self.side, self.share = run, side, share

    def draw(self, n, generator):
        """Everything random of n views: frames (n, 2, 3), colours (n, 3, 2), softness (n), noise (n, 3, side, side)."""
        between = lambda low, high, *shape: low + (high - low) * torch.rand(shape, generator=generator)  # noqa: E731
        zoom, turn = between(0.86, 1.12, n) * self.share, between(-math.pi / 24, math.pi / 24, n)
        mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
        cos, sin, move = turn.cos() * zoom, turn.sin() * zoom, between(-0.1, 0.1, n, 2)
        rows = [torch.stack([cos * mirror, -sin, move[:, 0]], 1), torch.stack([sin * mirror, cos, move[:, 1]], 1)]
        # A figurine is known by its colours, so they move little: all channels together, and each by itself.
        gain = between(0.85, 1.15, n, 1) * between(0.95, 1.05, n, 3)
        shift = between(-0.1, 0.1, n, 1).expand(n, 3)
        much = between(0.0, 0.06, n, 1, 1, 1) * (torch.rand((n, 1, 1, 1), generator=generator) < 0.7)
        noise = self.run.machine.put(much) * self.run.rng.randn((n, 3, self.side, self.side), generator)
        return torch.stack(rows, 1), torch.stack([gain, shift], 2), torch.rand(n, generator=generator), noise

    def apply(self, pictures, frames, colors, soft, noise):
        """uint8 (n, h, w, 3) → float (n, 3, side, side) in -1..1"""
        grid = F.affine_grid(frames, (len(pictures), 3, self.side, self.side), align_corners=False)
        x = F.grid_sample(pixels(pictures), grid, padding_mode="reflection", align_corners=False)
        x = x * colors[:, :, 0, None, None] + colors[:, :, 1, None, None] + noise
        return soften(x, soft < 0.5).clamp(-1, 1)
