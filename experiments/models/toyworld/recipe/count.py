"""Stage `count`: does a picture show what its prompt asked? Counted by the probes; v-loss hardly shows it."""

import itertools

import numpy as np
import torch
from diffusers import DDIMScheduler
from PIL import Image

import probes
import tokenizer as tokens
import vae
from world import SHOWN, grid, rendered, to_images

STEPS, GUIDANCE = 25, 5.0
PLACES = {
    "beach": "on the beach",
    "forest": "in the forest",
    "snow": "in the snow",
    "city": "in the city",
    "night": "at night",
    "garden": "in the garden",
    "table": "on a table",
}
COLORS = "red blue yellow green pink white black purple orange".split()
HEADWEAR = ["hat", "cap", "crown", "party hat"]
HELD = ["cup", "balloon", "flower", "flag", "umbrella", "ball", "sword"]
THINGS = ["cat", "duck", "robot", "mug", "ball", "cube", "car"]


def a(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def prompts(each):
    """`each` prompts of every group: [(prompt, labels asked for)]. Kinds, colours and places take turns."""
    places = itertools.cycle(PLACES.items())
    colors = itertools.cycle(COLORS)
    asked = []

    def add(labels, words):
        place, phrase = next(places)
        asked.append((words.format(phrase), {"kind": "figurine", "place": place, **labels}))

    for i in range(each):
        thing, color = HEADWEAR[i % 4], next(colors)
        colored = i % 2 == 0 and thing != "crown"
        labels = {"headwear": thing} | ({"headwear_color": color} if colored else {})
        add(labels, f"a photo of a figurine {{}}, wearing {a(f'{color} {thing}' if colored else thing)}")
    for i in range(each):
        thing, color = HELD[i % 7], next(colors)
        colored = i % 2 == 0 and thing != "sword"
        labels = {"held": thing} | ({"held_color": color} if colored else {})
        add(labels, f"a photo of a figurine {{}}, holding {a(f'{color} {thing}' if colored else thing)}")
    for i in range(each):
        thing, color = THINGS[i % 7], next(colors)
        add({"kind": thing, "color": color}, f"a photo of {a(f'{color} {thing}')} {{}}")
    for _ in range(each // 2):
        color = next(colors)
        add({"shirt": color}, f"a photo of a figurine wearing {a(color)} shirt, {{}}")
    for _ in range(each - each // 2):
        add({}, "a photo of a figurine {}")
    return asked


@torch.no_grad()
def draw(run, unet, text, autoencoder, tokenizer, words, seeds, batch=32):
    """uint8 pictures, one per prompt and seed (DDIM, 25 steps, guidance 5)."""
    import unet as recipe

    schedule = DDIMScheduler(**recipe.SCHEDULE)
    images = []
    for i in range(0, len(words), batch):
        part = words[i : i + batch]
        shape = (4, run.settings.side // 8, run.settings.side // 8)
        own = [torch.Generator().manual_seed(seed) for seed in seeds[i : i + batch]]
        z = run.put(torch.stack([torch.randn(shape, generator=generator) for generator in own]))
        ids = run.put(tokens.encode(tokenizer, [*part, *[""] * len(part)]))
        with run.autocast():
            context = text(input_ids=ids).last_hidden_state.float()
        schedule.set_timesteps(STEPS)
        for t in schedule.timesteps:
            with run.autocast():
                out = unet(torch.cat([z, z]).contiguous(memory_format=torch.channels_last), t, context).sample
            with_words, without = out.float().chunk(2)
            z = schedule.step(without + GUIDANCE * (with_words - without), t, z).prev_sample
        for piece in (z / autoencoder.config.scaling_factor).split(8):
            with run.autocast():
                images.extend(to_images(autoencoder.decode(piece.contiguous(memory_format=torch.channels_last)).sample))
        if run.stop:
            raise SystemExit(75)
    return images


def following(run, unet, text, tokenizer, seeds=1, each=None, sheet=None):
    """{asked: {attribute: right, n}, not_asked: {attribute: any, n}}"""
    each = each or (2 if run.settings.gate == 0 else 14)
    asked = prompts(each) * seeds
    autoencoder, judge = vae.load(run), probes.load(run)
    images = draw(run, unet, text, autoencoder, tokenizer, [words for words, _ in asked], range(len(asked)))
    seen = probes.attributes(run, judge, np.stack(images))
    values = rendered(run, "validation").values
    result = {"asked": {}, "not_asked": {}}
    for row, (_, labels) in zip(seen, asked):
        for name, value in labels.items():
            group = "kind of thing" if name == "kind" and value in THINGS else name
            cell = result["asked"].setdefault(group, {"right": 0, "n": 0})
            cell["n"] += 1
            cell["right"] += int(value in values[name] and row[SHOWN.index(name)] == values[name].index(value) + 1)
        if labels["kind"] == "figurine":
            for name in {"headwear", "held"} - labels.keys():
                cell = result["not_asked"].setdefault(name, {"any": 0, "n": 0})
                cell["n"] += 1
                cell["any"] += int(row[SHOWN.index(name)] > 0)
    if sheet:
        Image.fromarray(grid(images[: 4 * each], 14)).save(run.path("sheets", f"{sheet}.png"))
    return result


def final(run):
    if run.result("count"):
        return
    import clip
    import unet as recipe

    tokenizer = tokens.build(run)
    unet, text = recipe.load(run), clip.load_text(run)
    result = following(run, unet, text, tokenizer, each=run.settings.count_images, sheet="final")
    for group, rows in result.items():
        for name, row in rows.items():
            hits = row.get("right", row.get("any"))
            run.log(f"count {group:9} {name:15} {hits:4} of {row['n']:4} = {hits / row['n']:.3f}")
    run.finish("count", **result)
