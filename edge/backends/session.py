"""The seam between the pipeline and whatever computes a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Port", "Session"]

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a network.

    name: the tensor's name.
    shape: one entry per dimension; None where it may vary.
    dtype: numpy name of the element type, e.g. ``float32``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Session(Protocol):
    """A network that is open and can be run.

    Opened by :func:`edge.backends.open_session`. One thread at a time may call :meth:`run`.
    """

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The network's inputs."""
        ...

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The network's outputs."""
        ...

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name.

        The arrays returned may be views of the runtime's own buffers: whoever keeps one past the
        next call must copy it.
        """
        ...

    def close(self) -> None:
        """Free the network; calling it again does nothing."""
        ...
