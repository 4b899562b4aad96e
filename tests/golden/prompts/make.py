"""Prompts as A1111's web UI reads them, what the text encoders make of them, and images of such prompts by diffusers.

torch 2.15.0, diffusers 0.42.1, transformers 5.23.0, lark 1.3. Run: python make.py FOLDER
FOLDER holds prompt_parser.py, sd_hijack_clip.py and sd_emphasis.py of modules/ of stable-diffusion-webui 1.9.4
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/tree/feee37d/modules); they are run as they are.
Uses the tiny random models of ../models. Writes parts.json (the parser's parts of awkward prompts), cases.json with
states.safetensors (ids of every chunk; every 12th token of what the text encoder gives, and the mean square of all), and
images.json with images.safetensors (u8); and sdxl.json with sdxl.safetensors, the same for the model of ../sdxl.
"""

import importlib.util
import json
import pathlib
import sys
import types

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
THEIRS = pathlib.Path(sys.argv[1])

# What the three files ask of the rest of the web UI.
opts = types.SimpleNamespace(
    emphasis="Original", comma_padding_backtrack=20, CLIP_stop_at_last_layers=1, use_old_emphasis_implementation=False,
    textual_inversion_add_hashes_to_infotext=False,
)
modules = types.ModuleType("modules")
modules.shared = types.ModuleType("modules.shared")
modules.shared.opts = opts
modules.devices = types.ModuleType("modules.devices")
modules.devices.device = torch.device("cpu")
modules.devices.torch_npu_set_device = lambda: None
modules.sd_hijack = types.ModuleType("modules.sd_hijack")
modules.sd_hijack.StableDiffusionModelHijack = object
sys.modules["modules"] = modules
for name in ("shared", "devices", "sd_hijack"):
    sys.modules[f"modules.{name}"] = getattr(modules, name)
for name in ("prompt_parser", "sd_emphasis", "sd_hijack_clip"):
    spec = importlib.util.spec_from_file_location(f"modules.{name}", THEIRS / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[f"modules.{name}"] = loaded
    setattr(modules, name, loaded)
    spec.loader.exec_module(loaded)

PARTS = [
    "", " ", "normal text", "an (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "[less] and ([mixed])", "a) b] c:", "a ( b : 1.2 ) c",
    "(a:1.5", "(a:b:1.5)", "(a:)", "(:1.2)", "()", "[]", "([)]", "((a:2):0.5)", "(a:-1)", "(a:+.5)", "(a:1.)",
    "a:1.2)", "[a:1.2]", "[a:b:0.5]", "[a|b]", "a AND b", "\\", "a \\ b", "\\\\(a)", "\\((a)\\)", "((((a))))",
    "(a) b (a) b", "BREAK", "a BREAK b", "a BREAK BREAK b", "(a BREAK b)", "[BREAK]", "BREAK BREAK", "aBREAK BREAKb",
    "a,BREAK,b", "a  BREAK  (b:1.3)  BREAK c", "break", "漫画 (猫:1.3) 犬", "é (ü) [ß:0.2)", "(a:1.2)(b:1.2)",
    "(a:1.1) (b)", "masterpiece, (best quality:1.4), 1girl, [lowres]", "x (y [z (w:2)] v) u", "(0:0)", "(a:12)",
]

CORPUS = "red house green trees beach hat cup forest painting small blue toy figurine water sky night light crayon".split()
words = lambda count, every: " ".join(w + ("," if (i + 1) % every == 0 else "") for i, w in enumerate(
    CORPUS[(7 * i + i // 5) % len(CORPUS)] for i in range(count)))
LONG = words(130, 9)
NO_COMMAS = words(160, 1000)
CASES = [
    # prompt, long, weights, layers left out
    ("a photo of the red house", False, False, 1),
    ("a photo of the red house", True, True, 0),
    ("a photo of the (red:1.4) house, [trees], \\(toy\\)", False, True, 0),
    ("a photo of the (red:1.4) house, [trees], \\(toy\\)", True, True, 1),
    ("((light)) and (shadow:0)", False, True, 0),
    (LONG, True, False, 0),
    (LONG, True, False, 1),
    (NO_COMMAS, True, False, 0),
    ("(" + LONG + ":0.7) (house)", True, True, 0),
    ("a red house BREAK blue sky at night BREAK", True, False, 0),
    ("a (red house:1.3) BREAK (blue:0.8) sky", True, True, 0),
    ("a house BREAK BREAK sky, " + LONG, True, False, 0),
    (", ".join(["red"] * 75), True, False, 0),
    # The comma is the 55th and the 56th of the first 75 tokens: too far from the end, and just near enough.
    (" ".join(["red"] * 54) + ", " + " ".join(["house"] * 40), True, False, 0),
    (" ".join(["red"] * 55) + ", " + " ".join(["house"] * 40), True, False, 0),
]


def pipeline(folder, scheduler, variant):
    f32 = {"torch_dtype": torch.float32}
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae", **f32),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32, variant=variant),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", **f32),
        scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )


class NoEmbeddings:
    """A hijack without textual inversions."""

    def __init__(self):
        self.fixes, self.extra_generation_params = None, {}
        self.embedding_db = types.SimpleNamespace(find_embedding_at_position=lambda tokens, position: (None, None))


def theirs(pipe):
    wrapped = types.SimpleNamespace(tokenizer=pipe.tokenizer, transformer=pipe.text_encoder)
    # transformers 5 has the parts of the text model in the model itself.
    if not hasattr(pipe.text_encoder, "text_model"):
        pipe.text_encoder.__dict__["text_model"] = pipe.text_encoder
    embedder = modules.sd_hijack_clip.FrozenCLIPEmbedderWithCustomWords.__new__(
        modules.sd_hijack_clip.FrozenCLIPEmbedderWithCustomWords)
    torch.nn.Module.__init__(embedder)
    wrapped_module = types.SimpleNamespace(**vars(wrapped))
    modules.sd_hijack_clip.FrozenCLIPEmbedderWithCustomWords.__init__(embedder, wrapped_module, NoEmbeddings())
    # As their FrozenOpenCLIPEmbedderWithCustomWords has it for Stable Diffusion 2.
    embedder.id_pad = pipe.tokenizer.pad_token_id
    return embedder


def ids(embedder, prompt):
    """The ids that process_tokens gives to the text encoder."""
    rows = []
    for chunk in embedder.tokenize_line(prompt)[0]:
        row = list(chunk.tokens)
        end = row.index(embedder.id_end)
        rows.append(row[:end + 1] + [embedder.id_pad] * (len(row) - end - 1))
    return rows


parse = modules.prompt_parser.parse_prompt_attention
(HERE / "parts.json").write_text(json.dumps(
    [[prompt, parse(prompt)] for prompt in PARTS], separators=(",", ":"), ensure_ascii=False) + "\n")

cases, states, images, pictures = [], {}, [], {}
with torch.no_grad():
    for model in ("sd1", "sd2"):
        folder = MODELS / model
        variant = "fp16" if model == "sd2" else None
        pipe = pipeline(folder, EulerDiscreteScheduler.from_pretrained(folder / "scheduler"), variant)
        pipe.set_progress_bar_config(disable=True)
        embedder = theirs(pipe)
        for prompt, long, weights, skip in CASES:
            opts.CLIP_stop_at_last_layers = skip + 1
            z = embedder([prompt])
            if skip and not long and not weights:
                again = pipe.encode_prompt(prompt, "cpu", 1, False, clip_skip=skip)[0]
                assert torch.equal(z, again), "A1111 and diffusers leave out the same layers"
            assert z.shape[1] == 77 * len(ids(embedder, prompt))
            states[str(len(cases))] = z[0, ::12].contiguous()
            cases.append({
                "model": model, "prompt": prompt, "long_prompts": long, "prompt_weights": weights, "clip_skip": skip,
                "ids": ids(embedder, prompt), "mean_square": float((z * z).mean()),
            })
        opts.CLIP_stop_at_last_layers = 1
        # A short and a long prompt at once: the web UI fills the short one up with empty chunks.
        pair = embedder(["a red house", LONG])
        for name, z in zip(("short", "long"), pair):
            states[f"{model} {name}"] = z[::12].contiguous()

        def draw(name, embeds, negative, scheduler, **options):
            pipe.scheduler = scheduler
            picture = pipe(
                prompt_embeds=embeds, negative_prompt_embeds=negative, num_inference_steps=7, guidance_scale=5.0,
                width=32, height=24, generator=torch.Generator("cpu").manual_seed(3), output_type="np",
            ).images[0]
            pictures[f"{model} {name}"] = torch.from_numpy((picture * 255).round().astype("uint8")).contiguous()
            images.append({"model": model, "name": name} | options)

        euler = EulerDiscreteScheduler.from_pretrained(folder / "scheduler")
        draw("long", *[z[None] for z in pair.flip(0)], euler, prompt=LONG, negative_prompt="a red house", long_prompts=True)
        prompt = "a (red:1.4) house, [trees]"
        draw("weights", embedder([prompt]), embedder(["(blue)"]), euler, prompt=prompt, negative_prompt="(blue)",
             prompt_weights=True)
        # The negative prompt loses the same layer, as in the web UI; diffusers' pipeline itself leaves it whole.
        embeds = [pipe.encode_prompt(text, "cpu", 1, False, clip_skip=1)[0] for text in ("a red house", "blue")]
        draw("skip", *embeds, euler, prompt="a red house", negative_prompt="blue", clip_skip=1)
        plain = pipe.encode_prompt("a red house", "cpu", 1, True, "blue")
        karras = EulerDiscreteScheduler.from_pretrained(
            folder / "scheduler", use_karras_sigmas=True, timestep_spacing="trailing")
        draw("karras", *plain, karras, prompt="a red house", negative_prompt="blue", sampler="euler", sigmas="karras",
             timestep_spacing="trailing")
        beta = DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler", use_beta_sigmas=True)
        draw("beta", *plain, beta, prompt="a red house", negative_prompt="blue", sampler="dpm++2m", sigmas="beta")

# Stable Diffusion XL: layers are left out as diffusers does it, whose count begins at the last layer but one; the web UI
# has no such setting for it. Each text encoder reads the chunks with its own padding; the first one is pooled.
spec = importlib.util.spec_from_file_location("sdxl", HERE.parent / "sdxl/make.py")
sdxl = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sdxl)
pipe = sdxl.pipeline(sdxl.models())


def theirs_xl(prompt):
    tokens, first = [], None
    for tokenizer, network in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
        wrapped = types.SimpleNamespace(tokenizer=tokenizer, transformer=network, layer="hidden", layer_idx=-2)
        embedder = modules.sd_hijack_clip.FrozenCLIPEmbedderForSDXLWithCustomWords.__new__(
            modules.sd_hijack_clip.FrozenCLIPEmbedderForSDXLWithCustomWords)
        torch.nn.Module.__init__(embedder)
        modules.sd_hijack_clip.FrozenCLIPEmbedderForSDXLWithCustomWords.__init__(embedder, wrapped, NoEmbeddings())
        embedder.id_pad = tokenizer.pad_token_id
        tokens.append(embedder([prompt]))
        first = ids(embedder, prompt)[0]
    return torch.cat(tokens, 2), pipe.text_encoder_2(torch.tensor([first]))[0]


xl_cases, xl = [], {}
with torch.no_grad():
    for prompt, long, weights, skip in (
        ("a photo of the red house", False, False, 1),
        (LONG, True, False, 0),
        ("a (red house:1.3) BREAK (blue:0.8) sky", True, True, 0),
    ):
        if skip:
            z, _, pooled, _ = pipe.encode_prompt(prompt, clip_skip=skip, do_classifier_free_guidance=False)
        else:
            z, pooled = theirs_xl(prompt)
        xl[f"{len(xl_cases)} tokens"], xl[f"{len(xl_cases)} pooled"] = z[0, ::12].contiguous(), pooled.contiguous()
        xl_cases.append({"prompt": prompt, "long_prompts": long, "prompt_weights": weights, "clip_skip": skip})

save_file(xl, HERE / "sdxl.safetensors")
(HERE / "sdxl.json").write_text(json.dumps(xl_cases, separators=(",", ":")) + "\n")
save_file(states, HERE / "states.safetensors")
save_file(pictures, HERE / "images.safetensors")
dump = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"
(HERE / "cases.json").write_text(dump(cases))
(HERE / "images.json").write_text(dump(images))
