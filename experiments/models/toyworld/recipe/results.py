"""The results of stages (`done/STAGE.json`) and the record of every call (`run.json`)."""

import json
import platform
import subprocess
import time
from pathlib import Path

import diffusers
import torch
import transformers

from folder import replace_bytes


class Results:
    """What each finished stage measured. A stage whose result is there is not done again."""

    def __init__(self, folder):
        self.folder = folder

    def get(self, stage):
        """The numbers of a finished stage, or None."""
        path = self.folder.root / "done" / f"{stage}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def finish(self, stage, **numbers):
        content = json.dumps(numbers, indent=1, default=float).encode()
        replace_bytes(self.folder.path("done", f"{stage}.json"), content)
        self.folder.log(f"{stage} done: {json.dumps(numbers, default=float)[:400]}")


def last_hours(root):
    """The training hours of the last call in this folder, or None."""
    path = Path(root) / "run.json"
    return json.loads(path.read_text())[-1]["hours"] if path.exists() else None


def record_call(run, arguments):
    """Adds this call's versions, machine, seed and settings to `run.json`."""
    path = run.folder.path("run.json")
    calls = json.loads(path.read_text()) if path.exists() else []
    call = {
        "time": time.strftime("%F %T%z"),
        "arguments": arguments,
        "hours": run.hours,
        "settings": run.settings.dict(),
        "seed": run.rng.seed,
        "threads": run.machine.threads,
        "helper": run.helper,
        "device": run.machine.name(),
        "bf16": run.machine.bf16,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
    replace_bytes(path, json.dumps([*calls, call], indent=1).encode())


def commit():
    """The commit of the recipe, or nothing where git is not installed."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()
    except OSError:
        return ""
