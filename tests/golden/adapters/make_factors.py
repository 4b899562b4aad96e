"""How LyCORIS splits the sizes of layers: `factorization(length, factor)` of lycoris-lora 4.1.3.

Run from the repository root: python tests/golden/adapters/make_factors.py
`factors.json`: factor → length → the two factors. Every length up to 100, and sizes of real layers.
"""

import json
from pathlib import Path

from lycoris.functional import factorization

LENGTHS = [*range(1, 101), 127, 128, 250, 320, 360, 512, 640, 768, 960, 1024, 1280, 1920, 2048, 2560, 2816, 3072, 5120, 10240]
FACTORS = [-1, 1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 100]
out = {str(factor): {str(n): list(factorization(n, factor)) for n in LENGTHS} for factor in FACTORS}
(Path(__file__).parent / "factors.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
