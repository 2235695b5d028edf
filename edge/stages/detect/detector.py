"""The detect stage: frames of any cameras in, people in each of them out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.backends.pictures import Feeder, HostFeeder, Placement
from edge.backends.session import Session
from edge.config.card import ModelCard
from edge.errors import ModelError
from edge.records import Detections, Frame
from edge.stages.detect.decoders import Candidates, decoder_for
from edge.stages.detect.nms import suppress

__all__ = ["Detector"]

_log = logging.getLogger(__name__)

# What is narrower or lower than this after clipping to the frame shows nobody.
_SIDE_MIN_PX = 1.0


class Detector:
    """Finds people in frames with one network.

    Its feeder has a buffer of its own, so one thread at a time may call :meth:`detect`; it starts none
    itself. The session stays the caller's to close.

    Args:
        card: what the network needs and how it is read.
        session: the open network.
        score_min: least score of a box; None takes the card's advice.
        nms_iou: overlap at which the weaker box is suppressed; None takes the card's advice.
        batch_max: most pictures per run of a network whose batch is free; a fixed batch is obeyed.
        feeder: brings the pictures to the session; over the host's memory unless given.

    Raises:
        ModelError: the card is not a detector's; or a number is out of range, or neither given nor advised.
    """

    def __init__(
        self,
        card: ModelCard,
        session: Session,
        score_min: float | None = None,
        nms_iou: float | None = None,
        *,
        batch_max: int = 8,
        feeder: Feeder | None = None,
    ) -> None:
        self._decoder = decoder_for(card)
        self.card = card
        self.score_min = _choose(card, "score_min", score_min, card.score_min)
        self.nms_iou = _choose(card, "nms_iou", nms_iou, card.nms_iou)
        self._fixed_batch = card.batch
        self._batch_max = card.batch if card.batch is not None else max(1, batch_max)
        self._feeder = feeder or HostFeeder(card.input, session, card.batch or 1)
        self._not_finite = 0

    @property
    def not_finite(self) -> int:
        """How many boxes were dropped so far because the network gave NaN or infinity."""
        return self._not_finite

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people in each frame.

        Args:
            frames: any number, of any cameras and sizes.

        Returns:
            One record per frame, in the same order; boxes best first, inside the frame, at least 1 px wide
            and high. The arrays are copies, safe to keep.

        Raises:
            ModelError: the network's outputs are not what its card says.
        """
        found: list[Detections] = []
        for start in range(0, len(frames), self._batch_max):
            found.extend(self._detect_batch(frames[start : start + self._batch_max]))
        return found

    def _detect_batch(self, frames: Sequence[Frame]) -> list[Detections]:
        """As :meth:`detect`, for at most one batch."""
        rows = self._fixed_batch or len(frames)
        outputs, placements = self._feeder.run([frame.pixels for frame in frames], rows)
        results: list[Detections] = []
        for row, (frame, placement) in enumerate(zip(frames, placements, strict=True)):
            candidates = self._decoder.decode(outputs, row, self.card, self.score_min)
            self._count_not_finite(candidates.not_finite)
            boxes, scores = self._select(candidates, placement)
            results.append(Detections(frame, boxes, scores))
        return results

    def _select(
        self, candidates: Candidates, placement: Placement
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Suppress duplicates, go back to source pixels, clip to the frame, drop what is left of nothing."""
        boxes, scores = candidates.boxes_px, candidates.scores
        if self._decoder.needs_nms:
            kept = suppress(boxes, scores, self.nms_iou)
        else:
            kept = np.argsort(-scores, kind="stable")
        boxes, scores = placement.to_source(boxes[kept]), scores[kept]
        limits = np.array((placement.source_width_px, placement.source_height_px) * 2, dtype=np.float32)
        np.minimum(np.maximum(boxes, 0.0, out=boxes), limits, out=boxes)
        large = ((boxes[:, 2:] - boxes[:, :2]) >= _SIDE_MIN_PX).all(axis=1)
        return (boxes, scores) if large.all() else (boxes[large], scores[large])

    def _count_not_finite(self, count: int) -> None:
        """Add to the total and say so the first time."""
        if count and not self._not_finite:
            _log.warning(
                "model '%s' gave NaN or infinite boxes; they are dropped and counted (weights intact?)",
                self.card.name,
            )
        self._not_finite += count


def _choose(card: ModelCard, what: str, given: float | None, advised: float | None) -> float:
    """The number given, else the card's."""
    number = advised if given is None else given
    if number is None:
        raise ModelError(f"model '{card.name}': its card advises no {what}; give it in pipeline.yaml")
    if not 0.0 <= number <= 1.0:
        raise ModelError(f"model '{card.name}': {what} must be 0 to 1 (got {number:g})")
    return number
