"""The VAE's latents of a rendered set: a memory map that stage `latents` writes."""

import numpy as np
import torch


def latents(run, name):
    """float16 (n, 4, side/8, side/8), already scaled."""
    return np.load(run.folder.path("data", name, "latents.npy"), mmap_mode="r")


def pick(array, indices):
    """Rows of a memory map as float32, read in order."""
    return torch.from_numpy(np.ascontiguousarray(array[np.asarray(indices)])).float()


def draw_latents(run, array, chosen, generator):
    """The latents of the chosen pictures, on the device, with up to 15 % of noise."""
    z = run.machine.put(pick(array, chosen))
    much = 0.15 * torch.rand((len(z), 1, 1, 1), generator=generator)
    return z + run.machine.put(much) * run.rng.randn(z.shape, generator)
