"""The text encoder: built and loaded, and its state at the end of each caption."""

import torch
from transformers import CLIPTextConfig, CLIPTextModel

from models.tokenizer import LENGTH


def new_text(settings, tokenizer):
    width = settings.text_width
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=width // 32,
            max_position_embeddings=LENGTH,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            projection_dim=width,
        )
    )


def load_text(run):
    """The trained text encoder, frozen."""
    text = CLIPTextModel.from_pretrained(run.folder.path("text_encoder"))
    return text.float().to(run.machine.device).eval().requires_grad_(False)


def ends(ids, end):
    """Where each caption (n, length) has its first end token, int64 (n)."""
    return (ids == end).int().argmax(1)


@torch.no_grad()
def states_at_end(run, text, ids, end):
    """The last hidden state at the end token of each caption, float (n, width) on the device."""
    parts = []
    for part in ids.split(256):
        with run.machine.autocast():
            states = text(input_ids=run.machine.put(part)).last_hidden_state.float()
        parts.append(states[torch.arange(len(part)), ends(part, end)])
    return torch.cat(parts)
