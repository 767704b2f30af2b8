"""Full mode: the paper's bidirectional Transformers over the whole window, recomputed at each call."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.bundle.manifest import BRANCHES, Graph
from stream.inference.engine import Engine
from stream.records import Floats
from stream.window.window import Window, WindowView


class Runner(Protocol):
    """Runs a graph: named arrays in, a tuple of arrays out."""

    def __call__(self, **inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]: ...

    def warm_up(self) -> None: ...


class FullMode:
    """Branch graphs and fusion of a bundle's full mode; of ring mode, the branches without steps."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        provider: str = "cpu",
        threads: int = 1,
        runners: Mapping[str, Runner] | None = None,
        name: Literal["full", "ring"] = "full",
    ) -> None:
        """``runners``, by branch and ``fusion``, replace the graphs; ``name``: the mode's name."""
        mode = bundle.manifest.modes[name]
        self.mode = mode

        def one(name: str, graph: Graph) -> Runner:
            if runners is not None:
                return runners[name]
            return Engine(bundle.path(graph.file), graph, provider=provider, threads=threads)

        self.engines = {name: one(name, graph) for name, graph in mode.branches.items()}
        self._reading = {name: engine for name, engine in self.engines.items() if name not in mode.steps}
        self._fusion = one("fusion", mode.fusion)
        self._width = mode.fusion.inputs[0].shape[1]

    def warm_up(self) -> None:
        """Run every graph of a live estimate on zeros."""
        for name, engine in self.engines.items():
            if name != "text":
                engine.warm_up()
        self._fusion.warm_up()

    def rehearse(self) -> None:
        """Run the graphs of an update, which here are all graphs."""
        self.warm_up()

    def follow(self, window: Window, tick: int) -> None:
        """Nothing to do: an update reads the whole window."""

    def memory_start(self) -> int:
        """0: every tick of the window is read."""
        return 0

    def has_missed(self, since: int) -> bool:
        """False: an update reads the window itself."""
        return False

    def reset(self) -> None:
        """Nothing to do: there is no state."""

    def text(self, pieces: Pieces) -> Floats:
        """The text branch's vector, float32 [1, E]; computed once per description."""
        (vector,) = self.engines["text"](ids=pieces.ids, ids_mask=pieces.mask)
        return vector

    def vectors(self, view: WindowView, text: Floats | None = None) -> dict[str, Floats]:
        """The vector, float32 [1, E], of every branch with input; ``text`` is the text branch's."""
        vectors = {}
        if "keypoints" in self._reading and any(mask.any() for mask in view.masks.values()):
            inputs = {name: values[None] for name, values in view.groups.items()}
            masks = {f"{name}_mask": mask[None] for name, mask in view.masks.items()}
            (vectors["keypoints"],) = self.engines["keypoints"](**inputs, **masks)
        if "image" in self._reading and view.feature_mask.any():
            (vectors["image"],) = self.engines["image"](
                features=view.features[None], feature_mask=view.feature_mask[None]
            )
        if text is not None:
            vectors["text"] = text
        return vectors

    def fuse(self, vectors: dict[str, Floats]) -> float:
        """The fused logit of win; branches without a vector are replaced by their absent vectors."""
        absent = np.zeros((1, self._width), np.float32)
        present = np.array([[name in vectors for name in BRANCHES]])
        (logit,) = self._fusion(
            keypoints=vectors.get("keypoints", absent),
            image=vectors.get("image", absent),
            text=vectors.get("text", absent),
            present=present,
        )
        return float(logit[0, 0])
