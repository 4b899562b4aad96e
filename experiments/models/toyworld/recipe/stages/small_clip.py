"""The parts of the small CLIP's training that every way of it shares: what a picture shows, the metric, the export."""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from data.latents import latents, pick
from data.tags import classes, predictions, scores, tag_loss
from data.world import SHOWN, rendered
from folder import replace_bytes
from models import tokenizer as tokens
from models.text import states_at_end


class Shown:
    """What the image tower must tell of a picture beside its text: attributes, and the geometry of a figurine."""

    def __init__(self, world):
        self.world, self.sizes = world, classes(world.values, SHOWN)
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


@torch.no_grad()
def measure(run, image, joint, text):
    """The towers as a metric: retrieval among 256 validation pictures, and the image tower's attributes."""
    world, ids, end = rendered(run, "validation"), tokens.captions(run, "validation"), tokens.load(run).eos_token_id
    count = min(256, len(world))
    parts = pick(latents(run, "validation"), range(len(world))).split(256)
    with run.machine.autocast():
        outputs = [image(run.machine.put(part))[:2] for part in parts]
    embedded = F.normalize(torch.cat([o[0] for o in outputs]).float(), dim=1)[:count]
    described = F.normalize(joint.projection(states_at_end(run, text, ids[:count], end)), dim=1)
    first = (embedded @ described.T).argmax(1).cpu() == torch.arange(count)
    predicted = predictions(torch.cat([o[1] for o in outputs]).float(), classes(world.values, SHOWN))
    table = scores(predicted, world.labels, SHOWN)
    return {f"retrieval_among_{count}": first.float().mean().item(), "image_attributes": table}


def export(run, image, joint, shown):
    """The small CLIP as one float16 safetensors file: the image tower on latents, and the text projection."""
    tensors = {f"image.{name}": t for name, t in image.state_dict().items()}
    tensors |= {"text_projection.weight": joint.projection.weight.detach(), "log_scale": joint.log_scale.detach()[None]}
    tensors = {name: t.half().cpu().contiguous() for name, t in tensors.items()}
    tensors |= {"geometry.mean": shown.mean, "geometry.std": shown.std}
    save_file(tensors, run.folder.path("export_clip", "model.safetensors"), {"format": "pt"})
    config = {
        "input": "VAE latents times scaling_factor (n, 4, 16, 16)",
        "projection_dim": joint.projection.out_features,
        "attributes": {name: ["(none)", *shown.world.values[name]] for name in SHOWN},
    }
    replace_bytes(run.folder.path("export_clip", "config.json"), json.dumps(config, indent=1).encode())
