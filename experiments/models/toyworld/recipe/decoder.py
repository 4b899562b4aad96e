"""Stage `decoder`: the VAE's decoder alone, on the cached latents with a little noise.

The encoder is frozen, so nothing that reads latents changes. Without the encoder a step is cheaper; the noise makes the decoder
forgive what a sampler gets slightly wrong; the loss is L1 without squares, which blurs less.
"""

import torch

import vae
from world import World

NOISE = 0.06  # of the latents' standard deviation


def train(run):
    if run.result("decoder"):
        return
    s, world, validation = run.settings, World(run, "train"), World(run, "validation")
    latents = vae.latents(run, "train")
    model = vae.load(run)
    model.decoder.requires_grad_(True)
    model.post_quant_conv.requires_grad_(True)
    holdout = validation.pictures(range(min(64, len(validation))))
    before = vae.psnr(run, model, holdout)
    crop = s.side // 2

    def step(generator, progress):
        whole = progress > 0.8
        batch = max(2, s.vae_batch // 4) if whole else s.vae_batch
        chosen = torch.randint(0, len(world), (batch,), generator=generator).sort().values
        x, z = world.pictures(chosen, run.device), run.put(vae.pick(latents, chosen))
        if not whole:
            i, j = (torch.randint(0, (s.side - crop) // 8 + 1, (2,), generator=generator)).tolist()
            x = x[:, :, 8 * i : 8 * i + crop, 8 * j : 8 * j + crop]
            z = z[:, :, i : i + crop // 8, j : j + crop // 8]
        z = z + NOISE * torch.rand((), generator=generator) * run.randn(z.shape, generator)
        with run.autocast():
            y = model.decode(run.put(z / model.config.scaling_factor)).sample.float()
        x = run.put(x)
        if not whole:
            # A crop's rim lacks the neighbours it has in a picture.
            x, y = x[:, :, 8:-8, 8:-8], y[:, :, 8:-8, 8:-8]
        error, weight = y - x, vae.edges(x)
        l1 = (error.abs() * weight).mean()
        return l1 + 0.5 * vae.slope(error), {"l1": l1.detach()}

    def report(_step, _progress):
        return {"psnr": vae.psnr(run, model, holdout)}

    parts = {"decoder": model.decoder, "post_quant_conv": model.post_quant_conv}
    numbers = run.train("decoder", parts, s.decoder_rate, s.shares[5], step, report, decay=1e-3, ema=s.ema)
    after = vae.psnr(run, model, holdout)
    # A few minutes may do harm: 5 of them cost 0.27 dB.
    if after > before:
        model.save_pretrained(run.path("vae"))
    run.finish("decoder", **numbers, psnr_before=before, psnr=after, kept=after > before)
