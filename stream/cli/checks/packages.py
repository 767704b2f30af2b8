"""Packages: which there are, which overwrite each other, which extras could be added."""

from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions

from stream.cli.checks.extras import install
from stream.cli.checks.finding import Finding
from stream.inference.nvidia import packages

# Modules that several distributions bring; several of them overwrite each other's files without an error.
SHARED = {"cv2": "opencv-python", "onnxruntime": "onnxruntime-gpu"}
EXTRAS = {
    "gemini": ("google-genai", "descriptions by Gemini while it runs"),
    "yolo": ("ultralytics", "exporting a YOLO detector"),
    "tensorrt": ("tensorrt-cu13", "engines built on this machine"),
    "training": ("torch", "training and exporting"),
}


def duplicates(brought: Mapping[str, Iterable[str]] | None = None) -> list[Finding]:
    """A finding for each shared module: from how many distributions it comes."""
    brought = packages_distributions() if brought is None else brought
    found = []
    for module, wanted in SHARED.items():
        names = sorted(set(brought.get(module, ())))
        if len(names) < 2:
            found.append(
                Finding(state="ok", what=f"module {module}", found=f"from {''.join(names) or wanted} alone")
            )
            continue
        found.append(
            Finding(
                state="broken",
                what=f"module {module}",
                found=f"from {' and '.join(names)}, which overwrite each other",
                do=f"pip uninstall {' '.join(names)}, then pip install --force-reinstall {wanted}",
                needed=True,
            )
        )
    return found


def tensorrt_majors(installed: Mapping[str, str] | None = None) -> list[Finding]:
    """A finding where TensorRT is here in two majors; which one is loaded is then chance."""
    installed = packages() if installed is None else installed
    found = {n: v for n, v in installed.items() if n == "tensorrt" or n.startswith("tensorrt-")}
    if len({version.split(".")[0] for version in found.values()}) < 2:
        return []
    return [
        Finding(
            state="broken",
            what="packages of TensorRT",
            found=", ".join(f"{name} {version}" for name, version in sorted(found.items())),
            do=f"pip uninstall {' '.join(sorted(found))}, then install the extra `tensorrt`",
        )
    ]


def extras(installed: Mapping[str, str] | None = None) -> list[Finding]:
    """A finding for each extra, by the package that it is there for."""
    installed = packages() if installed is None else installed
    return [
        Finding(state="ok", what=f"extra {name}", found=f"{package} {installed[package]} ({purpose})")
        if package in installed
        else Finding(
            state="absent",
            what=f"extra {name}",
            found=f"not installed ({purpose})",
            do=f"{install(name)} if you want it",
        )
        for name, (package, purpose) in EXTRAS.items()
    ]
