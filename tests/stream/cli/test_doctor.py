"""The doctor's lines, each in good and in bad health, and one true run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stream.branches import modes
from stream.bundle import model_cache
from stream.bundle.load import Bundle, demo_bundle
from stream.cli import doctor
from stream.cli.checks import speed
from stream.cli.checks.finding import Finding
from stream.cli.checks.probe import Look
from stream.cli.doctor import LOOKS, confinement, curve, examine, looked, run
from stream.errors import ModelError, UndertoneError
from stream.verify import gate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def sound(name: str) -> Look:
    return Look(True, "fine")


def by_name(folder: Path, look: doctor.Look = sound) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(folder, look)}


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every model set were here and whole."""
    monkeypatch.setattr(model_cache, "verify", lambda name: [])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("pulled", "home")
def test_in_good_health() -> None:
    found = by_name(demo_bundle())
    assert set(LOOKS) < set(found)
    assert found["bundle"].state == "ok"
    assert "made-up" in found["bundle"].found
    assert Bundle.load(demo_bundle()).sha256[:12] in found["bundle"].found
    assert model_cache.HOLISTIC.sha256[:12] in found["models holistic"].found
    assert "gate cpu" not in found, "float32 on the CPU is the reference"
    assert all(finding.state == "ok" for finding in found.values() if finding.needed)
    assert all(finding.do for finding in found.values() if finding.state != "ok")


def test_missing_models(home: Path) -> None:
    finding = by_name(demo_bundle())["models holistic"]
    assert (finding.state, finding.needed) == ("broken", True)
    assert "is missing" in finding.found
    assert finding.do == "run `undertone models pull holistic`"


@pytest.mark.usefixtures("pulled", "home")
def test_a_damaged_bundle(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    finding = by_name(tmp_path)["bundle"]
    assert (finding.state, finding.needed) == ("broken", True)
    assert finding.do == "export it again"


NO_DRIVER = "provider cuda or tensorrt: expected NVIDIA's driver (libcuda.so.1), found none; install it."
NO_TENSORRT = (
    "provider tensorrt: expected TensorRT 10 (libnvinfer.so.10), found no TensorRT; install the extra."
)
ELEVEN = "provider tensorrt: expected TensorRT 10 (x), found tensorrt 11.2.1; install the extra in its place."


@pytest.mark.parametrize(
    ("name", "said", "state", "found", "do"),
    [
        ("gpu", NO_DRIVER, "absent", "expected NVIDIA's driver (libcuda.so.1), found none", "install it"),
        ("gpu", "crashed (SIGSEGV)", "broken", "crashed (SIGSEGV)", "reinstall the driver and its libraries"),
        ("cuda", "no answer in 60 s", "broken", "no answer in 60 s", "reinstall"),
        ("provider cuda", "provider cuda: expected it, found no GPU; x.", "absent", "found no GPU", "`gpu`"),
        ("provider cuda", "crashed (SIGSEGV)", "broken", "crashed", "--provider cpu"),
        ("tensorrt", NO_TENSORRT, "absent", "found no TensorRT", "install the extra"),
        ("tensorrt", ELEVEN, "broken", "found tensorrt 11.2.1", "in its place"),
        ("provider tensorrt", "no answer in 60 s", "broken", "no answer", "`tensorrt`"),
        ("provider cpu", "crashed (SIGILL)", "broken", "crashed (SIGILL)", "--force-reinstall"),
        ("nvdec", "NVDEC: expected it, found that it does not (x)", "absent", "does not (x)", "nothing"),
    ],
)
def test_what_does_not_work(name: str, said: str, state: str, found: str, do: str) -> None:
    finding = looked(name, Look(False, said))
    assert finding.state == state
    assert found in finding.found
    assert finding.do is not None
    assert do in finding.do
    assert finding.needed == (name == "provider cpu")
    assert finding.line.startswith(f"{state:7} {name}: ")
    assert "→" in finding.line


def test_no_encryption() -> None:
    assert (confinement(7).state, confinement(0).state, confinement(0).needed) == ("ok", "absent", False)
    assert curve(True).state == "ok"
    assert (curve(False).state, curve(False).needed) == ("absent", False)


@pytest.mark.usefixtures("pulled", "home")
def test_the_gate_of_a_provider_that_loads() -> None:
    found = by_name(demo_bundle())
    for provider, command in (("cuda", "--provider cuda"), ("tensorrt", "undertone-export engines")):
        finding = found[f"gate {provider}"]
        assert finding.state == "absent"
        assert finding.do is not None
        assert command in finding.do
    assert "gate cuda" not in by_name(demo_bundle(), lambda name: Look(False, "found none; nothing"))


@pytest.mark.usefixtures("pulled", "home")
@pytest.mark.parametrize(("passed", "state"), [(True, "ok"), (False, "broken")])
def test_a_gate_that_was_run(monkeypatch: pytest.MonkeyPatch, passed: bool, state: str) -> None:
    class Report:
        def __init__(self) -> None:
            self.passed = passed

    monkeypatch.setattr(gate, "read", lambda bundle, provider: Report())
    assert by_name(demo_bundle())["gate cuda"].state == state


@pytest.mark.usefixtures("pulled", "home")
def test_a_reduced_bundle_has_to_be_proven_on_the_cpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "is_reference", lambda bundle, provider: False)
    finding = by_name(demo_bundle())["gate cpu"]
    assert finding.state == "absent"
    assert finding.do == f"run `undertone-export check {demo_bundle()} --provider cpu`"


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_something_needed_that_is_missing_ends_it_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda folder: examine(folder, sound))
    with pytest.raises(UndertoneError) as error:
        run(None, as_json=True)
    assert "run `undertone models pull holistic`" in str(error.value)
    assert "\n" not in str(error.value)
    said = json.loads(capsys.readouterr().out)
    assert {finding["what"] for finding in said["findings"]} > {"bundle", "extra yolo"}
    assert said["speed"] is None


@pytest.mark.usefixtures("home", "pulled")
def test_a_speed_that_cannot_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda folder: iter(()))

    def fails(bundle: Bundle) -> None:
        raise ModelError("pose.tflite has 3 of 4 bytes; run `undertone models pull holistic`")

    monkeypatch.setattr(speed, "measure", fails)
    with pytest.raises(UndertoneError, match=r"speed: .* found pose\.tflite has 3 of 4 bytes; run"):
        run(None, as_json=True)


@pytest.mark.usefixtures("holistic_files")
def test_a_true_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream", "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    found = msgspec.convert(said["findings"], list[Finding])
    assert {"provider cpu", "provider cuda", "provider tensorrt", "gpu", "nvdec", "bundle", "speed"} < {
        finding.what for finding in found
    }
    assert all(finding.state == "ok" for finding in found if finding.needed)
    assert said["speed"]["frames"] > 0
    bundle = Bundle.load(demo_bundle())
    assert said["speed"]["mode"] == modes.choose(bundle)
    assert said["speed"]["hop"] >= bundle.manifest.modes[modes.choose(bundle)].hop
