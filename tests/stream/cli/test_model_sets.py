"""An unknown set is refused before any bar; a first run without networks offers to fetch them."""

from pathlib import Path

import pytest

from stream.bundle import model_cache
from stream.cli import model_sets
from stream.cli.model_sets import ensure, run_pull, run_verify
from stream.errors import ModelError, UsageError
from stream.frontend.options import FrontEndOptions

EMBEDDED = FrontEndOptions()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))


@pytest.mark.parametrize("run", [run_pull, run_verify])
def test_an_unknown_set_is_refused_before_anything_is_drawn(run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"expected a model set \(holistic\), found 'nope'; choose one"):
        run("nope")
    with pytest.raises(UsageError, match=r"found 'holistik'; did you mean holistic\?"):
        run("holistik")
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.usefixtures("empty")
def test_without_a_terminal_the_sentence_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    fetched = list[str]()
    with pytest.raises(
        ModelError, match=r"run `undertone models pull holistic` \(19 MB\), or add --yes"
    ) as caught:
        ensure(EMBEDDED, pytest.fail, yes=False, fetch=lambda name: fetched.append(name) or Path())
    assert "\n" not in str(caught.value)
    assert not fetched
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("empty")
def test_yes_fetches_without_a_question() -> None:
    fetched, said = list[str](), list[str]()
    ensure(EMBEDDED, said.append, yes=True, fetch=lambda n: fetched.append(n) or Path(), ask=pytest.fail)
    assert fetched == ["holistic"]
    assert said == ["fetching the keypoint networks (19 MB)"]


@pytest.mark.usefixtures("empty")
def test_on_a_terminal_the_answer_decides() -> None:
    fetched, asked = list[str](), list[str]()

    def answer(question: str) -> bool:
        asked.append(question)
        return len(asked) == 1

    ensure(EMBEDDED, lambda _: None, yes=False, fetch=lambda n: fetched.append(n) or Path(), ask=answer)
    with pytest.raises(ModelError):
        ensure(EMBEDDED, lambda _: None, yes=False, fetch=lambda n: fetched.append(n) or Path(), ask=answer)
    assert fetched == ["holistic"]
    assert "19 MB" in asked[0]


@pytest.mark.parametrize(("typed", "answer"), [("\n", True), ("y\n", True), ("No\n", False), ("", False)])
def test_enter_is_yes_and_the_end_of_input_is_no(
    typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert model_sets._ask("Fetch them?") is answer


@pytest.mark.usefixtures("empty")
def test_networks_of_ones_own_need_no_set() -> None:
    own = FrontEndOptions("yolo", "wholebody", Path("d.onnx"), Path("k.onnx"))
    ensure(own, pytest.fail, yes=False, fetch=pytest.fail)


@pytest.mark.usefixtures("holistic_files")
def test_nothing_is_asked_where_they_are_here() -> None:
    ensure(EMBEDDED, pytest.fail, yes=False, fetch=pytest.fail, ask=pytest.fail)
    assert model_cache.locate("holistic").is_dir()
