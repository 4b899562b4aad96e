"""Stage `clip` with the text encoder of an initial model: it is kept, and only an image tower for it is trained.

A UNet is trained on the states of one text encoder, and so is every model that goes on from it. The latents are those
of the new VAE, and the image tower reads them.
"""

import shutil

import torch

from data.latents import draw_latents, latents
from data.world import rendered
from loop import trainer
from loop.training import Training
from models import tokenizer as tokens
from models.clip import ImageTower, Joint
from models.text import load_text, states_at_end
from stages import small_clip


def work(run):
    if run.results.get("clip"):
        return
    shutil.copytree(run.initial.folder("text_encoder"), run.folder.path("text_encoder"), dirs_exist_ok=True)
    s, world, text, array = run.settings, rendered(run, "train"), load_text(run), latents(run, "train")
    shown, width = small_clip.Shown(world), text.config.hidden_size
    at_end = states_at_end(run, text, tokens.captions(run, "train"), tokens.load(run).eos_token_id).cpu()
    torch.manual_seed(run.seed + 1)
    image = ImageTower(width, sum(shown.sizes)).to(run.machine.device, memory_format=torch.channels_last)
    joint = Joint(width).to(run.machine.device)

    def draw(generator, _progress):
        chosen = torch.randint(0, len(world), (s.clip_batch,), generator=generator).sort().values
        return draw_latents(run, array, chosen, generator), *shown.draw(chosen), at_end[chosen]

    def loss(z, labels, wanted, known, states):
        with run.machine.autocast():
            embedded, attributes, geometry = image(run.machine.put(z))
            described = joint.projection(states)
        pairs, hit = joint.contrast(embedded, described)
        looks, seen = shown.loss(attributes, geometry, labels, wanted, known)
        return pairs + looks, {"contrast": pairs.detach(), "hit": hit, "image": seen}

    modules = {"joint": joint, "image": image}
    numbers = trainer.train(run, Training("clip", modules, s.clip_rate, draw, loss, ema=s.clip_ema, clip=2.0))
    small_clip.export(run, image, joint, shown)
    run.results.finish("clip", **numbers, **small_clip.measure(run, image, joint, text))
