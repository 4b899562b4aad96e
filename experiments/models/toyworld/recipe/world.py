"""Pictures of the toy world: rendered by the Rust example, read back through a memory map."""

import functools
import json
import os
import subprocess

import numpy as np
import torch

# Attributes a caption may mention, and those only a picture shows. A value of 0 means absent or not mentioned.
MENTIONED = (
    "kind place color backdrop headwear headwear_color held held_color sunglasses scarf scarf_color cape cape_color "
    "shirt stripes pants hair hair_color skin brows mouth pose"
).split()
SHOWN = MENTIONED + ["blush", "ears", "eyes"]


def render(run):
    """Stage `render`: training, validation and identity pictures."""
    if run.result("render"):
        return
    s = run.settings
    mix = ["--figurines", s.figurines, "--headwear", s.headwear, "--held", s.held]
    sets = {
        "train": ["--count", s.images, *mix],
        "validation": ["--count", s.validation, *mix],
        "people": ["--count", s.people * s.per_person, "--per-person", s.per_person, "--side", 64],
        "subject": ["--count", max(64, s.validation // 4), "--subject", "--identifier", "aawxbc"],
    }
    for number, (name, arguments) in enumerate(sets.items()):
        command = [run.renderer, *arguments, "--seed", run.seed * 16 + number, "--raw", "--out", run.path("data", name)]
        environment = {**os.environ, "RAYON_NUM_THREADS": str(os.cpu_count() if run.device.type == "cuda" else run.threads)}
        done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"rendering failed: {done.stderr}")
        run.log(f"render {name}: {done.stdout.strip()}")
    values = {name: set() for name in SHOWN}
    for sample in samples(run.path("data", "train", "samples.jsonl")):
        for name, value in sample["labels"].items():
            values[name].add(value)
    run.path("data", "values.json").write_text(json.dumps({name: sorted(values[name]) for name in SHOWN}))
    run.finish("render", **{name: json_count(run, name) for name in sets})


def json_count(run, name):
    return sum(1 for _ in samples(run.path("data", name, "samples.jsonl")))


def samples(path):
    with open(path) as file:
        for line in file:
            yield json.loads(line)


@functools.cache
def rendered(run, name):
    """A set is read once for all stages: the labels of 200,000 pictures take a while."""
    return World(run, name)


class World:
    """One rendered set: images (memory map), captions, tags as small integers, geometry, where the face is."""

    def __init__(self, run, name):
        folder = run.path("data", name)
        self.images = np.load(folder / "images.npy", mmap_mode="r")
        self.values = json.loads(run.path("data", "values.json").read_text())
        lookup = {name: {value: i + 1 for i, value in enumerate(values)} for name, values in self.values.items()}
        self.captions, mentions, labels, geometry, faces = [], [], [], [], []
        for sample in samples(folder / "samples.jsonl"):
            self.captions.append(sample["caption"])
            mentions.append([lookup[n].get(sample["mentions"].get(n), 0) for n in MENTIONED])
            labels.append([lookup[n].get(sample["labels"].get(n), 0) for n in SHOWN])
            geometry.append(sample["geometry"] or [float("nan")] * 13)
            faces.append(sample["face"] or [0.0] * 4)
        self.mentions = torch.tensor(mentions, dtype=torch.int16)
        self.labels = torch.tensor(labels, dtype=torch.int16)
        self.geometry = torch.tensor(geometry)
        self.faces = torch.tensor(faces)  # x0, y0, x1, y1 in fractions of the side; nothing where there is none

    def __len__(self):
        return len(self.captions)

    def pictures(self, indices):
        """uint8 (n, side, side, 3)"""
        return torch.from_numpy(self.images[np.asarray(indices)])


def pixels(images):
    """uint8 (n, h, w, 3) → float (n, 3, h, w) in -1..1"""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def cover(faces, side):
    """How much of each cell (n, 1, side, side) a face's rectangle (n, 4) covers, 0 to 1."""
    cells = torch.arange(side, device=faces.device) / side

    def along(low, high):
        return ((torch.minimum(high[:, None], cells + 1 / side) - torch.maximum(low[:, None], cells)) * side).clamp(0, 1)

    x0, y0, x1, y1 = faces.unbind(1)
    return (along(y0, y1)[:, :, None] * along(x0, x1)[:, None, :])[:, None]


def to_images(tensor):
    """float (n, 3, h, w) in -1..1 → uint8 (n, h, w, 3)"""
    return ((tensor.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def classes(values, names):
    """How many classes each attribute has, the absent one included."""
    return [len(values[name]) + 1 for name in names]


def tag_loss(logits, tags, sizes, weight=0.0):
    """Cross entropy summed over attributes; those present count 1 + weight."""
    total = 0.0
    for i, part in enumerate(logits.float().split(sizes, 1)):
        loss = torch.nn.functional.cross_entropy(part, tags[:, i].long(), reduction="none")
        total = total + (loss * (1 + weight * (tags[:, i] > 0))).mean()
    return total


def match_loss(similar):
    """How well rows (n, n) find their own column and columns their own row."""
    target = torch.arange(len(similar), device=similar.device)
    return (torch.nn.functional.cross_entropy(similar, target) + torch.nn.functional.cross_entropy(similar.T, target)) / 2


def predictions(logits, sizes):
    return torch.stack([part.argmax(1) for part in logits.split(sizes, 1)], 1).cpu()


def scores(predicted, tags, names):
    """Per attribute: recall (the right value where there is one), false alarms (any value where there is none)."""
    result = {}
    for i, name in enumerate(names):
        there, absent = tags[:, i] > 0, tags[:, i] == 0
        recall = (predicted[there, i] == tags[there, i]).float().mean().item() if there.any() else None
        alarms = (predicted[absent, i] > 0).float().mean().item() if absent.any() else None
        result[name] = {"recall": recall, "n": int(there.sum()), "false_alarms": alarms}
    return result


def grid(images, columns, gap=2):
    h, w = images[0].shape[:2]
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (h + gap), columns * (w + gap), 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (h + gap), i % columns * (w + gap)
        sheet[y : y + h, x : x + w] = image
    return sheet
