"""Stage `tags`: the new text encoder learns on alone, until it tells every attribute that a caption mentions.

The pictures come as embeddings of the image tower, which stays as stage `text` left it.
"""

import torch

from data.latents import latents, pick
from folder import replace_tensors
from loop import trainer
from loop.training import Training
from stages.text import towers
from stages.words import Words


def work(run):
    if run.results.get("tags"):
        return
    s, words = run.settings, Words(run)
    for name, state in torch.load(towers(run), map_location=run.machine.device, weights_only=True).items():
        words.modules[name].load_state_dict(state)
    words.image.requires_grad_(False).eval()
    embedding = embeddings(run, words.image)

    def draw(generator, _progress):
        chosen = torch.randint(0, len(words.world), (s.text_batch // s.tags_parts,), generator=generator)
        return embedding[chosen], *words.draw(chosen, generator)

    def loss(embedded, *captions):
        with run.machine.autocast():
            at_end, tags = words.told(*captions)
            described = words.heads.projection(at_end)
        pairs, hit = words.heads.contrast(embedded, described)
        return tags + 0.3 * pairs, {"contrast": pairs.detach(), "hit": hit, "text": tags.detach()}

    modules = {"text": words.text, "heads": words.heads}
    training = Training("tags", modules, s.text_rate, draw, loss, report=words.report, clip=2.0, parts=s.tags_parts)
    numbers = trainer.train(run, training)
    recalls = words.recall()
    missed = {name: round(r, 3) for name, r in recalls.items() if r < s.gate}
    if missed:
        raise SystemExit(f"tags: recall when mentioned is below {s.gate} for {missed}; give more --hours and run again")
    repeat_last_position(words.text, words.length)
    words.text.save_pretrained(run.folder.path("text_encoder"))
    run.results.finish("tags", **numbers, recall_when_mentioned=recalls, length=words.length)


@torch.no_grad()
def repeat_last_position(text, length):
    """Positions from `length` on were never trained: they get the embedding of the one before."""
    positions = next(p for name, p in text.named_parameters() if "position_embedding" in name)
    positions[length:] = positions[length - 1]


@torch.no_grad()
def embeddings(run, image):
    """The image tower's projection of every training picture, float32 (n, width), kept in a file."""
    path, array = run.folder.path("text", "embeddings.pt"), latents(run, "train")
    if not path.exists():
        parts = [range(i, min(i + 512, len(array))) for i in range(0, len(array), 512)]
        with run.machine.autocast():
            rows = [image(run.machine.put(pick(array, part)))[0].float().cpu() for part in parts]
        replace_tensors(path, torch.cat(rows))
    return torch.load(path, weights_only=True)
