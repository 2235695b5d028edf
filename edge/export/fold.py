"""Pre-processing inside the graph: bytes of a picture go in, and colour and scale are layers.

The folded input is uint8 (batch, 3, height, width), blue first, which is a quarter
of the bytes on the way to a device.
Resizing can be folded too where no box has to be mapped back through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge.config.card import CardInput, ModelCard
from edge.errors import ConfigError

__all__ = ["fold", "folded_input"]


def folded_input(card: ModelCard, resize_from_px: tuple[int, int] | None = None) -> CardInput:
    """What the card of a folded graph says of its input.

    Args:
        card: of the network as it is.
        resize_from_px: width and height of the pictures that go in; the network's own unless given.

    Raises:
        ConfigError: resizing cannot be folded into this network.
    """
    spec = card.input
    if spec.dtype == "uint8":
        raise ConfigError(f"model '{card.name}' takes bytes already; leave out --fold")
    width, height = spec.width, spec.height
    if resize_from_px is not None:
        if spec.resize != "stretch":
            raise ConfigError(
                f"model '{card.name}' keeps the aspect ratio ({spec.resize}), so where a picture lies in its "
                "input must be known outside; leave out --fold-resize"
            )
        if card.task == "detect" and card.decoder_options.box_units != "fraction":
            raise ConfigError(
                f"model '{card.name}' gives boxes in pixels of its own input; leave out --fold-resize"
            )
        width, height = resize_from_px
    plain = {"colour": "bgr", "scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "dtype": "uint8"}
    return spec.model_copy(update={**plain, "width": width, "height": height})


def fold(
    model: onnx.ModelProto, card: ModelCard, resize_from_px: tuple[int, int] | None = None
) -> onnx.ModelProto:
    """Put the card's colour order, scale, mean and std (and a resize) in front of the graph.

    Args:
        model: the network; its input is float32.
        card: what it needs.
        resize_from_px: see :func:`folded_input`.

    Raises:
        ConfigError: as above.
    """
    given, spec = folded_input(card, resize_from_px), card.input
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    inner = f"{spec.name}_ready"
    for node in graph.node:
        node.input[:] = [inner if name == spec.name else name for name in node.input]
    factor = np.asarray(spec.scale / np.array(spec.std), np.float32).reshape(1, 3, 1, 1)
    shift = np.asarray(-np.array(spec.mean) / np.array(spec.std), np.float32).reshape(1, 3, 1, 1)
    nodes = [helper.make_node("Cast", [spec.name], ["fold_float"], to=TensorProto.FLOAT)]
    last = "fold_float"
    constants: list[tuple[str, np.ndarray]] = []

    def step(kind: str, name: str, extra: list[tuple[str, np.ndarray]], **attributes: Any) -> None:
        nonlocal last
        nodes.append(helper.make_node(kind, [last, *(key for key, _ in extra)], [name], **attributes))
        constants.extend((key, value) for key, value in extra if key)
        last = name

    if resize_from_px is not None:
        size = np.array([spec.height / given.height, spec.width / given.width], np.float32)
        scales = np.concatenate([np.ones(2, np.float32), size])
        empty = np.zeros(0, np.float32)
        step(
            "Resize",
            "fold_sized",
            [("", empty), ("fold_scales", scales)],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        step("Round", "fold_round", [])  # the pipeline's resize gives bytes
    if spec.colour == "rgb":
        step("Gather", "fold_rgb", [("fold_order", np.array([2, 1, 0], np.int64))], axis=1)
    if not (factor == 1).all():
        step("Mul", "fold_scaled", [("fold_factor", factor)])
    if not (shift == 0).all():
        step("Add", "fold_shifted", [("fold_shift", shift)])
    nodes[-1].output[0] = inner
    for number, node in enumerate(nodes):
        graph.node.insert(number, node)
    graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in constants)
    port = next(one for one in graph.input if one.name == spec.name)
    port.type.tensor_type.elem_type = TensorProto.UINT8
    port.type.tensor_type.shape.dim[2].dim_value = given.height
    port.type.tensor_type.shape.dim[3].dim_value = given.width
    return changed
