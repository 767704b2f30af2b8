"""What the libraries say is what is reported; what is missing or of another major is one sentence."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stream.errors import ProviderError
from stream.inference import nvidia
from stream.inference.nvidia import DRIVER, RUNTIME, TENSORRT, Gpu


def sets(*values: int) -> Callable[..., int]:
    """A C function that writes ints behind its pointers and returns success."""

    def function(*arguments: Any) -> int:
        pointers = [a for a in arguments if hasattr(a, "_obj")]
        for pointer, value in zip(pointers, values, strict=True):
            pointer._obj.value = value
        return 0

    return function


def attribute(pointer: Any, which: int, device: Any) -> int:
    pointer._obj.value = {75: 9, 76: 0}[which]
    return 0


def name(buffer: Any, size: int, device: Any) -> int:
    buffer.value = b"NVIDIA H200"
    return 0


def loader(**libraries: Any) -> Callable[[str], Any]:
    """Stands in for dlopen: knows these libraries, by what precedes ``.so``."""

    def load(file: str) -> Any:
        try:
            return libraries[Path(file).name.split(".so")[0]]
        except KeyError:
            raise OSError(f"{file}: cannot open shared object file") from None

    return load


def driver(error: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        cuDriverGetVersion=sets(13010),
        cuInit=lambda flags: error,
        cuDeviceGet=lambda pointer, ordinal: 0,
        cuDeviceGetName=name,
        cuDeviceGetAttribute=attribute,
    )


def infer(number: int) -> dict[str, Any]:
    rest = {"libnvinfer_plugin": object(), "libnvonnxparser": object()}
    return {"libnvinfer": SimpleNamespace(getInferLibVersion=lambda: number), **rest}


def test_the_gpu_and_its_driver(tmp_path: Path) -> None:
    release = tmp_path / "version"
    release.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\nGCC 12\n")
    found = nvidia.gpu(loader(libcuda=driver()), release)
    assert found == Gpu(name="NVIDIA H200", sm="9.0", driver="580.65.06", cuda="13.1")


def test_a_driver_that_tells_no_release(tmp_path: Path) -> None:
    assert nvidia.gpu(loader(libcuda=driver()), tmp_path / "none").driver == "unknown"


def test_no_driver() -> None:
    with pytest.raises(ProviderError, match=rf"expected NVIDIA's driver \({DRIVER}\), found none; install"):
        nvidia.gpu(loader())


def test_a_driver_without_a_gpu() -> None:
    with pytest.raises(ProviderError, match=r"found none \(CUDA error 100\); look at nvidia-smi"):
        nvidia.gpu(loader(libcuda=driver(100)))


def test_cuda_s_runtime() -> None:
    assert nvidia.runtime(loader(libcudart=SimpleNamespace(cudaRuntimeGetVersion=sets(13000)))) == "13.0"
    with pytest.raises(ProviderError, match=rf"expected its runtime \({RUNTIME}\), found none"):
        nvidia.runtime(loader())


def test_tensorrt_says_its_version_itself() -> None:
    """The package may say anything: what is loaded is what counts."""
    found = nvidia.tensorrt(loader(**infer(101601)), lambda: {"tensorrt-cu13": "11.0.0"})
    assert found == "10.16.1"


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"numpy": "2.4"}, "found no TensorRT; install the extra `tensorrt`"),
        ({"tensorrt": "11.2.1"}, "found tensorrt 11.2.1; install the extra `tensorrt` in its place"),
        ({"tensorrt-cu12": "9.3"}, "found tensorrt-cu12 9.3; install the extra `tensorrt` in its place"),
        ({"tensorrt-cu13": "10.16.1.11"}, "found tensorrt-cu13 10.16.1.11, which does not load (libnvinfer"),
    ],
)
def test_no_tensorrt_or_another_major(installed: dict[str, str], found: str) -> None:
    with pytest.raises(ProviderError) as error:
        nvidia.tensorrt(loader(), lambda: installed)
    assert found in str(error.value)
    assert TENSORRT in str(error.value)
    assert "\n" not in str(error.value)


def test_half_of_tensorrt_is_none() -> None:
    libraries = infer(101601)
    del libraries["libnvonnxparser"]
    with pytest.raises(ProviderError, match="which does not load"):
        nvidia.tensorrt(loader(**libraries), lambda: {"tensorrt-cu13": "10.16.1.11"})


def test_pinning_is_what_cuda_says() -> None:
    calls: list[int] = []

    def cuda(code: int) -> Callable[[str], Any]:
        def register(address: Any, size: Any, flags: Any) -> int:
            calls.append(size.value)
            return code

        return loader(libcudart=SimpleNamespace(cudaHostRegister=register))

    assert nvidia.pin(4096, 64, cuda(0))
    assert not nvidia.pin(4096, 64, cuda(2))
    assert not nvidia.pin(4096, 64, loader())
    assert calls == [64, 64]


def test_packages_are_named_in_one_way() -> None:
    found = nvidia.packages()
    assert found["opencv-python"]
    assert all(n == n.lower() and "_" not in n for n in found)
