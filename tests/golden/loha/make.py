"""A LoHa adapter for the `sd1` model of tests/golden/models as peft writes it, and what peft computes with it.

Made with torch 2.15, diffusers 0.42.1, peft 0.21.2 and lycoris-lora 4.1.3; run from the repository root, after
models/make.py:
    python tests/golden/loha/make.py
`peft/` is what peft saves. `kohya.safetensors` has LyCORIS's names (asked of its module) and an alpha per module, f32.
`expected.safetensors` has the prediction, the loss and the gradient of every tensor for the inputs of
models/sd1.safetensors, computed in f64 and stored in f32.
"""

import json
import re
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from lycoris.modules.loha import LohaModule
from peft import LoHaConfig, get_peft_model
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
ALPHA = 3.0

config = LoHaConfig(r=2, alpha=ALPHA, target_modules=TARGETS)
model = get_peft_model(UNet2DConditionModel.from_pretrained(MODELS / "sd1/unet"), config).eval()
g = torch.Generator().manual_seed(21)
for name, p in sorted(model.named_parameters()):
    if "hada_" in name:
        p.data = torch.randn(p.shape, generator=g) * 0.6
model.save_pretrained(HERE / "peft")
(HERE / "peft/README.md").unlink(missing_ok=True)
saved_config = HERE / "peft/adapter_config.json"
settings = json.loads(saved_config.read_text())
settings["base_model_name_or_path"] = None
settings["target_modules"].sort()
saved_config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")

saved = load_file(HERE / "peft/adapter_model.safetensors")
of_lycoris = LohaModule("x", torch.nn.Linear(3, 5), lora_dim=2).state_dict()
kohya = {}
for key, tensor in saved.items():
    layer, name = re.fullmatch(r"base_model\.model\.(.*)\.(hada_w[12]_[ab])", key).groups()
    assert name in of_lycoris and "alpha" in of_lycoris, of_lycoris.keys()
    flat = "lora_unet_" + layer.replace(".", "_")
    kohya[f"{flat}.{name}"] = tensor
    kohya[f"{flat}.alpha"] = torch.tensor(ALPHA)
save_file(kohya, HERE / "kohya.safetensors", metadata={"ss_network_module": "lycoris.kohya"})

inputs = {k: v.double() for k, v in load_file(MODELS / "sd1.safetensors").items() if k != "ids"}
model = model.double()
prediction = model(inputs["latents"], inputs["timesteps"], inputs["context"]).sample
loss = torch.nn.functional.mse_loss(prediction, inputs["target"])
loss.backward()
out = {"prediction": prediction, "loss": loss}
for name, p in model.named_parameters():
    if "hada_" in name:
        layer, tensor = re.fullmatch(r"base_model\.model\.(.*)\.hada_(w[12]_[ab])\.default", name).groups()
        out[f"grad.{layer}.{tensor}"] = p.grad
save_file({k: v.detach().float().contiguous().clone() for k, v in out.items()}, HERE / "expected.safetensors")
print((prediction - inputs["prediction"]).abs().max().item(), len(saved))
