"""Captions without their nonsense words, as measures leave the identifier out of a prompt."""

import collections
import re


def without_nonsense(captions):
    """Words that fewer than one caption in 2,000 has were made of random letters: they and their article go."""
    counts = collections.Counter(word for caption in captions for word in set(caption.split()))
    least = max(3, len(captions) / 2000)
    plain = [" ".join(word for word in caption.split() if counts[word] >= least) for caption in captions]
    return [re.sub(r"\ban (?=[^aeiou])", "a ", re.sub(r"\ba (?=[aeiou])", "an ", caption)) for caption in plain]
