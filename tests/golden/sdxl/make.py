"""A small random Stable Diffusion XL model and what diffusers, transformers and peft compute with it.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2; run from the repository root:
    PYTHONHASHSEED=0 python tests/golden/sdxl/make.py
The model's weights are not stored: each tensor is drawn from a seed that its name gives (`drawn`), so the test makes the
same model. Its tokenizers are those of ../models/sd1 and ../models/sd2, whose padding differs as in the real model.
Writes configs.json (files of the model's folder), values.safetensors (inputs, outputs and gradients, computed in f64,
stored in f32; the tensors of an adapter as one, in the order of their names), images.json and images.safetensors (images of StableDiffusionXLPipeline, u8), adapter.safetensors (the
adapter of some images, as diffusers writes it), training.json and training.safetensors (20 training steps), and
sizes.json (numbers and names of the tensors of the real base model).
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UniPCMultistepScheduler,
)
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

torch.set_num_threads(1)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
TOKENIZERS = {"tokenizer": MODELS / "sd1/tokenizer", "tokenizer_2": MODELS / "sd2/tokenizer"}
TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
STEPS = 20


def fnv(text, bits):
    value, prime = (0xCBF29CE484222325, 0x100000001B3) if bits == 64 else (0x811C9DC5, 0x01000193)
    for byte in text.encode():
        value = (value ^ byte) * prime % 2**bits
    return value


def drawn(part, name, shape):
    """A tensor of the model: norms around 1, other vectors around 0, matrices by their number of inputs."""
    draw = torch.randn(shape, generator=torch.Generator().manual_seed(fnv(f"{part}/{name}", 32)))
    if len(shape) == 1:
        draw = draw * 0.2 + 1.0 if "norm" in name and name.endswith("weight") else draw * 0.2
    else:
        draw = draw * (0.9 / (np.prod(shape[1:]) ** 0.5))
    return draw.half().float()


def fill(part, model):
    for name, p in model.named_parameters():
        p.data = drawn(part, name, p.shape)
    return model.eval()


def config(model):
    text = model.config.to_json_string() if hasattr(model.config, "to_json_string") else model.to_json_string()
    return json.loads(text)


def models():
    first, second = (len(CLIPTokenizer.from_pretrained(path)) for path in TOKENIZERS.values())
    text = CLIPTextModel(CLIPTextConfig(vocab_size=first, hidden_size=12, intermediate_size=24, num_hidden_layers=3,
                                        num_attention_heads=2, hidden_act="quick_gelu", eos_token_id=2))
    text_2 = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=second, hidden_size=20, intermediate_size=40, num_hidden_layers=4, num_attention_heads=2,
        hidden_act="gelu", projection_dim=10, eos_token_id=2, pad_token_id=1))
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(1, 2, 4),
        transformer_layers_per_block=(1, 1, 2), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=10 + 6 * 8, upcast_attention=None)
    vae = AutoencoderKL(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=4,
                        scaling_factor=0.13025, sample_size=32, down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2)
    parts = {"text_encoder": text, "text_encoder_2": text_2, "unet": unet, "vae": vae}
    for name, model in parts.items():
        fill(name, model)
    return parts


def scheduler():
    """`scheduler_config.json` of stable-diffusion-xl-base-1.0."""
    return {"_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
            "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "epsilon",
            "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
            "timestep_spacing": "leading", "trained_betas": None, "use_karras_sigmas": False}


def write_configs(parts):
    transformers, diffusers = (lambda c: ["transformers", c]), (lambda c: ["diffusers", c])
    index = {"_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.19.0.dev0",
             "force_zeros_for_empty_prompt": True, "add_watermarker": None,
             "scheduler": diffusers("EulerDiscreteScheduler"), "unet": diffusers("UNet2DConditionModel"),
             "vae": diffusers("AutoencoderKL"), "text_encoder": transformers("CLIPTextModel"),
             "text_encoder_2": transformers("CLIPTextModelWithProjection"),
             "tokenizer": transformers("CLIPTokenizer"), "tokenizer_2": transformers("CLIPTokenizer")}
    files = {"model_index.json": index, "scheduler/scheduler_config.json": scheduler()}
    files |= {f"{name}/config.json": config(model) for name, model in parts.items()}
    (HERE / "configs.json").write_text(json.dumps(files, indent=1) + "\n")


def pipeline(parts, **settings):
    tokenizers = {name: CLIPTokenizer.from_pretrained(path) for name, path in TOKENIZERS.items()}
    pipe = StableDiffusionXLPipeline(**parts, **tokenizers, scheduler=EulerDiscreteScheduler.from_config(scheduler()),
                                     add_watermarker=False, **settings)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def add_adapter(unet, deviation=None):
    """A peft adapter whose tensors are drawn from the places of their names; returns them by our names."""
    unet.add_adapter(LoraConfig(r=2, lora_alpha=4, target_modules=TARGETS))
    pairs = {}
    for name, p in unet.named_parameters():
        if "lora_" in name:
            module = re.sub(r"\.lora_[AB]\.default\.weight", "", name)
            pairs[f"{module}.{'down' if 'lora_A' in name else 'up'}"] = p
    pairs = dict(sorted(pairs.items()))
    for i, (name, p) in enumerate(pairs.items()):
        scale = 0.5 if name.endswith(".down") else 0.2 if deviation is None else deviation
        p.data = (randn(1000 + i, *p.shape) * scale).to(p.dtype)
    return pairs


PROMPTS = ["a photo of the red house!", ""]
# Original height and width, top and left, target height and width.
SIZES = [[1333, 999, 0, 171, 16, 12], [16, 12, 0, 0, 16, 12]]


def values():
    parts = {name: model.double() for name, model in models().items()}
    pipe, out = pipeline(parts), {}
    store = lambda k, v: out.__setitem__(k, v.detach().float().contiguous().clone())
    for number, (name, tokenizer) in enumerate([("tokenizer", pipe.tokenizer), ("tokenizer_2", pipe.tokenizer_2)]):
        out[f"{name}.ids"] = tokenizer(PROMPTS, padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        context, negative, pooled, negative_pooled = pipe.encode_prompt(PROMPTS, device="cpu")
        assert not negative.any() and not negative_pooled.any()
        store("context", context)
        store("pooled", pooled)
        # The other rule for the end of a prompt: its id, here that of the tokenizer.
        fill("text_encoder_2", other := CLIPTextModelWithProjection(CLIPTextConfig.from_dict(
            parts["text_encoder_2"].config.to_dict() | {"eos_token_id": pipe.tokenizer_2.eos_token_id})))
        end = other.double()(out["tokenizer_2.ids"]).text_embeds
        assert torch.equal(end, pooled)
        sizes = torch.tensor(SIZES, dtype=torch.float64)
        more = {"text_embeds": pooled, "time_ids": sizes}
        unet, times = parts["unet"], torch.tensor([7.0, 981.0])
        latents = randn(5, 2, 4, 8, 12)
        store("prediction", unet(latents, times, context, added_cond_kwargs=more).sample)
        odd = {"text_embeds": pooled[1:], "time_ids": sizes[1:]}
        store("odd.prediction",
              unet(randn(6, 1, 4, 7, 5), torch.tensor([500.0]), context[1:], added_cond_kwargs=odd).sample)
    text_gradients(parts, out)
    pairs = add_adapter(unet)
    unet.double().eval()
    prediction = unet(latents, times, context, added_cond_kwargs=more).sample
    store("adapted.prediction", prediction)
    loss = torch.nn.functional.mse_loss(prediction, randn(7, 2, 4, 8, 12))
    store("adapted.loss", loss)
    loss.backward()
    store("gradients", torch.cat([p.grad.flatten() for p in pairs.values()]))
    save_file(out, HERE / "values.safetensors")


def text_gradients(parts, out):
    """The gradients of adapters in both text encoders, through the UNet, as train_dreambooth_lora_sdxl.py trains them."""
    encoders = {name: parts[name] for name in ("text_encoder", "text_encoder_2")}
    pairs = {}
    for name, encoder in encoders.items():
        encoder.add_adapter(LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "k_proj", "v_proj", "out_proj"]))
        encoder.double().eval()
        for key, p in encoder.named_parameters():
            if "lora_" in key:
                module = re.sub(r"\.lora_[AB]\.default\.weight", "", key.removeprefix("text_model."))
                pairs[f"{name}.text_model.{module}.{'down' if 'lora_A' in key else 'up'}"] = p
    # The first text encoder's last layer is behind the states that are used.
    pairs = {key: p for key, p in sorted(pairs.items()) if not key.startswith("text_encoder.text_model.encoder.layers.2.")}
    for i, (key, p) in enumerate(pairs.items()):
        p.data = randn(2000 + i, *p.shape) * (0.5 if key.endswith(".down") else 0.2)
    # encode_prompt of the script
    states = []
    for name, encoder in encoders.items():
        result = encoder(out["tokenizer.ids" if name == "text_encoder" else "tokenizer_2.ids"], output_hidden_states=True)
        states.append(result.hidden_states[-2])
    more = {"text_embeds": result.text_embeds, "time_ids": torch.tensor(SIZES, dtype=torch.float64)}
    prediction = parts["unet"](randn(5, 2, 4, 8, 12), torch.tensor([7.0, 981.0]), torch.cat(states, dim=-1),
                               added_cond_kwargs=more).sample
    loss = torch.nn.functional.mse_loss(prediction, randn(7, 2, 4, 8, 12))
    loss.backward()
    out["text.loss"] = loss.detach().float()
    out["text.gradients"] = torch.cat([p.grad.float().flatten() for p in pairs.values()])


SAMPLERS = {
    "euler": (EulerDiscreteScheduler, {}),
    "ddim": (DDIMScheduler, {"clip_sample": False}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {}),
    "unipc": (UniPCMultistepScheduler, {}),
}


def images():
    parts, cases, tensors = models(), [], {}
    pipe = pipeline(parts)

    def draw(sampler, steps, size, seeds, guidance, negative, adapter, zeros=True):
        cls, extra = SAMPLERS[sampler]
        pipe.scheduler = cls.from_config(scheduler(), **extra)
        # As `force_zeros_for_empty_prompt = true` has it: without a negative prompt there are zeros.
        nothing = None if zeros else ""
        result = pipe("a photo of the red house", negative_prompt=negative or nothing, width=size[0], height=size[1],
                      num_inference_steps=steps, guidance_scale=guidance, num_images_per_prompt=len(seeds),
                      generator=[torch.Generator().manual_seed(seed) for seed in seeds], output_type="pil").images
        for seed, image in zip(seeds, result):
            pixels = torch.from_numpy(np.array(image))
            clipped = ((pixels == 0) | (pixels == 255)).float().mean()
            print(sampler, steps, adapter, "std %.1f, clipped %.2f" % (pixels.float().std(), clipped))
            tensors[f"{len(cases)}.{seed}"] = pixels.contiguous()
        cases.append({"sampler": sampler, "steps": steps, "width": size[0], "height": size[1], "seeds": seeds,
                      "guidance_scale": guidance, "negative_prompt": negative, "adapter": adapter, "zeros": zeros})

    for adapter in (False, True):
        if adapter:
            add_adapter(pipe.unet)
            state = convert_state_dict_to_diffusers(get_peft_model_state_dict(pipe.unet))
            StableDiffusionXLPipeline.save_lora_weights(
                HERE, unet_lora_layers={k: v.half() for k, v in state.items()}, weight_name="adapter.safetensors",
                unet_lora_adapter_metadata=pipe.unet.peft_config["default"].to_dict())
            for p in pipe.unet.parameters():
                p.data = p.data.half().float()
        draw("euler", 7, (40, 24), [1, 2], 5.0, "", adapter)
        draw("ddim", 5, (24, 32), [3], 7.5, "water", adapter)
        if not adapter:
            draw("euler", 7, (40, 24), [1], 5.0, "", adapter, zeros=False)
            draw("euler-a", 6, (32, 24), [4], 5.0, "", adapter)
            draw("dpm++2m", 9, (32, 32), [5], 7.5, "", adapter)
            draw("unipc", 8, (24, 24), [6], 1.0, "", adapter)
    save_file(tensors, HERE / "images.safetensors")
    (HERE / "images.json").write_text(json.dumps(cases, indent=0) + "\n")


def optimizer_step(prediction, noise, optimizer, params):
    """The rest of a step of train_dreambooth_lora_sdxl.py: the second half of the batch are class images."""
    prediction, prior = prediction.chunk(2, dim=0)
    target, prior_target = noise.chunk(2, dim=0)
    instance_loss = torch.nn.functional.mse_loss(prediction, target)
    prior_loss = torch.nn.functional.mse_loss(prior, prior_target)
    loss = instance_loss + prior_loss
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(params, 1.0).item()
    optimizer.step()
    optimizer.zero_grad()
    return {"loss": loss.item(), "instance_loss": instance_loss.item(), "prior_loss": prior_loss.item(), "grad_norm": norm}


def training():
    """The loop of train_dreambooth_lora_sdxl.py with prior preservation, on drawn latents and conditions."""
    unet = models()["unet"].double()
    unet.requires_grad_(False)
    pairs = add_adapter(unet, deviation=0.0)
    unet.double().eval()
    params = list(pairs.values())
    for p in params:
        p.requires_grad_(True)
    noise_scheduler = DDPMScheduler.from_config(scheduler())
    optimizer = torch.optim.AdamW(params, lr=1e-3, weight_decay=1e-4)
    rows = []
    for step in range(STEPS):
        seed = 100_000 + 100 * step
        latents, noise = randn(seed, 4, 4, 6, 8) * 0.8, randn(seed + 1, 4, 4, 6, 8)
        context, pooled = randn(seed + 2, 4, 7, 32), randn(seed + 4, 4, 10)
        timesteps = torch.randint(0, 1000, (4,), generator=torch.Generator().manual_seed(seed + 3))
        sizes = torch.randint(0, 1500, (4, 6), generator=torch.Generator().manual_seed(seed + 5)).double()
        noisy = noise_scheduler.add_noise(latents, noise, timesteps)
        prediction = unet(noisy, timesteps, context,
                          added_cond_kwargs={"time_ids": sizes, "text_embeds": pooled}).sample
        rows.append(optimizer_step(prediction, noise, optimizer, params))
    trained = torch.cat([p.detach().float().flatten() for p in params])
    save_file({"trained": trained}, HERE / "training.safetensors")
    (HERE / "training.json").write_text(json.dumps(rows, indent=0) + "\n")


def sizes():
    """The tensors of stable-diffusion-xl-base-1.0 by its published configurations, and layers for adapters."""
    with torch.device("meta"):
        parts = {
            "unet": UNet2DConditionModel(
                sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                attention_head_dim=(5, 10, 20), transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
                addition_embed_type="text_time", addition_time_embed_dim=256,
                projection_class_embeddings_input_dim=2816),
            "vae": AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
                                 down_block_types=("DownEncoderBlock2D",) * 4,
                                 up_block_types=("UpDecoderBlock2D",) * 4, scaling_factor=0.13025),
            "text_encoder": CLIPTextModel(CLIPTextConfig(
                vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                num_attention_heads=12)),
            "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(
                vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                num_attention_heads=20, hidden_act="gelu", projection_dim=1280)),
        }
    out = {}
    for name, model in parts.items():
        state = sorted((k, list(v.shape)) for k, v in model.state_dict().items())
        numbers = sum(torch.Size(s).numel() for _, s in state)
        lines = "".join(f"{k} {s}\n" for k, s in state)
        out[name] = {"tensors": len(state), "numbers": numbers, "fnv": f"{fnv(lines, 64):016x}"}
    adapted = sorted(k for k, _ in parts["unet"].named_modules() if k.endswith(tuple("." + t for t in TARGETS)))
    out["adapter"] = {"layers": len(adapted), "fnv": f"{fnv(''.join(k + chr(10) for k in adapted), 64):016x}"}
    (HERE / "sizes.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    write_configs(models())
    values()
    images()
    training()
    sizes()
    print({f.name: f.stat().st_size for f in sorted(HERE.iterdir())})
