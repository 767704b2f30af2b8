"""Where things are and who imports whom.

Imports go training → export → stream only, inside ``stream`` from floor to floor, and never in a circle of
folders; one foreign library has one file; the live side runs without anything that trains.
"""

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
# One foreign library, one file (or few, or one folder): whoever else needs it goes through that.
OWNERS = {
    "onnxruntime": {"stream/inference/engine.py", "stream/inference/buffers.py"},
    "zmq": {"stream/publish/"},
    "cv2": {
        "stream/branches/image.py",
        "stream/cli/inspection.py",
        "stream/describing/last_minute.py",
        "stream/geometry.py",
        "stream/frontend/onnx_models/yolo.py",
        "stream/overlay/drawing.py",
        "stream/overlay/writer.py",
    },
    "ai_edge_litert": {"stream/frontend/mediapipe/litert.py"},
    "tokenizers": {"stream/branches/text.py"},
    "av": {
        "stream/capture/decoding/",
        "stream/cli/checks/nvdec.py",
        "stream/describing/picture_only.py",
        "stream/overlay/mp4.py",
    },
    "google": {"stream/describing/labellers/gemini.py", "stream/describing/labellers/gemini_errors.py"},
    "httpx2": {"stream/describing/labellers/gemini_errors.py"},
    "pydantic": {"stream/describing/labellers/answer.py"},
}
# The floors of ``stream``, lowest first: a folder imports from its own floor or from below.
FLOORS = (
    {"records", "errors", "skeleton", "files"},
    {"geometry", "capture", "bundle", "publish", "overlay", "schema"},
    {"window", "inference", "describing"},
    {"frontend", "branches"},
    {"verify"},
    {"runtime"},
    {"cli"},
)
MOST_MODULES = 14  # in a folder: beyond that ``ls`` is no map
MOST_LINES = 60  # of a function
MOST_ATTRIBUTES = 12  # of a class, unless the line above it says why


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


def places(parts: list[str]) -> tuple[Path, Path]:
    """The folder and the module that a dotted name may stand for."""
    return ROOT.joinpath(*parts), ROOT.joinpath(*parts).with_suffix(".py")


def within(path: Path) -> set[Path]:
    """The modules and folders of the same package that a module imports."""
    package, found = path.relative_to(ROOT).parts[0], set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            while parts and not (
                ROOT.joinpath(*parts).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").is_file()
            ):
                parts.pop()
            if len(parts) > 1 and parts[0] == package:
                folder, module = places(parts)
                found.add(folder if folder.is_dir() else module)
    return found


def folder_imports(package: str) -> dict[Path, set[Path]]:
    """Folder → folders that its modules import. The package's own root (its public face) is left out."""
    graph: dict[Path, set[Path]] = {}
    for path in modules(package):
        here = path.parent
        if here == ROOT / package:
            continue
        targets = {t if t.is_dir() else t.parent for t in within(path)}
        graph.setdefault(here, set()).update(targets - {here, ROOT / package})
    return graph


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_circle_of_folders(package: str) -> None:
    """A folder and one inside it count as two."""
    graph = folder_imports(package)

    def reached(start: Path) -> set[Path]:
        seen: set[Path] = set()
        waiting = [*graph.get(start, ())]
        while waiting:
            folder = waiting.pop()
            if folder not in seen:
                seen.add(folder)
                waiting += graph.get(folder, ())
        return seen

    circles = sorted(str(folder.relative_to(ROOT)) for folder in graph if folder in reached(folder))
    assert not circles


def test_floors_of_stream() -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    rooms = {
        p.stem for p in (ROOT / "stream").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()
    }
    assert rooms - {"__init__", "__main__"} == set(floor)
    wrong = []
    for path in modules("stream"):
        room = path.relative_to(ROOT).parts[1].removesuffix(".py")
        if room not in floor:
            continue
        for target in within(path):
            other = target.relative_to(ROOT).parts[1].removesuffix(".py")
            if floor.get(other, 0) > floor[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {target.relative_to(ROOT)}")
    assert not wrong


@pytest.mark.parametrize("package", FORBIDDEN)
def test_every_folder_is_a_map(package: str) -> None:
    """Few modules, and a first line that says what the folder is."""
    for folder in {path.parent for path in modules(package)}:
        names = [p.name for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(names) <= MOST_MODULES, f"{folder.relative_to(ROOT)} has {len(names)} modules"
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


@pytest.mark.parametrize("package", FORBIDDEN)
def test_each_module_s_tests_are_found_by_its_name(package: str) -> None:
    """``stream/X/y.py`` is tested in ``tests/stream/X/test_y.py``, without exception."""
    missing = [
        str(wanted.relative_to(ROOT))
        for path in modules(package)
        if path.stem not in ("__init__", "__main__")
        and not (wanted := ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")).is_file()
    ]
    assert not missing


def attributes(kind: ast.ClassDef) -> set[str]:
    """Declared fields, and whatever a method stores on ``self``."""
    declared = {
        n.target.id for n in kind.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    stored = {
        n.attr
        for n in ast.walk(kind)
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    }
    return declared | stored


@pytest.mark.parametrize("package", FORBIDDEN)
def test_functions_and_classes_are_of_a_size_to_be_read_at_once(package: str) -> None:
    large = []
    for path in modules(package):
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            where = f"{path.relative_to(ROOT)}: {getattr(node, 'name', '')}"
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES:
                    large.append(f"{where}, {length} lines")
            elif isinstance(node, ast.ClassDef) and len(attributes(node)) > MOST_ATTRIBUTES:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if not lines[first - 2].startswith("# "):
                    large.append(f"{where}, {len(attributes(node))} attributes")
    assert not large


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
        strangers = {user for user in users if not user.startswith(tuple(owners))}
        assert not strangers, f"{library} is imported by {sorted(strangers)}"


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
