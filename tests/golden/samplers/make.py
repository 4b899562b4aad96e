"""Noise schedules and full sampler loops of diffusers with a deterministic fake model.

diffusers 0.42.1, torch 2.15.0, numpy as installed with them. Run: python make.py
Writes schedules.safetensors (alphas_cumprod), loops.json (timesteps, sigmas, init sigma) and
loops.safetensors (final latents and the shared noise).
"""

import json
import pathlib

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSDEScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from safetensors.torch import save_file

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
CONFIGS = {
    # runwayml/stable-diffusion-v1-5: no spacing in the file, so every class uses its own default
    "sd15": SD | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None},
    "sd15_leading": SD | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading", "prediction_type": "epsilon"},
    # stabilityai/stable-diffusion-2-1
    "sd21": SD | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "prediction_type": "v_prediction", "trained_betas": None},
    # experiments/models/toyworld
    "toyworld": SD | {"clip_sample": False, "prediction_type": "v_prediction", "rescale_betas_zero_snr": False, "set_alpha_to_one": False, "steps_offset": 1, "timestep_spacing": "leading", "thresholding": False},
    "zero_snr": SD | {"clip_sample": False, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "set_alpha_to_one": True, "steps_offset": 1, "timestep_spacing": "trailing", "skip_prk_steps": True},
    "trailing": SD | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "trailing"},
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "linspace", "final_sigmas_type": "sigma_min"},
    # the schedule is named, because LCM's class has another default than all others
    "linear": {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02, "clip_sample": False, "skip_prk_steps": True, "steps_offset": 1, "num_train_timesteps": 500},
}
SAMPLERS = {
    "ddim": (DDIMScheduler, {}),
    "pndm": (PNDMScheduler, {"skip_prk_steps": True}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {}),
    "dpm++2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "unipc": (UniPCMultistepScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "ddpm": (DDPMScheduler, {}),
    "lcm": (LCMScheduler, {}),
    "dpm++2m-sde": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++sde": (DPMSolverSDEScheduler, {}),
}
SHAPE = (1, 2, 2, 3)
# The schedulers that draw noise from the generator they are given.
DRAW = ("euler-a", "ddpm", "lcm", "dpm++2m-sde")


class Brownian:
    """Increments of one Brownian motion in σ, drawn half by half, in the place of diffusers' tree of torchsde."""

    def __init__(self, generator):
        self.generator, self.half = generator, None

    def __call__(self, begin, end):
        noise = torch.randn(SHAPE, generator=self.generator)
        if self.half is None:
            self.half = (begin, end, noise)
            return noise
        (begin, middle, first), self.half = self.half, None
        whole = first * (begin - middle).sqrt() + noise * (middle - end).sqrt()
        return whole / (begin - end).sqrt()


def fake_model(x, t):
    """A smooth nonlinear function of latents and timestep, of the size of a model's output."""
    s = float(t) / 1000.0
    return torch.sin(x * (1.0 + s)) * 0.7 + x * (s / (s + 1.0)) * 0.5 - 0.1


schedules, loops, tensors = {}, [], {}
for name, config in CONFIGS.items():
    loaded = DDPMScheduler.from_config(config)
    schedules[name] = loaded.alphas_cumprod.clone()
    for sampler, (cls, extra) in SAMPLERS.items():
        for steps in (1, 2, 7, 11, 13, 30):
            scheduler = cls.from_config(config, **extra)
            scheduler.set_timesteps(steps)
            generator = torch.Generator("cpu").manual_seed(steps)
            x = torch.randn(SHAPE, generator=generator) * scheduler.init_noise_sigma
            init = float(scheduler.init_noise_sigma)
            options = {"generator": generator} if sampler in DRAW else {}
            if sampler == "dpm++sde":
                scheduler.noise_sampler = Brownian(generator)
            if len(scheduler.timesteps) > 1 and sampler != "pndm" and scheduler.timesteps[0] == scheduler.timesteps[1]:
                # diffusers looks its first step up by timestep, takes the second of two equal ones and runs off the
                # end; with zero SNR and Karras levels that happens at 30 steps
                print("left out:", name, sampler, steps)
                continue
            for t in scheduler.timesteps:
                output = fake_model(scheduler.scale_model_input(x, t), t)
                x = scheduler.step(output, t, x, **options).prev_sample
            sigmas = getattr(scheduler, "sigmas", None)
            loops.append({
                "config": name, "sampler": sampler, "steps": steps, "init_noise_sigma": init,
                "timesteps": [float(t) for t in scheduler.timesteps],
                "sigmas": None if sigmas is None else [float(s) for s in sigmas],
            })
            tensors[f"{name}/{sampler}/{steps}"] = x.contiguous()

save_file(schedules, HERE / "schedules.safetensors")
save_file(tensors, HERE / "loops.safetensors")
(HERE / "loops.json").write_text(json.dumps({"configs": CONFIGS, "loops": loops}, separators=(",", ":")) + "\n")
