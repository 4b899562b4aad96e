"""Stages `vae` (AutoencoderKL, factor 8) and `latents` (its means of all pictures, a memory-mapped float16 file)."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from world import World, pixels, to_images


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


def load(run):
    vae = AutoencoderKL.from_pretrained(run.path("vae")).to(run.device, memory_format=torch.channels_last)
    return vae.eval().requires_grad_(False)


def edges(x):
    """Weight 1 on flat areas, more where neighbours differ: faces and things are small."""
    step = (x[:, :, 1:, 1:] - x[:, :, :-1, 1:]).abs().mean(1, True) + (x[:, :, 1:, 1:] - x[:, :, 1:, :-1]).abs().mean(1, True)
    return 1 + 6 * F.avg_pool2d(F.pad(step, (1, 0, 1, 0)), 3, 1, 1)


def slope(error):
    """How much the error differs between neighbours: blur, mostly."""
    return (error[:, :, :, 1:] - error[:, :, :, :-1]).abs().mean() + (error[:, :, 1:] - error[:, :, :-1]).abs().mean()


def train(run, init=None):
    if run.result("vae"):
        return
    s, world, validation = run.settings, World(run, "train"), World(run, "validation")
    torch.manual_seed(run.seed)
    vae = AutoencoderKL.from_pretrained(init / "vae").float() if init else new(s)
    vae.register_to_config(scaling_factor=1.0)
    vae = vae.to(run.device, memory_format=torch.channels_last)
    crop = s.side // 2
    holdout = validation.pictures(range(min(64, len(validation))))

    def step(generator, progress):
        # Crops are cheap; the last part sees whole pictures, so that normalisation fits what will be used.
        whole = progress > 0.9
        batch = max(1, (s.vae_batch // 4 if whole else s.vae_batch) // s.vae_parts)
        x = world.pictures(torch.randint(0, len(world), (batch,), generator=generator).sort().values, run.device)
        if not whole:
            # Mostly the middle, where the figurine is.
            reach = 8 if torch.rand((), generator=generator) < 0.3 else 4
            i, j = (torch.randint(0, reach + 1, (2,), generator=generator) * 8 + (8 - reach) * 4).tolist()
            i, j = min(i, s.side - crop), min(j, s.side - crop)
            x = x[:, :, i : i + crop, j : j + crop]
        if torch.rand((), generator=generator) < 0.5:
            x = x.flip(3)
        x = run.put(x)
        with run.autocast():
            distribution = vae.encode(x).latent_dist
            noise = run.randn(distribution.mean.shape, generator)
            y = vae.decode(distribution.mean + distribution.std * noise).sample
        y = y.float()
        error, weight = y - x, edges(x)
        # KL divergence to the unit normal per latent number.
        kl = distribution.kl().float().mean() / distribution.mean[0].numel()
        l1 = (error.abs() * weight).mean()
        return l1 + 0.5 * slope(error) + 0.7 * (error.square() * weight).mean() + 2e-5 * kl, {"l1": l1.detach(), "kl": kl.detach()}

    def report(_step, _progress):
        return {"psnr": psnr(run, vae, holdout)}

    numbers = run.train("vae", {"vae": vae}, s.vae_rate, s.shares[0], step, report, decay=1e-3, parts=s.vae_parts)
    with torch.no_grad(), run.autocast():
        latents = torch.cat([vae.encode(run.put(part)).latent_dist.mode().float() for part in holdout.split(8)])
    vae.register_to_config(scaling_factor=1 / latents.std().item())
    vae.save_pretrained(run.path("vae"))
    run.finish("vae", **numbers, psnr=psnr(run, vae, holdout), scaling_factor=vae.config.scaling_factor)


def psnr(run, vae, pictures):
    """Mean over pictures of 10 log10(peak² / MSE), decibels."""
    back = torch.cat([round_trip(run, vae, part) for part in pictures.split(8)])
    return (10 * torch.log10(4 / (back - pictures).square().mean((1, 2, 3)))).mean().item()


@torch.no_grad()
def round_trip(run, vae, pictures):
    with run.autocast():
        back = vae.decode(vae.encode(run.put(pictures)).latent_dist.mode()).sample
    return back.float().clamp(-1, 1).cpu()


def round_trip_images(run, vae, images):
    """uint8 → uint8"""
    return np.concatenate([to_images(round_trip(run, vae, pixels(images[i : i + 8]))) for i in range(0, len(images), 8)])


@torch.no_grad()
def cache(run):
    """Latent means, already scaled, float16 (n, 4, side/8, side/8); goes on where it was stopped."""
    if run.result("latents"):
        return
    vae = load(run)
    for name in ("train", "validation"):
        world, path = World(run, name), run.path("data", name, "latents.npy")
        if not path.exists():
            part, marker = path.with_suffix(".part.npy"), path.with_suffix(".json")
            side = run.settings.side // 8
            at = json.loads(marker.read_text()) if marker.exists() and part.exists() else 0
            shape = (len(world), 4, side, side)
            out = np.lib.format.open_memmap(part, "r+" if at else "w+", np.float16, None if at else shape)
            # Few at a time: their feature maps stay in the cache of a processor.
            batch = 64 if run.device.type == "cuda" else 4
            for i in range(at, len(world), batch):
                chosen = range(i, min(i + batch, len(world)))
                with run.autocast():
                    mean = vae.encode(run.put(world.pictures(chosen, run.device))).latent_dist.mode()
                out[i : i + len(chosen)] = (mean.float() * vae.config.scaling_factor).cpu().numpy()
                if run.stop or i % 3200 == 0:
                    out.flush()
                    marker.write_text(str(i + len(chosen)))
                    if run.stop:
                        raise SystemExit(75)
            out.flush()
            os.replace(part, path)
    latents = np.load(run.path("data", "train", "latents.npy"), mmap_mode="r")
    run.finish("latents", count=len(latents), std=float(latents[:1024].astype(np.float32).std()))


def latents(run, name):
    return np.load(run.path("data", name, "latents.npy"), mmap_mode="r")


def pick(array, indices):
    """Rows of a memory map as float32, read in order."""
    return torch.from_numpy(np.ascontiguousarray(array[np.asarray(indices)])).float()
