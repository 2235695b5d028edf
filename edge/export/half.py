"""Half precision inside the graph, so that every runtime computes with the same numbers.

The converter is ONNX Runtime's own, which comes with every installation of it. It leaves operators that lose
too much, or do not exist in half precision, in float32 between two casts, and clips weights into range.
"""

from __future__ import annotations

import warnings

import onnx

from edge.errors import ExportError

__all__ = ["to_half"]


def to_half(model: onnx.ModelProto, *, half_io: bool = False) -> onnx.ModelProto:
    """The same graph, computed in float16.

    Args:
        model: in float32.
        half_io: inputs and outputs too; else they stay as they are, between casts.

    Raises:
        ExportError: the converter cannot do it.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "truncated to …": numbers below half's smallest, as asked for
            half: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=not half_io)
    except (ValueError, RuntimeError, KeyError) as error:
        raise ExportError(f"the graph cannot be turned to float16: {' '.join(str(error).split())}") from None
    return half
