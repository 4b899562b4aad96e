"""What sd-scripts' own functions compute: noise offset, buckets, mirror images, clip skip, and its metadata's names.

sd-scripts at 48d368fa557731ad0488c07304dfeba8c07910eb, torch 2.15, diffusers 0.42.1, transformers 5.23. Run from the
repository root, with a checkout of https://github.com/kohya-ss/sd-scripts:
    python tests/golden/training/make_sd_scripts.py PATH/TO/sd-scripts
Modules that sd-scripts imports and that are not installed are replaced by stand-ins; none of them is used here.
Writes sd_scripts.json:
  buckets      for resolutions with their bounds: photo width, height → bucket and scaled size, by `BucketManager`
  noise        `apply_noise_offset` on drawn noise, after `torch.manual_seed`
  keys         the `ss_` keys that train_network.py writes
and sd_scripts.safetensors:
  flip.mean, flip.mirrored   `cache_batch_latents(flip_aug=True)` of an image, with the VAE of ../models/sd1 and the mean
                             of its posterior in place of a draw
  clip_skip.2                `SdTextEncodingStrategy(clip_skip=2).encode_tokens` with the text encoder of ../models/sd1
"""

import importlib.abc
import importlib.machinery
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import save_file
from transformers import CLIPTextModel

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODEL = HERE.parent / "models/sd1"
SOURCE = Path(sys.argv[1])


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Any module that cannot be found."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "diffusers", "transformers", "numpy"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__ = [], spec
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(StandIn())
# Old pipelines that ask transformers for classes it no longer has.
for name in ("lpw_stable_diffusion", "sdxl_lpw_stable_diffusion"):
    sys.modules[f"library.{name}"] = MagicMock()
sys.path.insert(0, str(SOURCE))
from library import custom_train_functions, strategy_sd, train_util  # noqa: E402

PHOTOS = [(1000, 1000), (1500, 1000), (1000, 1500), (1600, 900), (900, 1600), (4000, 1000), (1000, 9000), (1100, 1000),
          (640, 480), (3024, 4032), (4032, 3024), (1920, 1080), (1080, 1920), (512, 512), (513, 511), (768, 512),
          (512, 768), (1024, 1024), (300, 200), (199, 301), (2048, 858), (1, 1), (7, 5000), (704, 320), (832, 1216)]
# Resolution, least and greatest side, step: ours are half and twice the resolution.
BUCKETS = [(512, 256, 1024, 64), (768, 384, 1536, 64), (1024, 512, 2048, 64), (640, 320, 1280, 64), (256, 128, 512, 32)]


def buckets():
    out = []
    for resolution, least, most, step in BUCKETS:
        manager = train_util.BucketManager(False, (resolution, resolution), least, most, step)
        manager.make_buckets()
        photos = []
        for size in PHOTOS:
            bucket, scaled, _ = manager.select_bucket(*size)
            photos.append([*size, *bucket, *scaled])
        out.append({"resolution": resolution, "photos": photos})
    return out


def noise():
    shape, offset, noise_seed, seed = [1, 4, 3, 5], 0.1, 11, 12
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(noise_seed))
    torch.manual_seed(seed)
    out = custom_train_functions.apply_noise_offset(torch.zeros(shape), drawn, offset, None)
    return {"shape": shape[1:], "offset": offset, "noise_seed": noise_seed, "seed": seed, "noise": out.flatten().tolist()}


def flip():
    width, height = 24, 16
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    image = ((x * 7 + y * 13 + c * 29 + x * y) % 256).astype(np.uint8)
    DiagonalGaussianDistribution.sample = DiagonalGaussianDistribution.mode
    vae = AutoencoderKL.from_pretrained(MODEL / "vae", torch_dtype=torch.float32).eval()
    info = SimpleNamespace(absolute_path=None, image=image, bucket_reso=(width, height), resized_size=(width, height),
                           resize_interpolation=None)
    train_util.IMAGE_TRANSFORMS = lambda picture: torch.tensor(picture.copy()).permute(2, 0, 1).float() / 127.5 - 1.0
    train_util.cache_batch_latents(vae, False, [info], True, False, False)
    return {"flip.mean": info.latents, "flip.mirrored": info.latents_flipped}


def clip_skip():
    text = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    if not hasattr(text, "text_model"):
        text.__dict__["text_model"] = text
    ids = torch.arange(3, 80)[None, None]
    strategy = strategy_sd.SdTextEncodingStrategy(clip_skip=2)
    tokenize = SimpleNamespace(tokenizer=SimpleNamespace(model_max_length=77))
    with torch.no_grad():
        return {"clip_skip.2": strategy.encode_tokens(tokenize, [text], [ids])[0]}


if __name__ == "__main__":
    keys = sorted(set(re.findall(r'"(ss_[a-z0-9_]+)"', (SOURCE / "train_network.py").read_text())))
    minimum = [getattr(train_util, name) for name in dir(train_util) if name.startswith("SS_METADATA_KEY")]
    out = {"buckets": buckets(), "noise": noise(), "keys": sorted({*keys, *minimum})}
    (HERE / "sd_scripts.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    tensors = flip() | clip_skip()
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, HERE / "sd_scripts.safetensors")
    print(len(out["keys"]), {key: tuple(value.shape) for key, value in tensors.items()})
