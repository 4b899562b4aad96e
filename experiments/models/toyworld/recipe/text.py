"""Stages `clip` and `tags`: a new text encoder, together with the image tower.

The text encoder comes first and stays frozen: trained together with the UNet it learnt backgrounds and little else.
Contrast alone leaves rare colours out, so the text must also tell, from its end token and from a random padding token
(most of what a UNet attends to is padding), every attribute the caption mentions, the mentioned ones weighted fivefold.
"""

import torch
import torch.nn as nn
from transformers import CLIPTextConfig, CLIPTextModel

import clip
import tokenizer as tokens
import trainer
import vae
from run import save
from world import MENTIONED, classes, predictions, rendered, scores, tag_loss


class Heads(clip.Joint):
    """Joint, and what the text tells of the attributes it mentions."""

    def __init__(self, width, outputs):
        super().__init__(width)
        self.attributes = nn.Linear(width, outputs)


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


def train(run):
    """`clip`: contrast and attributes on both towers. `tags`: the text tower alone, until it passes the gate."""
    if run.result("tags"):
        return
    s, tokenizer, world, validation = run.settings, tokens.build(run), rendered(run, "train"), rendered(run, "validation")
    ids, ids_validation = tokens.captions(run, "train"), tokens.captions(run, "validation")
    # Causal attention makes a shorter length exact; later positions get the last one's embedding.
    end = tokenizer.eos_token_id
    length = min(77, int(torch.cat([clip.ends(ids, end), clip.ends(ids_validation, end)]).max()) + 4)
    latents, shown, sizes = vae.latents(run, "train"), clip.Shown(run, world), classes(world.values, MENTIONED)
    # Colours of scarves and capes are mentioned in one caption of fifty.
    seldom = [MENTIONED.index(name) for name in ("scarf_color", "cape_color")]
    torch.manual_seed(run.seed + 1)
    text, heads = new_text(s, tokenizer), Heads(s.text_width, sum(sizes))
    image = clip.ImageTower(s.text_width, sum(shown.sizes))
    modules = {"text": text, "heads": heads, "image": image.to(memory_format=torch.channels_last)}
    for module in modules.values():
        module.to(run.device)

    def draw_words(chosen, generator):
        """Captions, where they end, one padding token behind it, and what they mention."""
        words = ids[chosen, :length]
        at = clip.ends(words, end)
        pad = (at + 1 + torch.rand(len(at), generator=generator) * (length - 1 - at)).long().clamp(max=length - 1)
        return words, at, pad, world.mentions[chosen]

    def told(words, at, pad, mentions):
        """The states at the ends; the loss of the attributes."""
        rows = torch.arange(len(words), device=words.device)
        states = text(input_ids=words).last_hidden_state

        def score(state):
            logits = heads.attributes(state)
            parts, loss = logits.split(sizes, 1), tag_loss(logits, mentions, sizes, 4.0)
            for i in seldom:
                loss = loss + tag_loss(parts[i], mentions[:, i : i + 1], [sizes[i]], 30.0)
            return loss

        return states[rows, at], 0.6 * score(states[rows, at]) + 0.4 * score(states[rows, pad])

    def draw_both(generator, _progress):
        chosen = torch.randint(0, len(world), (s.clip_batch,), generator=generator).sort().values
        z = clip.draw_latents(run, latents, chosen, generator)
        return z, *shown.draw(chosen), *draw_words(chosen, generator)

    def both(z, labels, wanted, known, *words):
        with run.autocast():
            embedded, attributes, geometry = image(run.put(z))
            at_end, tags = told(*words)
            described = heads.projection(at_end)
        pairs, hit = heads.contrast(embedded, described)
        looks, seen = shown.loss(attributes, geometry, labels, wanted, known)
        return pairs + 0.2 * tags + looks, {"contrast": pairs.detach(), "hit": hit, "text": tags.detach(), "image": seen}

    def report(_step):
        recalls = recall(run, text, heads, ids_validation[:, :length], validation, sizes, end)
        return {"worst": " ".join(f"{name} {r:.2f}" for name, r in sorted(recalls.items(), key=lambda x: x[1])[:4])}

    path = run.path("clip", "towers.pt")
    if not run.result("clip"):
        numbers = trainer.train(run, "clip", modules, s.clip_rate, draw_both, both, report=report, clip=2.0)
        torch.save({name: module.state_dict() for name, module in modules.items()}, path)
        run.finish("clip", **numbers)
    for name, state in torch.load(path, map_location=run.device, weights_only=True).items():
        modules[name].load_state_dict(state)
    image.requires_grad_(False).eval()
    embedding = embeddings(run, image, latents)

    def draw(generator, _progress):
        chosen = torch.randint(0, len(world), (s.clip_batch // s.tags_parts,), generator=generator)
        return embedding[chosen], *draw_words(chosen, generator)

    def loss(embedded, *words):
        with run.autocast():
            at_end, tags = told(*words)
            described = heads.projection(at_end)
        pairs, hit = heads.contrast(embedded, described)
        return tags + 0.3 * pairs, {"contrast": pairs.detach(), "hit": hit, "text": tags.detach()}

    trained = {"text": text, "heads": heads}
    numbers = trainer.train(run, "tags", trained, s.clip_rate, draw, loss, report=report, clip=2.0, parts=s.tags_parts)
    recalls = recall(run, text, heads, ids_validation[:, :length], validation, sizes, end)
    missed = {name: round(r, 3) for name, r in recalls.items() if r < s.gate}
    if missed:
        raise SystemExit(f"tags: recall when mentioned is below {s.gate} for {missed}; give more --hours and run again")
    with torch.no_grad():
        positions = text.get_parameter([n for n, _ in text.named_parameters() if "position_embedding" in n][0])
        positions[length:] = positions[length - 1]
    text.save_pretrained(run.path("text_encoder"))
    clip.export(run, image, heads, shown)
    run.finish("tags", **numbers, recall_when_mentioned=recalls, length=length, **clip.measure(run, image, heads, text))


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
def recall(run, text, heads, ids, world, sizes, end):
    """Recall at the end token, per attribute, among captions that mention it."""
    table = scores(predictions(heads.attributes(clip.states_at_end(run, text, ids, end)), sizes), world.mentions, MENTIONED)
    return {name: row["recall"] for name, row in table.items() if row["recall"] is not None}
