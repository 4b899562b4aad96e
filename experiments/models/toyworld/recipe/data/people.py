"""The rendered people: which of them nobody trains on, and how well features tell them apart."""

import torch

from data.world import SHOWN, rendered


def kept_people(settings):
    """How many people, the last ones of the set, nobody trains on."""
    return max(1, settings.people // 10)


def kept_pictures(run, people=None):
    """The pictures of the people kept, or of the last `people` of them, as (images, labels, person of each)."""
    world, each = rendered(run, "people"), run.settings.per_person
    count = min(people or kept_people(run.settings), kept_people(run.settings))
    first = len(world) - count * each
    return world.images[first:], world.labels[first:], torch.arange(count).repeat_interleave(each)


def pairs(settings, count, generator):
    """Two renders of each of `count` people to train on, drawn at random: all first ones, then all others."""
    persons = torch.randperm(settings.people - kept_people(settings), generator=generator)[:count]
    each = settings.per_person
    first, other = torch.rand((len(persons), each), generator=generator).topk(2).indices.unbind(1)
    return torch.cat([persons * each + first, persons * each + other])


def auc(same, other):
    """The chance that a value of `same` is larger than one of `other`."""
    ranks = torch.cat([same, other]).argsort().argsort()[: len(same)].double() + 1
    return ((ranks.sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(other))).item()


def identity_auc(features, person, labels):
    """How well cosines of unit features (n, d) tell pairs of one person from pairs of two.

    `all` takes every pair. `hard` asks whether the place and the things count: one person in two places, with
    something on the head or in the hand in only one of the pictures, against two persons in the same place with the
    same headwear.
    """
    similar, one = features @ features.T, person[:, None] == person
    above = torch.ones_like(one).triu(1)
    place, headwear, held = (labels[:, SHOWN.index(name)] for name in ("place", "headwear", "held"))
    things = ((headwear[:, None] > 0) != (headwear > 0)) | ((held[:, None] > 0) != (held > 0))
    here, worn = place[:, None] == place, headwear[:, None] == headwear
    return {
        "all": auc(similar[one & above], similar[~one & above]),
        "hard": auc(similar[one & above & ~here & things], similar[~one & above & here & worn]),
    }
