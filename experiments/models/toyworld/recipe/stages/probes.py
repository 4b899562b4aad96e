"""Stage `probes`: classifiers and an identity score, trained on renders only.

They count whether generated pictures show what was asked. They never see a generated picture, nor the subject.
Accuracy would flatter them, because most figurines hold nothing: recall and false alarms are measured instead, on
renders and on pictures that went through the VAE.
"""

import torch
import torch.nn.functional as F

from data.people import identity_auc, kept_pictures, pairs
from data.pictures import soften
from data.tags import classes, match_loss, scores, tag_loss
from data.world import SHOWN, rendered
from loop import trainer
from loop.training import Training
from models import vae
from models.probes import Probes, attributes, flaws, identities, small

# What the prompts ask for must not drown among the looks.
COUNTED = [SHOWN.index(name) for name in ("headwear", "headwear_color", "held", "held_color", "shirt")]


class Task:
    """The batches of a training step, and how the answers of the probes are judged."""

    def __init__(self, run, probes):
        self.run, self.s, self.probes = run, run.settings, probes
        self.world, self.people = rendered(run, "train"), rendered(run, "people")
        rare = (self.world.label("headwear") > 0) | (self.world.label("held") > 0)
        self.rare = rare.nonzero().flatten()
        self.things = (self.world.label("color") > 0).nonzero().flatten()

    def draw(self, generator, _progress):
        world, third = self.world, self.s.probe_batch // 3
        among = lambda pool, n: pool[torch.randint(0, len(pool), (n,), generator=generator)]  # noqa: E731
        anything = torch.randint(0, len(world), (third,), generator=generator)
        chosen = torch.cat([among(self.rare, third), among(self.things, third), anything]).sort().values
        two = pairs(self.s, third, generator)
        noise, soft = flaws(self.run, len(chosen) + len(two), generator)
        labels = world.labels[chosen]
        return world.pictures(chosen), self.people.pictures(two), noise, soft, labels, labels[:, COUNTED]

    def loss(self, pictures, persons, noise, soft, labels, counted):
        machine, sizes = self.run.machine, self.probes.sizes
        x = soften(torch.cat([small(pictures), small(persons)]) + noise, soft)
        a, b = x.split([len(pictures), len(persons)])
        with machine.autocast():
            logits, faces = self.probes.attributes(machine.put(a)), self.probes.identity(machine.put(b))
        parts = logits.split(sizes, 1)
        told = tag_loss(logits, labels, sizes, 1.0)
        asked = torch.cat([parts[i] for i in COUNTED], 1)
        told = told + 3 * tag_loss(asked, counted, [sizes[i] for i in COUNTED], 1.0)
        one, other = F.normalize(faces.float(), dim=1).chunk(2)
        identity = match_loss(one @ other.T / 0.1)
        return told + identity, {"attributes": told.detach(), "identity": identity.detach()}


def work(run):
    if run.results.get("probes"):
        return
    s, sizes = run.settings, classes(rendered(run, "train").values, SHOWN)
    torch.manual_seed(run.seed + 3)
    probes = Probes(sizes).to(run.machine.device, memory_format=torch.channels_last)
    task = Task(run, probes)
    training = Training("probes", {"probes": probes}, s.probe_rate, task.draw, task.loss, decay=2e-2, ema=s.probe_ema)
    numbers = trainer.train(run, training)
    torch.save(probes.state_dict(), run.folder.path("probes", "probes.pt"))
    run.results.finish("probes", **numbers, **measure(run, probes))


def measure(run, probes):
    world, autoencoder = rendered(run, "validation"), vae.load(run)
    some = world.images[:512]
    back = vae.round_trip_images(run, autoencoder, some)
    result = {
        "renders": scores(attributes(run, probes, world.images), world.labels, SHOWN),
        "round_trips": scores(attributes(run, probes, back), world.labels[: len(some)], SHOWN),
        "identity_auc": figurines_apart(run, probes),
        "subject": subject(run, probes, autoencoder),
    }
    show(run, result)
    return result


def figurines_apart(run, probes):
    """How well the identity score tells people apart whom nobody trained on."""
    images, labels, person = kept_pictures(run, 300)
    return identity_auc(identities(run, probes, images), person, labels)


def subject(run, probes, autoencoder):
    """How like the mean of the subject its other renders are, their round trips, and other figurines."""
    world, images = rendered(run, "validation"), rendered(run, "subject").images
    half = len(images) // 2
    middle = F.normalize(identities(run, probes, images[:half]).mean(0), dim=0)
    like = lambda pictures: identities(run, probes, pictures) @ middle  # noqa: E731
    others = like(world.images[world.figurines().numpy()])
    return {
        "renders": like(images[half:]).mean().item(),
        "round_trips": like(vae.round_trip_images(run, autoencoder, images[half:])).mean().item(),
        "others": others.mean().item(),
        "others_95th": others.quantile(0.95).item(),
    }


def show(run, result):
    cell = lambda x: "-" if x is None else f"{x:.3f}"  # noqa: E731
    for kind in ("renders", "round_trips"):
        for name, row in result[kind].items():
            recall, alarms = cell(row["recall"]), cell(row["false_alarms"])
            run.folder.log(f"probe {kind:11} {name:14} recall {recall} of {row['n']}, false alarms {alarms}")
    run.folder.log(f"probe identity: AUC {result['identity_auc']}, subject {result['subject']}")
