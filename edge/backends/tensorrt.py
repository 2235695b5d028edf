"""Sessions of TensorRT: an engine built for this GPU and kept, run on a stream of its own.

Device memory is the driver's (:mod:`edge.backends.cuda_driver`), so nothing but TensorRT itself is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorrt
from numpy.typing import NDArray

from edge.backends.cuda_driver import CudaDriver, Gpu, OutOfDeviceMemory
from edge.backends.engine_cache import EngineCache, EngineKey, graph_digest
from edge.backends.session import Batch, DeviceArray, Port
from edge.backends.tensorrt_build import Log, build_engine, precision_way, require_version
from edge.errors import ModelError, RunError
from edge.resources import cache_dir

__all__ = ["TensorRtSession"]

log = logging.getLogger(__name__)

Array = NDArray[np.generic]


@dataclass(slots=True, eq=False)
class _Buffer:
    """One input or output: device memory and pinned host memory for the largest batch.

    row_shape: its shape without the batch; the whole shape where it has none.
    batched: whether its first dimension is the batch.
    """

    port: Port
    row_shape: tuple[int, ...]
    batched: bool
    device: int
    host: NDArray[np.uint8]

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows, *self.row_shape) if self.batched else self.row_shape

    def nbytes(self, rows: int) -> int:
        return int(np.prod(self.shape(rows), dtype=np.int64)) * np.dtype(self.port.dtype).itemsize

    def view(self, rows: int) -> Array:
        """The host memory as an array of so many rows."""
        return self.host[: self.nbytes(rows)].view(self.port.dtype).reshape(self.shape(rows))


# Begins to put rows start to start + count of an input into its buffer, and repeats the first of them up to
# the padded number: (buffer, start, count, padded, stream).
Fill = Callable[[_Buffer, int, int, int, int], None]


class TensorRtSession:
    """A network run by TensorRT on the first NVIDIA GPU.

    Batches larger than the engine's are cut, smaller ones than its least are padded. The arrays that
    :meth:`run` returns are pinned memory that the next call fills again.

    Args:
        path: the ``.onnx`` file, already checked against its card.
        threads: not used.
        card_name: the model's name, for messages.
        batch: how many rows calls will have. Where the GPU's memory is too small, the largest is halved, with
            a line of warning each time.
        gpu: the GPU; the machine's first unless given.
        cache: where engines are kept; the user's cache folder unless given.

    Raises:
        MissingExtraError: no driver, no GPU, or TensorRT is too old or does not start.
        ModelError: the graph cannot be built (an operator that is not supported is named), or not even the
            least batch fits into the GPU's memory.
    """

    memory: ClassVar[str] = "cuda"

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        card_name: str = "",
        batch: Batch | None = None,
        gpu: Gpu | None = None,
        cache: EngineCache | None = None,
    ) -> None:
        self._name = card_name or path.name
        require_version(self._name)
        self._gpu: Gpu = gpu or CudaDriver()
        folder = cache_dir()
        self._cache = cache or EngineCache(None if folder is None else folder / "engines")
        self._told = Log(self._name)
        self._runtime = tensorrt.Runtime(self._told)
        self._path = path
        self._buffers: list[_Buffer] = []
        self._graph: int | None = None
        self._graph_tried = False
        self._stream: int | None = None
        self._engine: Any = None
        self._context: Any = None
        self._open(batch or Batch(), graph_digest(path))

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The network's inputs."""
        return tuple(buffer.port for buffer in self._inputs)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The network's outputs."""
        return tuple(buffer.port for buffer in self._outputs)

    @property
    def label(self) -> str:
        """Who computes, where, and in which precision."""
        way = "in the graph's precision" if precision_way() == "strong" else "in what the graph allows"
        return f"TensorRT {tensorrt.__version__}, {self._gpu.name}, {way}, batch {self._profile}"

    @property
    def batch(self) -> Batch:
        """What the engine was built for."""
        return self._batch

    @property
    def engine_file(self) -> Path | None:
        """Where its engine is kept."""
        return self._cache.file_of(self._key)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name; see :meth:`edge.backends.session.Session.run`.

        Raises:
            RunError: a feed is missing or of the wrong type or shape, or the computation failed.
            ValueError: the session is closed.
        """
        if self._stream is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        rows = self._check(feeds)

        def fill(buffer: _Buffer, start: int, count: int, padded: int, stream: int) -> None:
            view = buffer.view(padded)
            given = feeds[buffer.port.name]
            if buffer.batched:
                view[:count] = given[start : start + count]
                view[count:] = view[:1]
            else:
                view[...] = given
            self._gpu.to_device(buffer.device, buffer.host, buffer.nbytes(padded), stream)

        return self._in_parts(fill, rows)

    def run_from_device(self, feeds: Mapping[str, DeviceArray]) -> dict[str, Array]:
        """Compute all outputs from inputs on the GPU; see :class:`edge.backends.session.DeviceSession`.

        They are copied into the engine's own memory, which a CUDA graph always reads, within the GPU.

        Raises:
            RunError: as :meth:`run`.
            ValueError: the session is closed.
        """
        if self._stream is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        rows = self._check(feeds)
        for given in feeds.values():
            given.finish()  # it was written in another stream

        def fill(buffer: _Buffer, start: int, count: int, padded: int, stream: int) -> None:
            address = feeds[buffer.port.name].address
            if not buffer.batched:
                self._gpu.copy(buffer.device, address, buffer.nbytes(padded), stream)
                return
            row_bytes = buffer.nbytes(1)
            self._gpu.copy(buffer.device, address + start * row_bytes, count * row_bytes, stream)
            for row in range(count, padded):
                self._gpu.copy(
                    buffer.device + row * row_bytes, address + start * row_bytes, row_bytes, stream
                )

        return self._in_parts(fill, rows)

    def close(self) -> None:
        """Free the engine and its memory; calling it again does nothing. Copy what is kept before."""
        if self._stream is None:
            return
        if self._graph is not None:
            self._gpu.release_graph(self._graph)
            self._graph = None
        self._free_buffers()
        self._gpu.release_stream(self._stream)
        self._stream = None
        self._context = self._engine = None

    def _in_parts(self, fill: Fill, rows: int) -> dict[str, Array]:
        """All rows, in as many runs as the engine's largest batch asks for."""
        most = self._batch.max
        if rows <= most:
            return self._once(fill, 0, rows)
        parts = []
        for start in range(0, rows, most):
            found = self._once(fill, start, min(most, rows - start))
            parts.append({name: array.copy() for name, array in found.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _open(self, batch: Batch, digest: str) -> None:
        """Open the engine for a batch, or for smaller ones while memory is too small."""
        while True:
            try:
                self._open_for(batch, digest)
            except OutOfDeviceMemory as error:
                self._free_buffers()
                if batch.max == batch.min:
                    raise ModelError(
                        f"model '{self._name}': the GPU has too little memory for a batch of {batch.min} "
                        f"({self._gpu.free_bytes() >> 20} MiB free): {error}"
                    ) from None
                smaller = max(batch.min, batch.max // 2)
                log.warning(
                    "model '%s': too little GPU memory for batches up to %d (%d MiB free); trying %d",
                    self._name,
                    batch.max,
                    self._gpu.free_bytes() >> 20,
                    smaller,
                )
                batch = replace(batch, opt=min(batch.opt, smaller), max=smaller)
            else:
                return

    def _open_for(self, batch: Batch, digest: str) -> None:
        self._batch = batch
        self._profile = EngineKey.profile_of(batch)
        self._key = EngineKey(
            digest,
            self._gpu.name,
            self._gpu.capability,
            str(tensorrt.__version__),
            precision_way(),
            self._profile,
        )
        engine = self._runtime.deserialize_cuda_engine(
            self._cache.get(self._key, self._build, name=self._name)
        )
        if engine is None:
            log.warning(
                "model '%s': its engine does not open (%s); building it again", self._name, self._told.last
            )
            self._cache.forget(self._key)
            engine = self._runtime.deserialize_cuda_engine(
                self._cache.get(self._key, self._build, name=self._name)
            )
        if engine is None:
            raise ModelError(f"model '{self._name}': TensorRT cannot open its own engine: {self._told.last}")
        context = engine.create_execution_context()
        if context is None:
            raise OutOfDeviceMemory(f"TensorRT: {self._told.last}")
        self._engine, self._context = engine, context
        self._make_buffers()

    def _build(self) -> bytes:
        self._told.errors.clear()
        timings = self._cache.read_timings(self._key)
        blob, measured = build_engine(self._path, self._name, self._batch, timings, self._told)
        self._cache.write_timings(self._key, measured)
        return blob

    def _make_buffers(self) -> None:
        """Device and pinned memory for the largest batch, once."""
        engine, most = self._engine, self._batch.max
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
        for name in inputs:
            shape = tuple(engine.get_tensor_shape(name))
            if shape and shape[0] < 0:
                self._context.set_input_shape(name, (most, *shape[1:]))
        for name in names:
            free = tuple(engine.get_tensor_shape(name))
            batched = bool(free) and (free[0] < 0 or (self._batch.fixed and free[0] == most))
            largest = tuple(self._context.get_tensor_shape(name))
            if any(size < 0 for size in largest):
                raise ModelError(
                    f"model '{self._name}': the size of '{name}' depends on the picture, which cannot be "
                    "had here"
                )
            dtype = str(np.dtype(tensorrt.nptype(engine.get_tensor_dtype(name))))
            open_shape = tuple(None if size < 0 else int(size) for size in free)
            row = tuple(int(size) for size in (largest[1:] if batched else largest))
            buffer = _Buffer(Port(name, open_shape, dtype), row, batched, 0, np.zeros(0, np.uint8))
            size_bytes = buffer.nbytes(most)
            buffer.device = self._gpu.allocate(size_bytes)
            self._buffers.append(buffer)
            buffer.host = self._gpu.pinned(size_bytes)
            self._context.set_tensor_address(name, buffer.device)
        self._inputs = [buffer for buffer in self._buffers if buffer.port.name in inputs]
        self._outputs = [buffer for buffer in self._buffers if buffer.port.name not in inputs]
        if self._stream is None:
            self._stream = self._gpu.stream()

    def _free_buffers(self) -> None:
        for buffer in self._buffers:
            self._gpu.release(buffer.device)
            if buffer.host.size:
                self._gpu.release_pinned(buffer.host)
        self._buffers = []

    def _check(self, feeds: Mapping[str, Array] | Mapping[str, DeviceArray]) -> int:
        """How many rows the feeds have; RunError where they are not what the engine takes."""
        counts = set()
        for buffer in self._inputs:
            port, given = buffer.port, feeds.get(buffer.port.name)
            if given is None:
                raise RunError(f"model '{self._name}': TensorRT: there is nothing for input '{port.name}'")
            rows = given.shape[0] if buffer.batched and given.shape else self._batch.max
            if given.shape != buffer.shape(rows) or np.dtype(given.dtype) != np.dtype(port.dtype):
                raise RunError(
                    f"model '{self._name}': TensorRT: input '{port.name}' is {port.dtype} "
                    f"{list(port.shape)}, it was given {given.dtype} {list(given.shape)}"
                )
            if buffer.batched:
                counts.add(rows)
        if len(counts) > 1 or 0 in counts:
            raise RunError(f"model '{self._name}': TensorRT: inputs have {sorted(counts)} rows")
        return counts.pop() if counts else self._batch.max

    def _once(self, fill: Fill, start: int, rows: int) -> dict[str, Array]:
        """One run of the engine, of at most its largest batch; outputs are views of pinned memory."""
        gpu, stream = self._gpu, self._stream
        if stream is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        padded = max(rows, self._batch.min)
        for buffer in self._inputs:
            if buffer.batched and not self._batch.fixed:
                self._context.set_input_shape(buffer.port.name, buffer.shape(padded))
            fill(buffer, start, rows, padded, stream)
        self._enqueue(stream)
        for buffer in self._outputs:
            gpu.to_host(buffer.host, buffer.device, buffer.nbytes(padded), stream)
        gpu.wait(stream)
        return {
            buffer.port.name: buffer.view(padded)[:rows] if buffer.batched else buffer.view(padded)
            for buffer in self._outputs
        }

    def _enqueue(self, stream: int) -> None:
        """Put the network into the stream; with a fixed batch as a CUDA graph, from the second run on."""
        if self._graph is not None:
            self._gpu.launch(self._graph, stream)
            return
        self._execute(stream)
        if self._batch.fixed and not self._graph_tried:
            self._graph_tried = True
            self._gpu.wait(stream)  # the first run has set everything up
            try:
                self._graph = self._captured(stream)
            except RunError as error:
                log.info("model '%s': runs without a CUDA graph: %s", self._name, error)

    def _captured(self, stream: int) -> int:
        """One run, recorded; the stream is an ordinary one again afterwards, whatever happens."""
        self._gpu.begin_capture(stream)
        try:
            self._execute(stream)
        except RunError:
            try:
                self._gpu.release_graph(self._gpu.end_capture(stream))
            except RunError:
                pass  # the recording was broken, as the first error says
            raise
        return self._gpu.end_capture(stream)

    def _execute(self, stream: int) -> None:
        if not self._context.execute_async_v3(stream):
            raise RunError(f"model '{self._name}': TensorRT: {self._told.last}")
