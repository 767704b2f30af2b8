"""Description → word pieces: the bundle's tokenizer, its length, and a file that is none."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from stream.branches.text import TextReader
from stream.bundle.load import Bundle
from stream.bundle.manifest import TextInput
from stream.errors import BundleError


@pytest.fixture(scope="module")
def spec(bundle: Bundle) -> TextInput:
    assert bundle.manifest.text is not None
    return bundle.manifest.text


def test_pieces_have_the_bundle_s_length_and_a_mask_of_what_is_there(bundle: Bundle, spec: TextInput) -> None:
    found = TextReader(bundle, spec)("The player smiles.")
    assert found.ids.shape == found.mask.shape == (1, spec.length)
    assert (found.ids.dtype, found.mask.dtype) == (np.int64, np.bool_)
    there = int(found.mask.sum())
    assert 2 < there < 40
    assert found.mask[0, :there].all()
    assert found.ids[0, :there].all()
    assert not found.ids[0, there:].any()


def test_a_long_description_is_cut_at_the_length_and_still_ends_as_one(
    bundle: Bundle, spec: TextInput
) -> None:
    read = TextReader(bundle, structs.replace(spec, length=16))
    short, long = read("smiles"), read("smiles and nods " * 500)
    assert long.mask.all()
    last = int(short.mask.sum()) - 1
    assert long.ids[0, -1] == short.ids[0, last], "the closing piece is kept"


def test_the_same_words_give_the_same_pieces_and_others_do_not(bundle: Bundle, spec: TextInput) -> None:
    read = TextReader(bundle, spec)
    np.testing.assert_array_equal(read("nods twice").ids, read("nods twice").ids)
    assert not np.array_equal(read("nods twice").ids, read("looks away").ids)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe"])
def test_a_tokenizer_that_is_none_is_one_sentence(
    bundle: Bundle, spec: TextInput, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / spec.tokenizer).write_bytes(content)
    with pytest.raises(BundleError, match=r"expected a tokenizer file, found .*; export the bundle again\.$"):
        TextReader(structs.replace(bundle, folder=tmp_path), spec)
