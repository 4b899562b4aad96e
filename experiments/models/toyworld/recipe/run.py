"""What every stage shares: the folder, the device, checkpoints, the training loop."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from muon import Muon
from team import Team

CHECKPOINT_SECONDS = 300


class Stopped(SystemExit):
    """SIGINT or SIGTERM came; a checkpoint is written. Exit status 75: run me again."""


class Run:
    def __init__(self, folder, settings, hours, device, threads, helper, seed, compile, renderer):
        self.folder, self.settings, self.seconds = Path(folder), settings, hours * 3600
        self.device, self.threads, self.seed, self.compile = torch.device(device), threads, seed, compile
        self.helper, self.renderer = helper, Path(renderer)
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(threads)
        # bf16 only where the hardware multiplies in it; elsewhere it is slower than f32.
        self.bf16 = self.device.type == "cuda" or cpu_has_bf16()
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.stop = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_):
        self.stop = True

    def path(self, *parts):
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, text):
        print(time.strftime("%H:%M:%S"), text, flush=True)
        with open(self.path("log.txt"), "a") as file:
            print(time.strftime("%F %T"), text, file=file)

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def put(self, tensor):
        tensor = tensor.to(self.device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def generator(self, stage, step, part=0):
        """Random numbers of one step, or of one of its micro-batches: the same after a resume."""
        parts = (self.seed, stage, step, part) if part else (self.seed, stage, step)
        return torch.Generator().manual_seed(hash_of(*parts))

    def randn(self, shape, generator):
        """Normal numbers made on the device, from a seed drawn of `generator`."""
        seed = int(torch.randint(2**62, (), generator=generator))
        own = torch.Generator(self.device).manual_seed(seed)
        return torch.randn(shape, device=self.device, generator=own)

    # -- results of stages -------------------------------------------------------------------------------------------

    def result(self, stage):
        path = self.folder / "done" / f"{stage}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def finish(self, stage, **numbers):
        write(self.path("done", f"{stage}.json"), json.dumps(numbers, indent=1, default=float).encode())
        self.log(f"{stage} done: {json.dumps(numbers, default=float)[:400]}")

    def record(self, arguments):
        """Appends this call's versions, machine, seed and settings to `run.json`."""
        import diffusers
        import transformers

        path = self.path("run.json")
        calls = json.loads(path.read_text()) if path.exists() else []
        here = Path(__file__).parent
        try:
            commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=here).stdout.strip()
        except OSError:
            commit = ""
        calls.append(
            {
                "time": time.strftime("%F %T%z"),
                "arguments": arguments,
                "hours": self.seconds / 3600,
                "settings": self.settings.dict(),
                "seed": self.seed,
                "threads": self.threads,
                "helper": self.helper,
                "device": torch.cuda.get_device_name() if self.device.type == "cuda" else cpu_name(),
                "bf16": self.bf16,
                "commit": commit,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "diffusers": diffusers.__version__,
                "transformers": transformers.__version__,
            }
        )
        write(path, json.dumps(calls, indent=1).encode())

    # -- the loop ----------------------------------------------------------------------------------------------------

    def train(self, stage, modules, rate, share, step, report=None, reports=10, decay=1e-2, ema=0.0, clip=1.0, parts=1):
        """Trains `modules` (a dict) for `share` of the run's hours; returns {steps, seconds}.

        `step(generator, progress)` gives the loss of one of `parts` micro-batches, whose mean is followed, and a dict of
        numbers to show. The learning rate warms up, stays, and falls linearly in the second half. Checkpoints hold
        weights, moments, averages, step and time spent.
        """
        if (ready := self.result(stage)) is not None:
            return ready
        named = [(f"{k}.{n}", p) for k, m in modules.items() for n, p in m.named_parameters() if p.requires_grad]
        optimizer = Muon(named, rate, decay, self.bf16)
        averages = [p.detach().clone() for _, p in named] if ema else []
        count, spent, path = 0, 0.0, self.path("checkpoints", f"{stage}.pt")
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name, module in modules.items():
                module.load_state_dict(state["modules"][name])
            optimizer.load_state_dict(state["optimizer"])
            for mine, stored in zip(averages, state["averages"]):
                mine.copy_(stored)
            count, spent = state["step"], state["seconds"]
            self.log(f"{stage}: goes on at step {count}, {spent:.0f} s")

        def checkpoint():
            save(
                path,
                {
                    "modules": {name: module.state_dict() for name, module in modules.items()},
                    "optimizer": optimizer.state_dict(),
                    "averages": averages,
                    "step": count,
                    "seconds": spent,
                },
            )

        def swap():
            for (_, p), mean in zip(named, averages):
                p.data, mean.data = mean.data, p.data

        def show(loss, numbers):
            swap()
            for module in modules.values():
                module.eval()
            extra = report(count, spent / budget) if report else {}
            for module in modules.values():
                module.train()
            swap()
            numbers = {k: v.item() if isinstance(v, torch.Tensor) else v for k, v in numbers.items()}
            shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in {**numbers, **extra}.items()}
            speed = count / spent if spent else 0.0
            self.log(f"{stage} {spent:.0f} s, step {count} ({speed:.2f}/s), loss {loss:.4f} {shown}")

        budget = max(1.0, self.seconds * share)
        last_save, due = spent, spent + budget / reports
        parameters = [p for _, p in named]
        for module in modules.values():
            module.train()
        loss, numbers = torch.tensor(0.0), {}

        def loss_of(number, part, progress):
            return step(self.generator(stage, number, part), progress)

        team = Team(parameters, parts, loss_of) if self.helper and parts > 1 else None
        while spent < budget:
            start = time.monotonic()
            progress = spent / budget
            now = rate * min(1.0, (count + 1) / 100) * (0.02 + 0.98 * (1 - max(0.0, (progress - 0.5) / 0.5)))
            optimizer.zero_grad()
            if team:
                loss, numbers = team.step(count, progress)
            else:
                for part in range(parts):
                    loss, numbers = loss_of(count, part, progress)
                    (loss / parts).backward()
            torch.nn.utils.clip_grad_norm_(parameters, clip)
            optimizer.step(now)
            count += 1
            if ema:
                torch._foreach_lerp_(averages, [p.data for p in parameters], 1 - min(ema, (1 + count) / (10 + count)))
            if count % 50 == 0 and not torch.isfinite(loss):
                raise SystemExit(f"{stage}: the loss is {loss.item()} at step {count}")
            spent += time.monotonic() - start
            if spent >= due:
                due = spent + budget / reports
                checkpoint()
                show(loss.item(), numbers)
            if self.stop or spent - last_save > CHECKPOINT_SECONDS:
                last_save = spent
                checkpoint()
                if self.stop:
                    self.log(f"{stage}: stopped at step {count}; run me again to go on")
                    raise Stopped(75)
        if team:
            self.log(f"{stage}: {team.helped} of {count * parts} micro-batches by the helper since the last start")
            team.close()
        checkpoint()
        swap()
        for module in modules.values():
            module.eval()
        self.log(f"{stage}: {count} steps in {spent:.0f} s, last loss {loss.item():.4f}")
        return {"steps": count, "seconds": spent}


def save(path, value):
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)


def write(path, content):
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def hash_of(*parts):
    import hashlib

    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=7).digest(), "big")


def cpu_info():
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def cpu_has_bf16():
    info = cpu_info()
    return "avx512_bf16" in info or "amx_bf16" in info or sys.platform == "darwin"


def cpu_name():
    return next((line.split(":")[1].strip() for line in cpu_info().splitlines() if "model name" in line), "CPU")
