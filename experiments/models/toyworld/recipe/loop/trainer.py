"""The training loop of every stage: draw a batch, judge it, move the weights, update averages, write checkpoints."""

import time

import torch

from folder import replace_tensors
from loop.graph import Graphs
from loop.muon import Muon
from loop.team import Team
from stop import Stopped

CHECKPOINT_SECONDS = 300


def train(run, training):
    """Trains for the stage's seconds, gives {steps, seconds} and leaves the weights to use in the modules."""
    if (ready := run.results.get(training.stage)) is not None:
        return ready
    return Trainer(run, training).train()


class Trainer:
    """The state of one training (`Training`), and the loop that moves it."""

    def __init__(self, run, training):
        self.run, self.training, self.stage = run, training, training.stage
        named = [
            (f"{module_name}.{name}", p)
            for module_name, module in training.modules.items()
            for name, p in module.named_parameters()
            if p.requires_grad
        ]
        self.parameters = [p for _, p in named]
        self.optimizer = Muon(named, training.decay, run.machine.bf16)
        self.averages = [p.detach().clone() for p in self.parameters] if training.ema else []
        self.follow = torch.zeros((), device=run.machine.device)  # how far the averages move to the weights in a step
        self.count, self.spent, self.budget = 0, 0.0, run.budgets[self.stage]
        self.path = run.folder.path("checkpoints", f"{self.stage}.pt")
        self.last = torch.zeros((), device=run.machine.device), {}  # the last loss and its numbers to show
        self.team = self.graphs = None

    # -- one step ----------------------------------------------------------------------------------------------------

    def batch(self, number, part, progress):
        return self.training.draw(self.run.rng.generator(self.stage, number, part), progress)

    def loss_of(self, batch):
        return self.training.loss(*(x.to(self.run.machine.device) for x in batch))

    def whole(self, batches):
        """Everything of a step that a graph can hold."""
        self.optimizer.zero_grad()
        for batch in batches:
            loss, numbers = self.loss_of(batch)
            (loss / self.training.parts).backward()
        self.update()
        return loss.detach(), numbers

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.parameters, self.training.clip)
        self.optimizer.step()
        if self.training.ema:
            with torch.no_grad():
                apart = torch._foreach_sub(self.parameters, self.averages)
                torch._foreach_mul_(apart, self.follow)
                torch._foreach_add_(self.averages, apart)

    def step(self):
        """The learning rate warms up over 100 steps, stays, and falls linearly in the second half."""
        progress = self.spent / self.budget
        falling = 0.02 + 0.98 * (1 - max(0.0, (progress - 0.5) / 0.5))
        self.optimizer.rate.fill_(self.training.rate * min(1.0, (self.count + 1) / 100) * falling)
        self.follow.fill_(1 - min(self.training.ema, (self.count + 2) / (self.count + 11)))
        if self.team:
            self.optimizer.zero_grad()
            self.last = self.team.step(self.count, progress)
            self.update()
        else:
            batches = [self.batch(self.count, part, progress) for part in range(self.training.parts)]
            self.last = (self.graphs or self.whole)(batches)
        self.count += 1

    # -- checkpoints and reports -------------------------------------------------------------------------------------

    def state(self):
        return [*self.parameters, *self.averages, *self.optimizer.tensors()]

    def checkpoint(self):
        self.check()
        modules = {name: module.state_dict() for name, module in self.training.modules.items()}
        state = {"modules": modules, "optimizer": self.optimizer.state_dict(), "averages": self.averages}
        replace_tensors(self.path, state | {"step": self.count, "seconds": self.spent})

    def resume(self):
        state = torch.load(self.path, map_location=self.run.machine.device, weights_only=True)
        for name, module in self.training.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        for mine, stored in zip(self.averages, state["averages"], strict=True):
            mine.copy_(stored)
        self.count, self.spent = state["step"], state["seconds"]
        self.run.folder.log(f"{self.stage}: goes on at step {self.count}, {self.spent:.0f} s")

    @torch.no_grad()
    def check(self):
        finite = torch.stack(torch._foreach_norm([*self.parameters, self.last[0].detach()])).isfinite().all()
        if not finite:
            raise SystemExit(
                f"{self.stage}: the loss or the weights are not finite at step {self.count}. "
                "The last checkpoint is from before that: run again with a smaller learning rate (settings.py)"
            )

    def swap(self):
        """Weights and their averages change places."""
        for p, mean in zip(self.parameters, self.averages):
            p.data, mean.data = mean.data, p.data

    def mode(self, training):
        for module in self.training.modules.values():
            module.train(training)

    def show(self):
        """Logs the last loss, and what the stage reports of the averages."""
        self.swap()
        self.mode(False)
        extra = self.training.report(self.count) if self.training.report else {}
        self.mode(True)
        self.swap()
        loss, numbers = self.last
        numbers = {name: x.item() for name, x in numbers.items()} | extra
        shown = {name: f"{x:.4g}" if isinstance(x, float) else x for name, x in numbers.items()}
        speed = f"{self.count / self.spent:.2f}/s"
        self.run.folder.log(
            f"{self.stage} {self.spent:.0f} s, step {self.count} ({speed}), loss {loss.item():.4f} {shown}"
        )

    # -- the loop ----------------------------------------------------------------------------------------------------

    def train(self):
        if self.path.exists():
            self.resume()
        self.mode(True)
        self.hire()
        saved, due = self.spent, self.spent + self.budget / self.training.reports
        self.run.stop.check()
        while self.spent < self.budget:
            self.spent += self.timed()
            if self.count % 50 == 0:
                self.check()
            if self.spent >= due:
                due = self.spent + self.budget / self.training.reports
                self.checkpoint()
                self.show()
            if self.run.stop.requested or self.spent - saved > CHECKPOINT_SECONDS:
                saved = self.spent
                self.checkpoint()
                if self.run.stop.requested:
                    self.run.folder.log(f"{self.stage}: stopped at step {self.count}; run me again to go on")
                    raise Stopped
        self.dismiss()
        self.checkpoint()
        # A graph and the gradients in its memory are not needed any more.
        self.graphs = None
        self.optimizer.zero_grad()
        self.choose()
        self.run.folder.log(
            f"{self.stage}: {self.count} steps in {self.spent:.0f} s, last loss {self.last[0].item():.4f}"
        )
        return {"steps": self.count, "seconds": self.spent}

    def hire(self):
        """Whatever makes steps faster: a graph on CUDA, a helper process on the CPU if the user wants one."""
        if self.run.machine.on_gpu:
            log = lambda text: self.run.folder.log(f"{self.stage}: {text}")  # noqa: E731
            self.graphs = Graphs(self.whole, self.state, self.run.machine.device, log)
        elif self.run.helper and self.training.parts > 1:
            self.team = Team(self.parameters, self.training.parts, lambda *which: self.loss_of(self.batch(*which)))

    def dismiss(self):
        if self.team:
            done = f"{self.team.helped} of {self.count * self.training.parts} micro-batches"
            self.run.folder.log(f"{self.stage}: {done} by the helper since the last start")
            self.team.close()

    def timed(self):
        """Makes one step and gives its seconds. The time to make a graph does not count as training."""
        start, made = time.monotonic(), self.graphs.seconds if self.graphs else 0.0
        self.step()
        if self.graphs:
            start += self.graphs.seconds - made
            if self.count % 10 == 0:
                torch.cuda.synchronize()  # otherwise the processor runs ahead of the clock
        return time.monotonic() - start

    def choose(self):
        """Leaves the averages in the modules, or the last weights where those are better."""
        self.mode(False)
        quality = self.training.quality
        raw = quality() if quality and self.averages else None
        self.swap()
        if raw is not None and (averaged := quality()) < raw:
            self.swap()
            self.run.folder.log(
                f"{self.stage}: the average is worse ({averaged:.3f}) than the last weights ({raw:.3f}), which are kept"
            )
