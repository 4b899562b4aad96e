"""LDM key names for Stable Diffusion 1.5, 2.1, XL and tiny models, checked with diffusers' converters both ways.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0. Run: python make.py FOLDER, where FOLDER has
convert_diffusers_to_original_stable_diffusion.py and convert_diffusers_to_original_sdxl.py of diffusers (scripts/ of its
repository, commit 58eb52c).
Writes real.json.z: per family the header of a whole checkpoint, {ldm name: shape}, and tiny.json.z: per tiny model (those of
../models and ../sdxl) {ldm name: [part, [diffusers names, to be stacked along the first dimension], shape]}; a shape of
"transposed" stands for the transpose of the one tensor. Both are compressed by zlib.
The names are made here in the direction diffusers → LDM, the opposite of the program's. Every table is fed to diffusers'
own LDM → diffusers conversion, which from_single_file uses and which must give back the names it came from; and for the
real models diffusers' scripts must write the same names.
"""

import json
import pathlib
import re
import sys
import zlib

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
SDXL = json.loads((HERE.parent / "sdxl/configs.json").read_text())
sys.path.insert(0, sys.argv[1])
import convert_diffusers_to_original_sdxl as script_xl
import convert_diffusers_to_original_stable_diffusion as script_sd

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
TOP = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}


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


def table(family, unet, vae, *texts):
    """{ldm name: [part, diffusers names, shape]}; unet etc. are (config, {name: shape})."""
    out = {}
    for name, shape in unet[1].items():
        out["model.diffusion_model." + ldm_unet(name, unet[0])] = ["unet", [name], shape]
    for name, shape in vae[1].items():
        new = ldm_vae(name, vae[0])
        # LDM's attention in the VAE is made of 1x1 convolutions
        shape = shape + [1, 1] if "attn_1" in new and new.endswith("weight") and len(shape) == 2 else shape
        out["first_stage_model." + new] = ["vae", [name], shape]
    for part, text in zip(("text_encoder", "text_encoder_2"), texts):
        for name in sorted(text[1], key=lambda n: [("q_proj" in n, "k_proj" in n, "v_proj" in n).index(True) if re.search("[qkv]_proj", n) else 0, n]):
            shape = list(text[1][name])
            if "position_ids" in name:
                continue
            if PREFIX[family][part].endswith("transformer."):
                out[PREFIX[family][part] + (name if name.startswith("text_model.") else "text_model." + name)] = [part, [name], shape]
                continue
            if name == "text_projection.weight":
                out[PREFIX[family][part] + "text_projection"] = [part, [name], "transposed"]
                continue
            new = PREFIX[family][part] + ldm_open_clip(name)
            if new in out:
                out[new][1].append(name)
                out[new][2][0] += shape[0]
            else:
                out[new] = [part, [name], shape]
    assert len({(p, n) for p, names, _ in out.values() for n in names}) == sum(len([n for n in part[1] if "position_ids" not in n]) for part in (unet, vae, *texts))
    return out


PREFIX = {
    "sd1": {"text_encoder": "cond_stage_model.transformer."},
    "sd2": {"text_encoder": "cond_stage_model.model."},
    "sdxl": {"text_encoder": "conditioner.embedders.0.transformer.", "text_encoder_2": "conditioner.embedders.1.model."},
}


def numbered(made, shapes):
    """A tensor for each diffusers name, all of one number that tells them apart."""
    value = {}
    for part, names, _ in made.values():
        for name in names:
            value[part, name] = len(value) + 1.0
    return value, {(part, name): torch.full([], number).expand(shapes[part][name]) for (part, name), number in value.items()}


def verify(family, made, models, open_clip, script):
    """diffusers' converters must find the same tensors under the same names; `models` are the parts by name."""
    shapes = {part: model[1] for part, model in models.items()}
    value, tensors = numbered(made, shapes)
    stacked = {}
    for ldm, (part, names, shape) in made.items():
        pieces = [tensors[part, name] for name in names]
        if shape == "transposed":
            stacked[ldm] = pieces[0].T
        else:
            stacked[ldm] = (torch.cat(pieces) if len(pieces) > 1 else pieces[0]).reshape(shape)
    modern = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}

    def current(name):
        for old, new in modern.items():
            name = name.replace(f"attentions.0.{old}.", f"attentions.0.{new}.")
        return name

    for part, convert in [("unet", convert_ldm_unet_checkpoint), ("vae", convert_ldm_vae_checkpoint)]:
        converted = convert(dict(stacked), models[part][0])
        expected = {current(n): v for (p, n), v in value.items() if p == part}
        got = {n: float(t.flatten()[0]) for n, t in converted.items()}
        assert got == expected, (part, set(got.items()) ^ set(expected.items()))
    for part, prefix in PREFIX[family].items():
        if prefix.endswith("model."):
            converted = convert_open_clip_checkpoint(open_clip, dict(stacked), prefix=prefix)
            got = {n.removeprefix("text_model."): float(t.flatten()[0]) for n, t in converted.items()}
            expected = {n.removeprefix("text_model."): v for (p, n), v in value.items() if p == part}
            assert got == expected, set(got.items()) ^ set(expected.items())
    if script:
        written = by_script(family, {part: {n: t for (p, n), t in tensors.items() if p == part} for part in models})
        # the script leaves this one as it is in a folder
        for name in [n for n in stacked if n.endswith(".text_projection")]:
            stacked[f"{name}.weight"] = stacked.pop(name).T
        assert written.keys() == stacked.keys(), written.keys() ^ stacked.keys()
        for name, tensor in written.items():
            # a stack has several numbers; those of an even part each
            corner = lambda t: (list(t.shape), [float(t[i * t.shape[0] // 3].flatten()[0]) for i in range(3 if "in_proj" in name else 1)])
            assert corner(tensor) == corner(stacked[name]), name


def by_script(family, parts):
    """What diffusers' script for the family writes, as its main program puts it together."""
    script = script_xl if family == "sdxl" else script_sd
    prefixed = lambda prefix, tensors: {prefix + name: tensor for name, tensor in tensors.items()}
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    vae = parts["vae"]
    if family != "sdxl":
        # it knows the names before 2023
        vae = {re.sub(r"attentions\.0\.(to_[qkv]|to_out\.0)\.", lambda m: f"attentions.0.{old[m[1]]}.", name): tensor for name, tensor in vae.items()}
    out = prefixed("model.diffusion_model.", script.convert_unet_state_dict(parts["unet"]))
    out |= prefixed("first_stage_model.", script.convert_vae_state_dict(vae))
    for part, prefix in PREFIX[family].items():
        # transformers 5 leaves this beginning out
        text = {name if name.startswith("text_") else f"text_model.{name}": tensor for name, tensor in parts[part].items()}
        if prefix.endswith("model."):
            text = script_xl.convert_openclip_text_enc_state_dict(text) if family == "sdxl" else script_sd.convert_text_enc_state_dict_v20(prefixed("transformer.", text))
        out |= prefixed(prefix, text)
    return out


def shapes(module):
    return {n: list(t.shape) for n, t in module.state_dict().items()}


SD = dict(block_out_channels=(320, 640, 1280, 1280), layers_per_block=2)
XL = dict(
    block_out_channels=(320, 640, 1280), layers_per_block=2, attention_head_dim=(5, 10, 20), cross_attention_dim=2048,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)
CLIP_L = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
real = {}
for family, unet, texts in [
    ("sd1", SD | dict(attention_head_dim=8, cross_attention_dim=768), [CLIP_L]),
    ("sd2", SD | dict(attention_head_dim=(5, 10, 20, 20), cross_attention_dim=1024, use_linear_projection=True, upcast_attention=True), [CLIPTextConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu")]),
    ("sdxl", XL, [CLIP_L, CLIPTextConfig(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", projection_dim=1280)]),
]:
    with init_empty_weights():
        unet = UNet2DConditionModel(**unet)
        vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
        texts = [(CLIPTextModelWithProjection if i else CLIPTextModel)(config) for i, config in enumerate(texts)]
    models = {"unet": (dict(unet.config), shapes(unet)), "vae": (dict(vae.config), shapes(vae))}
    models |= {part: ({}, shapes(text)) for part, text in zip(PREFIX[family], texts)}
    made = table(family, *models.values())
    verify(family, made, models, texts[-1], True)
    header = {name: list(reversed(models[part][1][names[0]])) if shape == "transposed" else shape for name, (part, names, shape) in made.items()}
    if family == "sd2":
        # what the real file has besides: OpenCLIP's 24th layer and the projection
        last = {n.replace("resblocks.22.", "resblocks.23."): s for n, s in header.items() if "resblocks.22." in n}
        header |= last | {"cond_stage_model.model.text_projection": [1024, 1024], "cond_stage_model.model.logit_scale": []}
    else:
        prefix = PREFIX[family]["text_encoder"]
        header |= {f"{prefix}text_model.embeddings.position_ids": [1, 77]}
    if family == "sdxl":
        header |= {"conditioner.embedders.1.model.logit_scale": [], "denoiser.sigmas": [1000]}
    real[family] = header
    print(family, len(made), "tensors")

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
    models = {p: (config(p), folder_shapes(folder / p)) for p in ("unet", "vae", "text_encoder")}
    made = table(family, *models.values())
    verify(family, made, models, CLIPTextModel(CLIPTextConfig.from_dict(models["text_encoder"][0])), False)
    tiny[family] = made
with init_empty_weights():
    of = lambda part: {k: v for k, v in SDXL[f"{part}/config.json"].items()}
    unet, vae = UNet2DConditionModel.from_config(of("unet")), AutoencoderKL.from_config(of("vae"))
    text, text_2 = CLIPTextModel(CLIPTextConfig.from_dict(of("text_encoder"))), CLIPTextModelWithProjection(CLIPTextConfig.from_dict(of("text_encoder_2")))
models = {p: (dict(getattr(m, "config", {})) if p in ("unet", "vae") else {}, shapes(m)) for p, m in [("unet", unet), ("vae", vae), ("text_encoder", text), ("text_encoder_2", text_2)]}
tiny["sdxl"] = table("sdxl", *models.values())
verify("sdxl", tiny["sdxl"], models, text_2, False)

for name, value in (("real", real), ("tiny", tiny)):
    (HERE / f"{name}.json.z").write_bytes(zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 9))
