"""Noise schedules and full sampler loops of diffusers with a deterministic fake model.

diffusers 0.42.1, torch 2.15.0, numpy 2.4 (numpy 1 computes timesteps of noise levels in f32). Run: python make.py
Writes schedules.safetensors (alphas_cumprod), loops.json (timesteps, sigmas, init sigma) and
loops.safetensors (final latents and the shared noise); and laid_out.json with laid_out.safetensors, the same for timestep
spacings and noise levels that are not the model's (without the levels: the latents depend on them).
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


def run(scheduler, sampler, steps):
    """The loop's initial sigma, or None where diffusers cannot do it, and its final latents."""
    scheduler.set_timesteps(steps)
    generator = torch.Generator("cpu").manual_seed(steps)
    init = float(scheduler.init_noise_sigma)
    x = torch.randn(SHAPE, generator=generator) * scheduler.init_noise_sigma
    options = {"generator": generator} if sampler in DRAW else {}
    if sampler == "dpm++sde":
        scheduler.noise_sampler = Brownian(generator)
    if len(scheduler.timesteps) > 1 and sampler != "pndm" and scheduler.timesteps[0] == scheduler.timesteps[1]:
        # diffusers looks its first step up by timestep, takes the second of two equal ones and runs off the
        # end; with zero SNR and Karras levels that happens at 30 steps
        return None, None
    for t in scheduler.timesteps:
        output = fake_model(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(output, t, x, **options).prev_sample
    return init, x.contiguous()


schedules, loops, tensors = {}, [], {}
for name, config in CONFIGS.items():
    loaded = DDPMScheduler.from_config(config)
    schedules[name] = loaded.alphas_cumprod.clone()
    for sampler, (cls, extra) in SAMPLERS.items():
        for steps in (1, 2, 7, 11, 13, 30):
            scheduler = cls.from_config(config, **extra)
            init, latents = run(scheduler, sampler, steps)
            if init is None:
                print("left out:", name, sampler, steps)
                continue
            sigmas = getattr(scheduler, "sigmas", None)
            loops.append({
                "config": name, "sampler": sampler, "steps": steps, "init_noise_sigma": init,
                "timesteps": [float(t) for t in scheduler.timesteps],
                "sigmas": None if sigmas is None else [float(s) for s in sigmas],
            })
            tensors[f"{name}/{sampler}/{steps}"] = latents

save_file(schedules, HERE / "schedules.safetensors")
save_file(tensors, HERE / "loops.safetensors")
(HERE / "loops.json").write_text(json.dumps({"configs": CONFIGS, "loops": loops}, separators=(",", ":")) + "\n")

# What people set instead of the model's spacing and levels. The timesteps of a loop stand in the file if the levels
# decide them; those of a spacing are in the loops above.
WHOLE_RANGE = ("dpm++2m", "dpm++2m-sde", "unipc")
OF_TIMESTEPS = ("euler", "heun", "dpm++sde")
LEVELS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}
SPACINGS = ("leading", "trailing", "linspace")
pairs = [(s, spacing, "model") for s in SAMPLERS if s not in ("lcm", "dpm++2m-karras") for spacing in SPACINGS]
pairs += [(s, "model", levels) for s in WHOLE_RANGE + OF_TIMESTEPS for levels in LEVELS]
pairs += [(s, spacing, levels) for s in OF_TIMESTEPS for spacing in SPACINGS for levels in LEVELS]
laid_out, tensors = [], {}
for name in ("sd15", "cosine", "zero_snr"):
    for sampler, spacing, levels in pairs:
        cls, extra = SAMPLERS[sampler]
        changed = dict(extra)
        if spacing != "model":
            changed["timestep_spacing"] = spacing
        if levels != "model":
            changed[LEVELS[levels]] = True
        for steps in (1, 5, 12) if spacing == "model" else (7,):
            scheduler = cls.from_config(CONFIGS[name], **changed)
            init, latents = run(scheduler, sampler, steps)
            # diffusers' UniPC ends at the last of the steps' levels where others end at the model's smallest one; with one
            # step that is the level it began at, and nothing happens at all.
            nothing = (name, sampler, steps) == ("cosine", "unipc", 1) and levels != "model"
            if init is None or nothing or not torch.isfinite(latents).all():
                print("left out:", name, sampler, spacing, levels, steps)
                continue
            case = {"config": name, "sampler": sampler, "spacing": spacing, "sigmas": levels, "steps": steps}
            # As short as they can be written, and still be the same f32.
            timesteps = [float(str(t.float().numpy()[()])) for t in scheduler.timesteps]
            laid_out.append(case | {"init": init, "timesteps": timesteps})
            tensors[str(len(laid_out) - 1)] = latents.flatten()

rows = torch.stack([tensors[str(i)] for i in range(len(laid_out))])
save_file({"latents": rows}, HERE / "laid_out.safetensors")
(HERE / "laid_out.json").write_text(json.dumps(laid_out, separators=(",", ":")) + "\n")
