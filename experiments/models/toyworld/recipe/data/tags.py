"""Attributes as classes: how well logits tell them, and how well pairs find each other."""

import torch
import torch.nn.functional as F


def classes(values, names):
    """How many classes each attribute has, with the class "absent"."""
    return [len(values[name]) + 1 for name in names]


def tag_loss(logits, tags, sizes, weight=0.0):
    """Cross entropy summed over attributes. Where an attribute is present, its loss counts 1 + weight times."""
    total = 0.0
    for i, part in enumerate(logits.float().split(sizes, 1)):
        loss = F.cross_entropy(part, tags[:, i].long(), reduction="none")
        total = total + (loss * (1 + weight * (tags[:, i] > 0))).mean()
    return total


def match_loss(similar):
    """The loss of finding, in a square matrix (n, n), each row's own column and each column's own row."""
    target = torch.arange(len(similar), device=similar.device)
    return (F.cross_entropy(similar, target) + F.cross_entropy(similar.T, target)) / 2


def predictions(logits, sizes):
    """The most likely class of every attribute, int64 (n, attributes) on the CPU."""
    return torch.stack([part.argmax(1) for part in logits.split(sizes, 1)], 1).cpu()


def scores(predicted, tags, names):
    """For each attribute its recall and its false alarms.

    Recall is the share of right values where there is one; a false alarm is any value where there is none.
    """
    result = {}
    for i, name in enumerate(names):
        there, absent = tags[:, i] > 0, tags[:, i] == 0
        recall = (predicted[there, i] == tags[there, i]).float().mean().item() if there.any() else None
        alarms = (predicted[absent, i] > 0).float().mean().item() if absent.any() else None
        result[name] = {"recall": recall, "n": int(there.sum()), "false_alarms": alarms}
    return result
