"""An adapter for all parts of the small Stable Diffusion XL model of ../sdxl, as diffusers writes and reads it.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2; run from the repository root:
    python tests/golden/adapters/make_sdxl.py
`sdxl.safetensors` is what StableDiffusionXLPipeline.save_lora_weights writes: UNet (also before the blocks), both text
encoders. `sdxl_kohya.safetensors` has the same numbers in f16 by sd-scripts' rule: names of its own modules, which are the
original code's for the UNet of SDXL and transformers' for the text encoders, dots as underscores, an alpha each.
https://github.com/kohya-ss/sd-scripts/blob/6a584cad40e487069678a12d4b584b0e154ecfdc/networks/lora.py
https://github.com/kohya-ss/sd-scripts/blob/06e8980044a209ebdcce8c78cdd0a7519ef2a965/library/sdxl_model_util.py#L257
`sdxl_expected.safetensors` has what diffusers computes after load_lora_weights of each, in f64, stored in f32: the
prompt's first tokens and pooled output, and the UNet's prediction for them.
"""

import re
import sys
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "sdxl"))
import make  # noqa: E402

PROMPT = "a photo of the red house"
UNET = [
    "conv_in",
    "add_embedding.linear_1",
    "time_embedding.linear_2",
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.downsamplers.0.conv",
    "down_blocks.1.attentions.0.proj_in",
    "down_blocks.2.attentions.0.transformer_blocks.1.attn2.to_k",
    "mid_block.attentions.0.transformer_blocks.1.ff.net.0.proj",
    "mid_block.resnets.1.time_emb_proj",
    "up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0",
    "up_blocks.0.upsamplers.0.conv",
    "up_blocks.1.resnets.1.conv_shortcut",
]
TEXT = ["0.self_attn.q_proj", "0.self_attn.out_proj", "1.mlp.fc1", "1.mlp.fc2"]
# The original code's names of these layers, by make_unet_conversion_map.
ORIGINAL = [
    ("down_blocks.0.resnets.0.conv1", "input_blocks.1.0.in_layers.2"),
    ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
    ("down_blocks.1.attentions.0.", "input_blocks.4.1."),
    ("down_blocks.2.attentions.0.", "input_blocks.7.1."),
    ("mid_block.attentions.0.", "middle_block.1."),
    ("mid_block.resnets.1.time_emb_proj", "middle_block.2.emb_layers.1"),
    ("up_blocks.0.attentions.1.", "output_blocks.1.1."),
    ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv"),
    ("up_blocks.1.resnets.1.conv_shortcut", "output_blocks.4.0.skip_connection"),
    ("conv_in", "input_blocks.0.0"),
    ("add_embedding.linear_1", "label_emb.0.0"),
    ("time_embedding.linear_2", "time_embed.2"),
]


def kohya(source):
    state = {}
    for key, tensor in source.items():
        part, layer, side = re.fullmatch(
            r"(unet|text_encoder(?:_2)?)\.(.*?)\.(?:lora|lora_linear_layer)(?:\.(?=down|up)|_)(down|up|A|B)\.weight", key).groups()
        side = {"A": "down", "B": "up"}.get(side, side)
        if part == "unet":
            old, new = next((old, new) for old, new in ORIGINAL if layer.startswith(old))
            name = "lora_unet_" + (new + layer.removeprefix(old)).replace(".", "_")
        else:
            prefix = {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}[part]
            layer = layer if layer.startswith("text_model.") else f"text_model.{layer}"
            name = prefix + layer.replace(".", "_")
        state[f"{name}.lora_{side}.weight"] = tensor.half()
        state[f"{name}.alpha"] = torch.tensor(2.0).half()
    save_file(state, HERE / "sdxl_kohya.safetensors", metadata={"ss_base_model_version": "sdxl_base_v1-0"})


def predict(name, folder=HERE):
    parts = {part: model.double() for part, model in make.models().items()}
    pipe = make.pipeline(parts)
    if name:
        pipe.load_lora_weights(folder, weight_name=f"{name}.safetensors")
    tokens, _, pooled, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    latents = make.randn(5, 1, 4, 12, 10)
    sizes = torch.tensor([[20.0, 24.0, 1.0, 2.0, 20.0, 24.0]]).double()
    with torch.no_grad():
        conditions = {"text_embeds": pooled, "time_ids": sizes}
        prediction = parts["unet"](latents, torch.tensor([400.0]).double(), tokens, added_cond_kwargs=conditions).sample
    return {"tokens": tokens[:, :9], "pooled": pooled, "prediction": prediction}


parts = make.models()
for part, targets in [("unet", UNET), ("text_encoder", TEXT), ("text_encoder_2", TEXT)]:
    config = LoraConfig(r=1, lora_alpha=1, target_modules=targets, rank_pattern={"conv1": 2}, alpha_pattern={"conv1": 2})
    parts[part].add_adapter(config)
g = torch.Generator().manual_seed(77)
for part in ["unet", "text_encoder", "text_encoder_2"]:
    for name, p in sorted(parts[part].named_parameters()):
        if "lora_" in name:
            p.data = torch.randn(p.shape, generator=g).half().float() * 0.5
layers = {part: get_peft_model_state_dict(parts[part]) for part in ["unet", "text_encoder", "text_encoder_2"]}
# As its scripts do; not for the UNet, because diffusers 0.42.1 leaves out what it has named in this way when it reads a
# file that also has layers without attention (it converts all names or none, by the first one).
for part in ["text_encoder", "text_encoder_2"]:
    layers[part] = convert_state_dict_to_diffusers(layers[part])
StableDiffusionXLPipeline.save_lora_weights(
    HERE, layers["unet"], layers["text_encoder"], layers["text_encoder_2"], weight_name="sdxl.safetensors",
    **_collate_lora_metadata({part: parts[part] for part in layers}))
kohya(load_file(HERE / "sdxl.safetensors"))
out = {f"{name or 'base'}.{key}": value for name in [None, "sdxl"] for key, value in predict(name).items()}
for key in ["tokens", "pooled", "prediction"]:
    assert (out[f"base.{key}"] - out[f"sdxl.{key}"]).abs().max() > 1e-2
# Alpha 2 for rank 1 is twice the update; of the layer of rank 2 it is once. diffusers has no such file of its own, so the
# numbers are those of the first file with B doubled where the rank is 1.
state = load_file(HERE / "sdxl.safetensors")
for key, tensor in state.items():
    if re.search(r"(lora_B|\.up)\.weight$", key) and tensor.shape[1] == 1:
        state[key] = tensor * 2
with tempfile.TemporaryDirectory() as folder:
    save_file(state, Path(folder) / "doubled.safetensors")
    out |= {f"sdxl_kohya.{key}": value for key, value in predict("doubled", folder).items()}
out = {key: value for key, value in out.items() if not key.startswith("base.")}
save_file({key: value.detach().float().contiguous() for key, value in out.items()}, HERE / "sdxl_expected.safetensors")
print({f.name: f.stat().st_size for f in HERE.glob("sdxl*")}, sorted(state)[:8], sorted(load_file(HERE / "sdxl_kohya.safetensors"))[:12])
