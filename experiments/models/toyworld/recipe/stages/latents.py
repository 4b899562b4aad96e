"""Stage `latents`: the VAE's means of all pictures, a memory-mapped float16 file. It goes on where it was stopped."""

import json
import os

import numpy as np
import torch

from data.latents import latents
from data.pictures import pixels
from data.world import rendered
from models import vae as autoencoder
from stop import Stopped


def work(run):
    if run.results.get("latents"):
        return
    vae = autoencoder.load(run)
    for name in ("train", "validation"):
        path = run.folder.path("data", name, "latents.npy")
        if not path.exists():
            write(run, vae, rendered(run, name), path)
    array = latents(run, "train")
    run.results.finish("latents", count=len(array), std=float(array[:1024].astype(np.float32).std()))


@torch.no_grad()
def write(run, vae, world, path):
    """Scaled means (n, 4, side/8, side/8) of a set. A marker beside the unfinished file says how far it is."""
    machine, side = run.machine, run.settings.side // 8
    part, marker = path.with_suffix(".part.npy"), path.with_suffix(".json")
    at = json.loads(marker.read_text()) if marker.exists() and part.exists() else 0
    shape = (len(world), 4, side, side)
    out = np.lib.format.open_memmap(part, "r+" if at else "w+", np.float16, None if at else shape)
    # On a processor a batch is small, so that its feature maps stay in the cache.
    batch = 256 if machine.on_gpu else 4
    for i in range(at, len(world), batch):
        chosen = range(i, min(i + batch, len(world)))
        with machine.fine_autocast():
            x = machine.put(pixels(world.pictures(chosen).to(machine.device)))
            mean = vae.encode(x).latent_dist.mode()
        out[i : i + len(chosen)] = (mean.float() * vae.config.scaling_factor).cpu().numpy()
        if run.stop.requested or i % 3200 == 0:
            out.flush()
            marker.write_text(str(i + len(chosen)))
            if run.stop.requested:
                raise Stopped
    out.flush()
    os.replace(part, path)
