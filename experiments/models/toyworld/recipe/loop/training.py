"""What a stage gives the training loop."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass
class Training:
    """One stage's training: what is trained, on what, how it is judged, and with which constants.

    `draw(generator, progress)` gives the tensors of one batch, on the host or the device. Everything random is in it,
    so that a resumed training draws what an uninterrupted one would. `progress` goes from 0 to 1.

    `loss(*batch)` gives the loss of a batch on the device and a dict of numbers to show. It reads nothing back to the
    host, so that a CUDA graph can hold it.

    `report(step)` gives more numbers to show, `reports` times. With `quality()`, the averages are used only if they
    are no worse than the last weights.
    """

    stage: str
    modules: dict[str, torch.nn.Module]
    # The learning rate of AdamW; a matrix under Muon moves by the same RMS.
    rate: float
    draw: Callable
    loss: Callable
    report: Callable | None = None
    reports: int = 10
    quality: Callable | None = None
    # Weight decay.
    decay: float = 1e-2
    # How much of their average over steps the weights keep in every step; 0 means no average.
    ema: float = 0.0
    # The largest norm of the gradients.
    clip: float = 1.0
    # Micro-batches of a step: the step follows the mean of their losses.
    parts: int = 1
