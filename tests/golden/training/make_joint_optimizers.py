"""Prodigy and 8-bit AdamW: steps on given gradients, by the packages that people use.

Made with torch 2.15, prodigyopt 1.1.2, bitsandbytes 0.50.2 (its CPU code); run from the repository root:
    python tests/golden/training/make_joint_optimizers.py
Starts and gradients are seeded (`torch.randn(..., generator=manual_seed(seed))`), the test draws the same; only
results are stored: `joint_optimizers.safetensors` (weights), `dynamic_maps.json` (bitsandbytes' quantisation maps).
"""

import json
from pathlib import Path

import bitsandbytes as bnb
import torch
from prodigyopt import Prodigy
from safetensors.torch import save_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
SHAPES = [(3, 5), (7,), (2, 4)]
# One above bitsandbytes' limit of 4096 numbers, whose last block is not full, and one below it.
SHAPES_8BIT = [(65, 66), (3, 5)]


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def run(shapes, make, steps, rates=None):
    params = [torch.nn.Parameter(randn(10 + i, *shape)) for i, shape in enumerate(shapes)]
    params[-1].data.zero_()
    optimizer = make(params)
    for step in range(steps):
        for i, p in enumerate(params):
            # A noisy pull towards 3, so that Prodigy has a distance to find.
            p.grad = 0.1 * (p.data - 3.0).sign() + 0.05 * randn(1000 + 10 * step + i, *p.shape)
        if rates:
            for group in optimizer.param_groups:
                group["lr"] = rates[step]
        optimizer.step()
    return params, optimizer


if __name__ == "__main__":
    out = {}
    for name, options, rates in [
        ("prodigy", {}, None),
        ("prodigy_decay", {"weight_decay": 0.1, "betas": (0.8, 0.99)}, [0.0] + [0.5 + 0.01 * i for i in range(59)]),
    ]:
        params, optimizer = run(SHAPES, lambda ps: Prodigy(ps, lr=1.0, **options), 60, rates)
        print(name, "d", optimizer.param_groups[0]["d"])
        out |= {f"{name}.{i}": p.detach().clone() for i, p in enumerate(params)}
    for name, decay in [("adamw8bit", 0.01), ("adamw8bit_decay", 0.1)]:
        params, optimizer = run(SHAPES_8BIT, lambda ps: bnb.optim.AdamW8bit(ps, lr=1e-2, weight_decay=decay), 20)
        print(name, optimizer.state[params[0]]["state1"].dtype, optimizer.state[params[1]]["state1"].dtype)
        out |= {f"{name}.{i}": p.detach().clone() for i, p in enumerate(params)}
    save_file(out, HERE / "joint_optimizers.safetensors")
    maps = [bnb.functional.create_dynamic_map(signed=signed).tolist() for signed in (True, False)]
    (HERE / "dynamic_maps.json").write_text(json.dumps(maps) + "\n")
