"""One training run: what every stage shares."""

from dataclasses import dataclass
from pathlib import Path

from folder import Folder
from machine import Machine
from results import Results
from rng import Rng
from settings import Settings
from stop import Stop


@dataclass
class Initial:
    """The exported model to go on from, and the folders of it that are used."""

    model: Path | None = None
    folders: tuple = ()

    def folder(self, name):
        """The folder `name` of the model, or None where this part starts from nothing."""
        return self.model / name if self.model and name in self.folders else None

    def encoder(self):
        """The folder of the identity encoder, beside the model's, or None where it starts from nothing."""
        if self.model and "dino" in self.folders:
            model = self.model.resolve()
            return model.with_name(f"{model.name}-dino")


@dataclass(eq=False)
class Run:
    """The folder, the device and the settings of a run, and how long each of its stages trains."""

    folder: Folder
    machine: Machine
    settings: Settings
    seed: int = 0
    hours: float | None = None
    initial: Initial = None
    renderer: Path | None = None
    helper: bool = False
    compile: bool = False

    def __post_init__(self):
        self.initial = self.initial or Initial()
        self.results, self.stop = Results(self.folder), Stop()
        self.rng = Rng(self.seed, self.machine.device)
        # A text encoder that is kept needs neither `text` nor `tags`.
        kept = self.initial.folder("text_encoder")
        seconds = {name: n for name, n in self.settings.seconds.items() if not (kept and name in ("text", "tags"))}
        usual = sum(seconds.values()) / 3600
        self.hours = self.hours or usual
        # Seconds of training for each stage.
        self.budgets = {stage: max(1.0, n * self.hours / usual) for stage, n in seconds.items()}
