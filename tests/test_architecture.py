"""Imports go training → export → stream only, and the live side runs without anything that trains."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "torchvision", "transformers", "ultralytics", "onnx", "onnxscript", "skimage")
FORBIDDEN = {
    "stream": {"export", "training", *HEAVY},
    "export": {"training"},
    "training": set(),
}
# One foreign library, one file (or folder): whoever else needs it goes through that file.
OWNERS = {
    "onnxruntime": {"stream/inference/engine.py", "stream/inference/buffers.py"},
    "zmq": {
        f"stream/publish/{name}.py"
        for name in ("audience", "connections", "curve", "inbox", "publisher", "sockets")
    },
    "ai_edge_litert": {"stream/frontend/mediapipe/litert.py"},
    "tokenizers": {"stream/branches/text.py"},
    "av": {
        "stream/capture/decoder.py",
        "stream/capture/hardware.py",
        "stream/capture/picture.py",
        "stream/describing/picture_only.py",
        "stream/overlay/mp4.py",
    },
    "google": {"stream/describing/labellers/gemini.py", "stream/describing/labellers/gemini_errors.py"},
    "httpx2": {"stream/describing/labellers/gemini_errors.py"},
    "pydantic": {"stream/describing/labellers/answer.py"},
}


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, f"no modules under {package}"
    return found


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in modules(package)
        if (found := imported(path) & FORBIDDEN[package])
    }
    assert not wrong


def test_one_library_one_file() -> None:
    for library, owners in OWNERS.items():
        users = {str(p.relative_to(ROOT)) for p in modules("stream") if library in imported(p)}
        assert users, f"nobody imports {library}"
        assert users <= owners, f"{library} is imported by {sorted(users - owners)}"


def test_ultralytics_has_one_importer() -> None:
    """It is under another licence, and what it does on import is settled there."""
    every = [path for package in FORBIDDEN for path in modules(package)]
    users = {str(p.relative_to(ROOT)) for p in every if "ultralytics" in imported(p)}
    assert users == {"export/frontends/checkpoint.py"}


def test_every_stream_module_imports_without_what_trains() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules("stream")
        if path.name != "__main__.py"
    ]
    code = (
        "import sys, importlib\n"
        f"for name in {HEAVY!r}: sys.modules[name] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_stream_runs_without_the_extra_for_describing() -> None:
    code = (
        "import sys\n"
        "for name in ('google.genai', 'pydantic', 'httpx2'): sys.modules[name] = None\n"
        "import stream.cli.app, stream.cli.watch, stream.runtime.session\n"
        "import stream.describing.live_text, stream.describing.labellers.provider\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_import_stream_is_light() -> None:
    code = "import sys, stream; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    loaded = set(ast.literal_eval(done.stdout))
    heavy = {"numpy", "cv2", "av", "onnxruntime", "zmq", "ai_edge_litert", "tokenizers", "typer", *HEAVY}
    assert not loaded & heavy


def test_no_module_shadows_another() -> None:
    shadowing = {
        "types",
        "queue",
        "io",
        "onnx",
        "tensorrt",
        "zmq",
        "av",
        "json",
        "inspect",
        "logging",
        "utils",
        "common",
    }
    names = {path.stem for package in FORBIDDEN for path in modules(package)}
    assert not names & shadowing
    assert not list((ROOT / "tests").rglob("__init__.py"))
