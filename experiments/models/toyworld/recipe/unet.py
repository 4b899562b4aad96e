"""Stage `unet`: velocity prediction on cached latents, conditioned on the frozen text encoder.

The text states are computed on the way (about 4 % of a step) rather than cached: 20 KB a caption would be gigabytes.
"""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

import clip
import count
import tokenizer as tokens
import vae
from world import World

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
EMPTY = 0.1  # share of captions left out, for guidance
# A head is a quarter of the picture and most of what tells one figurine from another. It counts more once the noise is low enough
# to tell where it is: above, the weight would only make heads large.
FACE, FACE_BELOW = 2.0, 800


def focus(side):
    """Weights (side, side) with mean 1, largest in the middle: hats, hands and faces are small, places are learnt anyway."""
    x = (torch.arange(side) + 0.5) / side - 0.5
    middle = torch.exp(-(x[None] ** 2) / (2 * 0.25**2) - x[:, None] ** 2 / (2 * 0.35**2))
    weights = 0.6 + middle
    return weights / weights.mean()


def cover(faces, side):
    """How much of each cell (n, 1, side, side) a face's rectangle (n, 4) covers, 0 to 1."""
    cells = torch.arange(side) / side

    def along(low, high):
        return ((torch.minimum(high[:, None], cells + 1 / side) - torch.maximum(low[:, None], cells)) * side).clamp(0, 1)

    x0, y0, x1, y1 = faces.unbind(1)
    return (along(y0, y1)[:, :, None] * along(x0, x1)[:, None, :])[:, None]


def new(settings):
    return UNet2DConditionModel(
        sample_size=settings.side // 8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=settings.unet_channels,
        layers_per_block=1,
        cross_attention_dim=settings.text_width,
        attention_head_dim=2,  # diffusers reads this as the NUMBER of heads
        norm_num_groups=16,
    )


def load(run):
    return UNet2DConditionModel.from_pretrained(run.path("unet")).to(run.device, memory_format=torch.channels_last).eval()


def train(run, init=None):
    if run.result("unet"):
        return
    s, tokenizer, text = run.settings, tokens.build(run), clip.load_text(run)
    world, validation = World(run, "train"), World(run, "validation")
    ids = tokens.encode(tokenizer, [*world.captions, ""])
    empty = len(ids) - 1
    latents = vae.latents(run, "train")
    schedule = DDIMScheduler(**SCHEDULE)
    schedule.alphas_cumprod = schedule.alphas_cumprod.to(run.device)
    torch.manual_seed(run.seed + 2)
    unet = UNet2DConditionModel.from_pretrained(init / "unet") if init else new(s)
    unet = unet.float().to(run.device, memory_format=torch.channels_last)
    compiled = torch.compile(unet) if run.compile else unet

    middle = focus(s.side // 8)

    def losses(model, z, words, times, noise, weights=1.0):
        """Squared error of the velocity per picture."""
        with torch.no_grad(), run.autocast():
            context = text(input_ids=run.put(words)).last_hidden_state
        noisy = schedule.add_noise(z, noise, times)
        with run.autocast():
            out = model(noisy.contiguous(memory_format=torch.channels_last), times, context.float()).sample
        return ((out.float() - schedule.get_velocity(z, noise, times)).square() * weights).mean((1, 2, 3))

    def step(generator, _progress):
        n = s.unet_batch // s.unet_parts
        chosen = torch.randint(0, len(world), (n,), generator=generator).sort().values
        shuffle = torch.randperm(n, generator=generator)
        words = ids[torch.where(torch.rand(n, generator=generator) < EMPTY, empty, chosen)][shuffle]
        z = run.put(vae.pick(latents, chosen)[shuffle])
        # One timestep from each n-th of the schedule.
        times = ((torch.arange(n) + torch.rand(n, generator=generator)) / n * 1000).long().clamp(max=999)
        seen = cover(world.faces[chosen][shuffle], s.side // 8) * (times < FACE_BELOW)[:, None, None, None]
        weights = run.put(middle * (1 + FACE * seen))
        return losses(compiled, z, words, run.put(times), run.randn(z.shape, generator), weights).mean(), {}

    held = min(256, len(validation))
    generator = torch.Generator().manual_seed(5)
    held_times = torch.randint(0, 1000, (held,), generator=generator)
    held_latents = vae.pick(vae.latents(run, "validation"), range(held))
    held_noise = torch.randn(held_latents.shape, generator=generator)
    held_ids = tokens.encode(tokenizer, validation.captions[:held])

    @torch.no_grad()
    def report(steps, _progress):
        everything = held_latents, held_ids, held_times, held_noise
        parts = [losses(unet, *(run.put(x[i : i + 64]) for x in everything)) for i in range(0, held, 64)]
        table = count.following(run, unet, text, tokenizer, seeds=1, sheet=f"{steps * s.unet_batch:09}")
        shown = {name: f"{row['right']}/{row['n']}" for name, row in table["asked"].items()}
        return {"images": steps * s.unet_batch, "validation": torch.cat(parts).mean().item(), **shown}

    numbers = run.train("unet", {"unet": unet}, s.unet_rate, s.shares[4], step, report, reports=s.counts, ema=s.ema, parts=s.unet_parts)
    unet.save_pretrained(run.path("unet"))
    images = numbers["steps"] * s.unet_batch
    run.finish("unet", **numbers, images=images, images_per_second=images / numbers["seconds"])
