"""The autoencoder (AutoencoderKL, factor 8): built, loaded, and how well pictures come back from it."""

import numpy as np
import torch
from diffusers import AutoencoderKL

from data.pictures import cover, pixels, to_images


def new(settings):
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        act_fn="silu",
        block_out_channels=settings.vae_channels,
        down_block_types=["DownEncoderBlock2D"] * len(settings.vae_channels),
        up_block_types=["UpDecoderBlock2D"] * len(settings.vae_channels),
        sample_size=settings.side,
        scaling_factor=1.0,
    )


def start(run):
    """The VAE of the initial model, or a new one."""
    init = run.initial.folder("vae")
    vae = AutoencoderKL.from_pretrained(init).float() if init else new(run.settings)
    return vae.to(run.machine.device, memory_format=torch.channels_last)


def load(run):
    """The trained VAE, frozen."""
    vae = AutoencoderKL.from_pretrained(run.folder.path("vae"))
    return vae.to(run.machine.device, memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def round_trip(run, vae, pictures):
    """uint8 (n, side, side, 3) → float (n, 3, side, side) in -1..1, encoded and decoded."""
    with run.machine.autocast():
        x = run.machine.put(pixels(pictures.to(run.machine.device)))
        back = vae.decode(vae.encode(x).latent_dist.mode()).sample
    return back.float().clamp(-1, 1).cpu()


def round_trip_images(run, vae, images):
    """uint8 pictures → uint8 pictures, encoded and decoded."""
    parts = torch.from_numpy(np.array(images)).split(8)
    return np.concatenate([to_images(round_trip(run, vae, part)) for part in parts])


def psnr(run, vae, pictures, faces):
    """10 log10(peak² / MSE) in decibels, the mean over pictures: of the whole pictures, and of the heads."""
    pieces = [(round_trip(run, vae, part) - pixels(part)).square().mean(1, True) for part in pictures.split(8)]
    squares, face = torch.cat(pieces), cover(faces, pictures.shape[1])
    there = face.sum((1, 2, 3)) > 0
    heads = (squares * face).sum((1, 2, 3))[there] / face.sum((1, 2, 3))[there]
    return tuple((10 * torch.log10(4 / error)).mean().item() for error in (squares.mean((1, 2, 3)), heads))
