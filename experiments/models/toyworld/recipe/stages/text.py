"""Stage `text`: a new text encoder learns together with an image tower on latents, by contrast and by attributes.

The text encoder is trained first and then stays as it is. Trained together with the UNet it learnt backgrounds and
little else.
"""

import torch

from data.latents import draw_latents, latents
from loop import trainer
from loop.training import Training
from stages.words import Words


def towers(run):
    """Where the trained modules lie, for stage `tags`."""
    return run.folder.path("text", "towers.pt")


def work(run):
    if run.results.get("text"):
        return
    s, array, words = run.settings, latents(run, "train"), Words(run)

    def draw(generator, _progress):
        chosen = torch.randint(0, len(words.world), (s.text_batch,), generator=generator).sort().values
        z = draw_latents(run, array, chosen, generator)
        return z, *words.shown.draw(chosen), *words.draw(chosen, generator)

    def loss(z, labels, wanted, known, *captions):
        with run.machine.autocast():
            embedded, attributes, geometry = words.image(run.machine.put(z))
            at_end, tags = words.told(*captions)
            described = words.heads.projection(at_end)
        pairs, hit = words.heads.contrast(embedded, described)
        looks, seen = words.shown.loss(attributes, geometry, labels, wanted, known)
        numbers = {"contrast": pairs.detach(), "hit": hit, "text": tags.detach(), "image": seen}
        return pairs + 0.2 * tags + looks, numbers

    training = Training("text", words.modules, s.text_rate, draw, loss, report=words.report, clip=2.0)
    numbers = trainer.train(run, training)
    torch.save({name: module.state_dict() for name, module in words.modules.items()}, towers(run))
    run.results.finish("text", **numbers)
