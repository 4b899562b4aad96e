"""The training loop of every stage: `draw` picks a batch, `loss` judges it, Muon moves the weights, averages follow, checkpoints are written."""

import time

import torch

from graph import Graphs
from muon import Muon
from run import Stopped, save
from team import Team

CHECKPOINT_SECONDS = 300


def train(run, stage, modules, rate, draw, loss, **options):
    """Trains `modules` (a dict) for the stage's seconds; gives {steps, seconds} and leaves the weights to use in them.

    `draw(generator, progress)` gives the tensors of one batch, on the host or the device. Everything random is in it, so that a resumed
    training draws what an uninterrupted one would. `loss(*batch)` gives the loss of a batch on the device and a dict of numbers to show;
    it reads nothing back to the host, so that a graph can hold it. A step has `parts` such batches and follows their mean.
    """
    if (ready := run.result(stage)) is not None:
        return ready
    return Trainer(run, stage, modules, rate, draw, loss, **options).train()


class Trainer:
    """`report(step)` gives more numbers to show, `reports` times. With `quality()`, the averages are used only if they are no worse."""

    def __init__(self, run, stage, modules, rate, draw, loss, report=None, reports=10, decay=1e-2, ema=0.0, clip=1.0, parts=1, quality=None):
        self.run, self.stage, self.modules, self.rate, self.draw, self.loss = run, stage, modules, rate, draw, loss
        self.report, self.reports, self.ema, self.clip, self.parts, self.quality = report, reports, ema, clip, parts, quality
        named = [(f"{k}.{n}", p) for k, m in modules.items() for n, p in m.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        self.optimizer = Muon(named, decay, run.bf16)
        self.averages = [p.detach().clone() for p in self.parameters] if ema else []
        self.follow = torch.zeros((), device=run.device)  # how far the averages go to the weights in a step
        self.count, self.spent, self.budget = 0, 0.0, run.budgets[stage]
        self.path = run.path("checkpoints", f"{stage}.pt")
        self.last = torch.zeros((), device=run.device), {}  # loss and numbers to show
        self.team = self.graphs = None

    # -- one step ----------------------------------------------------------------------------------------------------

    def batch(self, number, part, progress):
        return self.draw(self.run.generator(self.stage, number, part), progress)

    def loss_of(self, batch):
        return self.loss(*(x.to(self.run.device) for x in batch))

    def whole(self, batches):
        """Everything of a step that a graph can hold."""
        self.optimizer.zero_grad()
        for batch in batches:
            loss, numbers = self.loss_of(batch)
            (loss / self.parts).backward()
        self.update()
        return loss.detach(), numbers

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        if self.ema:
            with torch.no_grad():
                apart = torch._foreach_sub(self.parameters, self.averages)
                torch._foreach_mul_(apart, self.follow)
                torch._foreach_add_(self.averages, apart)

    def step(self):
        """The learning rate warms up, stays, and falls linearly in the second half."""
        progress = self.spent / self.budget
        falling = 0.02 + 0.98 * (1 - max(0.0, (progress - 0.5) / 0.5))
        self.optimizer.rate.fill_(self.rate * min(1.0, (self.count + 1) / 100) * falling)
        self.follow.fill_(1 - min(self.ema, (self.count + 2) / (self.count + 11)))
        if self.team:
            self.optimizer.zero_grad()
            self.last = self.team.step(self.count, progress)
            self.update()
        else:
            batches = [self.batch(self.count, part, progress) for part in range(self.parts)]
            self.last = (self.graphs or self.whole)(batches)
        self.count += 1

    # -- checkpoints and reports -------------------------------------------------------------------------------------

    def state(self):
        return [*self.parameters, *self.averages, *self.optimizer.tensors()]

    def checkpoint(self):
        self.check()
        state = {"modules": {name: module.state_dict() for name, module in self.modules.items()}, "optimizer": self.optimizer.state_dict()}
        save(self.path, {**state, "averages": self.averages, "step": self.count, "seconds": self.spent})

    def resume(self):
        state = torch.load(self.path, map_location=self.run.device, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        for mine, stored in zip(self.averages, state["averages"], strict=True):
            mine.copy_(stored)
        self.count, self.spent = state["step"], state["seconds"]
        self.run.log(f"{self.stage}: goes on at step {self.count}, {self.spent:.0f} s")

    @torch.no_grad()
    def check(self):
        finite = torch.stack(torch._foreach_norm([*self.parameters, self.last[0].detach()])).isfinite().all()
        if not finite:
            raise SystemExit(f"{self.stage}: loss or weights are not finite at step {self.count}; the last checkpoint is from before that")

    def swap(self):
        """Weights and their averages change places."""
        for p, mean in zip(self.parameters, self.averages):
            p.data, mean.data = mean.data, p.data

    def mode(self, training):
        for module in self.modules.values():
            module.train(training)

    def show(self):
        self.swap()
        self.mode(False)
        extra = self.report(self.count) if self.report else {}
        self.mode(True)
        self.swap()
        loss, numbers = self.last
        numbers = {name: x.item() for name, x in numbers.items()} | extra
        shown = {name: f"{x:.4g}" if isinstance(x, float) else x for name, x in numbers.items()}
        self.run.log(f"{self.stage} {self.spent:.0f} s, step {self.count} ({self.count / self.spent:.2f}/s), loss {loss.item():.4f} {shown}")

    # -- the loop ----------------------------------------------------------------------------------------------------

    def train(self):
        if self.path.exists():
            self.resume()
        self.mode(True)
        if self.run.device.type == "cuda":
            self.graphs = Graphs(self.whole, self.state, self.run.device, lambda text: self.run.log(f"{self.stage}: {text}"))
        elif self.run.helper and self.parts > 1:
            self.team = Team(self.parameters, self.parts, lambda *which: self.loss_of(self.batch(*which)))
        saved, due = self.spent, self.spent + self.budget / self.reports
        if self.run.stop:
            raise Stopped(75)
        while self.spent < self.budget:
            self.spent += self.timed()
            if self.count % 50 == 0:
                self.check()
            if self.spent >= due:
                due = self.spent + self.budget / self.reports
                self.checkpoint()
                self.show()
            if self.run.stop or self.spent - saved > CHECKPOINT_SECONDS:
                saved = self.spent
                self.checkpoint()
                if self.run.stop:
                    self.run.log(f"{self.stage}: stopped at step {self.count}; run me again to go on")
                    raise Stopped(75)
        if self.team:
            self.run.log(f"{self.stage}: {self.team.helped} of {self.count * self.parts} micro-batches by the helper since the last start")
            self.team.close()
        self.checkpoint()
        # A graph and the gradients in its memory are not needed any more.
        self.graphs = None
        self.optimizer.zero_grad()
        self.choose()
        self.run.log(f"{self.stage}: {self.count} steps in {self.spent:.0f} s, last loss {self.last[0].item():.4f}")
        return {"steps": self.count, "seconds": self.spent}

    def timed(self):
        """The seconds of one step. Making a graph is no training."""
        start, made = time.monotonic(), self.graphs.seconds if self.graphs else 0.0
        self.step()
        if self.graphs:
            start += self.graphs.seconds - made
            if self.count % 10 == 0:
                torch.cuda.synchronize()  # lest the processor runs ahead of the clock
        return time.monotonic() - start

    def choose(self):
        """Leaves the averages in the modules, or the weights where they are better."""
        self.mode(False)
        raw = self.quality() if self.quality and self.averages else None
        self.swap()
        if raw is not None and (averaged := self.quality()) < raw:
            self.swap()
            self.run.log(f"{self.stage}: the average is worse ({averaged:.3f}) than the last weights ({raw:.3f}), which are kept")
