"""The state of a run on disk: finished phases, and the optimiser's state within the current one.

One safetensors file, replaced atomically: a run killed at any moment resumes from the last complete state.
Nothing is pickled.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stream.errors import UsageError
from training.config import Bert, Calibrating, Recipe, to_toml
from training.corpus.tensors import writing

STATE = "progress.safetensors"
STATE_KEYS = ("done", "phase", "step", "says", "notes", "lines")


@dataclass(slots=True, eq=False)
class Progress:
    """The state of a run. Without a folder nothing is written or resumed."""

    folder: Path | None = None
    recipe: str = ""  # fingerprint
    done: list[str] = field(default_factory=list)
    phase: str = ""  # the interrupted phase, if any
    step: int = 0
    says: dict[str, Any] = field(default_factory=dict)  # its scalar state; the name is the file's key
    notes: dict[str, Any] = field(default_factory=dict)  # results of `Trainer.compute_once`
    lines: int = 0  # length of the log at this state
    tensors: dict[str, Tensor] = field(default_factory=dict)  # its tensors, and the model's weights

    @classmethod
    def open(cls, folder: Path | None, recipe: Recipe) -> "Progress":
        """The state in ``folder``, or a fresh one. Raises UsageError for the state of another recipe."""
        mark = fingerprint(recipe)
        if folder is None or not (folder / STATE).exists():
            return cls(folder, mark)
        with safe_open(folder / STATE, "pt") as stored:
            values = json.loads(stored.metadata()["says"])
            # Cloned, because the mapped file will be replaced.
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
        if values["recipe"] != mark:
            raise UsageError(
                f"{folder}: expected the recipe that this run began with, found another; "
                "choose another --out, or remove the directory to start over."
            )
        known = {name: values[name] for name in STATE_KEYS}
        return cls(folder, mark, **known, tensors=tensors)

    def restore(self, model: nn.Module) -> None:
        """Load the stored weights into the model; a fresh state leaves it unchanged."""
        weights = {n.removeprefix("model."): v for n, v in self.tensors.items() if n.startswith("model.")}
        if weights:
            model.load_state_dict(weights)

    def finish(self, phase: str, model: nn.Module, lines: int) -> None:
        """Record that a phase is finished, with the model's weights."""
        self.done.append(phase)
        self.save(model, "", 0, lines)

    def save(
        self,
        model: nn.Module,
        phase: str,
        step: int,
        lines: int,
        says: dict[str, Any] | None = None,
        tensors: dict[str, Tensor] | None = None,
    ) -> None:
        """Write the state of ``phase`` after ``step`` steps, with its optimiser's tensors."""
        self.phase, self.step, self.lines, self.says = phase, step, lines, says or {}
        if self.folder is None:
            return
        weights = {f"model.{name}": v.detach().contiguous() for name, v in model.state_dict().items()}
        about = {
            name: getattr(self, name)
            for name in ("recipe", "done", "phase", "step", "says", "notes", "lines")
        }
        stored = {name: v.detach().cpu().contiguous() for name, v in (weights | (tensors or {})).items()}
        with writing(self.folder / STATE) as part:
            save_file(stored, part, metadata={"says": json.dumps(about)})


# Keys that recipes did not have before: left out where they change nothing, so that older runs go on.
ADDED = {"model.graph_readout", "ring.pool", "ring.band_s"}


def fingerprint(recipe: Recipe) -> str:
    """SHA-256 of the parts of a recipe that affect the trained weights; the calibration does not."""
    same = msgspec.structs.replace(recipe.compute, threads=0, workers=0, save_every=0)
    text, model = recipe.model.text, recipe.model
    if text.source:  # its sizes come from the source and are only filled in when it is opened
        text = Bert(source=text.source, length=text.length, dropout=text.dropout)
        model = msgspec.structs.replace(model, text=text)
    plain = msgspec.structs.replace(recipe, compute=same, calibrating=Calibrating(), model=model)
    return hashlib.sha256(to_toml(plain, without_defaults=ADDED).encode()).hexdigest()


def optimiser_tensors(optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    """Adam's running averages by parameter number."""
    tensors = {}
    for i, p in enumerate(parameters):
        for name, value in optimiser.state[p].items():
            tensors[f"optimiser.{i}.{name}"] = value
    return tensors


def restore_optimiser(
    optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor], tensors: dict[str, Tensor]
) -> None:
    """Restore the state of ``optimiser_tensors``."""
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimiser":
            number, _, key = rest.partition(".")
            p = parameters[int(number)]
            optimiser.state[p][key] = value if key == "step" else value.to(p.device)
