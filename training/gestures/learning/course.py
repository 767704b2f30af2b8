"""One branch learns: AdamW or SGD, warm-up and cosine decay, clipped gradients, averaged weights.

Step k depends on the weights, the optimiser's state and (seed, phase, k) alone, so a branch whose training
was killed goes on where it stood and ends with the same weights.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.corpus.gestures import CLASSES
from training.corpus.tensors import writing
from training.gestures.data.batches import generator, members
from training.gestures.data.inputs import Reader
from training.gestures.learning.losses import anchors_of, class_weights, total
from training.gestures.models.build import build
from training.gestures.models.head import Branch
from training.gestures.recipe import BranchName, Course, GestureRecipe
from training.learning.log import Bar, Log
from training.learning.progress import optimiser_tensors, restore_optimiser

LINES = 5  # of the log, for each branch
MOMENTUM = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Clips to learn from."""

    places: NDArray[np.int64]  # [n], in the clip index
    labels: NDArray[np.int64]  # [n], 0–31: true ones and accepted pseudo-labels
    weights: NDArray[np.float32]  # [n], 1 for a true label

    @property
    def counts(self) -> NDArray[np.int64]:
        """Clips of each class, int64 [32]."""
        return np.bincount(self.labels, minlength=CLASSES)


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _laid_out(volume: Tensor) -> Tensor:
    """Volumes with their channels last: what CPUs convolve fastest."""
    if volume.dim() == 5 and volume.is_floating_point():
        return volume.contiguous(memory_format=torch.channels_last_3d)
    return volume


def train(
    name: BranchName,
    recipe: GestureRecipe,
    read: Reader,
    taught: Taught,
    phase: str,
    folder: Path | None = None,
    log: Log | None = None,
) -> Branch:
    """A branch from scratch, in evaluation mode; ``folder`` keeps the points that a killed one resumes
    from."""
    torch.set_num_threads(recipe.threads)
    branch = build(name, recipe).to(device())
    run = _Run(branch, recipe, getattr(recipe, name).course, taught, phase)
    part = folder / "part.safetensors" if folder else None
    if part is not None and part.is_file():
        run.restore(part)
    where = {int(p): i for i, p in enumerate(taught.places)}
    with Bar(phase, run.course.steps, run.step) as bar:
        while run.step < run.course.steps:
            chosen = members(taught.places, run.course.batch, recipe.seed, phase, run.step)
            rows = np.array([where[int(p)] for p in chosen])
            inputs = read(chosen, generator(recipe.seed, f"{phase}, changes", run.step))
            bar.step(run.take(inputs, rows))
            if log is not None and run.step % max(run.course.steps // LINES, 1) == 0:
                log(stage=phase, step=run.step, loss=run.recent())
            if part is not None and run.step % recipe.save_every == 0:
                run.save(part)
    run.leave()
    if part is not None:
        part.unlink(missing_ok=True)
    return branch


class _Run:
    """The state of one course between its steps."""

    def __init__(
        self, branch: Branch, recipe: GestureRecipe, course: Course, taught: Taught, phase: str
    ) -> None:
        self.branch, self.recipe, self.course, self.taught, self.phase = branch, recipe, course, taught, phase
        where = device()
        self.parameters: list[Tensor] = list(branch.parameters())
        if course.optimiser == "sgd":
            self.optimiser: torch.optim.Optimizer = torch.optim.SGD(
                self.parameters, course.rate, momentum=MOMENTUM, weight_decay=course.decay, nesterov=True
            )
        else:
            self.optimiser = torch.optim.AdamW(self.parameters, course.rate, weight_decay=course.decay)
        weights = class_weights(taught.counts, recipe.objective)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(where)
        anchors = anchors_of(recipe.objective, recipe.seed)
        self.anchors = None if anchors is None else anchors.to(where)
        self.average = {k: v.detach().clone() for k, v in self._floats()}
        self.losses: list[float] = []
        self.step = 0

    def _floats(self) -> Iterator[tuple[str, Tensor]]:
        """Weights and running statistics, which are averaged together."""
        return ((k, v) for k, v in self.branch.state_dict().items() if v.is_floating_point())

    def take(self, inputs: Tensor, rows: NDArray[np.int64]) -> float:
        """One step; returns its loss."""
        where = device()
        for group in self.optimiser.param_groups:
            group["lr"] = self.course.rate * _schedule(self.step, self.course)
        seed = generator(self.recipe.seed, f"{self.phase}, model", self.step)
        torch.manual_seed(int(seed.integers(2**62)))
        self.branch.train()
        loss = total(
            self.branch(_laid_out(inputs.to(where))),
            torch.from_numpy(self.taught.labels[rows]).to(where),
            torch.from_numpy(self.taught.weights[rows]).to(where),
            self.weights,
            self.anchors,
            self.recipe.objective,
            self.step / max(self.course.steps, 1),
        )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.course.clip)
        self.optimiser.step()
        # Young averages follow faster, or the random start would stay in them.
        keep = min(self.course.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for k, v in self._floats():
                self.average[k].lerp_(v, 1 - keep)
        self.losses.append(float(loss.detach()))
        self.step += 1
        return self.losses[-1]

    def recent(self) -> float:
        """Mean loss since the last call."""
        mean = sum(self.losses) / max(len(self.losses), 1)
        self.losses = []
        return round(mean, 4)

    def save(self, path: Path) -> None:
        tensors = optimiser_tensors(self.optimiser, self.parameters)
        tensors |= {f"model.{k}": v for k, v in self.branch.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        words = json.dumps({"step": self.step, "losses": self.losses})
        with writing(path) as part:
            save_file({k: v.contiguous() for k, v in tensors.items()}, part, metadata={"words": words})

    def restore(self, path: Path) -> None:
        with safe_open(path, "pt") as stored:
            words: dict[str, Any] = json.loads(stored.metadata()["words"])
            tensors = {k: stored.get_tensor(k).clone() for k in stored.keys()}  # noqa: SIM118
        self.step, self.losses = words["step"], words["losses"]
        self.branch.load_state_dict(_under("model.", tensors))
        self.average = {k: v.to(device()) for k, v in _under("average.", tensors).items()}
        restore_optimiser(self.optimiser, self.parameters, tensors)

    def leave(self) -> None:
        """The averaged weights take the place of the newest ones."""
        self.branch.load_state_dict({**self.branch.state_dict(), **self.average})
        self.branch.eval()


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _schedule(k: int, course: Course) -> float:
    if k < course.warmup:
        return (k + 1) / course.warmup
    done = (k - course.warmup) / max(course.steps - course.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02


@contextmanager
def _still(branch: Branch) -> Iterator[None]:
    branch.eval()
    with torch.no_grad():
        yield


def predict(branch: Branch, read: Reader, places: NDArray[np.int64], batch: int = 32) -> NDArray[np.float32]:
    """Logits of the clips at ``places``, float32 [n, 32]: one fixed sampling of each."""
    found = np.zeros((len(places), CLASSES), np.float32)
    with _still(branch):
        for i in range(0, len(places), batch):
            said = branch(_laid_out(read(places[i : i + batch]).to(device())))
            found[i : i + batch] = said.logits.float().cpu().numpy()
    return found
