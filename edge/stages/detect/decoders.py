"""From a detector's raw outputs to candidate boxes of people, one function per kind of network.

Every decoder filters by score first and computes boxes only for what is left. Numbers that are not finite
never become a box; they are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.config.card import DecoderName, ModelCard
from edge.errors import ModelError

__all__ = ["DECODERS", "Candidates", "Decoder", "decoder_for"]

Array = NDArray[np.generic]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Possible people in one picture; row i of every array is one box.

    boxes_px: float32 (n, 4)  left, top, right, bottom in input pixels; right > left, bottom > top
    scores:   float32 (n,)    at least the asked minimum, at most 1
    not_finite: how many boxes were dropped because a number was NaN or infinite.
    """

    boxes_px: Floats
    scores: Floats
    not_finite: int


Decode = Callable[[Mapping[str, Array], int, ModelCard, float], Candidates]


@dataclass(frozen=True, slots=True)
class Decoder:
    """How one kind of network is read.

    decode: (outputs by name, row in the batch, card, least score) to candidates.
    needs_nms: whether duplicates are still among the candidates.
    """

    decode: Decode
    needs_nms: bool


def decoder_for(card: ModelCard) -> Decoder:
    """The decoder a card names.

    Raises:
        ModelError: the card is not one of a detector.
    """
    decoder = DECODERS.get(card.decoder)
    if decoder is None:
        raise ModelError(
            f"model '{card.name}' (decoder '{card.decoder}') finds no people; "
            "choose a model with task 'detect'"
        )
    return decoder


def _decode_yolox(outputs: Mapping[str, Array], row: int, card: ModelCard, score_min: float) -> Candidates:
    """YOLOX as published: (batch, cells, 5 + classes), boxes relative to their grid cell, in cells.

    Centre = (output + cell) * stride, size = exp(output) * stride, score = objectness * class score.
    """
    options = card.decoder_options
    centres, strides = _grid(card.input.width, card.input.height, options.strides)
    table = _output(outputs, card.boxes_output, card, row, (len(strides), 5 + options.class_count))
    with np.errstate(over="ignore", invalid="ignore"):
        scores = table[:, 4] * table[:, 5 + options.person_class]
        rows, not_finite = _above(scores, score_min)
        raw = table[rows, :4]
        stride = strides[rows, None]
        boxes = _corners((raw[:, :2] + centres[rows]) * stride, np.exp(raw[:, 2:]) * stride)
    return _candidates(boxes, scores[rows], not_finite)


def _decode_yolov8(outputs: Mapping[str, Array], row: int, card: ModelCard, score_min: float) -> Candidates:
    """YOLOv8 and YOLO11 exports: (batch, 4 + classes, boxes), centre and size in input pixels."""
    options = card.decoder_options
    table = _output(outputs, card.boxes_output, card, row, (4 + options.class_count, None))
    scores = table[4 + options.person_class]
    rows, not_finite = _above(scores, score_min)
    raw = table[:4, rows].T
    with np.errstate(over="ignore", invalid="ignore"):
        boxes = _corners(raw[:, :2], raw[:, 2:])
    return _candidates(boxes, scores[rows], not_finite)


def _decode_end2end(outputs: Mapping[str, Array], row: int, card: ModelCard, score_min: float) -> Candidates:
    """Exports with suppression built in: (batch, boxes, 6) of corners in input pixels, score, class."""
    table = _output(outputs, card.boxes_output, card, row, (None, 6))
    of_person = np.rint(table[:, 5]) == card.decoder_options.person_class
    unreadable = int(np.count_nonzero(~np.isfinite(table[:, 5])))
    table = table[of_person]
    rows, not_finite = _above(table[:, 4], score_min)
    return _candidates(table[rows, :4], table[rows, 4], not_finite + unreadable)


def _decode_boxes_scores(
    outputs: Mapping[str, Array], row: int, card: ModelCard, score_min: float
) -> Candidates:
    """Decoded boxes: (batch, n, 4) and scores (batch, n[, classes]), or all in (batch, n, 4 + classes)."""
    options = card.decoder_options
    if options.scores_output is None:
        table = _output(outputs, card.boxes_output, card, row, (None, 4 + options.class_count))
        scores = table[:, 4 + options.person_class]
    else:
        table = _output(outputs, card.boxes_output, card, row, (None, 4))
        scores = _score_column(outputs, options.scores_output, card, row, len(table))
    rows, not_finite = _above(scores, score_min)
    boxes = table[rows, :4]
    with np.errstate(over="ignore", invalid="ignore"):
        if options.box_units == "fraction":
            boxes *= np.array((card.input.width, card.input.height) * 2, dtype=np.float32)
        if options.box_format == "cxcywh":
            boxes = _corners(boxes[:, :2], boxes[:, 2:])
        elif options.box_format == "xywh":
            boxes[:, 2:] += boxes[:, :2]
    return _candidates(boxes, scores[rows], not_finite)


DECODERS: Mapping[DecoderName, Decoder] = {
    "yolox": Decoder(_decode_yolox, needs_nms=True),
    "yolov8": Decoder(_decode_yolov8, needs_nms=True),
    "yolo-end2end": Decoder(_decode_end2end, needs_nms=False),
    "boxes-scores": Decoder(_decode_boxes_scores, needs_nms=True),
}


@lru_cache(maxsize=8)
def _grid(width_px: int, height_px: int, strides: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The cells of all grids, row by row and stride by stride.

    Returns:
        float32 (cells, 2), each cell's column and row; float32 (cells,), its stride in pixels.
    """
    cells: list[Floats] = []
    sizes: list[Floats] = []
    for stride in strides:
        rows, columns = np.mgrid[: height_px // stride, : width_px // stride]
        cells.append(np.stack((columns.ravel(), rows.ravel()), axis=1).astype(np.float32))
        sizes.append(np.full(rows.size, stride, dtype=np.float32))
    return np.concatenate(cells), np.concatenate(sizes)


def _output(
    outputs: Mapping[str, Array], name: str, card: ModelCard, row: int, shape: tuple[int | None, ...]
) -> Floats:
    """One picture's part of an output, as float32, of the given shape (None: any length)."""
    whole = outputs[name]
    fits = whole.ndim == len(shape) + 1 and row < whole.shape[0]
    if not fits or any(want not in (None, got) for want, got in zip(shape, whole.shape[1:], strict=True)):
        expected = ", ".join("*" if want is None else str(want) for want in ("batch", *shape))
        raise ModelError(
            f"model '{card.name}': output '{name}' has shape {list(whole.shape)}, "
            f"decoder '{card.decoder}' reads [{expected}]: correct decoder_options in its card"
        )
    part: Floats = whole[row].astype(np.float32, copy=False)
    return part


def _score_column(outputs: Mapping[str, Array], name: str, card: ModelCard, row: int, count: int) -> Floats:
    """Scores of 'person' for one picture, float32 (count,), from (batch, n) or (batch, n, classes)."""
    if outputs[name].ndim == 2:
        return _output(outputs, name, card, row, (count,))
    options = card.decoder_options
    return _output(outputs, name, card, row, (count, options.class_count))[:, options.person_class]


def _above(scores: Floats, score_min: float) -> tuple[NDArray[np.int64], int]:
    """Rows with at least the least score (infinite ones still among them), and how many scores are NaN."""
    rows = np.flatnonzero(~(scores < np.float32(score_min)))  # NaN is not less than anything
    unknown = np.isnan(scores[rows])
    count = int(np.count_nonzero(unknown))
    return (rows[~unknown], count) if count else (rows, 0)


def _corners(centres: Floats, sizes: Floats) -> Floats:
    """Boxes as corners from centres and sizes, both float32 (n, 2)."""
    half = sizes * np.float32(0.5)
    return np.concatenate((centres - half, centres + half), axis=1)


def _candidates(boxes: Floats, scores: Floats, not_finite: int) -> Candidates:
    """Drop what is not finite (counted) and boxes without an area; scores above 1 become 1."""
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    usable = finite & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    lost = int(np.count_nonzero(~finite))
    if not usable.all():
        boxes, scores = boxes[usable], scores[usable]
    return Candidates(boxes, np.minimum(scores, np.float32(1.0)), not_finite + lost)
