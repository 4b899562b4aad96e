"""Features of pictures: this program against transformers on PyTorch, on the same CPU, weights and pictures.

    python benches/encoders/compare.py                     # DINOv2-S/14 with random weights, 100 pictures of 224 px
    python benches/encoders/compare.py --model FOLDER      # any encoder that transformers' `save_pretrained` wrote

Both sides start in turns as processes of their own, with the same number of threads, and do all the work from pixels to
features: resizing, cropping, normalising and the network. The table has the medians over all rounds, the ratio ours /
PyTorch (below 1 is faster) and the peak memory of the processes. Both sides must give the same features, or it stops.
`--save` keeps the raw numbers with machine and versions in benches/results.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches/compare"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="an encoder's folder (default: DINOv2-S/14 with random weights)")
    parser.add_argument("--count", type=int, default=100, help="pictures")
    parser.add_argument("--side", type=int, default=224, help="height and width of the pictures in pixels")
    parser.add_argument("--batch", type=int, default=10, help="pictures in one pass of PyTorch")
    parser.add_argument("--program", type=Path, help="our program, if it is built already (default: build it)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--save", metavar="NAME", help="keep the raw numbers as benches/results/NAME.json")
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)  # the other side, in a process of its own
    parser.add_argument("--pictures", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def random_model(folder):
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518)).save_pretrained(folder)
    processor = {
        "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "resample": 3,
        "crop_size": {"height": 224, "width": 224},
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def torch_side(options):
    import torch
    from PIL import Image
    from safetensors.torch import load_file, save_file
    from transformers import AutoModel
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.set_num_threads(options.threads)
    model = AutoModel.from_pretrained(options.model).eval()
    kind = model.config.model_type
    processor = {"clip": CLIPImageProcessorPil, "vit": ViTImageProcessorPil}.get(kind, BitImageProcessorPil)
    processor = processor.from_pretrained(options.model)
    pictures = [Image.fromarray(p.numpy()) for p in load_file(options.pictures)["pictures"]]

    def once():
        rows = []
        with torch.inference_mode():
            for start in range(0, len(pictures), options.batch):
                pixels = processor(pictures[start : start + options.batch], return_tensors="pt")["pixel_values"]
                if kind == "clip":
                    rows.append(model.get_image_features(pixels).pooler_output)
                else:
                    rows.append(model(pixels).last_hidden_state[:, 0])
        rows = torch.cat(rows)
        return rows / rows.norm(dim=-1, keepdim=True)

    features, seconds = once(), []
    for _ in range(options.repeat):
        start = time.perf_counter()
        features = once()
        seconds.append(time.perf_counter() - start)
    save_file({"features": features.clone()}, options.output)
    print(json.dumps({"seconds": seconds}))


def build():
    command = ["cargo", "bench", "--bench", "encoders", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [m["executable"] for m in messages if m.get("target", {}).get("name") == "encoders" and m.get("executable")][-1]


def run(command, threads):
    """What the program prints, and the most memory it held."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment |= {"RAYON_NUM_THREADS": str(threads), "CANDLE_NUM_THREADS": "1", "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed")
    return json.loads(text.splitlines()[-1]) | {"peak_bytes": usage.ru_maxrss * 1024}


def main():
    options = arguments()
    if options.torch:
        return torch_side(options)
    import torch
    from compare import machine
    from safetensors.torch import load_file, save_file

    program, about = options.program or build(), machine()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if options.model is None:
            options.model = folder / "model"
            random_model(options.model)
        generator = torch.Generator().manual_seed(0)
        shape = (options.count, options.side, options.side, 3)
        save_file({"pictures": torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)}, folder / "pictures")
        shared = ["--model", options.model, "--pictures", folder / "pictures", "--repeat", options.repeat]
        rows = {"ours": [], "torch": []}
        for _ in range(options.rounds):
            rows["ours"].append(run([program, *shared, "--output", folder / "ours"], options.threads))
            other = ["--torch", "--threads", options.threads, "--batch", options.batch, "--output", folder / "torch"]
            rows["torch"].append(run([sys.executable, __file__, *shared, *other], options.threads))
        ours, theirs = (load_file(folder / side)["features"] for side in rows)
        difference = (ours - theirs).abs().max().item()
        if not difference <= 1e-5:
            sys.exit(f"the features differ by {difference:.1e}")
    median = {side: statistics.median(s for part in rows[side] for s in part["seconds"]) for side in rows}
    peak = {side: max(part["peak_bytes"] for part in rows[side]) / 1e6 for side in rows}
    rows |= {"ratio": median["ours"] / median["torch"], "difference": difference}
    print(f"{about['cpu']}, {options.threads} threads, f32, {options.count} pictures of {options.side} px; difference {difference:.1e}\n")
    print("| ours, s | PyTorch, s | ratio | ours, MB | PyTorch, MB |\n|---:|---:|---:|---:|---:|")
    print(f"| {median['ours']:.2f} | {median['torch']:.2f} | **{rows['ratio']:.2f}** | {peak['ours']:.0f} | {peak['torch']:.0f} |")
    if options.save:
        hidden = ("torch", "pictures", "output", "save", "program", "model")
        settings = {name: value for name, value in vars(options).items() if name not in hidden}
        path = ROOT / "benches/results" / f"{options.save}.json"
        path.write_text(json.dumps({"machine": about, "settings": settings, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
