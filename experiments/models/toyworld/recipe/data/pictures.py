"""Pictures as tensors and as arrays of bytes."""

import numpy as np
import torch
import torch.nn.functional as F


def pixels(images):
    """uint8 (n, h, w, 3) → float (n, 3, h, w) in -1..1"""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def soften(x, which):
    """Halves the resolution of some (bool, n) of the pictures (n, 3, h, w), as a VAE and few steps of a sampler may."""
    soft = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    return torch.where(which[:, None, None, None], soft, x)


def to_images(tensor):
    """float (n, 3, h, w) in -1..1 → uint8 (n, h, w, 3)"""
    return ((tensor.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def cover(faces, side):
    """How much of each cell (n, 1, side, side) is covered by a head's rectangle (n, 4), 0 to 1."""
    cells = torch.arange(side, device=faces.device) / side

    def along(low, high):
        return ((torch.minimum(high[:, None], cells + 1 / side) - torch.maximum(low[:, None], cells)) * side).clamp(
            0, 1
        )

    x0, y0, x1, y1 = faces.unbind(1)
    return (along(y0, y1)[:, :, None] * along(x0, x1)[:, None, :])[:, None]


def grid(images, columns, gap=2):
    """One sheet of pictures, row by row, on white."""
    h, w = images[0].shape[:2]
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (h + gap), columns * (w + gap), 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (h + gap), i % columns * (w + gap)
        sheet[y : y + h, x : x + w] = image
    return sheet
