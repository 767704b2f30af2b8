"""The training loop: AdamW, warm-up and cosine decay, clipped gradients, averaged weights, exact resume.

Step k depends only on the weights, the optimiser's state and (seed, phase, k), so a run that is killed and
resumed gives the same result. accelerate handles devices, several processes and mixed precision.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from training.config import Recipe, Stage
from training.data.windows import Batches, Movable, generator
from training.learning.log import Bar, Log
from training.learning.progress import Progress, optimiser_tensors, restore_optimiser

Read = TypeVar("Read", bound=Movable)  # a kind of batch
Loss = Callable[[Read], Tensor]
Observer = Callable[[str, int], None]  # called with a phase's name and the number of the next step
LINES = 10  # log lines per phase
VALIDATION_BATCHES = 8


_observers: list[Observer] = []


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Call ``observer(phase, step)`` before every step of any run in this process.

    An exception that it raises ends the run there, as a kill would.
    """
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


class Objective(nn.Module):
    """A model with its loss, as one module whose forward synchronises the gradients of several processes."""

    def __init__(self, model: nn.Module, loss: Loss[Any]) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Movable) -> Tensor:
        return self.loss(batch)


class Trainer:
    """Runs the phases of one model, resuming from the state in ``folder``."""

    def __init__(self, model: nn.Module, recipe: Recipe, folder: Path | None = None, log: Log | None = None):
        torch.set_num_threads(recipe.compute.threads)
        # A branch that is absent from a batch gets no gradient, which distributed training must allow.
        uneven = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(mixed_precision=recipe.compute.precision, kwargs_handlers=[uneven])
        self.model, self.recipe = model, recipe
        self.log = log or Log()
        self.log.quiet = self.rank > 0
        self.progress = Progress.open(folder, recipe)
        self.progress.restore(model)
        if self.progress.done:
            self.log.rewind(self.progress.lines)  # later lines will be written again
        model.to(self.accelerator.device)

    @property
    def rank(self) -> int:
        return int(self.accelerator.process_index)

    def once(self, name: str, action: Callable[[], object]) -> None:
        """Change the model by ``action``, unless that was done before the run was interrupted."""
        if name not in self.progress.done:
            action()
            self._finish(name)

    def compute_once(self, name: str, compute: Callable[[], Any]) -> Any:
        """The result of ``compute`` (as JSON), stored so that a resumed run gets the same."""
        notes = self.progress.notes
        if name not in notes:
            notes[name] = compute()
            self._finish(name)
        return notes[name]

    def fit(
        self,
        parts: Iterable[nn.Module],
        loss: Loss[Read],
        windows: Batches[Read],
        validation: Batches[Read] | None = None,
        plain: Loss[Read] | None = None,
    ) -> None:
        """Optimise the parameters of ``parts`` and leave them at their averaged weights; with ``validation``,
        at those with the lowest validation loss by ``plain`` (default: the training loss)."""
        phase, stage = windows.phase, windows.stage
        if phase in self.progress.done:
            return
        parameters = [p for part in parts for p in part.parameters()]
        with _only(self.model, parameters):
            optimiser = torch.optim.AdamW(parameters, lr=stage.rate, weight_decay=stage.decay)
            objective, wrapped = self.accelerator.prepare(Objective(self.model, loss), optimiser)
            run = _Phase(self, phase, stage, parameters, optimiser)
            with Bar(phase, stage.steps, run.step, quiet=self.rank > 0) as bar:
                for batch in _timed(windows.since(run.step), run):
                    if run.stopped:
                        break
                    run.train_step(objective, wrapped, batch)
                    bar.step(run.recent[-1])
                    run.after(plain or loss, validation)
            run.apply_result()
        self.accelerator.free_memory()
        self._finish(phase)

    def _finish(self, name: str) -> None:
        self.model.eval()
        if self.rank == 0:
            self.progress.finish(name, self.model, len(self.log.lines))
        else:
            self.progress.done.append(name)
        self.accelerator.wait_for_everyone()

    def validate(self, loss: Loss[Read], windows: Batches[Read]) -> float:
        """Mean loss over a few fixed windows; the same in every process."""
        self.model.eval()
        with torch.no_grad():
            losses = [float(loss(windows[k].to(self.accelerator.device))) for k in range(VALIDATION_BATCHES)]
        return sum(losses) / len(losses)


@dataclass(slots=True)
class _Best:
    """The weights with the lowest validation loss, and the number of validations since."""

    weights: list[Tensor] = field(default_factory=list)
    lowest: float = math.inf
    worse: int = 0

    def offer(self, loss: float, weights: list[Tensor]) -> None:
        if loss < self.lowest:
            self.weights, self.lowest, self.worse = [value.clone() for value in weights], loss, 0
        else:
            self.worse += 1


class _Phase:
    """The state of one phase between its steps."""

    def __init__(
        self,
        trainer: Trainer,
        name: str,
        stage: Stage,
        parameters: list[nn.Parameter],
        optimiser: torch.optim.Optimizer,
    ) -> None:
        self.trainer, self.name, self.stage = trainer, name, stage
        self.parameters, self.optimiser = parameters, optimiser
        self.average = [p.detach().clone() for p in parameters]
        self.best = _Best()
        self.step = 0
        self.recent: list[float] = []
        self.waited_s, self.started = 0.0, time.monotonic()
        progress = trainer.progress
        if progress.phase == name:
            self._resume(progress)

    def _resume(self, progress: Progress) -> None:
        state, tensors = progress.says, progress.tensors
        self.step, self.recent = progress.step, state["recent"]
        device, count = self.average[0].device, range(len(self.average))
        self.average = [tensors[f"average.{i}"].to(device) for i in count]
        best = [tensors[f"best.{i}"].to(device) for i in count] if "best.0" in tensors else []
        self.best = _Best(best, state["lowest"], state["worse"])
        restore_optimiser(self.optimiser, self.parameters, tensors)
        scaler = self.trainer.accelerator.scaler
        if scaler is not None and state["scaler"]:
            scaler.load_state_dict(state["scaler"])

    @property
    def stopped(self) -> bool:
        return bool(self.stage.validate_every) and self.best.worse >= self.stage.patience

    def train_step(self, objective: nn.Module, wrapped: torch.optim.Optimizer, batch: Movable) -> None:
        trainer, stage = self.trainer, self.stage
        for observer in _observers:
            observer(self.name, self.step)
        trainer.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = stage.rate * _schedule(self.step, stage)
        seed = generator(trainer.recipe.seed, f"{self.name}, model", self.step, trainer.rank)
        torch.manual_seed(int(seed.integers(2**62)))
        loss = objective(batch.to(trainer.accelerator.device))
        wrapped.zero_grad(set_to_none=True)
        trainer.accelerator.backward(loss)
        trainer.accelerator.clip_grad_norm_(self.parameters, 1.0)
        wrapped.step()
        # The average decays faster at first, or it would retain the random initialisation.
        keep = min(stage.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, p in zip(self.average, self.parameters, strict=True):
                mean.lerp_(p, 1 - keep)
        self.recent.append(float(loss.detach()))
        self.step += 1

    def after(self, loss: Loss[Read], validation: Batches[Read] | None) -> None:
        """Log, validate and save when due."""
        stage, trainer = self.stage, self.trainer
        results: dict[str, float] = {}
        if validation is not None and stage.validate_every and self.step % stage.validate_every == 0:
            results["validation"] = round(self._validated(loss, validation), 4)
        if results or self.step % max(stage.steps // LINES, 1) == 0:
            elapsed = time.monotonic() - self.started
            mean = round(sum(self.recent) / len(self.recent), 4)
            share = round(self.waited_s / max(elapsed, 1e-9), 4)
            trainer.log(stage=self.name, step=self.step, loss=mean, **results, waiting=share)
            self.recent = []
        if self.step % trainer.recipe.compute.save_every == 0 and trainer.rank == 0:
            self.save()

    def _validated(self, loss: Loss[Read], validation: Batches[Read]) -> float:
        with self.averaged():
            value = self.trainer.validate(loss, validation)
        self.best.offer(value, self.average)
        return value

    def save(self) -> None:
        trainer = self.trainer
        tensors = optimiser_tensors(self.optimiser, self.parameters)
        tensors |= {f"average.{i}": v for i, v in enumerate(self.average)}
        tensors |= {f"best.{i}": v for i, v in enumerate(self.best.weights)}
        scaler = trainer.accelerator.scaler
        state = {
            "worse": self.best.worse,
            "lowest": self.best.lowest,
            "recent": self.recent,
            "scaler": scaler.state_dict() if scaler is not None else {},
        }
        trainer.progress.save(trainer.model, self.name, self.step, len(trainer.log.lines), state, tensors)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the averaged weights in place of the newest ones."""
        newest = [p.detach().clone() for p in self.parameters]
        _put(self.parameters, self.average)
        yield
        _put(self.parameters, newest)

    def apply_result(self) -> None:
        _put(self.parameters, self.best.weights or self.average)


def _put(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    with torch.no_grad():
        for p, value in zip(parameters, values, strict=True):
            p.copy_(value)


@contextmanager
def _only(model: nn.Module, parameters: list[nn.Parameter]) -> Iterator[None]:
    """Enable gradients for these parameters only."""
    chosen = {id(p) for p in parameters}
    for p in model.parameters():
        p.requires_grad_(id(p) in chosen)
    yield
    for p in model.parameters():
        p.requires_grad_(True)


def _timed(batches: Iterator[Read], phase: _Phase) -> Iterator[Read]:
    """The same batches; adds up the time spent waiting for them."""
    while True:
        started = time.monotonic()
        batch = next(batches, None)
        phase.waited_s += time.monotonic() - started
        if batch is None:
            return
        yield batch


def _schedule(k: int, stage: Stage) -> float:
    if k < stage.warmup:
        return (k + 1) / stage.warmup
    done = (k - stage.warmup) / max(stage.steps - stage.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02
