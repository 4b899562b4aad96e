"""The stages in their order. Each one does nothing where its result is already there."""

from stages import clip, count, export, latents, probes, render, tags, tokenizer, tower, unet, vae


def read_text(run):
    """Stage `clip`. A new text encoder is trained and must pass the gate of `tags`; an initial one is kept."""
    if run.initial.folder("text_encoder"):
        tower.work(run)
    elif not run.results.get("tags"):
        clip.work(run)
        tags.work(run)


STAGES = {
    "render": render.work,
    "tokenizer": tokenizer.work,
    "vae": vae.work,
    "latents": latents.work,
    "clip": read_text,
    "probes": probes.work,
    "unet": unet.work,
    "count": count.work,
    "export": export.work,
}


def run_stages(run, only=None, until=None):
    """Does all stages, or only one, or those up to one."""
    for name in [only] if only else STAGES:
        STAGES[name](run)
        if name == until:
            break
