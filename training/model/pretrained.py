"""Published BERT weights with their sizes and word pieces; stage 1 fine-tunes them.

Paper: BERT-Base (``bert-base-uncased``), by hub name or from a local folder. Only safetensors are read, never
a pickle or remote code; a recipe may pin the SHA-256 of the weights.
"""

from dataclasses import dataclass
from pathlib import Path

from msgspec import structs
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

from export.frontends.published import CONFIG, LOAD_ERRORS, TOKENIZER, WEIGHTS, bert_config, file_of, reason
from stream.errors import ModelError
from stream.files import sha256_of
from training.config import Bert, Recipe

FIXED = ("hidden_act", "layer_norm_eps", "type_vocab_size", "is_decoder")  # as in every BERT that we build


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """A readable source whose weights match the recipe's SHA-256."""

    text: Bert  # sizes and SHA-256 of the source; length and dropout of the recipe
    tokenizer: Tokenizer
    folder: Path

    def sized(self, recipe: Recipe) -> Recipe:
        """The recipe with the source's sizes, from which a checkpoint can rebuild the network."""
        return structs.replace(recipe, model=structs.replace(recipe.model, text=self.text))

    def fill(self, bert: nn.Module) -> None:
        """Load the weights into a ``build_bert`` of these sizes. Raises ModelError if some are missing."""
        try:
            source, report = BertModel.from_pretrained(
                self.folder,
                add_pooling_layer=False,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            if wrong := len(report["missing_keys"]) + len(report["mismatched_keys"]):
                raise ValueError(f"{wrong} weights are missing or of another shape")
        except LOAD_ERRORS as error:
            raise _unreadable(self.text.source, error) from error
        weights = source.float().state_dict()
        # Only the first rows of positions and pieces are ever used.
        for name, rows in (("position", self.text.length), ("word", self.tokenizer.get_vocab_size())):
            key = f"embeddings.{name}_embeddings.weight"
            weights[key] = weights[key][:rows]
        bert.load_state_dict(weights)


def open_bert(text: Bert) -> Pretrained:
    """The BERT of ``text.source``, a folder or a hub name, which is downloaded the first time.

    Raises ModelError if it is missing, unreadable or another kind of network, or if the SHA-256 of its
    weights is not ``text.sha256``.
    """
    source = text.source
    try:
        config = bert_config(source)
        plain = BertConfig()
        if other := [name for name in FIXED if getattr(config, name) != getattr(plain, name)]:
            raise ValueError(f"its {other[0]} is {getattr(config, other[0])}")
        weights = file_of(source, WEIGHTS)
        tokenizer = _tokenizer(file_of(source, TOKENIZER), config.vocab_size)
    except LOAD_ERRORS as error:
        raise _unreadable(source, error) from error
    if text.length > config.max_position_embeddings:
        raise ModelError(
            f"{source}: expected model.text.length of at most its {config.max_position_embeddings} "
            f"positions, found {text.length}; lower it."
        )
    digest = sha256_of(weights)
    if text.sha256 and text.sha256 != digest:
        raise ModelError(
            f"{source}: expected weights of SHA-256 {text.sha256}, found {digest}; "
            "download them again, or correct model.text.sha256 if you trust these."
        )
    sized = structs.replace(
        text,
        sha256=digest,
        dim=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        feedforward=config.intermediate_size,
        vocabulary=tokenizer.get_vocab_size(),
    )
    return Pretrained(sized, tokenizer, weights.parent)


def _tokenizer(path: Path, pieces: int) -> Tokenizer:
    """The stored tokenizer without padding or truncation, which training and the live side do themselves."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises plain Exception
        raise ValueError(f"{path.name}: {error}") from error
    if sorted(tokenizer.get_vocab().values())[-1] >= min(pieces, tokenizer.get_vocab_size()):
        raise ValueError(f"its tokenizer knows pieces beyond its {pieces} embeddings")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _unreadable(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"{source}: expected BERT weights, a hub name or a folder with {CONFIG}, {WEIGHTS} "
        f"and {TOKENIZER}, found none that reads ({reason(error)}); download them on a machine with a "
        "network and set model.text.source to their folder, or leave it empty to train one from scratch."
    )
