"""From a trained torch network to an ONNX file that the backends open."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

__all__ = ["export_onnx"]

_OPSET = 17


def export_onnx(
    net: nn.Module, file: Path, *, input_name: str, output_name: str, height_px: int, width_px: int
) -> None:
    """Write a network of one picture input and one output; its batch is free.

    Args:
        net: takes float (n, 3, height, width); put into evaluation mode.
        file: the ``.onnx``; replaced when it is complete.
        input_name: the input's name in the graph.
        output_name: the output's.
        height_px: fixed height of the pictures.
        width_px: fixed width.
    """
    part = file.with_name(f".{file.name}.part")
    with warnings.catch_warnings():
        # The exporter that writes one file with its weights inside is the older one, and says so.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval().cpu(),
            (torch.zeros(1, 3, height_px, width_px),),
            str(part),
            input_names=[input_name],
            output_names=[output_name],
            dynamic_axes={input_name: {0: "batch"}, output_name: {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    part.replace(file)
