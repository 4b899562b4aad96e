"""Loads the adapter files our tests wrote into diffusers and compares predictions and pictures.

Made with torch 2.15, diffusers 0.42.1, peft 0.21.2; not part of CI. Run from the repository root:
    cargo test --release --test lora_files
    python tests/golden/training/check_file.py [target/tmp/lora_files]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from complaints import complaints  # noqa: E402

MODEL = HERE.parent / "models/sd1"
FILES = Path(sys.argv[1] if len(sys.argv) > 1 else "target/tmp/lora_files")


def pipeline():
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(MODEL / "vae", torch_dtype=torch.float32),
        text_encoder=CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32),
        tokenizer=CLIPTokenizer.from_pretrained(MODEL / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32),
        scheduler=DDIMScheduler.from_pretrained(MODEL / "scheduler", clip_sample=False),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def main():
    inputs = load_file(HERE.parent / "lora_files/expected.safetensors")
    ours = load_file(FILES / "ours.safetensors")
    for name in ["pytorch_lora_weights", "kohya", "to_kohya", "to_diffusers"]:
        pipe = pipeline()
        with complaints() as lines:
            pipe.load_lora_weights(FILES, weight_name=f"{name}.safetensors")
        # Diffusers says so of every file without a text encoder part.
        lines = [line for line in lines if not line.startswith("No LoRA keys associated to CLIPTextModel")]
        assert not lines, lines
        loaded = sum("lora_A" in key for key, _ in pipe.unet.named_parameters())
        with torch.no_grad():
            prediction = pipe.unet(inputs["latents"], torch.tensor([40.0, 800.0]), inputs["context"]).sample
            picture = pipe("a red house on the beach", negative_prompt="", width=48, height=32, num_inference_steps=7,
                           guidance_scale=5.0, generator=torch.Generator().manual_seed(7), output_type="np").images[0]
        error = ((prediction - ours["prediction"]).abs().max() / prediction.abs().max()).item()
        difference = (picture * 255).round() - ours["picture"].numpy().astype(float)
        psnr = 10 * np.log10(255**2 / max(np.mean(difference**2), 1e-12))
        print(f"{name}: {loaded} modules, no missing or unexpected key; prediction {error:.1e}; picture {psnr:.1f} dB, "
              f"largest difference {np.abs(difference).max():.0f} of 255")
        assert error < 1e-5 and psnr > 45, name


if __name__ == "__main__":
    main()
