"""Trains the toy world's base model from nothing: one command, resumable, CPU or CUDA.

    python train.py --run ~/toyrun --hours 3      # goes on where it was stopped; kill it at any time
    python train.py --run /tmp/smoke --smoke      # minutes; ends in a loadable model
    python train.py --run ~/toyrun --preset gpu --compile --seed 5 \\
        --init experiments/models/toyworld --init-parts text      # as the shipped model
    python train.py --run ~/toyrun --pack "$OUT"  # results in parts of at most 15 MiB
"""

import argparse
import os
import sys
from pathlib import Path

from pack import pack
from settings import PRESETS, STAGES

ROOT = Path(__file__).resolve().parents[4]
# The folders of the initial model that each word of --init-parts names.
PARTS = {"text": ["tokenizer", "text_encoder"], "vae": ["vae"], "unet": ["unet"], "dino": ["dino"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--run", type=Path, required=True, help="the folder of this training; it holds every result and checkpoint")
    add("--hours", type=float, help="hours of all training loops together (default: the last call's or the preset's)")
    add("--preset", choices=PRESETS, help="default: gpu on CUDA, else cpu")
    add("--smoke", action="store_true", help="short for --preset smoke")
    add("--device", help="cpu or cuda (default: cuda where there is one)")
    add("--threads", type=int, help="default: 1 on the CPU, at most 8 for CUDA")
    add("--helper", action="store_true", help="a second process with idle priority shares steps of VAE, tags and UNet")
    add("--seed", type=int, default=0)
    add("--nice", type=int, default=19)
    add("--compile", action="store_true", help="torch.compile the UNet")
    add("--until", choices=STAGES, help="stop after this stage")
    add("--only", choices=STAGES, help="do this stage alone; the stages that it needs must be done")
    add("--init", type=Path, help="go on from this exported model; its text encoder is kept as it is")
    add(
        "--init-parts",
        type=parts,
        default="text,vae,unet",
        help="the parts of it that are used (default: %(default)s); text means the tokenizer, too, and dino the folder "
        "MODEL-dino beside the model",
    )
    add("--renderer", type=Path, default=ROOT / "target/release/examples/toyworld", help="the toyworld example")
    add("--pack", type=Path, metavar="FOLDER", help="only write the results there, in parts for a transfer")
    add("--pack-state", action="store_true", help="with --pack: the checkpoints too")
    return parser.parse_args()


def parts(text):
    """The folders that `--init-parts` names. A UNet is of no use without the text encoder it reads."""
    names = text.split(",")
    if not set(names) <= PARTS.keys() or ("unet" in names and "text" not in names):
        raise argparse.ArgumentTypeError(f"some of {','.join(PARTS)}, and unet only with text")
    return [folder for name in names for folder in PARTS[name]]


def train(options):
    # Only now: torch takes seconds to load, and diffusers reads the environment when it is imported.
    import torch

    from folder import Folder
    from machine import Machine
    from pipeline import run_stages
    from results import last_hours, record_call
    from run import Initial, Run

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    preset = "smoke" if options.smoke else options.preset or ("gpu" if device == "cuda" else "cpu")
    threads = options.threads or (min(8, os.cpu_count()) if device == "cuda" else 1)
    run = Run(
        folder=Folder(options.run),
        machine=Machine(device, threads),
        settings=PRESETS[preset],
        seed=options.seed,
        hours=options.hours or last_hours(options.run),
        initial=Initial(options.init, tuple(options.init_parts)),
        renderer=options.renderer,
        helper=options.helper,
        compile=options.compile,
    )
    record_call(run, sys.argv[1:])
    run.folder.log(f"{preset} on {device}, {run.hours:.4g} h, {threads} threads, bf16 {run.machine.bf16}")
    run_stages(run, options.only, options.until)


def main():
    options = arguments()
    if options.pack:
        return pack(options.run, options.pack, options.pack_state)
    if not options.renderer.exists():
        sys.exit(f"no renderer at {options.renderer}: cargo build --release --example toyworld")
    os.nice(max(0, options.nice - os.nice(0)))
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    train(options)


if __name__ == "__main__":
    main()
