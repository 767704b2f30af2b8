"""What still lies with the service is on disk at once."""

import pytest

from stream.errors import UsageError
from training.labelling.uploads import Uploads


def test_uploads_are_on_disk_at_once(tmp_path):
    path = tmp_path / "uploads.json"
    uploads = Uploads(path)
    uploads["a"], uploads["b"] = "files/1", "files/2"
    assert uploads.pop("a") == "files/1"
    assert dict(Uploads(path)) == {"b": "files/2"}
    del uploads["b"]
    assert not Uploads(path)


@pytest.mark.parametrize("content", ["", "[1]", "3"])
def test_a_damaged_list_of_uploads_is_one_sentence(tmp_path, content):
    path = tmp_path / "uploads.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="expected the list of uploaded files, found none that reads"):
        Uploads(path)
