"""Loads the network of an ultralytics detection checkpoint. The only importer of ultralytics.

A checkpoint is a pickle. It is read with ultralytics' restricted loader, which builds known classes of torch
and ultralytics and nothing else; such loaders have been bypassed before, so use only checkpoints from a
publisher you trust. The library is prevented from installing packages and from sending anything.
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

HEADS = ("Detect", "v10Detect")  # other heads give masks, keypoints, rotated boxes or open-vocabulary classes
LOAD_ERRORS = (  # raised for a file that is no checkpoint, depending on its bytes
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
LICENCE = "AGPL-3.0 (ultralytics); the publisher of the weights may state another"


def load(source: str) -> tuple[Any, Path | None, str]:
    """The fused network in eval mode, its checkpoint file (None: random weights) and its licence."""
    configure_ultralytics()
    path = Path(source)
    if path.suffix == ".yaml":
        return _random_network(source), None, LICENCE
    if path.suffix != ".pt":
        raise UsageError(
            f"{source}: expected an ultralytics checkpoint (.pt) or a model's .yaml, found neither; give one."
        )
    path = path if path.is_file() else _download(path)
    from ultralytics.nn.tasks import torch_safe_load

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about the pickle protocol before it refuses a file
            checkpoint, _ = torch_safe_load(str(path), safe_only=True)
        network = checkpoint.get("ema") or checkpoint["model"]
        model = _prepare(source, network.float())
    except LOAD_ERRORS as error:
        raise _unreadable(source, error) from error
    return model, path, str(checkpoint.get("license") or LICENCE)


def configure_ultralytics() -> None:
    """Call before importing ultralytics: it installs, sends and looks up nothing; its files go to our
    cache."""
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


def _download(path: Path) -> Path:
    """A released checkpoint, downloaded to the cache unless it is already there."""
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    cached = cache_dir() / "ultralytics" / path.name
    if cached.is_file():
        return cached
    if path.name not in GITHUB_ASSETS_NAMES or path.parent != Path():
        raise ModelError(
            f"{path}: expected a checkpoint file or the name of a released one, found neither; "
            "give the place of a .pt file or a name such as yolo11x.pt."
        )
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        attempt_download_asset(str(cached))
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"{path}: expected this release of ultralytics over the network, found it out of reach "
            f"({type(error).__name__}); download it elsewhere and give its place."
        ) from error
    return cached


def _random_network(source: str) -> Any:
    """An architecture with random weights; its norms are fitted to an image, or the signal would vanish."""
    from ultralytics.nn.tasks import DetectionModel

    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: Any = DetectionModel(source, verbose=False)
            _check_head(source, model)
            norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
            hooks = [norm.register_forward_pre_hook(_fit_norm) for norm in norms]
            with torch.no_grad():
                model.eval()(torch.from_numpy(patches(np.random.default_rng(1), (1, 3, 256, 256))))
                for convolutions in model.model[-1].cv3:
                    convolutions[-1].bias.fill_(-2.0)  # scores of about 0.1: no detection, but not zero
            for hook in hooks:
                hook.remove()
    except (FileNotFoundError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(
            f"{source}: expected the configuration of an ultralytics detector, found none that builds one "
            f"({_first_line(error)}); give one such as yolo11x.yaml."
        ) from error
    return _prepare(source, model)


def _fit_norm(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Scale all inputs of a norm alike, to a range in which SiLU is nearly linear.

    Statistics per channel would also work, but would amplify rounding a thousandfold over the layers.
    """
    size: Any = norm.running_var
    size.fill_(100 * inputs[0].square().mean())


def _prepare(source: str, model: Any) -> Any:
    """Fuse the network, in eval mode, with one tensor of all boxes as its output."""
    _check_head(source, model)
    head = model.model[-1]
    if getattr(head, "cv2", None) is None:
        raise ModelError(
            f"{source}: expected all boxes to choose from, found only the end-to-end head, whose other one "
            "was removed; give the checkpoint as it was trained."
        )
    head.end2end = False  # use the ordinary head, not the one with suppression built in
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
        f"{source}: expected an ultralytics detection checkpoint, found something else "
        f"({_first_line(error)}); download it again, from a publisher you trust."
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0].replace("ERROR ❌️ ", "")
    return (text or type(error).__name__)[:160].rstrip(".")
