"""``python -m stream.cli.checks.child NAME``: one look at one thing, in a process that may crash or hang.

Prints the result and exits with 0, or prints the reason and exits with 1.
"""

import sys

from stream.errors import UndertoneError


def _gpu() -> str:
    from stream.inference import nvidia

    gpu = nvidia.gpu()
    return f"{gpu.name}, compute capability {gpu.sm}, driver {gpu.driver} for CUDA up to {gpu.cuda}"


def _cuda() -> str:
    from stream.inference.engine import cuda_runtime

    return f"runtime {cuda_runtime()}"


def _tensorrt() -> str:
    from stream.inference import nvidia
    from stream.inference.engine import cuda_runtime

    cuda_runtime()
    return nvidia.tensorrt()


def _nvdec() -> str:
    from stream.cli.checks.nvdec import first_frame

    return first_frame()


def look(name: str) -> str:
    """What is found; raises UndertoneError where it does not work, KeyError for an unknown name."""
    if name.startswith("provider "):
        from stream.inference.engine import try_provider

        try_provider(name.removeprefix("provider "))
        return "loads and computes, with nothing left to the CPU"
    return {"gpu": _gpu, "cuda": _cuda, "tensorrt": _tensorrt, "nvdec": _nvdec}[name]()


if __name__ == "__main__":
    try:
        print(look(sys.argv[1]))
    except UndertoneError as error:
        print(error)
        sys.exit(1)
