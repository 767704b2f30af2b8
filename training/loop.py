"""One optimisation run: AdamW, warm-up and cosine decay, clipped gradients, averaged weights, a JSONL log."""

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.config import Stage

Step = Callable[[], Tensor]  # draws a batch and returns its loss


class Log:
    """JSON lines of a run; also kept in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.lines = path, []
        self._begun = time.monotonic()

    def __call__(self, **values: Any) -> None:
        values["elapsed_s"] = round(time.monotonic() - self._begun, 1)
        self.lines.append(values)
        if self.path:
            with self.path.open("a") as stream:
                stream.write(json.dumps(values) + "\n")


def run(name: str, module: nn.Module, parts: Iterable[nn.Module], step: Step, stage: Stage, log: Log) -> None:
    """Optimise the parameters of ``parts`` (inside ``module``); leaves their averaged weights in place."""
    parameters = [p for part in parts for p in part.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=stage.rate, weight_decay=stage.decay)
    average = [p.detach().clone() for p in parameters]
    recent: list[float] = []
    for k in range(stage.steps):
        module.train()
        for group in optimiser.param_groups:
            group["lr"] = stage.rate * _schedule(k, stage)
        loss = step()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        # Young averages follow faster, or the random start would stay in them.
        keep = min(stage.average, (1 + k) / (10 + k))
        with torch.no_grad():
            for mean, p in zip(average, parameters, strict=True):
                mean.lerp_(p, 1 - keep)
        recent.append(float(loss.detach()))
        if (k + 1) % max(stage.steps // 10, 1) == 0:
            log(stage=name, step=k + 1, loss=round(sum(recent) / len(recent), 4))
            recent.clear()
    with torch.no_grad():
        for mean, p in zip(average, parameters, strict=True):
            p.copy_(mean)
    module.eval()


def _schedule(k: int, stage: Stage) -> float:
    if k < stage.warmup:
        return (k + 1) / stage.warmup
    done = (k - stage.warmup) / max(stage.steps - stage.warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02
