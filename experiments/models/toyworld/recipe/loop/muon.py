"""Muon for weight matrices, AdamW for the rest (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

For this VAE it was worth 3 to 6 dB of PSNR over AdamW at equal steps.
"""

import math

import torch


@torch.no_grad()
def orthogonalize(g, bf16, steps=4):
    """Brings the singular values of a stack of matrices (n, rows, columns) to about 1, by Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16() if bf16 else g.float()
    wide = x.size(-2) <= x.size(-1)
    if not wide:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if x.size(-1) < 3 * x.size(-2):
        for _ in range(steps):
            s = x @ x.mT
            x = a * x + (b * s + c * (s @ s)) @ x
    else:
        # The same polynomials on the small matrix x xT alone take half the time for kernels of 3x3.
        s, product = x @ x.mT, None
        for k in range(steps):
            p = b * s + c * (s @ s)
            p.diagonal(dim1=-2, dim2=-1).add_(a)
            product = p if product is None else p @ product
            if k + 1 < steps:
                s = p @ s @ p
        x = product @ x
    return x if wide else x.mT


class Muon:
    """Muon for matrices, AdamW for all other parameters.

    `rate` is AdamW's learning rate. A matrix moves by an RMS of 0.2 * rate per entry, as in Moonlight (arXiv
    2502.16982). The rate is a tensor on the device and nothing is read back, so that a CUDA graph can hold a step.
    """

    def __init__(self, named, decay=1e-2, bf16=False):
        self.decay, self.bf16, self.matrices, rest = decay, bf16, [], []
        for name, p in named:
            flat = min(p.shape[0], p.numel() // p.shape[0]) if p.ndim >= 2 else 0
            edge = any(part in name for part in ("embeddings", "conv_in", "conv_out"))
            (self.matrices if flat >= 16 and not edge else rest).append(p)
        device = named[0][1].device
        self.rate = torch.zeros((), device=device)
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        on_gpu = device.type == "cuda"
        self.adam = torch.optim.AdamW(
            rest, lr=self.rate, betas=(0.9, 0.99), weight_decay=decay, fused=True, capturable=on_gpu
        )
        self.shapes = {}
        for i, p in enumerate(self.matrices):
            self.shapes.setdefault((p.shape[0], p.numel() // p.shape[0]), []).append(i)

    def tensors(self):
        """All tensors of the state. AdamW makes its part of them in the first step."""
        return [*self.momentum, *(x for state in self.adam.state.values() for x in state.values())]

    def zero_grad(self):
        self.adam.zero_grad(set_to_none=True)
        for p in self.matrices:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.adam.step()
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.matrices]
        torch._foreach_lerp_(self.momentum, grads, 0.05)
        update = torch._foreach_lerp(grads, self.momentum, 0.95)
        moves = [None] * len(update)
        for (rows, columns), members in self.shapes.items():
            stack = orthogonalize(torch.stack([update[i].reshape(rows, columns) for i in members]), self.bf16)
            stack = stack.float() * (0.2 * math.sqrt(max(rows, columns)) * self.rate)
            for j, i in enumerate(members):
                moves[i] = stack[j].reshape(self.matrices[i].shape)
        torch._foreach_mul_(self.matrices, 1 - self.rate * self.decay)
        torch._foreach_sub_(self.matrices, moves)

    def state_dict(self):
        return {"adam": self.adam.state_dict(), "momentum": self.momentum}

    def load_state_dict(self, state):
        self.adam.load_state_dict(state["adam"])
        self.adam.param_groups[0]["lr"] = self.rate
        for mine, stored in zip(self.momentum, state["momentum"], strict=True):
            mine.copy_(stored)
