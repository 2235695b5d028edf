"""Sessions of torch, eager or compiled: a graph's operators one by one, or TransReID from its own weights.

On a GPU where there is one, else on the CPU. Compiled, a network is measured in by the first calls of each
batch size, and on a GPU replayed as a CUDA graph afterwards.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.dlpack import from_dlpack

from edge.backends.session import Batch, DeviceArray, Port, Ported
from edge.errors import MissingExtraError, ModelError, RunError

__all__ = ["TorchCompiledSession", "TorchSession"]

Array = NDArray[np.generic]

STATE_SUFFIXES = (".pth", ".safetensors")
TRANSREID_PORTS = ("pictures", "embedding")


class TorchSession(Ported):
    """A network run by torch.

    Args:
        path: an ``.onnx`` file, or ``transformer_20.pth``.
        threads: threads torch may use on the CPU, for this and every other network of the process.
        card_name: the model's name, for messages.
        batch: not used; it takes any number of rows.

    Raises:
        ModelError: the file is no network, or has an operator that is not known here.
    """

    compiled: ClassVar[bool] = False

    def __init__(
        self, path: Path, *, threads: int = 1, card_name: str = "", batch: Batch | None = None
    ) -> None:
        self._name = card_name or path.name
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self._device.type == "cpu":
            torch.set_num_threads(threads)
        net, self._inputs, self._outputs = _read(path, self._name)
        net = net.to(self._device)
        self._net: Any = net
        self._met: set[tuple[tuple[int, ...], ...]] = set()
        if self.compiled:
            if self._device.type == "cpu" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
                raise MissingExtraError(
                    f"model '{self._name}': torch compiles for a CPU with a C++ compiler, and there is none; "
                    "install one (g++), or use backend 'torch'"
                )
            # Batches of several sizes: each is compiled once, and no more than this many.
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 32)
            mode = "reduce-overhead" if self._device.type == "cuda" else "default"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own modules use what torch deprecates
                self._net = torch.compile(net, mode=mode, dynamic=False)

    @property
    def label(self) -> str:
        """Who computes, where, and in which precision."""
        way = "compiled" if self.compiled else "eager"
        return f"torch {torch.__version__.split('+')[0]} {way}, {self._device.type}, in the graph's precision"

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name; see :meth:`edge.backends.session.Session.run`.

        Raises:
            RunError: a feed is missing or of the wrong type or shape, or the computation failed.
            ValueError: the session is closed.
        """
        self._check_open()
        given = [self._feed(port, feeds.get(port.name)) for port in self._inputs]
        found = self._compute([torch.from_numpy(array).to(self._device) for array in given])
        if self._device.type == "cpu":
            return {name: _apart(array, given) for name, array in found.items()}
        return found

    @property
    def memory(self) -> str:
        """Whose memory :meth:`run_from_device` reads: ``cpu`` or ``cuda``."""
        return str(self._device.type)

    def run_from_device(self, feeds: Mapping[str, DeviceArray]) -> dict[str, Array]:
        """Compute all outputs from inputs on the device; see :class:`edge.backends.session.DeviceSession`.

        Raises:
            RunError: as :meth:`run`.
            ValueError: the session is closed.
        """
        self._check_open()
        tensors = []
        for port in self._inputs:
            given = feeds.get(port.name)
            self._check(port, given)
            tensors.append(from_dlpack(given.owner if given is not None else None))
        found = self._compute(tensors)
        if self._device.type != "cpu":
            return found
        return {name: _apart(array, [one.numpy() for one in tensors]) for name, array in found.items()}

    def _check_open(self) -> None:
        if self._net is None:
            raise ValueError(f"model '{self._name}': run() on a closed session")

    def _compute(self, given: list[torch.Tensor]) -> dict[str, Array]:
        """The network's outputs on the host."""
        try:
            with self._quietly(given), torch.inference_mode():
                found = self._net(*given)
                outputs = found if isinstance(found, tuple) else (found,)
                arrays = [one.cpu().numpy() for one in outputs]
        except (RuntimeError, torch.OutOfMemoryError) as error:
            raise RunError(f"model '{self._name}': torch: {' '.join(str(error).split())[:300]}") from error
        return {port.name: array for port, array in zip(self._outputs, arrays, strict=True)}

    def close(self) -> None:
        """Free the network; calling it again does nothing."""
        self._net = None

    @contextmanager
    def _quietly(self, given: list[torch.Tensor]) -> Iterator[None]:
        """The first call of each size compiles, and warns of torch's own affairs."""
        sizes = tuple(tuple(one.shape) for one in given)
        if not self.compiled or sizes in self._met:
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        self._met.add(sizes)

    def _feed(self, port: Port, array: Array | None) -> Array:
        """An input as torch takes it; RunError where it is not what the network has."""
        self._check(port, array)
        return np.require(array, requirements=("C", "W"))

    def _check(self, port: Port, given: Array | DeviceArray | None) -> None:
        """Raise RunError where an input is not what the network has."""
        if given is None:
            raise RunError(f"model '{self._name}': torch: there is nothing for input '{port.name}'")
        if not port.takes(given):
            raise RunError(
                f"model '{self._name}': torch: input '{port.name}' is {port.dtype} {list(port.shape)}, it "
                f"was given {given.dtype} {list(given.shape)}"
            )


class TorchCompiledSession(TorchSession):
    """A network compiled by torch."""

    compiled: ClassVar[bool] = True


def _apart(array: Array, given: list[Array]) -> Array:
    """The output, copied where it is an input's memory."""
    return array.copy() if any(np.may_share_memory(array, one) for one in given) else array


def _read(path: Path, name: str) -> tuple[torch.nn.Module, tuple[Port, ...], tuple[Port, ...]]:
    """The network and its ports."""
    if path.suffix in STATE_SUFFIXES:
        from edge.nets.checkpoints import load_transreid

        net = load_transreid(path)
        high, wide = net.sizes.picture_px
        source, result = TRANSREID_PORTS
        inputs = (Port(source, (None, 3, high, wide), "float32"),)
        return net, inputs, (Port(result, (None, net.sizes.dim), "float32"),)
    if path.suffix != ".onnx":
        raise ModelError(f"model '{name}': the torch backend opens .onnx, .pth and .safetensors, not {path}")
    from edge.nets.onnx_graph import read_onnx_net

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph_net, model = read_onnx_net(path, name)
    ports = {port.name: _port(port) for port in (*model.graph.input, *model.graph.output)}
    return (
        graph_net,
        tuple(ports[key] for key in graph_net.input_names),
        tuple(ports[key] for key in graph_net.output_names),
    )


def _port(port: Any) -> Port:
    """ONNX's description of an input or output as a :class:`Port`."""
    from onnx import helper

    kind = port.type.tensor_type
    shape = tuple(one.dim_value if one.HasField("dim_value") else None for one in kind.shape.dim)
    return Port(str(port.name), shape, str(np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))))
