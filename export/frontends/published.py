"""DINOv2 and BERT as somebody else trained them, by hub name or from a folder: safetensors only, no code.

A name at the hub is asked for over the network where it was not before.
"""

from pathlib import Path

from safetensors import SafetensorError
from transformers import AutoConfig, BertConfig, BertModel, Dinov2Config, Dinov2Model
from transformers.utils import cached_file

from stream.errors import ModelError

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
KNOWN = {  # who publishes what under which licence
    "facebook/dinov2-": "Apache-2.0 (facebookresearch/dinov2)",
    "bert-base-": "Apache-2.0 (google-research/bert)",
    "google-bert/bert-base-": "Apache-2.0 (google-research/bert)",
}


def dinov2(source: str, *, attention: str = "sdpa") -> tuple[Dinov2Model, Path]:
    """The network in float32 and eval mode, and its weights' file.

    Raises one of `READING`, with the reason, when there is none that reads.
    """
    config = AutoConfig.from_pretrained(source)
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
    config = AutoConfig.from_pretrained(source)
    if not isinstance(config, BertConfig):
        raise ValueError(f"it is of type {config.model_type}")
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


def file_of(source: str, name: str) -> Path:
    """A file of a folder or a hub's repository. Raises OSError when there is none."""
    found = cached_file(source, name)
    if found is None:
        raise OSError(f"no {name}")
    return Path(found)


def licence_of(source: str) -> str:
    """As its publisher says, for the names that we know."""
    known = [licence for name, licence in KNOWN.items() if source.startswith(name)]
    return known[0] if known else "not known here: ask who published the weights"


def unreadable(source: str, kind: str, error: Exception) -> ModelError:
    """The error of a source that does not read, in one sentence."""
    found = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".:")
    return ModelError(
        f"{source}: expected {kind} weights, a folder or hub name with config.json and {WEIGHTS}, found none "
        f"that reads ({found}); give the place of a downloaded folder."
    )


READING = (OSError, ValueError, RuntimeError, ImportError, SafetensorError)


def _complete(report: dict[str, object]) -> None:
    missing = report["missing_keys"]
    if isinstance(missing, list | set | tuple) and missing:
        raise ValueError(f"{len(missing)} weights are missing")
