"""An ONNX graph as a torch network, for the operators that the project's model cards use.

Shapes that the graph computes stay plain Python numbers, so that the network can be compiled, and runs in any
batch. An operator that is not here is named when the graph is read, not when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from edge.errors import ModelError

__all__ = ["OnnxNet", "read_onnx_net"]

# A tensor, or numbers that say a shape.
Value = Any
Attributes = dict[str, Any]
Operator = Callable[[list[Value], Attributes], Value]

_DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
_SHAPE_NUMBERS_MAX = 16


class OnnxNet(nn.Module):
    """A graph of :data:`OPERATORS`.

    Args:
        model: the graph, with its weights inside.
        name: for messages.

    Raises:
        ModelError: names the operators that are not known here.
    """

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        super().__init__()
        missing = sorted({node.op_type for node in model.graph.node if node.op_type not in OPERATORS})
        if missing:
            raise ModelError(
                f"model '{name}': the torch backend has no operator {', '.join(missing)}; use backend "
                "'onnxruntime', or export the network from torch"
            )
        self._shapes: dict[str, Value] = {}
        self._tensors: dict[str, str] = {}
        for number, tensor in enumerate(model.graph.initializer):
            self._keep(tensor.name, numpy_helper.to_array(tensor), number)
        self._steps: list[tuple[Operator, list[str], list[str], Attributes]] = []
        for number, node in enumerate(model.graph.node):
            attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            if node.op_type == "Constant":
                self._keep(node.output[0], numpy_helper.to_array(attributes["value"]), f"c{number}")
                continue
            attributes["_outputs"] = len(node.output)
            self._steps.append((OPERATORS[node.op_type], list(node.input), list(node.output), attributes))
        constants = {tensor.name for tensor in model.graph.initializer}
        self.input_names = [port.name for port in model.graph.input if port.name not in constants]
        self.output_names = [port.name for port in model.graph.output]

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the graph's order, of the inputs in the graph's order."""
        values: dict[str, Value] = dict(self._shapes)
        values[""] = None
        for name, key in self._tensors.items():
            values[name] = self.get_buffer(key)
        values.update(zip(self.input_names, given, strict=True))
        for operator, inputs, outputs, attributes in self._steps:
            result = operator([values[name] for name in inputs], attributes)
            if len(outputs) == 1:
                values[outputs[0]] = result
            else:
                values.update(zip(outputs, result, strict=False))
        return tuple(values[name] for name in self.output_names)

    def _keep(self, name: str, array: np.ndarray[Any, Any], number: int | str) -> None:
        """A constant: numbers of a shape as they are, everything else as a buffer."""
        if array.dtype == np.int64 and array.ndim <= 1 and array.size <= _SHAPE_NUMBERS_MAX:
            self._shapes[name] = array.tolist()
            return
        key = f"w{number}"
        self.register_buffer(key, torch.from_numpy(array.copy()))
        self._tensors[name] = key


def read_onnx_net(path: Path, name: str) -> tuple[OnnxNet, onnx.ModelProto]:
    """Read a graph; returns the network, and the graph for its ports.

    Raises:
        ModelError: no ONNX file, or operators that are not known here.
    """
    try:
        model = onnx.load(str(path))
    except Exception as error:
        if type(error).__name__ != "DecodeError" and not isinstance(error, OSError | ValueError):
            raise
        raise ModelError(
            f"model '{name}': torch backend cannot open {path}: it is no whole ONNX file"
        ) from None
    if not model.graph.node:
        raise ModelError(f"model '{name}': torch backend cannot open {path}: it holds no graph")
    return OnnxNet(model, name).eval().requires_grad_(False), model


def _numbers(value: Value) -> list[int]:
    """Numbers of a shape, of whatever they are kept in."""
    if isinstance(value, Tensor):
        return [int(one) for one in value.reshape(-1).tolist()]
    return list(value) if isinstance(value, list) else [value]


def _tensor(value: Value, like: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, device=like.device)


def _binary(apply: Callable[[Any, Any], Any]) -> Operator:
    def run(values: list[Value], _: Attributes) -> Value:
        one, other = values
        if isinstance(one, list) and isinstance(other, list):
            longer = max(len(one), len(other))
            pairs = zip(one * (longer // len(one)), other * (longer // len(other)), strict=True)
            return [int(apply(a, b)) for a, b in pairs]
        if not isinstance(one, Tensor) and not isinstance(other, Tensor):
            return int(apply(one, other))
        like = one if isinstance(one, Tensor) else other
        return apply(_tensor(one, like), _tensor(other, like))

    return run


def _padded(
    x: Tensor, attributes: Attributes, kernel: Sequence[int], fill: float
) -> tuple[Tensor, list[int]]:
    """The input padded where the two sides differ, and the padding that torch can do itself."""
    spatial = x.dim() - 2
    pads = list(attributes.get("pads", [0] * (2 * spatial)))
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        strides = attributes.get("strides", [1] * spatial)
        pads = [0] * (2 * spatial)
        for axis in range(spatial):
            size = x.shape[2 + axis]
            total = max((-(-size // strides[axis]) - 1) * strides[axis] + kernel[axis] - size, 0)
            small, large = total // 2, total - total // 2
            first, last = (small, large) if auto == "SAME_UPPER" else (large, small)
            pads[axis], pads[axis + spatial] = first, last
    if pads[:spatial] == pads[spatial:]:
        return x, pads[:spatial]
    both = [pad for axis in reversed(range(spatial)) for pad in (pads[axis], pads[axis + spatial])]
    return functional.pad(x, both, value=fill), [0] * spatial


def _conv(values: list[Value], attributes: Attributes) -> Tensor:
    x, weight = values[0], values[1]
    bias = values[2] if len(values) > 2 else None
    x, pads = _padded(x, attributes, weight.shape[2:], 0.0)
    ones = [1] * (x.dim() - 2)
    return functional.conv2d(
        x,
        weight,
        bias,
        attributes.get("strides", ones),
        pads,
        attributes.get("dilations", ones),
        attributes.get("group", 1),
    )


def _max_pool(values: list[Value], attributes: Attributes) -> Tensor:
    kernel = attributes["kernel_shape"]
    x, pads = _padded(values[0], attributes, kernel, float("-inf"))
    strides = attributes.get("strides", [1] * len(kernel))
    return functional.max_pool2d(x, kernel, strides, pads, ceil_mode=bool(attributes.get("ceil_mode", 0)))


def _average_pool(values: list[Value], attributes: Attributes) -> Tensor:
    kernel = attributes["kernel_shape"]
    counted = bool(attributes.get("count_include_pad", 0))
    x, pads = _padded(values[0], attributes, kernel, 0.0)
    strides = attributes.get("strides", [1] * len(kernel))
    ceil = bool(attributes.get("ceil_mode", 0))
    return functional.avg_pool2d(x, kernel, strides, pads, ceil_mode=ceil, count_include_pad=counted)


def _gather(values: list[Value], attributes: Attributes) -> Value:
    data, index = values
    axis = attributes.get("axis", 0)
    if isinstance(data, list):
        return [data[one] for one in index] if isinstance(index, list) else data[int(index)]
    if isinstance(index, int):
        return data.select(axis, index)
    rows = _tensor(index, data)
    picked = data.index_select(axis, rows.reshape(-1))
    return picked.unflatten(axis, tuple(rows.shape)) if rows.dim() > 1 else picked


def _axes(values: list[Value], attributes: Attributes) -> list[int] | None:
    if len(values) > 1 and values[1] is not None:
        return _numbers(values[1])
    return list(attributes["axes"]) if "axes" in attributes else None


def _unsqueeze(values: list[Value], attributes: Attributes) -> Value:
    data = values[0]
    if not isinstance(data, Tensor):
        return data if isinstance(data, list) else [data]
    for axis in sorted(_axes(values, attributes) or []):
        data = data.unsqueeze(axis)
    return data


def _squeeze(values: list[Value], attributes: Attributes) -> Value:
    data, axes = values[0], _axes(values, attributes)
    if isinstance(data, list):
        return data[0]
    return data.squeeze() if axes is None else data.squeeze(tuple(axes))


def _concat(values: list[Value], attributes: Attributes) -> Value:
    if all(not isinstance(value, Tensor) for value in values):
        return [one for value in values for one in (value if isinstance(value, list) else [value])]
    like = next(value for value in values if isinstance(value, Tensor))
    return torch.cat([_tensor(value, like) for value in values], attributes["axis"])


def _reshape(values: list[Value], attributes: Attributes) -> Value:
    x, shape = values[0], _numbers(values[1])
    kept = not attributes.get("allowzero", 0)
    return x.reshape([x.shape[k] if size == 0 and kept else size for k, size in enumerate(shape)])


def _slice(values: list[Value], attributes: Attributes) -> Value:
    data = values[0]
    if "starts" in attributes:
        starts, ends = list(attributes["starts"]), list(attributes["ends"])
        axes, steps = list(attributes.get("axes", range(len(starts)))), [1] * len(starts)
    else:
        starts, ends = _numbers(values[1]), _numbers(values[2])
        given = [_numbers(value) if value is not None else None for value in values[3:]]
        axes = (given[0] if given else None) or list(range(len(starts)))
        steps = (given[1] if len(given) > 1 else None) or [1] * len(starts)
    if isinstance(data, list):
        return data[starts[0] : ends[0] : steps[0]]
    index = [slice(None)] * data.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(start, end, step)
    return data[tuple(index)]


def _split(values: list[Value], attributes: Attributes) -> Value:
    x, axis = values[0], attributes.get("axis", 0)
    sizes = _numbers(values[1]) if len(values) > 1 and values[1] is not None else attributes.get("split")
    return x.split(list(sizes), axis) if sizes else x.chunk(attributes["_outputs"], axis)


def _reduce(apply: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    def run(values: list[Value], attributes: Attributes) -> Tensor:
        axes = _axes(values, attributes)
        keep = bool(attributes.get("keepdims", 1))
        return apply(values[0], list(range(values[0].dim())) if axes is None else axes, keep)

    return run


def _gemm(values: list[Value], attributes: Attributes) -> Value:
    one, other = values[0], values[1]
    one = one.T if attributes.get("transA", 0) else one
    other = other.T if attributes.get("transB", 0) else other
    product = (one @ other) * attributes.get("alpha", 1.0)
    return product + values[2] * attributes.get("beta", 1.0) if len(values) > 2 else product


def _prelu(values: list[Value], _: Attributes) -> Tensor:
    x, slope = values
    return torch.where(x < 0, x * slope, x)


def _clip(values: list[Value], attributes: Attributes) -> Tensor:
    low, high = (values[k] if len(values) > k else None for k in (1, 2))
    low, high = attributes.get("min", low), attributes.get("max", high)
    like = values[0]
    return torch.clamp(
        like, None if low is None else _tensor(low, like), None if high is None else _tensor(high, like)
    )


def _resize(values: list[Value], attributes: Attributes) -> Tensor:
    x = values[0]
    size: list[int]
    if len(values) > 3 and values[3] is not None:
        size = _numbers(values[3])[2:]
    else:
        scales = values[2].tolist() if isinstance(values[2], Tensor) else list(values[2])
        size = [int(side * scale) for side, scale in zip(x.shape[2:], scales[2:], strict=True)]
    mode = attributes.get("mode", b"nearest").decode()
    way = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    if mode == "linear" and way in ("half_pixel", "pytorch_half_pixel"):
        return functional.interpolate(x, size, mode="bilinear", align_corners=False)
    whole = all(new % old == 0 for new, old in zip(size, x.shape[2:], strict=True))
    if mode == "nearest" and whole:  # every way of rounding gives the same there
        return functional.interpolate(x, size, mode="nearest")
    raise ModelError(f"the torch backend cannot resize with mode '{mode}' and '{way}'")


def _batch_norm(values: list[Value], attributes: Attributes) -> Tensor:
    x, weight, bias, mean, variance = values[:5]
    return functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def _flatten(values: list[Value], attributes: Attributes) -> Value:
    x, axis = values[0], attributes.get("axis", 1)
    return x.flatten(axis) if axis == 1 else x.reshape(int(np.prod(x.shape[:axis])), -1)


def _quantize(values: list[Value], attributes: Attributes) -> Value:
    x, scale, zero = values
    low, high = (-128, 127) if zero.dtype == torch.int8 else (0, 255)
    return (torch.round(x / scale) + zero).clamp(low, high).to(zero.dtype)


def _dequantize(values: list[Value], attributes: Attributes) -> Value:
    x, scale = values[0], values[1]
    zero = values[2].to(torch.float32) if len(values) > 2 else torch.zeros_like(scale)
    if scale.dim() == 1 and scale.numel() > 1:
        shape = [1] * x.dim()
        shape[attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (x.to(torch.float32) - zero) * scale


def _softmax(values: list[Value], attributes: Attributes) -> Tensor:
    return functional.softmax(values[0], attributes.get("axis", -1))


def _cast(values: list[Value], attributes: Attributes) -> Value:
    return values[0].to(_DTYPES[attributes["to"]]) if isinstance(values[0], Tensor) else values[0]


OPERATORS: dict[str, Operator] = {
    "Add": _binary(lambda a, b: a + b),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": lambda values, _: values,
    "Conv": _conv,
    "DequantizeLinear": _dequantize,
    "Div": _binary(lambda a, b: a / b),
    "Elu": lambda values, at: functional.elu(values[0], at.get("alpha", 1.0)),
    "Exp": lambda values, _: values[0].exp(),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda values, _: values[0].mean((2, 3), keepdim=True),
    "Identity": lambda values, _: values[0] + 0 if isinstance(values[0], Tensor) else values[0],
    "MatMul": lambda values, _: values[0] @ values[1],
    "MaxPool": _max_pool,
    "Mul": _binary(lambda a, b: a * b),
    "PRelu": _prelu,
    "QuantizeLinear": _quantize,
    "ReduceMax": _reduce(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMean": _reduce(lambda x, axes, keep: x.mean(axes, keep)),
    "Relu": lambda values, _: values[0].relu(),
    "Reshape": _reshape,
    "Resize": _resize,
    "Round": lambda values, _: values[0].round(),
    "Shape": lambda values, _: list(values[0].shape),
    "Sigmoid": lambda values, _: values[0].sigmoid(),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": lambda values, _: values[0].sqrt(),
    "Squeeze": _squeeze,
    "Sub": _binary(lambda a, b: a - b),
    "Transpose": lambda values, at: values[0].permute(*at["perm"]),
    "Unsqueeze": _unsqueeze,
}
