"""Does Stable Diffusion XL fit into memory, and how fast is it beside PyTorch? Random weights, one training step and one image.

    python -m venv .venv && .venv/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 peft==0.21.2
    cargo build --release
    .venv/bin/python benches/compare/sdxl.py --folder /tmp/sdxl                    # writes a model of 6.9 GB there, then runs both sides
    .venv/bin/python benches/compare/sdxl.py --folder /tmp/sdxl --dtype int8       # ours with 8-bit integers; PyTorch stays bf16
    .venv/bin/python benches/compare/sdxl.py --folder /tmp/tiny --size tiny --pixels 64   # the script itself, in a minute

Each side does each part in a process of its own, in turns: a LoRA step of rank 4 with gradient checkpointing on cached latents and prompts, and
an image of one sampler step with guidance, decoded in tiles. The table has the peak resident memory of the process (`VmHWM`, as
`/usr/bin/time -v` gives it), the seconds, and what `runner plan` predicted. The folder is kept for the next run: delete it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNET = {
    "real": dict(block_out_channels=[320, 640, 1280], attention_head_dim=[5, 10, 20], transformer_layers_per_block=[1, 2, 10],
                 cross_attention_dim=2048, addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816, sample_size=128),
    "tiny": dict(block_out_channels=[32, 64, 64], attention_head_dim=[2, 4, 4], transformer_layers_per_block=[1, 1, 2],
                 cross_attention_dim=80, addition_time_embed_dim=8, projection_class_embeddings_input_dim=96, sample_size=8),
}
VAE = {"real": [128, 256, 512, 512], "tiny": [32, 32, 64, 64]}
TEXT = {
    "real": [dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu"),
             dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", projection_dim=1280)],
    "tiny": [dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, hidden_act="quick_gelu"),
             dict(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu", projection_dim=48)],
}
PROMPT = "a photo of aawxbc figurine"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the model is, or will be; outside the repository")
    parser.add_argument("--size", choices=["real", "tiny"], default="real")
    parser.add_argument("--pixels", type=int, default=1024)
    parser.add_argument("--dtype", choices=["bf16", "int8"], default="bf16", help="of our frozen weights")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/runner")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch", choices=["step", "image"], help=argparse.SUPPRESS)  # the other side, in a process of its own
    return parser.parse_args()


def make(folder, size):
    """A diffusers folder of bf16 weights, written in shards so that no more than one is in memory."""
    if (folder / "done").is_file():
        return
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    generator = torch.Generator().manual_seed(0)

    def weights(model, place, stem):
        place.mkdir(parents=True, exist_ok=True)
        shards, shard, numbers = {}, {}, 0

        def flush():
            name = f"{stem}-{len(set(shards.values())) + 1:05}.safetensors"
            save_file(shard, place / name, metadata={"format": "pt"})
            shards.update(dict.fromkeys(shard, name))

        for name, tensor in model.state_dict().items():
            if tensor.dtype.is_floating_point:
                if tensor.dim() > 1:
                    bound = (tensor[0].numel()) ** -0.5
                    shard[name] = torch.empty(tensor.shape, dtype=torch.bfloat16).uniform_(-bound, bound, generator=generator)
                else:
                    shard[name] = torch.full(tensor.shape, 1.0 if "norm" in name and name.endswith("weight") else 0.0, dtype=torch.bfloat16)
                numbers += tensor.numel()
            if numbers > 500_000_000:
                flush()
                shard, numbers = {}, 0
        if shard:
            flush()
        index = {"metadata": {"total_size": sum((place / name).stat().st_size for name in set(shards.values()))}, "weight_map": shards}
        (place / f"{stem}.safetensors.index.json").write_text(json.dumps(index))

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            in_channels=4, out_channels=4, layers_per_block=2, use_linear_projection=True, addition_embed_type="text_time",
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], norm_num_groups=32, **UNET[size])
        vae = AutoencoderKL(
            block_out_channels=VAE[size], layers_per_block=2, latent_channels=4, norm_num_groups=32, scaling_factor=0.13025,
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
        texts = [kind(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, eos_token_id=2, **config))
                 for kind, config in zip([CLIPTextModel, CLIPTextModelWithProjection], TEXT[size])]
    stem = "diffusion_pytorch_model"
    for part, model in [("unet", unet), ("vae", vae)]:
        weights(model, folder / part, stem)
        (folder / part / "config.json").write_text(model.to_json_string())
    toy = ROOT / "experiments/models/toyworld/tokenizer"
    for number, model in enumerate(texts):
        end = "_2" if number else ""
        weights(model, folder / f"text_encoder{end}", "model")
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder / f"text_encoder{end}")
        tokenizer = folder / f"tokenizer{end}"
        tokenizer.mkdir(exist_ok=True)
        for file in toy.iterdir():
            (tokenizer / file.name).write_bytes(file.read_bytes())
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading")
    scheduler.save_pretrained(folder / "scheduler")
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True,
             "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "EulerDiscreteScheduler"],
             "text_encoder": ["transformers", "CLIPTextModel"], "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
             "tokenizer": ["transformers", "CLIPTokenizer"], "tokenizer_2": ["transformers", "CLIPTokenizer"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "done").touch()


def ours(options):
    """Stage -> (predicted bytes, peak bytes, seconds), of a study of one photo, one step and one image."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "sdxl.toml").write_text(f"""name = "sdxl"
[model]
base = {json.dumps(str(options.folder.resolve()))}
device = "cpu"
dtype = "{options.dtype}"
[subject]
identifier = "aawxbc"
class = "figurine"
name = "boy"
[dataset]
images = {json.dumps(str(ROOT / "experiments/data/shinchan/00.jpg"))}
size = 1
held_out = 0
resolution = {options.pixels}
[train]
instance_prompt = "a photo of {{identifier}} {{class}}"
steps = 1
gradient_checkpointing = true
[train.prior_preservation]
images = 0
[generate]
sampler = "euler"
steps = 1
seeds = [0]
prompts = ["a photo of {{identifier}} {{class}}"]
[evaluate]
probe_timesteps = 1
probe_photos = 1
drift_prompts = []
""")
        run = [str(options.program.resolve())]
        plan = subprocess.run([*run, "plan", "sdxl.toml", "--format", "json"], cwd=place, check=True, capture_output=True, text=True).stdout
        predicted = {}
        for job in json.loads(plan)["jobs"]:
            predicted[job["stage"]] = max(predicted.get(job["stage"], 0), job.get("memory_bytes") or 0)
        subprocess.run([*run, "--jobs", str(options.threads), "sdxl.toml"], cwd=place, check=True)
        rows = {}
        for stage in ["prepare", "train", "generate"]:
            job = next((place / "reports/.store" / stage).iterdir())
            manifest = json.loads((job / "manifest.json").read_text())
            rows[stage] = (predicted.get(stage), manifest["peak_memory_bytes"], manifest["seconds"])
            if stage == "train":
                rows[stage] = (*rows[stage][:2], float((job / "timing.csv").read_text().split(",")[-1]))
        return rows


def torch_side(options):
    """One part in PyTorch, alone in this process. Prints seconds and the peak."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from peft import LoraConfig

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(options.folder / "unet", torch_dtype=torch.bfloat16).requires_grad_(False)
    side, width = options.pixels // 8, unet.config.cross_attention_dim
    pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim

    def conditions(batch):
        sizes = torch.tensor([[options.pixels, options.pixels, 0, 0, options.pixels, options.pixels]] * batch, dtype=torch.bfloat16)
        added = {"text_embeds": torch.randn(batch, pooled, dtype=torch.bfloat16), "time_ids": sizes}
        return torch.randn(batch, 77, width, dtype=torch.bfloat16), added

    if options.torch == "step":
        unet.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights="gaussian", target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
        trained = [p for p in unet.parameters() if p.requires_grad]
        for p in trained:
            p.data = p.data.float()
        unet.enable_gradient_checkpointing()
        unet.train()
        optimizer = torch.optim.AdamW(trained, lr=1e-4)
        latents, target = torch.randn(1, 4, side, side), torch.randn(1, 4, side, side)
        context, added = conditions(1)
        begun = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            prediction = unet(latents.bfloat16(), torch.tensor([500]), context, added_cond_kwargs=added).sample
        torch.nn.functional.mse_loss(prediction.float(), target).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
    else:
        vae = AutoencoderKL.from_pretrained(options.folder / "vae", torch_dtype=torch.bfloat16)
        vae.enable_tiling()
        context, added = conditions(2)
        begun = time.perf_counter()
        with torch.no_grad():
            latents = torch.randn(2, 4, side, side, dtype=torch.bfloat16)
            without, with_prompt = unet(latents, torch.tensor([999]), context, added_cond_kwargs=added).sample.chunk(2)
            vae.decode((without + 5.0 * (with_prompt - without)) / vae.config.scaling_factor)
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def main():
    options = arguments()
    if options.torch:
        return torch_side(options)
    if ROOT in options.folder.resolve().parents:
        sys.exit("--folder must lie outside the repository")
    make(options.folder, options.size)
    mine = ours(options)
    theirs = {}
    for stage, part in [("train", "step"), ("generate", "image")]:
        command = [sys.executable, __file__, "--folder", str(options.folder), "--pixels", str(options.pixels), "--threads", str(options.threads)]
        done = subprocess.run([*command, "--torch", part], check=True, capture_output=True, text=True).stdout
        theirs[stage] = json.loads(done.splitlines()[-1])
    print(f"\n{options.size} size, {options.pixels} px, {options.threads} threads, ours {options.dtype}, PyTorch bf16")
    print("| stage | predicted | peak | PyTorch's peak | ratio | seconds | PyTorch's seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for stage, (predicted, peak, seconds) in mine.items():
        other = theirs.get(stage)
        numbers = [f"{predicted / 1e9:.2f} GB", f"{peak / 1e9:.2f} GB"]
        numbers += [f"{other['peak'] / 1e9:.2f} GB", f"{peak / other['peak']:.2f}"] if other else ["", ""]
        numbers += [f"{seconds:.1f}", f"{other['seconds']:.1f}" if other else ""]
        print(f"| {stage} | " + " | ".join(numbers) + " |")
    print("Our seconds of `prepare` and `generate` are those of the whole job, loading included; all others are of the step or the image alone.")


if __name__ == "__main__":
    main()
