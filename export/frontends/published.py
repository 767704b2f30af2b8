"""DINOv2 and BERT with published weights, by hub name or from a folder: safetensors only, no remote code.

A hub name is downloaded the first time.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from transformers import AutoConfig, BertConfig, BertModel, Dinov2Config, Dinov2Model
from transformers.utils import cached_file

from export.frontends.write_model import Precision, draft
from export.lowering.to_onnx import OPSET
from stream.bundle.manifest import Extractor, Graph
from stream.bundle.model_card import Card
from stream.errors import ModelError
from stream.files import sha256_of

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
LICENCES = {  # by the start of a source's name
    "facebook/dinov2-": "Apache-2.0 (facebookresearch/dinov2)",
    "bert-base-": "Apache-2.0 (google-research/bert)",
    "google-bert/bert-base-": "Apache-2.0 (google-research/bert)",
}

T = TypeVar("T")


def load_weights(read: Callable[[str], T], source: str, kind: str) -> T:
    """Call ``read`` on a source. Raises ModelError if it cannot be read."""
    try:
        return read(source)
    except LOAD_ERRORS as error:
        raise unreadable(source, kind, error) from error


def card_of(source: str, weights: Path, precision: Precision, **fields: Any) -> Callable[[Graph], Card]:
    """A function from the graph of a published network to its card; ``fields`` are the card's other
    fields."""
    origin = origin_of(source, weights)

    def card(graph: Graph) -> Card:
        return draft(
            "transformers", "torch", graph=graph, opset=OPSET, precision=precision, **origin, **fields
        )

    return card


def dinov2(source: str, *, attention: str = "sdpa") -> tuple[Dinov2Model, Path]:
    """The network in float32 and eval mode, and its weights' file.

    Raises one of `LOAD_ERRORS` for missing or unreadable weights.
    """
    config = AutoConfig.from_pretrained(file_of(source, CONFIG).parent)
    if not isinstance(config, Dinov2Config):
        raise ValueError(f"it is of type {config.model_type}")
    weights = file_of(source, WEIGHTS)
    model, report = Dinov2Model.from_pretrained(
        source, use_safetensors=True, output_loading_info=True, attn_implementation=attention
    )
    _complete(report)
    ready: Dinov2Model = model.float().eval()
    return ready, weights


def bert(source: str) -> tuple[BertModel, Path, Path]:
    """The network without its pooler, with traceable attention, and its weights' and tokenizer's files.

    Raises as `dinov2` does.
    """
    bert_config(source)
    weights, tokenizer = file_of(source, WEIGHTS), file_of(source, TOKENIZER)
    model, report = BertModel.from_pretrained(
        source,
        add_pooling_layer=False,
        use_safetensors=True,
        output_loading_info=True,
        attn_implementation="eager",
    )
    _complete(report)
    ready: BertModel = model.float().eval()
    return ready, weights, tokenizer


def bert_config(source: str) -> BertConfig:
    """The configuration of a BERT. Raises as `dinov2` does."""
    config = AutoConfig.from_pretrained(file_of(source, CONFIG).parent)
    if not isinstance(config, BertConfig):
        raise ValueError(f"it is of type {config.model_type}")
    return config


def file_of(source: str, name: str) -> Path:
    """A file of a folder or of a hub repository. Raises OSError if it is missing."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # offline, it warns at every attempt
    path = cached_file(source, name)
    if path is None:
        raise OSError(f"no {name}")
    return Path(path)


def origin_of(source: str, weights: Path) -> dict[str, Any]:
    """A card's fields about a source: its name, the extractor, and the licence if it is known."""
    name = Path(source).name
    known = [licence for start, licence in LICENCES.items() if source.startswith(start)]
    return {
        "source": source if "/" in source and not Path(source).exists() else name,
        "extractor": Extractor(name=name, sha256=sha256_of(weights)),
        "licence": known[0] if known else "not known here: ask the publisher of the weights",
    }


def unreadable(source: str, kind: str, error: Exception) -> ModelError:
    """The error for unreadable weights."""
    return ModelError(
        f"{source}: expected {kind} weights, a folder or hub name with config.json and {WEIGHTS}, found none "
        f"that reads ({reason(error)}); give the place of a downloaded folder."
    )


def reason(error: Exception) -> str:
    """The first sentence of a library's error message, without its full stop."""
    return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".:")


LOAD_ERRORS = (OSError, ValueError, RuntimeError, ImportError, SafetensorError)


def _complete(report: dict[str, object]) -> None:
    missing = report["missing_keys"]
    if isinstance(missing, list | set | tuple) and missing:
        raise ValueError(f"{len(missing)} weights are missing")
