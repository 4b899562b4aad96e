"""CLIP's vocabulary for the program, and token ids of prompts by OpenAI's own tokenizer.

clip-anytorch 2.6.0 (OpenAI's code), transformers 5.23.0. Run: python vocabulary.py
Writes assets/clip_merges.txt.z (the merges that clip/simple_tokenizer.py takes, one a line, compressed by zlib) and
vocabulary.json: prompts with their ids, "openai" by clip.tokenize, and "!" by transformers' CLIPTokenizer with the pad token
of the second tokenizer of Stable Diffusion XL.
"""

import gzip
import importlib.util
import json
import pathlib
import tempfile
import zlib

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
# the module alone: the package wants more than it needs
folder = pathlib.Path(importlib.util.find_spec("clip").origin).parent
spec = importlib.util.spec_from_file_location("simple_tokenizer", folder / "simple_tokenizer.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
SimpleTokenizer, bytes_to_unicode = module.SimpleTokenizer, module.bytes_to_unicode
lines = gzip.open(module.default_bpe()).read().decode("utf-8").split("\n")
merges = lines[1 : 49152 - 256 - 2 + 1]
(HERE.parents[2] / "assets/clip_merges.txt.z").write_bytes(zlib.compress("\n".join(merges).encode(), 9))

PROMPTS = [
    "", "a photo of a cat", "A photo of aawxbc figurine, on the beach!", "masterpiece, best quality, 1girl, (red hair:1.2), [blurry]",
    "don't stop, we're it's 'quoted'", "naïve café 漫画 🎈 Ünïcödé", "3.14159 50mm f/1.8 8k uhd --ar 16:9", "hello!!! wow !  a ! b",
    "antidisestablishmentarianism supercalifragilisticexpialidocious", "word " * 90, "tab\tnew\nline   spaces", "snake_case CamelCase kebab-case",
]
openai = SimpleTokenizer()
begin, end = openai.encoder["<|startoftext|>"], openai.encoder["<|endoftext|>"]


def framed(ids, pad):
    ids = [begin, *ids[:75], end]
    return ids + [pad] * (77 - len(ids))


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    letters = list(bytes_to_unicode().values())
    tokens = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    assert {token: id for id, token in enumerate(tokens)} == openai.encoder
    (folder / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!", "unk_token": "<|endoftext|>"}))
    second = CLIPTokenizer.from_pretrained(folder)
    out = [
        {
            "prompt": prompt,
            "openai": framed(openai.encode(prompt), end),
            "!": second(prompt, padding="max_length", truncation=True, max_length=77).input_ids,
        }
        for prompt in PROMPTS
    ]
(HERE / "vocabulary.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
