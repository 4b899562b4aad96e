"""Small random image encoders, and what transformers makes of pictures and texts with them.

Made with torch 2.15, transformers 5.23, Pillow 13.0, numpy 2.4.6; run from the repository root:
    python tests/golden/vision/make.py
The folders are encoders as `save_pretrained` writes them, with weights in f16. `cases.json` lists them with other
preprocessings, too: `pixels` is the SHA-256 of what the processor with PIL makes of the pictures, f32, and the feature
of each picture, of unit length, stands in `features.safetensors` under the case's name, computed in f64 from these f32
numbers and stored in f32. `real` has the published preprocessings at their sizes, without an encoder.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTModel,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models"))
torch.set_num_threads(1)

IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
PROCESSORS = {
    "CLIPImageProcessor": CLIPImageProcessorPil,
    "BitImageProcessor": BitImageProcessorPil,
    "ViTImageProcessor": ViTImageProcessorPil,
}
# Width and height; each picture's number is its seed.
SMALL = [(37, 23), (20, 61), (64, 64), (4, 90), (5, 3)]
LARGE = [(512, 512), (640, 427), (333, 1000)]
TEXTS = ["a photo of the red house", "", "A small   blue TOY figurine, standing near water!", "red " * 100]


def picture(width, height, seed):
    """Slopes with noise, in whole numbers, so that the test can make the same picture."""
    state = (seed * 2654435761 + 12345) % 2**32
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                state = (state * 1664525 + 1013904223) % 2**32
                pixels.append((x * 5 + y * 3 + channel * 60 + (state >> 24) % 80) % 256)
    return Image.frombytes("RGB", (width, height), bytes(pixels))


def perturb(model, seed):
    """Weights that make a feature depend on everything, rounded to what f16 can store."""
    g = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if name == "logit_scale":
            continue
        gain = p.ndim == 1 and ("norm" in name or "lambda" in name) and name.endswith(("weight", "lambda1"))
        size = 0.2 if p.ndim == 1 else 0.5 if "embeddings" in name and "projection" not in name else p[0].numel() ** -0.5
        p.data = (torch.randn(p.shape, generator=g) * size + gain).half().float()
    return model.eval()


def save(model, name, processor=None, **options):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder, **options)
    model.float()
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")


def vision(width=24, **other):
    return dict(hidden_size=width, num_hidden_layers=2, num_attention_heads=2, **other)


def clip(act, eos, vocabulary):
    text = vision(16, intermediate_size=40, vocab_size=vocabulary, hidden_act=act, eos_token_id=eos)
    image = vision(24, intermediate_size=40, image_size=24, patch_size=6, hidden_act=act)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=image, projection_dim=12))


def models():
    from make import tokenizer

    square = {"image_processor_type": "ViTImageProcessor", "size": 24, "do_rescale": True}
    dino = perturb(ViTModel(ViTConfig(**vision(intermediate_size=40, image_size=24, patch_size=4, layer_norm_eps=1e-3))), 1)
    save(dino, "dino", square)
    # 42 pixels and a preprocessing to 28, as 518 and 224 of the published ones.
    middle = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 32},
              "crop_size": {"height": 28, "width": 28}, "resample": 3, "rescale_factor": 1 / 255} | IMAGENET
    dinov2 = perturb(Dinov2Model(Dinov2Config(**vision(mlp_ratio=2, image_size=42, patch_size=7))), 2)
    save(dinov2, "dinov2", middle)
    registers = Dinov2WithRegistersConfig(**vision(mlp_ratio=2, image_size=42, patch_size=7), num_register_tokens=3)
    registers = perturb(Dinov2WithRegistersModel(registers), 3)
    save(registers, "dinov2_with_registers", middle)
    headed = Dinov2Config(**vision(8, mlp_ratio=2, image_size=14, patch_size=7) | dict(num_hidden_layers=1), qkv_bias=False)
    headed = perturb(Dinov2ForImageClassification(headed), 4)
    save(headed, "headed", {"image_processor_type": "BitImageProcessor", "size": {"height": 14, "width": 14}, "do_center_crop": False})
    # As OpenAI's files: plain numbers, and an id that ends no text.
    own = {"crop_size": 24, "do_center_crop": True, "do_normalize": True, "do_resize": True,
           "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 24}
    folder = HERE / "clip"
    shutil.rmtree(folder, ignore_errors=True)
    vocabulary = tokenizer(folder, "sd1")
    old = perturb(clip("quick_gelu", 2, vocabulary), 5)
    save(old, "clip", own, max_shard_size="30KB")
    tokenizer(folder, "sd1")
    new = perturb(clip("gelu", vocabulary - 1, vocabulary), 6)
    save(new, "clip_gelu")
    tokenizer(HERE / "clip_gelu", "sd1")
    nested = {"processor_class": "CLIPProcessor", "image_processor": own | {"image_mean": None}}
    (HERE / "clip_gelu/processor_config.json").write_text(json.dumps(nested, indent=1) + "\n")
    (HERE / "clip_gelu/preprocessor_config.json").write_text('{"size": 5}\n')
    only = CLIPVisionConfig(**vision(16, intermediate_size=40, image_size=24, patch_size=8), projection_dim=12)
    only = perturb(CLIPVisionModelWithProjection(only), 7)
    save(only, "clip_vision", own)
    return {
        "dino": (dino, square),
        "dinov2": (dinov2, middle),
        "dinov2_with_registers": (registers, middle),
        "headed": (headed.dinov2, {"image_processor_type": "BitImageProcessor", "size": {"height": 14, "width": 14}, "do_center_crop": False}),
        "clip": (old, own),
        "clip_gelu": (new, own),
        "clip_vision": (only, own),
    }


def prepare(config, images):
    kind = config.get("image_processor_type", "CLIPImageProcessor")
    options = {k: v for k, v in config.items() if k not in ("image_processor_type", "feature_extractor_type")}
    return PROCESSORS[kind](**options)(images, return_tensors="pt")["pixel_values"].float()


def digest(pixels):
    return hashlib.sha256(pixels.numpy().tobytes()).hexdigest()


def features(model, pixels):
    # One at a time: nothing may depend on the neighbours.
    rows = []
    for one in pixels.double().split(1):
        with torch.no_grad():
            if isinstance(model, CLIPModel):
                row = model.get_image_features(one, interpolate_pos_encoding=True).pooler_output
            elif isinstance(model, CLIPVisionModelWithProjection):
                row = model(one, interpolate_pos_encoding=True).image_embeds
            elif isinstance(model, ViTModel):
                row = model(one, interpolate_pos_encoding=True).last_hidden_state[:, 0]
            else:
                row = model(one).last_hidden_state[:, 0]
        rows.append(row / row.norm())
    return torch.cat(rows).float()


# Preprocessings that are not a folder's own.
OTHERS = {
    "dino": {
        "paper": {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 40}, "resample": 3,
                  "do_center_crop": True, "crop_size": {"height": 32, "width": 32}} | IMAGENET,
        "plain": {"image_processor_type": "ViTImageProcessor", "size": {"height": 19, "width": 26}, "resample": 1,
                  "do_rescale": False, "do_normalize": False},
    },
    "dinov2": {
        "trained": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 42}, "crop_size": {"height": 42, "width": 42}},
        "wide": {"image_processor_type": "BitImageProcessor", "do_resize": False, "crop_size": {"height": 30, "width": 52}},
    },
    "dinov2_with_registers": {
        "larger": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 70}, "crop_size": {"height": 63, "width": 63}},
        "wide": {"image_processor_type": "BitImageProcessor", "do_resize": False, "crop_size": {"height": 28, "width": 49}},
    },
    "clip": {"larger": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 33}, "crop_size": {"height": 33, "width": 33}}},
    "clip_gelu": {"smaller": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 14}, "crop_size": {"height": 13, "width": 13}}},
}

REAL = {
    "dino, as its paper evaluates": {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 256}, "resample": 3,
                                     "do_center_crop": True, "crop_size": {"height": 224, "width": 224}} | IMAGENET,
    "facebook/dino-vits16": {"feature_extractor_type": "ViTFeatureExtractor", "image_processor_type": "ViTImageProcessor",
                             "size": 224, "resample": 3} | IMAGENET,
    "facebook/dinov2-small": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "resample": 3,
                              "crop_size": {"height": 224, "width": 224}, "rescale_factor": 0.00392156862745098} | IMAGENET,
    "openai/clip-vit-base-patch32": {"crop_size": 224, "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224,
                                     "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]},
    "bilinear": {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}},
}


def main():
    cases, numbers = [], {}
    small = [picture(*size, seed) for seed, size in enumerate(SMALL)]
    for name, (model, own) in models().items():
        state = {k: v.clone() for k, v in model.state_dict().items()}
        model.double()
        for other, config in {"own": own, **OTHERS.get(name, {})}.items():
            pixels = prepare(config, small)
            key = f"{name}, {other}"
            numbers[key] = features(model, pixels)
            case = {"name": key, "model": name, "pixels": digest(pixels)}
            cases.append(case | ({} if other == "own" else {"preprocessor": config}))
        if isinstance(model, CLIPModel):
            tok = CLIPTokenizer.from_pretrained(HERE / name)
            ids = tok(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
            with torch.no_grad():
                rows = model.get_text_features(**ids).pooler_output
            numbers[f"{name}, texts"] = (rows / rows.norm(dim=-1, keepdim=True)).float()
        assert all(torch.equal(v.double(), model.state_dict()[k].double()) for k, v in state.items())
    large = [picture(*size, seed) for seed, size in enumerate(LARGE)]
    real = [{"name": n, "preprocessor": c, "pixels": digest(prepare(c, large))} for n, c in REAL.items()]
    save_file({k: v.contiguous() for k, v in numbers.items()}, HERE / "features.safetensors")
    out = {"small": SMALL, "large": LARGE, "texts": TEXTS, "cases": cases, "real": real}
    (HERE / "cases.json").write_text(json.dumps(out, indent=1) + "\n")
    # The files hold what was computed with.
    assert load_file(HERE / "dino/model.safetensors")["layernorm.weight"].dtype == torch.float16
    assert np.all([torch.isfinite(v).all() for v in numbers.values()])
    print(f"{sum(f.stat().st_size for f in HERE.rglob('*') if f.is_file()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
