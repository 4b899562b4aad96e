"""The stages in their order. Each one does nothing where its result is already there."""

import shutil

from stages import clip, count, dino, export, latents, likeness, probes, render, tags, text, tokenizer, unet, vae


def read_text(run):
    """Stage `text`. A new text encoder is trained and must pass the gate of `tags`; an initial one is kept."""
    if kept := run.initial.folder("text_encoder"):
        shutil.copytree(kept, run.folder.path("text_encoder"), dirs_exist_ok=True)
    elif not run.results.get("tags"):
        text.work(run)
        tags.work(run)


STAGES = {
    "render": render.work,
    "tokenizer": tokenizer.work,
    "vae": vae.work,
    "latents": latents.work,
    "text": read_text,
    "probes": probes.work,
    "likeness": likeness.work,
    "dino": dino.work,
    "clip": clip.work,
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
