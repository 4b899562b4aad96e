"""Random numbers of torch's CPU generator (torch 2.15.0, AVX2). Run: python make.py"""

import json
import pathlib

import torch

torch.set_num_threads(1)
PLANS = [
    (0, [("randn", n) for n in (1, 2, 3, 15, 16, 17, 5, 31, 33, 1)]),
    (7, [("randn", 4 * 16 * 16), ("randn", 7), ("rand", 5), ("randn", 2)]),
    (42, [("randn", 3), ("randn", 40), ("randn", 3), ("randint", 10), ("randn", 4)]),
    (2**32 - 1, [("randn", 20)]),
    (2**63 + 12345, [("randn", 20), ("randn", 5)]),
    (2**40 + 7, [("randn", 18)]),
] + [(seed, [("randn", 4 * 64 * 64), ("randn", 4 * 96 * 64 + 5)]) for seed in range(1000, 1032)]


def bits(tensor):
    return [x & 0xFFFFFFFF for x in tensor.view(torch.int32).tolist()]


def fnv(words):
    h = 0x811C9DC5
    for w in words:
        h = ((h ^ w) * 0x01000193) & 0xFFFFFFFF
    return h


cases = []
for seed, plan in PLANS:
    g = torch.Generator("cpu").manual_seed(seed if seed < 2**63 else seed - 2**64)
    draws = []
    for what, n in plan:
        if what == "randint":
            words = [int(torch.randint(1000, (1,), generator=g)) for _ in range(n)]
        else:
            words = bits(getattr(torch, what)(n, generator=g))
        draws.append((what, n, words if n < 100 else [fnv(words)]))
    cases.append({"seed": seed, "draws": draws})
pathlib.Path(__file__).with_name("torch.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
