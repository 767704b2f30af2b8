"""What an operator types arrives as typed: from a pipe, and from a file however it comes to be written."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.describing import notes as module
from stream.describing.latest import Description, LatestDescription
from stream.describing.notes import LONGEST, Followed, Lines, Notebook, Typed
from stream.errors import UsageError


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"nods twice\n", ["nods twice"]),
        (b"\n  \n\t\nnods\r\n\n", ["nods"]),
        (b"a\nb\nc", ["a", "b", "c"]),
        (b"\xef\xbb\xbfsmiles\n", ["smiles"]),
        ("l\u00e4chelt \u2026\n".encode(), ["l\u00e4chelt \u2026"]),
        (b"l\xe4chelt\n", ["l\ufffdchelt"]),
        (b"\x1b[31mred\x00\n", ["[31mred"]),
        (b"-\n", ["-"]),
    ],
)
def test_lines(raw: bytes, lines: list[str]) -> None:
    reader = Lines()
    assert [*reader.push(raw), *reader.flush()] == lines
    assert reader.shortened == 0


@given(st.text(max_size=60), st.lists(st.integers(1, 9), max_size=30))
def test_lines_do_not_depend_on_the_pieces_they_come_in(text: str, sizes: list[int]) -> None:
    raw, whole, pieces = text.encode("utf-8", "replace"), Lines(), Lines()
    found = []
    for size in sizes:
        found += pieces.push(raw[:size])
        raw = raw[size:]
    found += [*pieces.push(raw), *pieces.flush()]
    assert found == [*whole.push(text.encode("utf-8", "replace")), *whole.flush()]


def test_a_long_line_is_cut_and_counted_and_takes_no_memory() -> None:
    reader = Lines()
    found = list(reader.push("\u00e4".encode() * LONGEST))
    for _ in range(100):
        found += reader.push(b"x" * 100_000)
    assert len(reader._unfinished) == LONGEST
    found += reader.push(b"\nshort\n")
    assert found == ["\u00e4" * (LONGEST // 2), "short"]
    assert reader.shortened == 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.txt"


def test_what_a_file_holds_before_is_left_out_and_what_comes_is_read(path: Path) -> None:
    path.write_text("of yesterday\n")
    file = Followed(path)
    assert file.read() == b""
    with path.open("a") as more:
        more.write("nods\nand ")
    assert file.read() == b"nods\nand "
    with path.open("a") as more:
        more.write("smiles\n")
    assert file.read() == b"smiles\n"
    assert file.read() == b""
    file.close()


def test_a_file_may_come_later_go_and_come_again(path: Path) -> None:
    file = Followed(path)
    assert file.read() == b""
    path.write_text("first\n")
    assert file.read() == b"first\n"
    path.unlink()
    assert file.read() == b"\n"
    assert file.read() == b""
    path.write_text("second\n")
    assert file.read() == b"second\n"
    file.close()


def test_a_rotated_file_is_read_to_its_end_first(path: Path) -> None:
    path.write_text("")
    file = Followed(path)
    with path.open("a") as more:
        more.write("last of the old, without an end")
    path.rename(path.with_suffix(".1"))
    path.write_text("first of the new\n")
    lines, found = Lines(), []
    for _ in range(3):
        found += lines.push(file.read())
    assert found == ["last of the old, without an end", "first of the new"]
    file.close()


@pytest.mark.parametrize("again", ["b", "bb bb bb", "bbbb bbbb bbbb bbbb bbbb", ""])
def test_a_rewritten_file_is_read_from_its_beginning(path: Path, again: str) -> None:
    file = Followed(path)
    path.write_text("aa aa aa\n")
    lines = Lines()
    assert list(lines.push(file.read())) == ["aa aa aa"]
    path.write_text(again + "\n" if again else "")
    found = [*lines.push(file.read()), *lines.push(file.read())]
    assert found == ([again] if again else [])
    with path.open("a") as more:
        more.write("and on\n")
    assert list(lines.push(file.read())) == ["and on"]
    file.close()


def test_what_is_no_file_that_can_be_read_gets_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="expected a file of lines"):
            Followed(wrong)


def test_standard_input_is_read_to_its_end_and_never_waited_for() -> None:
    out, into = os.pipe()
    typed = Typed(out)
    begun = time.monotonic()
    assert typed.read() == b""
    assert time.monotonic() - begun < 5
    assert not typed.ended
    os.write(into, b"nods\n")
    assert typed.read() == b"nods\n"
    os.close(into)
    assert typed.read() == b""
    assert typed.ended
    os.close(out)
    assert typed.read() == b""


@pytest.fixture
def notebook(path: Path) -> Iterator[tuple[Notebook, LatestDescription]]:
    newest = LatestDescription()
    book = Notebook(str(path), newest)
    book.start()
    yield book, newest
    book.close()


def test_a_line_is_the_newest_description_at_the_newest_frame(
    notebook: tuple[Notebook, LatestDescription], path: Path
) -> None:
    book, newest = notebook
    path.write_text("typed before the first frame\n")
    time.sleep(0.3)
    assert newest.take() is None
    book.see(12.5, 2)
    until(lambda: book.status().read == 1)
    assert newest.take() == Description("typed before the first frame", 12.5, 2)
    book.see(13.0, 2)
    with path.open("a") as more:
        more.write("one\ntwo\n")
    until(lambda: book.status().read == 3)
    assert newest.take() == Description("two", 13.0, 2)
    with path.open("a") as more:
        more.write("-\n")
    until(lambda: book.status().read == 4)
    assert newest.take() == Description("", 13.0, 2)
    assert book.status().shortened == 0


def test_a_closed_standard_input_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stdin", None)
    book = Notebook("-", LatestDescription())
    book.start()
    book.see(1.0, 0)
    book.close()
    assert book.status().read == 0


def test_a_process_ends_at_once_while_somebody_may_still_type() -> None:
    code = (
        "from stream.describing.notes import Notebook, LatestDescription\n"
        "n = LatestDescription(); b = Notebook('-', n); b.start(); b.see(1.0, 0)\n"
        "import time\n"
        "while b.status().read < 1: time.sleep(0.01)\n"
        "print(n.take().text, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(b"nods\n")
    child.stdin.flush()
    try:
        assert child.wait(30) == 0
        assert child.stdout is not None
        assert child.stdout.read() == b"nods\n"
    finally:
        child.kill()
        child.communicate()
