"""Stage `export`: the diffusers folder in float16, its check, a sheet of pictures and the numbers for the model card."""

import json

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel

import count
import tokenizer as tokens
import unet as recipe
from world import grid

SHEET_SEEDS = (0, 1)


def sheet_prompts():
    """32 fixed prompts: headwear, held things, objects, figurines."""
    asked = count.prompts(8)
    return [words for words, _ in asked][:32]


def export(run):
    if run.result("export"):
        return
    folder = run.path("export", "x").parent
    tokenizer = tokens.build(run)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(run.path("vae")),
        text_encoder=CLIPTextModel.from_pretrained(run.path("text_encoder")),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel.from_pretrained(run.path("unet")),
        scheduler=DDIMScheduler(**recipe.SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    # transformers loads in the dtype its config names, diffusers in float32: without this a plain load mixes both.
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
    tidy(folder)
    weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    images, finite = check(run, folder)
    Image.fromarray(grid(images, 8)).save(folder / "sheet.png")
    numbers = {stage.stem: json.loads(stage.read_text()) for stage in sorted(run.path("done", "x").parent.glob("*.json"))}
    calls = json.loads(run.path("run.json").read_text())
    (folder / "numbers.json").write_text(json.dumps({"calls": calls, "stages": numbers}, indent=1))
    (folder / "numbers.md").write_text(card(numbers, weights))
    run.finish("export", megabytes=weights / 1e6, finite=finite, folder=str(folder))


def tidy(folder):
    """Takes what is this machine's out of the configurations."""
    for name in ("unet/config.json", "vae/config.json", "tokenizer/tokenizer_config.json"):
        path = folder / name
        config = json.loads(path.read_text())
        for key in ("_name_or_path", "is_local", "local_files_only"):
            config.pop(key, None)
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def check(run, folder):
    """Loads the folder as anybody would and draws the sheet; also tells whether every number is finite."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(run.device)
    pipeline.set_progress_bar_config(disable=True)
    prompts, images, side = sheet_prompts(), [], run.settings.side
    options = {"num_inference_steps": count.STEPS, "guidance_scale": count.GUIDANCE, "height": side, "width": side}
    if run.settings.gate == 0:
        prompts = prompts[::8]
    for words in prompts:
        for seed in SHEET_SEEDS:
            generator = torch.Generator().manual_seed(seed)
            out = pipeline(words, generator=generator, output_type="np", **options)
            images.append((out.images[0] * 255).round())
    finite = bool(np.isfinite(images).all())
    return [np.nan_to_num(image).astype(np.uint8) for image in images], finite


def card(numbers, weights):
    """Tables for the model card; the words are written by whoever ships it."""
    v = numbers["vae"]
    lines = [f"Weights: {weights / 1e6:.1f} MB (float16). VAE {v['psnr']:.2f} dB on held-out renders, heads {v['psnr_heads']:.2f} dB.", ""]
    u = numbers["unet"]
    lines += [f"UNet: {u['images']} pictures in {u['seconds'] / 60:.0f} min ({u['images_per_second']:.1f}/s).", ""]
    lines += ["| asked for | right | of |", "|---|---|---|"]
    rate = lambda name, hits, n: f"| {name} | {hits / n:.1%} | {n} |"  # noqa: E731
    lines += [rate(name, row["right"], row["n"]) for name, row in numbers["count"]["asked"].items()]
    lines += ["", "| not asked for | shown all the same | of |", "|---|---|---|"]
    lines += [rate(name, row["any"], row["n"]) for name, row in numbers["count"]["not_asked"].items()]
    lines += ["", "| probe | recall on renders | false alarms | recall on round trips | false alarms |", "|---|---|---|---|---|"]
    for name, row in numbers["probes"]["renders"].items():
        back = numbers["probes"]["round_trips"][name]
        columns = row["recall"], row["false_alarms"], back["recall"], back["false_alarms"]
        lines.append(f"| {name} | " + " | ".join("" if x is None else f"{x:.3f}" for x in columns) + " |")
    p = numbers["probes"]
    lines += ["", f"Identity: AUC {p['identity_auc']:.4f} on people nobody trained on; like the subject: {p['subject']}."]
    if "tags" in numbers:
        words = numbers["tags"]["recall_when_mentioned"]
        lines += ["", "Text encoder, recall when mentioned: " + ", ".join(f"{name} {r:.3f}" for name, r in words.items()) + "."]
    return "\n".join(lines) + "\n"
