"""The GPU, driver, CUDA and TensorRT of this machine, as the libraries themselves report them.

The library names contain the major versions that this ONNX Runtime was linked against.
"""

import ctypes
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from stream.errors import ProviderError

DRIVER = "libcuda.so.1"
RUNTIME = "libcudart.so.13"
TENSORRT = "libnvinfer.so.10"
_TENSORRT_REST = ("libnvinfer_plugin.so.10", "libnvonnxparser.so.10")
_RELEASE = Path("/proc/driver/nvidia/version")
_MAJOR, _MINOR = 75, 76  # cuDeviceGetAttribute: compute capability
_PORTABLE = 1  # cudaHostRegister: for every context
_ON_DEVICE = 3  # cudaMemcpy2D: from the device to the device

Load = Callable[[str], Any]


def _load(name: str) -> Any:
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first usable GPU (``CUDA_VISIBLE_DEVICES`` is respected) and its driver."""

    name: str
    sm: str  # compute capability, e.g. "9.0"
    driver: str  # release, e.g. "580.65.06", or "unknown"
    cuda: str  # newest CUDA that the driver supports, e.g. "13.0"


def gpu(load: Load = _load, release: Path = _RELEASE) -> Gpu:
    """The first usable GPU. Raises ProviderError when there is no driver or no GPU that it can use."""
    try:
        driver = load(DRIVER)
    except OSError:
        raise ProviderError(
            f"provider cuda or tensorrt: expected NVIDIA's driver ({DRIVER}), found none; "
            "install it, or use --provider cpu (`undertone doctor` says what is here)."
        ) from None
    version, device, major, minor = (ctypes.c_int() for _ in range(4))
    name = ctypes.create_string_buffer(256)
    driver.cuDriverGetVersion(ctypes.byref(version))
    code = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    if code:
        raise ProviderError(
            f"provider cuda or tensorrt: expected a GPU that NVIDIA's driver can use, found none (CUDA error "
            f"{code}); look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use --provider cpu."
        )
    return Gpu(
        name=name.value.decode(errors="replace"),
        sm=f"{major.value}.{minor.value}",
        driver=_release(release),
        cuda=_dotted(version.value),
    )


def runtime(load: Load = _load) -> str:
    """Version of the CUDA runtime that loads, e.g. "13.0". Raises ProviderError when there is none."""
    try:
        library = load(RUNTIME)
    except OSError:
        raise ProviderError(
            f"CUDA: expected its runtime ({RUNTIME}), found none; "
            "install the nvidia-cuda-runtime package of CUDA 13, or use --provider cpu."
        ) from None
    version = ctypes.c_int()
    library.cudaRuntimeGetVersion(ctypes.byref(version))
    return _dotted(version.value)


def tensorrt(load: Load = _load, installed: Callable[[], Mapping[str, str]] | None = None) -> str:
    """Version of the TensorRT that ONNX Runtime will use, e.g. "10.16.1"; loads it for the process.

    Raises ProviderError when there is none, when its major version differs, or when it does not load.
    """
    found = {n: v for n, v in (installed or packages)().items() if n.startswith("tensorrt")}
    listed = ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
    error: OSError | None = None
    for place in ("", *_wheel()):
        try:
            library = load(place + TENSORRT)
            for name in _TENSORRT_REST:
                load(place + name)
        except OSError as why:
            error = why
            continue
        number = int(library.getInferLibVersion())
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    majors = {version.split(".")[0] for version in found.values()}
    if not found:
        state = "no TensorRT; install the extra `tensorrt`"
    elif majors != {"10"}:
        state = f"{listed}; install the extra `tensorrt` in its place"
    else:
        state = f"{listed}, which does not load ({error}); reinstall the extra `tensorrt`"
    raise ProviderError(
        f"provider tensorrt: expected TensorRT 10 ({TENSORRT}, which ONNX Runtime needs), found {state}, "
        "or use another provider."
    )


def pin(address: int, size: int, load: Load = _load) -> bool:
    """Pin ``size`` bytes of host memory, so that the GPU copies them directly.

    Returns False when that is not possible: copies are slower then, with the same result.
    """
    try:
        register = load(RUNTIME).cudaHostRegister
    except (OSError, AttributeError):
        return False
    return bool(register(ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_uint(_PORTABLE)) == 0)


def unpin(address: int, load: Load = _load) -> None:
    """Unpin memory before it is freed."""
    load(RUNTIME).cudaHostUnregister(ctypes.c_void_p(address))


def copy(to: int, to_pitch: int, source: int, size: int, count: int, load: Load = _load) -> None:
    """Copy ``count`` contiguous rows of ``size`` bytes on the GPU to rows ``to_pitch`` bytes apart.

    Raises ProviderError when the copy fails.
    """
    runtime = load(RUNTIME)
    code = runtime.cudaMemcpy2D(
        ctypes.c_void_p(to),
        ctypes.c_size_t(to_pitch),
        ctypes.c_void_p(source),
        ctypes.c_size_t(size),
        ctypes.c_size_t(size),
        ctypes.c_size_t(count),
        ctypes.c_int(_ON_DEVICE),
    )
    _check(code)


def synchronize(load: Load = _load) -> None:
    """Wait for all pending work on the GPU. Raises ProviderError when it fails."""
    _check(load(RUNTIME).cudaDeviceSynchronize())


def _check(code: int) -> None:
    if code:
        raise ProviderError(
            f"provider cuda or tensorrt: expected the GPU to copy its own memory, found CUDA error {code}; "
            "look at nvidia-smi, or use --provider cpu."
        )


def packages() -> dict[str, str]:
    """Installed distributions and their versions; names are in lower case with hyphens."""
    return {
        str(d.metadata["Name"]).lower().replace("_", "-"): d.version
        for d in distributions()
        if d.metadata["Name"]
    }


def _wheel() -> list[str]:
    """Folders of the libraries in TensorRT's wheel, found without importing it."""
    spec = importlib.util.find_spec("tensorrt_libs")
    return [f"{place}/" for place in (spec.submodule_search_locations or ())] if spec else []


def _release(path: Path) -> str:
    """The driver's release, from a line like ``NVRM version: NVIDIA UNIX … Module  580.65.06  …``."""
    try:
        words = path.read_text().split()
    except OSError:
        return "unknown"
    return next((w for w in words if w[0].isdigit() and w.count(".") >= 1), "unknown")


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
