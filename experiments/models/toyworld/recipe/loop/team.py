"""A second process that takes over micro-batches of a step on the CPU.

Two threads inside one process wait for each other hundreds of times in a step. Beside another busy program that costs
far more than half of the speed. Here the second process takes whole micro-batches when it has time. The first process
does what the second has taken and not delivered.
"""

import multiprocessing
import os
import signal
import time

import torch

# Indices into the shared state: the number of the step, the next free micro-batch, and as bits of an integer the
# micro-batches that the helper has taken and delivered.
STEP, NEXT, TAKEN, DELIVERED = range(4)


class Team:
    """Makes the gradients of a step together with a helper process.

    `loss_of(step, part, progress)` gives the loss of one of `parts` micro-batches. The gradients are those of the mean
    over the parts.
    """

    def __init__(self, parameters, parts, loss_of):
        self.parameters, self.parts, self.loss_of = parameters, parts, loss_of
        context = multiprocessing.get_context("fork")
        self.lock = context.Lock()
        self.state = torch.tensor([-1, 0, 0, 0]).share_memory_()
        # When the helper began its micro-batch, how long the last one took, and the progress of the step.
        self.times = torch.zeros(3, dtype=torch.float64).share_memory_()
        for p in parameters:
            p.data.share_memory_()
        self.sums = [torch.zeros_like(p).share_memory_() for p in parameters]
        self.helped = 0
        self.child = context.Process(target=self._help, daemon=True)
        self.child.start()

    def _claim(self, step, helper):
        with self.lock:
            if self.state[STEP] != step or self.state[NEXT] >= self.parts:
                return None
            part = int(self.state[NEXT])
            self.state[NEXT] += 1
            if helper:
                self.state[TAKEN] |= 1 << part
                self.times[0] = time.monotonic()
            return part

    def _help(self):
        parent = os.getppid()
        # The first process writes the checkpoint. This one only ends.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A scheduling group of its own with the least weight gets only the time that nobody else wants.
        os.setsid()
        os.sched_setaffinity(0, range(os.cpu_count()))
        try:
            with open("/proc/self/autogroup", "w") as file:
                file.write("19")
        except OSError:
            os.nice(19)
        torch.set_num_threads(1)
        while os.getppid() == parent:
            step = int(self.state[STEP])
            part = self._claim(step, True) if step >= 0 else None
            if part is None:
                time.sleep(0.002)
                continue
            began = time.monotonic()
            for p in self.parameters:
                p.grad = None
            (self.loss_of(step, part, float(self.times[2]))[0] / self.parts).backward()
            with self.lock:
                self.times[1] = time.monotonic() - began
                if self.state[STEP] == step:
                    first = self.state[DELIVERED] == 0
                    for total, p in zip(self.sums, self.parameters):
                        total.copy_(p.grad) if first else total.add_(p.grad)
                    self.state[DELIVERED] |= 1 << part

    def step(self, number, progress):
        """Leaves the gradients of step `number` in the parameters and gives the last loss with its numbers."""
        with self.lock:
            self.state[:] = torch.tensor([number, 0, 0, 0])
            self.times[2] = progress
        loss, numbers, usual = None, {}, 0.0

        def own(part):
            nonlocal loss, numbers, usual
            began = time.monotonic()
            loss, numbers = self.loss_of(number, part, progress)
            (loss / self.parts).backward()
            usual = time.monotonic() - began

        while (part := self._claim(number, False)) is not None:
            own(part)
        # Wait for what the helper still has, unless doing it again takes less time.
        while self.state[TAKEN] != self.state[DELIVERED]:
            if not self.child.is_alive() or float(self.times[0] + self.times[1]) - time.monotonic() > usual:
                break
            if time.monotonic() > float(self.times[0] + 2 * self.times[1]):
                break
            time.sleep(0.002)
        with self.lock:
            self.state[STEP] = -1
        taken, delivered = int(self.state[TAKEN]), int(self.state[DELIVERED])
        if delivered:
            self.helped += delivered.bit_count()
            for total, p in zip(self.sums, self.parameters):
                p.grad = total.clone() if p.grad is None else p.grad.add_(total)
        for part in range(self.parts):
            if (taken & ~delivered) >> part & 1:
                own(part)
        return loss, numbers

    def close(self):
        self.child.kill()
        self.child.join()
