"""Loads the adapter files that our tests wrote into diffusers, peft and LyCORIS, and compares predictions; computes the
hashes as sd-scripts does.

Made with torch 2.15, diffusers 0.42.1, peft 0.21.2, lycoris-lora 4.1.3; not part of CI. Run from the repository root:
    cargo test --test adapter_kinds
    python tests/golden/adapters/check_files.py [target/tmp/adapter_kinds]
For each kind: our file for diffusers loads with `load_lora_weights` (LoRA, DoRA) without a complaint, our file for kohya
gives the same through LyCORIS's modules, and both predict what we predict (`ours.safetensors`).
"""

import hashlib
import io
import sys
from pathlib import Path

import safetensors.torch
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from safetensors import safe_open
from safetensors.torch import load_file

torch.set_num_threads(1)
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from complaints import complaints  # noqa: E402

MODELS = HERE.parent / "models"
FILES = Path(sys.argv[1] if len(sys.argv) > 1 else "target/tmp/adapter_kinds")
inputs = load_file(MODELS / "sd1.safetensors")
ours = load_file(FILES / "ours.safetensors")


def unet():
    return UNet2DConditionModel.from_pretrained(MODELS / "sd1/unet").eval()


def error(model, kind):
    with torch.no_grad():
        prediction = model(inputs["latents"], inputs["timesteps"], inputs["context"]).sample
    return ((prediction - ours[kind]).abs().max() / ours[kind].abs().max()).item()


def with_diffusers(file):
    model = unet()
    pipe = StableDiffusionPipeline(None, None, None, model, None, None, None, requires_safety_checker=False)
    with complaints() as lines:
        state, alphas, metadata = pipe.lora_state_dict(str(file), return_lora_metadata=True)
        pipe.load_lora_into_unet(state, alphas, model, metadata=metadata)
    assert not lines, lines
    used = sum("lora_A" in name for name, _ in model.named_parameters())
    assert used == sum(name.endswith("lora.down.weight") for name in load_file(file)), used
    return model


def with_lycoris(file, kind):
    model, state = unet(), load_file(file)
    layers = {"lora_unet_" + name.replace(".", "_"): module for name, module in model.named_modules()}
    names = sorted({key.split(".")[0] for key in state})
    for name in names:
        tensors = [state.get(f"{name}.{key}") for key in kind.weight_list]
        module = kind.make_module_from_state_dict.__func__(kind, name, layers[name], *tensors)
        module.multiplier = 1.0
        module.eval().apply_to()
        layers[name].lycoris = [module]
    return model


def hashes(file):
    """precalculate_safetensors_hashes of sd-scripts' library/train_util.py."""
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    kept = {key: value for key, value in metadata.items() if key.startswith("ss_")}
    written = io.BytesIO(safetensors.torch.save(load_file(file), kept))
    start = int.from_bytes(written.read(8), "little") + 8
    written.seek(start)
    model_hash = hashlib.sha256(written.read()).hexdigest()
    written.seek(0x100000)
    legacy = hashlib.sha256(written.read(0x10000)).hexdigest()[:8]
    assert (metadata["sshs_model_hash"], metadata["sshs_legacy_hash"]) == (model_hash, legacy), (metadata, model_hash, legacy)
    # What A1111 computes of the file itself.
    raw = file.read_bytes()
    assert hashlib.sha256(raw[int.from_bytes(raw[:8], "little") + 8:]).hexdigest() == model_hash


torch.set_grad_enabled(False)
for kind in ["lora", "dora"]:
    for file in [f"{kind}_diffusers", f"{kind}_back"]:
        print(file, "in diffusers:", f"{error(with_diffusers(FILES / f'{file}.safetensors'), kind):.1e}")
for kind, module in [("lora", LoConModule), ("dora", LoConModule), ("loha", LohaModule), ("lokr", LokrModule)]:
    for file in [f"{kind}_kohya", f"{kind}_to_kohya"]:
        path = FILES / f"{file}.safetensors"
        hashes(path)
        print(file, "in LyCORIS:", f"{error(with_lycoris(path, module), kind):.1e}")
