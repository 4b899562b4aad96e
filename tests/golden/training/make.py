"""Twenty training steps of peft LoRA + torch AdamW on the small models of tests/golden/models.

Made with torch 2.15, diffusers 0.42.1, peft 0.21.2; run from the repository root, after models/make.py:
    python tests/golden/training/make.py
Everything is computed in f64 from the models' f16 weights and seeded f32 inputs; the test draws the same inputs
(`torch.randn(..., generator=manual_seed(seed))`), so only results are stored: `<case>.safetensors` has weights after
some steps and gradients of the first, `cases.json` the settings, losses, learning rates and gradient norms.
"""

import json
import re
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import compute_snr
from peft import LoraConfig
from safetensors.torch import save_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
STEPS = 20
SAVED = [5, 20]


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


class Mask(torch.nn.Module):
    """Stands in for nn.Dropout with a mask the test can draw too."""

    seed, p, tokens = 0, 0.0, None

    def forward(self, x):
        self.tokens = x.shape[1]
        u = torch.rand(x.shape, generator=torch.Generator().manual_seed(self.seed))
        return x * (u >= self.p).double() / (1.0 - self.p)


def instance_loss(prediction, target, schedule, timesteps, gamma):
    if gamma is None:
        return torch.nn.functional.mse_loss(prediction, target)
    # train_text_to_image_lora.py: "loss-weights as per Section 3.4 of https://huggingface.co/papers/2303.09556"
    snr = compute_snr(schedule, timesteps)
    weights = torch.stack([snr, gamma * torch.ones_like(timesteps)], dim=1).min(dim=1)[0]
    if schedule.config.prediction_type == "epsilon":
        weights = weights / snr
    elif schedule.config.prediction_type == "v_prediction":
        weights = weights / (snr + 1)
    loss = torch.nn.functional.mse_loss(prediction, target, reduction="none")
    return (loss.mean(dim=list(range(1, len(loss.shape)))) * weights).mean()


def run(name, case):
    unet = UNet2DConditionModel.from_pretrained(MODELS / case["model"] / "unet").double().eval()
    schedule = DDPMScheduler.from_config(json.loads((MODELS / case["model"] / "scheduler/scheduler_config.json").read_text()))
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=case["rank"], lora_alpha=case["alpha"], init_lora_weights="gaussian",
                                lora_dropout=case["dropout"], target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    pairs = {}
    for key, p in unet.named_parameters():
        if "lora_" in key:
            module = re.sub(r"\.lora_[AB]\.default\.weight", "", key)
            pairs[f"{module}.{'down' if 'lora_A' in key else 'up'}"] = p
    pairs = dict(sorted(pairs.items()))
    for i, (key, p) in enumerate(pairs.items()):
        # peft's start: A of deviation 1/r; B is 0, or small so that A's gradient can be seen at once.
        scale = 1.0 / case["rank"] if key.endswith(".down") else case["up_deviation"]
        p.data = randn(1000 + i, *p.shape) * scale
    masks = {}
    if case["dropout"]:
        for key, module in unet.named_modules():
            if hasattr(module, "lora_dropout") and len(module.lora_dropout):
                masks[key] = module.lora_dropout["default"] = Mask()
        masks = dict(sorted(masks.items()))
    params = list(pairs.values())
    for p in params:
        p.requires_grad_(True)
    optimizer = torch.optim.AdamW(params, lr=case["learning_rate"], weight_decay=case["weight_decay"])
    lr = get_scheduler(case["lr_scheduler"], optimizer, num_warmup_steps=case["warmup"], num_training_steps=STEPS)
    out, rows = {}, []
    n, width = case["batch_size"], unet.config.cross_attention_dim
    for step in range(STEPS):
        losses = []
        for micro in range(case["accumulation"]):
            seed = 100_000 + 100 * (step * case["accumulation"] + micro)
            total = n * (2 if case["prior"] else 1)
            latents = randn(seed, total, 4, *case["size"]) * 0.8
            noise = randn(seed + 1, total, 4, *case["size"])
            context = randn(seed + 2, total, 7, width)
            timesteps = torch.randint(0, 1000, (total,), generator=torch.Generator().manual_seed(seed + 3))
            for i, mask in enumerate(masks.values()):
                mask.seed, mask.p = seed * 1000 + i, case["dropout"]
            noisy = schedule.add_noise(latents, noise, timesteps)
            prediction = unet(noisy, timesteps, context).sample
            v = schedule.config.prediction_type == "v_prediction"
            target = schedule.get_velocity(latents, noise, timesteps) if v else noise
            # train_dreambooth_lora.py, line 1270
            if case["prior"]:
                p_instance, p_prior = prediction.chunk(2, dim=0)
                t_instance, t_prior = target.chunk(2, dim=0)
                instance = instance_loss(p_instance, t_instance, schedule, timesteps[:n], case.get("snr_gamma"))
                prior = torch.nn.functional.mse_loss(p_prior, t_prior)
                loss = instance + case["prior"] * prior
            else:
                loss = instance = instance_loss(prediction, target, schedule, timesteps, case.get("snr_gamma"))
                prior = None
            (loss / case["accumulation"]).backward()
            losses.append([loss.item(), instance.item(), prior.item() if prior is not None else None])
        if step == 0:
            for key, p in pairs.items():
                out[f"gradient.{key}"] = p.grad.float().clone()
        norm = torch.nn.utils.clip_grad_norm_(params, case["max_grad_norm"]).item()
        rate = lr.get_last_lr()[0]
        optimizer.step()
        lr.step()
        optimizer.zero_grad()
        mean = [sum(c) / len(c) if c[0] is not None else None for c in zip(*losses)]
        rows.append({"loss": mean[0], "instance_loss": mean[1], "prior_loss": mean[2], "learning_rate": rate, "grad_norm": norm})
        if step + 1 in SAVED:
            for key, p in pairs.items():
                out[f"step{step + 1}.{key}"] = p.detach().float().clone()
    save_file({k: v.contiguous() for k, v in out.items()}, HERE / f"{name}.safetensors")
    return case | {"mask_tokens": {k: m.tokens for k, m in masks.items()}, "steps": rows}


BASE = {"model": "sd1", "rank": 4, "alpha": 4.0, "dropout": 0.0, "up_deviation": 0.0, "learning_rate": 1e-3,
        "weight_decay": 1e-2, "lr_scheduler": "cosine", "warmup": 4, "max_grad_norm": 1.0, "batch_size": 2,
        "accumulation": 1, "prior": 1.0, "size": [8, 6]}
CASES = {
    "prior": BASE,
    "accumulation": BASE | {"accumulation": 2, "batch_size": 1, "alpha": 8.0, "up_deviation": 0.1, "prior": 0.5,
                            "lr_scheduler": "linear", "max_grad_norm": 0.05},
    "velocity": BASE | {"model": "sd2", "rank": 2, "alpha": 1.0, "prior": None, "up_deviation": 0.1, "weight_decay": 0.1,
                        "lr_scheduler": "constant", "warmup": 0, "size": [8, 12]},
    "dropout": BASE | {"rank": 2, "alpha": 2.0, "dropout": 0.25, "up_deviation": 0.1, "size": [7, 5],
                       "lr_scheduler": "polynomial"},
    "min_snr": BASE | {"rank": 2, "alpha": 2.0, "up_deviation": 0.1, "batch_size": 3, "size": [7, 5], "snr_gamma": 5.0},
    "min_snr_velocity": BASE | {"model": "sd2", "rank": 2, "alpha": 1.0, "prior": None, "up_deviation": 0.1,
                                "size": [5, 7], "batch_size": 3, "snr_gamma": 1.5},
}

if __name__ == "__main__":
    (HERE / "cases.json").write_text(json.dumps({name: run(name, case) for name, case in CASES.items()}, indent=0) + "\n")
    print(sum(f.stat().st_size for f in HERE.iterdir()))
