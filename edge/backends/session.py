"""The seam between the pipeline and whatever computes a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

__all__ = ["Batch", "Port", "Ported", "Session"]

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

    def takes(self, array: Array) -> bool:
        """Whether an array has this type and shape; some runtimes convert it without a word."""
        sizes = zip(array.shape, self.shape, strict=False)
        same = array.ndim == len(self.shape) and all(wanted in (None, size) for size, wanted in sizes)
        return same and array.dtype == np.dtype(self.dtype)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many rows one call will have: at least, mostly and at most.

    Only backends that compile for a size care (TensorRT).
    """

    min: int = 1
    opt: int = 8
    max: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.min <= self.opt <= self.max:
            raise ConfigError(
                "batch must be three numbers of 1 or more that do not fall "
                f"(got {self.min},{self.opt},{self.max})"
            )

    @classmethod
    def up_to(cls, most: int) -> Batch:
        """From one row to ``most``, made for a half of that."""
        return cls(1, max(1, most // 2), most)

    @property
    def fixed(self) -> bool:
        """Whether all calls have the same number of rows."""
        return self.min == self.max


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

    @property
    def label(self) -> str:
        """Who computes, where, and in which precision, for people."""
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


class Ported:
    """What sessions have in common whose ports are known once the network is open."""

    _inputs: tuple[Port, ...]
    _outputs: tuple[Port, ...]

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The network's inputs."""
        return self._inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The network's outputs."""
        return self._outputs
