"""Stage `probes`: classifiers and an identity score for toy world pictures, trained on renders only.

Used to count whether generated pictures show what was asked. They never see a generated picture, nor the subject.
Accuracy would flatter them (most figurines hold nothing): recall and false alarms are printed, also for VAE round trips.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import trainer
import vae
from world import SHOWN, classes, match_loss, pixels, predictions, rendered, scores, tag_loss

SIDE = 64


class Trunk(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        layers, last = [nn.Conv2d(3, 32, 3, 1, 1), nn.GroupNorm(8, 32), nn.SiLU()], 32
        for c in (32, 64, 128, 192):
            for a, stride in ((last, 2), (c, 1)):
                layers += [nn.Conv2d(a, c, 3, stride, 1), nn.GroupNorm(8, c), nn.SiLU()]
            last = c
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(192 * 16, 256), nn.SiLU(), nn.Linear(256, outputs))

    def forward(self, x):
        return self.body(x)


class Probes(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.attributes, self.identity = Trunk(sum(sizes)), Trunk(64)


def small(images):
    """uint8 (n, side, side, 3) → float (n, 3, 64, 64) in -1..1"""
    x = pixels(images)
    return F.avg_pool2d(x, x.shape[-1] // SIDE) if x.shape[-1] > SIDE else x


def load(run):
    sizes = classes(rendered(run, "validation").values, SHOWN)
    probes = Probes(sizes).to(run.device, memory_format=torch.channels_last)
    probes.load_state_dict(torch.load(run.path("probes", "probes.pt"), map_location=run.device, weights_only=True))
    return probes.eval()


def train(run):
    if run.result("probes"):
        return
    s, world, people = run.settings, rendered(run, "train"), rendered(run, "people")
    sizes, each = classes(world.values, SHOWN), s.per_person
    torch.manual_seed(run.seed + 3)
    probes = Probes(sizes).to(run.device, memory_format=torch.channels_last)
    rare = (world.labels[:, SHOWN.index("headwear")] > 0) | (world.labels[:, SHOWN.index("held")] > 0)
    things = (world.labels[:, SHOWN.index("color")] > 0).nonzero().flatten()
    rare = rare.nonzero().flatten()
    kept = max(1, s.people // 10)  # people nobody trains on
    counted = [SHOWN.index(name) for name in ("headwear", "headwear_color", "held", "held_color", "shirt")]

    def draw(generator, _progress):
        third = s.probe_batch // 3
        among = lambda pool, n: pool[torch.randint(0, len(pool), (n,), generator=generator)]  # noqa: E731
        anything = torch.randint(0, len(world), (third,), generator=generator)
        chosen = torch.cat([among(rare, third), among(things, third), anything]).sort().values
        persons = torch.randperm(s.people - kept, generator=generator)[:third]
        first, other = torch.rand((len(persons), each), generator=generator).topk(2).indices.unbind(1)
        pairs = torch.cat([persons * each + first, persons * each + other])
        # Noise and blur, so that a generated picture's softness is nothing new.
        n = len(chosen) + len(pairs)
        much, soft = 0.05 * torch.rand((n, 1, 1, 1), generator=generator), torch.rand((n, 1, 1, 1), generator=generator) < 0.4
        noise = run.put(much) * run.randn((n, 3, SIDE, SIDE), generator)
        return world.pictures(chosen), people.pictures(pairs), noise, soft, world.labels[chosen], world.labels[chosen][:, counted]

    def loss(pictures, persons, noise, soft, labels, first):
        x = torch.cat([small(pictures), small(persons)]) + noise
        x = torch.where(soft, F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear"), x)
        a, b = x.split([len(pictures), len(persons)])
        with run.autocast():
            logits, faces = probes.attributes(run.put(a)), probes.identity(run.put(b))
        attributes = tag_loss(logits, labels, sizes, 1.0)
        # What the prompts ask for must not drown among the looks.
        parts = logits.split(sizes, 1)
        attributes = attributes + 3 * tag_loss(torch.cat([parts[i] for i in counted], 1), first, [sizes[i] for i in counted], 1.0)
        one, other = F.normalize(faces.float(), dim=1).chunk(2)
        identity = match_loss(one @ other.T / 0.1)
        return attributes + identity, {"attributes": attributes.detach(), "identity": identity.detach()}

    numbers = trainer.train(run, "probes", {"probes": probes}, s.probe_rate, draw, loss, decay=2e-2, ema=s.probe_ema)
    run.path("probes", "x")
    torch.save(probes.state_dict(), run.path("probes", "probes.pt"))
    run.finish("probes", **numbers, **measure(run, probes))


def parts(run, images):
    """uint8 pictures as the probes read them, few at a time."""
    return (run.put(small(part.to(run.device))) for part in torch.from_numpy(np.array(images)).split(64))


@torch.no_grad()
def attributes(run, probes, images):
    """uint8 pictures → predicted tags (n, attributes)"""
    with run.autocast():
        return torch.cat([predictions(probes.attributes(part).float(), probes.sizes) for part in parts(run, images)])


@torch.no_grad()
def identities(run, probes, images):
    """uint8 pictures → unit vectors; their cosine tells whether two show the same figurine."""
    with run.autocast():
        faces = [probes.identity(part).float().cpu() for part in parts(run, images)]
    return F.normalize(torch.cat(faces), dim=1)


def measure(run, probes):
    s, world, autoencoder = run.settings, rendered(run, "validation"), vae.load(run)
    some = world.images[:512]
    back = vae.round_trip_images(run, autoencoder, some)
    result = {
        "renders": scores(attributes(run, probes, world.images), world.labels, SHOWN),
        "round_trips": scores(attributes(run, probes, back), world.labels[: len(some)], SHOWN),
    }
    people, kept = rendered(run, "people"), max(1, s.people // 10)
    faces = identities(run, probes, people.images[-kept * s.per_person :]).view(kept, s.per_person, -1)
    similar = torch.einsum("iqd,jrd->ijqr", faces, faces)
    same = torch.cat([similar[i, i][~torch.eye(s.per_person, dtype=bool)] for i in range(kept)])
    other = similar[~torch.eye(kept, dtype=bool)].flatten()
    result["identity_auc"] = auc(same, other)
    # The subject: how like its mean are its renders, their round trips, and other figurines?
    subject = rendered(run, "subject").images
    half = len(subject) // 2
    middle = F.normalize(identities(run, probes, subject[:half]).mean(0), dim=0)
    like = lambda images: identities(run, probes, images) @ middle  # noqa: E731
    figurines = world.labels[:, SHOWN.index("kind")] == world.values["kind"].index("figurine") + 1
    others = like(world.images[figurines.numpy()])
    result["subject"] = {
        "renders": like(subject[half:]).mean().item(),
        "round_trips": like(vae.round_trip_images(run, autoencoder, subject[half:])).mean().item(),
        "others": others.mean().item(),
        "others_95th": others.quantile(0.95).item(),
    }
    show(run, result)
    return result


def auc(same, other):
    """Chance that a pair of one person is more alike than a pair of two."""
    ranks = torch.cat([same, other]).argsort().argsort()[: len(same)].double() + 1
    return ((ranks.sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(other))).item()


def show(run, result):
    for kind in ("renders", "round_trips"):
        for name, row in result[kind].items():
            cell = lambda x: "-" if x is None else f"{x:.3f}"  # noqa: E731
            recall, alarms = cell(row["recall"]), cell(row["false_alarms"])
            run.log(f"probe {kind:11} {name:14} recall {recall} of {row['n']}, false alarms {alarms}")
    run.log(f"probe identity: AUC {result['identity_auc']:.4f}, subject {result['subject']}")
