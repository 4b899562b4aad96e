"""Makes the golden numbers of the metrics with numpy and scikit-image.

    /work/venv/bin/python tests/golden/metrics/make.py

numpy 2.4.6, scikit-image 0.26.0, Pillow 13.0.0. Writes `*.png` and `golden.json` beside itself.
"""

import itertools
import json
import pathlib

import numpy as np
from PIL import Image, ImageFilter
from skimage.metrics import structural_similarity

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)


def picture(width, height, phase):
    y, x = np.mgrid[0:height, 0:width]
    rgb = [127 + 90 * np.sin(x / (5 + c) + phase) * np.cos(y / (9 - c)) + rng.normal(0, 8, x.shape) for c in range(3)]
    return np.stack(rgb, -1).clip(0, 255).astype(np.uint8)


first = picture(61, 45, 0.0)
noisy = (first.astype(float) + rng.normal(0, 20, first.shape)).clip(0, 255).astype(np.uint8)
images = {
    "first": first,
    "noisy": noisy,
    "blurred": np.asarray(Image.fromarray(first).filter(ImageFilter.GaussianBlur(1.5))),
    "other": picture(61, 45, 2.0),
    "inverted": 255 - first,
    "large": picture(150, 131, 0.0),
    "smallest": first[:11, :11],
    "smallest_noisy": noisy[:11, :11],
}
for name, pixels in images.items():
    Image.fromarray(pixels).save(HERE / f"{name}.png", optimize=True)


def thumbnail(pixels):
    """Area average to 64 × 64: every pixel repeated 64 times, then blocks of the image's length averaged."""
    values = pixels.astype(float)
    for axis in (0, 1):
        length = values.shape[axis]
        values = np.moveaxis(np.repeat(values, 64, axis=axis), axis, 0)
        values = np.moveaxis(values.reshape(64, length, *values.shape[1:]).mean(1), 0, axis)
    values = values - values.mean((0, 1))
    return values / np.sqrt((values**2).sum())


def pair(a, b):
    x, y = images[a], images[b]
    case = {"a": a, "b": b, "ncc": float((thumbnail(x) * thumbnail(y)).sum())}
    if x.shape == y.shape:
        case["rmse"] = float(np.sqrt(((x / 255.0 - y / 255.0) ** 2).mean()))
        case["ssim"] = float(
            structural_similarity(
                x, y, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
        )
    return case


def variety(prompts):
    """Mean over prompts of the mean root mean squared difference of two images."""
    pairs = [list(itertools.combinations([images[name] / 255.0 for name in prompt], 2)) for prompt in prompts]
    return float(np.mean([np.mean([np.sqrt(((a - b) ** 2).mean()) for a, b in two]) for two in pairs]))


# By prompt, one image per seed: with the adapter, and the base model's.
drawn = [["first", "noisy", "blurred"], ["smallest", "smallest_noisy"]]
base = [["first", "other", "inverted"], ["smallest_noisy", "smallest"]]
golden = {
    "pairs": [
        pair(a, b)
        for a, b in [
            ("first", "noisy"),
            ("first", "blurred"),
            ("first", "other"),
            ("first", "inverted"),
            ("noisy", "blurred"),
            ("smallest", "smallest_noisy"),
            ("first", "large"),
            ("smallest", "large"),
        ]
    ],
    "variety": {"images": drawn, "base": base, "variety": variety(drawn), "baseline_variety": variety(base)},
}
(HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
