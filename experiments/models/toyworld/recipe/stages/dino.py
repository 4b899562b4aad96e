"""Stage `dino`: a small DINOv2 whose feature tells which figurine a picture shows, trained on renders only.

The networks of stage `likeness` teach it: the feature of a picture should be what they say of the figurine on average
over all its renders (distillation, Hinton et al. 2015, arXiv 1503.02531), so that two features are as alike as the two
figurines. Of every figurine of a batch there are several renders: other place, pose, clothes, things. Their features
should be alike and those of other figurines not (Khosla et al. 2020, arXiv 2004.11362). A figurine's looks, read from
the same feature, help. Teachers and encoder never see a generated picture, nor the subject.
"""

import torch
import torch.nn.functional as F
from PIL import Image
from transformers import AutoImageProcessor, Dinov2Model

from data.people import identity_auc, kept_people, kept_pictures
from data.pictures import pixels
from data.tags import classes, tag_loss
from data.views import Views
from data.world import SHOWN, rendered
from loop import trainer
from loop.training import Training
from models import encoders, vae

# What a figurine keeps from one picture to the next.
OWN = [SHOWN.index(name) for name in ("hair", "hair_color", "skin", "brows", "mouth", "blush", "ears", "eyes")]
TEMPERATURE = 0.1


def work(run):
    if run.results.get("dino"):
        return
    torch.manual_seed(run.seed + 4)
    task = Task(run)
    modules, s = {"dino": task.dino, "looks": task.looks}, run.settings
    training = Training("dino", modules, s.dino_rate, task.draw, task.loss, decay=2e-2, ema=s.dino_ema)
    training.parts, training.report, training.reports = s.dino_parts, task.report, 20
    numbers = trainer.train(run, training)
    folder = export(run, task.dino)
    run.results.finish("dino", **numbers, **measure(run, folder))


class Task:
    """The batches of a training step, and how the features are judged."""

    def __init__(self, run):
        self.run, self.s, self.people = run, run.settings, rendered(run, "people")
        self.sizes = [classes(self.people.values, SHOWN)[i] for i in OWN]
        geometry = self.people.geometry
        self.geometry = (geometry - geometry.mean(0)) / (geometry.std(0) + 1e-6)
        device = run.machine.device
        self.dino = encoders.start_dino(run).to(device)
        self.looks = encoders.Looks(self.s.dino_width, sum(self.sizes)).to(device)
        self.taught = torch.load(run.folder.path("likeness", "people.pt"), weights_only=True)
        self.views = Views(run, encoders.DINO_SIDE, encoders.DINO_SIDE / encoders.DINO_EDGE)
        self.normal = encoders.Normal(encoders.IMAGENET).to(device)

    def draw(self, generator, _progress):
        s, each = self.s, self.s.per_person
        persons = torch.randperm(s.people - kept_people(s), generator=generator)[: s.dino_people].sort().values
        picked = torch.rand((len(persons), each), generator=generator).topk(s.dino_views).indices
        chosen = (persons[:, None] * each + picked).flatten()
        views, people = self.views.draw(len(chosen), generator), self.people
        own = people.labels[chosen][:, OWN], self.geometry[chosen], people.faces[chosen], self.taught[chosen // each]
        return people.pictures(chosen), *views, *own

    def loss(self, pictures, frames, colors, soft, noise, labels, geometry, faces, taught):
        x = self.normal(self.views.apply(pictures, frames, colors, soft, noise))
        head = encoders.inside(faces, frames, encoders.DINO_SIDE // encoders.DINO_PATCH)
        with self.run.machine.autocast():
            tokens = self.dino(pixel_values=x).last_hidden_state
            # Where the head is, tokens learn its looks sooner than the first token learns to attend to them.
            local = (tokens[:, 1:] * head).sum(1) / head.sum(1).clamp(min=1)
            both = torch.cat([tokens[:, 0], local])
            attributes, built = self.looks(both)
        first, local = F.normalize(both.float(), dim=1).chunk(2)
        guess, aside = ((1 - (unit * taught).sum(1)).mean() for unit in (first, local))
        relation = (first @ first.T - taught @ taught.T).square().mean()
        alike = contrast(first, self.s.dino_views)
        seen = tag_loss(attributes, labels.repeat(2, 1), self.sizes)
        shape = (built.float() - geometry.repeat(2, 1)).square().mean()
        numbers = {"guess": guess, "relation": relation, "alike": alike, "seen": seen, "shape": shape}
        loss = 4 * guess + 2 * aside + 10 * relation + 0.2 * alike + 0.3 * seen + 0.5 * shape
        return loss, {name: x.detach() for name, x in numbers.items()}

    def report(self, _step):
        (images, labels, person), put = kept_pictures(self.run, 60), self.run.machine.put
        edge = (encoders.DINO_EDGE - encoders.DINO_SIDE) // 2
        x = pixels(torch.from_numpy(images[:, edge:-edge, edge:-edge]))
        with torch.no_grad(), self.run.machine.autocast():
            parts = [self.dino(pixel_values=self.normal(put(part))).pooler_output.float().cpu() for part in x.split(64)]
        return identity_auc(F.normalize(torch.cat(parts), dim=1), person, labels)


def contrast(features, views):
    """The loss of finding the other views of a figurine among all. Unit features (n, d), `views` in a row of each."""
    n = len(features)
    similar = (features @ features.T / TEMPERATURE).masked_fill(torch.eye(n, dtype=bool, device=features.device), -1e9)
    person = torch.arange(n, device=features.device) // views
    same = (person[:, None] == person).float() - torch.eye(n, device=features.device)
    return -(similar.log_softmax(1) * same).sum() / same.sum()


def export(run, dino):
    """`export_dino/`, as `from_pretrained` reads it."""
    folder = run.folder.path("export_dino", "config.json").parent
    edges = encoders.DINO_EDGE, encoders.DINO_SIDE
    encoders.write(dino, encoders.processor("BitImageProcessor", *edges, encoders.IMAGENET), folder)
    return folder


class Reader:
    """The finished folder as anybody reads it: uint8 pictures → unit features (n, d)."""

    def __init__(self, folder):
        self.model, self.processor = (
            Dinov2Model.from_pretrained(folder).eval(),
            AutoImageProcessor.from_pretrained(folder),
        )

    @torch.no_grad()
    def __call__(self, images):
        features = []
        for i in range(0, len(images), 64):
            pictures = [Image.fromarray(image) for image in images[i : i + 64]]
            x = self.processor(images=pictures, return_tensors="pt").pixel_values
            features.append(self.model(pixel_values=x).pooler_output)
        return F.normalize(torch.cat(features), dim=1)


def measure(run, folder):
    """How well people nobody trained on are told apart, also after the VAE; and how alike the subject's renders are."""
    reader, autoencoder = Reader(folder), vae.load(run)
    images, labels, person = kept_pictures(run, 300)
    some = slice(0, 100 * run.settings.per_person)
    back = vae.round_trip_images(run, autoencoder, images[some])
    subject, world = rendered(run, "subject").images[:256], rendered(run, "validation")
    half = len(subject) // 2
    middle = F.normalize(reader(subject[:half]).mean(0), dim=0)
    others = reader(world.images[:512][world.figurines()[:512].numpy()]) @ middle
    return {
        "people": int(person.max()) + 1,
        "renders": identity_auc(reader(images), person, labels),
        "round_trips": identity_auc(reader(back), person[some], labels[some]),
        "subject": {
            "renders": (reader(subject[half:]) @ middle).mean().item(),
            "round_trips": (reader(vae.round_trip_images(run, autoencoder, subject[half:])) @ middle).mean().item(),
            "others": others.mean().item(),
            "others_95th": others.quantile(0.95).item(),
        },
    }
