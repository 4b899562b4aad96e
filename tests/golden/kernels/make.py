"""Golden values and gradients of the kernels, from torch in f64.

Made with torch 2.15; run from the repository root:  python tests/golden/kernels/make.py
Feature maps are stored channels last, as the kernels take them. For each case `<case>.<tensor>` holds the
arguments, `<case>.y` the result, `<case>.g` the gradient of the result and `<case>.d<tensor>` the gradients.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(0)
torch.set_num_threads(1)
out = {}


def case(name, function, inputs, frozen=None, last=False):
    """`function(*inputs, *frozen)`; `last` says that x and y are feature maps to be stored channels last."""
    frozen = frozen or {}
    leaves = {k: v.double().requires_grad_() for k, v in inputs.items()}
    y = function(*leaves.values(), *[v.double() for v in frozen.values()])
    g = torch.randn(y.shape, dtype=torch.float64).float()
    y.backward(g.double())
    store = lambda k, v: out.__setitem__(f"{name}.{k}", v.detach().float().contiguous().clone())
    move = lambda v: v.permute(0, 2, 3, 1) if last else v
    for k, v in inputs.items():
        store(k, move(v))
        store(f"d{k}", move(leaves[k].grad))
    for k, v in frozen.items():
        store(k, v)
    store("y", move(y))
    store("g", move(g))


r = torch.randn
case("linear", F.linear, {"x": r(3, 7, 19)}, {"w": r(21, 19) / 4, "b": r(21)})
case("lora", lambda x, a, b, w, c: F.linear(x, w, c) + 0.75 * F.linear(F.linear(x, a), b),
     {"x": r(2, 9, 24), "a": r(4, 24) / 4, "b": r(17, 4)}, {"w": r(17, 24) / 4, "c": r(17)})
mask = (torch.rand(2, 9, 24) > 0.3).float() / 0.7
case("lora_dropout", lambda x, a, b, w, c, m: F.linear(x, w, c) + 0.5 * F.linear(F.linear(x * m, a), b),
     {"x": r(2, 9, 24), "a": r(3, 24) / 4, "b": r(17, 3)}, {"w": r(17, 24) / 4, "c": r(17), "m": mask})
case("conv3", lambda x, w, b: F.conv2d(x, w, b, padding=1), {"x": r(2, 11, 7, 9)}, {"w": r(18, 11, 3, 3) / 8, "b": r(18)}, True)
case("conv3_wide", lambda x, w, b: F.conv2d(x, w, b, padding=1), {"x": r(1, 32, 8, 6)}, {"w": r(24, 32, 3, 3) / 16, "b": r(24)}, True)
case("conv3_stride2", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), {"x": r(2, 8, 7, 10)}, {"w": r(12, 8, 3, 3) / 8, "b": r(12)}, True)
case("conv3_asymmetric", lambda x, w, b: F.conv2d(F.pad(x, (0, 1, 0, 1)), w, b, stride=2), {"x": r(2, 8, 8, 6)}, {"w": r(12, 8, 3, 3) / 8, "b": r(12)}, True)
case("conv1", lambda x, w, b: F.conv2d(x, w, b), {"x": r(2, 10, 5, 3)}, {"w": r(13, 10, 1, 1) / 3, "b": r(13)}, True)


def attention(heads, causal=False):
    def run(q, k, v):
        split = lambda t: t.unflatten(-1, (heads, -1)).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=causal)
        return y.transpose(1, 2).flatten(2)
    return run


case("attention", attention(2), {"q": r(2, 37, 80), "k": r(2, 77, 80), "v": r(2, 77, 80)})
case("attention_causal", attention(3, True), {"q": r(1, 21, 36), "k": r(1, 21, 36), "v": r(1, 21, 36)})
case("attention_one_key", attention(1), {"q": r(2, 5, 32), "k": r(2, 1, 32), "v": r(2, 1, 32)})
case("group_norm", lambda x, w, b: F.group_norm(x, 4, w, b, 1e-5), {"x": r(3, 20, 5, 4) * 2 + 1}, {"w": r(20), "b": r(20)}, True)
case("group_norm_silu", lambda x, w, b: F.silu(F.group_norm(x, 3, w, b, 1e-6)), {"x": r(2, 9, 4, 7) - 3}, {"w": r(9), "b": r(9)}, True)
case("layer_norm", lambda x, w, b: F.layer_norm(x, (29,), w, b, 1e-5), {"x": r(2, 5, 29) * 3 - 1}, {"w": r(29), "b": r(29)})
case("geglu", lambda x: x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1]), {"x": r(2, 6, 26) * 2})
line = torch.cat([torch.linspace(-12, 12, 101), torch.tensor([-100.0, -1e-6, 0.0, 1e-6, 100.0])])
case("silu", F.silu, {"x": line})
case("gelu_erf", F.gelu, {"x": line})
case("quick_gelu", lambda x: x * torch.sigmoid(1.702 * x), {"x": line})
case("upsample", lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"), {"x": r(2, 5, 3, 4)}, last=True)
save_file(out, "tests/golden/kernels/kernels.safetensors", {"torch": torch.__version__})
print(sum(v.numel() * 4 for v in out.values()), "bytes", len(out), "tensors")
