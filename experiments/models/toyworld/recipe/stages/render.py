"""Stage `render`: the Rust program `toyworld` renders training, validation and identity pictures, and the subject."""

import json
import os
import subprocess

from data.world import SHOWN, samples


def work(run):
    if run.results.get("render"):
        return
    s = run.settings
    mix = ["--figurines", s.figurines, "--headwear", s.headwear, "--held", s.held]
    sets = {
        "train": ["--count", s.images, *mix],
        "validation": ["--count", s.validation, *mix],
        "people": ["--count", s.people * s.per_person, "--per-person", s.per_person, *mix],
        "subject": ["--count", max(64, s.validation // 4), "--subject", "--identifier", "aawxbc"],
    }
    for number, (name, arguments) in enumerate(sets.items()):
        render(run, name, [*arguments, "--seed", run.seed * 16 + number])
    values = {name: set() for name in SHOWN}
    for sample in lines(run, "train"):
        for name, value in sample["labels"].items():
            values[name].add(value)
    content = json.dumps({name: sorted(values[name]) for name in SHOWN})
    run.folder.path("data", "values.json").write_text(content)
    run.results.finish("render", **{name: sum(1 for _ in lines(run, name)) for name in sets})


def render(run, name, arguments):
    command = [run.renderer, *arguments, "--raw", "--out", run.folder.path("data", name)]
    threads = os.cpu_count() if run.machine.on_gpu else run.machine.threads
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rendering failed: {done.stderr}")
    run.folder.log(f"render {name}: {done.stdout.strip()}")


def lines(run, name):
    return samples(run.folder.path("data", name, "samples.jsonl"))
