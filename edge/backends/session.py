"""The seam between the pipeline and whatever computes a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

__all__ = ["Batch", "DeviceArray", "DeviceSession", "Port", "Ported", "Session", "device_session"]

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

    def takes(self, array: Array | DeviceArray) -> bool:
        """Whether an array has this type and shape; some runtimes convert it without a word."""
        sizes = zip(array.shape, self.shape, strict=False)
        same = len(array.shape) == len(self.shape) and all(wanted in (None, size) for size, wanted in sizes)
        return same and np.dtype(array.dtype) == np.dtype(self.dtype)


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


@dataclass(frozen=True, slots=True, eq=False)
class DeviceArray:
    """Numbers in a device's memory, row after row without gaps, for a session that reads them there.

    address: where they begin.
    shape, dtype: as an array's; numpy's name of the element type.
    owner: whose memory it is, kept alive by this record; gives it away by DLPack.
    finish: waits until the numbers are there. Who reads them in the owner's own stream need not call it.
    """

    address: int
    shape: tuple[int, ...]
    dtype: str
    owner: object
    finish: Callable[[], None]


class DeviceSession(Session, Protocol):
    """A session that can also read its inputs where they lie on a device.

    Its results come to the host all the same, once per call: they are boxes and embeddings, and small.
    """

    @property
    def memory(self) -> str:
        """Whose memory it reads without a copy over the host: ``cpu`` or ``cuda``."""
        ...

    def run_from_device(self, feeds: Mapping[str, DeviceArray]) -> dict[str, Array]:
        """Compute all outputs, by name, on the host; as :meth:`Session.run`.

        It has read the feeds when it returns.
        """
        ...


def device_session(session: Session, kind: str) -> DeviceSession | None:
    """The session itself where it reads the memory of such a device (``cpu`` or ``cuda``), else None."""
    reads = getattr(session, "memory", "") == kind and hasattr(session, "run_from_device")
    return cast("DeviceSession", session) if reads else None


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
