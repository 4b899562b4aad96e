"""Adapters of every kind, on every layer that one can change, for the `sd1` model of tests/golden/models, as peft and
LyCORIS compute and write them.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2 and lycoris-lora 4.1.3; run from the repository
root, after models/make.py:
    python tests/golden/adapters/make.py
`expected.safetensors` has, for the inputs of models/sd1.safetensors (computed in f64, stored in f32):
  `NAME.prediction`   with the adapter file NAME.safetensors, which is what peft, diffusers or LyCORIS writes,
  `NAME.loss`, `NAME.grad.LAYER.TENSOR`   the same adapter's loss and gradients, for those that are trained here.
Layers: a few of each role, so that the files stay small (`LAYERS`).
"""

import json
import re
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from peft import LoKrConfig, LoHaConfig, LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
LAYERS = [
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.downsamplers.0.conv",
    "down_blocks.0.attentions.0.proj_in",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
    "mid_block.resnets.0.time_emb_proj",
    "up_blocks.0.resnets.0.conv_shortcut",
    "up_blocks.0.upsamplers.0.conv",
]
inputs = {k: v.double() for k, v in load_file(MODELS / "sd1.safetensors").items() if k != "ids"}
out = {}


def unet():
    return UNet2DConditionModel.from_pretrained(MODELS / "sd1/unet").eval()


def predict(model):
    return model.double()(inputs["latents"], inputs["timesteps"], inputs["context"]).sample


def fill(model, seed, mark):
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        if "magnitude" in name:
            p.data = p.data * (1 + 0.2 * torch.randn(p.shape, generator=g))
        elif mark in name:
            p.data = torch.randn(p.shape, generator=g) * 0.4


def record(name, model, mark, key=None):
    """The prediction, and where `key` makes a name of a parameter's, the loss and its gradients."""
    with torch.set_grad_enabled(key is not None):
        prediction = predict(model)
    out[f"{name}.prediction"] = prediction
    if key is None:
        return
    loss = torch.nn.functional.mse_loss(prediction, inputs["target"])
    loss.backward()
    out[f"{name}.loss"] = loss
    for parameter, p in model.named_parameters():
        if mark in parameter or "magnitude" in parameter:
            out[f"{name}.grad.{key(parameter)}"] = p.grad


def lora_key(name):
    layer, tensor = re.fullmatch(r"(?:base_model\.model\.)?(.*)\.lora_(A|B|magnitude_vector)\.default(?:\.weight)?", name).groups()
    return f"{layer}.{dict(A='down', B='up', magnitude_vector='magnitude')[tensor]}"


def lora(name, seed, **config):
    """As diffusers' scripts: the adapter in the UNet, saved with the metadata of newer scripts."""
    model = unet()
    model.add_adapter(LoraConfig(r=2, target_modules=LAYERS, **config))
    fill(model, seed, "lora_")
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
    with tempfile.TemporaryDirectory() as folder:
        StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers, **_collate_lora_metadata({"unet": model}))
        (HERE / f"{name}.safetensors").write_bytes((Path(folder) / "pytorch_lora_weights.safetensors").read_bytes())
    record(name, model, "lora_", lora_key)


def peft(name, seed, config, mark):
    """As peft saves it: a folder with a configuration."""
    model = get_peft_model(unet(), config).eval()
    fill(model, seed, mark)
    model.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink(missing_ok=True)
    path = HERE / name / "adapter_config.json"
    settings = json.loads(path.read_text())
    settings["target_modules"].sort()
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")

    def key(parameter):
        layer, tensor = re.fullmatch(rf"base_model\.model\.(.*)\.{mark}(\w+)\.default", parameter).groups()
        return f"{layer}.{tensor}"

    record(name, model, mark, key)


def lycoris(name, seed, kind, half=None, **settings):
    """LyCORIS's modules on the same layers; the file as its kohya network writes it."""
    model, state, modules = unet().double(), {}, []
    g = torch.Generator().manual_seed(seed)
    for layer in LAYERS:
        flat = "lora_unet_" + layer.replace(".", "_")
        module = kind(flat, model.get_submodule(layer), 1.0, 2, 3.0, **settings)
        for key, p in sorted(module.named_parameters()):
            noise = torch.randn(p.shape, generator=g)
            p.data = p.data * (1 + 0.2 * noise) if key == "dora_scale" else noise * 0.4
        tensors = {key: t.detach().clone().contiguous() for key, t in module.custom_state_dict().items()}
        if half:
            tensors = {key: t.to(half) for key, t in tensors.items()}
            for key, p in module.named_parameters():
                p.data = p.data.to(half).float()
        state |= {f"{flat}.{key}": t for key, t in tensors.items()}
        module.apply_to()
        modules.append(module.double().eval())
    save_file(state, HERE / f"{name}.safetensors", metadata={"ss_network_module": "lycoris.kohya"})
    record(name, model, None)


lora("lora", 1, lora_alpha=3)
lora("dora", 2, lora_alpha=3, use_dora=True)
peft("lokr", 3, LoKrConfig(r=2, alpha=3, target_modules=LAYERS), "lokr_")
peft("lokr_tucker", 4, LoKrConfig(r=1, alpha=3, target_modules=LAYERS, decompose_both=True, use_effective_conv2d=True), "lokr_")
peft("loha", 5, LoHaConfig(r=1, alpha=3, target_modules=LAYERS), "hada_")
lycoris("locon_tucker", 6, LoConModule, use_tucker=True)
lycoris("locon_dora", 7, LoConModule, weight_decompose=True)
lycoris("locon_dora_in", 8, LoConModule, weight_decompose=True, wd_on_out=False, half=torch.float16)
lycoris("loha_tucker", 9, LohaModule, use_tucker=True, weight_decompose=True, half=torch.bfloat16)
lycoris("lokr_dora", 10, LokrModule, weight_decompose=True, wd_on_out=False, half=torch.float16)
lycoris("locon_fp8", 11, LoConModule, half=torch.float8_e4m3fn)
lycoris("lokr_fp8", 12, LokrModule, factor=4, half=torch.float8_e5m2)
out["base.prediction"] = inputs["prediction"]
for a in out:
    for b in out:
        assert a >= b or not (a.endswith(".prediction") and b.endswith(".prediction")) or (out[a] - out[b]).abs().max() > 1e-2
save_file({k: v.detach().float().contiguous().clone() for k, v in out.items()}, HERE / "expected.safetensors")
print(sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()), {k: tuple(v.shape) for k, v in out.items() if "lokr" in k and "grad" in k})
