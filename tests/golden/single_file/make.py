"""LDM key names for Stable Diffusion 1.5, 2.1 and the tiny models of ../models, checked with diffusers' converters.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0. Run: python make.py
Writes real.json: per family the header of a whole checkpoint, {ldm name: shape}, and tiny.json: per tiny model
{ldm name: [part, [diffusers names, to be stacked along the first dimension], shape]}.
The names are made here in the direction diffusers → LDM, the opposite of the program's, and every table is fed to
diffusers' own LDM → diffusers conversion, which must give back the names it came from.
"""

import json
import pathlib
import re

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModel

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
TOP = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2"}


def ldm_unet(name, config):
    layers = config["layers_per_block"]
    for ours, theirs in TOP.items():
        if name.startswith(ours + "."):
            return theirs + name[len(ours):]
    where, kind, index, rest = re.match(r"(down_blocks\.\d+|up_blocks\.\d+|mid_block)\.(\w+)\.(\d+)\.(.*)", name).groups()
    index = int(index)
    if kind == "resnets":
        head, tail = rest.split(".", 1)
        rest = f"{RESNET[head]}.{tail}"
    if where == "mid_block":
        return f"middle_block.{1 if kind == 'attentions' else 2 * index}.{rest}"
    side, block = where.split(".")
    block = int(block)
    if side == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.{rest.replace('conv.', 'op.')}"
        return f"input_blocks.{1 + block * (layers + 1) + index}.{int(kind == 'attentions')}.{rest}"
    if kind == "upsamplers":
        item = 2 if "CrossAttn" in config["up_block_types"][block] else 1
        return f"output_blocks.{block * (layers + 1) + layers}.{item}.{rest}"
    return f"output_blocks.{block * (layers + 1) + index}.{int(kind == 'attentions')}.{rest}"


def ldm_vae(name, config):
    if "quant_conv" in name:
        return name
    blocks = len(config["block_out_channels"])
    half, rest = name.split(".", 1)
    rest = rest.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    rest = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", rest)
    if "mid_block.attentions.0." in rest:
        rest = rest.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"}.items():
            rest = rest.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    rest = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", rest)
    rest = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", rest)
    rest = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{blocks - 1 - int(m[1])}.block", rest)
    rest = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", rest)
    return f"{half}.{rest}"


def ldm_open_clip(name):
    name = name.removeprefix("text_model.")
    name = name.replace("embeddings.position_embedding.weight", "positional_embedding").replace("embeddings.token_embedding", "token_embedding")
    name = name.replace("final_layer_norm", "ln_final").replace("encoder.layers.", "transformer.resblocks.")
    name = name.replace("layer_norm1", "ln_1").replace("layer_norm2", "ln_2").replace("mlp.fc1", "mlp.c_fc").replace("mlp.fc2", "mlp.c_proj")
    name = re.sub(r"self_attn\.[qkv]_proj\.", "attn.in_proj_", name)
    return name.replace("self_attn.", "attn.")


def table(family, unet, vae, text):
    """{ldm name: [part, diffusers names, shape]}; unet etc. are (config, {name: shape})."""
    out = {}
    for name, shape in unet[1].items():
        out["model.diffusion_model." + ldm_unet(name, unet[0])] = ["unet", [name], shape]
    for name, shape in vae[1].items():
        new = ldm_vae(name, vae[0])
        # LDM's attention in the VAE is made of 1x1 convolutions
        shape = shape + [1, 1] if "attn_1" in new and new.endswith("weight") and len(shape) == 2 else shape
        out["first_stage_model." + new] = ["vae", [name], shape]
    for name in sorted(text[1], key=lambda n: [("q_proj" in n, "k_proj" in n, "v_proj" in n).index(True) if re.search("[qkv]_proj", n) else 0, n]):
        shape = list(text[1][name])
        if "position_ids" in name:
            continue
        if family == "sd1":
            new = "cond_stage_model.transformer." + (name if name.startswith("text_model.") else "text_model." + name)
            out[new] = ["text_encoder", [name], shape]
            continue
        new = "cond_stage_model.model." + ldm_open_clip(name)
        if new in out:
            out[new][1].append(name)
            out[new][2][0] += shape[0]
        else:
            out[new] = ["text_encoder", [name], shape]
    assert len({n for _, names, _ in out.values() for n in names}) == len(unet[1]) + len(vae[1]) + len([n for n in text[1] if "position_ids" not in n])
    return out


def verify(family, made, unet, vae, text, text_model):
    """diffusers' converters must find the same tensors under the same names: values are numbered to tell them apart."""
    stacked, value = {}, {}
    for ldm, (part, names, shape) in made.items():
        pieces = []
        for name in names:
            value[part, name] = len(value) + 1.0
            piece = [shape[0] // len(names)] + shape[1:]
            pieces.append(torch.full([], value[part, name]).expand(piece))
        stacked[ldm] = torch.cat(pieces) if len(pieces) > 1 else pieces[0]
    modern = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}

    def current(name):
        for old, new in modern.items():
            name = name.replace(f"attentions.0.{old}.", f"attentions.0.{new}.")
        return name

    for part, converted in [("unet", convert_ldm_unet_checkpoint(dict(stacked), unet[0])), ("vae", convert_ldm_vae_checkpoint(dict(stacked), vae[0]))]:
        expected = {current(n): v for (p, n), v in value.items() if p == part}
        got = {n: float(t.flatten()[0]) for n, t in converted.items()}
        assert got == expected, (part, set(got.items()) ^ set(expected.items()))
    if family == "sd2":
        converted = convert_open_clip_checkpoint(text_model, dict(stacked))
        got = {n.removeprefix("text_model."): float(t.flatten()[0]) for n, t in converted.items()}
        expected = {n.removeprefix("text_model."): v for (p, n), v in value.items() if p == "text_encoder"}
        assert got == expected, set(got.items()) ^ set(expected.items())


def shapes(module):
    return {n: list(t.shape) for n, t in module.state_dict().items()}


SD = dict(block_out_channels=(320, 640, 1280, 1280), layers_per_block=2)
real = {}
for family, unet_extra, text_config in [
    ("sd1", dict(attention_head_dim=8, cross_attention_dim=768), CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)),
    ("sd2", dict(attention_head_dim=(5, 10, 20, 20), cross_attention_dim=1024, use_linear_projection=True, upcast_attention=True), CLIPTextConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu")),
]:
    with init_empty_weights():
        unet = UNet2DConditionModel(**SD, **unet_extra)
        vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
        text = CLIPTextModel(text_config)
    parts = [(dict(unet.config), shapes(unet)), (dict(vae.config), shapes(vae)), ({}, shapes(text))]
    made = table(family, *parts)
    verify(family, made, *parts, text)
    header = {name: entry[2] for name, entry in made.items()}
    if family == "sd2":
        # what the real file has besides: OpenCLIP's 24th layer and the projection
        last = {n.replace("resblocks.22.", "resblocks.23."): s for n, s in header.items() if "resblocks.22." in n}
        header |= last | {"cond_stage_model.model.text_projection": [1024, 1024], "cond_stage_model.model.logit_scale": []}
    else:
        header |= {"cond_stage_model.transformer.text_model.embeddings.position_ids": [1, 77]}
    real[family] = header

tiny = {}
from safetensors import safe_open


def folder_shapes(folder):
    out = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as f:
            out |= {n: list(f.get_slice(n).get_shape()) for n in f.keys()}
    return out


for family in ("sd1", "sd2"):
    folder = MODELS / family
    config = lambda part: json.loads((folder / part / "config.json").read_text())
    parts = [(config(p), folder_shapes(folder / p)) for p in ("unet", "vae", "text_encoder")]
    made = table(family, *parts)
    text_model = CLIPTextModel(CLIPTextConfig.from_dict(parts[2][0]))
    verify(family, made, *parts, text_model)
    tiny[family] = made

(HERE / "real.json").write_text(json.dumps(real, separators=(",", ":")) + "\n")
(HERE / "tiny.json").write_text(json.dumps(tiny, separators=(",", ":")) + "\n")
