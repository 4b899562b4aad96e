"""Stage `clip`: a small CLIP that reads pixels. Its text tower is the model's text encoder, which stays as it is.

The image tower learns from renders and their captions by contrast (Radford et al. 2021, arXiv 2103.00020), and, for
what captions seldom mention, from labels. Nonsense words are left out of the captions.
"""

import torch
import torch.nn.functional as F
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from data import captions as words
from data.people import auc
from data.pictures import pixels
from data.prompts import HEADWEAR, HELD, PLACES, THINGS, with_article
from data.tags import classes, match_loss, tag_loss
from data.views import Views
from data.world import SHOWN, rendered
from folder import replace_tensors
from loop import trainer
from loop.training import Training
from models import encoders, vae
from models import tokenizer as tokens
from models.text import ends, load_text, states_at_end

# What a prompt of a study may ask for.
ASKED = [SHOWN.index(name) for name in ("kind", "place", "color", "headwear", "headwear_color", "held", "held_color")]


def work(run):
    if run.results.get("clip"):
        return
    torch.manual_seed(run.seed + 1)
    task = Task(run)
    modules, rate = {"clip": task.clip, "looks": task.looks}, run.settings.clip_rate
    training = Training("clip", modules, rate, task.draw, task.loss, decay=2e-2, ema=run.settings.clip_ema, clip=2.0)
    training.report, training.reports = task.report, 20
    numbers = trainer.train(run, training)
    folder = export(run, task.clip)
    run.results.finish("clip", **numbers, **measure(run, folder))


def text_states(run, text, name):
    """The state at the end of every caption of a set, float32 (n, width), kept in a file."""
    path = run.folder.path("clip", f"{name}_states.pt")
    if not path.exists():
        tokenizer = tokens.load(run)
        ids = tokens.encode(tokenizer, words.without_nonsense(rendered(run, name).captions))
        longest = int(ends(ids, tokenizer.eos_token_id).max()) + 1
        replace_tensors(path, states_at_end(run, text, ids[:, :longest], tokenizer.eos_token_id).cpu())
    return torch.load(path, weights_only=True)


class Task:
    """The batches of a training step, and how the towers are judged."""

    def __init__(self, run):
        self.run, self.world, self.validation = run, rendered(run, "train"), rendered(run, "validation")
        text = load_text(run)
        self.states, self.states_validation = text_states(run, text, "train"), text_states(run, text, "validation")
        self.sizes = classes(self.world.values, SHOWN)
        device = run.machine.device
        self.clip = encoders.new_clip(run.settings, text).to(device)
        self.looks = encoders.Looks(run.settings.clip_width, sum(self.sizes)).to(device)
        self.views, self.normal = Views(run, encoders.CLIP_SIDE, 1.0), encoders.Normal(encoders.CLIP).to(device)
        geometry = self.world.geometry
        mean = geometry.nanmean(0)
        self.geometry = (geometry - mean) / ((geometry - mean).square().nanmean(0).sqrt() + 1e-6)
        # Small things are often asked for: a third of a mixed batch has something on the head or in the hand.
        self.rare = ((self.world.label("headwear") > 0) | (self.world.label("held") > 0)).nonzero().flatten()
        place, figurines = self.world.label("place"), self.world.figurines()
        self.places = [((place == code) & figurines).nonzero().flatten() for code in place.unique()]

    def draw(self, generator, _progress):
        n = self.run.settings.clip_batch
        among = lambda pool, n: pool[torch.randint(0, len(pool), (n,), generator=generator)]  # noqa: E731
        # Half of the batches show figurines in one place, where only what they wear, hold and do tells captions apart.
        if torch.rand((), generator=generator) < 0.5:
            chosen = among(self.places[int(torch.randint(0, len(self.places), (), generator=generator))], n)
        else:
            anything = torch.randint(0, len(self.world), (n - n // 3,), generator=generator)
            chosen = torch.cat([anything, among(self.rare, n // 3)])
        chosen = chosen.sort().values
        geometry = self.geometry[chosen]
        known = ~geometry[:, :1].isnan()
        views = self.views.draw(n, generator)
        labels = self.world.labels[chosen]
        return self.world.pictures(chosen), *views, labels, geometry.nan_to_num(), known, self.states[chosen]

    def loss(self, pictures, frames, colors, soft, noise, labels, geometry, known, states):
        x = self.normal(self.views.apply(pictures, frames, colors, soft, noise))
        with self.run.machine.autocast():
            pooled = self.clip.vision_model(pixel_values=x).pooler_output
            embedded, described = self.clip.visual_projection(pooled), self.clip.text_projection(states)
            attributes, built = self.looks(pooled)
        similar = self.clip.logit_scale.clamp(max=4.1).exp() * cosines(embedded, described)
        pairs, parts = match_loss(similar), attributes.float().split(self.sizes, 1)
        seen = tag_loss(attributes, labels, self.sizes)
        asked = tag_loss(torch.cat([parts[i] for i in ASKED], 1), labels[:, ASKED], [self.sizes[i] for i in ASKED], 1.0)
        shape = ((built.float() - geometry).square() * known).sum() / (known.sum() * geometry.shape[1]).clamp(min=1)
        hit = (similar.argmax(1) == torch.arange(len(similar), device=similar.device)).float().mean()
        numbers = {"contrast": pairs.detach(), "hit": hit, "seen": seen.detach(), "asked": asked.detach()}
        return pairs + 0.05 * seen + 0.2 * asked + 0.1 * shape, numbers

    def report(self, _step):
        """How often the own caption is the first among 256."""
        put, x = self.run.machine.put, pixels(self.validation.pictures(range(min(256, len(self.validation)))))
        with torch.no_grad(), self.run.machine.autocast():
            pooled = [self.clip.vision_model(pixel_values=self.normal(put(part))).pooler_output for part in x.split(64)]
            embedded = self.clip.visual_projection(torch.cat(pooled))
            described = self.clip.text_projection(put(self.states_validation[: len(x)]))
        return {"first": first(cosines(embedded, described))}


def cosines(a, b):
    return F.normalize(a.float(), dim=1) @ F.normalize(b.float(), dim=1).T


def first(similar):
    """How often the own column is the largest of a row."""
    return (similar.argmax(1).cpu() == torch.arange(len(similar))).float().mean().item()


def export(run, clip):
    """`export_clip/`, as `from_pretrained` reads it."""
    folder = run.folder.path("export_clip", "config.json").parent
    sides = encoders.CLIP_SIDE, encoders.CLIP_SIDE
    encoders.write(clip, encoders.processor("CLIPImageProcessor", *sides, encoders.CLIP), folder)
    for file in tokens.folder_of(run).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


class Reader:
    """The finished folder as anybody reads it."""

    def __init__(self, folder):
        self.model, self.processor = (
            CLIPModel.from_pretrained(folder).eval(),
            AutoImageProcessor.from_pretrained(folder),
        )
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def images(self, images):
        """uint8 pictures → unit features (n, d)"""
        features = []
        for i in range(0, len(images), 64):
            pictures = [Image.fromarray(image) for image in images[i : i + 64]]
            x = self.processor(images=pictures, return_tensors="pt").pixel_values
            features.append(self.model.get_image_features(pixel_values=x).pooler_output)
        return F.normalize(torch.cat(features), dim=1)

    @torch.no_grad()
    def texts(self, texts):
        """Unit features (n, d)."""
        encoded = self.tokenizer(list(texts), padding=True, return_tensors="pt")
        return F.normalize(self.model.get_text_features(**encoded).pooler_output, dim=1)


# Prompts of every value of an attribute.
ZERO_SHOT = {
    "kind": {thing: f"a photo of {with_article(thing)}" for thing in ["figurine", *THINGS]},
    "place": {place: f"a photo of a figurine {phrase}" for place, phrase in PLACES.items()},
    "headwear": {thing: f"a photo of a figurine wearing {with_article(thing)}" for thing in HEADWEAR},
    "held": {thing: f"a photo of a figurine holding {with_article(thing)}" for thing in HELD},
}


def zero_shot(reader, features, labels, values):
    """How often the prompt of the right value is the nearest, and how well a prompt tells its pictures from the rest.

    `recall` is among the pictures that have one of the values; `auc` compares, for each value, pictures that show it
    with those of the same kind that do not, by the cosine with its prompt.
    """
    result = {}
    figurine = labels[:, SHOWN.index("kind")] == values["kind"].index("figurine") + 1
    for name, prompts in ZERO_SHOT.items():
        column, known = labels[:, SHOWN.index(name)], [v for v in prompts if v in values[name]]
        similar = features @ reader.texts([prompts[v] for v in known]).T
        codes = torch.tensor([values[name].index(v) + 1 for v in known])
        pool = torch.ones_like(figurine) if name == "kind" else figurine
        there = pool & torch.isin(column, codes)
        right = codes[similar[there].argmax(1)] == column[there]
        tells = [
            auc(similar[pool & (column == code), i], similar[pool & (column != code), i])
            for i, code in enumerate(codes)
            if (column == code).any()
        ]
        result[name] = {"recall": right.float().mean().item(), "n": int(there.sum()), "auc": sum(tells) / len(tells)}
    return result


def measure(run, folder):
    """On renders nobody trained on, and on the same after the VAE."""
    reader, world = Reader(folder), rendered(run, "validation")
    captions, result = words.without_nonsense(world.captions)[:256], {}
    for name, count in (("renders", 2048), ("round_trips", 512)):
        images, labels = world.images[:count], world.labels[:count]
        images = vae.round_trip_images(run, vae.load(run), images) if name == "round_trips" else images
        features = reader.images(images)
        own = first(features[: len(captions)] @ reader.texts(captions).T)
        result[name] = {f"retrieval_among_{len(captions)}": own, **zero_shot(reader, features, labels, world.values)}
    return result
