"""The sizes of a training run. One preset per kind of machine; every number that shapes the result is here."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Settings:
    # Data: pictures to train on, to validate on, and of people (each seen `per_person` times) for the identity score.
    images: int
    validation: int
    people: int
    # How long each stage trains, in seconds; `--hours` stretches them all. `tags` is left out where the text encoder is kept.
    seconds: dict = field(hash=False)
    per_person: int = 4
    figurines: float = 0.70
    headwear: float = 0.50
    held: float = 0.50
    side: int = 128
    # Models. With --init, the widths are those of the model to go on from.
    text_width: int = 128
    text_layers: int = 4
    unet_channels: tuple = (64, 128, 192)
    vae_channels: tuple = (16, 32, 64, 128)
    # Pictures of a step; the VAE takes four times as many crops of a quarter of a picture.
    vae_batch: int = 2
    clip_batch: int = 192
    unet_batch: int = 32
    probe_batch: int = 48
    # Micro-batches of a step, which two processes can share.
    vae_parts: int = 2
    tags_parts: int = 2
    unet_parts: int = 4
    # Learning rates are AdamW's; Muon's matrices get the same RMS.
    vae_rate: float = 1.6e-3
    clip_rate: float = 2e-3
    unet_rate: float = 2e-3
    probe_rate: float = 2e-3
    # How much of its average over steps a model keeps in every step.
    vae_ema: float = 0.999
    clip_ema: float = 0.998
    unet_ema: float = 0.999
    probe_ema: float = 0.99
    # VAE: the share of its time that it sees crops; the weight of the KL divergence; the most noise that the latents of half of the pictures
    # get, in standard deviations, so that the decoder forgives what a sampler gets wrong; the weight of a head's pixels is 1 more than this.
    vae_crops: float = 0.9
    vae_kl: float = 2e-4
    vae_noise: float = 0.06
    vae_face: float = 1.5
    # UNet: the share of captions left out, for guidance. A head is a quarter of the picture and most of what tells one figurine from another:
    # it counts 1 more than `unet_face` once the noise is low enough to tell where it is; above, the weight would only make heads large.
    unet_empty: float = 0.1
    unet_face: float = 3.0
    unet_face_below: int = 800
    # Every attribute's recall when a caption mentions it, before the UNet may start.
    gate: float = 0.95
    # Pictures per attribute in the last count; and how many counts on the way.
    count_images: int = 256
    counts: int = 2

    def dict(self):
        return asdict(self)


# A core or two, from nothing, in hours: the channels are those that learn most in that time. The shipped model's are wider, and a step with them
# takes about twice as long; they come with --init, where the model already knows most of what it is to know.
CPU = Settings(
    images=28_000,
    validation=1024,
    people=3000,
    seconds={"vae": 1800, "clip": 480, "tags": 660, "probes": 1200, "unet": 6660},
)

# One large GPU, 13 minutes of training: what made the shipped model. Its folder has 40.5 MB.
GPU = Settings(
    images=26 * 8192,
    validation=2048,
    people=10_000,
    seconds={"vae": 180, "clip": 22, "tags": 30, "probes": 40, "unet": 530},
    unet_channels=(112, 160, 224),
    vae_channels=(32, 64, 128, 160),
    vae_batch=48,
    clip_batch=1024,
    unet_batch=256,
    probe_batch=256,
    vae_parts=1,
    tags_parts=1,
    unet_parts=1,
    vae_rate=2.5e-3,
    unet_rate=2.5e-3,
    unet_ema=0.9995,
    probe_ema=0.998,
    vae_crops=0.0,
)

# Proves the whole path, not the picture quality.
SMOKE = Settings(
    images=600,
    validation=64,
    people=40,
    seconds={"vae": 30, "clip": 8, "tags": 12, "probes": 20, "unet": 110},
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
