"""Does a picture show what its prompt asked for? The probes count it, because v-loss hardly shows it."""

import numpy as np
from PIL import Image

from data.pictures import grid
from data.prompts import THINGS, prompts
from data.world import SHOWN, rendered
from models import probes


def following(run, sampler, each, sheet):
    """Draws `each` prompts of every group with the sampler, counts, and keeps a sheet of the first pictures.

    {asked: {attribute: right, n}, not_asked: {attribute: any, n}}
    """
    asked = prompts(each)
    images = sampler.draw(run, [words for words, _ in asked], range(len(asked)))
    seen = probes.attributes(run, probes.load(run), np.stack(images))
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
    Image.fromarray(grid(images[: 4 * each], 14)).save(run.folder.path("sheets", f"{sheet}.png"))
    return result
