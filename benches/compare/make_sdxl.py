"""A diffusers folder with the size of stable-diffusion-xl-base-1.0 and random weights in f16, 6.9 GB: for compare.py, and for
`runner`, which can train it and draw noise with it. Each tensor is written before the next is made, so this needs little
memory. The vocabulary is that of the small model in experiments/models.

    .venv/bin/python benches/compare/make_sdxl.py DIR

Made for torch 2.15, diffusers 0.42.1, transformers 5.23.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

ROOT = Path(__file__).resolve().parents[2]


def networks():
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(5, 10, 20), transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=1024,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=0.13025)
        text = CLIPTextModel(CLIPTextConfig(
            vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            eos_token_id=2))
        text_2 = CLIPTextModelWithProjection(CLIPTextConfig(
            vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
            hidden_act="gelu", projection_dim=1280, eos_token_id=2))
    return {"unet": unet, "vae": vae, "text_encoder": text, "text_encoder_2": text_2}


def write(path, state):
    """A safetensors file: matrices uniform with variance 1 / (3 · inputs), norms near 1, biases near 0."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in state.items():
        start, end = end, end + 2 * tensor.numel()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    generator = torch.Generator().manual_seed(0)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in state.items():
            values = torch.rand(tensor.shape, generator=generator)
            if tensor.ndim == 1:
                values = values * 0.05 + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
            else:
                values = (2 * values - 1) / tensor[0].numel() ** 0.5
            file.write(values.half().numpy().tobytes())


def main():
    folder = Path(sys.argv[1])
    for part, network in networks().items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        of_text = part.startswith("text")
        (folder / part / "config.json").write_text((network.config if of_text else network).to_json_string())
        stem = "model" if of_text else "diffusion_pytorch_model"
        write(folder / part / f"{stem}.safetensors", network.state_dict())
    configs = json.loads((ROOT / "tests/golden/sdxl/configs.json").read_text())
    for name in ["model_index.json", "scheduler/scheduler_config.json"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(configs[name]))
    for name in ["tokenizer", "tokenizer_2"]:
        shutil.copytree(ROOT / "experiments/models/toyworld/tokenizer", folder / name, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
