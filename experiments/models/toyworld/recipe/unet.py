"""Stage `unet`: velocity prediction on cached latents, conditioned on the frozen text encoder.

The text states are computed on the way (about 4 % of a step) rather than cached: 20 KB a caption would be gigabytes.
"""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

import clip
import count
import tokenizer as tokens
import trainer
import vae
from world import cover, rendered

# Stable Diffusion's noise schedule; velocity as in 2.x, better conditioned at high noise for little compute.
SCHEDULE = dict(
    num_train_timesteps=1000,
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    clip_sample=False,
    set_alpha_to_one=False,
    steps_offset=1,
    prediction_type="v_prediction",
)


def focus(side):
    """Weights (side, side) with mean 1, largest in the middle: hats, hands and faces are small, places are learnt anyway."""
    x = (torch.arange(side) + 0.5) / side - 0.5
    middle = torch.exp(-(x[None] ** 2) / (2 * 0.25**2) - x[:, None] ** 2 / (2 * 0.35**2))
    weights = 0.6 + middle
    return weights / weights.mean()


def new(settings, text_width):
    return UNet2DConditionModel(
        sample_size=settings.side // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=settings.unet_channels,
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=2,  # diffusers reads this as the NUMBER of heads
        norm_num_groups=16,
    )


def load(run):
    return UNet2DConditionModel.from_pretrained(run.path("unet")).to(run.device, memory_format=torch.channels_last).eval()


class Task:
    """What a training step of the UNet is given, and how its answer is judged."""

    def __init__(self, run, text, unet):
        self.run, self.s, self.text, self.unet = run, run.settings, text, unet
        self.world, self.latents = rendered(run, "train"), vae.latents(run, "train")
        self.ids = torch.cat([tokens.captions(run, "train"), tokens.encode(tokens.build(run), [""])])
        self.alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod.to(run.device)
        self.middle = focus(self.s.side // 8).to(run.device)

    def draw(self, generator, _progress):
        run, s = self.run, self.s
        n, empty = s.unet_batch // s.unet_parts, len(self.ids) - 1
        chosen = torch.randint(0, len(self.world), (n,), generator=generator).sort().values
        shuffle = torch.randperm(n, generator=generator)
        words = self.ids[torch.where(torch.rand(n, generator=generator) < s.unet_empty, empty, chosen)][shuffle]
        z = vae.pick(self.latents, chosen)[shuffle]
        # One timestep from each n-th of the schedule.
        times = ((torch.arange(n) + torch.rand(n, generator=generator)) / n * 1000).long().clamp(max=999)
        return z, self.read(words), times, run.randn(z.shape, generator), self.world.faces[chosen][shuffle]

    @torch.no_grad()
    def read(self, words):
        with self.run.autocast():
            return self.text(input_ids=self.run.put(words)).last_hidden_state.float()

    def loss(self, z, context, times, noise, faces):
        seen = cover(faces, z.shape[-1]) * (times < self.s.unet_face_below)[:, None, None, None]
        return (self.errors(self.unet, z, context, times, noise) * self.middle * (1 + self.s.unet_face * seen)).mean(), {}

    def errors(self, unet, z, context, times, noise):
        """Squared errors of the velocity."""
        a = self.alphas[times][:, None, None, None]
        with self.run.autocast():
            out = unet(self.run.put(a.sqrt() * z + (1 - a).sqrt() * noise), times, context).sample
        return (out.float() - (a.sqrt() * noise - (1 - a).sqrt() * z)).square()


def train(run):
    if run.result("unet"):
        return
    s, tokenizer, text, validation = run.settings, tokens.build(run), clip.load_text(run), rendered(run, "validation")
    torch.manual_seed(run.seed + 2)
    init = run.initial("unet")
    unet = UNet2DConditionModel.from_pretrained(init) if init else new(s, text.config.hidden_size)
    unet = unet.float().to(run.device, memory_format=torch.channels_last)
    task = Task(run, text, torch.compile(unet, dynamic=False) if run.compile else unet)

    held = min(256, len(validation))
    generator = torch.Generator().manual_seed(5)
    held_times = torch.randint(0, 1000, (held,), generator=generator)
    held_latents = vae.pick(vae.latents(run, "validation"), range(held))
    held_noise = torch.randn(held_latents.shape, generator=generator)
    held_ids = tokens.captions(run, "validation")[:held]

    @torch.no_grad()
    def report(steps):
        parts = zip(*(run.put(x).split(64) for x in (held_latents, held_ids, held_times, held_noise)))
        errors = [task.errors(unet, z, task.read(ids), times, noise).mean((1, 2, 3)) for z, ids, times, noise in parts]
        table = count.following(run, unet, text, tokenizer, seeds=1, sheet=f"{steps * s.unet_batch:09}")
        shown = {name: f"{row['right']}/{row['n']}" for name, row in table["asked"].items()}
        return {"images": steps * s.unet_batch, "validation": torch.cat(errors).mean().item(), **shown}

    options = {"report": report, "reports": s.counts, "ema": s.unet_ema, "parts": s.unet_parts}
    numbers = trainer.train(run, "unet", {"unet": unet}, s.unet_rate, task.draw, task.loss, **options)
    unet.save_pretrained(run.path("unet"))
    images = numbers["steps"] * s.unet_batch
    run.finish("unet", **numbers, images=images, images_per_second=images / numbers["seconds"])
