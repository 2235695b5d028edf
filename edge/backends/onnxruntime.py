"""Sessions of ONNX Runtime, on the CPU or on an NVIDIA GPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

# From 1.29 on the published Linux builds report model names and hashes to their maker, and keep a
# device id in the user's cache folder, unless this is set before the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as binding

from edge.backends.session import Batch, DeviceArray, Port, Ported
from edge.errors import MissingExtraError, ModelError, RunError
from edge.resources import cache_dir

__all__ = ["OnnxRuntimeCudaSession", "OnnxRuntimeSession", "OnnxRuntimeTensorRtSession"]

Array = NDArray[np.generic]

# numpy's name for ONNX Runtime's element types; the others (bool, uint8, int64 …) are named alike.
NUMPY_NAMES = {"float": "float32", "double": "float64"}

# ONNX Runtime's errors have no common base but Exception; a version may lack one of them.
_ERROR_NAMES = (
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoadCanceled",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NotImplemented",
    "RuntimeException",
)
_ERRORS: tuple[type[Exception], ...] = tuple(
    getattr(binding, name) for name in _ERROR_NAMES if hasattr(binding, name)
)
_RUN_ERRORS: tuple[type[Exception], ...] = (*_ERRORS, ValueError)  # ValueError: a feed is missing


class OnnxRuntimeSession(Ported):
    """A network run by ONNX Runtime on the CPU.

    Its threads sleep between calls instead of spinning, so that several cameras' networks share few
    cores. The arrays that :meth:`run` returns are views of memory the runtime allocated.

    Args:
        path: the ``.onnx`` file, already checked against its card.
        threads: threads one call of :meth:`run` may use.
        card_name: the model's name, for messages.
        batch: not used; it takes any number of rows.

    Raises:
        MissingExtraError: this installation of ONNX Runtime, or this machine, lacks the device.
        ModelError: the file is no network that ONNX Runtime can read.
    """

    provider: ClassVar[str] = "CPUExecutionProvider"
    device: ClassVar[str] = "CPU"
    memory: ClassVar[str] = "cpu"

    def __init__(
        self, path: Path, *, threads: int = 1, card_name: str = "", batch: Batch | None = None
    ) -> None:
        self._name = card_name or path.name
        self._check_provider_is_built_in()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=self._providers())
        except _ERRORS as error:
            raise ModelError(
                f"model '{self._name}': ONNX Runtime cannot open {path}: {_one_line(error)}"
            ) from None
        if self.provider not in session.get_providers():
            raise MissingExtraError(
                f"model '{self._name}': {self.provider} does not start on this machine (driver, CUDA or "
                "cuDNN missing or of another version); use backend 'onnxruntime'"
            )
        self._session: onnxruntime.InferenceSession | None = session
        self._inputs = tuple(_port(node) for node in session.get_inputs())
        self._outputs = tuple(_port(node) for node in session.get_outputs())
        self._output_names = [port.name for port in self._outputs]

    @property
    def label(self) -> str:
        """Who computes, where, and in which precision."""
        return f"ONNX Runtime {onnxruntime.__version__}, {self.device}, in the graph's precision"

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name; see :meth:`edge.backends.session.Session.run`.

        The feeds are only read, and no output shares memory with them, so the caller may fill
        the same input array again at once.

        Raises:
            RunError: a feed is missing or of the wrong type or shape, or the computation failed.
            ValueError: the session is closed.
        """
        session = self._session
        if session is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        try:
            results = session.run(self._output_names, dict(feeds))
        except _RUN_ERRORS as error:
            raise RunError(f"model '{self._name}': ONNX Runtime: {_one_line(error)}") from error
        return dict(zip(self._output_names, cast("list[Array]", results), strict=True))

    def run_from_device(self, feeds: Mapping[str, DeviceArray]) -> dict[str, Array]:
        """Compute all outputs from inputs on the device; see :class:`edge.backends.session.DeviceSession`.

        Raises:
            RunError: as :meth:`run`.
            ValueError: the session is closed.
        """
        session = self._session
        if session is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")
        binding = session.io_binding()
        for port in self._inputs:
            given = feeds.get(port.name)
            if given is None or not port.takes(given):
                what = "nothing" if given is None else f"{given.dtype} {list(given.shape)}"
                raise RunError(
                    f"model '{self._name}': ONNX Runtime: input '{port.name}' is {port.dtype} "
                    f"{list(port.shape)}, it was given {what}"
                )
            given.finish()  # it reads them in a stream of its own
            binding.bind_input(
                port.name, self.memory, 0, np.dtype(given.dtype), list(given.shape), given.address
            )
        for name in self._output_names:
            binding.bind_output(name, "cpu")
        try:
            session.run_with_iobinding(binding)
            results = binding.copy_outputs_to_cpu()
        except _RUN_ERRORS as error:
            raise RunError(f"model '{self._name}': ONNX Runtime: {_one_line(error)}") from error
        return dict(zip(self._output_names, cast("list[Array]", results), strict=True))

    def close(self) -> None:
        """Free the network; calling it again does nothing. Arrays returned earlier stay valid."""
        self._session = None

    def _providers(self) -> list[str | tuple[str, dict[str, str]]]:
        return [self.provider]

    def _check_provider_is_built_in(self) -> None:
        if self.provider not in onnxruntime.get_available_providers():
            raise MissingExtraError(
                f"model '{self._name}': this ONNX Runtime has no {self.provider}; "
                "pip install 'edge-reid[gpu]', or use backend 'onnxruntime'"
            )


class OnnxRuntimeCudaSession(OnnxRuntimeSession):
    """A network run by ONNX Runtime on the first NVIDIA GPU; :meth:`run` copies its arrays there and back."""

    provider: ClassVar[str] = "CUDAExecutionProvider"
    device: ClassVar[str] = "CUDA"
    memory: ClassVar[str] = "cuda"


class OnnxRuntimeTensorRtSession(OnnxRuntimeSession):
    """A network run by ONNX Runtime through TensorRT; what TensorRT cannot do runs on CUDA.

    ONNX Runtime itself keeps engines in the cache folder, and names them after graph, GPU and version.
    """

    provider: ClassVar[str] = "TensorrtExecutionProvider"
    device: ClassVar[str] = "TensorRT"
    memory: ClassVar[str] = "cuda"

    def _providers(self) -> list[str | tuple[str, dict[str, str]]]:
        options = {"trt_engine_cache_enable": "False"}
        cache = cache_dir()
        if cache is not None:
            folder = cache / "engines" / "onnxruntime"
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                pass  # built again at every start then
            else:
                options = {
                    "trt_engine_cache_enable": "True",
                    "trt_engine_cache_path": str(folder),
                    "trt_timing_cache_enable": "True",
                    "trt_timing_cache_path": str(folder),
                }
        return [(self.provider, options), "CUDAExecutionProvider"]


def _port(node: onnxruntime.NodeArg) -> Port:
    """A runtime's description of an input or output as a :class:`Port`."""
    element = str(node.type)
    if element.startswith("tensor(") and element.endswith(")"):
        element = element[len("tensor(") : -1]
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in node.shape)
    return Port(str(node.name), shape, NUMPY_NAMES.get(element, element))


def _one_line(error: Exception, longest: int = 300) -> str:
    """The runtime's message on one line, without its ``[ONNXRuntimeError] : 7 : INVALID_…`` prefix."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return text if len(text) <= longest else text[: longest - 1] + "…"
