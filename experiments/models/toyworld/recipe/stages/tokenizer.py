"""Stage `tokenizer`: merges learnt from the world's own words, or the tokenizer of the initial model."""

import collections
import re

from data.world import samples
from models import tokenizer

MERGES = 250


def work(run):
    if run.results.get("tokenizer"):
        return
    folder = tokenizer.folder_of(run)
    if init := run.initial.folder("tokenizer"):
        for file in init.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        run.results.finish("tokenizer", vocabulary=len(tokenizer.load(run)))
        return
    counts, captions = collections.Counter(), 0
    for sample in samples(run.folder.path("data", "train", "samples.jsonl")):
        captions += 1
        counts.update(re.findall(r"[a-z]+|[^\sa-z]+", sample["caption"].lower()))
    # The random words before the noun must stay letters, so only words of more than one caption in 2,000 are learnt.
    words = {word: n for word, n in counts.items() if n >= max(3, captions / 2000)}
    vocabulary = tokenizer.write(folder, tokenizer.learn(words, MERGES))
    run.results.finish("tokenizer", vocabulary=vocabulary, words=len(words))
