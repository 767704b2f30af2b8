"""The caches on a GPU that is none: memory of its own, reached only as CUDA would let it be reached."""

import ctypes
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from stream.branches import ring_host
from stream.branches.ring_host import RingHost
from stream.errors import ProviderError
from stream.inference import buffers, nvidia
from stream.inference.buffers import Place
from stream.inference.engine import PlacedEngine

pytestmark = pytest.mark.slow


class Gpu:
    """Tensors are copies of the host's; what moves between them is counted in bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up = self.down = self.inside = self.settled = 0
        self.fault = 0
        real, gpu = buffers._value, self

        def value(array: Any, device: str) -> Any:
            assert device == "cuda"
            there = array.copy()

            def update(new: Any) -> None:
                gpu.up += new.nbytes
                there[...] = new

            def numpy() -> Any:
                gpu.down += there.nbytes
                return there.copy()

            return SimpleNamespace(
                update_inplace=update,
                numpy=numpy,
                data_ptr=lambda: there.ctypes.data,
                real=real(there, "cpu"),
            )

        class OnGpu(PlacedEngine):
            """Runs on the device's memory and cannot see the host's."""

            def __init__(self, path: Any, graph: Any, places: Any, *, provider: str, threads: int) -> None:
                assert provider == "cuda"
                there = {name: SimpleNamespace(value=place.value.real) for name, place in places.items()}
                super().__init__(path, graph, there, threads=threads)  # type: ignore[arg-type]

        monkeypatch.setattr(buffers, "_value", value)
        monkeypatch.setattr(ring_host, "PlacedEngine", OnGpu)
        monkeypatch.setattr(nvidia, "copy", partial(nvidia.copy, load=lambda name: self))
        monkeypatch.setattr(nvidia, "synchronize", partial(nvidia.synchronize, load=lambda name: self))

    def cudaMemcpy2D(
        self, to: Any, to_pitch: Any, source: Any, pitch: Any, width: Any, height: Any, kind: Any
    ) -> int:
        assert kind.value == 3  # from the device to the device
        for row in range(height.value):
            ctypes.memmove(to.value + row * to_pitch.value, source.value + row * pitch.value, width.value)
        self.inside += width.value * height.value
        return self.fault

    def cudaDeviceSynchronize(self) -> int:
        self.settled += 1
        return 0


def test_on_a_gpu_only_new_rows_move_and_the_numbers_are_the_same(
    small: Any, clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, mask = clip(230)
    expected = small.host()
    gpu = Gpu(monkeypatch)
    host = RingHost(small.steps, lambda name: small.folder / name, provider="cuda")
    monkeypatch.undo()
    monkeypatch.setattr(nvidia, "copy", partial(nvidia.copy, load=lambda name: gpu))
    monkeypatch.setattr(nvidia, "synchronize", partial(nvidia.synchronize, load=lambda name: gpu))
    kept = None
    for first in range(0, 230, 23):
        block = slice(first, first + 23)
        for each in (expected, host):
            each.push([v[block] for v in values], mask[:, block])
        a, b = expected.read(), host.read()
        assert a[0].tobytes() == b[0].tobytes()
        kept = host.snapshot() if first == 115 else kept
    gpu.up = gpu.down = gpu.inside = 0
    one = [v[:1] for v in values]
    host.push(one, mask[:, :1])
    host.read()
    caches = sum(place.array.nbytes for place in host._caches.values())
    assert gpu.inside == 2 * 3 * 3 * 16 * 4  # keys and values, layers, streams, width, bytes
    assert gpu.up + gpu.down < caches / 5
    assert gpu.settled > 0
    assert kept is not None
    expected.restore(kept)
    host.restore(kept)
    for each in (expected, host):
        each.push([v[138:161] for v in values], mask[:, 138:161])
    assert expected.read()[0].tobytes() == host.read()[0].tobytes()


def test_a_gpu_that_does_not_copy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(monkeypatch)
    gpu.fault = 700
    cache, rows = (Place(np.zeros((2, n), np.float32), "cuda") for n in (10, 5))
    with pytest.raises(ProviderError, match=r"found CUDA error 700; .* --provider cpu"):
        cache.put(rows, 5, 1)


def test_on_the_cpu_a_place_is_the_array_itself() -> None:
    array = np.arange(6, dtype=np.float32)
    place = Place(array)
    assert isinstance(place.value, ort.OrtValue)
    assert place.value.data_ptr() == array.ctypes.data
    array[0] = 7
    assert place.value.numpy()[0] == 7
    assert place.fetch() is array
