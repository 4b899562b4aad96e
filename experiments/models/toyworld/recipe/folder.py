"""The folder of a training: where its files lie, its log, and how a file is replaced."""

import os
import time
from pathlib import Path

import torch


class Folder:
    """A folder that is made when something is first written to it."""

    def __init__(self, root):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def path(self, *parts):
        """The path of a file inside the folder. The folders above it are made."""
        path = self.root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, text):
        """Prints a line and adds it to `log.txt`."""
        print(time.strftime("%H:%M:%S"), text, flush=True)
        with open(self.path("log.txt"), "a") as file:
            print(time.strftime("%F %T"), text, file=file)


def replace_bytes(path, content):
    """Writes a file so that a reader sees the old content or the new, and never a part."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def replace_tensors(path, value):
    """Writes what `torch.save` can write, as `replace_bytes` does."""
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    os.replace(temporary, path)
