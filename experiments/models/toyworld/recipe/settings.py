"""The sizes of a training run. One preset per kind of machine; every number that shapes the result is here."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Settings:
    # Data: pictures to train on, to validate on, and of people (each seen PER_PERSON times) for the identity score.
    images: int
    validation: int
    people: int
    per_person: int = 4
    figurines: float = 0.70
    headwear: float = 0.50
    held: float = 0.50
    side: int = 128
    # Models.
    text_width: int = 128
    text_layers: int = 4
    unet_channels: tuple = (64, 128, 192)
    vae_channels: tuple = (16, 32, 64, 128)
    # Optimisation. Learning rates are AdamW's; Muon's matrices get the same RMS.
    vae_batch: int = 8
    clip_batch: int = 192
    unet_batch: int = 32
    # Micro-batches of a step, which two processes can share.
    vae_parts: int = 2
    tags_parts: int = 2
    unet_parts: int = 4
    probe_batch: int = 48
    vae_rate: float = 1.6e-3
    decoder_rate: float = 1e-3
    clip_rate: float = 2e-3
    unet_rate: float = 2e-3
    probe_rate: float = 2e-3
    ema: float = 0.999
    # Shares of `--hours`: VAE, text and image tower, its tags, probes, UNet, decoder alone.
    shares: tuple = (0.13, 0.045, 0.06, 0.11, 0.615, 0.04)
    # Every attribute's recall when a caption mentions it, before the UNet may start.
    gate: float = 0.95
    # Pictures per attribute in the last count; and prompts per count on the way, and how many counts.
    count_images: int = 256
    counts: int = 2

    def dict(self):
        return asdict(self)


CPU = Settings(images=28_000, validation=1024, people=3000)

# One large GPU: more pictures, a wider UNet (the exported folder stays under 45 MB), larger batches.
GPU = Settings(
    images=200_000,
    validation=2048,
    people=10_000,
    unet_channels=(96, 192, 224),
    vae_batch=64,
    clip_batch=1024,
    unet_batch=512,
    vae_parts=1,
    tags_parts=1,
    unet_parts=1,
    probe_batch=256,
    vae_rate=2e-3,
    unet_rate=3e-3,
    shares=(0.16, 0.06, 0.03, 0.07, 0.60, 0.08),
)

# Proves the whole path, not the picture quality.
SMOKE = Settings(
    images=600,
    validation=64,
    people=40,
    text_layers=2,
    unet_channels=(32, 32, 64),
    vae_channels=(8, 16, 16, 32),
    clip_batch=64,
    unet_batch=16,
    probe_batch=16,
    gate=0.0,
    count_images=2,
    counts=1,
)

PRESETS = {"cpu": CPU, "gpu": GPU, "smoke": SMOKE}
