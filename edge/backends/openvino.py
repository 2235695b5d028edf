"""Sessions of OpenVINO, on CPUs and Intel GPUs.

OpenVINO chooses its precision itself, bfloat16 or float16 where the device is faster with it, and says so
nowhere. Here it computes in float32 unless ``EDGE_OPENVINO_PRECISION`` says otherwise, and the label tells
what it really took. ``EDGE_OPENVINO_DEVICE`` names another device than ``CPU``, e.g. ``GPU``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from edge.backends.session import Batch, Port, Ported
from edge.errors import ConfigError, MissingExtraError, ModelError, RunError

__all__ = ["OpenVinoSession"]

Array = NDArray[np.generic]

PRECISIONS = {"f32": "f32", "f16": "f16", "bf16": "bf16"}

_lock = threading.Lock()
_cores: list[openvino.Core] = []


class OpenVinoSession(Ported):
    """A network run by OpenVINO.

    Args:
        path: the ``.onnx`` file, already checked against its card.
        threads: threads one call of :meth:`run` may use.
        card_name: the model's name, for messages.
        batch: not used; it takes any number of rows.

    Raises:
        ConfigError: ``EDGE_OPENVINO_PRECISION`` is none it knows.
        MissingExtraError: the device is not there.
        ModelError: the file is no network that OpenVINO can read.
    """

    def __init__(
        self, path: Path, *, threads: int = 1, card_name: str = "", batch: Batch | None = None
    ) -> None:
        self._name = card_name or path.name
        self._device = os.environ.get("EDGE_OPENVINO_DEVICE", "") or "CPU"
        precision = os.environ.get("EDGE_OPENVINO_PRECISION", "") or "f32"
        if precision not in PRECISIONS:
            raise ConfigError(
                f"EDGE_OPENVINO_PRECISION must be one of {', '.join(PRECISIONS)} (got '{precision}')"
            )
        core = _core()
        if self._device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
            raise MissingExtraError(
                f"model '{self._name}': OpenVINO finds no device '{self._device}'; it finds: "
                f"{', '.join(core.available_devices) or 'none'} (EDGE_OPENVINO_DEVICE names another)"
            )
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        }
        if self._device == "CPU":
            settings |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
        try:
            model = core.read_model(str(path))
            compiled = core.compile_model(model, self._device, settings)
            self._request = compiled.create_infer_request()
        except RuntimeError as error:
            raise ModelError(
                f"model '{self._name}': OpenVINO cannot open {path}: {_one_line(error)}"
            ) from None
        self._compiled = compiled
        self._inputs = tuple(_port(node) for node in compiled.inputs)
        self._outputs = tuple(_port(node) for node in compiled.outputs)
        self._is_open = True

    @property
    def label(self) -> str:
        """Who computes, where, and in which precision."""
        version = openvino.__version__.split("-")[0]
        return f"OpenVINO {version}, {self._device}, {self.precision}"

    @property
    def precision(self) -> str:
        """What OpenVINO says it computes in, e.g. ``f32``; asked of the compiled network, not remembered."""
        kind = self._compiled.get_property("INFERENCE_PRECISION_HINT")
        return str(kind.get_type_name() if hasattr(kind, "get_type_name") else kind)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name; see :meth:`edge.backends.session.Session.run`.

        Raises:
            RunError: a feed is missing or of the wrong type or shape, or the computation failed.
            ValueError: the session is closed.
        """
        if not self._is_open:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        for port in self._inputs:
            given = feeds.get(port.name)
            if given is None or not port.takes(given):
                found = "nothing" if given is None else f"{given.dtype} {list(given.shape)}"
                raise RunError(
                    f"model '{self._name}': OpenVINO: input '{port.name}' is {port.dtype} "
                    f"{list(port.shape)}, it was given {found}"
                )
        try:
            self._request.infer({name: np.ascontiguousarray(array) for name, array in feeds.items()})
        except RuntimeError as error:
            raise RunError(f"model '{self._name}': OpenVINO: {_one_line(error)}") from error
        return {port.name: self._request.get_output_tensor(k).data for k, port in enumerate(self._outputs)}

    def close(self) -> None:
        """Free the network; calling it again does nothing. Arrays returned earlier stay valid if copied."""
        if self._is_open:
            self._is_open = False
            del self._request


def _core() -> openvino.Core:
    """The process's only core, which lives as long as it does.

    The CPU plugin of each core gives the thread that opens it a stack for signals, and takes it back when
    the core goes. Two cores that go in the order they came leave the thread with a stack that is no more:
    the next Ctrl-C is then a segmentation fault.
    """
    with _lock:
        if not _cores:
            _cores.append(openvino.Core())
        return _cores[0]


def _port(node: openvino.ConstOutput) -> Port:
    """OpenVINO's description of an input or output as a :class:`Port`."""
    shape = tuple(None if size.is_dynamic else int(size.get_length()) for size in node.get_partial_shape())
    return Port(str(node.get_any_name()), shape, str(np.dtype(node.get_element_type().to_dtype())))


def _one_line(error: Exception, longest: int = 300) -> str:
    """The last, most telling part of OpenVINO's many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))] or lines
    text = " ".join(told)
    return text if len(text) <= longest else text[: longest - 1] + "…"
