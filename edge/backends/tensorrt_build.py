"""From a graph to an engine, with any TensorRT from 8.5 on."""

from __future__ import annotations

import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

import tensorrt

from edge.backends.cuda_driver import OutOfDeviceMemory
from edge.backends.session import Batch
from edge.errors import MissingExtraError, ModelError

__all__ = ["OLDEST", "Log", "build_engine", "precision_way", "require_version", "version_of"]

log = logging.getLogger(__name__)

OLDEST = (8, 5)  # the first with named tensors
STRONG = (10, 0)  # from here on types are the graph's own
_MEMORY = re.compile(r"out of memory|OutOfMemory|insufficient memory|could not allocate|bad_alloc", re.I)
_OPERATOR = re.compile(r"(?:No importer registered for op|[Uu]nsupported (?:operator|op)|op_type)\W+(\w+)")


class Log(tensorrt.ILogger):  # type: ignore[misc]
    """Keeps TensorRT's last errors, to be told in ours, and passes the rest to the debug log."""

    def __init__(self, name: str) -> None:
        tensorrt.ILogger.__init__(self)
        self._name = name
        self.errors: list[str] = []

    def log(self, severity: object, message: str) -> None:
        """TensorRT calls this, from threads of its own too."""
        text = " ".join(str(message).split())
        kinds = tensorrt.ILogger.Severity
        if severity in (kinds.ERROR, kinds.INTERNAL_ERROR):
            self.errors = [*self.errors[-7:], text]
        log.debug("model '%s': TensorRT: %s", self._name, text)

    @property
    def last(self) -> str:
        """The last error, shortened."""
        return self.errors[-1][:300] if self.errors else "TensorRT says nothing"

    @property
    def out_of_memory(self) -> bool:
        """Whether any of the kept errors speaks of memory."""
        return any(_MEMORY.search(text) for text in self.errors)


def version_of() -> tuple[int, ...]:
    """TensorRT's version, major and minor."""
    numbers = re.findall(r"\d+", str(tensorrt.__version__))
    return tuple(int(number) for number in numbers[:2])


def require_version(name: str) -> None:
    """Raise MissingExtraError where this TensorRT is too old."""
    if version_of() < OLDEST:
        raise MissingExtraError(
            f"model '{name}': this is TensorRT {tensorrt.__version__}; "
            f"{'.'.join(map(str, OLDEST))} or newer is needed, the one that belongs to the machine's driver"
        )


def precision_way() -> str:
    """How types are decided: ``strong``, by the graph, or ``weak``."""
    return "strong" if _strong_flag() is not None else "weak"


def build_engine(path: Path, name: str, batch: Batch, timings: bytes, told: Log) -> tuple[bytes, bytes]:
    """Build an engine for batches of a size.

    Args:
        path: the graph.
        name: the model's, for messages.
        batch: of every input's first dimension.
        timings: of earlier builds, may be empty.
        told: takes TensorRT's messages.

    Returns:
        The engine; and what was measured, to be kept.

    Raises:
        ModelError: the graph cannot be read, an operator is not supported (named), or the build failed.
        OutOfDeviceMemory: the GPU has too little memory for this size.
    """
    try:
        builder = tensorrt.Builder(told)
    except TypeError:  # the bindings' way to say: a null pointer
        builder = None
    if not builder:
        raise MissingExtraError(
            f"model '{name}': TensorRT finds no GPU it can build for ({told.last}); see docs/export.md"
        )
    network = builder.create_network(_network_flags())
    parser = tensorrt.OnnxParser(network, told)
    if not parser.parse_from_file(str(path)):
        raise ModelError(_unreadable(parser, path, name, told))
    config = builder.create_builder_config()
    if _strong_flag() is None:
        _allow_types(network, config)
    _add_profile(builder, network, config, batch, name)
    cache = config.create_timing_cache(timings)
    config.set_timing_cache(cache, True)
    monitor = _monitor(name)
    if monitor is not None:
        config.progress_monitor = monitor
    log.info("model '%s': building its engine for batches of %s; minutes the first time", name, _shown(batch))
    began = time.monotonic()
    blob = builder.build_serialized_network(network, config)
    if monitor is not None:
        monitor.finish()
    if blob is None:
        if told.out_of_memory:
            raise OutOfDeviceMemory(f"model '{name}': TensorRT: {told.last}")
        raise ModelError(f"model '{name}': TensorRT cannot build {path}: {told.last}")
    log.info("model '%s': engine built in %.0f s", name, time.monotonic() - began)
    measured = config.get_timing_cache()
    return bytes(blob), b"" if measured is None else bytes(measured.serialize())


def _strong_flag() -> Any:
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return flag if version_of() >= STRONG else None


def _network_flags() -> int:
    strong = _strong_flag()
    if strong is not None:
        return 1 << int(strong)
    explicit = getattr(tensorrt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if explicit is None else 1 << int(explicit)


def _allow_types(network: Any, config: Any) -> None:
    """Before version 10, let TensorRT use the types that the graph uses, and no others."""
    flags = tensorrt.BuilderFlag
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type == tensorrt.LayerType.QUANTIZE:
            config.set_flag(flags.INT8)
        outputs = [layer.get_output(number) for number in range(layer.num_outputs)]
        if any(output is not None and output.dtype == tensorrt.DataType.HALF for output in outputs):
            config.set_flag(flags.FP16)


def _add_profile(builder: Any, network: Any, config: Any, batch: Batch, name: str) -> None:
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        port = network.get_input(index)
        shape = list(port.shape)
        if any(size < 0 for size in shape[1:]):
            raise ModelError(
                f"model '{name}': input '{port.name}' has a free dimension besides the batch ({shape}); "
                "fix it, e.g. with edge export"
            )
        if shape and shape[0] < 0:
            sizes = [(rows, *shape[1:]) for rows in (batch.min, batch.opt, batch.max)]
            profile.set_shape(port.name, *sizes)
    config.add_optimization_profile(profile)


def _unreadable(parser: Any, path: Path, name: str, told: Log) -> str:
    """One line for what the parser has against a graph; the operators first."""
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    texts = [" ".join(str(error.desc()).split()) for error in errors]
    named = [str(error.node_operator()) for error in errors if hasattr(error, "node_operator")]
    named += [match for text in (*texts, *told.errors) for match in _OPERATOR.findall(text)]
    operators = sorted({one for one in named if one})
    if operators:
        return (
            f"model '{name}': TensorRT {tensorrt.__version__} does not support operator "
            f"{', '.join(operators)} of {path}: {(texts or [told.last])[0][:200]}"
        )
    return f"model '{name}': TensorRT cannot read {path}: {(texts or [told.last])[0][:300]}"


def _monitor(name: str) -> Any:
    """A progress bar, where this TensorRT reports progress and somebody sees it."""
    base = getattr(tensorrt, "IProgressMonitor", None)
    if base is None or not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=Console(stderr=True), transient=True)

    class Monitor(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self._tasks: dict[str, Any] = {}
            bars.start()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            text = name if parent_phase is None else f"  {phase_name}"
            self._tasks[phase_name] = bars.add_task(text, total=num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            bars.update(self._tasks[phase_name], completed=step)
            return True

        def phase_finish(self, phase_name: str) -> None:
            bars.remove_task(self._tasks.pop(phase_name))

        def finish(self) -> None:
            bars.stop()

    return Monitor()


def _shown(batch: Batch) -> str:
    return str(batch.max) if batch.fixed else f"{batch.min} to {batch.max}"
