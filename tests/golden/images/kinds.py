"""Images with adapters of every kind: diffusers' StableDiffusionPipeline with peft's or LyCORIS's layers in its UNet.

diffusers 0.42.1, torch 2.15.0, transformers 5.23.0, peft 0.21.2, lycoris-lora 4.1.3. Run: python kinds.py
Uses ../models/sd1 and the adapter files of ../adapters, which those programs wrote. LoRA (with convolutions) and DoRA go
through `load_lora_weights`, peft's LoHa and LoKr through `PeftModel`, LyCORIS's files through
`create_lycoris_from_weights`, whose names of layers begin with `lycoris` where kohya's begin with `lora_unet`.
Writes kinds.json (a list of cases) and kinds.safetensors (one u8 tensor (height, width, 3) per case). The first case of
each sampler is without an adapter.
"""

import json
import pathlib
import tempfile
from functools import reduce

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from lycoris import create_lycoris_from_weights
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent / "models/sd1"
ADAPTERS = HERE.parent / "adapters"
SAMPLERS = {"ddim": (DDIMScheduler, {"clip_sample": False}), "euler": (EulerDiscreteScheduler, {})}
FILES = {
    None: None,
    "lora.safetensors": "diffusers",
    "dora.safetensors": "diffusers",
    "loha/adapter_model.safetensors": "peft",
    "lokr/adapter_model.safetensors": "peft",
    "lokr_tucker/adapter_model.safetensors": "peft",
    "locon_tucker.safetensors": "lycoris",
    "locon_dora.safetensors": "lycoris",
    "loha_tucker.safetensors": "lycoris",
}


def pipeline():
    f32 = {"torch_dtype": torch.float32}
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(MODEL / "vae", **f32),
        text_encoder=CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32),
        tokenizer=CLIPTokenizer.from_pretrained(MODEL / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(MODEL / "unet", **f32),
        scheduler=DDIMScheduler.from_pretrained(MODEL / "scheduler"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def adapt(pipe, file, how):
    if how == "diffusers":
        # diffusers 0.42.1 writes layers of attention with other names than the rest, and reads one kind of name only.
        with safe_open(ADAPTERS / file, "pt") as opened:
            metadata = opened.metadata()
        names = [(".lora.down.", ".lora_A."), (".lora.up.", ".lora_B.")]
        state = {reduce(lambda key, name: key.replace(*name), names, key): value
                 for key, value in load_file(ADAPTERS / file).items()}
        with tempfile.TemporaryDirectory() as folder:
            save_file(state, pathlib.Path(folder) / "adapter.safetensors", metadata=metadata)
            # Lengths (DoRA) cannot be made of weights that are not there yet.
            pipe.load_lora_weights(folder, weight_name="adapter.safetensors", low_cpu_mem_usage=False)
        used = sum("lora_" in name for name, _ in pipe.unet.named_parameters())
        assert used == len(state), (used, len(state))
    elif how == "peft":
        pipe.unet = PeftModel.from_pretrained(pipe.unet, ADAPTERS / pathlib.Path(file).parent).base_model.model.eval()
    elif how == "lycoris":
        state = load_file(ADAPTERS / file)
        names = {key.split(".")[0] for key in state}
        state = {key.replace("lora_unet_", "lycoris_", 1): value.float() for key, value in state.items()}
        network, _ = create_lycoris_from_weights(1.0, file, pipe.unet, weights_sd=state)
        assert len(network.loras) == len(names), (len(network.loras), len(names))
        network.apply_to()
        network.eval()
        pipe.adapter = network


def main():
    cases, tensors = [], {}
    for sampler, (cls, extra) in SAMPLERS.items():
        for place, (file, how) in enumerate(FILES.items()):
            pipe = pipeline()
            adapt(pipe, file, how)
            pipe.scheduler = cls.from_config(pipe.scheduler.config, **extra)
            # LyCORIS itself does not read back lokr_dora.safetensors, whose lengths are those of inputs.
            case = {"file": file, "sampler": sampler, "steps": 7, "width": 32, "height": 24, "seed": 40 + place % 2,
                    "guidance_scale": 5.0, "prompt": "a photo of the red house", "negative_prompt": ""}
            for seed in (40, 41) if file is None else (case["seed"],):
                with torch.no_grad():
                    image = pipe(case["prompt"], negative_prompt="", width=32, height=24, num_inference_steps=7,
                                 guidance_scale=5.0, generator=torch.Generator("cpu").manual_seed(seed)).images[0]
                pixels = torch.from_numpy(np.array(image))
                tensors[str(len(cases))] = pixels.contiguous()
                cases.append(case | {"seed": seed})
                print(sampler, file, "std %.1f" % pixels.float().std())
    save_file(tensors, HERE / "kinds.safetensors")
    (HERE / "kinds.json").write_text(json.dumps(cases, indent=0) + "\n")


if __name__ == "__main__":
    main()
