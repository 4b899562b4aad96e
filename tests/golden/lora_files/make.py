"""Adapter files for the `sd1` model of tests/golden/models as other programs write them, and what diffusers computes
with each.

Made with torch 2.15, diffusers 0.42.1, peft 0.21.2; run from the repository root, after models/make.py:
    python tests/golden/lora_files/make.py
sd-scripts is not needed: `kohya*.safetensors` are built by its rules (networks/lora.py: names with underscores, f16,
an alpha per module, 4-D weights for 1×1 convolutions, all metadata strings); that diffusers reads them is checked here.
`expected.safetensors` has the inputs and, for each file, the UNet's prediction after diffusers' `load_lora_weights`
(f64, stored as f32). `keys.json` has the tensor names diffusers and kohya use for an adapter of all attention layers.
"""

import json
import re
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
UNET = HERE.parent / "models/sd1/unet"
TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


def fill(model, seed):
    g = torch.Generator().manual_seed(seed)
    for key, p in sorted(model.named_parameters()):
        if "lora_" in key:
            p.data = torch.randn(p.shape, generator=g) * (0.4 if "lora_A" in key else 0.3)


def unet():
    return UNet2DConditionModel.from_pretrained(UNET).eval()


def adapted(seed, **config):
    model = unet()
    model.add_adapter(LoraConfig(target_modules=TARGETS, init_lora_weights="gaussian", **config))
    fill(model, seed)
    return model


def save_diffusers(model, name, metadata=None):
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
    StableDiffusionPipeline.save_lora_weights(HERE, unet_lora_layers=layers, weight_name=name, **(metadata or {}))


def old_names(name, source):
    """diffusers before 0.17 (save_attn_procs) and up to 0.21: attention processors own the layers."""
    state = {}
    for key, tensor in load_file(HERE / source).items():
        module, layer, side = re.fullmatch(r"unet\.(.*)\.(to_[qkv]|to_out)(?:\.0)?\.lora\.(down|up)\.weight", key).groups()
        state[f"unet.{module}.processor.{layer}_lora.{side}.weight"] = tensor
    save_file(state, HERE / name)


def kohya(name, source, alphas, four_d, half):
    state, text = {}, (lambda v: str(v))
    for i, (key, tensor) in enumerate(sorted(load_file(HERE / source).items())):
        module, side = re.fullmatch(r"unet\.(.*)\.lora\.(down|up)\.weight", key).groups()
        flat = "lora_unet_" + module.replace(".", "_")
        tensor = tensor.half() if half else tensor
        state[f"{flat}.lora_{side}.weight"] = tensor[:, :, None, None].contiguous() if four_d else tensor
        state[f"{flat}.alpha"] = torch.tensor(alphas[i // 2 % len(alphas)], dtype=tensor.dtype)
    metadata = {"ss_v2": "False", "ss_base_model_version": "sd_v1-5", "ss_network_module": "networks.lora",
                "ss_network_dim": "2", "ss_network_alpha": text(alphas[0]), "ss_tag_frequency": json.dumps({"a b": {"é": 1}})}
    save_file(state, HERE / name, metadata=metadata)


def merged(name):
    """W + alpha / rank · up · down, sd-scripts' networks/lora.py merge_to."""
    model, state = unet(), load_file(HERE / name)
    weights = model.state_dict()
    for key in [k for k in weights if k.endswith("to_out.0.weight") or re.search(r"to_[qkv]\.weight$", k)]:
        flat = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
        down, up = (state[f"{flat}.lora_{side}.weight"][:, :, 0, 0] for side in ["down", "up"])
        weights[key] += state[f"{flat}.alpha"] / down.shape[0] * up @ down
    model.load_state_dict(weights)
    return model


def main():
    for file in [*HERE.glob("*.safetensors"), HERE / "keys.json"]:
        file.unlink(missing_ok=True)
    shutil.rmtree(HERE / "peft", ignore_errors=True)

    save_diffusers(adapted(1, r=2, lora_alpha=2), "diffusers.safetensors")
    # alpha ≠ rank, one module apart, in the metadata key of newer diffusers scripts.
    model = adapted(2, r=2, lora_alpha=3, alpha_pattern={"mid_block.attentions.0.transformer_blocks.0.attn1.to_q": 7})
    save_diffusers(model, "metadata.safetensors", _collate_lora_metadata({"unet": model}))
    # Two ranks and no alphas.
    model = adapted(3, r=2, lora_alpha=2, rank_pattern={"attn1.to_q": 3}, alpha_pattern={"attn1.to_q": 3})
    save_diffusers(model, "ranks.safetensors")
    old_names("old.safetensors", "diffusers.safetensors")
    kohya("kohya.safetensors", "diffusers.safetensors", [1.0], four_d=False, half=True)
    # peft's own folder, with alpha in adapter_config.json.
    peft_model = get_peft_model(unet(), LoraConfig(target_modules=TARGETS, r=2, lora_alpha=5, use_rslora=True))
    fill(peft_model, 4)
    peft_model.save_pretrained(HERE / "peft")
    (HERE / "peft/README.md").unlink(missing_ok=True)

    g = torch.Generator().manual_seed(9)
    draw = lambda *s: torch.randn(s, generator=g)
    inputs = {"latents": draw(2, 4, 6, 4), "context": draw(2, 5, 24)}
    timesteps = torch.tensor([40.0, 800.0])
    out = dict(inputs)

    def predict(model):
        with torch.no_grad():
            return model.double().eval()(inputs["latents"].double(), timesteps, inputs["context"].double()).sample.float()

    out["base"] = predict(unet())
    for file in sorted(HERE.glob("*.safetensors")):
        model = unet()
        pipe = StableDiffusionPipeline(None, None, None, model, None, None, None, requires_safety_checker=False)
        state, alphas, metadata = pipe.lora_state_dict(str(file), return_lora_metadata=True)
        pipe.load_lora_into_unet(state, alphas, model, metadata=metadata)
        out[file.stem] = predict(model)
    # Alphas that differ between modules, and weights of linear layers as 1×1 convolutions. sd-scripts reads both;
    # diffusers 0.42.1 refuses the shapes and loses all alphas but the most frequent one (its alpha_pattern keys end in
    # "processor.to_q_lora.down.weight" and match nothing), so here the update is merged by sd-scripts' rule.
    kohya("kohya_mixed.safetensors", "diffusers.safetensors", [1.0, 2.0, 4.0], four_d=True, half=False)
    out["kohya_mixed"] = predict(merged("kohya_mixed.safetensors"))
    out["peft"] = predict(peft_model.base_model.model)
    names = list(out)
    for a, b in [(a, b) for a in names[2:] for b in names[2:] if a < b and {a, b} != {"diffusers", "old"}]:
        assert (out[a] - out[b]).abs().max() > 1e-2, (a, b)
    assert torch.equal(out["diffusers"], out["old"])
    save_file({k: v.contiguous() for k, v in out.items()}, HERE / "expected.safetensors")

    keys = {n: sorted(safe_open(HERE / f"{n}.safetensors", "pt").keys()) for n in ["diffusers", "kohya"]}
    (HERE / "keys.json").write_text(json.dumps(keys, indent=0) + "\n")
    print(sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()))


if __name__ == "__main__":
    main()
