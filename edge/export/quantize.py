"""INT8 inside the graph, as pairs of QuantizeLinear and DequantizeLinear, by ONNX Runtime's static quantizer.

One graph serves every runtime: activations are symmetric (TensorRT knows no zero point), weights have a scale
per channel, biases stay float (TensorRT takes no int32 ones). Weights use seven bits: without VNNI, an x86
processor adds two products in 16 bits, which eight bits overflow without a word; on demo-reid that cost nine
points of mAP.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.config.card import ModelCard
from edge.errors import ExportError
from edge.export.graphs import read_graph, share_constants, shorten_names, with_opset, write_graph

__all__ = ["quantize"]

Array = NDArray[np.generic]

# Operators with weights: all the size, and nearly all the work.
WEIGHTED = ("Conv", "MatMul", "Gemm")


def quantize(
    model: onnx.ModelProto, card: ModelCard, batches: Iterable[Array], *, only_weighted: bool = False
) -> onnx.ModelProto:
    """The same graph with Q/DQ pairs.

    Args:
        model: in float32.
        card: names its input and task.
        batches: inputs as the network takes them, of pictures like those it will see: they decide the ranges.
        only_weighted: leave everything but :data:`WEIGHTED` in float32: sums and gates between layers, and a
            detector's last layers, which compute pixels, for which 255 steps are too few.

    Raises:
        ExportError: the quantizer cannot do it.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds: Iterator[dict[str, Array]] = ({card.input.name: batch} for batch in batches)

        def get_next(self) -> dict[str, Array] | None:
            return next(self._feeds, None)

    log, level = logging.getLogger(), logging.getLogger().level
    with tempfile.TemporaryDirectory() as name:
        source, ready, done = (Path(name) / f"{part}.onnx" for part in ("source", "ready", "done"))
        write_graph(with_opset(model), source)
        try:
            log.setLevel(logging.ERROR)  # the quantizer advises its users on the root logger
            quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
            quantize_static(
                str(ready),
                str(done),
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QInt8,
                op_types_to_quantize=list(WEIGHTED) if only_weighted else None,
                extra_options={
                    "ActivationSymmetric": True,
                    "QuantizeBias": False,
                    "QDQDisableWeightAdjustForInt32Bias": True,
                },
            )
        except (ValueError, RuntimeError, KeyError, IndexError, TypeError) as error:
            text = " ".join(str(error).split())
            raise ExportError(f"model '{card.name}' cannot be quantized: {text}") from None
        finally:
            log.setLevel(level)
        quantized = read_graph(done)
    share_constants(quantized)
    shorten_names(quantized)
    if not any(node.op_type == "QuantizeLinear" for node in quantized.graph.node):
        raise ExportError(f"model '{card.name}' has no layer that could be computed in INT8")
    return quantized
