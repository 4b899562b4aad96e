"""Makes the golden numbers of the measures of features and of collapsed images with numpy and scipy.

    /tmp/t18/venv/bin/python tests/golden/metrics/make_features.py

numpy 2.4.6, scipy 1.17.1. Writes `features.json` beside itself. The definitions are those of docs/measures.md, written
in the slowest way: every subset of photos, and every draw of the bootstrap over photos.
"""

import itertools
import json
import pathlib
import sys

import numpy as np
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from splitmix import SplitMix  # noqa: E402

HERE = pathlib.Path(__file__).parent
DIM = 6
rng = np.random.default_rng(20)


def features(count, near, spread):
    """Multiples of 1/64 around a direction: f32 holds them exactly."""
    return np.round((near + spread * rng.normal(size=(count, DIM))) * 64) / 64


subject, common = np.array([1.0, 0.8, -0.5, 0, 0, 0.2]), np.array([0, 0.3, 0.5, 1.0, -0.6, 0])
train = {"plain": features(5, subject, 0.2), "mirrored": features(5, subject, 0.25)}
held_out = {"plain": features(4, subject, 0.2), "mirrored": features(4, subject, 0.25)}
largest = {"plain": features(7, subject, 0.2), "mirrored": features(7, subject, 0.25)}
texts = features(2, 0.3 * subject + 0.4 * common, 0.2)
by_name = features(3, 0.5 * subject + 0.5 * common, 0.2)
# (what it shows, prompt, image, base, floor)
images = []
for prompt in range(2):
    for _ in range(3):
        one, base, floor = (features(1, at, 0.3)[0] for at in (0.7 * subject + 0.3 * common, common, common))
        images.append(("subject", prompt, one, base, floor))
for _ in range(3):
    images.append(("class", 0, features(1, common + 0.2 * subject, 0.3)[0], features(1, common, 0.3)[0], None))
images.append(("other", 1, features(1, common, 0.3)[0], features(1, common, 0.3)[0], None))


def cos(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def score(picture, photos):
    return np.mean([cos(picture, photo) for photo in photos])


def of(shows, which):
    return [image[which] for image in images if image[0] == shows]


def nearest(picture, photos, which, k):
    """The largest cosine to k photos, averaged over all subsets of k photos."""
    cosines = [max(cos(picture, photos["plain"][i]), cos(picture, photos["mirrored"][i])) for i in which]
    return np.mean([max(subset) for subset in itertools.combinations(cosines, k)])


def gap(picture, held, k):
    return nearest(picture, train, range(len(train["plain"])), k) - nearest(picture, held_out, held, k)


def lower_limit(number):
    """Every draw with repetition of the held-out photos, each as likely as the others."""
    n = len(held_out["plain"])
    values = [number(list(draw)) for draw in itertools.product(range(n), repeat=n)]
    values = sorted(value for value in values if value is not None)
    return values[int(np.floor(0.025 * len(values)))]


def range_of(draw):
    photos = held_out["plain"]
    pairs = [cos(photos[a], photos[b]) for i, a in enumerate(draw) for b in draw[:i] if a != b]
    floor = np.mean([score(picture, photos[draw]) for picture in of("subject", 4)])
    return np.mean(pairs) - floor if pairs else None


def leak_of(photos):
    mean = lambda shows, which: np.mean([score(picture, photos) for picture in of(shows, which)])
    return (mean("class", 2) - mean("class", 3)) / (mean("subject", 2) - mean("subject", 4))


def leak_low():
    """The leak when images of the class, images of the subject and photos are drawn anew, 2,000 times; the limit lies
    further out than the percentile, as docs/verdict.md says of few photos and images."""
    photos, random, leaks = held_out["plain"], SplitMix(9), []
    gain = lambda image, instead, photo: cos(image, photo) - cos(instead, photo)
    two = lambda shows, instead: list(zip(of(shows, 2), of(shows, instead)))
    pairs = {"class": two("class", 3), "subject": two("subject", 4)}
    draw = lambda items: [items[random.below(len(items))] for _ in items]
    for _ in range(2000):
        drawn = {shows: draw(pairs[shows]) for shows in ("class", "subject")}
        those = draw(list(photos))
        mean = lambda shows: np.mean([gain(*pair, photo) for pair in drawn[shows] for photo in those])
        leaks.append(mean("class") / mean("subject"))
    n = min(len(pairs["class"]), len(pairs["subject"]), len(photos))
    tail = stats.norm.cdf(-stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)))
    return np.percentile(leaks, 100 * tail)


def variety(which):
    prompts = [[image[which] for image in images if image[:2] == ("subject", prompt)] for prompt in range(2)]
    return np.mean([np.mean([1 - cos(a, b) for a, b in itertools.combinations(prompt, 2)]) for prompt in prompts])


everyone = list(range(4))
k = 3
ceiling = np.mean([score(h, np.delete(held_out["plain"], i, 0)) for i, h in enumerate(held_out["plain"])])
identity = np.mean([score(picture, held_out["plain"]) for picture in of("subject", 2)])
floor = np.mean([score(picture, held_out["plain"]) for picture in of("subject", 4)])
following = [[cos(image[which], texts[image[1]]) for image in images if image[0] == "subject"] for which in (2, 3)]
expected = {
    "identity": identity,
    "identity_train": np.mean([score(picture, train["plain"]) for picture in of("subject", 2)]),
    "identity_floor": floor,
    "identity_name_floor": np.mean([score(picture, held_out["plain"]) for picture in by_name]),
    "identity_ceiling": ceiling,
    "identity_share": (identity - floor) / (ceiling - floor),
    "identity_range_low": lower_limit(range_of),
    "prompt_following": np.mean(following[0]),
    "baseline_prompt_following": np.mean(following[1]),
    "prompt_following_change": np.mean(following[0]) - np.mean(following[1]),
    "copying_gap": np.mean([gap(picture, everyone, k) for picture in of("subject", 2)]),
    "baseline_copying_gap": np.mean([gap(picture, everyone, k) for picture in of("subject", 3)]),
    "held_out_copying_gap": np.mean(
        [gap(held_out["plain"][i], [j for j in everyone if j != i], k) for i in everyone]
    ),
    "feature_variety": variety(2) / variety(3),
    "feature_variety_photos": np.mean([1 - cos(a, b) for a, b in itertools.combinations(held_out["plain"], 2)])
    / variety(3),
    "leak": leak_of(held_out["plain"]),
    "leak_low": leak_low(),
}
# Photos without their background: half of the photo, half of a grey that all share. One held-out photo has no mask.
mask_rng = np.random.default_rng(21)
grey = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0.2])


def without_background(photos):
    noise = mask_rng.normal(size=photos["plain"].shape)
    return np.round((0.7 * photos["plain"] + 0.5 * grey + 0.05 * noise) * 64) / 64


held_out["masked"] = [*without_background(held_out)[:-1], None]
largest["masked"] = list(without_background(largest))


def masked_score(picture, photos):
    return np.mean([cos(picture, photo) for photo in photos if photo is not None])


with_mask = [i for i, photo in enumerate(held_out["masked"]) if photo is not None]
masked = np.mean([masked_score(picture, held_out["masked"]) for picture in of("subject", 2)])
masked_floor = np.mean([masked_score(picture, held_out["masked"]) for picture in of("subject", 4)])
masked_ceiling = np.mean([cos(held_out["plain"][i], held_out["masked"][j]) for i in with_mask for j in with_mask if i != j])
expected_masked = {
    "identity_masked": masked,
    "identity_masked_floor": masked_floor,
    "identity_masked_ceiling": masked_ceiling,
    "identity_masked_share": (masked - masked_floor) / (masked_ceiling - masked_floor),
}
first = images[0]
expected_image = {
    "identity": score(first[2], held_out["plain"]),
    "identity_floor": score(first[4], held_out["plain"]),
    "identity_train": score(first[2], train["plain"]),
    "identity_masked": masked_score(first[2], held_out["masked"]),
    "identity_masked_floor": masked_score(first[4], held_out["masked"]),
    "copying_gap": gap(first[2], everyone, k),
    "prompt_following": cos(first[2], texts[0]),
    "baseline_prompt_following": cos(first[3], texts[0]),
}


def plain(value):
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


golden = {
    "train": {name: plain(value) for name, value in train.items()},
    "held_out": {name: plain(value) for name, value in held_out.items()},
    "largest": {name: plain(value) for name, value in largest.items()},
    "texts": plain(texts),
    "by_name": plain(by_name),
    "images": [dict(zip(("shows", "prompt", "image", "base", "floor"), map(plain, image))) for image in images],
    "expected": {name: float(value) for name, value in expected.items()},
    "expected_masked": {name: float(value) for name, value in expected_masked.items()},
    "masked_ceiling_of_one": float(masked_score(held_out["plain"][0], largest["masked"])),
    "expected_image": {name: float(value) for name, value in expected_image.items()},
    # With one held-out photo, the first, the ceiling is its likeness to the photos of the largest size.
    "ceiling_of_one": float(score(held_out["plain"][0], largest["plain"])),
}

# Collapsed images: pixels in the order of rows, 0 to 255; SSIM, which is measured along with them, needs 11 pixels.
pixels = rng.integers(0, 256, size=(11, 12, 3))
levels = pixels / 255.0
steps = np.concatenate([np.diff(levels, axis=0).ravel(), np.diff(levels, axis=1).ravel()])
golden["pixels"] = {
    "width": 12,
    "height": 11,
    "levels": pixels.ravel().tolist(),
    "contrast": float(np.sqrt(levels.var(axis=(0, 1)).mean())),
    "roughness": float((steps**2).mean() / (2 * levels.var(axis=(0, 1)).mean())),
}
(HERE / "features.json").write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
