"""Twenty training steps with the text encoder, and with the other options, on the small models of tests/golden/models.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2; run from the repository root:
    python tests/golden/training/make_options.py
As make.py: f64 from the models' f16 weights and seeded f32 inputs; only results are stored. Each case is also run in
f32, and how far that is from f64 is stored: `f32` of a case has the largest distances of the first gradients, of the
weights and of their change, each as a part of the tensor's norm, and the tensor whose change is farthest.

text, text_2, clip_skip: LoRA in the text encoder, gradients through it, its own learning rate, as
    `train_dreambooth_lora.py --train_text_encoder`; the running mean of diffusers' EMAModel. clip_skip leaves out the
    last layer as sd-scripts' `clip_skip = 2` does (`SdTextEncodingStrategy.encode_tokens`).
output: the base model's own prediction is the target of the photos with other prompts (ai-toolkit's "diff output
    preservation": mse of prediction and prior prediction, times a weight); peft's LoRA+ and rsLoRA; feed-forward layers.
"""

import json
import re
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from peft import LoraConfig
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from transformers import CLIPTextModel

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
STEPS = 20
CHOSEN = {"dtype": torch.float64}
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
FEED_FORWARD = ["ff.net.0.proj", "ff.net.2"]


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(CHOSEN["dtype"])


def randint(seed, high, *shape):
    generator = torch.Generator().manual_seed(seed)
    numbers = [torch.randint(0, high, (1,), generator=generator) for _ in range(torch.Size(shape).numel())]
    return torch.cat(numbers).reshape(shape)


def text_encoder(folder):
    """One of the models has its weights as fp16 variant only."""
    plain = (folder / "model.safetensors").exists()
    return CLIPTextModel.from_pretrained(folder, **({} if plain else {"variant": "fp16"}))


def trainable(network, prefix):
    pairs = {}
    for key, p in network.named_parameters():
        if "lora_" in key:
            module = re.sub(r"\.lora_[AB]\.default\.weight", "", key)
            pairs[f"{prefix}{module}.{'down' if 'lora_A' in key else 'up'}"] = p
    return pairs


def encode(text, ids, clip_skip):
    if not clip_skip:
        return text(ids)[0]
    states = text(ids, output_hidden_states=True).hidden_states
    inner = getattr(text, "text_model", text)
    return inner.final_layer_norm(states[-(clip_skip + 1)])


def far(ours, exact, key, start=None):
    """How far tensors are from the exact ones, the farthest one and its name."""
    part = {}
    for name in (k for k in exact if k.startswith(key)):
        base = exact[name] if start is None else exact[name] - start[name.removeprefix(key)]
        if base.norm() > 0:
            part[name] = ((ours[name] - exact[name]).norm() / base.norm()).item()
    name = max(part, key=part.get)
    return part[name], name


def run(name, case):
    """The case in f64, with how far f32 is from it."""
    CHOSEN["dtype"] = torch.float64
    exact, rows, start = train(case)
    CHOSEN["dtype"] = torch.float32
    single, _, _ = train(case)
    last = f"step{STEPS}."
    update, tensor = far(single, exact, last, start)
    f32 = {"gradient": far(single, exact, "gradient.")[0], "weights": far(single, exact, last)[0],
           "update": update, "tensor": tensor.removeprefix(last)}
    print(name, f32)
    save_file({k: v.float().contiguous() for k, v in exact.items()}, HERE / f"{name}.safetensors")
    return case | {"mask_tokens": {}, "steps": rows, "f32": f32}


def train(case):
    folder = MODELS / case["model"]
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").to(CHOSEN["dtype"]).eval()
    schedule = DDPMScheduler.from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
    unet.requires_grad_(False)
    settings = dict(r=case["rank"], lora_alpha=case["alpha"], init_lora_weights="gaussian", use_rslora=case["rslora"])
    targets = ATTENTION + (FEED_FORWARD if case["targets"] == "attention-ff" else [])
    unet.add_adapter(LoraConfig(target_modules=targets, **settings))
    pairs = trainable(unet, "")
    text = None
    if case["text"]:
        text = text_encoder(folder / "text_encoder").to(CHOSEN["dtype"]).eval()
        text.requires_grad_(False)
        text.add_adapter(LoraConfig(target_modules=["q_proj", "k_proj", "v_proj", "out_proj"], **settings))
        used = text.config.num_hidden_layers - case["clip_skip"]
        own = {key: p for key, p in trainable(text, "").items() if int(re.search(r"layers\.(\d+)\.", key)[1]) < used}
        for key, p in text.named_parameters():
            p.requires_grad_(False)
        pairs |= {f"text_encoder.text_model.{key.removeprefix('text_model.')}": p for key, p in own.items()}
    pairs = dict(sorted(pairs.items()))
    for i, (key, p) in enumerate(pairs.items()):
        p.data = randn(1000 + i, *p.shape) * (1.0 / case["rank"] if key.endswith(".down") else case["up_deviation"])
        p.requires_grad_(True)
    start = {key: p.detach().clone() for key, p in pairs.items()}
    params = list(pairs.values())
    if case["lora_plus"]:
        optimizer = create_loraplus_optimizer(
            unet, torch.optim.AdamW, lr=case["learning_rate"], loraplus_lr_ratio=case["lora_plus"],
            loraplus_weight_decay=case["weight_decay"],
        )
    else:
        groups = [{"params": [p for key, p in pairs.items() if not key.startswith("text_encoder")]}]
        if text is not None:
            own = [p for key, p in pairs.items() if key.startswith("text_encoder")]
            groups.append({"params": own, "lr": case["text_rate"]})
        optimizer = torch.optim.AdamW(groups, lr=case["learning_rate"], weight_decay=case["weight_decay"])
    lr = get_scheduler(case["lr_scheduler"], optimizer, num_warmup_steps=case["warmup"], num_training_steps=STEPS)
    ema = EMAModel(params, decay=case["ema_decay"]) if case["ema_decay"] else None
    out, rows = {}, []
    n, width = case["batch_size"], unet.config.cross_attention_dim
    for step in range(STEPS):
        losses = []
        for micro in range(case["accumulation"]):
            seed = 100_000 + 100 * (step * case["accumulation"] + micro)
            total = n * (2 if case["prior"] else 1)
            latents = randn(seed, total, 4, *case["size"]) * 0.8
            noise = randn(seed + 1, total, 4, *case["size"])
            timesteps = torch.randint(0, 1000, (total,), generator=torch.Generator().manual_seed(seed + 3))
            if case["output"]:
                latents, noise, timesteps = (torch.cat([x[:n], x[:n]]) for x in (latents, noise, timesteps))
            if text is None:
                context = randn(seed + 2, total, 7, width)
            else:
                ids = randint(seed + 4, text.config.vocab_size, total, 7)
                context = encode(text, ids, case["clip_skip"])
            noisy = schedule.add_noise(latents, noise, timesteps)
            v = schedule.config.prediction_type == "v_prediction"
            target = schedule.get_velocity(latents, noise, timesteps) if v else noise
            if case["output"]:
                with torch.no_grad():
                    unet.disable_adapters()
                    if text is not None:
                        text.disable_adapters()
                    base_context = context[n:] if text is None else encode(text, ids[n:], case["clip_skip"])
                    target = torch.cat([target[:n], unet(noisy[n:], timesteps[n:], base_context).sample])
                    unet.enable_adapters()
                    if text is not None:
                        text.enable_adapters()
            prediction = unet(noisy, timesteps, context).sample
            mse = torch.nn.functional.mse_loss
            instance, prior = mse(prediction[:n], target[:n]), None
            loss = instance
            if case["prior"]:
                prior = mse(prediction[n:], target[n:])
                loss = instance + case["prior"] * prior
            (loss / case["accumulation"]).backward()
            losses.append([loss.item(), instance.item(), prior.item() if prior is not None else None])
        if step == 0:
            for key, p in pairs.items():
                out[f"gradient.{key}"] = p.grad.clone()
        norm = torch.nn.utils.clip_grad_norm_(params, case["max_grad_norm"]).item()
        rate = lr.get_last_lr()[0]
        optimizer.step()
        lr.step()
        optimizer.zero_grad()
        if ema:
            ema.step(params)
        mean = [sum(c) / len(c) if c[0] is not None else None for c in zip(*losses)]
        rows.append({"loss": mean[0], "instance_loss": mean[1], "prior_loss": mean[2], "learning_rate": rate, "grad_norm": norm})
    for i, (key, p) in enumerate(pairs.items()):
        out[f"step{STEPS}.{key}"] = p.detach().clone()
        if ema and (i % 7 == 0 or key.endswith("0.self_attn.q_proj.up")):
            out[f"average.{key}"] = ema.shadow_params[i].clone()
    return out, rows, start


BASE = {"model": "sd1", "rank": 1, "alpha": 2.0, "dropout": 0.0, "up_deviation": 0.1, "learning_rate": 1e-3,
        "weight_decay": 1e-2, "lr_scheduler": "cosine", "warmup": 4, "max_grad_norm": 1.0, "batch_size": 2,
        "accumulation": 1, "prior": None, "size": [7, 5], "targets": "attention", "text": False, "text_rate": None,
        "ema_decay": None, "lora_plus": None, "rslora": False, "output": False, "clip_skip": 0}
CASES = {
    "text": BASE | {"text": True, "text_rate": 4e-4, "ema_decay": 0.6, "accumulation": 2},
    "text_2": BASE | {"model": "sd2", "text": True, "text_rate": 1e-3, "size": [8, 12], "batch_size": 3, "output": True,
                      "prior": 0.7, "lr_scheduler": "constant", "warmup": 0},
    "clip_skip": BASE | {"text": True, "text_rate": 4e-4, "clip_skip": 1},
    "output": BASE | {"targets": "attention-ff", "lora_plus": 4.0, "rslora": True, "output": True, "prior": 0.5,
                      "rank": 2, "alpha": 3.0},
}

if __name__ == "__main__":
    (HERE / "options.json").write_text(json.dumps({name: run(name, case) for name, case in CASES.items()}, indent=0) + "\n")
    print({f.name: f.stat().st_size for f in HERE.glob("*.safetensors")})
