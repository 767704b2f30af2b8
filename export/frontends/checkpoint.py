"""An ultralytics detection checkpoint → its network. The only importer of ultralytics.

A checkpoint is a pickle. It is read with ultralytics' restricted loader, which builds known classes of torch
and ultralytics and nothing else; bypasses of such loaders have been found before, so take checkpoints only
from whom you trust. The library is kept from installing packages and from sending anything.
"""

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from export.frontends.pictures import patches
from stream.bundle.model_cache import cache_dir
from stream.errors import ModelError, UsageError

HEADS = ("Detect", "v10Detect")  # others find masks, joints, turned boxes or what a text names
BROKEN = (  # what a file that is no checkpoint raises, depending on its bytes
    TypeError,
    KeyError,
    ValueError,
    AttributeError,
    ImportError,
    RuntimeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
)
LICENCE = "AGPL-3.0 (ultralytics); whoever publishes the weights may say otherwise"


def load(source: str) -> tuple[Any, Path | None, str]:
    """The fused network in eval mode, the checkpoint it came from (None: random weights) and its licence."""
    settle()
    path = Path(source)
    if path.suffix == ".yaml":
        return _built(source), None, LICENCE
    if path.suffix != ".pt":
        raise UsageError(
            f"{source}: expected an ultralytics checkpoint (.pt) or a model's .yaml, found neither; give one."
        )
    path = path if path.is_file() else _released(path)
    from ultralytics.nn.tasks import torch_safe_load

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a file's pickle protocol before it refuses it
            checkpoint, _ = torch_safe_load(str(path), safe_only=True)
        found = checkpoint.get("ema") or checkpoint["model"]
        model = _ready(source, found.float())
    except BROKEN as error:
        raise _unreadable(source, error) from error
    return model, path, str(checkpoint.get("license") or LICENCE)


def settle() -> None:
    """Before ultralytics is imported: nothing is installed, sent or looked up; its files go to our cache."""
    os.environ.update(
        YOLO_AUTOINSTALL="false",
        YOLO_OFFLINE="true",
        YOLO_VERBOSE="false",
        ULTRALYTICS_SAFE_LOAD="true",
    )
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_dir() / "ultralytics"))
    from ultralytics import settings

    if settings["sync"]:
        settings.update({"sync": False})


def _released(path: Path) -> Path:
    """A released checkpoint, downloaded to the cache unless it is there."""
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    kept = cache_dir() / "ultralytics" / path.name
    if kept.is_file():
        return kept
    if path.name not in GITHUB_ASSETS_NAMES or path.parent != Path():
        raise ModelError(
            f"{path}: expected a checkpoint file or the name of a released one, found neither; "
            "give the place of a .pt file or a name such as yolo11x.pt."
        )
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        attempt_download_asset(str(kept))
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"{path}: expected this release of ultralytics over the network, found it out of reach "
            f"({type(error).__name__}); download it elsewhere and give its place."
        ) from error
    return kept


def _built(source: str) -> Any:
    """Random weights of an architecture, its norms fitted to a picture: else that is lost on the way."""
    from ultralytics.nn.tasks import DetectionModel

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: Any = DetectionModel(source, verbose=False)
            _check_head(source, model)
            norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
            hooks = [norm.register_forward_pre_hook(_fit) for norm in norms]
            with torch.no_grad():
                model.eval()(torch.from_numpy(patches(np.random.default_rng(1), (1, 3, 256, 256))))
                for convolutions in model.model[-1].cv3:
                    convolutions[-1].bias.fill_(-2.0)  # scores of about one in ten: nobody, but not zero
            for hook in hooks:
                hook.remove()
    except (FileNotFoundError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(
            f"{source}: expected the configuration of an ultralytics detector, found none that builds one "
            f"({_first(error)}); give one such as yolo11x.yaml."
        ) from error
    return _ready(source, model)


def _fit(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Bring what comes in to one size, where SiLU is nearly straight.

    A channel's own mean and size would do too, but blow rounding up a thousandfold on the way through.
    """
    size: Any = norm.running_var
    size.fill_(100 * inputs[0].square().mean())


def _ready(source: str, model: Any) -> Any:
    """The network fused, in eval mode, giving one tensor of all boxes."""
    _check_head(source, model)
    head = model.model[-1]
    if getattr(head, "cv2", None) is None:
        raise ModelError(
            f"{source}: expected all boxes to choose from, found only the end-to-end head, whose other one "
            "was removed; give the checkpoint as it was trained."
        )
    head.end2end = False  # a head that suppresses on its own stands beside the ordinary one
    model = model.eval().fuse(verbose=False)
    head.export = True
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def _check_head(source: str, model: Any) -> None:
    head = type(model.model[-1]).__name__
    if head not in HEADS:
        raise ModelError(
            f"{source}: expected a detection model (head {HEADS[0]}), found one with the head {head}; give a "
            "checkpoint that finds boxes, such as yolo11x.pt."
        )


def _unreadable(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"{source}: expected an ultralytics detection checkpoint, found none that reads ({_first(error)}); "
        "download it again, from whom you trust."
    )


def _first(error: Exception) -> str:
    text = str(error).strip().split("\n")[0].replace("ERROR ❌️ ", "")
    return (text or type(error).__name__)[:160].rstrip(".")
