//! The arithmetic against numbers that `tests/golden/verdict/make.py` computed from the law of the verdict alone.
