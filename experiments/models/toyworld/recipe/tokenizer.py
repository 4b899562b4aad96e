"""Stage `tokenizer`: CLIP's byte-level BPE with merges learnt from the world's own words."""

import collections
import functools
import json
import re

from transformers import CLIPTokenizer

from world import rendered, samples

MERGES = 250


def byte_letters():
    """GPT-2's printable letter of every byte (https://github.com/openai/gpt-2/blob/master/src/encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + i) for i in range(len(rest))]


def learn(words, count):
    words = {(*word[:-1], word[-1] + "</w>"): n for word, n in words.items()}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        a, b = max(pairs.items(), key=lambda item: (item[1], item[0]))[0]
        merges.append((a, b))
        merged = collections.Counter()
        for word, n in words.items():
            out, i = [], 0
            while i < len(word):
                step = 2 if word[i : i + 2] == (a, b) else 1
                out.append("".join(word[i : i + step]))
                i += step
            merged[tuple(out)] += n
        words = merged
    return merges


def build(run):
    """The tokenizer; learnt from the captions, or that of the initial model."""
    folder = run.path("export", "tokenizer", "x").parent
    folder.mkdir(parents=True, exist_ok=True)
    init = run.initial("tokenizer")
    if init and not run.result("tokenizer"):
        for file in init.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        run.finish("tokenizer", vocabulary=len(CLIPTokenizer.from_pretrained(folder)))
    if not run.result("tokenizer"):
        counts, captions = collections.Counter(), 0
        for sample in samples(run.path("data", "train", "samples.jsonl")):
            captions += 1
            counts.update(re.findall(r"[a-z]+|[^\sa-z]+", sample["caption"].lower()))
        # The random words before the noun must stay letters: only words seen in 1 of 2000 captions are learnt.
        words = {word: n for word, n in counts.items() if n >= max(3, captions / 2000)}
        merges = learn(words, MERGES)
        letters = byte_letters()
        vocabulary = letters + [letter + "</w>" for letter in letters] + [a + b for a, b in merges]
        vocabulary += ["<|startoftext|>", "<|endoftext|>"]
        (folder / "vocab.json").write_text(json.dumps({v: i for i, v in enumerate(vocabulary)}, ensure_ascii=False))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        names = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
        names |= {"pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
        config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **names}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
        run.finish("tokenizer", vocabulary=len(vocabulary), words=len(words))
    return CLIPTokenizer.from_pretrained(folder)


def encode(tokenizer, captions, length=77):
    """int64 (n, length) with markers and padding."""
    options = {"padding": "max_length", "max_length": length, "truncation": True, "return_tensors": "pt"}
    return tokenizer(list(captions), **options).input_ids


@functools.cache
def captions(run, name):
    """Those of a rendered set, encoded."""
    return encode(build(run), rendered(run, name).captions)
