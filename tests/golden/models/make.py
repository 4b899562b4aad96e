"""Small random Stable Diffusion models and what diffusers, transformers and peft compute with them.

Made with torch 2.15, diffusers 0.42.1, transformers 5.23, peft 0.21.2; run from the repository root:
    python tests/golden/models/make.py
`sd1` and `sd2` are diffusers folders with weights in f16; `<model>.safetensors` holds inputs, outputs and adapter
gradients, computed in f64 from those weights and stored in f32. `toyworld.safetensors` is the same for the model in
`experiments/models/toyworld`, without gradients. `tokens.json` holds the ids of awkward prompts,
`real_sizes.json` what tensors the real models have.
"""

import json
import re
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = Path(__file__).parent
TOY = HERE.parents[2] / "experiments/models/toyworld"
CORPUS = """a photo of the red house with green trees on a beach wearing hat holding cup in forest painting style
small blue toy figurine standing near water under sky at night bright light and shadow crayon drawing""".split()


def perturb(model, seed):
    """Default initialisation leaves norms at 1 and 0; move everything, then round to what f16 can store."""
    g = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        noise = torch.randn(p.shape, generator=g)
        p.data += (0.2 if p.ndim == 1 else 0.03) * noise
        p.data = p.data.half().float()
    return model.eval()


def save_half(model, folder, name, prefix="", extra=None, rename=lambda k: k):
    folder.mkdir(parents=True, exist_ok=True)
    state = {prefix + rename(k): v.half().contiguous() for k, v in model.state_dict().items()}
    state |= extra or {}
    save_file(state, folder / name, metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(json.loads(model.config.to_json_string() if hasattr(
        model.config, "to_json_string") else model.to_json_string()), indent=1) + "\n")


def byte_alphabet():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in keep]
    return [chr(b) for b in keep] + [chr(256 + i) for i in range(len(rest))]


def merges(words, count):
    words = [list(w[:-1]) + [w[-1] + "</w>"] for w in words]
    done = []
    while len(done) < count:
        pairs = {}
        for w in words:
            for p in zip(w, w[1:]):
                pairs[p] = pairs.get(p, 0) + 1
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        done.append(best)
        for w in words:
            i = 0
            while i + 1 < len(w):
                if (w[i], w[i + 1]) == best:
                    w[i : i + 2] = ["".join(best)]
                i += 1
    return done


def tokenizer(folder, style):
    """The files as SD 1.5 and SD 2.1 have them; `sd2` pads with "!" and lacks some bytes, which become unknown."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = byte_alphabet()
    if style == "sd2":
        letters = letters[:94] + letters[110:]
    pairs = merges(CORPUS, 120)
    vocab = letters + [c + "</w>" for c in letters] + ["".join(p) for p in pairs]
    vocab = list(dict.fromkeys(vocab)) + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocab)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(p) for p in pairs) + "\n")
    token = lambda t: {"content": t, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    typed = lambda t: {"__type": "AddedToken"} | token(t)
    config = {"add_prefix_space": False, "bos_token": typed("<|startoftext|>"), "do_lower_case": True,
              "eos_token": typed("<|endoftext|>"), "errors": "replace", "model_max_length": 77,
              "pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer", "unk_token": typed("<|endoftext|>")}
    special = {"bos_token": token("<|startoftext|>"), "eos_token": token("<|endoftext|>"),
               "pad_token": "!" if style == "sd2" else "<|endoftext|>", "unk_token": token("<|endoftext|>")}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1))
    return len(vocab)


PROMPTS = [
    "", " ", "a", "a photo of the red house", "A PHOTO OF THE RED HOUSE", "  many   spaces\t\tand\nlines  ",
    "café déjà vu", "cafe\u0301 de\u0301ja\u0300", "naïve Ångström", "İstanbul", "straße GROSS ẞ", "ΑΣ Σ σς",
    "日本語のテキスト", "한국어 글", "你好,世界", "العربية", "हिन्दी", "ไทย", "😀", "👩‍👩‍👧‍👦 family", "🇩🇪 flag",
    "red🙂house", "it's don't we've I'm they'll he'd you're", "'s't", "IT'S", "12345 67", "3.14 1e-5", "½ ² Ⅷ ٣",
    "a_b-c", "(red:1.3), [blue], {x|y}", "\"quoted\" «text» “curly” ‘single’", "!", "wow!", "!!!", "red ! house",
    "</w>", "red</w> house", "<|endoftext|>", "red <|endoftext|> house", "<|startoftext|>", "<|STARTOFTEXT|> red",
    "<|endoftext|><|endoftext|>", "\x00\x01\x02 control \x7f\x1b[0m", "zero\u200bwidth\u200djoin\ufeff", "nbsp\u00a0and\u2003em\u3000wide",
    "\u0085next\u2028line\u180e", "e\u0301\u0323\u0308 stacked", "ﬁ ligature ﬀ", "𝒻𝒶𝓃𝒸𝓎 𝕥𝕖𝕩𝕥", "a" * 300, "red " * 400,
    "http://example.com/?q=1&x=%20", "\\n \\t \\", "aawxbc figurine", "#$%^&*~`+=", "\ue000 private \U0010ffff",
]


def tokens():
    out = {"prompts": PROMPTS}
    for name, folder in [("sd1", HERE / "sd1/tokenizer"), ("sd2", HERE / "sd2/tokenizer"), ("toyworld", TOY / "tokenizer")]:
        tok = CLIPTokenizer.from_pretrained(folder)
        encode = lambda p, **k: tok(p, **k)["input_ids"]
        ids = [encode(p, padding="max_length", max_length=77, truncation=True) for p in PROMPTS]
        assert all(len(i) == 77 for i in ids)
        out[name] = {"ids": [" ".join(map(str, i)) for i in ids], "counts": [len(encode(p)) for p in PROMPTS]}
    text = json.dumps(out, indent=0)
    (HERE / "tokens.json").write_text(text + "\n")


def adapter(unet, seed):
    unet.add_adapter(LoraConfig(r=2, lora_alpha=4, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    g = torch.Generator().manual_seed(seed)
    pairs = {}
    for name, p in sorted(unet.named_parameters()):
        if "lora_" not in name:
            continue
        p.data = (torch.randn(p.shape, generator=g) * (0.3 if "lora_A" in name else 0.2)).to(p.dtype)
        module = re.sub(r"\.lora_[AB]\.default\.weight", "", name)
        pairs[f"lora.{module}.{'down' if 'lora_A' in name else 'up'}"] = p
    return pairs


def golden(name, text, unet, vae, ids, size, odd, image, lora):
    out = {}
    store = lambda k, v: out.__setitem__(k, v.detach().float().contiguous().clone())
    g = torch.Generator().manual_seed(5)
    randn = lambda *s: torch.randn(s, generator=g).double()
    text, unet, vae = text.double(), unet.double(), vae.double()
    with torch.no_grad():
        out["ids"] = ids.to(torch.int64)
        context = text(ids).last_hidden_state
        store("context", context)
        # One image with both signs of an extreme logarithm of the variance: see `extreme` below.
        pixels = randn(2, 3, *image).clamp(-1, 1)
        store("image", pixels)
        dist = vae.encode(pixels).latent_dist
        store("mean", dist.mean)
        store("std", dist.std)
        z = randn(2, vae.config.latent_channels, 4, 6)
        store("z", z)
        store("decoded", vae.decode(z).sample)
        latents = randn(2, 4, *size)
        steps = torch.tensor([7.0, 981.0])
        store("latents", latents)
        store("timesteps", steps)
        store("prediction", unet(latents, steps, context).sample)
        small = randn(1, 4, *odd)
        store("odd.latents", small)
        store("odd.prediction", unet(small, torch.tensor([500.0]), context[:1]).sample)
    if lora:
        pairs = adapter(unet, 9)
        unet.double().eval()
        target = randn(2, 4, *size)
        store("target", target)
        prediction = unet(latents, steps, context).sample
        store("lora.prediction", prediction)
        loss = torch.nn.functional.mse_loss(prediction, target)
        store("lora.loss", loss)
        loss.backward()
        for k, p in pairs.items():
            store(k, p)
            store(k.replace("lora.", "grad.", 1), p.grad)
    save_file(out, HERE / f"{name}.safetensors")


def model_files(folder, scheduler):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "feature_extractor": ["transformers", "CLIPImageProcessor"], "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]}, indent=1) + "\n")
    (folder / "scheduler").mkdir(exist_ok=True)
    base = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
            "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1}
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(base | scheduler, indent=1) + "\n")


def extreme(vae):
    """Two channels of the variance's logarithm far outside -30..20, so that the clamp shows."""
    z = vae.config.latent_channels
    vae.encoder.conv_out.bias.data[z] += 60
    vae.encoder.conv_out.bias.data[z + 1] -= 90
    if vae.quant_conv is not None:
        vae.quant_conv.bias.data[z] += 60
        vae.quant_conv.bias.data[z + 1] -= 90
    for p in vae.parameters():
        p.data = p.data.half().float()


def sd1():
    folder = HERE / "sd1"
    model_files(folder, {})
    n = tokenizer(folder / "tokenizer", "sd1")
    torch.manual_seed(1)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=n, hidden_size=24, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, hidden_act="quick_gelu"))
    unet = UNet2DConditionModel(sample_size=8, block_out_channels=(16, 24), layers_per_block=1, norm_num_groups=4,
                                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=24,
                                attention_head_dim=8)
    vae = AutoencoderKL(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=4,
                        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)
    for i, m in enumerate([text, unet, vae]):
        perturb(m, i)
    extreme(vae)
    # SD 1.5's file: names with a prefix, and the position ids that transformers once saved.
    save_half(text, folder / "text_encoder", "model.safetensors", prefix="text_model.",
              extra={"text_model.embeddings.position_ids": torch.arange(77)[None]})
    save_half(unet, folder / "unet", "diffusion_pytorch_model.safetensors")
    save_half(vae, folder / "vae", "diffusion_pytorch_model.safetensors")
    ids = CLIPTokenizer.from_pretrained(folder / "tokenizer")(
        ["a photo of the red house", ""], padding="max_length", max_length=77, return_tensors="pt").input_ids
    golden("sd1", text, unet, vae, ids, (8, 6), (7, 5), (12, 8), lora=True)


def sd2():
    folder = HERE / "sd2"
    model_files(folder, {"prediction_type": "v_prediction"})
    n = tokenizer(folder / "tokenizer", "sd2")
    torch.manual_seed(2)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=n, hidden_size=20, intermediate_size=40, num_hidden_layers=3,
                                        num_attention_heads=2, hidden_act="gelu", pad_token_id=0))
    unet = UNet2DConditionModel(sample_size=8, block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4,
                                down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
                                cross_attention_dim=20, attention_head_dim=(1, 2, 4), use_linear_projection=True,
                                upcast_attention=True, transformer_layers_per_block=(1, 2, 1))
    vae = AutoencoderKL(block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=4,
                        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
                        use_quant_conv=False, use_post_quant_conv=False)
    for i, m in enumerate([text, unet, vae]):
        perturb(m, 10 + i)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def rename(k):
        if "mid_block.attentions.0" in k:
            for new, was in old.items():
                k = k.replace(new, was)
        return k

    save_half(text, folder / "text_encoder", "model.fp16.safetensors")
    # The UNet in two files with an index, the VAE's attention with its names of before 2023.
    save_half(unet, folder / "unet", "all.safetensors")
    state = load_file(folder / "unet/all.safetensors")
    (folder / "unet/all.safetensors").unlink()
    keys, stem = sorted(state), "diffusion_pytorch_model"
    shards = {f"{stem}-00001-of-00002.safetensors": keys[::2], f"{stem}-00002-of-00002.safetensors": keys[1::2]}
    for file, names in shards.items():
        save_file({k: state[k] for k in names}, folder / "unet" / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {k: f for f, names in shards.items() for k in names}}
    (folder / f"unet/{stem}.safetensors.index.json").write_text(json.dumps(index))
    save_half(vae, folder / "vae", "diffusion_pytorch_model.safetensors", rename=rename)
    ids = CLIPTokenizer.from_pretrained(folder / "tokenizer")(
        ["a crayon drawing!", ""], padding="max_length", max_length=77, return_tensors="pt").input_ids
    golden("sd2", text, unet, vae, ids, (8, 12), (6, 7), (12, 8), lora=True)


def toyworld():
    text = CLIPTextModel.from_pretrained(TOY / "text_encoder").float().eval()
    unet = UNet2DConditionModel.from_pretrained(TOY / "unet").float().eval()
    vae = AutoencoderKL.from_pretrained(TOY / "vae").float().eval()
    ids = CLIPTokenizer.from_pretrained(TOY / "tokenizer")(
        ["a red house on the beach", ""], padding="max_length", max_length=77, return_tensors="pt").input_ids
    golden("toyworld", text, unet, vae, ids, (8, 12), (10, 8), (32, 48), lora=False)


def real_sizes():
    """Names and shapes of the real models, as a count, a sum and a hash (64-bit FNV-1a of `name [shape]` lines)."""
    vae = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
               down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
    clip = lambda **k: CLIPTextModel(CLIPTextConfig(vocab_size=49408, **k))
    with torch.device("meta"):
        models = {
            "sd1 unet": UNet2DConditionModel(cross_attention_dim=768),
            "sd2 unet": UNet2DConditionModel(cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20),
                                             use_linear_projection=True),
            "vae": AutoencoderKL(**vae),
            "sd1 text": clip(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12),
            "sd2 text": clip(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
                             hidden_act="gelu"),
        }
    out = {}
    for name, model in models.items():
        state = sorted((k, list(v.shape)) for k, v in model.state_dict().items())
        fnv = 0xCBF29CE484222325
        for byte in "".join(f"{k} {s}\n" for k, s in state).encode():
            fnv = (fnv ^ byte) * 0x100000001B3 % 2**64
        numbers = sum(torch.Size(s).numel() for _, s in state)
        out[name] = {"tensors": len(state), "numbers": numbers, "fnv": f"{fnv:016x}"}
    (HERE / "real_sizes.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    for old in ["sd1", "sd2"]:
        shutil.rmtree(HERE / old, ignore_errors=True)
    sd1()
    sd2()
    toyworld()
    tokens()
    real_sizes()
    total = sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file())
    print(f"{total / 1e6:.2f} MB")
