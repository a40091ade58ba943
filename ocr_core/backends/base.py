"""The seam between the pipeline and whatever computes a network.

Letters: N images in a batch, C channels, H and W pixels. A backend turns an ONNX file into a `Network`, and says by a
`Policy` in which shapes it wants to be fed: on a CPU padding costs more than batching gains, on a GPU the reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]
"""What a network takes, N×C×H×W, and gives."""
Role = Literal["detector", "recognizer", "classifier", "second"]
"""`second` is the recognizer that reads again what the first is in doubt of."""
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How a backend wants its networks used."""

    streams: int
    """Inferences that run side by side; more callers wait."""
    threads: int
    """Cores that all streams together may use."""
    max_batch: int
    """Images in a batch at most; 1 where batching does not pay."""
    width_step: int = 1
    """Use every n-th width of a recognizer: coarse widths fill batches, fine ones save padding."""


class Network(Protocol):
    """A loaded network. Calls are safe from any thread and share nothing that a call could change."""

    def __call__(self, batch: Tensor) -> Tensor:
        """Compute the one output for `batch` (N×C×H×W, contiguous).

        Raises:
            BackendError: the engine failed.
        """
        ...

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        """Compute the output for `batch` and return what `function` makes of it.

        The output may be the engine's own memory, valid only until `function` returns: a recognizer's is megabytes a
        line, of which two numbers a frame are needed.
        """
        ...

    def close(self) -> None:
        """Free the memory of the network; a later call raises."""
        ...


class Backend(Protocol):
    """Loads networks."""

    @property
    def name(self) -> str:
        """`openvino`, `onnxruntime`, `cuda` or `fake`."""
        ...

    @property
    def provider(self) -> str:
        """The execution provider really in use, as the engine reports it."""
        ...

    @property
    def policy(self) -> Policy:
        """How to use the networks of this backend."""
        ...

    def load(self, path: Path, role: Role) -> Network:
        """Load an ONNX file.

        Args:
            path: the file.
            role: what the network does; a backend may treat roles differently.

        Raises:
            BackendUnavailableError: the provider in use is not the one that was asked for.
            BackendError: the file cannot be loaded.
        """
        ...
