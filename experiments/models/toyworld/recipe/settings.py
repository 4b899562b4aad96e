"""The sizes of a training run. One preset per kind of machine; every number that shapes the result is here."""

from dataclasses import asdict, dataclass, field

# In their order, as the command line names them.
STAGES = "render tokenizer vae latents text probes likeness dino clip unet count export".split()


@dataclass(frozen=True)
class Settings:
    # Data: pictures to train on, to validate on, and people for the identity score (each seen `per_person` times).
    images: int
    validation: int
    people: int
    # How long each stage trains, in seconds. `--hours` stretches them all. A text encoder that is kept has no `text`
    # and no `tags`.
    seconds: dict = field(hash=False)
    per_person: int = 8
    # Shares of the pictures: figurines, and of these with something on the head or in the hand.
    figurines: float = 0.70
    headwear: float = 0.50
    held: float = 0.50
    # Pixels.
    side: int = 128
    # Models. With --init, the widths are those of the model to go on from.
    text_width: int = 128
    text_layers: int = 4
    unet_channels: tuple = (64, 128, 192)
    vae_channels: tuple = (16, 32, 64, 128)
    dino_width: int = 128
    dino_layers: int = 6
    clip_width: int = 128
    clip_layers: int = 6
    # Pictures of a step. The VAE takes four times as many crops of a quarter of a picture.
    vae_batch: int = 2
    text_batch: int = 192
    unet_batch: int = 32
    probe_batch: int = 48
    # Figurines of a step of the identity encoder, and views of each.
    dino_people: int = 16
    dino_views: int = 4
    # The teachers of the identity encoder, and pairs of their step.
    teachers: int = 2
    likeness_batch: int = 64
    clip_batch: int = 96
    # Micro-batches of a step, which two processes can share.
    vae_parts: int = 2
    dino_parts: int = 2
    tags_parts: int = 2
    unet_parts: int = 4
    # Learning rates of AdamW. A matrix under Muon moves by the same RMS.
    vae_rate: float = 1.6e-3
    text_rate: float = 2e-3
    unet_rate: float = 2e-3
    probe_rate: float = 2e-3
    likeness_rate: float = 2e-3
    dino_rate: float = 2e-3
    clip_rate: float = 2e-3
    # How much of their average over steps the weights keep in every step.
    vae_ema: float = 0.999
    unet_ema: float = 0.999
    probe_ema: float = 0.99
    likeness_ema: float = 0.99
    dino_ema: float = 0.995
    clip_ema: float = 0.995
    # VAE: the share of its time that it sees crops, and the weight of the KL divergence.
    vae_crops: float = 0.9
    vae_kl: float = 2e-4
    # Half of the latents get noise of up to this many standard deviations, so that the decoder forgives what a sampler
    # gets wrong. A head's pixels weigh 1 + `vae_face`.
    vae_noise: float = 0.06
    vae_face: float = 1.5
    # UNet: the share of captions left out, for guidance.
    unet_empty: float = 0.1
    # A head is a quarter of the picture and most of what tells one figurine from another. It weighs 1 + `unet_face`
    # at timesteps below this one, where the noise shows where it is. Above, the weight would only make heads large.
    unet_face: float = 3.0
    unet_face_below: int = 800
    # The recall that every attribute needs when a caption mentions it, before the UNet may start.
    gate: float = 0.95
    # Prompts of each group in the last count and in those on the way, and how many counts there are on the way.
    count_images: int = 256
    count_on_the_way: int = 14
    counts: int = 2
    # The sheet shows every n-th of its 32 prompts.
    sheet_every: int = 1

    def dict(self):
        return asdict(self)


# A core or two, from nothing, in hours. The channels are those that learn most in that time. The shipped model's are
# wider, and a step with them takes about twice as long: they come with --init, where the model already knows the world.
CPU = Settings(
    images=28_000,
    validation=1024,
    people=10_000,
    seconds={
        "vae": 1800,
        "text": 480,
        "tags": 660,
        "probes": 1200,
        "likeness": 1500,
        "dino": 1500,
        "clip": 1500,
        "unet": 6660,
    },
)

# One large GPU, 13 minutes of training. These are the numbers of the shipped model; its folder has 40.5 MB.
GPU = Settings(
    images=26 * 8192,
    validation=2048,
    people=10_000,
    seconds={"vae": 180, "text": 22, "tags": 30, "probes": 40, "likeness": 40, "dino": 40, "clip": 40, "unet": 530},
    unet_channels=(112, 160, 224),
    vae_channels=(32, 64, 128, 160),
    vae_batch=48,
    text_batch=1024,
    clip_batch=1024,
    dino_people=256,
    dino_parts=1,
    likeness_batch=256,
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
    seconds={"vae": 30, "text": 8, "tags": 12, "probes": 20, "likeness": 20, "dino": 20, "clip": 20, "unet": 110},
    text_layers=2,
    dino_layers=2,
    clip_layers=2,
    unet_channels=(32, 32, 64),
    vae_channels=(8, 16, 16, 32),
    text_batch=64,
    clip_batch=32,
    dino_people=8,
    likeness_batch=8,
    unet_batch=16,
    probe_batch=16,
    gate=0.0,
    count_images=2,
    count_on_the_way=2,
    counts=1,
    sheet_every=8,
)

PRESETS = {"cpu": CPU, "gpu": GPU, "smoke": SMOKE}
