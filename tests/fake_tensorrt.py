"""A stand-in for TensorRT's Python module and for a GPU, faithful where the session depends on it.

Nothing put into a stream happens before somebody waits for it; device memory is not host memory; an engine
opens only with the version that built it, and runs only batches of its profile. ONNX Runtime computes it.
Names are those of the compiled bindings of TensorRT 10.3 and 11.4 (see test_tensorrt_names.py), behaviour is
written after their documentation; a real one was never run.
"""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edge.backends.cuda_driver import OutOfDeviceMemory
from edge.errors import RunError

UNSUPPORTED = "NoSuchOperator"


class FakeGpu:
    """A GPU whose memory is a dictionary and whose streams are lists of what is still to be done."""

    def __init__(self, name: str = "Fake 1", capability: str = "8.7", memory_bytes: int = 1 << 30) -> None:
        self.name = name
        self.capability = capability
        self.memory_bytes = memory_bytes
        self.memory: dict[int, bytearray] = {}
        self.pins: list[int] = []
        self.streams: dict[int, list[Callable[[], None]]] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.capturing: list[Callable[[], None]] | None = None
        self.launches = 0
        self._next = 1000

    def _number(self) -> int:
        self._next += 1 << 20
        return self._next

    def free_bytes(self) -> int:
        return self.memory_bytes - sum(map(len, self.memory.values()))

    def allocate(self, size_bytes: int) -> int:
        if size_bytes > self.free_bytes():
            raise OutOfDeviceMemory("CUDA: cuMemAlloc_v2: out of memory (2)")
        address = self._number()
        self.memory[address] = bytearray(size_bytes)
        return address

    def release(self, address: int) -> None:
        del self.memory[address]

    def pinned(self, size_bytes: int) -> np.ndarray:
        memory = np.zeros(size_bytes, np.uint8)
        self.pins.append(memory.ctypes.data)
        return memory

    def release_pinned(self, memory: np.ndarray) -> None:
        self.pins.remove(memory.ctypes.data)

    def stream(self) -> int:
        number = self._number()
        self.streams[number] = []
        return number

    def release_stream(self, stream: int) -> None:
        assert not self.streams.pop(stream), "work was left in the stream"

    def put(self, stream: int, work: Callable[[], None]) -> None:
        (self.streams[stream] if self.capturing is None else self.capturing).append(work)

    def to_device(self, address: int, memory: np.ndarray, size_bytes: int, stream: int) -> None:
        def work() -> None:
            self.memory[address][:size_bytes] = memory[:size_bytes].tobytes()

        self.put(stream, work)

    def to_host(self, memory: np.ndarray, address: int, size_bytes: int, stream: int) -> None:
        def work() -> None:
            memory[:size_bytes] = np.frombuffer(bytes(self.memory[address][:size_bytes]), np.uint8)

        self.put(stream, work)

    def copy(self, address: int, source: int, size_bytes: int, stream: int) -> None:
        def work() -> None:
            (to, at), (begins, first) = self.found(address), self.found(source)
            to[at : at + size_bytes] = begins[first : first + size_bytes]

        self.put(stream, work)

    def found(self, address: int) -> tuple[bytearray, int]:
        """The memory an address lies in, and how far from its beginning."""
        begin = max(one for one in self.memory if one <= address)
        assert address - begin < len(self.memory[begin]), "an address in nobody's memory"
        return self.memory[begin], address - begin

    def wait(self, stream: int) -> None:
        if self.capturing is not None:
            raise RunError(
                "CUDA: cuStreamSynchronize: operation not permitted when stream is capturing (900)"
            )
        todo, self.streams[stream] = self.streams[stream], []
        for work in todo:
            work()

    def begin_capture(self, stream: int) -> None:
        self.capturing = []

    def end_capture(self, stream: int) -> int:
        number = self._number()
        self.graphs[number], self.capturing = self.capturing or [], None
        return number

    def launch(self, graph: int, stream: int) -> None:
        self.launches += 1
        self.streams[stream] += self.graphs[graph]

    def release_graph(self, graph: int) -> None:
        del self.graphs[graph]


def fake_tensorrt(
    gpu: FakeGpu,
    version: str = "10.3.0",
    *,
    room_for: int = 10_000,
    no_gpu: bool = False,
    built: Path | None = None,
    build_s: float = 0.0,
) -> ModuleType:
    """The module ``tensorrt``.

    Args:
        gpu: where engines run.
        version: of TensorRT.
        room_for: builds for larger batches run out of memory.
        no_gpu: Builder is a null pointer, as without a driver.
        built: gets a line for each engine that is built.
        build_s: how long a build takes.
    """
    trt: Any = ModuleType("tensorrt")
    trt.__version__ = version
    major = int(version.split(".")[0])

    class ILogger:
        class Severity(enum.IntEnum):
            INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

        def __init__(self) -> None:
            self.ready = True

    class DataType(enum.Enum):
        FLOAT, HALF, INT8, INT32, BOOL, UINT8, INT64 = range(7)

    class LayerType(enum.Enum):
        OTHER, QUANTIZE = range(2)

    class TensorIOMode(enum.Enum):
        NONE, INPUT, OUTPUT = range(3)

    # Version 11 knows strongly typed networks alone, and explicit batches need no flag.
    builder_flag = enum.IntEnum("BuilderFlag", {} if major >= 11 else {"FP16": 0, "INT8": 1})
    flags = ({} if major >= 11 else {"EXPLICIT_BATCH": 0}) | ({"STRONGLY_TYPED": 1} if major >= 10 else {})
    kinds = {
        "float32": DataType.FLOAT,
        "float16": DataType.HALF,
        "uint8": DataType.UINT8,
        "int64": DataType.INT64,
        "int32": DataType.INT32,
    }

    class Port:
        def __init__(self, port: onnx.ValueInfoProto) -> None:
            kind = port.type.tensor_type
            self.name = port.name
            self.shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
            self.dtype = kinds[str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))]

    class Layer:
        def __init__(self, node: onnx.NodeProto, half: bool) -> None:
            self.type = LayerType.QUANTIZE if node.op_type == "QuantizeLinear" else LayerType.OTHER
            self.num_outputs = 1
            self._half = half

        def get_output(self, index: int) -> Any:
            return type("Tensor", (), {"dtype": DataType.HALF if self._half else DataType.FLOAT})()

    class Network:
        def __init__(self, flag_bits: int) -> None:
            self.strong = bool(flag_bits & 2)
            self.model: onnx.ModelProto | None = None

        @property
        def num_inputs(self) -> int:
            return len(self.model.graph.input)

        def get_input(self, index: int) -> Port:
            return Port(self.model.graph.input[index])

        @property
        def num_layers(self) -> int:
            return len(self.model.graph.node)

        def get_layer(self, index: int) -> Layer:
            half = any(one.data_type == onnx.TensorProto.FLOAT16 for one in self.model.graph.initializer)
            return Layer(self.model.graph.node[index], half)

    class ParserError:
        def __init__(self, text: str, operator: str) -> None:
            self._text, self._operator = text, operator
            if major >= 10:
                self.node_operator = lambda: operator

        def desc(self) -> str:
            return self._text

    class OnnxParser:
        def __init__(self, network: Network, logger: ILogger) -> None:
            self._network, self._errors = network, []

        def parse_from_file(self, path: str) -> bool:
            try:
                model = onnx.load(path)
            except Exception:  # noqa: BLE001  whatever protobuf says
                self._errors.append(ParserError("Failed to parse the model", ""))
                return False
            for node in model.graph.node:
                if node.op_type == UNSUPPORTED:
                    text = f"In node 0 ({node.op_type}): No importer registered for op: {node.op_type}."
                    self._errors.append(ParserError(text, node.op_type))
            self._network.model = model
            return not self._errors

        @property
        def num_errors(self) -> int:
            return len(self._errors)

        def get_error(self, index: int) -> ParserError:
            return self._errors[index]

    class Profile:
        def __init__(self) -> None:
            self.shapes: dict[str, list[tuple[int, ...]]] = {}

        def set_shape(self, name: str, least: Any, opt: Any, most: Any) -> None:
            self.shapes[name] = [tuple(least), tuple(opt), tuple(most)]

    class TimingCache:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def serialize(self) -> bytes:
            return self.content + b"measured;"

    class Config:
        def __init__(self) -> None:
            self.flags: set[int] = set()
            self.profile: Profile | None = None
            self.timings = TimingCache(b"")

        def set_flag(self, flag: int) -> None:
            self.flags.add(int(flag))

        def add_optimization_profile(self, profile: Profile) -> None:
            self.profile = profile

        def create_timing_cache(self, content: bytes) -> TimingCache:
            return TimingCache(content)

        def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> None:
            self.timings = cache

        def get_timing_cache(self) -> TimingCache:
            return self.timings

    class Builder:
        def __init__(self, logger: ILogger) -> None:
            if no_gpu:
                raise TypeError("pybind11::init(): factory function returned nullptr")
            assert logger.ready, "ILogger.__init__ was not called"
            self._logger = logger

        def create_network(self, flag_bits: int = 0) -> Network:
            return Network(flag_bits)

        def create_builder_config(self) -> Config:
            return Config()

        def create_optimization_profile(self) -> Profile:
            return Profile()

        def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
            if built is not None:
                with built.open("a") as file:
                    file.write(f"{os.getpid()} {sorted(config.flags)} strong={network.strong}\n")
            time.sleep(build_s)
            most = max((shapes[2][0] for shapes in config.profile.shapes.values()), default=1)
            if most > room_for:
                self._logger.log(
                    ILogger.Severity.ERROR, "[virtualMemoryBuffer.cpp] Error Code 2: OutOfMemory"
                )
                return None
            head = {"version": version, "gpu": gpu.name, "profile": config.profile.shapes}
            return json.dumps(head).encode() + b"\n" + network.model.SerializeToString()

    class Context:
        def __init__(self, engine: Engine) -> None:
            self._engine = engine
            self._shapes: dict[str, tuple[int, ...]] = {}
            self._addresses: dict[str, int] = {}

        def set_input_shape(self, name: str, shape: Any) -> bool:
            least, _, most = self._engine.profile[name]
            fits = all(a <= s <= b for a, s, b in zip(least, shape, most, strict=True))
            if fits:
                self._shapes[name] = tuple(shape)
            return fits

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            own = self._engine.get_tensor_shape(name)
            rows = next(iter(self._shapes.values()), (-1,))[0]
            return self._shapes.get(name, (rows, *own[1:]) if own and own[0] < 0 else own)

        def set_tensor_address(self, name: str, address: int) -> bool:
            self._addresses[name] = address
            return True

        def execute_async_v3(self, stream: int) -> bool:
            engine = self._engine
            shapes = {name: self.get_tensor_shape(name) for name in engine.names}
            if any(size < 0 for shape in shapes.values() for size in shape):
                engine.logger.log(
                    ILogger.Severity.ERROR, "IExecutionContext::enqueueV3: input shape is not set"
                )
                return False

            def work() -> None:
                feeds = {}
                for name in engine.inputs:
                    dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
                    size = int(np.prod(shapes[name])) * dtype.itemsize
                    raw = bytes(gpu.memory[self._addresses[name]][:size])
                    feeds[name] = np.frombuffer(raw, dtype).reshape(shapes[name])
                for name, array in zip(
                    engine.outputs, engine.session.run(engine.outputs, feeds), strict=True
                ):
                    raw = np.ascontiguousarray(array).tobytes()
                    gpu.memory[self._addresses[name]][: len(raw)] = raw

            gpu.put(stream, work)
            return True

    class Engine:
        def __init__(self, blob: bytes, logger: ILogger) -> None:
            head, _, graph = blob.partition(b"\n")
            self.profile = json.loads(head)["profile"]
            self.model = onnx.ModelProto.FromString(graph)
            self.logger = logger
            self.session = onnxruntime.InferenceSession(graph)
            self.inputs = [port.name for port in self.model.graph.input]
            self.outputs = [port.name for port in self.model.graph.output]
            self.names = [*self.inputs, *self.outputs]
            self._ports = {p.name: Port(p) for p in (*self.model.graph.input, *self.model.graph.output)}
            self.num_io_tensors = len(self.names)

        def get_tensor_name(self, index: int) -> str:
            return self.names[index]

        def get_tensor_mode(self, name: str) -> TensorIOMode:
            return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return self._ports[name].shape

        def get_tensor_dtype(self, name: str) -> DataType:
            return self._ports[name].dtype

        def create_execution_context(self) -> Context | None:
            return Context(self)

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, blob: bytes) -> Engine | None:
            head = json.loads(blob.partition(b"\n")[0])
            if head["version"] != version or head["gpu"] != gpu.name:
                self._logger.log(
                    ILogger.Severity.ERROR, "The engine plan file is not compatible with this version"
                )
                return None
            return Engine(blob, self._logger)

    trt.ILogger, trt.DataType, trt.LayerType, trt.TensorIOMode = ILogger, DataType, LayerType, TensorIOMode
    trt.BuilderFlag, trt.OnnxParser, trt.Builder, trt.Runtime = builder_flag, OnnxParser, Builder, Runtime
    trt.NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", flags)
    names = {kind: dtype for dtype, kind in kinds.items()}
    trt.nptype = lambda kind: np.dtype(names[kind]).type
    return trt
