"""What diffusers complains about while it reads a file; for the scripts that check the files of this program."""

import logging
from contextlib import contextmanager

from diffusers.utils import logging as diffusers_logging


@contextmanager
def complaints():
    """The list of warnings, which is filled while the block runs."""
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = diffusers_logging.get_logger("diffusers")
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
