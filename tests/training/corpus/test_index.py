"""The index is read strictly: another schema, an unknown key and nonsense are one sentence each."""

import msgspec
import pytest

from stream.errors import UsageError
from training.corpus.index import SHORTEST, About, Entry, Split, check_ids, listed, load

ABOUT = About(name="made-up", provenance="a test", licence="Apache-2.0", simulated=True, extractors={})


def entry(id: str, ticks: int = 100) -> Entry:
    return Entry(
        id=id, file=f"recordings/{id}.safetensors", subject=id, label=1, ticks=ticks, seconds=ticks / 25,
        source_rate=25.0, text=False, features=0, bad_points=0, size=1, sha256="",
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "about.json"
    path.write_bytes(msgspec.json.encode(ABOUT))
    assert load(path, About) == ABOUT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "expected corpus schema 1, found 2; import the corpus again"),
        ({"colour": "red"}, "expected a corpus index, found a malformed one"),
        ({"simulated": "yes"}, "expected a corpus index, found a malformed one"),
    ],
)
def test_another_schema_or_key_is_one_sentence(tmp_path, change, words):
    path = tmp_path / "about.json"
    path.write_bytes(msgspec.json.encode(msgspec.to_builtins(ABOUT) | change))
    with pytest.raises(UsageError, match=words):
        load(path, About)


def test_a_split_names_only_what_is_there():
    split = Split(subject_disjoint=True, parts={"train": ("a", "b"), "test": ("c",)})
    check_ids({"ours": split}, [entry("a"), entry("b"), entry("c")])
    with pytest.raises(UsageError, match=r"split ours: expected ids of the corpus, found 2 unknown \(b, c\)"):
        check_ids({"ours": split}, [entry("a")])


def test_less_than_a_second_is_short():
    assert entry("a", SHORTEST - 1).short
    assert not entry("a", SHORTEST).short


def test_a_long_list_is_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcde", limit=2) == "a, b and 3 more"
