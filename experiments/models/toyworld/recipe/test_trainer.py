"""The training loop on the CPU: python -m unittest -b test_trainer

A graph is faked by calling the step on the same tensors again; what only a GPU can show is not tested.
"""

import itertools
import tempfile
import unittest
from unittest import mock

import torch

import trainer
from graph import Graphs
from run import Run, Stopped
from settings import SMOKE

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
    """The weights after `STEPS` steps, by a clock that ticks once at each look: two looks are a step of a second."""
    run = Run(folder, SMOKE)
    run.budgets["vae"] = STEPS
    model, clock = Model(), itertools.count()

    def loss(x, y):
        if run.stop_at is not None and len(steps) == 2 * run.stop_at:
            run.stop = True
        steps.append(1)
        error = (model(x) - y).square().mean()
        return error, {"error": error.detach()}

    steps, run.stop_at = [], stop_at
    it = trainer.Trainer(run, "vae", {"model": model}, 1e-2, draw, loss, ema=0.9, parts=2)
    if make_graphs:
        it.graphs = make_graphs(it)
        while it.count < STEPS:
            it.spent = float(it.count)
            it.step()
        it.choose()
    else:
        with mock.patch("trainer.time.monotonic", lambda: float(next(clock))):
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
            trained(self.folder + "/plain", make_graphs=lambda it: Graphs(it.whole, it.state, torch.device("cpu"), self.logged.append, capture))
        )
        self.assertIn("no card", self.logged[0])


if __name__ == "__main__":
    unittest.main()
