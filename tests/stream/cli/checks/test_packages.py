"""Packages that break each other are found by the module that they share, not by a list of names."""

import pytest

from stream.cli.checks.packages import duplicates, extras, tensorrt_majors


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("cv2", ["opencv-python", "opencv-python-headless"]),
        ("cv2", ["opencv-contrib-python", "opencv-python"]),
        ("onnxruntime", ["onnxruntime", "onnxruntime-gpu"]),
    ],
)
def test_two_distributions_of_one_module(module: str, names: list[str]) -> None:
    found = {finding.what: finding for finding in duplicates({module: names})}
    finding = found.pop(f"module {module}")
    assert (finding.state, finding.needed) == ("broken", True)
    assert all(name in finding.found for name in names)
    assert finding.do is not None
    assert finding.do.startswith(f"pip uninstall {' '.join(names)}")
    assert [f.state for f in found.values()] == ["ok"]


def test_a_module_listed_twice_is_one() -> None:
    assert [f.state for f in duplicates({"cv2": ["opencv-python", "opencv-python"]})] == ["ok", "ok"]


def test_this_environment_has_none() -> None:
    assert [f.state for f in duplicates()] == ["ok", "ok"]
    assert tensorrt_majors() == []


def test_two_majors_of_tensorrt() -> None:
    here = {"tensorrt": "11.2.1", "tensorrt-cu13": "10.16.1.11", "tensorrt-cu13-libs": "10.16.1.11"}
    (finding,) = tensorrt_majors(here)
    assert finding.state == "broken"
    assert "tensorrt 11.2.1, tensorrt-cu13 10.16.1.11" in finding.found
    assert finding.do is not None
    assert "pip uninstall tensorrt tensorrt-cu13 tensorrt-cu13-libs" in finding.do
    assert tensorrt_majors({"tensorrt-cu13": "10.16.1.11", "tensorrt-cu13-libs": "10.16.1.11"}) == []


def test_extras_are_here_or_named() -> None:
    found = {finding.what: finding for finding in extras({"ultralytics": "8.4.190"})}
    assert found["extra yolo"].state == "ok"
    assert "8.4.190" in found["extra yolo"].found
    absent = found["extra gemini"]
    assert (absent.state, absent.needed) == ("absent", False)
    assert absent.do is not None
    assert "'undertone-live[gemini]'" in absent.do
