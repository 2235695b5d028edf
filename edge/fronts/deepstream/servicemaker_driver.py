"""Run the graph with PyServiceMaker: DeepStream 9.1 and later."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import EdgeError, RunError, StartError
from edge.fronts.deepstream.driver import Notice, Take
from edge.fronts.deepstream.elements import PROBED, chain_of
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.servicemaker_reader import ServiceMakerReader

__all__ = ["ServiceMakerDriver"]

_INSTALL = "install DeepStream 9.1 or later, or use an image that has it (docs/deploy.md)"


class ServiceMakerDriver:
    """See :class:`edge.fronts.deepstream.driver.Driver`.

    Args:
        graph: the graph.
        folder: where its set of configuration files is.
        module: ``pyservicemaker``, or what acts like it; imported when None.
        reader: reads batches; made from the graph when None.

    Raises:
        StartError: it cannot be imported.
    """

    def __init__(
        self, graph: Graph, folder: Path, module: Any = None, reader: ServiceMakerReader | None = None
    ) -> None:
        self._module = module or _import()
        self._graph = graph
        self._folder = folder
        embedder = graph.embedder
        reid_id = 0 if graph.reid is None else embedder.unique_id
        self._reader = reader or ServiceMakerReader(reid_id, next(iter(embedder.card.outputs)))
        self._lock = threading.Lock()
        self._pipeline: Any = None
        self._stopped = False
        self._ended = False
        self._error: EdgeError | None = None

    def run(self, take: Take, notice: Callable[[Notice], None]) -> None:
        """Run until the end; see the protocol."""
        module = self._module
        pipeline = module.Pipeline("edge")
        chain = chain_of(self._graph, self._folder)
        try:
            for element in chain:
                pipeline.add(element.plugin, element.name, dict(element.properties))
            pipeline.link(*(element.name for element in chain))
            operator = self._operator(take)  # kept alive by this name: the probe does not own it
            pipeline.attach(PROBED, module.Probe("edge-reid", operator))
        except Exception as error:  # whatever the bindings raise
            raise StartError(f"DeepStream's graph cannot be built ({error}); {_INSTALL}") from error
        with self._lock:
            if self._stopped:
                return
            self._pipeline = pipeline
        pipeline.prepare(lambda message: self._on_message(message, notice))
        pipeline.activate()
        pipeline.wait()
        if self._error is not None:
            raise self._error
        if not self._was_to_end():
            raise RunError("DeepStream ended by itself; its own lines above say why")

    def stop(self) -> None:
        """End :meth:`run` soon."""
        with self._lock:
            already, self._stopped = self._stopped, True
            pipeline = self._pipeline
        if pipeline is not None and not already:
            pipeline.stop()

    def _was_to_end(self) -> bool:
        with self._lock:
            return self._stopped or self._ended

    def _operator(self, take: Take) -> Any:
        """An object of the bindings' own class that copies every batch's metadata."""
        reader, fail = self._reader, self._fail

        def handle_metadata(_: Any, batch_meta: Any) -> None:
            try:
                take(reader.read(batch_meta))
            except Exception as error:  # noqa: BLE001 - an error raised here ends the process
                fail(error)

        base = self._module.BatchMetadataOperator
        return type("Operator", (base,), {"handle_metadata": handle_metadata})()

    def _on_message(self, message: Any, notice: Callable[[Notice], None]) -> None:
        module = self._module
        if isinstance(message, module.DynamicSourceMessage):
            kind: Any = "added" if message.source_added else "removed"
            notice(Notice(kind, int(message.source_id), str(message.sensor_id)))
        elif isinstance(message, module.EOSMessage):
            self._ended = True

    def _fail(self, error: Exception) -> None:
        """Keep the first error and end the run, from a thread that may wait for it."""
        if not isinstance(error, EdgeError):
            broken = RunError(f"the probe in DeepStream broke off: {type(error).__name__}: {error}")
            broken.__cause__ = error
            error = broken
        with self._lock:
            if self._error is not None:
                return
            self._error = error
        # Stopping waits for DeepStream's threads, and this is one of them.
        threading.Thread(target=self.stop, name="stop deepstream", daemon=True).start()


def _import() -> Any:
    try:
        return importlib.import_module("pyservicemaker")
    except ImportError as error:
        raise StartError(f"PyServiceMaker cannot be imported ({error}); {_INSTALL}") from None
