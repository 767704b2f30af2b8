"""A tensor file is written whole or not at all, and a full disk is one sentence."""

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from stream.errors import UsageError
from training.corpus.tensors import writing


def test_a_block_that_ends_well_leaves_its_file_alone(tmp_path):
    path = tmp_path / "new" / "a.safetensors"
    with writing(path) as part:
        save_file({"x": np.arange(3)}, part)
        assert not path.exists()
    assert load_file(path)["x"].tolist() == [0, 1, 2]
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(SafetensorError("No space left"), UsageError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_block_that_fails_leaves_what_was_there(tmp_path, raised, expected):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")

    def write():
        with writing(path) as part:
            part.write_bytes(b"half")
            raise raised

    with pytest.raises(expected) as found:
        write()
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    if expected is UsageError:
        assert "expected room to write it, found No space left; free some disk space" in str(found.value)
