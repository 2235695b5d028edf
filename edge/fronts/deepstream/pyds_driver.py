"""Run the graph with GStreamer's Python bindings and ``pyds``: DeepStream 7.1."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config.secrets import redact
from edge.errors import EdgeError, RunError, StartError
from edge.fronts.deepstream.driver import Notice, Take
from edge.fronts.deepstream.elements import PROBED, SOURCE, Element, chain_of
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.pyds_reader import PydsReader

__all__ = ["PydsDriver"]

_log = logging.getLogger(__name__)

_INSTALL = "install DeepStream 7.1, or use an image that has it (docs/deploy.md)"


class PydsDriver:
    """See :class:`edge.fronts.deepstream.driver.Driver`.

    Args:
        graph: the graph.
        folder: where its set of configuration files is.
        modules: ``Gst``, ``GLib`` and ``pyds``, or what acts like them; imported when None.

    Raises:
        StartError: they cannot be imported.
    """

    def __init__(self, graph: Graph, folder: Path, modules: tuple[Any, Any, Any] | None = None) -> None:
        self._gst, self._glib, pyds = modules or _import()
        self._graph = graph
        self._folder = folder
        self._pyds = pyds
        embedder = graph.embedder
        reid_id = 0 if graph.reid is None else embedder.unique_id
        self._reader = PydsReader(pyds, reid_id, next(iter(embedder.card.outputs)))
        self._lock = threading.Lock()
        self._loop: Any = None
        self._stopped = False
        self._error: EdgeError | None = None

    def run(self, take: Take, notice: Callable[[Notice], None]) -> None:
        """Run until the end; see the protocol."""
        gst = self._gst
        gst.init(None)
        pipeline = gst.Pipeline.new("edge")
        elements = self._build(pipeline)
        pad = elements[PROBED].get_static_pad("src")
        pad.add_probe(gst.PadProbeType.BUFFER, self._on_buffer, take)
        loop = self._glib.MainLoop()
        with self._lock:
            if self._stopped:
                return
            self._loop = loop
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self._on_message, notice)
        try:
            if pipeline.set_state(gst.State.PLAYING) == gst.StateChangeReturn.FAILURE:
                raise StartError(
                    "DeepStream does not start; GStreamer's own lines say why (GST_DEBUG=3 shows more)"
                )
            loop.run()
        finally:
            pipeline.set_state(gst.State.NULL)
            bus.remove_signal_watch()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End :meth:`run` soon."""
        with self._lock:
            self._stopped = True
            loop = self._loop
        if loop is not None:
            loop.quit()

    def _build(self, pipeline: Any) -> dict[str, Any]:
        """Make, set and link every element.

        Raises:
            StartError: a plugin is missing or two do not fit.
        """
        made: dict[str, Any] = {}
        before: tuple[Element, Any] | None = None
        for element in chain_of(self._graph, self._folder):
            one = self._gst.ElementFactory.make(element.plugin, element.name)
            if one is None:
                raise StartError(f"there is no GStreamer plugin '{element.plugin}'; {_INSTALL}")
            for name, value in element.properties.items():
                one.set_property(name, value)
            pipeline.add(one)
            made[element.name] = one
            if before is not None and before[0].name != SOURCE and not before[1].link(one):
                raise StartError(f"'{before[0].plugin}' cannot be linked to '{element.plugin}'; {_INSTALL}")
            if before is not None and before[0].name == SOURCE:
                self._link_source(before[1], one)
            before = (element, one)
        return made

    def _link_source(self, source: Any, following: Any) -> None:
        """Link nvmultiurisrcbin, whose one pad may come only with the first stream."""
        if source.get_static_pad("src") is not None:
            source.link(following)
            return
        source.connect("pad-added", lambda _, pad: pad.link(following.get_static_pad("sink")))

    def _on_buffer(self, pad: Any, info: Any, take: Take) -> Any:
        """Copy a batch's metadata; runs in a thread of GStreamer's."""
        buffer = info.get_buffer()
        if buffer:
            try:
                # pyds wants the C address of the buffer, which is its hash.
                meta = self._pyds.gst_buffer_get_nvds_batch_meta(hash(buffer))
                take(self._reader.read(meta))
            except Exception as error:  # noqa: BLE001 - nothing may be raised into GStreamer
                self._fail(error if isinstance(error, EdgeError) else _broken(error))
        return self._gst.PadProbeReturn.OK

    def _on_message(self, bus: Any, message: Any, notice: Callable[[Notice], None]) -> bool:
        kinds = self._gst.MessageType
        if message.type == kinds.EOS:
            self.stop()
        elif message.type == kinds.ERROR:
            error, _ = message.parse_error()
            self._on_error(message.src, redact(str(getattr(error, "message", error))), notice)
        elif message.type == kinds.WARNING:
            warning, _ = message.parse_warning()
            _log.warning("DeepStream: %s", redact(str(getattr(warning, "message", warning))))
        elif message.type == kinds.ELEMENT:
            told = _notice_of(message.get_structure())
            if told is not None:
                notice(told)
        return True

    def _on_error(self, origin: Any, text: str, notice: Callable[[Notice], None]) -> None:
        """An error inside the sources is one camera's affair, unless it is the only one."""
        path = origin.get_path_string() if origin is not None else ""
        if f":{SOURCE}/" in path and len(self._graph.sources) > 1:
            notice(Notice("trouble", text=text))
        else:
            self._fail(RunError(f"DeepStream broke off: {text}"))

    def _fail(self, error: EdgeError) -> None:
        with self._lock:
            self._error = self._error or error
        self.stop()


def _notice_of(structure: Any) -> Notice | None:
    """Read a message of nvmultiurisrcbin or of the mux; None for any other."""
    if structure is None:
        return None
    name = structure.get_name()
    if name in ("stream-add", "stream-remove"):
        found, source = structure.get_uint("source-id")
        kind: Any = "added" if name == "stream-add" else "removed"
        return Notice(kind, source if found else -1, structure.get_string("sensor-id") or "")
    if name == "stream-eos":
        found, source = structure.get_uint("stream-id")
        return Notice("ended", source if found else -1)
    if name == "attempt-exceeded":
        found, source = structure.get_uint("source-id")
        return Notice("given up", source if found else -1)
    return None


def _broken(error: Exception) -> RunError:
    broken = RunError(f"the probe in DeepStream broke off: {type(error).__name__}: {error}")
    broken.__cause__ = error
    return broken


def _import() -> tuple[Any, Any, Any]:
    try:
        gi: Any = importlib.import_module("gi")
        gi.require_version("Gst", "1.0")
        repository: Any = importlib.import_module("gi.repository")
        return repository.Gst, repository.GLib, importlib.import_module("pyds")
    except (ImportError, ValueError) as error:
        raise StartError(f"DeepStream's Python bindings cannot be imported ({error}); {_INSTALL}") from None
