"""Person detector: an ultralytics detection checkpoint → ONNX. The only importer of ultralytics.

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
from numpy.typing import NDArray
from torch import Tensor, nn

from export.frontends.extras import needed
from export.frontends.writing import Precision, versions, write
from export.to_onnx import OPSET
from stream.cards import Card, Preprocessing
from stream.contract import Extractor, Graph, sha256_of
from stream.errors import ModelError, UsageError
from stream.models import cache_dir

STRIDE = 32
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


class Boxes(nn.Module):
    """``images`` float32 [1, 3, H, W], RGB in 0..1 → ``boxes`` [1, 4 + classes, N]."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        boxes: Tensor = self.model(images)
        return boxes


def export_detector(
    source: str, out: Path, *, size: tuple[int, int] = (640, 640), precision: Precision = "fp32"
) -> Card:
    """Write the detector of ``source``: a ``.pt`` file, the name of a released one, or a model's ``.yaml``.

    ``size`` is the input's (width, height); a YAML gives random weights, to try the chain with. Raises
    UsageError for a wrong size or source, ModelError for a file that is no detection checkpoint.
    """
    if min(size) <= 0 or size[0] % STRIDE or size[1] % STRIDE:
        raise UsageError(
            f"--size: expected a width and height that are multiples of {STRIDE}, found "
            f"{size[0]}x{size[1]}; choose e.g. 640x384 for a wide picture."
        )
    needed("yolo", "ultralytics")
    model, weights, licence = load(source)
    person = _person(source, model, named=weights is not None)
    width, height = size
    stem = Path(source).stem
    rng = np.random.default_rng(0)
    shape = (1, 3, height, width)

    def card(graph: Graph) -> Card:
        return Card(
            kind="detector",
            file="",
            sha256="",
            size=0,
            source=Path(source).name,
            extractor=Extractor(name=stem, sha256=sha256_of(weights) if weights else "random weights"),
            licence=licence,
            graph=graph,
            preprocessing=Preprocessing(
                resize="letterbox",
                width=width,
                height=height,
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
                note="RGB in 0..1; aspect kept, bilinear, in the middle of a field of grey 114",
            ),
            person=person,
            opset=OPSET,
            precision=precision,
            tools=versions("ultralytics", "torch", "onnx", "onnxruntime-gpu"),
            created="",
        )

    return write(
        Boxes(model),
        {"images": torch.from_numpy(picture(rng, shape))},
        "boxes",
        out / f"{stem}-{width}x{height}-{precision}.onnx",
        card,
        precision=precision,
        cases=[{"images": picture(rng, shape)} for _ in range(2)],
        parts=lambda output: (output[:, :4], output[:, 4:]),
        tail=True,
    )


def picture(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Patches of colour with noise over them, 0..1: something with edges in it."""
    coarse = rng.random((*shape[:2], shape[2] // 32, shape[3] // 32))
    smooth = coarse.repeat(32, axis=2).repeat(32, axis=3)
    return (0.8 * smooth + 0.2 * rng.random(shape)).astype(np.float32)


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
                model.eval()(torch.from_numpy(picture(np.random.default_rng(1), (1, 3, 256, 256))))
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


def _person(source: str, model: Any, *, named: bool) -> int:
    """The class called person; the first one of random weights, which have no names."""
    names = {int(number): name for number, name in model.names.items()}
    found = [number for number, name in names.items() if name == "person"]
    if not found and named:
        raise ModelError(
            f"{source}: expected a class named person, found {', '.join(list(names.values())[:5])}…; "
            "give a detector that knows people."
        )
    return found[0] if found else 0


def _unreadable(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"{source}: expected an ultralytics detection checkpoint, found none that reads ({_first(error)}); "
        "download it again, from whom you trust."
    )


def _first(error: Exception) -> str:
    text = str(error).strip().split("\n")[0].replace("ERROR ❌️ ", "")
    return (text or type(error).__name__)[:160].rstrip(".")
