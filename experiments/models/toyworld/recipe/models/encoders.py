"""The two encoders of pictures in the formats of Hugging Face: a DINOv2 that tells figurines apart, and a CLIP."""

import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, Dinov2Config, Dinov2Model

from data.world import GEOMETRY

# How the pictures of the processors are normalised: ImageNet's numbers for DINOv2, CLIP's own for CLIP.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# Pixels of the shortest edge, of the crop, and of a patch. DINOv2 crops 224 of 256; here it is the same share.
DINO_EDGE, DINO_SIDE, DINO_PATCH = 128, 112, 14
CLIP_SIDE, CLIP_PATCH = 128, 16
# On a CPU the gradient of PyTorch's fused attention takes a third of a step with so few tokens; this one a twentieth.
ATTENTION = "eager"


class Normal(nn.Module):
    """float (n, 3, h, w) in -1..1 → as a processor with this mean and standard deviation gives it"""

    def __init__(self, mean_std):
        super().__init__()
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in mean_std)
        self.register_buffer("mean", 2 * mean - 1)
        self.register_buffer("std", 2 * std)

    def forward(self, x):
        return (x - self.mean) / self.std


def inside(faces, frames, side):
    """Which patches (n, side², 1) of views with these frames (n, 2, 3) have their middle in the head (n, 4)."""
    at = F.affine_grid(frames, (len(frames), 1, side, side), align_corners=False).flatten(1, 2)
    low, high = 2 * faces[:, None, :2] - 1, 2 * faces[:, None, 2:] - 1
    return ((at > low) & (at < high)).all(2, keepdim=True).float()


class Looks(nn.Module):
    """Heads that read attributes and geometry from a feature while the encoder learns. They are not exported."""

    def __init__(self, width, outputs):
        super().__init__()
        self.attributes, self.geometry = nn.Linear(width, outputs), nn.Linear(width, GEOMETRY)

    def forward(self, feature):
        return self.attributes(feature), self.geometry(feature)


def start_dino(run):
    """The encoder of the initial model, or a new one. Its feature is the first token after the last layer norm."""
    init = run.initial.encoder()
    dino = Dinov2Model.from_pretrained(init, attn_implementation=ATTENTION).float() if init else new_dino(run.settings)
    # No token is masked here, so that this one has no gradient.
    dino.embeddings.mask_token.requires_grad_(False)
    return dino


def new_dino(settings):
    return Dinov2Model(
        Dinov2Config(
            hidden_size=settings.dino_width,
            num_hidden_layers=settings.dino_layers,
            num_attention_heads=settings.dino_width // 32,
            mlp_ratio=4,
            image_size=DINO_SIDE,
            patch_size=DINO_PATCH,
            initializer_range=0.05,
            attn_implementation=ATTENTION,
        )
    )


def new_clip(settings, text):
    """A new image tower, and `text` (CLIPTextModel) as its text tower, frozen."""
    width, told = settings.clip_width, text.config.to_dict()
    # What only the file that it was read from knows.
    told.pop("_name_or_path", None)
    seen = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=settings.clip_layers,
        num_attention_heads=width // 32,
        image_size=CLIP_SIDE,
        patch_size=CLIP_PATCH,
        projection_dim=text.config.hidden_size,
    )
    clip = CLIPModel(
        CLIPConfig(
            text_config=CLIPTextConfig(**told).to_dict(),
            vision_config=seen.to_dict(),
            projection_dim=text.config.hidden_size,
            logit_scale_init_value=math.log(10.0),
            attn_implementation=ATTENTION,
        )
    )
    clip.text_model.load_state_dict(text.state_dict())
    clip.text_model.requires_grad_(False)
    return clip


def processor(kind, edge, side, mean_std):
    """The content of preprocessor_config.json: resize the shortest edge (bicubic), crop the middle, normalise."""
    mean, std = mean_std
    return {
        "image_processor_type": kind,
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": edge},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
    }


def write(model, preprocessing, folder):
    """Writes a model in float16 and its preprocessing, as `from_pretrained` reads them."""
    model.half().save_pretrained(folder)
    # transformers loads in the dtype that a config names; a plain load should compute in float32.
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=2) + "\n")
