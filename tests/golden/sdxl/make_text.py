"""Twenty training steps of the small Stable Diffusion XL model of make.py with adapters in the UNet and both text encoders.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2; run from the repository root:
    python tests/golden/sdxl/make_text.py
The loop of `train_dreambooth_lora_sdxl.py --train_text_encoder --with_prior_preservation`, on drawn latents, token ids
and sizes, with a learning rate of its own for the text encoders, in f64. `text_training.safetensors` has the trained
tensors as one, in the order of their names; `text_training.json` the losses and norms of the steps, and how far the same
training in f32 is from f64: the change of all weights together, and of the tensor that is farthest.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import make  # noqa: E402

STEPS = 20
CHOSEN = {"dtype": torch.float64}


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(CHOSEN["dtype"])


def randint(seed, high, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.tensor([torch.randint(0, high, (1,), generator=generator).item() for _ in range(torch.Size(shape).numel())]).reshape(shape)


def adapters(parts):
    """peft adapters by our names: the first text encoder's last layer is behind the states that are used."""
    pairs = {}
    for part in ("unet", "text_encoder", "text_encoder_2"):
        model = parts[part]
        model.requires_grad_(False)
        targets = make.TARGETS if part == "unet" else ["q_proj", "k_proj", "v_proj", "out_proj"]
        model.add_adapter(LoraConfig(r=2, lora_alpha=4, target_modules=targets))
        prefix = "" if part == "unet" else f"{part}.text_model."
        for name, p in model.named_parameters():
            p.requires_grad_(False)
            if "lora_" in name:
                module = name.removeprefix("text_model.").replace(".default.weight", "")
                key = prefix + module.replace(".lora_A", ".down").replace(".lora_B", ".up")
                if not key.startswith("text_encoder.text_model.encoder.layers.2."):
                    pairs[key] = p
    pairs = dict(sorted(pairs.items()))
    for i, (key, p) in enumerate(pairs.items()):
        p.data = randn(3000 + i, *p.shape) * (0.5 if key.endswith(".down") else 0.1)
        p.requires_grad_(True)
    return pairs


def train():
    parts = {name: model.to(CHOSEN["dtype"]) for name, model in make.models().items()}
    pairs = adapters(parts)
    for model in parts.values():
        model.to(CHOSEN["dtype"]).eval()
    params = list(pairs.values())
    start = torch.cat([p.detach().flatten().clone() for p in params])
    noise_scheduler = DDPMScheduler.from_config(make.scheduler())
    groups = [{"params": [p for key, p in pairs.items() if not key.startswith("text_encoder")]},
              {"params": [p for key, p in pairs.items() if key.startswith("text_encoder")], "lr": 4e-4}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=1e-4)
    vocabularies = [parts[name].config.vocab_size for name in ("text_encoder", "text_encoder_2")]
    rows = []
    for step in range(STEPS):
        seed = 100_000 + 100 * step
        latents, noise = randn(seed, 4, 4, 6, 8) * 0.8, randn(seed + 1, 4, 4, 6, 8)
        timesteps = torch.randint(0, 1000, (4,), generator=torch.Generator().manual_seed(seed + 3))
        sizes = torch.randint(0, 1500, (4, 6), generator=torch.Generator().manual_seed(seed + 5)).to(latents.dtype)
        # encode_prompt of the script
        states = []
        for place, (name, vocabulary) in enumerate(zip(("text_encoder", "text_encoder_2"), vocabularies)):
            ids = randint(seed + 6 + place, vocabulary, 4, 7)
            result = parts[name](ids, output_hidden_states=True)
            states.append(result.hidden_states[-2])
        more = {"time_ids": sizes, "text_embeds": result.text_embeds}
        noisy = noise_scheduler.add_noise(latents, noise, timesteps)
        prediction = parts["unet"](noisy, timesteps, torch.cat(states, dim=-1), added_cond_kwargs=more).sample
        rows.append(make.optimizer_step(prediction, noise, optimizer, params))
    return {key: p.detach() for key, p in pairs.items()}, start, rows


def joined(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors.values()])


if __name__ == "__main__":
    CHOSEN["dtype"] = torch.float64
    exact, start, rows = train()
    CHOSEN["dtype"] = torch.float32
    single, _, _ = train()
    moved = (joined(exact) - start).norm()
    lengths = [tensor.numel() for tensor in exact.values()]
    starts = dict(zip(exact, start.split(lengths)))
    far = {key: ((single[key] - p).norm() / (p.flatten() - starts[key]).norm()).item() for key, p in exact.items()}
    worst = max(far, key=far.get)
    f32 = {"all": ((joined(single) - joined(exact)).norm() / moved).item(), "worst": far[worst], "tensor": worst}
    print(len(exact), f32)
    save_file({"trained": joined(exact).float()}, HERE / "text_training.safetensors")
    (HERE / "text_training.json").write_text(json.dumps({"steps": rows, "f32": f32}, indent=0) + "\n")
