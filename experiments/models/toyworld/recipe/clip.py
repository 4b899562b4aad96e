"""Stages `clip` and `tags`: the text encoder, with a small image tower that reads VAE latents.

The text encoder comes first and stays frozen: trained together with the UNet it learnt backgrounds and little else.
Contrast alone leaves rare colours out, so the text must also tell, from its end token and from a random padding token
(most of what a UNet attends to is padding), every attribute the caption mentions, the mentioned ones weighted fivefold.
"""

import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

import tokenizer as tokens
import vae
from run import save, write
from world import MENTIONED, SHOWN, World, classes, predictions, scores, tag_loss


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


class TextHeads(nn.Module):
    def __init__(self, width, outputs):
        super().__init__()
        self.projection = nn.Linear(width, width, bias=False)
        self.attributes = nn.Linear(width, outputs)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))


def new_text(settings, tokenizer):
    width = settings.text_width
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=width // 32,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            projection_dim=width,
        )
    )


def load_text(run):
    return CLIPTextModel.from_pretrained(run.path("text_encoder")).to(run.device).eval().requires_grad_(False)


def ends(ids, end):
    return (ids == end).int().argmax(1)


def train(run, init=None):
    """`clip`: contrast and attributes on both towers. `tags`: the text tower alone, until it passes the gate."""
    if run.result("tags"):
        return
    s, tokenizer, world = run.settings, tokens.build(run), World(run, "train")
    validation = World(run, "validation")
    ids, ids_validation = tokens.encode(tokenizer, world.captions), tokens.encode(tokenizer, validation.captions)
    # Causal attention makes a shorter length exact; later positions get the last one's embedding.
    end = tokenizer.eos_token_id
    length = min(77, int(torch.cat([ends(ids, end), ends(ids_validation, end)]).max()) + 4)
    latents = vae.latents(run, "train")
    mean, std = world.geometry.nanmean(0), (world.geometry - world.geometry.nanmean(0)).square().nanmean(0).sqrt()
    sizes, shown_sizes = classes(world.values, MENTIONED), classes(world.values, SHOWN)
    rare = [MENTIONED.index(name) for name in ("scarf_color", "cape_color")]
    torch.manual_seed(run.seed + 1)
    text = CLIPTextModel.from_pretrained(init / "text_encoder").float() if init else new_text(s, tokenizer)
    heads = TextHeads(s.text_width, sum(sizes))
    image = ImageTower(s.text_width, sum(shown_sizes))
    modules = {"text": text, "heads": heads, "image": image.to(memory_format=torch.channels_last)}
    for module in modules.values():
        module.to(run.device)

    def read(chosen, generator):
        """Text states at the end token and at one padding token behind it."""
        batch = ids[chosen, :length]
        at = ends(batch, end)
        pad = (at + 1 + torch.rand(len(at), generator=generator) * (length - 1 - at)).long().clamp(max=length - 1)
        rows = torch.arange(len(batch))
        states = text(input_ids=run.put(batch)).last_hidden_state
        return states[rows, at], states[rows, pad]

    def contrast(embedded, described):
        a, b = F.normalize(embedded.float(), dim=1), F.normalize(described.float(), dim=1)
        similar = heads.log_scale.clamp(max=math.log(60)).exp() * a @ b.T
        target = torch.arange(len(a), device=a.device)
        hit = (similar.argmax(1) == target).float().mean()
        return (F.cross_entropy(similar, target) + F.cross_entropy(similar.T, target)) / 2, hit

    def told(at_end, at_pad, chosen):
        mentions = run.put(world.mentions[chosen])

        def score(state):
            logits = heads.attributes(state)
            # Colours of scarves and capes are mentioned in one caption of fifty.
            seldom = torch.cat([logits.split(sizes, 1)[i] for i in rare], 1)
            return tag_loss(logits, mentions, sizes, 4.0) + tag_loss(seldom, mentions[:, rare], [sizes[i] for i in rare], 30.0)

        return 0.6 * score(at_end) + 0.4 * score(at_pad)

    def both(generator, progress):
        chosen = torch.randint(0, len(world), (s.clip_batch,), generator=generator).sort().values
        z = run.put(vae.pick(latents, chosen))
        noise = run.randn(z.shape, generator) * run.put(torch.rand((len(z), 1, 1, 1), generator=generator))
        with run.autocast():
            embedded, attributes, geometry = image(z + 0.15 * noise)
            at_end, at_pad = read(chosen, generator)
            described = heads.projection(at_end)
            tags = told(at_end, at_pad, chosen)
        pairs, hit = contrast(embedded, described)
        seen = tag_loss(attributes, run.put(world.labels[chosen]), shown_sizes)
        known = ~world.geometry[chosen, 0].isnan()
        wanted = run.put((world.geometry[chosen][known] - mean) / (std + 1e-6))
        built = (geometry.float()[run.put(known)] - wanted).square().mean() if known.any() else 0.0
        loss = pairs + 0.2 * tags + 0.1 * seen + 0.5 * built
        return loss, {"contrast": pairs.detach(), "hit": hit, "text": tags.detach(), "image": seen.detach()}

    def report(_step, _progress):
        recalls = recall(run, text, heads, ids_validation[:, :length], validation, sizes, end)
        return {"worst": " ".join(f"{name} {r:.2f}" for name, r in sorted(recalls.items(), key=lambda x: x[1])[:4])}

    path = run.path("clip", "towers.pt")
    if not run.result("clip"):
        numbers = run.train("clip", modules, s.clip_rate, s.shares[1], both, report, clip=2.0)
        torch.save({name: module.state_dict() for name, module in modules.items()}, path)
        run.finish("clip", **numbers)
    for name, state in torch.load(path, map_location=run.device, weights_only=True).items():
        modules[name].load_state_dict(state)
    image.requires_grad_(False).eval()
    embedding = embeddings(run, image, latents)

    def words(generator, progress):
        chosen = torch.randint(0, len(world), (s.clip_batch // s.tags_parts,), generator=generator)
        with run.autocast():
            at_end, at_pad = read(chosen, generator)
            described, tags = heads.projection(at_end), told(at_end, at_pad, chosen)
        pairs, hit = contrast(run.put(embedding[chosen]), described)
        return tags + 0.3 * pairs, {"contrast": pairs.detach(), "hit": hit, "text": tags.detach()}

    numbers = run.train("tags", {"text": text, "heads": heads}, s.clip_rate, s.shares[2], words, report, clip=2.0, parts=s.tags_parts)
    recalls = recall(run, text, heads, ids_validation[:, :length], validation, sizes, end)
    missed = {name: round(r, 3) for name, r in recalls.items() if r < s.gate}
    if missed:
        raise SystemExit(f"tags: recall when mentioned is below {s.gate} for {missed}; give more --hours and run again")
    with torch.no_grad():
        positions = text.get_parameter([n for n, _ in text.named_parameters() if "position_embedding" in n][0])
        positions[length:] = positions[length - 1]
    text.save_pretrained(run.path("text_encoder"))
    export(run, image, heads, mean, std, world.values)
    measured = measure(run, image, heads, ids_validation, validation, shown_sizes, text, end)
    run.finish("tags", **numbers, recall_when_mentioned=recalls, length=length, **measured)


@torch.no_grad()
def embeddings(run, image, latents):
    """The image tower's projection of every training picture, cached."""
    path = run.path("clip", "embeddings.pt")
    if not path.exists():
        parts = [range(i, min(i + 512, len(latents))) for i in range(0, len(latents), 512)]
        with run.autocast():
            save(path, torch.cat([image(run.put(vae.pick(latents, part)))[0].float().cpu() for part in parts]))
    return torch.load(path, weights_only=True)


@torch.no_grad()
def states_at_end(run, text, ids, end):
    parts = []
    for part in ids.split(256):
        with run.autocast():
            states = text(input_ids=run.put(part)).last_hidden_state.float()
        parts.append(states[torch.arange(len(part)), ends(part, end)])
    return torch.cat(parts)


@torch.no_grad()
def recall(run, text, heads, ids, world, sizes, end):
    """Recall at the end token, per attribute, among captions that mention it."""
    table = scores(predictions(heads.attributes(states_at_end(run, text, ids, end)), sizes), world.mentions, MENTIONED)
    return {name: row["recall"] for name, row in table.items() if row["recall"] is not None}


@torch.no_grad()
def measure(run, image, heads, ids, world, sizes, text, end):
    """The towers as a metric: retrieval among 256 validation pictures, and the image tower's attributes."""
    count = min(256, len(world))
    z = vae.pick(vae.latents(run, "validation"), range(len(world)))
    with run.autocast():
        outputs = [image(run.put(part))[:2] for part in z.split(256)]
    embedded = F.normalize(torch.cat([o[0] for o in outputs]).float(), dim=1)[:count]
    described = F.normalize(heads.projection(states_at_end(run, text, ids[:count], end)), dim=1)
    first = (embedded @ described.T).argmax(1).cpu() == torch.arange(count)
    table = scores(predictions(torch.cat([o[1] for o in outputs]).float(), sizes), world.labels, SHOWN)
    return {f"retrieval_among_{count}": first.float().mean().item(), "image_attributes": table}


def export(run, image, heads, mean, std, values):
    """The small CLIP as one float16 safetensors file: image tower on latents, text projection."""
    tensors = {f"image.{name}": t for name, t in image.state_dict().items()}
    tensors |= {"text_projection.weight": heads.projection.weight.detach(), "log_scale": heads.log_scale.detach()[None]}
    tensors = {name: t.half().cpu().contiguous() for name, t in tensors.items()} | {"geometry.mean": mean, "geometry.std": std}
    save_file(tensors, run.path("export_clip", "model.safetensors"), {"format": "pt"})
    config = {
        "input": "VAE latents times scaling_factor (n, 4, 16, 16)",
        "projection_dim": heads.projection.out_features,
        "attributes": {name: ["(none)", *values[name]] for name in SHOWN},
    }
    write(run.path("export_clip", "config.json"), json.dumps(config, indent=1).encode())
