"""Description of the machine on which a provider's results depend: processor, GPU, driver, runtimes."""

import hashlib
import platform
from pathlib import Path

from stream.errors import ProviderError
from stream.inference import nvidia

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-cu13")


def about_machine() -> dict[str, str]:
    """``cpu``, ``gpu`` and ``driver`` if there are any, and each runtime's version."""
    found = {"cpu": f"{processor()}, {platform.machine()}"}
    try:
        gpu = nvidia.gpu()
        found |= {"gpu": f"{gpu.name}, compute capability {gpu.sm}", "driver": gpu.driver}
    except ProviderError:
        pass  # no GPU
    installed = nvidia.packages()
    return found | {name: installed[name] for name in _RUNTIMES if name in installed}


def fingerprint(about: dict[str, str]) -> str:
    """Hex SHA-256 of a machine's description; a gate report is valid for one fingerprint only."""
    return hashlib.sha256("\n".join(f"{k}: {v}" for k, v in sorted(about.items())).encode()).hexdigest()


def processor() -> str:
    """The processor's name as reported by the operating system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
