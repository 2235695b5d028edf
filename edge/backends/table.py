"""The literal table of backends, and how one of them is chosen and opened.

A new backend is one module with a class ``(path, *, threads, card_name, batch)`` that is a
:class:`~edge.backends.session.Session`, one row here, and its name in ``tests/backends/test_parity.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from edge.backends.cuda_driver import has_gpu
from edge.backends.session import Batch, Session
from edge.errors import ConfigError, MissingExtraError, ModelError, StartError

__all__ = ["AUTO", "BACKENDS", "Backend", "open_session", "why_not"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """One row: where a backend's class is, and what must be installed for it.

    target: ``module:attribute`` of the class.
    install: what to give ``pip install`` when a package it needs is missing.
    package: the package it cannot do without.
    needs_gpu: useless without an NVIDIA driver; ``auto`` does not even import it then.
    """

    target: str
    install: str
    package: str = "onnxruntime"
    needs_gpu: bool = False


BACKENDS: dict[str, Backend] = {
    "onnxruntime": Backend("edge.backends.onnxruntime:OnnxRuntimeSession", "onnxruntime"),
    "onnxruntime-cuda": Backend(
        "edge.backends.onnxruntime:OnnxRuntimeCudaSession", "edge-reid[gpu]", needs_gpu=True
    ),
    "onnxruntime-tensorrt": Backend(
        "edge.backends.onnxruntime:OnnxRuntimeTensorRtSession", "edge-reid[gpu]", needs_gpu=True
    ),
    "openvino": Backend("edge.backends.openvino:OpenVinoSession", "edge-reid[openvino]", "openvino"),
    "tensorrt": Backend(
        "edge.backends.tensorrt:TensorRtSession", "edge-reid[tensorrt]", "tensorrt", needs_gpu=True
    ),
    "torch": Backend("edge.backends.torch:TorchSession", "edge-reid[export,ipg]", "torch"),
    "torch-compile": Backend("edge.backends.torch:TorchCompiledSession", "edge-reid[export,ipg]", "torch"),
}

# What "auto" tries, fastest first; one that is not installed, or does not open, is passed over. openvino is
# not here: which of the two is faster on a CPU depends on the network and the processor (docs/export.md).
AUTO = ("tensorrt", "onnxruntime-cuda", "onnxruntime")

# Weights that are no graph but a torch network's; "auto" knows who can open them.
TORCH_SUFFIXES = (".pth", ".safetensors")


def open_session(
    path: str | Path,
    *,
    backend: str = "auto",
    threads: int = 1,
    card_name: str = "",
    batch: Batch | None = None,
) -> Session:
    """Open a network.

    Check its file first (:func:`edge.config.weights.find_weights`) and its ports afterwards
    (:func:`edge.backends.check_ports`).

    Args:
        path: file of weights, e.g. ``pretrained/yolox_nano.onnx``.
        backend: a name of :data:`BACKENDS`, or ``auto`` for the first of :data:`AUTO` that this
            machine has.
        threads: threads that one call of ``run`` may use; more than 0.
        card_name: the model's name, for messages; the file's name when empty.
        batch: how many rows calls will have; only backends that compile for a size look at it.

    Raises:
        ConfigError: no such backend, or no sensible number of threads.
        MissingExtraError: the backend's package or device is missing.
        ModelError: the file is missing, empty, or no network the backend can read.
    """
    file = Path(path)
    name = card_name or file.name
    if threads < 1:
        raise ConfigError(f"model '{name}': threads must be 1 or more (got {threads})")
    if backend != "auto" and backend not in BACKENDS:
        known = ", ".join(["auto", *BACKENDS])
        raise ConfigError(f"model '{name}': no backend is called '{backend}'; there are: {known}")
    _check_file(file, name)
    if backend != "auto":
        return _opener(backend)(file, threads=threads, card_name=name, batch=batch)
    session = _open_best(file, threads, name, batch)
    log.info("model '%s': backend 'auto' is %s", name, session.label)
    return session


def why_not(backend: str) -> str:
    """Why a backend of the table cannot be used on this machine, as far as is known without opening it.

    Returns:
        A clause with the remedy; empty where nothing speaks against it.
    """
    row = BACKENDS[backend]
    if row.needs_gpu and not has_gpu():
        return f"backend '{backend}' needs an NVIDIA GPU, and there is no driver that finds one; use 'auto'"
    if find_spec(row.package) is None:
        return f"backend '{backend}' needs the package '{row.package}'; pip install '{row.install}'"
    return ""


def _open_best(file: Path, threads: int, name: str, batch: Batch | None) -> Session:
    """The first of :data:`AUTO` that really opens; why others did not is logged, a line each."""
    *candidates, last = ("torch",) if file.suffix in TORCH_SUFFIXES else AUTO
    gpu = has_gpu() if candidates else False
    for candidate in candidates:
        try:
            if BACKENDS[candidate].needs_gpu and not gpu:
                raise MissingExtraError("there is no NVIDIA driver here, or it finds no GPU")
            return _opener(candidate)(file, threads=threads, card_name=name, batch=batch)
        except MissingExtraError as error:
            log.debug("model '%s': backend 'auto' passes over '%s': %s", name, candidate, error)
        except StartError as error:
            log.warning("model '%s': backend 'auto' passes over '%s': %s", name, candidate, error)
    return _opener(last)(file, threads=threads, card_name=name, batch=batch)


def _check_file(file: Path, name: str) -> None:
    """Refuse what no backend could read, with a better message than a backend's."""
    try:
        size_bytes = file.stat().st_size
    except FileNotFoundError:
        raise ModelError(f"model '{name}': there is no file {file}") from None
    except OSError as error:
        raise ModelError(f"model '{name}': cannot read {file}: {error.strerror}") from None
    if not file.is_file():
        raise ModelError(f"model '{name}': {file} is not a file")
    if size_bytes == 0:
        raise ModelError(f"model '{name}': {file} is empty (0 bytes); copy or pull it again")


def _opener(backend: str) -> Callable[..., Session]:
    """The backend's class, imported now; MissingExtraError when a package it needs is not there."""
    row = BACKENDS[backend]
    module, _, attribute = row.target.partition(":")
    try:
        opener = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not missing or missing.split(".")[0] == "edge":
            raise  # a mistake of ours, not a missing package
        raise MissingExtraError(
            f"backend '{backend}' needs the package '{missing}'; pip install '{row.install}'"
        ) from None
    return cast(Callable[..., Session], opener)
