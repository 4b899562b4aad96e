"""Images of diffusers' StableDiffusionPipeline for every sampler, with and without an adapter.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0, peft 0.21.2. Run: python make.py
Uses the tiny random models of ../models (make those first) and experiments/models/toyworld.
Writes images.safetensors (one u8 tensor (height, width, 3) per case), cases.json and one peft adapter per tiny model.
"""

import json
import pathlib

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UniPCMultistepScheduler,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from diffusers.utils import convert_state_dict_to_diffusers
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
TOYWORLD = HERE.parents[2] / "experiments/models/toyworld"
SAMPLERS = {
    # clip_sample is true by default in this class; StableDiffusionPipeline switches it off in schedulers it is given
    "ddim": (DDIMScheduler, {"clip_sample": False}),
    "pndm": (PNDMScheduler, {"skip_prk_steps": True}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {}),
    "dpm++2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "unipc": (UniPCMultistepScheduler, {}),
}
cases, tensors = [], {}


def pipeline(folder, scheduler_class=PNDMScheduler, variant=None):
    f32 = {"torch_dtype": torch.float32}
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae", **f32),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32, variant=variant),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **f32),
        scheduler=scheduler_class.from_pretrained(folder / "scheduler"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )


def adapter(pipe, path, seed):
    """A random peft adapter that changes the picture, written as train_dreambooth_lora.py writes it."""
    pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights="gaussian", target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
    generator = torch.Generator("cpu").manual_seed(seed)
    for name, parameter in sorted(pipe.unet.named_parameters()):
        if "lora_" in name:
            parameter.data = (torch.randn(parameter.shape, generator=generator) * 0.3).half().float()
    state = {key: value.half() for key, value in convert_state_dict_to_diffusers(get_peft_model_state_dict(pipe.unet)).items()}
    StableDiffusionPipeline.save_lora_weights(path.parent, unet_lora_layers=state, weight_name=path.name)


def draw(pipe, model, lora, sampler, steps, size, seed, guidance, prompt, negative):
    cls, extra = SAMPLERS[sampler]
    pipe.scheduler = cls.from_config(pipe.scheduler.config, **extra)
    width, height = size
    image = pipe(
        prompt, negative_prompt=negative, width=width, height=height, num_inference_steps=steps,
        guidance_scale=guidance, generator=torch.Generator("cpu").manual_seed(seed), output_type="pil",
    ).images[0]
    pixels = torch.from_numpy(np.array(image))
    print(model, sampler, steps, "std %.1f" % pixels.float().std(), "clipped %.2f" % ((pixels == 0) | (pixels == 255)).float().mean())
    tensors[str(len(cases))] = pixels.contiguous()
    cases.append({
        "model": model, "lora": lora, "sampler": sampler, "steps": steps, "width": width, "height": height,
        "seed": seed, "guidance_scale": guidance, "prompt": prompt, "negative_prompt": negative,
    })


for model, variant, size in [("sd1", None, (32, 24)), ("sd2", "fp16", (32, 48))]:
    pipe = pipeline(MODELS / model, variant=variant)
    pipe.set_progress_bar_config(disable=True)
    for lora in (False, True):
        if lora:
            adapter(pipe, HERE / f"{model}_lora.safetensors", 3)
        for index, sampler in enumerate(SAMPLERS):
            for steps in ([7, 11, 13, 30] if not lora else [[7, 11, 13, 30][index % 4]]):
                seed = steps * 100 + index
                guidance = 1.0 if steps == 13 else 7.5
                pipe.scheduler = PNDMScheduler.from_pretrained(MODELS / model / "scheduler")
                draw(pipe, model, lora, sampler, steps, size, seed, guidance, "a photo of the red house", "water" if steps == 11 else "")

pipe = pipeline(TOYWORLD, DDIMScheduler)
pipe.set_progress_bar_config(disable=True)
for sampler in ("ddim", "dpm++2m"):
    pipe.scheduler = DDIMScheduler.from_pretrained(TOYWORLD / "scheduler")
    draw(pipe, "toyworld", False, sampler, 20, (128, 128), 7, 7.5, "photo of a figurine in the forest", "")

save_file(tensors, HERE / "images.safetensors")
(HERE / "cases.json").write_text(json.dumps(cases, indent=0) + "\n")
