"""Stand-ins for GStreamer, GLib and PyServiceMaker that play a script instead of video.

A script is a list of steps, each a batch of pictures, a message, or something to call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from deepstream_metadata import Picture, Pyds, service_batch

Step = Sequence[Picture] | Callable[[], object] | SimpleNamespace


class Buffer:
    """A GstBuffer, whose hash is its address."""

    def __init__(self, address: int) -> None:
        self._address = address

    def __hash__(self) -> int:
        return self._address


class Structure:
    def __init__(self, name: str, **fields: object) -> None:
        self._name, self._fields = name, fields

    def get_name(self) -> str:
        return self._name

    def get_uint(self, name: str) -> tuple[bool, int]:
        value = self._fields.get(name)
        return (True, value) if isinstance(value, int) else (False, 0)

    def get_string(self, name: str) -> str | None:
        value = self._fields.get(name)
        return value if isinstance(value, str) else None


def element_message(name: str, **fields: object) -> SimpleNamespace:
    structure = Structure(name, **{key.replace("_", "-"): value for key, value in fields.items()})
    return SimpleNamespace(type="element", get_structure=lambda: structure, src=None)


def error_message(text: str, path: str) -> SimpleNamespace:
    origin = SimpleNamespace(get_path_string=lambda: path)
    return SimpleNamespace(
        type="error", src=origin, parse_error=lambda: (SimpleNamespace(message=text), "debug")
    )


EOS = SimpleNamespace(type="eos", src=None)


class Element:
    def __init__(self, plugin: str, name: str) -> None:
        self.plugin, self.name = plugin, name
        self.properties: dict[str, object] = {}
        self.linked: Element | None = None
        self.probes: list[tuple[Callable[..., object], object]] = []

    def set_property(self, name: str, value: object) -> None:
        self.properties[name] = value

    def link(self, other: Element) -> bool:
        self.linked = other
        return True

    def get_static_pad(self, name: str) -> Element | None:
        return self

    def add_probe(self, kind: object, callback: Callable[..., object], data: object) -> None:
        self.probes.append((callback, data))


class GstRuntime:
    """``Gst``, ``GLib`` and ``pyds`` that play a script when the loop runs."""

    def __init__(self, script: Sequence[Step], *, missing: str = "", reid: str = "secondary") -> None:
        self.script = list(script)
        self.elements: dict[str, Element] = {}
        self.states: list[str] = []
        self.pyds = Pyds(reid=reid)
        self.handler: Callable[..., object] | None = None
        self.data: object = None
        self.pace: Callable[[], object] = lambda: None  # called after each batch
        self._missing = missing
        self._quit = threading.Event()
        self.Gst = SimpleNamespace(
            init=lambda _: None,
            Pipeline=SimpleNamespace(new=lambda _: self),
            ElementFactory=SimpleNamespace(make=self._make),
            PadProbeType=SimpleNamespace(BUFFER="buffer"),
            PadProbeReturn=SimpleNamespace(OK="ok"),
            State=SimpleNamespace(PLAYING="playing", NULL="null"),
            StateChangeReturn=SimpleNamespace(FAILURE="failure"),
            MessageType=SimpleNamespace(EOS="eos", ERROR="error", WARNING="warning", ELEMENT="element"),
        )
        self.GLib = SimpleNamespace(MainLoop=lambda: self)

    @property
    def modules(self) -> tuple[Any, Any, Any]:
        return self.Gst, self.GLib, self.pyds

    def _make(self, plugin: str, name: str) -> Element | None:
        if plugin == self._missing:
            return None
        return self.elements.setdefault(name, Element(plugin, name))

    # the pipeline
    def add(self, element: Element) -> None: ...

    def set_state(self, state: str) -> str:
        self.states.append(state)
        return "success"

    # its bus
    def get_bus(self) -> GstRuntime:
        return self

    def add_signal_watch(self) -> None: ...

    def remove_signal_watch(self) -> None: ...

    def connect(self, signal: str, handler: Callable[..., object], data: object) -> None:
        self.handler, self.data = handler, data

    # the loop
    def run(self) -> None:
        for number, step in enumerate(self.script, start=1):
            if self._quit.is_set():
                return
            if isinstance(step, SimpleNamespace):
                assert self.handler is not None
                self.handler(self, step, self.data)
            elif callable(step):
                step()
            else:
                self._push(number, step)
        self._quit.wait(10)

    def quit(self) -> None:
        self._quit.set()

    def _push(self, address: int, pictures: Sequence[Picture]) -> None:
        self.pyds.batches[address] = self.pyds.batch(pictures)
        info = SimpleNamespace(get_buffer=lambda: Buffer(address))
        for callback, data in self.elements["probed"].probes:
            assert callback(None, info, data) == "ok"
        self.pyds.memory.release()
        del self.pyds.batches[address]
        self.pace()


class DynamicSourceMessage(SimpleNamespace):
    pass


class EOSMessage(SimpleNamespace):
    pass


class BatchMetadataOperator:
    def handle_metadata(self, batch_meta: object) -> None:
        raise NotImplementedError


class Probe:
    def __init__(self, name: str, operator: BatchMetadataOperator) -> None:
        assert isinstance(operator, BatchMetadataOperator)
        self.operator = operator


class ServiceMaker:
    """The module ``pyservicemaker`` whose pipeline plays a script; it ends the process if a probe raises."""

    DynamicSourceMessage, EOSMessage = DynamicSourceMessage, EOSMessage
    BatchMetadataOperator, Probe = BatchMetadataOperator, Probe

    def __init__(self, script: Sequence[Step], *, missing: str = "", reid: str = "secondary") -> None:
        self.script, self.missing, self.reid = list(script), missing, reid
        self.added: dict[str, tuple[str, dict[str, object]]] = {}
        self.links: list[str] = []
        self.attached: dict[str, Probe] = {}
        self.stops = 0
        self.pace: Callable[[], object] = lambda: None  # called after each batch
        self._quit = threading.Event()
        self._ended = False

    def Pipeline(self, name: str) -> ServiceMaker:  # noqa: N802
        return self

    def add(self, plugin: str, name: str, properties: dict[str, object]) -> ServiceMaker:
        if plugin == self.missing:
            raise RuntimeError(f"failed to create {plugin}")
        self.added[name] = (plugin, properties)
        return self

    def link(self, *names: str) -> ServiceMaker:
        self.links = list(names)
        return self

    def attach(self, name: str, probe: Probe) -> ServiceMaker:
        self.attached[name] = probe
        return self

    def prepare(self, on_message: Callable[[object], None]) -> ServiceMaker:
        self.on_message = on_message
        return self

    def activate(self) -> ServiceMaker:
        return self

    def wait(self) -> ServiceMaker:
        operator = next(iter(self.attached.values())).operator
        for step in self.script:
            if self._quit.is_set():
                return self
            if isinstance(step, SimpleNamespace):
                self.on_message(step)
                self._ended = self._ended or isinstance(step, EOSMessage)
            elif callable(step):
                step()
            else:
                operator.handle_metadata(service_batch(step, reid=self.reid))
                self.pace()
        if not self._ended:
            self._quit.wait(0.5)
        return self

    def stop(self) -> ServiceMaker:
        self.stops += 1
        self._quit.set()
        return self
