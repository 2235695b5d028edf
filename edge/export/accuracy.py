"""What an export costs: retrieval of a ReID network, and a detector's agreement with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.backends import check_ports, open_session
from edge.config.card import ModelCard
from edge.config.pipeline import EmbedSpec
from edge.errors import ConfigError
from edge.evaluate.detection import PictureBoxes, score_detections
from edge.evaluate.features import Describer, embed_pictures, read_picture
from edge.evaluate.market import MarketSet, read_market
from edge.evaluate.retrieval import Labels, distances_between, score_retrieval
from edge.records import Frame
from edge.stages.detect import Detector
from edge.stages.embed import Embedder

__all__ = ["Cost", "detection_cost", "retrieval_cost"]

AGREED_SCORE = 0.3  # boxes of the source that the exported detector must find again


@dataclass(frozen=True, slots=True)
class Cost:
    """Accuracy of the source and of the export, 0 to 1, on one set.

    metric: ``map``, or ``ap50`` against the source's own boxes.
    """

    metric: str
    before: float
    after: float
    pictures: int

    @property
    def loss_points(self) -> float:
        """What is lost, in points of a hundred; negative where something was won."""
        return 100.0 * (self.before - self.after)


def retrieval_cost(source: tuple[ModelCard, Path], exported: tuple[ModelCard, Path], folder: Path) -> Cost:
    """Mean average precision of both networks on a folder in Market-1501's layout.

    Raises:
        ConfigError: the folder is none of that kind, or nobody in it can be found again.
    """
    market = read_market(folder)
    before, after = (_map(card, file, market) for card, file in (source, exported))
    return Cost("map", before, after, len(market.query) + len(market.gallery))


def detection_cost(
    source: tuple[ModelCard, Path], exported: tuple[ModelCard, Path], pictures: Sequence[Path]
) -> Cost:
    """How well the exported detector finds the boxes that its source finds.

    Raises:
        ConfigError: a picture cannot be read, or the source finds nobody in any.
    """
    images = []
    for path in pictures:
        image = read_picture(path)
        if isinstance(image, str):
            raise ConfigError(f"{image}; remove it", file=str(path))
        images.append(image)
    wanted = [(boxes[scores >= AGREED_SCORE], scores) for boxes, scores in _detect(*source, images)]
    if not any(len(boxes) for boxes, _ in wanted):
        raise ConfigError(
            f"model '{source[0].name}' finds nobody in the pictures that should check its export"
        )
    found = _detect(*exported, images)
    score = score_detections(
        [
            PictureBoxes(boxes, np.zeros(len(boxes), dtype=bool), own, scores)
            for (boxes, _), (own, scores) in zip(wanted, found, strict=True)
        ]
    )
    return Cost("ap50_of_source", 1.0, float(score.ap), len(images))


def _map(card: ModelCard, file: Path, market: MarketSet) -> float:
    spec = EmbedSpec(model=card.name, backend="onnxruntime", batch_max=card.batch or 16)
    session = open_session(file, backend="onnxruntime", card_name=card.name)
    try:
        check_ports(session, card)
        describer = Describer(Embedder(card, session, spec), spec)
        sides = [
            embed_pictures([picture.path for picture in side], describer)[0]
            for side in (market.query, market.gallery)
        ]
    finally:
        session.close()
    rows = []
    labels = []
    for features, pictures in zip(sides, (market.query, market.gallery), strict=True):
        rows.append(features.vectors[features.usable])
        labels.append(
            Labels.of([p for p, good in zip(pictures, features.usable.tolist(), strict=True) if good])
        )
    score = score_retrieval(distances_between(rows[0], rows[1]), labels[0], labels[1])
    if not score.queries:
        raise ConfigError(f"model '{card.name}': nobody in query/ is in the gallery in another camera")
    return score.map


def _detect(
    card: ModelCard, file: Path, images: Sequence[NDArray[np.uint8]]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    session = open_session(file, backend="onnxruntime", card_name=card.name)
    try:
        check_ports(session, card)
        detector = Detector(card, session, 0.05)
        found = [detector.detect([Frame("check", 1, 0, 0.0, 0, image)])[0] for image in images]
    finally:
        session.close()
    return [(one.boxes_px, one.scores) for one in found]
