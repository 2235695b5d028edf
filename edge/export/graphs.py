"""ONNX graphs as data: reading, writing, and the changes that leave what they compute alone."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import numpy_helper, version_converter

from edge.errors import ExportError, ModelError, OutputError

__all__ = [
    "OPSET_MIN",
    "fix_batch",
    "free_batch",
    "has_free_batch",
    "operators",
    "read_graph",
    "share_constants",
    "shorten_names",
    "with_opset",
    "write_graph",
]

OPSET_MIN = 13  # the first with scales per channel in DequantizeLinear
_EXTERNAL_FROM_BYTES = 1_900_000_000  # protobuf ends at 2 GiB


def read_graph(path: Path) -> onnx.ModelProto:
    """Read a graph with its weights, also where these lie in a second file.

    Raises:
        ModelError: no such file, or no ONNX.
    """
    try:
        model = onnx.load(str(path))
        known = bool(model.graph.node) and bool(model.opset_import)
    except (OSError, ValueError, onnx.onnx_cpp2py_export.checker.ValidationError) as error:
        raise ModelError(f"'{path}' cannot be read as ONNX: {_one_line(error)}") from None
    except Exception as error:  # protobuf's DecodeError, whose place differs between its releases
        if type(error).__name__ != "DecodeError":
            raise
        raise ModelError(f"'{path}' is no ONNX file, or only a part of one; copy or pull it again") from None
    if not known:
        raise ModelError(f"'{path}' is an ONNX file without a graph")
    return model


def write_graph(model: onnx.ModelProto, path: Path) -> int:
    """Write a graph under its name once it is complete; weights beyond protobuf's limit go beside it.

    Returns:
        Bytes written.

    Raises:
        OutputError: the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if model.ByteSize() < _EXTERNAL_FROM_BYTES:
            part.write_bytes(model.SerializeToString())
        else:
            data = f"{path.name}.data"
            (path.parent / data).unlink(missing_ok=True)
            onnx.save_model(model, str(part), save_as_external_data=True, location=data)
        part.replace(path)
        beside = path.with_name(f"{path.name}.data")
        return path.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)
    except OSError as error:
        raise OutputError(f"cannot write '{path}': {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def operators(model: onnx.ModelProto) -> dict[str, int]:
    """How often each operator is there, those of other domains as ``domain.name``."""
    names = (f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in model.graph.node)
    return dict(sorted(Counter(names).items()))


def with_opset(model: onnx.ModelProto, least: int = OPSET_MIN) -> onnx.ModelProto:
    """The same graph in an operator set of at least this version.

    Raises:
        ExportError: an operator has no counterpart there.
    """
    own = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if own >= least:
        return model
    try:
        return version_converter.convert_version(model, least)
    except (RuntimeError, ValueError) as error:
        raise ExportError(
            f"the graph cannot be raised from opset {own} to {least}: {_one_line(error)}"
        ) from None


def has_free_batch(model: onnx.ModelProto, name: str) -> bool:
    """Whether the first dimension of an input may vary."""
    port = next(one for one in model.graph.input if one.name == name)
    return not port.type.tensor_type.shape.dim[0].HasField("dim_value")


def free_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let the batch vary: the first dimension of every input and output, and of constant shapes.

    A constant target shape that begins with the old batch copies the dimension instead. Whether the graph
    then computes rows one by one is for :func:`edge.export.parity.check_rows` to find out.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    old = next((port.type.tensor_type.shape.dim[0].dim_value for port in graph.input), 1)
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if len(shape) > 1 and shape[0] == old:
            shape[0] = 0  # "as in the input"
            name = f"{node.input[1]}_free_{node.output[0]}"
            graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name
    for port in (*graph.input, *graph.output):
        port.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    return changed


def fix_batch(model: onnx.ModelProto, size: int) -> onnx.ModelProto:
    """Fix the batch of every input and output."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for port in (*changed.graph.input, *changed.graph.output):
        port.type.tensor_type.shape.dim[0].dim_value = size
    del changed.graph.value_info[:]
    return changed


def share_constants(model: onnx.ModelProto) -> None:
    """Keep one of several equal constants: a quantized network has the same zero points everywhere."""
    first: dict[tuple[object, ...], str] = {}
    same: dict[str, str] = {}
    kept = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        key = (tensor.data_type, tuple(tensor.dims), array.tobytes())
        if key in first:
            same[tensor.name] = first[key]
        else:
            first[key] = tensor.name
            kept.append(tensor)
    outputs = {port.name for port in model.graph.output}
    if outputs & set(same):
        return
    copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(copies)
    for node in model.graph.node:
        _rename(node.input, [same.get(name, name) for name in node.input])


def shorten_names(model: onnx.ModelProto) -> None:
    """Number tensors and nodes, but for inputs and outputs: names are a tenth of a small network's file."""
    kept = {port.name for port in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {}

    def short(name: str) -> str:
        return name if not name or name in kept else names.setdefault(name, f"t{len(names)}")

    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        return  # names of an inner graph may mean tensors of the outer one
    for tensor in model.graph.initializer:
        tensor.name = short(tensor.name)
    for number, node in enumerate(model.graph.node):
        node.name, node.doc_string = f"n{number}", ""
        _rename(node.input, [short(name) for name in node.input])
        _rename(node.output, [short(name) for name in node.output])
    del model.graph.value_info[:]
    del model.graph.quantization_annotation[:]


def _rename(field: Iterable[str], names: list[str]) -> None:
    field[:] = names  # type: ignore[index]


def _one_line(error: Exception, longest: int = 300) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else text[: longest - 1] + "…"
