"""Stage `likeness`: the teachers of the identity encoder, trained on renders only.

Two renders of one figurine should find each other among the renders of others. This is what the identity score of
stage `probes` learns, too; but here are other networks, so that the probes can judge an encoder that these have taught.
"""

import torch
import torch.nn.functional as F

from data.people import identity_auc, kept_pictures, pairs
from data.pictures import soften
from data.tags import match_loss
from data.world import rendered
from folder import replace_tensors
from loop import trainer
from loop.training import Training
from models.likeness import Teachers, features
from models.probes import flaws, small

TEMPERATURE = 0.1


def work(run):
    if run.results.get("likeness"):
        return
    s = run.settings
    torch.manual_seed(run.seed + 6)
    teachers = Teachers(s.teachers, s.dino_width).to(run.machine.device, memory_format=torch.channels_last)
    task = Task(run, teachers)
    training = Training("likeness", {"teachers": teachers}, s.likeness_rate, task.draw, task.loss, decay=2e-2)
    training.ema, training.report = s.likeness_ema, lambda _step: apart(run, teachers, 60)
    numbers = trainer.train(run, training)
    replace_tensors(run.folder.path("likeness", "people.pt"), of_people(run, teachers.eval()))
    run.results.finish("likeness", **numbers, auc=apart(run, teachers, 300))


class Task:
    """The batches of a training step: two renders of each of some figurines, each with its own noise and softness."""

    def __init__(self, run, teachers):
        self.run, self.s, self.teachers, self.people = run, run.settings, teachers, rendered(run, "people")

    def draw(self, generator, _progress):
        chosen = pairs(self.s, self.s.likeness_batch, generator)
        return self.people.pictures(chosen), *flaws(self.run, len(chosen), generator)

    def loss(self, pictures, noise, soft):
        x = soften(small(pictures) + noise, soft)
        with self.run.machine.autocast():
            halves = [unit.chunk(2) for unit in self.teachers.apart(self.run.machine.put(x))]
        losses = torch.stack([match_loss(one @ other.T / TEMPERATURE) for one, other in halves])
        return losses.sum(), {"identity": losses.mean().detach()}


def apart(run, teachers, people):
    """How well the teachers tell people apart whom nobody trained on."""
    images, labels, person = kept_pictures(run, people)
    return identity_auc(features(run, teachers, images), person, labels)


def of_people(run, teachers):
    """What the teachers say of every person: the mean over all renders, unit vectors (people, width)."""
    images, each = rendered(run, "people").images, run.settings.per_person
    block = 512 * each
    means = [
        features(run, teachers, images[i : i + block]).unflatten(0, (-1, each)).mean(1)
        for i in range(0, len(images), block)
    ]
    return F.normalize(torch.cat(means), dim=1)
