"""Writes lr_schedules.json (diffusers 0.42.1 get_scheduler), adamw.json (torch 2.15 AdamW) and lion.json (lion-pytorch
0.2.5) beside itself."""

import json
from pathlib import Path

import torch
from diffusers.optimization import get_scheduler
from lion_pytorch import Lion

HERE = Path(__file__).parent
torch.set_num_threads(1)


def learning_rates(name, peak, warmup, total, cycles, power):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=peak)
    scheduler = get_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=total, num_cycles=cycles, power=power
    )
    rates = []
    for _ in range(total + 3):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {
        "name": name, "peak": peak, "warmup": warmup, "total": total, "cycles": cycles, "power": power, "rates": rates,
    }


NAMES = ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]
SHAPES = [
    (1e-4, 0, 20, 1, 1.0), (5e-4, 5, 37, 3, 2.0), (1e-3, 1, 2, 2, 0.5), (2e-6, 10, 11, 4, 1.0),
    (1.0, 0, 1, 1, 3.0), (1e-4, 13, 60, 7, 1.5), (3e-5, 7, 50, 2, 4.0),
]
cases = [learning_rates(name, *shape) for shape in SHAPES for name in NAMES]
(HERE / "lr_schedules.json").write_text(json.dumps(cases))


def steps(optimizer, settings, rates, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.nn.Parameter(torch.randn(7, generator=generator))
    start = weight.detach().tolist()
    optimizer = optimizer([weight], **settings)
    gradients, weights = [], []
    for step, rate in enumerate(rates):
        # Sizes from 1e-9 to 1e2 and exact zeros, to see epsilon and the bias correction at work.
        gradient = torch.randn(7, generator=generator) * 10.0 ** torch.arange(-9, 5, 2)
        gradient[step % 7] = 0.0
        weight.grad = gradient.clone()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        gradients.append(gradient.tolist())
        weights.append(weight.detach().tolist())
    (beta1, beta2) = optimizer.defaults["betas"]
    return {
        "beta1": beta1, "beta2": beta2, "epsilon": optimizer.defaults.get("eps"),
        "weight_decay": optimizer.defaults["weight_decay"], "rates": rates, "start": start,
        "gradients": gradients, "weights": weights,
    }


cases = [
    steps(torch.optim.AdamW, {}, [1e-3] * 50, 0),
    steps(torch.optim.AdamW, {"betas": (0.8, 0.99), "weight_decay": 0.3, "eps": 1e-6}, [1e-2 * (1 + i % 5) for i in range(50)], 1),
    steps(torch.optim.AdamW, {"weight_decay": 0.0}, [i * 1e-4 for i in range(50)], 2),
]
(HERE / "adamw.json").write_text(json.dumps(cases))

cases = [
    steps(Lion, {"lr": 1e-4}, [1e-3] * 20, 3),
    steps(Lion, {"betas": (0.8, 0.95), "weight_decay": 0.3}, [1e-2 * (1 + i % 5) for i in range(20)], 4),
    steps(Lion, {"weight_decay": 1.0}, [i * 1e-4 for i in range(20)], 5),
]
(HERE / "lion.json").write_text(json.dumps(cases))
