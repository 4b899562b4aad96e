"""Stage `vae`: the autoencoder learns to give back pictures, whole ones or crops of them."""

import torch
import torch.nn.functional as F

from data.pictures import cover, pixels
from data.world import rendered
from loop import trainer
from loop.training import Training
from models.vae import psnr, start


def edges(x):
    """Weights (n, 1, h, w): 1 on flat areas, more where neighbours differ, because faces and things are small."""
    across = (x[:, :, 1:, 1:] - x[:, :, 1:, :-1]).abs().mean(1, True)
    down = (x[:, :, 1:, 1:] - x[:, :, :-1, 1:]).abs().mean(1, True)
    return 1 + 6 * F.avg_pool2d(F.pad(down + across, (1, 0, 1, 0)), 3, 1, 1)


def blur(error, face):
    """How much the error differs between neighbours. In a head the difference counts twice."""
    across = (error[:, :, :, 1:] - error[:, :, :, :-1]).abs() * (1 + face[:, :, :, 1:])
    down = (error[:, :, 1:] - error[:, :, :-1]).abs() * (1 + face[:, :, 1:])
    return across.mean() + down.mean()


def crop_of(images, faces, generator):
    """A quarter of each picture, and where the faces are in it.

    Most crops are near the middle, where the figurine is.
    """
    side = images.shape[1]
    crop = side // 2
    reach = 8 if torch.rand((), generator=generator) < 0.3 else 4
    corner = torch.randint(0, reach + 1, (2,), generator=generator) * 8 + (8 - reach) * 4
    i, j = corner.clamp(max=side - crop).tolist()
    return images[:, i : i + crop, j : j + crop], (faces * side - torch.tensor([j, i, j, i])) / crop


class Task:
    """The batches of a training step, and how the VAE's pictures are judged."""

    def __init__(self, run, vae):
        self.run, self.s, self.vae = run, run.settings, vae
        self.world = rendered(run, "train")

    def draw(self, generator, progress):
        """Pictures, their faces, the noise of the posterior, and more noise on half of the latents."""
        run, s = self.run, self.s
        # Crops take less time. The last part sees whole pictures, so that normalisation fits what will be used.
        cropped = progress < s.vae_crops
        n = max(1, s.vae_batch * (4 if cropped else 1) // s.vae_parts)
        chosen = torch.randint(0, len(self.world), (n,), generator=generator).sort().values
        images, faces = self.world.pictures(chosen), self.world.faces[chosen]
        if cropped:
            images, faces = crop_of(images, faces, generator)
        turned = torch.rand(n, generator=generator) < 0.5
        images = torch.where(turned[:, None, None, None], images.flip(2), images)
        x0, y0, x1, y1 = faces.unbind(1)
        faces = torch.where(turned[:, None], torch.stack([1 - x1, y0, 1 - x0, y1], 1), faces)
        shape = (n, 4, images.shape[1] // 8, images.shape[1] // 8)
        much = s.vae_noise * torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < 0.5)
        more = run.machine.put(much[:, None, None, None]) * run.rng.randn(shape, generator)
        return images, faces, run.rng.randn(shape, generator), more

    def loss(self, images, faces, noise, more):
        machine, s = self.run.machine, self.s
        x, face = pixels(images), cover(faces, images.shape[1])
        with machine.autocast():
            distribution = self.vae.encode(machine.put(x)).latent_dist
            mean, std = distribution.mean.float(), distribution.std.float()
            z = machine.put(mean + std * noise + mean.detach().std() * more)
            y = self.vae.decode(z).sample.float()
        error, weight = y - x, edges(x) * (1 + s.vae_face * face)
        # The KL divergence to the unit normal, per latent number.
        kl = distribution.kl().float().mean() / mean[0].numel()
        l1 = (error.abs() * weight).mean()
        total = l1 + 0.5 * blur(error, face) + 0.7 * (error.square() * weight).mean() + s.vae_kl * kl
        return total, {"l1": l1.detach(), "kl": kl.detach()}


def work(run):
    if run.results.get("vae"):
        return
    s, validation = run.settings, rendered(run, "validation")
    torch.manual_seed(run.seed)
    vae = start(run)
    task = Task(run, vae)
    held = range(min(64, len(validation)))
    holdout, held_faces = validation.pictures(held), validation.faces[held]

    def quality(model):
        return dict(zip(("psnr", "psnr_heads"), psnr(run, model, holdout, held_faces)))

    training = Training(
        stage="vae",
        modules={"vae": vae},
        rate=s.vae_rate,
        draw=task.draw,
        loss=task.loss,
        report=lambda _: quality(task.vae),
        quality=lambda: quality(task.vae)["psnr"],
        decay=1e-3,
        ema=s.vae_ema,
        parts=s.vae_parts,
    )
    numbers = trainer.train(run, training)
    # The initial model may be better than what this machine makes of it, and its UNet reads its latents.
    judged, kept = quality(vae), False
    if run.initial.folder("vae"):
        first = start(run)
        before = quality(first)
        if kept := before["psnr"] > judged["psnr"]:
            vae, judged = first, before
    if not kept:
        vae.register_to_config(scaling_factor=1 / latents_of(run, vae, holdout).std().item())
    vae.save_pretrained(run.folder.path("vae"))
    run.results.finish("vae", **numbers, **judged, scaling_factor=vae.config.scaling_factor, initial=kept)


@torch.no_grad()
def latents_of(run, vae, pictures):
    """uint8 (n, side, side, 3) → the means of the latents, not scaled, float (n, 4, side/8, side/8)."""
    machine = run.machine
    with machine.fine_autocast():
        parts = (machine.put(pixels(part.to(machine.device))) for part in pictures.split(8))
        return torch.cat([vae.encode(part).latent_dist.mode().float() for part in parts])
