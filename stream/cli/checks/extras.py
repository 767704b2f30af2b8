"""The extras of the distribution: which library comes with which, and one sentence where it is missing."""

DISTRIBUTION = "undertone-live"
LIBRARIES = {
    "training": (
        "torch",
        "torchvision",
        "transformers",
        "safetensors",
        "onnx",
        "onnxscript",
        "skimage",
        "scipy",
        "accelerate",
        "python_calamine",
        "matplotlib",
        "sympy",  # torch brings it, for ONNX Runtime's quantization
    ),
    "gemini": ("google", "pydantic"),
    "yolo": ("ultralytics",),
}


def install(extra: str) -> str:
    """The command that adds an extra."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def sentence(library: str) -> str | None:
    """What to do when ``library`` cannot be imported; None for one that no extra brings."""
    top = library.split(".")[0]
    extra = next((name for name, libraries in LIBRARIES.items() if top in libraries), None)
    if extra is None:
        return None
    return (
        f"expected the library {top}, found it not installed; add the extra `{extra}` with {install(extra)}."
    )
