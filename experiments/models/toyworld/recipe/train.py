"""Trains the toy world's base model from nothing: one command, resumable, CPU or CUDA.

    python train.py --run ~/toyrun --hours 3              # goes on where it was stopped; kill it at any time
    python train.py --run /tmp/smoke --smoke              # minutes; ends in a loadable model
    python train.py --run ~/toyrun --preset gpu --compile --seed 5 --init experiments/models/toyworld --init-parts text  # as the shipped model
    python train.py --run ~/toyrun --pack "$OUT"          # results in parts of at most 15 MiB
"""

import argparse
import json
import os
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
PART = 15 * 1024 * 1024
STAGES = ["render", "tokenizer", "vae", "latents", "clip", "probes", "unet", "count", "export"]
# What --init-parts names: the folders of each.
PARTS = {"text": ["tokenizer", "text_encoder"], "vae": ["vae"], "unet": ["unet"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder of this training; holds every result and checkpoint")
    parser.add_argument("--hours", type=float, help="of all training loops together (default: as last, or the preset's)")
    parser.add_argument("--preset", choices=["cpu", "gpu", "smoke"], help="default: by device")
    parser.add_argument("--smoke", action="store_true", help="short for --preset smoke")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--threads", type=int, help="default: 1 on the CPU, at most 8 for CUDA")
    parser.add_argument("--helper", action="store_true", help="a second process with idle priority shares the steps of VAE, tags and UNet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nice", type=int, default=19)
    parser.add_argument("--compile", action="store_true", help="torch.compile the UNet")
    parser.add_argument("--until", choices=STAGES, help="stop after this stage")
    parser.add_argument("--only", choices=STAGES, help="only this stage; what it needs must be done")
    parser.add_argument("--init", type=Path, help="an exported model to go on from, instead of random weights; its text encoder is kept as it is")
    parser.add_argument("--init-parts", type=parts, default="text,vae,unet", help="what of it is used (default: %(default)s); text is tokenizer, too")
    parser.add_argument("--renderer", default=ROOT / "target/release/examples/toyworld", help="the toyworld example")
    parser.add_argument("--pack", metavar="FOLDER", help="only write the results there, in parts for a transfer")
    parser.add_argument("--pack-state", action="store_true", help="with --pack: checkpoints too")
    return parser.parse_args()


def parts(text):
    """The folders that `--init-parts` names. A UNet is of no use without the text encoder it reads."""
    names = text.split(",")
    if not set(names) <= PARTS.keys() or ("unet" in names and "text" not in names):
        raise argparse.ArgumentTypeError(f"some of {','.join(PARTS)}, and unet only with text")
    return [folder for name in names for folder in PARTS[name]]


def last_hours(run):
    path = run / "run.json"
    return json.loads(path.read_text())[-1]["hours"] if path.exists() else None


def pack(run, folder, state):
    """A tar of the small results, cut into parts: cat toyworld.tar.* | tar x"""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["done", "log.txt", "run.json", "sheets", "probes", "export", "export_clip"]
    # What `export` has in float16 travels in float32 only with the checkpoints.
    names += ["vae", "text_encoder", "clip", "unet", "checkpoints"] if state else []
    whole = folder / "toyworld.tar"
    with tarfile.open(whole, "w") as tar:
        for name in names:
            if (run / name).exists():
                tar.add(run / name, name)
    with open(whole, "rb") as file:
        for number, part in enumerate(iter(lambda: file.read(PART), b"")):
            (folder / f"toyworld.tar.{number:02}").write_bytes(part)
    whole.unlink()


def main():
    options = arguments()
    if options.pack:
        return pack(Path(options.run), Path(options.pack), options.pack_state)
    os.nice(max(0, options.nice - os.nice(0)))
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

    import torch

    import count
    import export
    import probes
    import text
    import tokenizer
    import tower
    import unet
    import vae
    import world
    from run import Run
    from settings import PRESETS

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    preset = "smoke" if options.smoke else options.preset or ("gpu" if device == "cuda" else "cpu")
    threads = options.threads or (min(8, os.cpu_count()) if device == "cuda" else 1)
    if not Path(options.renderer).exists():
        sys.exit(f"no renderer at {options.renderer}: cargo build --release --example toyworld")
    run = Run(
        options.run,
        PRESETS[preset],
        options.hours or last_hours(Path(options.run)),
        device,
        threads,
        options.helper,
        options.seed,
        options.compile,
        options.renderer,
        options.init,
        options.init_parts,
    )
    run.record(sys.argv[1:])
    run.log(f"{preset} on {device}, {run.hours:.4g} h, {threads} threads, bf16 {run.bf16}")
    work = {
        "render": lambda: world.render(run),
        "tokenizer": lambda: tokenizer.build(run),
        "vae": lambda: vae.train(run),
        "latents": lambda: vae.cache(run),
        "clip": lambda: (tower if run.initial("text_encoder") else text).train(run),
        "probes": lambda: probes.train(run),
        "unet": lambda: unet.train(run),
        "count": lambda: count.final(run),
        "export": lambda: export.export(run),
    }
    for stage in [options.only] if options.only else STAGES:
        work[stage]()
        if stage == options.until:
            break


if __name__ == "__main__":
    main()
