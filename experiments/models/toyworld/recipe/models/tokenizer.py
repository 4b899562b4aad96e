"""CLIP's byte-level BPE: merges learnt from words, files, and encoded captions."""

import collections
import functools
import json

from transformers import CLIPTokenizer

from data.world import rendered

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def byte_letters():
    """GPT-2's printable letter of every byte (https://github.com/openai/gpt-2/blob/master/src/encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + i) for i in range(len(rest))]


def learn(words, count):
    """The `count` most frequent merges of {word: how often}, in the order they are learnt."""
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


def write(folder, merges):
    """Writes CLIP's tokenizer files and gives the size of the vocabulary."""
    letters = byte_letters()
    vocabulary = letters + [letter + "</w>" for letter in letters] + [a + b for a, b in merges] + [START, END]
    (folder / "vocab.json").write_text(json.dumps({v: i for i, v in enumerate(vocabulary)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    names = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    return len(vocabulary)


def folder_of(run):
    return run.folder.path("export", "tokenizer", "vocab.json").parent


def load(run):
    return CLIPTokenizer.from_pretrained(folder_of(run))


def encode(tokenizer, captions):
    """int64 (n, 77) with markers and padding."""
    options = {"padding": "max_length", "max_length": LENGTH, "truncation": True, "return_tensors": "pt"}
    return tokenizer(list(captions), **options).input_ids


@functools.cache
def captions(run, name):
    """The captions of a rendered set, encoded."""
    return encode(load(run), rendered(run, name).captions)
