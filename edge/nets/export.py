"""From a trained torch network to an ONNX file that the backends open."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from edge.errors import ExportError

__all__ = ["export_onnx", "trace_onnx"]

_OPSET = 17
_UNSUPPORTED = re.compile(
    r"operator '?(?P<name>[\w:.]+)'? to ONNX|[Uu]nsupported:? ONNX export of operator (?P<other>\S+?)[,.\s]"
)


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
    trace_onnx(
        net,
        file,
        (torch.zeros(1, 3, height_px, width_px),),
        inputs=[input_name],
        outputs=[output_name],
        free={input_name: {0: "batch"}, output_name: {0: "batch"}},
    )


def trace_onnx(
    net: nn.Module,
    file: Path,
    given: Sequence[torch.Tensor],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a network of any inputs.

    Args:
        net: put into evaluation mode, on the CPU.
        file: the ``.onnx``; replaced when it is complete.
        given: inputs to trace it with, in order.
        inputs: their names.
        outputs: names of what it returns.
        free: for a name, which dimensions may vary, and what they are called.

    Raises:
        ExportError: the network uses an operator that ONNX has not; it is named.
    """
    part = file.with_name(f".{file.name}.part")
    name = type(net).__name__
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The exporter that writes one file with its weights inside is the older one, and says so.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Positional(net).eval().cpu(),  # the exporter leaves it in the mode it finds it in
                tuple(given),
                str(part),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(axes) for name, axes in free.items()},
                opset_version=_OPSET,
                dynamo=False,
            )
        part.replace(file)
    except torch.onnx.errors.OnnxExporterError as error:
        text = " ".join(str(error).split())
        found = _UNSUPPORTED.search(text)
        operator = (found["name"] or found["other"]) if found else ""
        reason = f"operator '{operator}' does not exist in ONNX opset {_OPSET}" if operator else text[:200]
        raise ExportError(f"{name} cannot be exported: {reason}") from None
    finally:
        part.unlink(missing_ok=True)


class _Positional(nn.Module):
    """Calls a network with what it is given: the exporter would fill in keyword-only arguments too."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.net(*given)
        return out
