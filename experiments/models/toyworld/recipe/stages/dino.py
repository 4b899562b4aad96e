"""Stage `dino`: a small DINOv2 whose feature tells which figurine a picture shows, trained on renders only.

Of every figurine of a batch there are several renders: other place, pose, clothes, things. Their features should be
alike and those of other figurines not (Khosla et al. 2020, arXiv 2004.11362). That takes many pictures, so the encoder
has help: a figurine's looks, read from the same feature, and a teacher, the identity score of stage `probes`. Averaged
over all renders of a figurine, the teacher's features say how alike any two figurines are (relational distillation,
Park et al. 2019, arXiv 1904.05068). Teacher and encoder never see a generated picture, nor the subject.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from transformers import AutoImageProcessor, Dinov2Model

from data.people import identity_auc, kept_people, kept_pictures
from data.pictures import pixels
from data.tags import classes, tag_loss
from data.views import Views
from data.world import SHOWN, rendered
from folder import replace_tensors
from loop import trainer
from loop.training import Training
from models import encoders, probes, vae

# What a figurine keeps from one picture to the next.
OWN = [SHOWN.index(name) for name in ("hair", "hair_color", "skin", "brows", "mouth", "blush", "ears", "eyes")]
TEMPERATURE = 0.1


def work(run):
    if run.results.get("dino"):
        return
    torch.manual_seed(run.seed + 4)
    task = Task(run)
    modules, rate = {"dino": task.dino, "looks": task.looks, "pupil": task.pupil}, run.settings.dino_rate
    training = Training("dino", modules, rate, task.draw, task.loss, decay=2e-2, ema=run.settings.dino_ema)
    training.report, training.reports = task.report, 20
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
        self.dino = encoders.new_dino(self.s).to(device)
        self.looks = encoders.Looks(self.s.dino_width, sum(self.sizes)).to(device)
        self.teacher = taught(run)
        self.pupil = nn.Linear(self.s.dino_width, self.teacher.shape[1], bias=False).to(device)
        self.views = Views(run, encoders.DINO_SIDE, encoders.DINO_SIDE / encoders.DINO_EDGE)
        self.normal = encoders.Normal(encoders.IMAGENET).to(device)

    def draw(self, generator, progress):
        s, each = self.s, self.s.per_person
        persons = torch.randperm(s.people - kept_people(s), generator=generator)[: s.dino_people].sort().values
        picked = torch.rand((len(persons), each), generator=generator).topk(s.dino_views).indices
        chosen = (persons[:, None] * each + picked).flatten()
        views, people = self.views.draw(len(chosen), generator), self.people
        # Plain contrast from the start would make all features alike, where its gradient ends.
        plain = torch.tensor(min(1.0, 2 * progress))
        own = people.labels[chosen][:, OWN], self.geometry[chosen], people.faces[chosen], self.teacher[chosen // each]
        return people.pictures(chosen), *views, *own, plain

    def loss(self, pictures, frames, colors, soft, noise, labels, geometry, faces, teacher, plain):
        x = self.normal(self.views.apply(pictures, frames, colors, soft, noise))
        head = encoders.inside(faces, frames, encoders.DINO_SIDE // encoders.DINO_PATCH)
        with self.run.machine.autocast():
            tokens = self.dino(pixel_values=x).last_hidden_state
            # Where the head is, tokens learn its looks sooner than the first token learns to attend to them.
            local = (tokens[:, 1:] * head).sum(1) / head.sum(1).clamp(min=1)
            both = torch.cat([tokens[:, 0], local])
            (attributes, built), guessed = self.looks(both), self.pupil(both)
        feature = tokens[:, 0].float()
        apart = contrast(feature - feature.mean(0), self.s.dino_views, 2 * TEMPERATURE)
        alike = contrast(feature, self.s.dino_views, TEMPERATURE)
        seen = tag_loss(attributes, labels.repeat(2, 1), self.sizes)
        shape = (built.float() - geometry.repeat(2, 1)).square().mean()
        guess = 1 - F.cosine_similarity(guessed.float(), teacher.repeat(2, 1)).mean()
        unit = F.normalize(feature, dim=1)
        relation = (unit @ unit.T - teacher @ teacher.T).square().mean()
        numbers = {"alike": alike, "apart": apart, "seen": seen, "shape": shape, "guess": guess, "relation": relation}
        aid = 0.3 * seen + 0.5 * shape + 4 * guess + 20 * relation
        return 0.3 * (apart + plain * alike) + aid, {name: x.detach() for name, x in numbers.items()}

    def report(self, _step):
        (images, labels, person), put = kept_pictures(self.run, 60), self.run.machine.put
        edge = (encoders.DINO_EDGE - encoders.DINO_SIDE) // 2
        x = pixels(torch.from_numpy(images[:, edge:-edge, edge:-edge]))
        with torch.no_grad(), self.run.machine.autocast():
            parts = [self.dino(pixel_values=self.normal(put(part))).pooler_output.float().cpu() for part in x.split(64)]
        return identity_auc(F.normalize(torch.cat(parts), dim=1), person, labels)


def taught(run):
    """The teacher's mean feature of every person, unit vectors (people, d), kept in a file."""
    path, world, each = run.folder.path("dino", "people.pt"), rendered(run, "people"), run.settings.per_person
    if not path.exists():
        teacher, block = probes.load(run), 512 * each
        parts = [
            probes.identities(run, teacher, world.images[i : i + block]).unflatten(0, (-1, each)).mean(1)
            for i in range(0, len(world), block)
        ]
        replace_tensors(path, F.normalize(torch.cat(parts), dim=1))
    return torch.load(path, weights_only=True)


def contrast(features, views, temperature):
    """The loss of finding the other views of a figurine among all. Features (n, d), `views` in a row of each."""
    features, n = F.normalize(features, dim=1), len(features)
    similar = (features @ features.T / temperature).masked_fill(torch.eye(n, dtype=bool, device=features.device), -1e9)
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
