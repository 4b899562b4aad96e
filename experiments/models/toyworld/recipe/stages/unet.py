"""Stage `unet`: velocity prediction on cached latents, conditioned on the frozen text encoder.

The text states are computed in every step (about 4 % of its time) and not cached: at 20 KB for a caption they would be
gigabytes.
"""

import torch

from data.latents import latents, pick
from data.pictures import cover
from data.world import rendered
from loop import trainer
from loop.training import Training
from models import tokenizer as tokens
from models import unet as denoiser
from models import vae
from models.sampler import Sampler, schedule
from models.text import load_text
from stages.following import following


def focus(side):
    """Weights (side, side) with mean 1, largest in the middle.

    Hats, hands and faces are there and small. Places are learnt anyway.
    """
    x = (torch.arange(side) + 0.5) / side - 0.5
    middle = torch.exp(-(x[None] ** 2) / (2 * 0.25**2) - x[:, None] ** 2 / (2 * 0.35**2))
    weights = 0.6 + middle
    return weights / weights.mean()


class Task:
    """The batches of a training step, and how the UNet's answers are judged."""

    def __init__(self, run, text, unet):
        self.run, self.s, self.text, self.unet = run, run.settings, text, unet
        self.world, self.latents = rendered(run, "train"), latents(run, "train")
        self.ids = torch.cat([tokens.captions(run, "train"), tokens.encode(tokens.load(run), [""])])
        self.alphas = schedule().alphas_cumprod.to(run.machine.device)
        self.middle = focus(self.s.side // 8).to(run.machine.device)

    def draw(self, generator, _progress):
        run, s = self.run, self.s
        n, empty = s.unet_batch // s.unet_parts, len(self.ids) - 1
        chosen = torch.randint(0, len(self.world), (n,), generator=generator).sort().values
        shuffle = torch.randperm(n, generator=generator)
        words = self.ids[torch.where(torch.rand(n, generator=generator) < s.unet_empty, empty, chosen)][shuffle]
        z = pick(self.latents, chosen)[shuffle]
        # One timestep from each n-th of the schedule.
        times = ((torch.arange(n) + torch.rand(n, generator=generator)) / n * 1000).long().clamp(max=999)
        return z, self.read(words), times, run.rng.randn(z.shape, generator), self.world.faces[chosen][shuffle]

    @torch.no_grad()
    def read(self, words):
        """Token ids (n, 77) → text states (n, 77, width)"""
        with self.run.machine.autocast():
            return self.text(input_ids=self.run.machine.put(words)).last_hidden_state.float()

    def loss(self, z, context, times, noise, faces):
        seen = cover(faces, z.shape[-1]) * (times < self.s.unet_face_below)[:, None, None, None]
        weights = self.middle * (1 + self.s.unet_face * seen)
        return (self.errors(self.unet, z, context, times, noise) * weights).mean(), {}

    def errors(self, unet, z, context, times, noise):
        """Squared errors of the velocity, float (n, 4, side/8, side/8)."""
        a = self.alphas[times][:, None, None, None]
        with self.run.machine.autocast():
            out = unet(self.run.machine.put(a.sqrt() * z + (1 - a).sqrt() * noise), times, context).sample
        return (out.float() - (a.sqrt() * noise - (1 - a).sqrt() * z)).square()


class Report:
    """The error on held-out pictures, always with the same times and noise, and how often prompts are followed."""

    def __init__(self, run, task, unet):
        self.run, self.task, self.unet = run, task, unet
        held = min(256, len(rendered(run, "validation")))
        generator = torch.Generator().manual_seed(5)
        times = torch.randint(0, 1000, (held,), generator=generator)
        z = pick(latents(run, "validation"), range(held))
        noise = torch.randn(z.shape, generator=generator)
        self.held = z, tokens.captions(run, "validation")[:held], times, noise

    @torch.no_grad()
    def __call__(self, steps):
        run, task = self.run, self.task
        images = steps * run.settings.unet_batch
        parts = zip(*(run.machine.put(x).split(64) for x in self.held))
        errors = [
            task.errors(self.unet, z, task.read(ids), times, noise).mean((1, 2, 3)) for z, ids, times, noise in parts
        ]
        sampler = Sampler(self.unet, task.text, vae.load(run), tokens.load(run))
        table = following(run, sampler, run.settings.count_on_the_way, f"{images:09}")
        shown = {name: f"{row['right']}/{row['n']}" for name, row in table["asked"].items()}
        return {"images": images, "validation": torch.cat(errors).mean().item(), **shown}


def work(run):
    if run.results.get("unet"):
        return
    s, text = run.settings, load_text(run)
    torch.manual_seed(run.seed + 2)
    unet = denoiser.start(run, text.config.hidden_size)
    task = Task(run, text, torch.compile(unet, dynamic=False) if run.compile else unet)
    training = Training(
        stage="unet",
        modules={"unet": unet},
        rate=s.unet_rate,
        draw=task.draw,
        loss=task.loss,
        report=Report(run, task, unet),
        reports=s.counts,
        ema=s.unet_ema,
        parts=s.unet_parts,
    )
    numbers = trainer.train(run, training)
    unet.save_pretrained(run.folder.path("unet"))
    images = numbers["steps"] * s.unet_batch
    run.results.finish("unet", **numbers, images=images, images_per_second=images / numbers["seconds"])
