"""The random numbers of a training: every step has its own, so a resumed training draws what it would have drawn."""

import hashlib

import torch


class Rng:
    """Random numbers that depend on the seed of the run, the stage, the step and its micro-batch only."""

    def __init__(self, seed, device):
        self.seed, self.device = seed, device

    def generator(self, stage, step, part=0):
        """A generator on the host for one step, or for one of its micro-batches."""
        parts = (self.seed, stage, step, part) if part else (self.seed, stage, step)
        return torch.Generator().manual_seed(hash_of(*parts))

    def randn(self, shape, generator):
        """Normal numbers made on the device. Their seed is drawn from `generator`."""
        seed = int(torch.randint(2**62, (), generator=generator))
        own = torch.Generator(self.device).manual_seed(seed)
        return torch.randn(shape, device=self.device, generator=own)


def hash_of(*parts):
    """A number below 2^56 for any values."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "big")
