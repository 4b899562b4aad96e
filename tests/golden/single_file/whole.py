"""What diffusers' from_single_file makes of small checkpoints in one file: values of all networks, and images.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0, safetensors. Run: python whole.py
The checkpoints are those of the tests: the tensors of ../models/sd1, ../models/sd2 and ../sdxl under the names of tiny.json.z
(make.py), with some tensors that real files have besides. They are written to a temporary folder and loaded by
StableDiffusion(XL)Pipeline.from_single_file with `config=` a folder that has configurations and tokenizers, no weights.
Writes whole.safetensors: for each family the conditions of a prompt, a prediction, a decoded and an encoded image (f32), and
an image (u8).
"""

import json
import pathlib
import shutil
import tempfile
import zlib

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
MODELS, SDXL = HERE.parent / "models", HERE.parent / "sdxl"
TABLES = json.loads(zlib.decompress((HERE / "tiny.json.z").read_bytes()))
PROMPT = "a photo of the red house"


def drawn(part, name, shape):
    """`drawn` of ../sdxl/make.py."""
    value = 0x811C9DC5
    for byte in f"{part}/{name}".encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    draw = torch.randn(shape, generator=torch.Generator().manual_seed(value))
    if len(shape) == 1:
        draw = draw * 0.2 + 1.0 if "norm" in name and name.endswith("weight") else draw * 0.2
    else:
        draw = draw * (0.9 / (np.prod(shape[1:]) ** 0.5))
    return draw.half()


def parts(family):
    """{(part, diffusers name): tensor}"""
    if family != "sdxl":
        out = {}
        for part in ("unet", "vae", "text_encoder"):
            for file in sorted((MODELS / family / part).glob("*.safetensors")):
                out |= {(part, name): tensor for name, tensor in load_file(file).items()}
        return out
    out = {}
    for part, names, shape in TABLES["sdxl"].values():
        for name in names:
            if shape == "transposed":
                own = SHAPES[name]
            else:
                # stacked parts are equal; LDM's 1x1 convolutions in the VAE are linear layers here
                own = [shape[0] // len(names), *shape[1:]]
                own = own[:2] if part == "vae" and "attentions" in name and name.endswith("weight") and len(own) == 4 else own
            out[part, name] = drawn(part, name, own)
    return out


SHAPES = {"text_projection.weight": [10, 20]}


def checkpoint(family):
    tensors, out = parts(family), {}
    for ldm, (part, names, shape) in TABLES[family].items():
        whole = torch.cat([tensors[part, name] for name in names])
        out[ldm] = (whole.T if shape == "transposed" else whole.reshape(shape)).contiguous()
    for name in ("model_ema.decay", "alphas_cumprod", "first_stage_model.loss.logvar", "global_step"):
        out[name] = torch.zeros(3)
    return out


def configurations(family, folder):
    if family == "sdxl":
        for name, value in json.loads((SDXL / "configs.json").read_text()).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(value))
        shutil.copytree(MODELS / "sd1/tokenizer", folder / "tokenizer")
        shutil.copytree(MODELS / "sd2/tokenizer", folder / "tokenizer_2")
    else:
        shutil.copytree(MODELS / family, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors*"))


out = {}
for family in ("sd1", "sd2", "sdxl"):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        configurations(family, folder / "configs")
        save_file(checkpoint(family), folder / "model.safetensors")
        pipeline = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
        none = {"feature_extractor": None, "image_encoder": None}
        pipe = pipeline.from_single_file(str(folder / "model.safetensors"), config=str(folder / "configs"), torch_dtype=torch.float32, local_files_only=True, **none)
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(5)
    latents, image = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 3, 16, 16, generator=generator)
    with torch.no_grad():
        if family == "sdxl":
            context, _, pooled, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
            more = {"text_embeds": pooled, "time_ids": torch.tensor([[128.0, 96.0, 0.0, 8.0, 64.0, 64.0]])}
        else:
            (context, _), pooled, more = pipe.encode_prompt(PROMPT, "cpu", 1, False), None, None
        noise = pipe.unet(latents, 401, context, added_cond_kwargs=more).sample
        decoded, encoded = pipe.vae.decode(latents).sample, pipe.vae.encode(image).latent_dist.mean
        # as the pipelines set it
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
        drawing = pipe(PROMPT, negative_prompt="water", width=32, height=24, num_inference_steps=6, guidance_scale=5.0, generator=torch.Generator("cpu").manual_seed(7), output_type="pil").images[0]
    values = [context.flatten(), noise, decoded, encoded]
    if pooled is not None:
        values[0] = torch.cat([values[0], pooled.flatten()])
    for name, value in zip(("context", "noise", "decoded", "encoded"), values):
        out[f"{family}.{name}"] = value.flatten().contiguous()
    out[f"{family}.image"] = torch.from_numpy(np.array(drawing)).contiguous()
    print(family, {name: list(value.shape) for name, value in out.items() if name.startswith(family + ".")}, "std %.1f" % out[f"{family}.image"].float().std())

save_file(out, HERE / "whole.safetensors")
