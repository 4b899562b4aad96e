"""Stage `clip` with the text encoder of an initial model: it is kept, and only an image tower for it is trained.

A UNet is trained on one text encoder's states, and so is everything that goes on from it; the latents, and with them the image tower, are
those of the new VAE.
"""

import shutil

import torch

import clip
import tokenizer as tokens
import trainer
import vae
from world import rendered


def train(run):
    if run.result("clip"):
        return
    shutil.copytree(run.initial("text_encoder"), run.path("text_encoder"), dirs_exist_ok=True)
    s, world, text, latents = run.settings, rendered(run, "train"), clip.load_text(run), vae.latents(run, "train")
    shown, width = clip.Shown(run, world), text.config.hidden_size
    at_end = clip.states_at_end(run, text, tokens.captions(run, "train"), tokens.build(run).eos_token_id).cpu()
    torch.manual_seed(run.seed + 1)
    image = clip.ImageTower(width, sum(shown.sizes)).to(run.device, memory_format=torch.channels_last)
    joint = clip.Joint(width).to(run.device)

    def draw(generator, _progress):
        chosen = torch.randint(0, len(world), (s.clip_batch,), generator=generator).sort().values
        return clip.draw_latents(run, latents, chosen, generator), *shown.draw(chosen), at_end[chosen]

    def loss(z, labels, wanted, known, states):
        with run.autocast():
            embedded, attributes, geometry = image(run.put(z))
            described = joint.projection(states)
        pairs, hit = joint.contrast(embedded, described)
        looks, seen = shown.loss(attributes, geometry, labels, wanted, known)
        return pairs + looks, {"contrast": pairs.detach(), "hit": hit, "image": seen}

    numbers = trainer.train(run, "clip", {"joint": joint, "image": image}, s.clip_rate, draw, loss, ema=s.clip_ema, clip=2.0)
    clip.export(run, image, joint, shown)
    run.finish("clip", **numbers, **clip.measure(run, image, joint, text))
