"""The small CLIP: text encoder, and an image tower that reads VAE latents. `text.py` trains both, `tower.py` the image tower alone."""

import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPTextModel

import tokenizer as tokens
import vae
from run import write
from world import SHOWN, classes, match_loss, predictions, rendered, scores, tag_loss


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        half = lambda: (nn.GroupNorm(16, c), nn.SiLU(), nn.Conv2d(c, c, 3, 1, 1))  # noqa: E731
        self.body = nn.Sequential(*half(), *half())

    def forward(self, x):
        return x + self.body(x)


class ImageTower(nn.Module):
    """Scaled latents (n, 4, 16, 16) → embedding (n, width), attribute logits, geometry."""

    def __init__(self, width, outputs):
        super().__init__()
        down = lambda a, b: (nn.Conv2d(a, b, 3, 2, 1), Residual(b))  # noqa: E731
        self.trunk = nn.Sequential(
            nn.Conv2d(4, 64, 3, 1, 1), Residual(64), *down(64, 128), *down(128, 192), nn.GroupNorm(16, 192), nn.SiLU(),
            nn.Flatten(), nn.Linear(192 * 16, 384), nn.SiLU(),
        )  # fmt: skip
        self.projection = nn.Linear(384, width, bias=False)
        self.attributes = nn.Linear(384, outputs)
        self.geometry = nn.Linear(384, 13)

    def forward(self, latents):
        x = self.trunk(latents)
        return self.projection(x), self.attributes(x), self.geometry(x)


class Joint(nn.Module):
    """What brings the text to the image tower's space, and how sharply both are compared there."""

    def __init__(self, width):
        super().__init__()
        self.projection = nn.Linear(width, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def contrast(self, embedded, described):
        """The loss of telling which text belongs to which picture; how often the right one is first."""
        a, b = F.normalize(embedded.float(), dim=1), F.normalize(described.float(), dim=1)
        similar = self.log_scale.clamp(max=math.log(60)).exp() * a @ b.T
        hit = (similar.argmax(1) == torch.arange(len(a), device=a.device)).float().mean()
        return match_loss(similar), hit


class Shown:
    """What the image tower tells of a picture beside its text: attributes, and the geometry of a figurine."""

    def __init__(self, run, world):
        self.run, self.world, self.sizes = run, world, classes(world.values, SHOWN)
        self.mean = world.geometry.nanmean(0)
        self.std = (world.geometry - self.mean).square().nanmean(0).sqrt()

    def draw(self, chosen):
        """Labels and geometry of pictures, and whether they have a geometry."""
        geometry = (self.world.geometry[chosen] - self.mean) / (self.std + 1e-6)
        return self.world.labels[chosen], geometry.nan_to_num(), ~geometry[:, :1].isnan()

    def loss(self, attributes, geometry, labels, wanted, known):
        seen = tag_loss(attributes, labels, self.sizes)
        built = ((geometry.float() - wanted).square() * known).sum() / (known.sum() * wanted.shape[1]).clamp(min=1)
        return 0.1 * seen + 0.5 * built, seen.detach()


def draw_latents(run, latents, chosen, generator):
    """Those of pictures, with up to 15 % noise."""
    z = run.put(vae.pick(latents, chosen))
    much = 0.15 * torch.rand((len(z), 1, 1, 1), generator=generator)
    return z + run.put(much) * run.randn(z.shape, generator)


def load_text(run):
    return CLIPTextModel.from_pretrained(run.path("text_encoder")).float().to(run.device).eval().requires_grad_(False)


def ends(ids, end):
    return (ids == end).int().argmax(1)


@torch.no_grad()
def states_at_end(run, text, ids, end):
    parts = []
    for part in ids.split(256):
        with run.autocast():
            states = text(input_ids=run.put(part)).last_hidden_state.float()
        parts.append(states[torch.arange(len(part)), ends(part, end)])
    return torch.cat(parts)


@torch.no_grad()
def measure(run, image, joint, text):
    """The towers as a metric: retrieval among 256 validation pictures, and the image tower's attributes."""
    world, ids, end = rendered(run, "validation"), tokens.captions(run, "validation"), tokens.build(run).eos_token_id
    count = min(256, len(world))
    with run.autocast():
        outputs = [image(run.put(part))[:2] for part in vae.pick(vae.latents(run, "validation"), range(len(world))).split(256)]
    embedded = F.normalize(torch.cat([o[0] for o in outputs]).float(), dim=1)[:count]
    described = F.normalize(joint.projection(states_at_end(run, text, ids[:count], end)), dim=1)
    first = (embedded @ described.T).argmax(1).cpu() == torch.arange(count)
    table = scores(predictions(torch.cat([o[1] for o in outputs]).float(), classes(world.values, SHOWN)), world.labels, SHOWN)
    return {f"retrieval_among_{count}": first.float().mean().item(), "image_attributes": table}


def export(run, image, joint, shown):
    """The small CLIP as one float16 safetensors file: image tower on latents, text projection."""
    tensors = {f"image.{name}": t for name, t in image.state_dict().items()}
    tensors |= {"text_projection.weight": joint.projection.weight.detach(), "log_scale": joint.log_scale.detach()[None]}
    tensors = {name: t.half().cpu().contiguous() for name, t in tensors.items()} | {"geometry.mean": shown.mean, "geometry.std": shown.std}
    save_file(tensors, run.path("export_clip", "model.safetensors"), {"format": "pt"})
    config = {
        "input": "VAE latents times scaling_factor (n, 4, 16, 16)",
        "projection_dim": joint.projection.out_features,
        "attributes": {name: ["(none)", *shown.world.values[name]] for name in SHOWN},
    }
    write(run.path("export_clip", "config.json"), json.dumps(config, indent=1).encode())
