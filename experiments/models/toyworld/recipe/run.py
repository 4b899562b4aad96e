"""What every stage shares: the folder, the device, seconds to train, random numbers, results."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch


class Stopped(SystemExit):
    """SIGINT or SIGTERM came; a checkpoint is written. Exit status 75: run me again."""


class Run:
    def __init__(
        self, folder, settings, hours=None, device="cpu", threads=1, helper=False, seed=0, compile=False, renderer="", init=None, init_folders=()
    ):
        self.folder, self.settings, self.device = Path(folder), settings, torch.device(device)
        self.threads, self.helper, self.seed, self.compile, self.renderer = threads, helper, seed, compile, Path(renderer)
        self.init, self.init_folders = init, init_folders if init else ()
        # Text that is kept has no stage `tags`.
        self.budgets = {name: n for name, n in settings.seconds.items() if name != "tags" or not self.initial("text_encoder")}
        usual = sum(self.budgets.values()) / 3600
        self.hours = hours or usual
        self.budgets = {name: max(1.0, n * self.hours / usual) for name, n in self.budgets.items()}
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

    def initial(self, name):
        """The folder `name` of the model to go on from, or None where this part starts from nothing."""
        return self.init / name if name in self.init_folders else None

    def path(self, *parts):
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, text):
        print(time.strftime("%H:%M:%S"), text, flush=True)
        with open(self.path("log.txt"), "a") as file:
            print(time.strftime("%F %T"), text, file=file)

    def autocast(self, dtype=torch.bfloat16):
        return torch.autocast(self.device.type, dtype, enabled=self.bf16)

    def put(self, tensor):
        """To the device, pictures channels last. From pinned memory, or the processor would wait for all that the device has to do."""
        if self.device.type == "cuda" and not tensor.is_cuda:
            tensor = tensor.pin_memory()
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
                "hours": self.hours,
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
