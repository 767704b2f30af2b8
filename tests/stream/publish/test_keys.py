"""Key files: for their owner alone, never replaced, read strictly."""

import stat
from pathlib import Path

import pytest

from stream.errors import PublishError, UsageError
from stream.publish import keys

PUBLIC = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
SECRET = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"


def test_files_are_for_their_owner_alone_and_the_secret_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    made = keys.create(folder, PUBLIC, SECRET)
    keys.allow(folder, "studio", PUBLIC)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert SECRET not in repr(made)
    assert keys.load(folder) == made


def test_a_pair_is_never_replaced(tmp_path: Path) -> None:
    made = keys.create(tmp_path, PUBLIC, SECRET)
    with pytest.raises(UsageError, match="expected no key pair yet"):
        keys.create(tmp_path, SECRET, PUBLIC)
    assert keys.load(tmp_path) == made


def test_a_missing_pair_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="make one with `undertone keys new`"):
        keys.load(tmp_path)


def test_a_pair_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keys.create(tmp_path, PUBLIC, SECRET)
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(PublishError, match="found mode 644; run chmod 600"):
        keys.load(tmp_path)


@pytest.mark.parametrize("content", ["", "public x\nsecret y\n", "\xff" * 40, f"public {PUBLIC}\n"])
def test_a_damaged_pair_is_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(PublishError) as caught:
        keys.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_allow_list_reads_names_keys_and_comments(tmp_path: Path) -> None:
    made = keys.create(tmp_path, PUBLIC, SECRET)
    assert made.allowed() == {}
    keys.allow(tmp_path, "studio", PUBLIC)
    with (tmp_path / "allowed").open("a") as file:
        file.write("# gone: old KEY\n\n")
    assert made.allowed() == {PUBLIC: "studio"}
    with (tmp_path / "allowed").open("a") as file:
        file.write("van nonsense\n")
    with pytest.raises(PublishError, match="line 4: expected NAME and a key"):
        made.allowed()


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 65, "a\nb"])
def test_a_name_is_one_word(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a name of letters"):
        keys.allow(tmp_path, name, PUBLIC)
    assert not (tmp_path / "allowed").exists()


@pytest.mark.parametrize("key", ["", PUBLIC[:-1], PUBLIC + "x", PUBLIC[:-1] + " ", "ä" * 40])
def test_a_key_is_checked(key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a public key of 40 characters"):
        keys.allow(tmp_path, "studio", key)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="expected a place to write keys to"):
        keys.create(tmp_path / "file" / "keys", PUBLIC, SECRET)
