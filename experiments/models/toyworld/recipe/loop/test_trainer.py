"""Tests of the training loop on the CPU. In the folder of the recipe: python -m unittest -b loop.test_trainer

A graph is faked by calling the step on the same tensors again. What only a GPU can show is not tested.
"""

import itertools
import tempfile
import unittest
from unittest import mock

import torch

from folder import Folder
from loop.graph import Graphs
from loop.trainer import Trainer
from loop.training import Training
from machine import Machine
from run import Run
from settings import SMOKE
from stop import Stopped

STEPS = 30


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b = torch.nn.Linear(24, 32), torch.nn.Linear(32, 16)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


def draw(generator, progress):
    n = 4 if progress < 0.6 else 6
    return torch.randn((n, 24), generator=generator), torch.randn((n, 16), generator=generator)


def trained(folder, stop_at=None, make_graphs=None):
    """The weights after `STEPS` steps.

    The clock goes on by a second whenever it is read. A step reads it twice, so each step lasts one second.
    """
    run = Run(Folder(folder), Machine(), SMOKE)
    run.budgets["vae"] = STEPS
    model, clock = Model(), itertools.count()

    def loss(x, y):
        if stop_at is not None and len(steps) == 2 * stop_at:
            run.stop.requested = True
        steps.append(1)
        error = (model(x) - y).square().mean()
        return error, {"error": error.detach()}

    steps = []
    it = Trainer(run, Training("vae", {"model": model}, 1e-2, draw, loss, ema=0.9, parts=2))
    if make_graphs:
        it.graphs = make_graphs(it)
        while it.count < STEPS:
            it.spent = float(it.count)
            it.step()
        it.choose()
    else:
        with mock.patch("loop.trainer.time.monotonic", lambda: float(next(clock))):
            it.train()
    return [p.detach().clone() for p in model.parameters()]


class Loop(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.logged = folder.name, []
        self.whole = trained(folder.name + "/whole")

    def same(self, other):
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(self.whole, other, strict=True)))

    def test_a_resumed_training_is_an_uninterrupted_one(self):
        with self.assertRaises(Stopped):
            trained(self.folder + "/resumed", stop_at=11)
        self.same(trained(self.folder + "/resumed"))

    def test_steps_through_the_tensors_of_a_graph_are_plain_steps(self):
        def capture(step):
            step()
            step()
            return step

        graphs = []

        def make(it):
            graphs.append(Graphs(it.whole, it.state, torch.device("cpu"), self.logged.append, capture))
            return graphs[0]

        self.same(trained(self.folder + "/graphs", make_graphs=make))
        self.assertEqual(len(graphs[0].graphs), 2, "one for each shape")

    def test_without_a_graph_steps_are_plain(self):
        def capture(step):
            step()
            raise RuntimeError("no card")

        self.same(
            trained(
                self.folder + "/plain",
                make_graphs=lambda it: Graphs(it.whole, it.state, torch.device("cpu"), self.logged.append, capture),
            )
        )
        self.assertIn("no card", self.logged[0])


if __name__ == "__main__":
    unittest.main()
