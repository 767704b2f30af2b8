"""DINOv2 and BERT with published weights, by hub name or from a folder: safetensors only, no code.

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
KNOWN = {  # who publishes what under which licence
    "facebook/dinov2-": "Apache-2.0 (facebookresearch/dinov2)",
    "bert-base-": "Apache-2.0 (google-research/bert)",
    "google-bert/bert-base-": "Apache-2.0 (google-research/bert)",
}

T = TypeVar("T")


def opened(read: Callable[[str], T], source: str, kind: str) -> T:
    """What ``read`` makes of a source; ModelError, in one sentence, where it cannot be read."""
    try:
        return read(source)
    except READING as error:
        raise unreadable(source, kind, error) from error


def card_of(source: str, weights: Path, precision: Precision, **known: Any) -> Callable[[Graph], Card]:
    """The card of a published network, once its graph is there; ``known`` are the card's other fields."""
    origin = about(source, weights)

    def card(graph: Graph) -> Card:
        return draft(
            "transformers", "torch", graph=graph, opset=OPSET, precision=precision, **origin, **known
        )

    return card


def dinov2(source: str, *, attention: str = "sdpa") -> tuple[Dinov2Model, Path]:
    """The network in float32 and eval mode, and its weights' file.

    Raises one of `READING`, with the reason, when there is none that reads.
    """
    config = AutoConfig.from_pretrained(file_of(source, CONFIG).parent)
    if not isinstance(config, Dinov2Config):
        raise ValueError(f"it is of type {config.model_type}")
    weights = file_of(source, WEIGHTS)
    model, report = Dinov2Model.from_pretrained(
        source, use_safetensors=True, output_loading_info=True, attn_implementation=attention
    )
    _complete(report)
    found: Dinov2Model = model.float().eval()
    return found, weights


def bert(source: str) -> tuple[BertModel, Path, Path]:
    """The network without its pooler, with attention that traces, and its weights' and tokenizer's files.

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
    found: BertModel = model.float().eval()
    return found, weights, tokenizer


def bert_config(source: str) -> BertConfig:
    """The sizes of a BERT. Raises as `dinov2` does."""
    config = AutoConfig.from_pretrained(file_of(source, CONFIG).parent)
    if not isinstance(config, BertConfig):
        raise ValueError(f"it is of type {config.model_type}")
    return config


def file_of(source: str, name: str) -> Path:
    """A file of a folder or a hub's repository. Raises OSError when there is none."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # of every try without a network it warns
    found = cached_file(source, name)
    if found is None:
        raise OSError(f"no {name}")
    return Path(found)


def about(source: str, weights: Path) -> dict[str, Any]:
    """A card's fields about a source: its name, the extractor, the licence as far as it is known."""
    name = Path(source).name
    known = [licence for start, licence in KNOWN.items() if source.startswith(start)]
    return {
        "source": source if "/" in source and not Path(source).exists() else name,
        "extractor": Extractor(name=name, sha256=sha256_of(weights)),
        "licence": known[0] if known else "not known here: ask who published the weights",
    }


def unreadable(source: str, kind: str, error: Exception) -> ModelError:
    """The error of a source that does not read, in one sentence."""
    return ModelError(
        f"{source}: expected {kind} weights, a folder or hub name with config.json and {WEIGHTS}, found none "
        f"that reads ({reason(error)}); give the place of a downloaded folder."
    )


def reason(error: Exception) -> str:
    """The first sentence of what a library says, without its end."""
    return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".:")


READING = (OSError, ValueError, RuntimeError, ImportError, SafetensorError)


def _complete(report: dict[str, object]) -> None:
    missing = report["missing_keys"]
    if isinstance(missing, list | set | tuple) and missing:
        raise ValueError(f"{len(missing)} weights are missing")
