"""How long does the same work take here and in PyTorch (or in candle's own UNet)? Same weights, same inputs, same number of threads, in turns.

    python -m venv .venv && .venv/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 peft==0.21.2
    .venv/bin/python benches/compare/compare.py                                        # the toy model
    .venv/bin/python benches/compare/compare.py --model DIR --latents 64 --batch 1     # any diffusers folder
    .venv/bin/python benches/compare/compare.py --device cuda --model DIR --latents 64 --batch 1       # on a GPU; memory is then the GPU's
    .venv/bin/python benches/compare/make_sdxl.py DIR && .venv/bin/python benches/compare/compare.py --model DIR --latents 128 --batch 1 \
        --dtype bf16 --what step decode --checkpointing --low-memory --tiles 768 --rounds 1 --repeat 1       # the size of SDXL, 16 GB
    .venv/bin/python benches/compare/compare.py --against candle --model DIR --latents 64 --batch 1  # candle-transformers' UNet, forward in f32
    RUNNER_INSTRUCTIONS=avx2 .venv/bin/python ...                                      # as on a machine without AVX-512 (our side only)

`script` is one step as `train_dreambooth_lora.py` does it, with the VAE's encoder and the text encoder in every step, against ours, which reads their
results from its cache; both with clipping and AdamW. With `--batch 2` that is one photo and one image of prior preservation.

candle's UNet is Stable Diffusion's: models with other than 32 groups in the norms of their transformers, as the toy model, differ and are refused.

Each round starts one process of each side (one warm-up, then repetitions); the table has the medians over all rounds, the ratio ours /
PyTorch (below 1 is faster) and the peak memory of the processes. Both sides must compute the same numbers, or it stops.
`--accuracy` compares what is computed instead: here against PyTorch in f32, and both in bf16 against PyTorch in f32.
`--save` keeps the raw numbers with machine and versions in benches/results.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RANK = 4
RATE = 1e-4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "experiments/models/toyworld")
    parser.add_argument("--latents", type=int, default=16, help="height and width of the latents: pixels / 8")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--what", nargs="+", choices=["forward", "step", "script", "decode"], default=["forward", "step", "script", "decode"])
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="of the frozen weights")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--program", type=Path, help="our program, if it is built already (default: build it)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tolerance", type=float, help="largest relative difference of the numbers (default: 1e-4, bf16 3e-2)")
    parser.add_argument("--save", metavar="NAME", help="keep the raw numbers as benches/results/NAME.json")
    parser.add_argument("--against", choices=["torch", "candle"], default="torch")
    parser.add_argument("--checkpointing", action="store_true", help="both sides compute blocks again in the backward pass")
    parser.add_argument("--low-memory", action="store_true", help="our convolutions keep their kernels at their own size")
    parser.add_argument("--tiles", type=int, help="both sides decode in tiles above so many pixels")
    parser.add_argument("--accuracy", action="store_true", help="relative differences instead of times")
    parser.add_argument("--output", help=argparse.SUPPRESS)
    parser.add_argument("--torch", metavar="WHAT", help=argparse.SUPPRESS)  # the other side, in a process of its own
    parser.add_argument("--inputs", help=argparse.SUPPRESS)
    return parser.parse_args()


def make_inputs(options, path):
    """Latents, target, context and an adapter with a non-zero B, all seeded."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(options.model / "unet"))
    generator = torch.Generator().manual_seed(0)
    randn = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    b, side = options.batch, options.latents
    tensors = {
        "latents": randn(b, 4, side, side),
        "target": randn(b, 4, side, side),
        "context": randn(b, 77, unet.config.cross_attention_dim),
        "timesteps": torch.linspace(900, 100, b),
    }
    if unet.config.addition_embed_type == "text_time":
        sizes = 6 * unet.config.addition_time_embed_dim
        tensors["pooled"] = randn(b, unet.config.projection_class_embeddings_input_dim - sizes)
        tensors["sizes"] = torch.tensor([[8.0 * side, 8.0 * side, 0, 0, 8.0 * side, 8.0 * side]] * b)
    for name, layer in unet.named_modules():
        if name.endswith(("to_q", "to_k", "to_v", "to_out.0")):
            tensors[f"{name}.down"] = randn(RANK, layer.in_features) / RANK
            tensors[f"{name}.up"] = randn(layer.out_features, RANK) * 0.01
    save_file(tensors, path)


def their_name(name):
    """A peft parameter's name in the inputs."""
    return re.sub(r"\.lora_A\..*", ".down", re.sub(r"\.lora_B\..*", ".up", name))


def torch_side(options):
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import load_file, save_file

    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    inputs = load_file(options.inputs, device=options.device)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[options.dtype]
    latents, context = inputs["latents"].to(dtype), inputs["context"].to(dtype)
    if options.torch == "decode":
        vae = AutoencoderKL.from_pretrained(options.model / "vae", torch_dtype=dtype).eval().requires_grad_(False).to(device)
        if options.tiles:
            vae.enable_tiling()
    else:
        unet = UNet2DConditionModel.from_pretrained(options.model / "unet", torch_dtype=dtype).requires_grad_(False).to(device)
        if options.checkpointing:
            unet.enable_gradient_checkpointing()
            unet.train()  # diffusers computes blocks again in training only; nothing here has dropout
    more = None
    if "pooled" in inputs:
        more = {"text_embeds": inputs["pooled"].to(dtype), "time_ids": inputs["sizes"]}
    training = options.torch in ("step", "script")
    if training:
        from peft import LoraConfig

        targets = ["to_q", "to_k", "to_v", "to_out.0"]
        unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets))
        pairs = [(name, p) for name, p in unet.named_parameters() if p.requires_grad]
        with torch.no_grad():
            for name, p in pairs:
                p.data = inputs[their_name(name)].clone()
        names = [their_name(name) for name, _ in pairs]

        optimizer = torch.optim.AdamW([p for _, p in pairs], lr=RATE)
    if options.torch == "script":
        from transformers import CLIPTextModel

        vae = AutoencoderKL.from_pretrained(options.model / "vae", torch_dtype=dtype).eval().requires_grad_(False).to(device)
        text = CLIPTextModel.from_pretrained(options.model / "text_encoder", dtype=dtype).eval().requires_grad_(False).to(device)
        b, side = options.batch, 8 * latents.shape[-1]
        pixels = torch.rand(b, 3, side, side, dtype=dtype, device=device) * 2 - 1
        ids = torch.randint(0, text.config.vocab_size, (b, 77), device=device)

    def once():
        if options.torch in ("decode", "forward"):
            with torch.no_grad():
                decode = options.torch == "decode"
                y = (vae.decode(latents) if decode else unet(latents, inputs["timesteps"], context, added_cond_kwargs=more)).sample.float()
            tensors["image" if decode else "prediction"] = y
            return {"mean_square": y.square().mean().item()}
        if options.torch == "script":
            # The work of every step of the script; the UNet gets the given numbers, which are the same on both sides.
            with torch.no_grad():
                vae.encode(pixels).latent_dist.sample()
                text(ids)
        for _, p in pairs:
            p.grad = None
        loss = (unet(latents, inputs["timesteps"], context, added_cond_kwargs=more).sample.float() - inputs["target"]).square().mean()
        loss.backward()
        tensors.update({name: p.grad for name, (_, p) in zip(names, pairs)})
        norm = sum(p.grad.double().square().sum() for _, p in pairs).sqrt()
        if options.torch == "script":
            torch.nn.utils.clip_grad_norm_([p for _, p in pairs], 1.0)
            optimizer.step()
        return {"loss": loss.item(), "gradient_norm": norm.item()}

    tensors = {}
    numbers, seconds = once(), []
    for _ in range(options.repeat):
        start = time.perf_counter()
        numbers = once()
        seconds.append(time.perf_counter() - start)
    if options.output:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, options.output)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "numbers": numbers}))


def build(device):
    """The path of our program."""
    features = ["--features", "cuda"] if device == "cuda" else []
    command = ["cargo", "bench", *features, "--bench", "compare", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("target", {}).get("name") == "compare" and m.get("executable")][-1]


def machine():
    import diffusers
    import peft
    import torch

    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    flags = re.search(r"flags\s*:\s*(.*)", info)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    gpu = {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda} if torch.cuda.is_available() else {}
    return {
        **gpu,
        "cpu": (re.search(r"model name\s*:\s*(.*)", info) or ["", "?"])[1],
        "vector": [f for f in (flags[1].split() if flags else []) if f in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")],
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "runner": commit,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "peft": peft.__version__,
        "candle": re.search(r'name = "candle-core"\nversion = "(.*)"', (ROOT / "Cargo.lock").read_text())[1],
    }


class GpuMemory(threading.Thread):
    """The most memory in use on the GPU, beyond what is in use at the start, by what the driver says."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopped, self.before = threading.Event(), self.used()
        self.peak = self.before
        self.start()

    def used(self):
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]) << 20

    def run(self):
        while not self.stopped.wait(0.02):
            self.peak = max(self.peak, self.used())

    def bytes(self):
        self.stopped.set()
        self.join()
        return self.peak - self.before


def run(command, threads):
    # `runner` sets CANDLE_NUM_THREADS so itself; candle alone computes with those threads.
    own = {"RAYON_NUM_THREADS": str(threads), "CANDLE_NUM_THREADS": str(threads) if "--candle" in command else "1"}
    environment = {**os.environ, **own, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    gpu = GpuMemory() if "cuda" in command else None
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return {**result, "peak_bytes": gpu.bytes()} if gpu else result


def accuracy(options, program, inputs, folder):
    """Norm of the difference, relative to the norm, over all numbers: a row for everything that is computed."""
    import torch
    from safetensors.torch import load_file

    def result(side, what, dtype):
        output = Path(folder) / f"{side}-{what}-{dtype}.safetensors"
        shared = ["--model", options.model, "--inputs", inputs, "--dtype", dtype, "--device", options.device, "--repeat", 0, "--output", output]
        ours, theirs = [program, *shared, "--what", what], [sys.executable, __file__, *shared, "--torch", what, "--threads", options.threads]
        run(ours if side == "ours" else theirs, options.threads)
        return load_file(output)

    def difference(a, b):
        assert a.keys() == b.keys() and all(a[name].shape == b[name].shape for name in b)
        a, b = (torch.cat([side[name].double().flatten() for name in sorted(b)]) for side in (a, b))
        return ((a - b).norm() / b.norm()).item()

    print(f"latents {options.latents}², batch {options.batch}\n")
    print("| | f32: ours | bf16: ours | bf16: PyTorch | ratio |\n|---|---:|---:|---:|---:|")
    rows = {}
    for what in [what for what in options.what if what != "script"]:
        truth = result("torch", what, "f32")
        ours, half, theirs = (difference(result(*which), truth) for which in (("ours", what, "f32"), ("ours", what, "bf16"), ("torch", what, "bf16")))
        rows[what] = {"ours_f32": ours, "ours_bf16": half, "torch_bf16": theirs}
        title = "gradients of the adapter" if what == "step" else what
        print(f"| {title} | {ours:.1e} | {half:.2e} | {theirs:.2e} | **{half / theirs:.2f}** |", flush=True)
    return rows


def main():
    options = arguments()
    if options.accuracy and options.what == ["script"]:
        sys.exit("`script` computes the same gradients as `step`: --accuracy --what step")
    if options.torch:
        return torch_side(options)
    if options.against == "candle":
        if options.accuracy or options.dtype != "f32" or options.batch != 1:
            sys.exit("--against candle compares the time of a forward pass in f32 with --batch 1: candle's UNet takes one timestep")
        options.what = ["forward"]
    side = {"torch": "PyTorch", "candle": "candle"}[options.against]
    tolerance = options.tolerance or (1e-4 if options.dtype == "f32" else 3e-2)
    program, rows, about = options.program or build(options.device), {}, machine()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.safetensors"
        make_inputs(options, inputs)
        shared = ["--model", options.model, "--inputs", inputs, "--dtype", options.dtype, "--device", options.device, "--repeat", options.repeat]
        if options.accuracy:
            return save(options, about, accuracy(options, program, inputs, folder))
        own = ["--recompute"] * options.checkpointing + ["--low-memory"] * options.low_memory
        both = ["--tiles", options.tiles] if options.tiles else []
        for what in options.what:
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(run([program, *shared, *own, *both, "--what", what], options.threads))
                torch = [sys.executable, __file__, *shared, *both, "--torch", what, "--threads", options.threads]
                torch += ["--checkpointing"] * options.checkpointing
                candle = [program, *shared, "--what", what, "--candle"]
                theirs.append(run(candle if options.against == "candle" else torch, options.threads))
            for name, value in theirs[0]["numbers"].items():
                difference = abs(ours[0]["numbers"][name] - value) / abs(value)
                if not difference <= tolerance:
                    sys.exit(f"{what}: {name} is {ours[0]['numbers'][name]} here and {value} in {side}")
            rows[what] = {"ours": ours, options.against: theirs}
    print(f"{about['gpu'] if options.device == 'cuda' else about['cpu']}, {options.threads} threads, {options.dtype}, latents {options.latents}², batch {options.batch}\n")
    print(f"| | ours, s | {side}, s | ratio | ours, MB | {side}, MB |\n|---|---:|---:|---:|---:|---:|")
    for what, row in rows.items():
        median = {side: statistics.median(s for part in row[side] for s in part["seconds"]) for side in row}
        peak = {side: max(part["peak_bytes"] for part in row[side]) / 1e6 for side in row}
        row["ratio"] = median["ours"] / median[options.against]
        print(
            f"| {what} | {median['ours']:.3f} | {median[options.against]:.3f} | **{row['ratio']:.2f}** "
            f"| {peak['ours']:.0f} | {peak[options.against]:.0f} |"
        )
    save(options, about, rows)


def save(options, about, rows):
    if options.save:
        path = ROOT / "benches/results" / f"{options.save}.json"
        path.parent.mkdir(exist_ok=True)
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
        path.write_text(json.dumps({"machine": about, "settings": settings, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
