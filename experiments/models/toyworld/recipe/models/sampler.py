"""The noise schedule that the UNet is trained with, and how pictures are drawn with it."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from data.pictures import to_images
from models import tokenizer as tokens
from models import unet, vae
from models.text import load_text

STEPS, GUIDANCE = 25, 5.0
# Pictures denoised at once, and latents decoded at once.
BATCH, DECODED = 32, 8


def schedule():
    """Stable Diffusion's noise schedule. Velocity, as in 2.x, is better conditioned at high noise."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )


@dataclass
class Sampler:
    """The parts of the model that draw pictures."""

    unet: UNet2DConditionModel
    text: CLIPTextModel
    vae: AutoencoderKL
    tokenizer: CLIPTokenizer

    @classmethod
    def load(cls, run):
        """The trained parts in the run's folder."""
        return cls(unet.load(run), load_text(run), vae.load(run), tokens.load(run))

    @torch.no_grad()
    def draw(self, run, words, seeds):
        """uint8 pictures, one for each prompt and seed (DDIM, 25 steps, guidance 5)."""
        images, noise = [], schedule()
        for i in range(0, len(words), BATCH):
            z = self.denoise(run, noise, words[i : i + BATCH], seeds[i : i + BATCH])
            for piece in (z / self.vae.config.scaling_factor).split(DECODED):
                with run.machine.autocast():
                    x = piece.contiguous(memory_format=torch.channels_last)
                    images.extend(to_images(self.vae.decode(x).sample))
            run.stop.check()
        return images

    def denoise(self, run, noise, words, seeds):
        """Latents (n, 4, side/8, side/8) of prompts, with classifier-free guidance."""
        shape = (4, run.settings.side // 8, run.settings.side // 8)
        own = [torch.Generator().manual_seed(seed) for seed in seeds]
        z = run.machine.put(torch.stack([torch.randn(shape, generator=generator) for generator in own]))
        ids = run.machine.put(tokens.encode(self.tokenizer, [*words, *[""] * len(words)]))
        with run.machine.autocast():
            context = self.text(input_ids=ids).last_hidden_state.float()
        noise.set_timesteps(STEPS)
        for t in noise.timesteps:
            with run.machine.autocast():
                both = torch.cat([z, z]).contiguous(memory_format=torch.channels_last)
                out = self.unet(both, t, context).sample
            with_words, without = out.float().chunk(2)
            z = noise.step(without + GUIDANCE * (with_words - without), t, z).prev_sample
        return z
