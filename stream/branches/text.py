"""Description → word pieces. The only importer of tokenizers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stream.bundle.load import Bundle
from stream.bundle.manifest import TextInput
from stream.errors import BundleError


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A tokenised description."""

    ids: NDArray[np.int64]  # int64 [1, L]
    mask: NDArray[np.bool_]  # bool [1, L]


class TextReader:
    """Tokenises descriptions with the bundle's tokenizer, truncated to the bundle's length."""

    def __init__(self, bundle: Bundle, spec: TextInput) -> None:
        self._length = spec.length
        try:
            self._tokenizer = Tokenizer.from_file(str(bundle.path(spec.tokenizer)))
        except Exception as error:  # the Rust side raises plain Exception
            raise BundleError(
                f"{bundle.path(spec.tokenizer)}: expected a tokenizer file, found {error}; "
                "export the bundle again."
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.length)

    def __call__(self, description: str) -> Pieces:
        pieces = self._tokenizer.encode(description).ids
        ids = np.zeros((1, self._length), np.int64)
        ids[0, : len(pieces)] = pieces
        mask = np.arange(self._length)[None] < len(pieces)
        return Pieces(ids=ids, mask=mask)
