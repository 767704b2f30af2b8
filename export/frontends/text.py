"""Text encoder: BERT → ONNX, with its tokenizer in a file of its own; the encoder as the text branch runs
it."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from export.frontends.published import bert, card_of, load_weights
from export.frontends.write_model import Precision, write
from export.lowering.module_parity import random_cases
from export.modules.branches import Text
from stream.bundle.manifest import Graph
from stream.bundle.manifest import Tensor as Spec
from stream.bundle.model_card import Card
from stream.errors import UsageError

SOURCE = "bert-base-uncased"
Token = Literal["cls", "mean"]


class MeanText(Text):
    """``ids`` int64 and ``ids_mask`` bool [1, L] → ``vector`` [1, H]: the branch without its projection."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__(encoder, width, width)
        self.project = nn.Identity()  # type: ignore[assignment]


class FirstText(MeanText):
    """The vector of the first piece, [CLS], in place of the mean."""

    def forward(self, ids: Tensor, ids_mask: Tensor) -> Tensor:
        return self.rows(ids, ids_mask)[:, 0]


def export_text(
    source: str, out: Path, *, length: int = 256, token: Token = "mean", precision: Precision = "fp32"
) -> Card:
    """Write the encoder of ``source``, a folder or hub name of BERT weights, for texts of ``length`` pieces.

    Raises UsageError for a length beyond its positions, ModelError for unreadable weights.
    """
    model, weights, tokenizer = load_weights(bert, source, "BERT")
    config = model.config
    if not 0 < length <= config.max_position_embeddings:
        raise UsageError(
            f"--length: expected 1 to {config.max_position_embeddings} word pieces, which BERT has positions "
            f"for, found {length}; choose one of these."
        )
    place = out / f"{Path(source).name}-{length}-{token}-{precision}.onnx"
    pieces = f"{place.stem}.tokenizer.json"
    module = (FirstText if token == "cls" else MeanText)(model, config.hidden_size)

    inputs = {"ids": torch.zeros(1, length, dtype=torch.int64), "ids_mask": torch.ones(1, length).bool()}
    specs = (
        Spec(name="ids", shape=(1, length), dtype="int64"),
        Spec(name="ids_mask", shape=(1, length), dtype="bool"),
    )
    cases = random_cases(Graph(file="", inputs=specs, outputs=()), vocabulary=config.vocab_size)
    rng = np.random.default_rng(1)
    lengths = np.array((length, length // 2, max(length // 8, 1)))  # texts of several lengths
    golden = {
        "ids": rng.integers(0, config.vocab_size, (len(lengths), length)),
        "ids_mask": np.arange(length) < lengths[:, None],
    }
    return write(
        module,
        inputs,
        "vector",
        place,
        card_of(source, weights, precision, kind="text", token=token, tokenizer=pieces),
        precision=precision,
        cases=cases[:1],
        golden=golden,
        extra_files={pieces: tokenizer},
    )
