"""Stages `vae` (AutoencoderKL, factor 8) and `latents` (its means of all pictures, a memory-mapped float16 file)."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import trainer
from world import cover, pixels, rendered, to_images


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
    """The initial model's, or a new one."""
    init = run.initial("vae")
    vae = AutoencoderKL.from_pretrained(init).float() if init else new(run.settings)
    return vae.to(run.device, memory_format=torch.channels_last)


def load(run):
    vae = AutoencoderKL.from_pretrained(run.path("vae")).to(run.device, memory_format=torch.channels_last)
    return vae.eval().requires_grad_(False)


def edges(x):
    """Weight 1 on flat areas, more where neighbours differ: faces and things are small."""
    step = (x[:, :, 1:, 1:] - x[:, :, :-1, 1:]).abs().mean(1, True) + (x[:, :, 1:, 1:] - x[:, :, 1:, :-1]).abs().mean(1, True)
    return 1 + 6 * F.avg_pool2d(F.pad(step, (1, 0, 1, 0)), 3, 1, 1)


def blur(error, face):
    """How much the error differs between neighbours; in a head it counts twice."""
    across = (error[:, :, :, 1:] - error[:, :, :, :-1]).abs() * (1 + face[:, :, :, 1:])
    down = (error[:, :, 1:] - error[:, :, :-1]).abs() * (1 + face[:, :, 1:])
    return across.mean() + down.mean()


def crop_of(images, faces, generator):
    """A quarter of each picture, mostly of the middle, where the figurine is; and where the faces are in it."""
    side = images.shape[1]
    crop = side // 2
    reach = 8 if torch.rand((), generator=generator) < 0.3 else 4
    i, j = (torch.randint(0, reach + 1, (2,), generator=generator) * 8 + (8 - reach) * 4).clamp(max=side - crop).tolist()
    return images[:, i : i + crop, j : j + crop], (faces * side - torch.tensor([j, i, j, i])) / crop


def train(run):
    if run.result("vae"):
        return
    s, world, validation = run.settings, rendered(run, "train"), rendered(run, "validation")
    torch.manual_seed(run.seed)
    vae = start(run)
    held = range(min(64, len(validation)))
    holdout, held_faces = validation.pictures(held), validation.faces[held]

    def draw(generator, progress):
        # Crops are cheap; the last part sees whole pictures, so that normalisation fits what will be used.
        cropped = progress < s.vae_crops
        n = max(1, s.vae_batch * (4 if cropped else 1) // s.vae_parts)
        chosen = torch.randint(0, len(world), (n,), generator=generator).sort().values
        images, faces = world.pictures(chosen), world.faces[chosen]
        if cropped:
            images, faces = crop_of(images, faces, generator)
        turned = torch.rand(n, generator=generator) < 0.5
        images = torch.where(turned[:, None, None, None], images.flip(2), images)
        x0, y0, x1, y1 = faces.unbind(1)
        faces = torch.where(turned[:, None], torch.stack([1 - x1, y0, 1 - x0, y1], 1), faces)
        shape = (n, 4, images.shape[1] // 8, images.shape[1] // 8)
        much = s.vae_noise * torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < 0.5)
        more = run.put(much[:, None, None, None]) * run.randn(shape, generator)
        return images, faces, run.randn(shape, generator), more

    def loss(images, faces, noise, more):
        x, face = pixels(images), cover(faces, images.shape[1])
        with run.autocast():
            distribution = vae.encode(run.put(x)).latent_dist
            mean, std = distribution.mean.float(), distribution.std.float()
            y = vae.decode(run.put(mean + std * noise + mean.detach().std() * more)).sample.float()
        error, weight = y - x, edges(x) * (1 + s.vae_face * face)
        # KL divergence to the unit normal per latent number.
        kl = distribution.kl().float().mean() / mean[0].numel()
        l1 = (error.abs() * weight).mean()
        total = l1 + 0.5 * blur(error, face) + 0.7 * (error.square() * weight).mean() + s.vae_kl * kl
        return total, {"l1": l1.detach(), "kl": kl.detach()}

    def quality(model=vae):
        return dict(zip(("psnr", "psnr_heads"), psnr(run, model, holdout, held_faces)))

    options = {"decay": 1e-3, "ema": s.vae_ema, "parts": s.vae_parts, "report": lambda _: quality(), "quality": lambda: quality()["psnr"]}
    numbers = trainer.train(run, "vae", {"vae": vae}, s.vae_rate, draw, loss, **options)
    # An initial model may be better than what this machine makes of it; its UNet, too, reads its latents.
    judged, kept = quality(), False
    if run.initial("vae"):
        first = start(run)
        before = quality(first)
        if kept := before["psnr"] > judged["psnr"]:
            vae, judged = first, before
    if not kept:
        with torch.no_grad(), fine(run):
            latents = torch.cat([vae.encode(run.put(pixels(part.to(run.device)))).latent_dist.mode().float() for part in holdout.split(8)])
        vae.register_to_config(scaling_factor=1 / latents.std().item())
    vae.save_pretrained(run.path("vae"))
    run.finish("vae", **numbers, **judged, scaling_factor=vae.config.scaling_factor, initial=kept)


def psnr(run, vae, pictures, faces):
    """Mean over pictures of 10 log10(peak² / MSE), decibels: of the whole, of the heads."""
    pieces = [(round_trip(run, vae, part) - pixels(part)).square().mean(1, True) for part in pictures.split(8)]
    squares, face = torch.cat(pieces), cover(faces, pictures.shape[1])
    there = face.sum((1, 2, 3)) > 0
    heads = (squares * face).sum((1, 2, 3))[there] / face.sum((1, 2, 3))[there]
    return tuple((10 * torch.log10(4 / error)).mean().item() for error in (squares.mean((1, 2, 3)), heads))


@torch.no_grad()
def round_trip(run, vae, pictures):
    """uint8 (n, side, side, 3) → float (n, 3, side, side) in -1..1"""
    with run.autocast():
        back = vae.decode(vae.encode(run.put(pixels(pictures.to(run.device)))).latent_dist.mode()).sample
    return back.float().clamp(-1, 1).cpu()


def round_trip_images(run, vae, images):
    """uint8 → uint8"""
    parts = torch.from_numpy(np.array(images)).split(8)
    return np.concatenate([to_images(round_trip(run, vae, part)) for part in parts])


def fine(run):
    """Latents in float16 where the device has it: bfloat16 has an eighth of its steps."""
    return run.autocast(torch.float16 if run.device.type == "cuda" else torch.bfloat16)


@torch.no_grad()
def cache(run):
    """Latent means, already scaled, float16 (n, 4, side/8, side/8); goes on where it was stopped."""
    if run.result("latents"):
        return
    vae = load(run)
    for name in ("train", "validation"):
        world, path = rendered(run, name), run.path("data", name, "latents.npy")
        if not path.exists():
            part, marker = path.with_suffix(".part.npy"), path.with_suffix(".json")
            side = run.settings.side // 8
            at = json.loads(marker.read_text()) if marker.exists() and part.exists() else 0
            shape = (len(world), 4, side, side)
            out = np.lib.format.open_memmap(part, "r+" if at else "w+", np.float16, None if at else shape)
            # Few at a time: their feature maps stay in the cache of a processor.
            batch = 256 if run.device.type == "cuda" else 4
            for i in range(at, len(world), batch):
                chosen = range(i, min(i + batch, len(world)))
                with fine(run):
                    mean = vae.encode(run.put(pixels(world.pictures(chosen).to(run.device)))).latent_dist.mode()
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
