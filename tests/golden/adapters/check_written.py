"""Loads every kind of adapter file that we write into diffusers or LyCORIS, with all parts of SD 1 and SD XL models.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2, lycoris-lora 4.1.3; not part of CI. Run from the
repository root:
    cargo test --test written_files
    python tests/golden/adapters/check_written.py [target/tmp/written_files]
`files.json` lists the files: the model, the kind, the format, and the file. Each must load without a missing or unexpected
key and without a word from diffusers, use every tensor, and give the tokens, the pooled output and the prediction that we
compute (`<model>_<kind>_ours.safetensors`). LoRA files of either format and DoRA files of diffusers' go through
`load_lora_weights`; the kohya files of DoRA, LoHa and LoKr through LyCORIS, whose format they have.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import _convert_unet_lora_key, _maybe_map_sgm_blocks_to_diffusers
from lycoris.modules import get_module, make_module
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
FILES = Path(sys.argv[1] if len(sys.argv) > 1 else "target/tmp/written_files")
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "sdxl")]
import make  # noqa: E402
from complaints import complaints  # noqa: E402

PROMPT = "a photo of the red house"


def pipeline(model):
    if model == "sdxl":
        pipe = make.pipeline(make.models())
        # sd-scripts counts layers as the real model has them, two in a block; the small one has one, and diffusers would
        # count by that.
        pipe.unet.register_to_config(layers_per_block=2)
        return pipe
    folder = MODELS / model
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32), text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32), scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def computed(pipe, model):
    latents = make.randn(5, 1, 4, 12, 10).float()
    more = {}
    if model == "sdxl":
        tokens, _, pooled, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
        sizes = torch.tensor([[20.0, 24.0, 1.0, 2.0, 20.0, 24.0]])
        more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
    else:
        tokens, pooled = pipe.encode_prompt(PROMPT, "cpu", 1, False)[0], None
    prediction = pipe.unet(latents, torch.tensor([400.0]), tokens, **more).sample
    return {"tokens": tokens, "prediction": prediction} | ({} if pooled is None else {"pooled": pooled})


def through_diffusers(pipe, file):
    with complaints() as lines:
        # Lengths (DoRA) cannot be made of weights that are not there yet.
        pipe.load_lora_weights(file.parent, weight_name=file.name, low_cpu_mem_usage=False)
    # Of a file without a text encoder part diffusers says so.
    assert not lines, (file.name, lines)
    parts = [part for part in (pipe.unet, pipe.text_encoder, getattr(pipe, "text_encoder_2", None)) if part is not None]
    return sum("lora_" in name for part in parts for name, _ in part.named_parameters())


def diffusers_names(names, pipe):
    """diffusers' names of the layers that a file names; a SD XL file has the original code's names for the UNet."""
    if not any(name.startswith("lora_unet_input_blocks") for name in names):
        return {name: name for name in names}
    mapped = _maybe_map_sgm_blocks_to_diffusers({f"{name}.alpha": name for name in names}, pipe.unet.config)
    old = lambda key: _convert_unet_lora_key(key).removeprefix("unet.").replace(".processor", "")
    unet = lambda key: "lora_unet_" + old(key).replace(".", "_")
    keys = {name: key.removesuffix(".alpha") for key, name in mapped.items()}
    return {name: unet(key) if key.startswith("lora_unet_") else key for name, key in keys.items()}


def through_lycoris(pipe, file):
    """LyCORIS's modules on the layers that kohya's names mean."""
    state, used = load_file(file), set()
    layers = {}
    for prefix, part in [("lora_unet", pipe.unet), ("lora_te", pipe.text_encoder), ("lora_te1", pipe.text_encoder),
                         ("lora_te2", getattr(pipe, "text_encoder_2", None))]:
        for name, module in part.named_modules() if part is not None else []:
            if prefix != "lora_unet" and not name.startswith("text_model."):
                name = f"text_model.{name}"
            layers[f"{prefix}_{name.replace('.', '_')}"] = module
    for flat, ours in sorted(diffusers_names({key.split(".")[0] for key in state}, pipe).items()):
        kind, tensors = get_module(state, flat)
        module = make_module(kind, tensors, flat, layers[ours])
        module.multiplier = 1.0
        module.eval().apply_to()
        layers[ours].lycoris = [module]
        used |= {key for key in state if key.startswith(f"{flat}.")}
        known = {f"{flat}.{name}" for name in module.weight_list}
        assert {key for key in state if key.startswith(f"{flat}.")} <= known, flat
    assert used == set(state)
    return len(used) - sum(key.endswith(".alpha") for key in used)


def main():
    listed = json.loads((FILES / "files.json").read_text())
    for entry in listed:
        model, kind, form, file = entry["model"], entry["kind"], entry["format"], FILES / entry["file"]
        pipe = pipeline(model)
        for part in (pipe.unet, pipe.text_encoder):
            part.eval()
        tensors = [key for key in load_file(file) if not key.endswith(".alpha")]
        if kind == "lora" or (kind == "dora" and form == "diffusers"):
            how, used = "diffusers", through_diffusers(pipe, file)
        else:
            how, used = "LyCORIS", through_lycoris(pipe, file)
        assert used == len(tensors), (file.name, used, len(tensors))
        ours = load_file(FILES / f"{model}_{kind}_ours.safetensors")
        errors = {name: ((value - ours[name]).abs().max() / ours[name].abs().max()).item()
                  for name, value in computed(pipe, model).items()}
        print(f"{file.name} in {how}: {used} tensors, all used;", ", ".join(f"{k} {v:.1e}" for k, v in errors.items()))
        assert max(errors.values()) < 2e-5, file.name


if __name__ == "__main__":
    main()
