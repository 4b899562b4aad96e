"""Images of distilled models' schedules and of zero terminal SNR: few steps, trailing timesteps, guidance 0 or rescaled.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0. Run: python few_steps.py
Uses the tiny random models of ../models with the scheduler_config.json of SD-Turbo, SDXL-Lightning and a v-predicting model
with zero terminal SNR. Writes few_steps.safetensors (one u8 tensor (height, width, 3) per case) and few_steps.json.
"""

import json
import pathlib

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, "skip_prk_steps": True}
SCHEDULES = {
    # stabilityai/sd-turbo and sdxl-turbo
    "turbo": BETAS | {"_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon", "timestep_spacing": "trailing", "interpolation_type": "linear", "use_karras_sigmas": False},
    # how the page of ByteDance/SDXL-Lightning sets the scheduler
    "lightning": BETAS | {"_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon", "timestep_spacing": "trailing", "use_karras_sigmas": False},
    "zero_snr": BETAS | {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
}
SAMPLERS = {"euler": EulerDiscreteScheduler, "euler-a": EulerAncestralDiscreteScheduler, "ddim": DDIMScheduler, "lcm": LCMScheduler}
CASES = [
    ("sd1", "turbo", "euler", 1, 0.0), ("sd1", "turbo", "euler", 2, 0.0), ("sd1", "turbo", "euler-a", 4, 0.0), ("sd1", "turbo", "lcm", 4, 1.0),
    ("sd1", "lightning", "euler", 4, 0.0), ("sd1", "lightning", "ddim", 4, 0.0), ("sd1", "lightning", "euler", 8, 1.5),
    ("sd2", "zero_snr", "ddim", 4, 7.5), ("sd2", "zero_snr", "ddim", 13, 0.0), ("sd2", "zero_snr", "euler", 7, 7.5), ("sd2", "zero_snr", "euler-a", 9, 5.0),
]
# with guidance_rescale; of these small models only large guidance shows it
RESCALED = [("sd2", "zero_snr", "ddim", 6, 50.0, 0.7), ("sd2", "zero_snr", "euler", 5, 50.0, 1.0), ("sd1", "lightning", "euler", 6, 90.0, 0.3)]
cases, tensors = [], {}
for index, (model, schedule, sampler, steps, guidance, rescale) in enumerate([(*case, 0.0) for case in CASES] + RESCALED):
    folder, f32 = MODELS / model, {"torch_dtype": torch.float32}
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae", **f32),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32, variant="fp16" if model == "sd2" else None),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **f32),
        scheduler=SAMPLERS[sampler].from_config(SCHEDULES[schedule]),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    calls = []
    pipe.unet.register_forward_hook(lambda module, args, output: calls.append(len(args[0])))
    image = pipe(
        "a photo of the red house", negative_prompt="water", width=32, height=24, num_inference_steps=steps, guidance_scale=guidance, guidance_rescale=rescale,
        generator=torch.Generator("cpu").manual_seed(100 + index), output_type="pil",
    ).images[0]
    pixels = torch.from_numpy(np.array(image))
    print(model, schedule, sampler, steps, guidance, rescale, "calls", calls, "std %.1f" % pixels.float().std())
    tensors[str(index)] = pixels.contiguous()
    cases.append({"model": model, "lora": False, "schedule": schedule, "sampler": sampler, "steps": steps, "width": 32, "height": 24, "seed": 100 + index,
                  "guidance_scale": guidance, "prompt": "a photo of the red house", "negative_prompt": "water", "samples": sum(calls)} | ({"guidance_rescale": rescale} if rescale else {}))

save_file(tensors, HERE / "few_steps.safetensors")
(HERE / "few_steps.json").write_text(json.dumps({"schedules": SCHEDULES, "cases": cases}, indent=0) + "\n")
