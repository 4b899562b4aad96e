"""Stage `export`: the diffusers folder in float16, its check, a sheet of pictures, the numbers of the model card."""

import json

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel

from data.pictures import grid
from data.prompts import prompts
from models import sampler
from models import tokenizer as tokens
from stages.card import card

SHEET_SEEDS = (0, 1)


def sheet_prompts():
    """32 fixed prompts: headwear, held things, objects, figurines."""
    return [words for words, _ in prompts(8)][:32]


def work(run):
    if run.results.get("export"):
        return
    folder = run.folder.path("export", "model_index.json").parent
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(run.folder.path("vae")),
        text_encoder=CLIPTextModel.from_pretrained(run.folder.path("text_encoder")),
        tokenizer=tokens.load(run),
        unet=UNet2DConditionModel.from_pretrained(run.folder.path("unet")),
        scheduler=sampler.schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    tidy(folder)
    weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    images, finite = check(run, folder)
    Image.fromarray(grid(images, 8)).save(folder / "sheet.png")
    done = sorted(run.folder.path("done", "render.json").parent.glob("*.json"))
    numbers = {stage.stem: json.loads(stage.read_text()) for stage in done}
    calls = json.loads(run.folder.path("run.json").read_text())
    (folder / "numbers.json").write_text(json.dumps({"calls": calls, "stages": numbers}, indent=1))
    (folder / "numbers.md").write_text(card(numbers, weights))
    run.results.finish("export", megabytes=weights / 1e6, finite=finite, folder=str(folder))


def tidy(folder):
    """Removes from the configurations what only this machine knows, and names one dtype for everybody."""
    # transformers loads in the dtype that its config names, diffusers in float32: a plain load would mix both.
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
    for name in ("unet/config.json", "vae/config.json", "tokenizer/tokenizer_config.json"):
        path = folder / name
        config = json.loads(path.read_text())
        for key in ("_name_or_path", "is_local", "local_files_only"):
            config.pop(key, None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def check(run, folder):
    """Loads the folder as anybody would and draws the sheet. Also tells whether every number is finite."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(run.machine.device)
    pipeline.set_progress_bar_config(disable=True)
    side = run.settings.side
    options = {
        "num_inference_steps": sampler.STEPS,
        "guidance_scale": sampler.GUIDANCE,
        "height": side,
        "width": side,
        "output_type": "np",
    }
    images = []
    for words in sheet_prompts()[:: run.settings.sheet_every]:
        for seed in SHEET_SEEDS:
            out = pipeline(words, generator=torch.Generator().manual_seed(seed), **options)
            images.append((out.images[0] * 255).round())
    finite = bool(np.isfinite(images).all())
    return [np.nan_to_num(image).astype(np.uint8) for image in images], finite
