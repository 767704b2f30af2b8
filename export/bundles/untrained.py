"""A bundle with random weights: the live pipeline can be built and tested before anything is trained."""

import datetime
from itertools import combinations
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn
from transformers import BertConfig, BertModel, Dinov2Config, Dinov2Model

from export.bundles.networks import Networks, write_graphs
from export.bundles.write import write
from export.modules.branches import Fusion, Image, Keypoints, Portrait, Text
from export.modules.traceable import Encoder
from stream.bundle.manifest import (
    Calibration,
    ImageInput,
    Manifest,
    Mode,
    Provenance,
    TextInput,
    Window,
    key_of,
)
from stream.skeleton import GROUPS

MEAN = (0.485, 0.456, 0.406)  # of RGB, as DINOv2 was trained
STD = (0.229, 0.224, 0.225)
PATCH = 14
TEXT_LENGTH = 32
TOKENIZER = "tokenizer.json"
_WORDS = (
    "the person nods smiles frowns blinks lips press brows raise lower head turns away hands still win loss"
)


def write_untrained(
    folder: str | Path,
    window: Window | None = None,
    *,
    dim: int = 32,
    seed: int = 0,
    image: bool = True,
    text: bool = True,
    size: int = 56,
    hop: int = 25,
    features: int | None = None,
) -> Path:
    """Write a complete bundle of untrained weights and return its folder.

    ``dim`` is the width of all layers (Transformers, branch vectors and, unless ``features`` is given, image
    features), ``size`` the portrait's side in pixels (a multiple of 14). The estimates are meaningless, but
    differ between inputs.
    """
    if size % PATCH or size <= 0:
        raise ValueError(f"size must be a positive multiple of {PATCH}, found {size}")
    window, wide = window or Window(), features or dim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = _tokenizer()
        networks = _networks(window, dim, wide, image, text, size, tokenizer.get_vocab_size())

    def fill(target: Path) -> Manifest:
        written = write_graphs(networks, target)
        encoder = written.encoder
        if text:
            tokenizer.save(str(target / TOKENIZER))
        return Manifest(
            name="untrained",
            window=window,
            prior=0.5,
            warmup_s=8.0,
            extractors={},
            image=ImageInput(encoder=encoder, size=size, mean=MEAN, std=STD, dim=wide) if encoder else None,
            text=TextInput(tokenizer=TOKENIZER, length=TEXT_LENGTH) if text else None,
            modes={
                "full": Mode(
                    branches=written.branches,
                    fusion=written.fusion,
                    hop=hop,
                    calibration=_calibration(list(written.branches)),
                )
            },
            provenance=Provenance(
                licence="Apache-2.0",
                data="none",
                command=f"undertone-export untrained OUT --seed {seed}",
                note="Untrained weights for tests: the confidences mean nothing.",
                created=datetime.date.today().isoformat(),
            ),
            files={},
        )

    return write(folder, fill).folder


def _networks(
    window: Window, dim: int, wide: int, image: bool, text: bool, size: int, vocabulary: int
) -> Networks:
    heads = 1

    def encoder() -> Encoder:
        return Encoder(dim, layers=1, heads=heads, feedforward=2 * dim)

    spatial = {name: nn.Sequential(nn.Linear(width, dim), nn.GELU()) for name, width in window.widths.items()}
    return Networks(
        window=window,
        out=dim,
        fusion=Fusion(dim),
        keypoints=Keypoints(window, spatial, {name: encoder() for name in GROUPS}, dim, dim),
        image=Image(window, wide, encoder(), dim, dim) if image else None,
        portrait=Portrait(_dinov2(wide, size)) if image else None,
        feature_dim=wide,
        portrait_px=size,
        text=Text(_bert(dim, vocabulary), dim, dim) if text else None,
        text_length=TEXT_LENGTH,
        vocabulary=vocabulary,
    )


def _bert(dim: int, vocabulary: int) -> nn.Module:
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=dim,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=2 * dim,
        max_position_embeddings=TEXT_LENGTH,
        attn_implementation="eager",
    )
    module: nn.Module = BertModel(config, add_pooling_layer=False)
    return module


def _dinov2(dim: int, size: int) -> nn.Module:
    config = Dinov2Config(
        hidden_size=dim,
        num_hidden_layers=1,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=size,
        patch_size=PATCH,
        attn_implementation="eager",
    )
    module: nn.Module = Dinov2Model(config)
    freeze_positions(module)
    return module


def freeze_positions(dinov2: nn.Module) -> nn.Module:
    """Use the stored positional embedding without interpolation: the graph has one fixed size.

    The traced bicubic resize differs between torch and ONNX even if the size stays the same.
    """

    def stored(embeddings: Tensor, height: int, width: int) -> Tensor:
        positions: Tensor = dinov2.embeddings.position_embeddings  # type: ignore[union-attr,assignment]
        if embeddings.shape[1] != positions.shape[1]:
            raise ValueError(f"expected {positions.shape[1]} tokens, found {embeddings.shape[1]}")
        return positions

    dinov2.embeddings.interpolate_pos_encoding = stored  # type: ignore[union-attr]
    return dinov2


def _tokenizer() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-"
    words = [w for w in _WORDS.split() if len(w) > 1]
    pieces = [*special, *letters, *(f"##{c}" for c in letters), *dict.fromkeys(words)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _calibration(branches: list[str]) -> Calibration:
    keys = [key_of(group) for n in range(len(branches)) for group in combinations(branches, n + 1)]
    knots = (1.0, 8.0, 40.0, 160.0)
    return Calibration(
        knots_s=knots,
        slope={key: (0.1, 0.4, 0.8, 1.0) for key in keys},
        bias={key: (0.0,) * len(knots) for key in keys},
    )
